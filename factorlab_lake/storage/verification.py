"""Verify a lake: every file exists, is undamaged, and has the content that lists and logs promise.

Small files come first, because they name the others: refs, snapshots, Delta logs, file lists. Then the bytes
of the data files of every retained snapshot, and the rows of the newest one. A deep check reads all rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from factorlab_lake.errors import LakeDamaged, NotFound, counted
from factorlab_lake.run_report import RunReport, shortened
from factorlab_lake.schema import STORED_TABLES, TableSpec, table
from factorlab_lake.storage import checksums, data_files, delta, inventory, refs, snapshots
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.file_rows import read_files, read_slices
from factorlab_lake.storage.lake_paths import folder_path
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["FileFinding", "VerificationReport", "finding_lines", "verify"]

_ROWS_AT_A_TIME = 65_536
_NO_YEAR = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class FileFinding:
    """Describe one damaged file: its path within the lake's folder, its kind, and the damage.

    ``kind`` is metadata (pins, vacuumed snapshots, checksums), newest (the copy of the newest snapshot),
    snapshot, log, list, data (the bytes of a data file) or content (its rows).
    """

    file: str
    kind: str
    message: str


@dataclass(slots=True, repr=False)
class VerificationReport(RunReport):
    """Report the numbers of checked files and rows, and the damage.

    ``without_checksum`` counts the data files of early program versions, which wrote no checksums.
    """

    lake: str
    deep: bool
    snapshots: int = 0
    files: int = 0
    size_bytes: int = 0
    rows: int = 0
    without_checksum: int = 0
    findings: list[FileFinding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Return whether nothing is damaged."""
        return not self.findings

    def lines(self) -> list[str]:
        """Return the damaged files, what was checked, and the verdict."""
        counts = (
            f"checked {counted(self.snapshots, 'snapshot')}, {counted(self.files, 'data file')} of "
            f"{counted(self.size_bytes, 'byte')}, {counted(self.rows, 'row')}"
        )
        unchecked = [f"{counted(self.without_checksum, 'file')} without a checksum"]
        remedy = "`factorlab-lake repair` rebuilds derived files, --from BACKUP restores the others"
        verdict = "no faults" if self.clean else f"{counted(len(self.findings), 'fault')}; {remedy}"
        return [*finding_lines(self.findings), counts, *(unchecked if self.without_checksum else []), verdict]


def finding_lines(findings: list[FileFinding]) -> Iterator[str]:
    """Yield the damaged files, each with its damage."""
    return shortened(f"{f.file}: {f.message}" for f in findings)


def verify(layout: Layout, *, deep: bool = False) -> VerificationReport:
    """Check a lake and report each damaged file; write nothing."""
    check = _Check(layout, VerificationReport(str(layout.root), deep))
    kept = check.snapshots()
    for name in STORED_TABLES:
        if (layout.table(name) / "_delta_log").exists() or any(name in s.tables for s in kept):
            check.table(name, kept)
    return check.report


