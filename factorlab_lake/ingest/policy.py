"""How often a provider is asked for the same again."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT", "FetchPolicy"]


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """How often the same is asked for again.

    ``polling_days``: a quarter that may be out by now. ``restatement_days``: recent quarters, though no new
    one can be out. ``refresh_days``: splits, dividends, profiles, and statements of a symbol that had none;
    splits are asked for at once, too, where bars hint at one. ``everything`` asks for all of it, whatever the
    lake holds.
    """

    polling_days: int = 1
    restatement_days: int = 30
    refresh_days: int = 7
    everything: bool = False


DEFAULT = FetchPolicy()
