"""Commands that keep a lake well."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import factorlab_lake as fl
from factorlab_lake.cli.app import lake_path, open_lake, options
from factorlab_lake.cli.common_options import SnapshotAt
from factorlab_lake.cli.error_handling import FAULTS
from factorlab_lake.storage.refs import RETENTION_DAYS

__all__ = ["backup", "compact", "diff", "pin", "repair", "restore", "vacuum", "verify"]

_Name = Annotated[
    str, typer.Argument(help="The name, such as paper-2026.", metavar="NAME", show_default=False)
]
_Folder = Annotated[Path, typer.Argument(help="Folder of the backup.", metavar="PATH", show_default=False)]
_Deep = Annotated[bool, typer.Option("--deep", help="Read every value of every kept snapshot.")]
_MOST_FILES = 20  # that a person is shown


def diff(
    ctx: typer.Context,
    before: Annotated[
        str, typer.Argument(help="Snapshot, pin or time.", metavar="BEFORE", show_default=False)
    ],
    after: Annotated[
        str | None,
        typer.Argument(help="Snapshot, pin or time. The default is the newest snapshot.", metavar="[AFTER]"),
    ] = None,
) -> None:
    """Show what changed between two snapshots.

    One row per table and symbol: rows that were added, superseded by another content, and removed.

    Example: factorlab-lake diff 1
    """
    found = open_lake(ctx).diff(_when(before), None if after is None else _when(after))
    options(ctx).output.rows(found)


def pin(
    ctx: typer.Context,
    name: _Name,
    snapshot: SnapshotAt = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the name.")] = False,
) -> None:
    """Give a snapshot a name that keeps it.

    Vacuum leaves its files, and --snapshot takes the name. The newest snapshot unless one is given.

    Example: factorlab-lake pin paper-2026
    """
    output = options(ctx).output
    output.check_no_csv()
    lake = open_lake(ctx, at=snapshot)
    if remove:
        lake.unpin(name)
        output.document({"pin": name, "snapshot": None}, [f"{name} is no pin any more"])
    else:
        lake.pin(name)
        line = f"snapshot {lake.snapshot.id} is pinned as {name}"
        output.document({"pin": name, "snapshot": lake.snapshot.id}, [line])


def compact(ctx: typer.Context) -> None:
    """Rewrite partitions that are spread over many files.

    The rows stay the same; that is a new snapshot, or none when there is nothing to do.

    Example: factorlab-lake compact
    """
    output = options(ctx).output
    output.check_no_csv()
    report = open_lake(ctx).compact()
    names = ("table", "partition", "files")
    document = asdict(report) | {"partitions": [dict(zip(names, p, strict=True)) for p in report.partitions]}
    line = (
        f"{len(report.partitions)} partitions rewritten: {report.files_before} → {report.files_after} files"
    )
    output.document(document, [line if report.partitions else "nothing to do"])


def vacuum(
    ctx: typer.Context,
    retention_days: Annotated[
        float,
        typer.Option(help="Keep every snapshot that was the newest within this many days.", metavar="DAYS"),
    ] = RETENTION_DAYS,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the files. Without this option, they are only listed.")
    ] = False,
) -> None:
    """Say what no kept snapshot needs; delete it with --delete.

    Kept are the newest snapshot, those with a pin, and those within the retention.

    Example: factorlab-lake vacuum --retention-days 7
    """
    output = options(ctx).output
    output.check_no_csv()
    report = open_lake(ctx).vacuum(retention_days=retention_days, dry_run=not delete)
    files = [{"file": file, "size_bytes": size} for file, size in report.files]
    verb = "deleted" if delete else "would be deleted (nothing was: give --delete)"
    lines = [
        *_shortened([f"{size:>12,}  {file}" for file, size in report.files]),
        f"{len(files)} files of {report.size_bytes:,} bytes {verb}",
        f"snapshots that go: {_ids(report.snapshots)}; kept: {_ids(report.kept)}",
    ]
    output.document(asdict(report) | {"files": files}, lines)


def verify(ctx: typer.Context, deep: _Deep = False) -> None:
    """Check that every file is there, whole and right.

    Files of all kept snapshots are compared with their checksums, and the rows of the newest one with what
    they should be. Exit code 3 when something is wrong, with the file at fault.

    Example: factorlab-lake verify --deep
    """
    output = options(ctx).output
    output.check_no_csv()
    report = fl.verify(lake_path(ctx), deep=deep)
    counted = (
        f"{report.snapshots} snapshots, {report.files} data files of {report.size_bytes:,} bytes, "
        f"{report.rows:,} rows looked at"
    )
    unknown = [f"{report.without_checksum} files have no checksum"] if report.without_checksum else []
    remedy = "`factorlab-lake repair` derives what can be derived, --from BACKUP brings the rest back"
    verdict = "all is well" if report.clean else f"{len(report.findings)} faults; {remedy}"
    lines = [*_faults(report.findings), counted, *unknown, verdict]
    output.document(asdict(report) | {"clean": report.clean}, lines)
    if not report.clean:
        raise typer.Exit(FAULTS)


def repair(
    ctx: typer.Context,
    backup: Annotated[
        Path | None,
        typer.Option("--from", help="Restore damaged files from this backup.", metavar="BACKUP"),
    ] = None,
    deep: _Deep = False,
) -> None:
    """Put right what can be put right without loss.

    File lists and lake.duckdb are rebuilt; with --from, damaged files come back from a backup that has
    them as they were written. Exit code 3 when something is still wrong.

    Example: factorlab-lake repair
    """
    output = options(ctx).output
    output.check_no_csv()
    report = fl.repair(lake_path(ctx), backup=backup, deep=deep)
    repaired = [{"file": file, "how": how} for file, how in report.repaired]
    lines = [f"{file}: {how}" for file, how in report.repaired] + _faults(report.findings)
    document = asdict(report) | {"repaired": repaired, "clean": report.clean}
    output.document(document, [*lines, "all is well" if report.clean else "not all could be put right"])
    if not report.clean:
        raise typer.Exit(FAULTS)


def backup(ctx: typer.Context, path: _Folder) -> None:
    """Bring a backup up to date, or make one.

    Only what is not there yet is copied, then read back and compared. A writer may be at work. The backup
    opens like any lake, to be read: --lake PATH.

    Example: factorlab-lake backup data/backup
    """
    output = options(ctx).output
    output.check_no_csv()
    report = open_lake(ctx).backup(path)
    line = (
        f"{report.path}: snapshot {report.snapshot}; {report.files_copied} files of {report.bytes_copied:,} "
        f"bytes copied and compared, {report.files_there} there already"
        + (f"; {report.files_mended} of them were damaged there" if report.files_mended else "")
    )
    output.document(asdict(report), [line])


def restore(
    ctx: typer.Context,
    path: _Folder,
    to: Annotated[Path, typer.Argument(help="The folder to create.", metavar="TO", show_default=False)],
) -> None:
    """Make a lake of a backup in a new folder.

    Cut off, it can be run again.

    Example: factorlab-lake restore data/lake data/restored
    """
    output = options(ctx).output
    output.check_no_csv()
    lake = fl.restore(path, to)
    document = {"lake": str(lake.path), "snapshot": lake.snapshot.id}
    output.document(document, [f"lake at {lake.path}, snapshot {lake.snapshot.id}"])


def _when(given: str) -> int | str:
    return int(given) if given.isdecimal() else given


def _faults(findings: list[Any]) -> list[str]:
    return _shortened([f"{f.file}: {f.message}" for f in findings])


def _shortened(lines: list[str]) -> list[str]:
    more = [f"... and {len(lines) - _MOST_FILES} more; --json lists all"] if len(lines) > _MOST_FILES else []
    return lines[:_MOST_FILES] + more


def _ids(found: list[int]) -> str:
    return ", ".join(map(str, found)) or "none"
