"""Change a lake: fetch, migrate, load, roll back and sync, each as one method."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from factorlab_lake.errors import InvalidInput, check_type, listed_names
from factorlab_lake.lake_files import LakeFiles
from factorlab_lake.query.arguments import DateLike, to_date, to_symbols
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.snapshots import Snapshot, program_version

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.ingest.fetch_report import FetchProgress, FetchReport
    from factorlab_lake.ingest.intraday_bars import BarsReport
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationProgress, MigrationReport
    from factorlab_lake.ingest.legacy_cache.validate import ValidationReport
    from factorlab_lake.ingest.load import LoadProgress
    from factorlab_lake.ingest.plan import FetchPolicy
    from factorlab_lake.ingest.run import FetchSpec
    from factorlab_lake.providers.protocol import Provider
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = ["LakeWrites"]


class LakeWrites(LakeFiles):
    """Provide the methods of a lake that change its rows, or those of a server."""

    _pinned: bool

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

        ``provider`` is a name, such as ``fmp``, or a provider. ``kinds`` are some of statements, shares,
        ratios, prices, unadjusted_prices, splits, dividends, profiles, symbol_changes and market_caps (the
        provider's own, for comparison). The default is what the provider has of profiles, splits, prices,
        dividends, statements, shares, and symbol_changes of all symbols of the lake. Without ``since``, fetch
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

    def load(  # noqa: PLR0913 - all but two by name only
        self,
        table: str,
        source: Any,
        *,
        symbol: str | None = None,
        split_basis: date | str | None = None,
        rename: Mapping[str, str] | None = None,
        decimal: str | None = None,
        dry_run: bool = False,
        progress: LoadProgress | None = None,
    ) -> int:
        """Load rows into a table from a CSV, Parquet or zip file or a frame; return the number of rows.

        Tables: splits, dividends, company_profiles, price_data, shares_outstanding, symbol_history,
        universes, fx_rates, income_statements, balance_sheets and cash_flows. The columns are the table's, or
        those of files of Yahoo Finance, yfinance, FMP, Tiingo, Alpha Vantage, LEAN or the European Central
        Bank, or of a list of facts (symbol, item, period end, filed, value). Rows that equal others count
        once. Splits that a source of prices tells are loaded too, unless the lake has them.
        ``symbol`` and ``split_basis`` are for all rows: ``own-day`` for prices as traded, or the day up to
        which they count splits. ``rename`` maps other names of columns to the table's. ``decimal`` is
        the decimal sign of numbers in texts, ``.`` or ``,``; the other one separates thousands. Without it, a
        number with two readings is refused.

        All rows are committed, or none; with ``dry_run`` they are only checked. Loading the same rows again
        changes nothing. The source is read and merged in slices, so the memory of a large load is bounded.
        ``progress`` receives the rows done and the step: checking, merging or committing.
        """
        from factorlab_lake.ingest import load as loading
        from factorlab_lake.ingest.future_rows import warn_of_future_rows
        from factorlab_lake.ingest.load_options import LoadOptions

        self._writable("load")
        options = LoadOptions(symbol, split_basis, rename or {}, decimal)
        warn_of_future_rows(self._layout)
        with self._transaction(f"load {table}") as tx:
            count = loading.load(tx, table, source, progress=progress, options=options, dry_run=dry_run)
        self._changed()
        return count

    def load_bars(
        self, sources: Any, *, split_basis: date | str, time_zone: str = "America/New_York"
    ) -> BarsReport:
        """Load bars within the day, such as minute bars, into ``price_bars``; report what was read.

        ``sources`` is one CSV or Parquet file or frame, or several: a list, or a generator that reads the
        next one when it is needed. Columns are ``symbol``, ``ts`` (the start of the bar), ``open``, ``high``,
        ``low``, ``close`` and ``volume``, or those of the table. Times without an offset are of
        ``time_zone``. ``split_basis`` is ``own-day`` for prices as traded, or the day up to which they count
        splits.

        All rows are committed, or none. A loaded bar replaces the stored one of its symbol and start, and
        loading the same rows again changes nothing. The report counts rows that repeat a symbol and start,
        of which the last one is used, and rows of Saturdays and Sundays. The memory depends on the largest
        day, not on the number of rows; the rows lie in temporary files of the lake's folder meanwhile. Raises
        :class:`~factorlab_lake.errors.InvalidInput` for rows that cannot be bars.
        """
        from datetime import UTC, datetime

        from factorlab_lake.ingest.intraday_bars import BarsOptions, known_time_zone, load_bars

        self._writable("load")
        basis = None if split_basis == "own-day" else to_date(split_basis, "split_basis")
        options = BarsOptions(basis, known_time_zone(time_zone))
        parts = sources if isinstance(sources, Iterator | list | tuple) else [sources]
        with self._transaction("load price_bars") as tx:
            report = load_bars(tx, parts, options, datetime.now(UTC))
        self._changed()
        return report

    def daily_bars(
        self, start: DateLike | None = None, end: DateLike | None = None, *, regular_hours: bool = True
    ) -> pl.DataFrame:
        """Return the daily bars that follow from ``price_bars`` between two dates, both included.

        One row per symbol and day, in this order: the first open, the highest high, the lowest low, the last
        close and the sum of the volumes. ``regular_hours`` leaves out bars that start before 9:30, or from
        the close on, in New York. ``lake.load("price_data", lake.daily_bars())`` makes market caps use them.
        """
        from factorlab_lake.ingest.intraday_bars import daily_bars
        from factorlab_lake.storage.data_files import files_of, prune
        from factorlab_lake.storage.file_rows import read_files

        first, last = (None if day is None else to_date(day).isoformat() for day in (start, end))
        files = prune(files_of(self._layout, self.snapshot, "price_bars"), first=first, last=last)
        return daily_bars(
            files, lambda some: read_files(self._layout, "price_bars", some), regular_hours=regular_hours
        )

    def rollback(self, to: int | None = None) -> Snapshot:
        """Restore the content of an earlier snapshot: ``to``, by default the one before the last run.

        Nothing is deleted: the rollback is a new snapshot that can itself be rolled back.
        """
        from factorlab_lake.storage import commits

        self._writable("rollback")
        check_type(0 if to is None else to, int, "to", "the number of a snapshot, or None")
        target = snapshots.load(self._layout, snapshots.before_last_run(self._layout) if to is None else to)
        result = commits.roll_back(
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
