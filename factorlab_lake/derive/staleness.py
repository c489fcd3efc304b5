"""Decide which stored rows of the derived tables a reader may use; this needs no library that writes."""

from __future__ import annotations

from factorlab_lake.derive.availability_rule import AvailabilityRule, to_rule
from factorlab_lake.derive.computation import digest
from factorlab_lake.schema.derived_tables import DERIVED_FROM
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["settings_digest", "stale_symbols"]


def stale_symbols(
    layout: Layout,
    snapshot: Snapshot,
    rule: AvailabilityRule | None = None,
    providers: tuple[str, ...] | None = None,
) -> frozenset[str] | None:
    """Return the symbols whose stored derived rows must not be used; None stands for all symbols.

    ``rule`` and ``providers`` are those of the reader, by default the lake's own.
    """
    derived = snapshot.derived
    if derived is None or derived.digest != settings_digest(layout, rule, providers):
        # Without a row, nothing is stale.
        return None if any(name in snapshot.tables for name in DERIVED_FROM) else frozenset()
    if derived.inputs != {name: v for name, v in snapshot.tables.items() if name in DERIVED_FROM}:
        return None
    return frozenset(derived.pending)


def settings_digest(
    layout: Layout, rule: AvailabilityRule | None = None, providers: tuple[str, ...] | None = None
) -> str:
    """Return the hash of what derived rows follow from besides the tables: by default the lake's settings."""
    settings = read_settings(layout)
    own = to_rule(settings.availability) if rule is None else rule
    return digest(own, settings.provider_order if providers is None else providers)
