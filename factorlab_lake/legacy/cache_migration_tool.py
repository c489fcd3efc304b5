"""Move Factor Lab's file cache into a lake, and to a server, under the names of its plan."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl

from factorlab_lake._open import open_lake
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.ingest.legacy_cache.reader import scan
from factorlab_lake.lake import Lake
from factorlab_lake.legacy.old_cache import migration_status
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.legacy.provider_arguments import LakeOrPlace, default_lake, opened
from factorlab_lake.query.arguments import to_symbols

if TYPE_CHECKING:
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationProgress, MigrationReport
    from factorlab_lake.ingest.legacy_cache.validate import ValidationReport
    from factorlab_lake.storage.snapshots import Snapshot
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = ["CacheMigrationTool"]


class CacheMigrationTool:
    """Migrate one cache into one lake: find its files, plan, export, validate, roll back.

    ``cache_dir`` is the cache's folder, by default that of ``FACTORLAB_CACHE_DIR``. ``lake`` is an open lake
    or the path of one, by default that of ``FACTORLAB_LAKE``; an export creates it where there is none.
    ``database`` is the address of a server, such as ``postgresql://user@host/database``: each export and
    rollback is then synced to it, and ``synced`` is the report of the last sync.

    The methods are :meth:`Lake.migrate`, :meth:`Lake.validate` and :meth:`Lake.rollback` under Factor Lab's
    names, so the cache is only read, and an interrupted export resumes. ``symbols`` limits each of them.

    Raises :class:`~factorlab_lake.errors.NotFound` without a cache's folder, and
    :class:`~factorlab_lake.errors.InvalidInput` for a folder without files of a cache.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tool = CacheMigrationTool("data/sample/taken_2021-03-31", f"{folder}/lake")
    ...     report = tool.export_cache_to_database(["AAPL"])
    ...     print(len(tool.find_cache_files(["AAPL"])), report.clean, tool.validate(["AAPL"]).clean)
    11 True True
    """

    def __init__(
        self,
        cache_dir: str | os.PathLike[str] | None = None,
        lake: LakeOrPlace | None = None,
        *,
        database: str | None = None,
    ) -> None:
        self.cache_dir = Path(parallel_settings().cache_dir if cache_dir is None else cache_dir)
        self.synced: SyncReport | None = None
        self._place, self._database = lake, database
        self._lake: Lake | None = None

    def __repr__(self) -> str:
        return f"CacheMigrationTool({str(self.cache_dir)!r})"

    @property
    def lake(self) -> Lake:
        """Return the lake; raises :class:`NotFound` before the first export has created it."""
        return self._opened(create=False)

    def find_cache_files(self, symbols: str | Iterable[str] | None = None) -> list[Path]:
        """Return the paths of the cache's entries, ordered by symbol; leftovers and other files are none."""
        entries = scan(self.cache_dir, _names(symbols))
        return [file.root / file.path for file in entries if file.name is not None and not file.skip]

    def plan(self, symbols: str | Iterable[str] | None = None) -> MigrationReport:
        """Read all files without writing, and report what an export would read and reject.

        Counts only what the lake lacks; a lake that does not exist is not created.
        """
        try:
            return self.lake.migrate(self.cache_dir, symbols=_names(symbols), dry_run=True)
        except NotFound:
            if not self.cache_dir.is_dir():
                raise
        with TemporaryDirectory() as folder:
            empty = open_lake(folder, create=True)
            return empty.migrate(self.cache_dir, symbols=_names(symbols), dry_run=True)

    def export_cache_to_database(
        self,
        symbols: str | Iterable[str] | None = None,
        *,
        by_symbol: bool = False,
        progress: MigrationProgress | None = None,
    ) -> MigrationReport:
        """Copy every readable record of the cache into the lake, and send it to the ``database``.

        The report lists each unreadable file and each rejected record with the reason. ``by_symbol`` commits
        after each symbol. Run it again after an interruption: no file is read twice.
        """
        lake = self._opened(create=True)
        report = lake.migrate(self.cache_dir, symbols=_names(symbols), by_symbol=by_symbol, progress=progress)
        self._sync(lake)
        return report

    def validate(
        self, symbols: str | Iterable[str] | None = None, *, progress: MigrationProgress | None = None
    ) -> ValidationReport:
        """Compare each record of each readable file with the lake, value by value."""
        return self.lake.validate(self.cache_dir, symbols=_names(symbols), progress=progress)

    def status(self) -> pl.DataFrame:
        """Return the number of the cache's files by state, one row per dataset, as ``migration_status``."""
        return migration_status(self.lake, self.cache_dir)

    def rollback(self, to: int | None = None) -> Snapshot:
        """Restore the content of the lake before its last run, or of snapshot ``to``; nothing is deleted."""
        snapshot = self.lake.rollback(to)
        self._sync(self.lake)
        return snapshot

    def _opened(self, *, create: bool) -> Lake:
        if self._lake is None:
            lake: Any = default_lake(create=create) if self._place is None else self._place
            if isinstance(lake, str | os.PathLike):
                lake = open_lake(lake) if create else opened(lake)
            if not isinstance(lake, Lake):
                raise InvalidInput(
                    f"The cache is migrated into a lake in a folder, not into a {type(lake).__name__}: pass "
                    "the lake's folder, and the address of a server as database=."
                )
            self._lake = lake
        return self._lake

    def _sync(self, lake: Lake) -> None:
        if self._database is not None:
            self.synced = lake.sync(self._database)


def _names(symbols: str | Iterable[str] | None) -> list[str] | None:
    return None if symbols is None else [symbol.strip().upper() for symbol in to_symbols(symbols)]
