"""Write the files that follow from a lake: ``lake.duckdb``, exports and the read index."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from factorlab_lake.derive.availability_rule import AvailabilityRule
from factorlab_lake.errors import InvalidInput
from factorlab_lake.index import manifest
from factorlab_lake.maintenance import write_index
from factorlab_lake.query.arguments import DateLike, to_date, to_symbols
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.lock import writer_lock
from factorlab_lake.storage.snapshots import Snapshot

if TYPE_CHECKING:
    from factorlab_lake.query.session import Session

__all__ = ["LakeFiles"]

_CATALOG_REMEDY = "The next change writes it; lake.catalog() or `factorlab-lake repair` writes it now."


class LakeFiles:
    """Provide the methods of a lake that write files for its readers."""

    _layout: Layout
    _catalog_failed: bool

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that all queries read."""
        raise NotImplementedError

    @property
    def _rule(self) -> AvailabilityRule:
        """Return the availability rule of all queries."""
        raise NotImplementedError

    @property
    def session(self) -> Session:
        """Return the DuckDB session on this lake's snapshot."""
        raise NotImplementedError

    def refresh(self) -> Self:
        """Move to the newest snapshot."""
        raise NotImplementedError

    def catalog(self) -> Path:
        """Return the path of ``lake.duckdb``, which any DuckDB client opens read-only; update it if needed.

        The file shows the newest snapshot at the lake's present path, so call this once after moving a lake.
        Its availability rule is that of the lake's settings: all users of the folder share the file.
        """
        if in_bucket(self._layout.root) is not None:
            raise InvalidInput(
                f"lake.duckdb cannot be in the bucket of {self._layout.root}: DuckDB opens local files. "
                "Write a self-contained file by lake.export(path), or restore the lake to a folder.",
                path=str(self._layout.root),
            )
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
        force: bool = False,
    ) -> Path:
        """Write a self-contained DuckDB file of this snapshot: rows and functions, for all or some symbols.

        ``start`` and ``end`` limit the bars. The file has this lake's availability rule. Any DuckDB client
        from 1.0 on opens it. The write is atomic. ``force`` replaces an existing file. Raises
        :class:`~factorlab_lake.errors.AlreadyExists` when the file exists, and
        :class:`~factorlab_lake.errors.InvalidInput` for a path within a lake.
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
            force=force,
        )

    def _changed(self) -> None:
        """Move to the snapshot that a change through this object committed, and write ``lake.duckdb``.

        Failures are warnings, because the change is committed. The next change retries a failed write.
        """
        before = self.snapshot.id
        with snapshots.after_commit(
            "this lake object still shows the snapshot before it",
            "lake.refresh() moves it to the newest one.",
        ):
            self.refresh()
        is_in_bucket = in_bucket(self._layout.root) is not None  # where no DuckDB could open lake.duckdb
        if not is_in_bucket and (self.snapshot.id != before or self._catalog_failed):
            self._catalog_failed = True
            failure = f"lake.duckdb does not show snapshot {self.snapshot.id}"
            with snapshots.after_commit(failure, _CATALOG_REMEDY):
                self._write_catalog()
                self._catalog_failed = False
        if self.snapshot.id and manifest.read(self._layout, self.snapshot) is None:
            with snapshots.after_commit(
                f"the read index of snapshot {self.snapshot.id} was not written",
                "Queries are slower until the next change writes one.",
            ):
                write_index(self._layout, self.snapshot)

    def _write_catalog(self) -> Path:
        """Write ``lake.duckdb`` under the lock, so that an older snapshot never replaces a newer one."""
        from factorlab_lake.query import catalog

        with writer_lock(self._layout):
            return catalog.write_catalog(self._layout, snapshots.latest(self._layout))
