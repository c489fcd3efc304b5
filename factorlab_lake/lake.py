"""Define the class Lake, whose methods query, change and maintain one lake."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from copy import copy
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from factorlab_lake.derive.availability_rule import CLOSE, AvailabilityRule, to_rule
from factorlab_lake.factors.formulas import Factor
from factorlab_lake.index.statement_blocks import StatementRequest
from factorlab_lake.lake_writes import LakeWrites
from factorlab_lake.maintenance import Maintenance
from factorlab_lake.quality.monitoring import Monitoring
from factorlab_lake.query.held_symbols import HeldSymbols
from factorlab_lake.query.result_cache import ResultCache, shared_results
from factorlab_lake.query.snapshot_reader import SnapshotReader
from factorlab_lake.research.methods import Research
from factorlab_lake.schema import OPTIONAL_TABLES, TABLES
from factorlab_lake.schema.limits import ASYNC_QUERIES
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import files_of
from factorlab_lake.storage.lake_settings import Availability
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import SparkSession

    from factorlab_lake.query.session import Session
    from factorlab_lake.query.spark_lake import SparkLake
    from factorlab_lake.research.async_research import AsyncResearch

__all__ = ["Lake"]


class Lake(LakeWrites, Monitoring, Maintenance, Research):
    """Represent a lake at one snapshot; a change through this object moves it to the new snapshot.

    Until :meth:`refresh`, changes of other processes do not show, so all queries read one snapshot.
    """

    def __init__(
        self,
        layout: Layout,
        snapshot: Snapshot | None = None,
        *,
        rule: AvailabilityRule | None = None,
        sandbox: bool = False,
    ) -> None:
        self._layout, self._explicit_rule = layout, rule
        self._pinned = snapshot is not None
        self._catalog_failed = False
        self._reader = SnapshotReader(
            layout, snapshot or snapshots.latest(layout), *self._chosen(), sandbox=sandbox
        )

    def __repr__(self) -> str:
        rule = "" if self._rule == CLOSE else f", availability={self.availability!r}"
        return f"Lake({str(self.path)!r}, snapshot={self.snapshot.id}{rule})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the session's memory; a later query starts a new session.

        Closing is optional: a lake in a folder has no lock and no server connection.
        """
        self._reader = self._reader.reopened()
        aio = vars(self).pop("aio", None)
        if aio is not None:
            aio.close()

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that all queries read."""
        return self._reader.snapshot

    @property
    def _rule(self) -> AvailabilityRule:
        return self._reader.rule

    @property
    def path(self) -> Path:
        """Return the lake's folder."""
        return self._layout.root

    @property
    def availability(self) -> Availability:
        """Return the rule for the first day of a filing's use: ``close``, ``same_day`` or a lag in days."""
        return self._rule.setting

    @property
    def result_cache(self) -> ResultCache:
        """Return the in-memory cache of query results, which all lakes of this process share.

        Its key is the snapshot, the settings, the method and the arguments, so a result is never stale.
        Results of ``sql`` are not cached. ``FACTORLAB_RESULT_CACHE_MB`` (256) sets the size; 0 disables it.
        """
        return shared_results()

    @cached_property
    def aio(self) -> AsyncResearch:
        """Return the query methods for ``await``, in threads that have a session each.

        Four queries run at once. Cancelling a task also ends its query.
        """
        from factorlab_lake.research.async_research import AsyncResearch

        return AsyncResearch(self, ASYNC_QUERIES)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "aio"}  # threads stay here

    def _answer(self, key: tuple[Hashable, ...], compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        reader = self._reader
        # Another thread may refresh this lake meanwhile; the answer is then not of the snapshot in the key.
        return self.result_cache.answer(
            (*reader.key, *key), compute, is_of_key=lambda: self._reader is reader
        )

    @property
    def session(self) -> Session:
        """Return the DuckDB session on this lake's snapshot."""
        return self._reader.session

    @property
    def _symbols(self) -> HeldSymbols:
        return self._reader.symbols

    def _at_one_snapshot(self) -> Self:
        return copy(self)  # refresh gives this lake another reader, not the copy

    def _sql_over_frames(self, query: str, params: dict[str, Any], frames: Mapping[str, Any]) -> pl.DataFrame:
        return self.session.sql(query, params, frames=frames)

    def _indexed(
        self, function: str, symbols: list[str], dates: list[date], vintage: str, factors: tuple[Factor, ...]
    ) -> pl.DataFrame | None:
        return self._reader.answer(function, symbols, dates, vintage, factors)

    def _holds_rates(self) -> bool:
        return "fx_rates" in self.snapshot.tables

    def _indexed_statements(self, symbols: list[str], request: StatementRequest) -> pl.DataFrame | None:
        return self._reader.statements(symbols, request)

    def _indexed_ratios(self, symbols: list[str], first: date, last: date) -> pl.DataFrame | None:
        return self._reader.ratios(symbols, first, last)

    def refresh(self) -> Lake:
        """Move to the newest snapshot and to the lake's present settings, and return this lake."""
        self._writable("refresh")
        newest = SnapshotReader(
            self._layout, snapshots.latest(self._layout), *self._chosen(), sandbox=self._reader.sandbox
        )
        if newest.key != self._reader.key:
            self._reader = newest
        return self

    def _chosen(self) -> tuple[AvailabilityRule, tuple[str, ...]]:
        """Return the availability rule and the order of providers that the answers follow."""
        settings = self.settings
        rule = self._explicit_rule
        return to_rule(settings.availability) if rule is None else rule, settings.provider_order

    def at(self, when: int | str | datetime) -> Lake:
        """Return a read-only lake at an earlier snapshot: an id, a pin, or a time with a time zone.

        It has the rows that the lake stored then, not those stored or corrected later. For public knowledge
        at a date, use ``as_of`` instead. The availability rule stays.
        """
        snapshot = snapshots.at(self._layout, when)
        return Lake(self._layout, snapshot, rule=self._rule, sandbox=self._reader.sandbox)

    def on_spark(
        self, session: SparkSession, *, location: str | None = None, read_as: str = "delta"
    ) -> SparkLake:
        """Return this lake's snapshot in a Spark session, with the SQL functions as methods.

        ``location`` is the lake's folder as the cluster sees it, by default :attr:`path`. ``read_as``
        ``"delta"`` needs a Spark that reads Delta tables; ``"parquet"`` reads the snapshot's list of files.
        """
        from factorlab_lake.query.spark_lake import SparkLake

        return SparkLake(session, self._reader, location=location, read_as=read_as)

    def history(self) -> list[Snapshot]:
        """Return every snapshot, oldest first, with time, reason, table versions, pins and vacuumed mark."""
        return snapshots.history(self._layout)

    def status(self) -> pl.DataFrame:
        """Return one row per table with its numbers of rows, files and bytes, and its Delta version."""
        import polars as pl

        rows = []
        for name in (*TABLES, *(n for n in OPTIONAL_TABLES if n in self.snapshot.tables)):
            files = files_of(self._layout, self.snapshot, name)
            size = sum(f.size_bytes for f in files)
            rows.append((name, sum(f.rows for f in files), len(files), size, self.snapshot.tables.get(name)))
        numbers = dict.fromkeys(("rows", "files", "size_bytes", "version"), pl.Int64)
        return pl.DataFrame(rows, schema={"table": pl.String, **numbers}, orient="row")
