"""The lake as its users see it: one object with a method for each thing that can be asked or done."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from factorlab_lake.errors import InvalidInput
from factorlab_lake.maintenance import Maintenance
from factorlab_lake.quality.monitoring import Monitoring
from factorlab_lake.query.arguments import DateLike, to_date, to_symbols
from factorlab_lake.query.availability_rule import CLOSE, Availability, AvailabilityRule
from factorlab_lake.query.questions import Questions
from factorlab_lake.query.result_cache import ResultCache, shared_results
from factorlab_lake.query.session import Session
from factorlab_lake.query.statistics import session_kind
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import files_of
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot, program_version

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.ingest.fetch_report import FetchProgress, FetchReport
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationProgress, MigrationReport
    from factorlab_lake.ingest.legacy_cache.validate import ValidationReport
    from factorlab_lake.ingest.plan import FetchPolicy
    from factorlab_lake.ingest.run import FetchSpec
    from factorlab_lake.providers.protocol import Provider
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = ["Lake"]

_CATALOG_REMEDY = "The next change writes it; lake.catalog() or `factorlab-lake repair` writes it now."


class Lake(Monitoring, Maintenance, Questions):
    """A lake at one snapshot. After a change made through this object it is at the new one.

    Changes by other processes show after :meth:`refresh`; until then every answer is of one snapshot.
    """

    def __init__(
        self, layout: Layout, snapshot: Snapshot | None = None, *, availability: AvailabilityRule = CLOSE
    ) -> None:
        self._layout = layout
        self._rule = availability
        self._pinned = snapshot is not None
        self._catalog_failed = False
        self.snapshot = snapshot or snapshots.latest(layout)

    def __repr__(self) -> str:
        rule = "" if self._rule == CLOSE else f", availability={self.availability!r}"
        return f"Lake({str(self.path)!r}, snapshot={self.snapshot.id}{rule})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Hand this lake to another process without its session: there a question starts a new one."""
        return {name: value for name, value in self.__dict__.items() if name != "session"}

    def close(self) -> None:
        """Give back what the session keeps in memory; a question asked later starts a new one.

        Nothing is lost without it: a lake in a folder holds no lock and no server's connection.
        """
        self.__dict__.pop("session", None)

    @property
    def path(self) -> Path:
        """The lake's folder."""
        return self._layout.root

    @property
    def availability(self) -> Availability:
        """From which day on filings may be used: ``close``, ``same_day`` or a lag in days."""
        return self._rule.setting

    @property
    def result_cache(self) -> ResultCache:
        """The answers kept in memory for when a question comes again, of all lakes of this process.

        Of the questions that are methods, by snapshot and arguments, so that no answer is ever stale; not of
        ``sql``. Their size is set by ``FACTORLAB_RESULT_CACHE_MB`` (256), and 0 keeps none.
        """
        return shared_results()

    def _answer(self, key: tuple[Hashable, ...], compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        source = (str(self.path), self.snapshot.id, self.snapshot.created_at, self._rule)
        return self.result_cache.answer((*source, *key), compute)

    @cached_property
    def session(self) -> Session:
        """The DuckDB session on this lake's snapshot."""
        return session_kind()(self._layout, self.snapshot, availability=self._rule)

    def refresh(self) -> Lake:
        """Move to the newest snapshot and return this lake."""
        self._writable("refresh")
        newest = snapshots.latest(self._layout)
        if newest.id != self.snapshot.id:
            self.snapshot = newest
            self.close()
        return self

    def at(self, when: int | str | datetime) -> Lake:
        """Return a read-only lake as it was at a snapshot id, the name of a pin, or an aware moment.

        What the lake held then, including what was public knowledge by then but not yet stored, or stored
        and since corrected. For what was public knowledge at a date use ``as_of`` instead. The rule of
        availability stays.
        """
        return Lake(self._layout, snapshots.at(self._layout, when), availability=self._rule)

    def history(self) -> list[Snapshot]:
        """Return every snapshot, oldest first: id, time, reason, table versions, pins and if vacuumed."""
        return snapshots.history(self._layout)

    def status(self) -> pl.DataFrame:
        """Return what the lake holds: one row per table with its rows, files, bytes and Delta version."""
        import polars as pl

        rows = []
        for name in TABLES:
            found = files_of(self._layout, self.snapshot, name)
            size = sum(f.size_bytes for f in found)
            rows.append((name, sum(f.rows for f in found), len(found), size, self.snapshot.tables.get(name)))
        columns = {
            "table": pl.String,
            "rows": pl.Int64,
            "files": pl.Int64,
            "size_bytes": pl.Int64,
        }
        return pl.DataFrame(rows, schema={**columns, "version": pl.Int64}, orient="row")

    def fetch(
        self,
        provider: str | Provider,
        symbols: str | Iterable[str],
        *,
        kinds: Iterable[str] | None = None,
        since: DateLike | None = None,
        policy: FetchPolicy | None = None,
        progress: FetchProgress | None = None,
    ) -> FetchReport:
        """Ask a provider for what the lake does not hold yet of some symbols, and land it.

        ``provider`` is a name, such as ``fmp``, or a provider. ``kinds`` are some of statements, ratios,
        prices, unadjusted_prices, splits, dividends, profiles and market_caps (the provider's own, to compare
        with); the usual ones are profiles, splits, prices, dividends and statements. Without ``since``, all
        there is of symbols that are new to the lake, and of others what is newer than what it holds.
        ``policy`` says how often restatements are looked for.

        Can be cut off and run again: what has landed is not asked for twice. One request that fails never
        stops the others; the report lists it with the reason, as typed in :mod:`factorlab_lake.errors`.
        Raises :class:`~factorlab_lake.errors.InvalidInput` for an unknown provider, symbol or kind.
        """
        from factorlab_lake.ingest import run as runs
        from factorlab_lake.providers.registry import opened

        self._writable("fetch")
        spec = _fetch_spec(symbols, kinds, since, policy)
        with opened(provider) as asked:
            report = runs.fetch(
                self._layout, asked, spec, program_version=program_version(), progress=progress
            )
        self._changed()
        return report

    def plan_fetch(
        self,
        provider: str | Provider,
        symbols: str | Iterable[str],
        *,
        kinds: Iterable[str] | None = None,
        since: DateLike | None = None,
        policy: FetchPolicy | None = None,
    ) -> FetchReport:
        """Return how many calls :meth:`fetch` would make and how long they take, without making any."""
        from factorlab_lake.ingest import run as runs
        from factorlab_lake.providers.registry import opened

        spec = _fetch_spec(symbols, kinds, since, policy)
        with opened(provider) as asked:
            return runs.plan(self._layout, asked, spec)

    def migrate(
        self,
        cache_dir: str | os.PathLike[str],
        *,
        symbols: Iterable[str] | None = None,
        by_symbol: bool = False,
        dry_run: bool = False,
        progress: MigrationProgress | None = None,
    ) -> MigrationReport:
        """Land every readable record of Factor Lab's old cache, which is only read, never written.

        ``symbols`` limits it; ``by_symbol`` commits after each symbol; ``dry_run`` only reports. Can be cut
        off and run again: what has landed is not read twice. The report lists what could not be read or
        landed, with the reason.
        """
        from factorlab_lake.ingest.legacy_cache import migrate as legacy

        wanted = None if symbols is None else list(symbols)
        if dry_run:
            return legacy.plan(self._layout, cache_dir, symbols=wanted)
        self._writable("migrate")
        report = legacy.migrate(
            self._layout,
            cache_dir,
            program_version=program_version(),
            symbols=wanted,
            by_symbol=by_symbol,
            progress=progress,
        )
        self._changed()
        return report

    def validate(
        self,
        cache_dir: str | os.PathLike[str],
        *,
        symbols: Iterable[str] | None = None,
        progress: MigrationProgress | None = None,
    ) -> ValidationReport:
        """Compare each record of each readable cache file with the lake, value by value."""
        from factorlab_lake.ingest.legacy_cache import validate as legacy

        wanted = None if symbols is None else list(symbols)
        return legacy.validate(self._layout, self.snapshot, cache_dir, symbols=wanted, progress=progress)

    def load(self, table: str, source: Any) -> int:
        """Bring rows into a table from a CSV or Parquet file or a frame; return how many rows were given.

        Tables: splits, dividends, company_profiles, price_data, shares_outstanding. All rows land or none.
        Loading the same rows again changes nothing.
        """
        from factorlab_lake.ingest import load as loading

        self._writable("load")
        with self._transaction(f"load {table}") as tx:
            count = loading.load(tx, table, source)
        self._changed()
        return count

    def rollback(self, to: int | None = None) -> Snapshot:
        """Make an earlier snapshot's content current again: the one before the last run, or ``to``.

        Nothing is deleted: the rollback is a new snapshot, and can itself be rolled back.
        """
        from factorlab_lake.storage import transaction as transactions

        self._writable("rollback")
        target = snapshots.load(self._layout, self._before_last_run() if to is None else to)
        result = transactions.roll_back(
            self._layout,
            target,
            reason=f"rollback to snapshot {target.id}",
            program_version=program_version(),
        )
        self._changed()
        return result

    def catalog(self) -> Path:
        """Return the path of ``lake.duckdb``, which any DuckDB client opens read-only; refresh it if need be.

        It shows the newest snapshot from where the lake now lies; a lake that was moved needs this once.
        Its availability is always ``close``, whatever this lake was opened with: the folder has one such file
        for everybody.
        """
        from factorlab_lake.query import catalog

        newest = snapshots.latest(self._layout)
        if catalog.is_current(self._layout, newest):
            return self._layout.root / catalog.CATALOG
        return self._write_catalog()

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        symbols: Iterable[str] | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
    ) -> Path:
        """Write a self-contained DuckDB file of this snapshot: rows and functions, for all or some symbols.

        ``start`` and ``end`` limit the bars. Filings are available by this lake's rule. Any DuckDB client
        from 1.0 on opens it. Raises :class:`~factorlab_lake.errors.AlreadyExists` when the file is there.
        """
        from factorlab_lake.query import catalog

        return catalog.export(
            self._layout,
            self.snapshot,
            path,
            selection=catalog.Selection(
                symbols=None if symbols is None else to_symbols(symbols),
                start=None if start is None else to_date(start, "start"),
                end=None if end is None else to_date(end, "end"),
            ),
            availability=self._rule,
        )

    def sync(
        self,
        target: str,
        *,
        verify_deep: bool = False,
        repair: bool = False,
        password: str | Callable[[], str] | None = None,
        progress: MigrationProgress | None = None,
    ) -> SyncReport:
        """Bring a shared server to the newest snapshot, sending only what changed, and verify it.

        ``target`` is ``postgresql://user@host/database``, of a database that belongs to this lake alone; the
        password comes from the address, ``PGPASSWORD``, a service file, ``~/.pgpass``, or ``password``, which
        may be a function that is called when the server wants one. Tables and functions are created, and
        functions upgraded; columns that the server lacks are added with their values. Can be cut off and
        run again. ``verify_deep`` compares values instead of stored digests; what differs by other hands is
        reported, and put right with ``repair``.

        Raises :class:`~factorlab_lake.errors.InvalidInput` (a target of another lake, a lake older than its
        target), :class:`~factorlab_lake.errors.SchemaMismatch` (other types or keys on the server),
        :class:`~factorlab_lake.errors.TargetFailed`, :class:`~factorlab_lake.errors.LakeLocked` (two syncs of
        one table) and :class:`~factorlab_lake.errors.MissingExtra`.
        """
        from factorlab_lake.sync.registry import sync_to

        self._writable("sync")
        return sync_to(
            self._layout, target, deep=verify_deep, repair=repair, password=password, progress=progress
        )

    def _changed(self) -> None:
        """Move to the snapshot that a change through this object committed, and write ``lake.duckdb``.

        Nothing raises: the change is committed. After a failed write the next change writes the file.
        """
        before = self.snapshot.id
        with snapshots.after_commit(
            "this lake object still shows the snapshot before it",
            "lake.refresh() moves it to the newest one.",
        ):
            self.refresh()
        if self.snapshot.id != before or self._catalog_failed:
            self._catalog_failed = True
            with snapshots.after_commit(
                f"lake.duckdb does not show snapshot {self.snapshot.id}", _CATALOG_REMEDY
            ):
                self._write_catalog()
                self._catalog_failed = False

    def _write_catalog(self) -> Path:
        """Write the single file under the writer's lock, so that an older snapshot never replaces a newer."""
        from factorlab_lake.query import catalog

        with layouts.writer_lock(self._layout):
            return catalog.write_catalog(self._layout, snapshots.latest(self._layout))

    def _before_last_run(self) -> int:
        taken = snapshots.history(self._layout)
        if not taken:
            raise InvalidInput("The lake has no snapshot to roll back.")
        last = taken[-1].operation
        return min(s.id for s in taken if s.operation == last) - 1

    def _transaction(self, reason: str) -> Any:
        from factorlab_lake.storage import transaction as transactions

        return transactions.transaction(self._layout, reason=reason, program_version=program_version())

    def _writable(self, verb: str) -> None:
        if self._pinned:
            raise InvalidInput(
                f"This lake is pinned to snapshot {self.snapshot.id} by at(); open the lake anew to {verb}."
            )


def _fetch_spec(
    symbols: str | Iterable[str],
    kinds: Iterable[str] | None,
    since: DateLike | None,
    policy: FetchPolicy | None,
) -> FetchSpec:
    from factorlab_lake.ingest import run as runs
    from factorlab_lake.ingest.plan import DEFAULT

    return runs.FetchSpec(
        to_symbols(symbols),
        runs.DEFAULT_KINDS if kinds is None else [kinds] if isinstance(kinds, str) else list(kinds),
        None if since is None else to_date(since, "since"),
        policy or DEFAULT,
    )
