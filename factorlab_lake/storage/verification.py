"""The proof that a lake's files are there, whole, and hold what the lists and logs say.

Small files first, since the rest is found by them: marks, snapshots, Delta logs, file lists. Then the data
files of every kept snapshot byte by byte, and the rows of the newest one; a deep check reads all rows of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from factorlab_lake.errors import LakeDamaged, NotFound
from factorlab_lake.schema import TABLES, TableSpec, table
from factorlab_lake.storage import checksums, data_files, delta, refs, snapshots
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot
from factorlab_lake.storage.transaction import read_files, read_slices

__all__ = ["FileFault", "VerificationReport", "verify"]

_ROWS_AT_A_TIME = 65_536
_NO_YEAR = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class FileFault:
    """One fault: the file within the lake's folder, of what kind, and what is wrong.

    ``kind`` is mark, note (the copy of the newest snapshot), snapshot, log, list, data (the bytes of a data
    file) or content (its rows).
    """

    file: str
    kind: str
    message: str


@dataclass(slots=True)
class VerificationReport:
    """What was looked at and what is wrong.

    ``without_checksum`` counts the data files that were written before checksums were kept.
    """

    lake: str
    deep: bool
    snapshots: int = 0
    files: int = 0
    size_bytes: int = 0
    rows: int = 0
    without_checksum: int = 0
    findings: list[FileFault] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify(layout: Layout, *, deep: bool = False) -> VerificationReport:
    """Check a lake and return what is wrong, each with the file at fault; nothing is written."""
    found = _Check(layout, VerificationReport(str(layout.root), deep))
    kept = found.snapshots()
    for name in TABLES:
        if (layout.table(name) / "_delta_log").exists() or any(name in s.tables for s in kept):
            found.table(name, kept)
    return found.report


@dataclass(slots=True)
class _Check:
    """A check in progress."""

    layout: Layout
    report: VerificationReport
    sound: set[Path] = field(default_factory=set)

    def fault(self, path: Path, kind: str, message: str) -> None:
        place = path.relative_to(self.layout.root).as_posix()
        self.report.findings.append(FileFault(place, kind, message))

    def snapshots(self) -> list[Snapshot]:
        """Return the snapshots that can be read and should be there."""
        gone: set[int] = set()
        try:
            refs.pins(self.layout)
            gone = refs.vacuumed(self.layout)
        except LakeDamaged as fault:
            self.fault(Path(fault.facts["path"]), "mark", "cannot be read")
        kept = []
        noted = self._noted_newest()
        newest = max((int(p.stem) for p in self.layout.snapshots.glob("[0-9]*.json")), default=0)
        for number in sorted(set(range(1, max(newest, noted) + 1)) - gone):
            path = snapshots.path_of(self.layout, number)
            try:
                kept.append(snapshots.read(self.layout, number))
            except (LakeDamaged, NotFound):
                remedy = "rewrites it" if number == noted else "--from BACKUP brings it back"
                what = "cannot be read" if path.exists() else "is missing"
                self.fault(path, "snapshot", f"{what}; `factorlab-lake repair` {remedy}")
        self.report.snapshots = len(kept)
        return kept

    def _noted_newest(self) -> int:
        """Return the number of the snapshot that was noted as the newest; 0 where none is."""
        try:
            noted = snapshots.read_newest(self.layout)
        except LakeDamaged:
            self.fault(self.layout.newest, "note", "cannot be read; `factorlab-lake repair` rewrites it")
            return 0
        return noted.id if noted else 0

    def table(self, name: str, kept: list[Snapshot]) -> None:
        """Check a table's log, its lists and its files."""
        broken = list(self._broken_entries(name, kept))
        versions = sorted({s.tables[name] for s in kept if name in s.tables})
        newest = kept[-1].tables.get(name) if kept else None
        everything: dict[str, DataFile] = {}
        chosen: dict[int, list[DataFile]] = {}
        for version in versions:
            compared = not broken and (version == newest or self.report.deep)
            chosen[version] = self._list(name, version, compared=compared, derivable=not broken)
            everything |= {f.path: f for f in chosen[version]}
        self._bytes(name, everything)
        for version, found in chosen.items():
            if version == newest or self.report.deep:
                self._rows(name, found)

    def _broken_entries(self, name: str, kept: list[Snapshot]) -> Iterator[Path]:
        folder = self.layout.table(name) / "_delta_log"
        there = delta.log_entries(folder)
        versions = {s.tables[name] for s in kept if name in s.tables} | set(
            map(delta.entry_version, there[-1:])
        )
        for path in sorted({*there, *delta.entries_replayed(folder, versions)}):
            fault = delta.entry_damage(path)
            if fault:
                self.fault(path, "log", fault)
                yield path

    def _list(self, name: str, version: int, *, compared: bool, derivable: bool) -> list[DataFile]:
        """Return the files of a version as its list has them, or as the log has them where there is none."""
        path = data_files.list_path(self.layout, name, version)
        listed = data_files.read_list(self.layout, name, version)
        if path.exists() and listed is None:
            self.fault(path, "list", "cannot be read; `factorlab-lake repair` rebuilds it")
        if not derivable or (listed is not None and not compared):
            return listed or []
        try:
            logged = data_files.list_files(self.layout.table(name), table(name), version)
        except LakeDamaged as fault:
            self.fault(Path(fault.facts["path"]), "log", str(fault))
            return listed or []
        if listed is not None and _by_path(listed) != _by_path(logged):
            return self._disagree(name, version, listed, logged)
        return logged

    def _disagree(
        self, name: str, version: int, listed: list[DataFile], logged: list[DataFile]
    ) -> list[DataFile]:
        """Blame the log that lost files, or the list, where the two differ; return what the other says."""
        lost = [f for f in listed if f.path not in {g.path for g in logged}]
        came = checksums.origin_version(self.layout, name, lost[0].path) if lost else None
        if came is not None:
            self.fault(
                delta.log_entry(self.layout.table(name) / "_delta_log", came),
                "log",
                f"lacks the file {lost[0].path}, which came with it",
            )
            return listed
        path = data_files.list_path(self.layout, name, version)
        self.fault(path, "list", "is not what the log says; `factorlab-lake repair` rebuilds it")
        return logged

    def _bytes(self, name: str, chosen: dict[str, DataFile]) -> None:
        try:
            sums = checksums.stored(self.layout, name)
        except LakeDamaged as fault:
            self.fault(Path(fault.facts["path"]), "mark", "cannot be read")
            sums = {}
        for file in chosen.values():
            path = self.layout.table(name) / file.path
            fault_found = checksums.damage_of(path, file, sums.get(file.path))
            if fault_found:
                self.fault(path, "data", fault_found)
            else:
                self.sound.add(path)
            self.report.files += 1
            self.report.size_bytes += file.size_bytes
            self.report.without_checksum += file.path not in sums

    def _rows(self, name: str, chosen: list[DataFile]) -> None:
        sound = [f for f in chosen if self.layout.table(name) / f.path in self.sound]
        self.report.rows += sum(f.rows for f in sound)
        for path, message in _content_faults(self.layout, name, sound, deep=self.report.deep):
            self.fault(path, "content", message)


