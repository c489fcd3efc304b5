"""Define the class Lake, whose methods query, change and maintain one lake."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from copy import copy
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from factorlab_lake.derive.availability_rule import CLOSE, AvailabilityRule, to_rule
from factorlab_lake.errors import InvalidInput, check_type, listed_names
from factorlab_lake.factors.formulas import Factor
from factorlab_lake.index.statement_blocks import StatementRequest
from factorlab_lake.lake_files import LakeFiles
from factorlab_lake.maintenance import Maintenance
from factorlab_lake.quality.monitoring import Monitoring
from factorlab_lake.query.arguments import DateLike, to_date, to_symbols
from factorlab_lake.query.held_symbols import HeldSymbols
from factorlab_lake.query.questions import Questions
from factorlab_lake.query.result_cache import ResultCache, shared_results
from factorlab_lake.query.snapshot_reader import SnapshotReader
from factorlab_lake.schema import TABLES
from factorlab_lake.schema.rules import ASYNC_QUERIES
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import files_of
from factorlab_lake.storage.lake_settings import Availability
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot, program_version

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.ingest.fetch_report import FetchProgress, FetchReport
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationProgress, MigrationReport
    from factorlab_lake.ingest.legacy_cache.validate import ValidationReport
    from factorlab_lake.ingest.load import LoadProgress
    from factorlab_lake.ingest.plan import FetchPolicy
    from factorlab_lake.ingest.run import FetchSpec
    from factorlab_lake.providers.protocol import Provider
    from factorlab_lake.query.aio import AsyncQuestions
    from factorlab_lake.query.session import Session
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = ["Lake"]


class Lake(LakeFiles, Monitoring, Maintenance, Questions):
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
    def aio(self) -> AsyncQuestions:
        """Return the query methods for ``await``, in threads that have a session each.

        Four queries run at once. Cancelling a task also ends its query.
        """
        from factorlab_lake.query.aio import AsyncQuestions

        return AsyncQuestions(self, ASYNC_QUERIES)

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

    def history(self) -> list[Snapshot]:
        """Return every snapshot, oldest first, with time, reason, table versions, pins and vacuumed mark."""
        return snapshots.history(self._layout)

    def status(self) -> pl.DataFrame:
        """Return one row per table with its numbers of rows, files and bytes, and its Delta version."""
        import polars as pl

        rows = []
        for name in TABLES:
            files = files_of(self._layout, self.snapshot, name)
            size = sum(f.size_bytes for f in files)
            rows.append((name, sum(f.rows for f in files), len(files), size, self.snapshot.tables.get(name)))
        numbers = dict.fromkeys(("rows", "files", "size_bytes", "version"), pl.Int64)
        return pl.DataFrame(rows, schema={"table": pl.String, **numbers}, orient="row")

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
        """Fetch new data of some symbols from a provider and commit it.

        ``provider`` is a name, such as ``fmp``, or a provider. ``kinds`` are some of statements, ratios,
        prices, unadjusted_prices, splits, dividends, profiles, symbol_changes and market_caps (the
        provider's own, for comparison). The default is profiles, splits, prices, dividends, statements and,
        where the provider has them, symbol_changes of all symbols of the lake. Without ``since``, fetch
        downloads the full history of a new symbol, and only newer data of other symbols. ``policy`` sets how
        often fetch looks for restatements.

        After an interruption, run it again: committed data is not fetched twice. A failed request does not
        stop the others; the report lists it with its error of :mod:`factorlab_lake.errors`. Raises
        :class:`~factorlab_lake.errors.InvalidInput` for an unknown provider, symbol or kind.
        """
        from factorlab_lake.ingest import run as runs
        from factorlab_lake.ingest.future_rows import warn_of_future_rows
        from factorlab_lake.providers.registry import opened

        self._writable("fetch")
        warn_of_future_rows(self._layout)
        spec = _fetch_spec(symbols, kinds, since, policy)
        with opened(provider) as source:
            report = runs.fetch(
                self._layout, source, spec, program_version=program_version(), progress=progress
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
        """Return the number of calls that :meth:`fetch` would make, and their duration, without a call."""
        from factorlab_lake.ingest import run as runs
        from factorlab_lake.providers.registry import opened

        spec = _fetch_spec(symbols, kinds, since, policy)
        with opened(provider) as source:
            return runs.plan(self._layout, source, spec)

    def migrate(
        self,
        cache_dir: str | os.PathLike[str],
        *,
        symbols: Iterable[str] | None = None,
        by_symbol: bool = False,
        dry_run: bool = False,
        progress: MigrationProgress | None = None,
    ) -> MigrationReport:
        """Copy every readable record of Factor Lab's old cache into the lake; the cache is read-only.

        ``symbols`` limits the migration; ``by_symbol`` commits after each symbol; ``dry_run`` only reports.
        After an interruption, run it again: committed files are not read twice. The report lists each
        unreadable file and each rejected record with the reason.
        """
        from factorlab_lake.ingest.future_rows import warn_of_future_rows
        from factorlab_lake.ingest.legacy_cache import migrate as legacy

        only = None if symbols is None else to_symbols(symbols)
        if dry_run:
            return legacy.plan(self._layout, cache_dir, symbols=only)
        self._writable("migrate")
        warn_of_future_rows(self._layout)
        report = legacy.migrate(
            self._layout,
            cache_dir,
            program_version=program_version(),
            symbols=only,
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

        only = None if symbols is None else to_symbols(symbols)
        return legacy.validate(self._layout, self.snapshot, cache_dir, symbols=only, progress=progress)

    def load(self, table: str, source: Any, *, progress: LoadProgress | None = None) -> int:
        """Load rows into a table from a CSV or Parquet file or a frame; return the number of rows.

        Tables: splits, dividends, company_profiles, price_data, shares_outstanding, symbol_history. All rows
        are committed, or none. Loading the same rows again changes nothing. The source is read and merged in
        slices, so the memory of a large load is bounded. ``progress`` receives the rows done and the step:
        checking, merging or committing.
        """
        from factorlab_lake.ingest import load as loading
        from factorlab_lake.ingest.future_rows import warn_of_future_rows

        self._writable("load")
        warn_of_future_rows(self._layout)
        with self._transaction(f"load {table}") as tx:
            count = loading.load(tx, table, source, progress=progress)
        self._changed()
        return count

    def rollback(self, to: int | None = None) -> Snapshot:
        """Restore the content of an earlier snapshot: ``to``, by default the one before the last run.

        Nothing is deleted: the rollback is a new snapshot that can itself be rolled back.
        """
        from factorlab_lake.storage import transaction as transactions

        self._writable("rollback")
        check_type(0 if to is None else to, int, "to", "the number of a snapshot, or None")
        target = snapshots.load(self._layout, snapshots.before_last_run(self._layout) if to is None else to)
        result = transactions.roll_back(
            self._layout,
            target,
            reason=f"rollback to snapshot {target.id}",
            program_version=program_version(),
        )
        self._changed()
        return result

    def sync(
        self,
        target: str,
        *,
        verify_deep: bool = False,
        repair: bool = False,
        password: str | Callable[[], str] | None = None,
        progress: MigrationProgress | None = None,
    ) -> SyncReport:
        """Update a shared server to the newest snapshot by sending only the changes, and verify it.

        ``target`` is ``postgresql://user@host/database``; only this lake may use the database. The password
        comes from the address, ``PGPASSWORD``, a service file, ``~/.pgpass``, or ``password``. ``password``
        may be a function, called when the server requests a password. Sync creates tables, adds missing
        columns with their values, and upgrades functions. After an interruption, run it again.
        ``verify_deep`` compares values instead of stored digests. The report lists rows that others changed;
        ``repair`` restores them.

        Raises :class:`~factorlab_lake.errors.InvalidInput` for the target of another lake or of a newer
        snapshot, and :class:`~factorlab_lake.errors.SchemaMismatch` for other types or keys on the server.
        Also raises :class:`~factorlab_lake.errors.TargetFailed`,
        :class:`~factorlab_lake.errors.MissingExtra`, and :class:`~factorlab_lake.errors.LakeLocked` for two
        syncs of one table.
        """
        from factorlab_lake.sync.registry import sync_to

        self._writable("sync")
        check_type(target, str, "target", "an address such as postgresql://user@host/database")
        report = sync_to(
            self._layout, target, deep=verify_deep, repair=repair, password=password, progress=progress
        )
        self._changed()
        return report

    def _transaction(self, reason: str) -> Any:
        from factorlab_lake.derive import stored

        return stored.transaction(self._layout, reason=reason, program_version=program_version())

    def _writable(self, verb: str) -> None:
        if self._pinned:
            raise InvalidInput(
                f"This lake is pinned to snapshot {self.snapshot.id} by at(); open the lake again to {verb}."
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
        runs.DEFAULT_KINDS if kinds is None else listed_names(kinds, "kinds", "'prices'"),
        None if since is None else to_date(since, "since"),
        policy or DEFAULT,
    )