@dataclass(slots=True)
class _Check:
    """Collect the findings of one check."""

    layout: Layout
    report: VerificationReport
    sound: set[Path] = field(default_factory=set)

    def add(self, path: Path, kind: str, message: str) -> None:
        place = path.relative_to(self.layout.root).as_posix()
        self.report.findings.append(FileFinding(place, kind, message))

    def snapshots(self) -> list[Snapshot]:
        """Return the readable snapshots that were not vacuumed; report missing and damaged ones."""
        vacuumed = self._refs()
        kept = []
        newest_id = self._newest_id()
        last = max((int(p.stem) for p in self.layout.snapshots.glob("[0-9]*.json")), default=0)
        for number in sorted(set(range(1, max(last, newest_id) + 1)) - vacuumed):
            path = snapshots.path_of(self.layout, number)
            try:
                kept.append(snapshots.read(self.layout, number))
            except (LakeDamaged, NotFound):
                remedy = "rewrites it" if number == newest_id else "--from BACKUP restores it"
                damage = "cannot be read" if path.exists() else "is missing"
                self.add(path, "snapshot", f"{damage}; `factorlab-lake repair` {remedy}")
        self.report.snapshots = len(kept)
        for snapshot in kept:
            with suppress(NotFound):
                self._chain(snapshot)
        return kept

    def _refs(self) -> set[int]:
        """Return the vacuumed snapshots; report the damaged ones of the files that list files."""
        vacuumed: set[int] = set()
        for read in (inventory.listed, refs.pins, refs.vacuumed):
            try:
                ids = read(self.layout)
                vacuumed = ids if isinstance(ids, set) else vacuumed
            except LakeDamaged as error:
                self.add(folder_path(error.facts["path"]), "metadata", "cannot be read")
        return vacuumed

    def _chain(self, snapshot: Snapshot) -> None:
        try:
            snapshots.assert_parent(self.layout, snapshot)
        except LakeDamaged as error:
            path = snapshots.path_of(self.layout, snapshot.id)
            if error.facts["path"] == str(path):  # the next one's damage is reported by itself
                self.add(path, "snapshot", "is of another copy of the lake: the next one followed another")

    def _newest_id(self) -> int:
        """Return the id in the copy of the newest snapshot, or 0 if there is no copy."""
        try:
            newest = snapshots.read_newest(self.layout)
        except LakeDamaged:
            self.add(self.layout.newest, "newest", "cannot be read; `factorlab-lake repair` rewrites it")
            return 0
        if newest is None:
            return 0
        with suppress(LakeDamaged, NotFound):  # a lost or damaged snapshot is reported by itself
            if snapshots.read(self.layout, newest.id).digest != newest.digest:
                self.add(self.layout.newest, "newest", "differs from its snapshot; `repair` rewrites it")
        return newest.id

    def table(self, name: str, kept: list[Snapshot]) -> None:
        """Check a table's log, its file lists and its files."""
        damaged = list(self._damaged_entries(name, kept))
        versions = sorted({s.tables[name] for s in kept if name in s.tables})
        newest = kept[-1].tables.get(name) if kept else None
        all_files: dict[str, DataFile] = {}
        by_version: dict[int, list[DataFile]] = {}
        for version in versions:
            compared = not damaged and (version == newest or self.report.deep)
            by_version[version] = self._list(name, version, compared=compared, derivable=not damaged)
            all_files |= {f.path: f for f in by_version[version]}
        self._bytes(name, all_files)
        for version, files in by_version.items():
            if version == newest or self.report.deep:
                self._rows(name, files)

    def _damaged_entries(self, name: str, kept: list[Snapshot]) -> Iterator[Path]:
        folder = self.layout.table(name) / "_delta_log"
        present = delta.log_entries(folder)
        versions = {s.tables[name] for s in kept if name in s.tables} | set(
            map(delta.entry_version, present[-1:])
        )
        sums = self._log_sums(name)
        pointer = folder / delta.LAST_CHECKPOINT
        if damage := _pointer_damage(pointer, sums):
            self.add(pointer, "log", damage)
            yield pointer
        for path in sorted({*present, *delta.entries_replayed(folder, versions)}):
            damage = _entry_damage(path, sums.get(path.name))
            if damage:
                self.add(path, "log", damage)
                yield path

    def _log_sums(self, name: str) -> dict[str, str]:
        with suppress(LakeDamaged):  # the bytes of the data files are compared with the same files
            return checksums.stored_of_log(self.layout, name)
        return {}

    def _list(self, name: str, version: int, *, compared: bool, derivable: bool) -> list[DataFile]:
        """Return the files of a version from its file list, or from the Delta log if there is no list."""
        path = data_files.list_path(self.layout, name, version)
        listed = data_files.read_list(self.layout, name, version)
        if path.exists() and listed is None:
            self.add(path, "list", "cannot be read; `factorlab-lake repair` rebuilds it")
        if not derivable or (listed is not None and not compared):
            return listed or []
        try:
            logged = data_files.list_files(self.layout.table(name), table(name), version)
        except LakeDamaged as error:
            self.add(Path(error.facts["path"]), "log", str(error))
            return listed or []
        if listed is not None and _by_path(listed) != _by_path(logged):
            return self._report_difference(name, version, listed, logged)
        return logged

    def _report_difference(
        self, name: str, version: int, listed: list[DataFile], logged: list[DataFile]
    ) -> list[DataFile]:
        """Report the log if it lost files, otherwise the list; return the files of the other."""
        lost = [f for f in listed if f.path not in {g.path for g in logged}]
        origin = checksums.origin_version(self.layout, name, lost[0].path) if lost else None
        if origin is not None:
            self.add(
                delta.log_entry(self.layout.table(name) / "_delta_log", origin),
                "log",
                f"lacks the file {lost[0].path}, which it added",
            )
            return listed
        path = data_files.list_path(self.layout, name, version)
        self.add(path, "list", "differs from the Delta log; `factorlab-lake repair` rebuilds it")
        return logged

    def _bytes(self, name: str, files: dict[str, DataFile]) -> None:
        try:
            sums = checksums.stored(self.layout, name)
        except LakeDamaged as error:
            self.add(Path(error.facts["path"]), "metadata", "cannot be read")
            sums = {}
        for file in files.values():
            path = self.layout.table(name) / file.path
            damage = checksums.damage_of(path, file, sums.get(file.path))
            if damage:
                self.add(path, "data", damage)
            else:
                self.sound.add(path)
            self.report.files += 1
            self.report.size_bytes += file.size_bytes
            self.report.without_checksum += file.path not in sums

    def _rows(self, name: str, files: list[DataFile]) -> None:
        sound = [f for f in files if self.layout.table(name) / f.path in self.sound]
        self.report.rows += sum(f.rows for f in sound)
        for path, message in _row_findings(self.layout, name, sound, deep=self.report.deep):
            self.add(path, "content", message)