def _by_path(found: list[DataFile]) -> list[DataFile]:
    return sorted(found, key=lambda f: f.path)


def _content_faults(
    layout: Layout, name: str, chosen: list[DataFile], *, deep: bool
) -> Iterator[tuple[Path, str]]:
    """Yield the files of one table version whose rows are not as promised, and what is wrong.

    ``deep`` reads every value; else the footers, and of the rows the keys.
    """
    spec, sound = table(name), []
    for file in chosen:
        wrong = list(_of_file(layout, spec, file, deep=deep))
        yield from ((layout.table(name) / file.path, message) for message in wrong)
        sound += [] if wrong else [file]
    yield from _twice(layout, spec, sound)


def _of_file(layout: Layout, spec: TableSpec, file: DataFile, *, deep: bool) -> Iterator[str]:
    path = layout.table(spec.name) / file.path
    try:
        kinds = pl.read_parquet_schema(path)
        yield from _wrong_columns(spec, dict(kinds))
        keys = read_files(layout, spec.name, [file], columns=_columns(spec))
        if deep:
            for _ in read_slices(layout, spec.name, file, _ROWS_AT_A_TIME):
                pass
    except (LakeDamaged, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as fault:
        yield f"cannot be read: {str(fault).splitlines()[0]}"
        return
    if keys.height != file.rows:
        yield f"has {keys.height} rows instead of {file.rows}"
    yield from _wrong_ranges(spec, file, keys)
    yield from _wrong_partition(spec, file, keys)


def _columns(spec: TableSpec) -> list[str]:
    return list(dict.fromkeys(n for n in ("symbol", *spec.key, spec.time_column) if n))


def _wrong_columns(spec: TableSpec, found: dict[str, pl.DataType]) -> Iterator[str]:
    for name, kind in delta.polars_schema(spec).items():
        if name not in found and name in spec.key:
            yield f"has no column {name}"
        elif name in found and found[name] != kind:
            yield f"has {name} as {found[name]} instead of {kind}"


def _wrong_ranges(spec: TableSpec, file: DataFile, keys: pl.DataFrame) -> Iterator[str]:
    """Rows outside of the ranges by which files are chosen would never be found.

    Delta may cut a long maximum short, and keeps times to the millisecond, so these are compared as far.
    """
    ranges = {"symbol": file.symbols}
    if spec.time_column and spec.column(spec.time_column).kind == "date":
        ranges[spec.time_column] = file.dates
    for name, (low, high) in ranges.items():
        if keys[name].null_count() == keys.height:
            continue
        first, last = str(keys[name].min()), str(keys[name].max())
        if low is not None and first < low:
            yield f"holds {name} {first}, below the least value listed, {low}"
        if high is not None and last[: len(high)] > high:
            yield f"holds {name} {last}, above the greatest value listed, {high}"


def _wrong_partition(spec: TableSpec, file: DataFile, keys: pl.DataFrame) -> Iterator[str]:
    if not spec.partition_by:
        return
    value = _NO_YEAR if file.partition is None else str(file.partition)
    folder = f"{spec.partition_by}={value}"
    if Path(file.path).parts[0] != folder:
        yield f"lies in another folder than {folder}"
    if spec.partition_by == "year" and file.partition is not None:  # the calendar year of the row's date
        years = keys[spec.time_column].dt.year().unique().to_list()
        if years not in ([], [file.partition]):
            yield f"holds rows of other years than {file.partition}: {years}"


def _twice(layout: Layout, spec: TableSpec, chosen: list[DataFile]) -> Iterator[tuple[Path, str]]:
    """Yield a file of each group whose rows share a key; bars share none across years."""
    groups: dict[int | None, list[DataFile]] = {}
    for file in chosen:
        groups.setdefault(file.partition if spec.partition_by == "year" else None, []).append(file)
    for group in groups.values():
        try:
            keys = [read_files(layout, spec.name, [f], columns=list(spec.key)) for f in group]
        except LakeDamaged:
            continue  # said of the file already
        marked = pl.concat([k.with_columns(_file=pl.lit(i)) for i, k in enumerate(keys)])
        repeated = marked.filter(marked.select(spec.key).is_duplicated())
        if not repeated.is_empty():
            row = repeated.sort(spec.key).row(0, named=True)
            file = group[row.pop("_file")]
            yield layout.table(spec.name) / file.path, f"holds a key more than once: {row}"
