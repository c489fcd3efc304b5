"""Hold what a lake opens for the queries of one snapshot: its session, read index and known symbols."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from factorlab_lake.derive.availability_rule import AvailabilityRule, to_rule
from factorlab_lake.factors.formulas import Factor
from factorlab_lake.index.read_index import ReadIndex
from factorlab_lake.index.statement_blocks import StatementRequest
from factorlab_lake.query.held_symbols import HeldSymbols
from factorlab_lake.query.query_hints import reject_forked_process
from factorlab_lake.settings import configured
from factorlab_lake.storage.interrupts import interrupts_raised
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.query.session import Session

__all__ = ["SnapshotReader"]


class SnapshotReader:
    """Read one snapshot under one availability rule and order of providers, which never change.

    A lake that moves to another snapshot gets another reader, in one assignment. So no interrupt and no other
    thread can see the session or the index of one snapshot with the number of another.
    """

    def __init__(
        self,
        layout: Layout,
        snapshot: Snapshot,
        rule: AvailabilityRule,
        providers: tuple[str, ...],
        *,
        sandbox: bool,
    ) -> None:
        self.layout = layout
        self.sandbox = sandbox
        self.snapshot = snapshot
        self.rule = rule
        self.providers = providers

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what to pickle, without the session: the other process starts its own."""
        opened = partial(SnapshotReader, sandbox=self.sandbox)
        return opened, (self.layout, self.snapshot, self.rule, self.providers)

    @property
    def key(self) -> tuple[Any, ...]:
        """Return what all answers of this reader depend on."""
        snapshot = self.snapshot
        return (str(self.layout.root), snapshot.id, snapshot.created_at, self.rule, self.providers)

    def reopened(self) -> SnapshotReader:
        """Return a reader of the same snapshot that has opened nothing."""
        return SnapshotReader(self.layout, self.snapshot, self.rule, self.providers, sandbox=self.sandbox)

    @cached_property
    def session(self) -> Session:
        """Return the DuckDB session on this snapshot."""
        # Imported here: DuckDB is slow to import, and answers of the read index do not need it.
        from factorlab_lake.query.statistics import session_kind

        open_session = session_kind()
        return open_session(
            self.layout,
            self.snapshot,
            availability=self.rule,
            providers=self.providers,
            sandbox=self.sandbox,
        )

    @cached_property
    def index(self) -> ReadIndex | None:
        """Return the read index of this snapshot, which has the settings of the lake alone."""
        settings = read_settings(self.layout)
        if (self.rule, self.providers) != (to_rule(settings.availability), settings.provider_order):
            return None
        if configured("read_index") is False or configured("query_statistics"):
            return None
        return ReadIndex.open(self.layout, self.snapshot)

    @cached_property
    def symbols(self) -> HeldSymbols:
        """Return the symbols that this snapshot is known to hold."""
        return HeldSymbols(lambda: self.session, self._indexed_symbols)

    def _indexed_symbols(self, names: list[str]) -> list[str]:
        return [] if self.index is None else self.index.held(names)

    def answer(
        self,
        function: str,
        symbols: Iterable[str],
        dates: list[date],
        vintage: str,
        factors: tuple[Factor, ...],
    ) -> pl.DataFrame | None:
        """Return the answer of a function from the index; None without one."""
        reject_forked_process()
        with interrupts_raised():
            index = self.index
            return None if index is None else index.answer(function, symbols, dates, vintage, factors)

    def statements(self, symbols: list[str], request: StatementRequest) -> pl.DataFrame | None:
        """Return statements from the index; None without one."""
        reject_forked_process()
        with interrupts_raised():
            return None if self.index is None else self.index.statements(symbols, request)

    def ratios(self, symbols: list[str], first: date, last: date) -> pl.DataFrame | None:
        """Return the rows of ``ratios`` from the index; None without one."""
        reject_forked_process()
        with interrupts_raised():
            return None if self.index is None else self.index.ratios(symbols, first, last)