def _entry_damage(path: Path, checksum: str | None) -> str:
    """Return how a file of a Delta log is damaged, or an empty text.

    An entry that no commit of this program named, such as one of a writer that died, has no checksum.
    """
    try:
        if checksum is not None and checksums.sha256_of(path) != checksum:
            damage = "" if delta.is_checkpoint(path.name) else delta.entry_damage(path)
            return damage or "does not have the checksum of its commit"
    except FileNotFoundError:
        return "is missing"
    return "" if checksum is not None else delta.entry_damage(path)


def _pointer_damage(path: Path, sums: dict[str, str]) -> str:
    """Return how the pointer to the newest checkpoint is damaged; readers do without a missing one.

    A writer that died, or is at work, may have replaced it without a commit of this program.
    """
    try:
        version = int(json.loads(path.read_bytes())["version"])
    except FileNotFoundError:
        return ""
    except (ValueError, LookupError, TypeError):
        return "cannot be read"
    committed = {delta.entry_version(path.with_name(name)) for name in sums if delta.is_checkpoint(name)}
    uncommitted = version > max(committed, default=-1)
    return "" if uncommitted else _entry_damage(path, sums.get(path.name))


def _by_path(files: list[DataFile]) -> list[DataFile]:
    return sorted(files, key=lambda f: f.path)


def _row_findings(
    layout: Layout, name: str, files: list[DataFile], *, deep: bool
) -> Iterator[tuple[Path, str]]:
    """Yield the files of one table version with wrong rows, and what is wrong.

    ``deep`` reads every value; otherwise only footers and key columns are read.
    """
    spec, sound = table(name), []
    for file in files:
        messages = list(_file_findings(layout, spec, file, deep=deep))
        yield from ((layout.table(name) / file.path, message) for message in messages)
        sound += [] if messages else [file]
    yield from _repeated_keys(layout, spec, sound)


def _file_findings(layout: Layout, spec: TableSpec, file: DataFile, *, deep: bool) -> Iterator[str]:
    path = layout.table(spec.name) / file.path
    try:
        kinds = data_files.parquet_schema(path)
        yield from _wrong_columns(spec, dict(kinds))
        keys = read_files(layout, spec.name, [file], columns=_key_columns(spec))
        if deep:
            for _ in read_slices(layout, spec.name, file, _ROWS_AT_A_TIME):
                pass
    except (LakeDamaged, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        yield f"cannot be read: {str(error).splitlines()[0]}"
        return
    if keys.height != file.rows:
        yield f"has {counted(keys.height, 'row')} instead of {file.rows}"
    yield from _wrong_ranges(spec, file, keys)
    yield from _wrong_partition(spec, file, keys)


def _key_columns(spec: TableSpec) -> list[str]:
    return list(dict.fromkeys(n for n in ("symbol", *spec.key, spec.time_column) if n in spec.names()))


def _wrong_columns(spec: TableSpec, stored: dict[str, pl.DataType]) -> Iterator[str]:
    for name, kind in delta.polars_schema(spec).items():
        if name not in stored and name in spec.key and spec.column(name).default is None:
            yield f"has no column {name}"
        elif name in stored and stored[name] != kind:
            yield f"has {name} as {stored[name]} instead of {kind}"


def _wrong_ranges(spec: TableSpec, file: DataFile, keys: pl.DataFrame) -> Iterator[str]:
    """Yield the columns with values outside the ranges of the file list: a query would skip such rows.

    Delta may truncate a long maximum, so only its prefix is compared.
    """
    ranges = {"symbol": file.symbols} if spec.has_symbols else {}
    if spec.time_column and spec.column(spec.time_column).kind == "date":
        ranges[spec.time_column] = file.dates
    for name, (low, high) in ranges.items():
        if keys[name].null_count() == keys.height:
            continue
        first, last = str(keys[name].min()), str(keys[name].max())
        if low is not None and first < low:
            yield f"has {name} {first}, below the listed minimum {low}"
        if high is not None and last[: len(high)] > high:
            yield f"has {name} {last}, above the listed maximum {high}"


def _wrong_partition(spec: TableSpec, file: DataFile, keys: pl.DataFrame) -> Iterator[str]:
    if not spec.partition_by:
        return
    value = _NO_YEAR if file.partition is None else str(file.partition)
    folder = f"{spec.partition_by}={value}"
    if Path(file.path).parts[0] != folder:
        yield f"is not in the folder {folder}"
    if spec.partition_by == "year" and file.partition is not None:  # the calendar year of the row's date
        years = keys[spec.time_column].dt.year().unique().to_list()
        if years not in ([], [file.partition]):
            yield f"has rows of other years than {file.partition}: {years}"


def _repeated_keys(layout: Layout, spec: TableSpec, files: list[DataFile]) -> Iterator[tuple[Path, str]]:
    """For each group of files with a duplicate key, yield one of them; bars share no keys across years."""
    groups: dict[int | None, list[DataFile]] = {}
    for file in files:
        groups.setdefault(file.partition if spec.partition_by == "year" else None, []).append(file)
    for group in groups.values():
        try:
            keys = [read_files(layout, spec.name, [f], columns=list(spec.key)) for f in group]
        except LakeDamaged:
            continue  # reported already
        marked = pl.concat([k.with_columns(_file=pl.lit(i)) for i, k in enumerate(keys)])
        repeated = marked.filter(marked.select(spec.key).is_duplicated())
        if not repeated.is_empty():
            row = repeated.sort(spec.key).row(0, named=True)
            file = group[row.pop("_file")]
            yield layout.table(spec.name) / file.path, f"has a key more than once: {row}"
