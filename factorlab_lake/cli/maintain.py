"""Define the commands for snapshots, backups, checks and repair of a lake."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import factorlab_lake as fl
from factorlab_lake.cli.app import (
    FAULTS,
    BackupFolder,
    Deep,
    lake_path,
    open_lake,
    options,
)
from factorlab_lake.storage.refs import RETENTION_DAYS

__all__ = [
    "backup",
    "compact",
    "configure",
    "diff",
    "history",
    "pin",
    "repair",
    "restore",
    "rollback",
    "vacuum",
    "verify",
]

_SNAPSHOT = ("id", "created_at", "reason", "pins", "vacuumed", "program_version", "operation", "tables")


def history(ctx: typer.Context) -> None:
    """List the lake's snapshots, oldest first.

    Prints one row per snapshot: its id, its time, the operation that made it, and its pins. The files of a
    vacuumed snapshot are deleted. With --json, each row also has the table versions.

    Example: factorlab-lake history
    """
    import polars as pl

    snapshots = open_lake(ctx).history()
    rows = [
        asdict(s) | {"created_at": s.time, "tables": json.dumps(s.tables), "pins": " ".join(s.pins)}
        for s in snapshots
    ]
    types = {"id": pl.Int64(), "created_at": pl.Datetime("us", "UTC"), "vacuumed": pl.Boolean()}
    schema = {name: types.get(name, pl.String()) for name in _SNAPSHOT}
    columns = [*_SNAPSHOT[:3], *(n for n in ("pins", "vacuumed") if any(row[n] for row in rows))]
    options(ctx).output.rows(pl.DataFrame(rows, schema=schema), columns)


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

    Prints one row per table and symbol, with the number of added, superseded and removed rows.

    Example: factorlab-lake diff 1
    """
    changes = open_lake(ctx).diff(_snapshot(before), None if after is None else _snapshot(after))
    options(ctx).output.rows(changes)


def configure(
    ctx: typer.Context,
    *,
    availability: Annotated[
        str | None,
        typer.Option(help="First day of a filing's use: close, same_day, or a lag in days.", metavar="RULE"),
    ] = None,
    provider_order: Annotated[
        str | None,
        typer.Option(
            help="Providers of statements, the most trusted one first, with commas between them.",
            metavar="NAMES",
        ),
    ] = None,
) -> None:
    """Change settings of the lake, or print them.

    All users of the lake share its settings. Without an option, nothing changes. A user can select another
    availability rule with FACTORLAB_AVAILABILITY. At each date the first provider in the order answers whose
    newest statement is not stale.

    Example: factorlab-lake configure --provider-order file,fmp
    """
    output = options(ctx).output
    output.check_report()
    names = None if provider_order is None else [name.strip() for name in provider_order.split(",")]
    lake = open_lake(ctx)
    if availability is None and names is None:
        settings = lake.settings  # a backup can be read, not configured
    else:
        settings = lake.configure(availability=availability, provider_order=names)
    lines = [
        f"availability: {settings.availability}",
        f"provider_order: {', '.join(settings.provider_order)}",
    ]
    output.document(asdict(settings), lines)


def pin(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="The name, such as paper-2026.", metavar="NAME", show_default=False)
    ],
    snapshot: Annotated[
        str | None,
        typer.Option(
            help="The snapshot to name: its id, another pin, or a time. The default is the newest snapshot.",
            metavar="SNAPSHOT",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the name.")] = False,
) -> None:
    """Name a snapshot, so that vacuum keeps it.

    The option --snapshot of other commands accepts the name.

    Example: factorlab-lake pin paper-2026
    """
    output = options(ctx).output
    output.check_report()
    lake = open_lake(ctx, at=snapshot)
    if remove:
        lake.unpin(name)
        output.document({"pin": name, "snapshot": None}, [f"removed the pin {name}"])
    else:
        lake.pin(name)
        line = f"snapshot {lake.snapshot.id} is pinned as {name}"
        output.document({"pin": name, "snapshot": lake.snapshot.id}, [line])


def rollback(
    ctx: typer.Context,
    to: Annotated[
        int | None,
        typer.Option(help="Snapshot to restore. The default is the one before the last run.", metavar="ID"),
    ] = None,
) -> None:
    """Restore the content of an earlier snapshot.

    The restored content is a new snapshot. Nothing is deleted, and a rollback can itself be rolled back.

    Example: factorlab-lake rollback --to 3
    """
    output = options(ctx).output
    output.check_report()
    lake = open_lake(ctx)
    before = lake.snapshot.id
    now = lake.rollback(to)
    output.document(asdict(now), [f"snapshot {before} → {now.id}: {now.reason}"])


def compact(ctx: typer.Context) -> None:
    """Rewrite partitions that consist of many files.

    The rows stay the same. The result is a new snapshot, or none if there is nothing to compact.

    Example: factorlab-lake compact
    """
    output = options(ctx).output
    output.check_report()
    report = open_lake(ctx).compact()
    names = ("table", "partition", "files")
    document = asdict(report) | {"partitions": [dict(zip(names, p, strict=True)) for p in report.partitions]}
    output.document(document, report.lines())


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
    """List files that no kept snapshot needs, or delete them.

    Vacuum keeps the newest snapshot, pinned snapshots, and snapshots within the retention.

    Example: factorlab-lake vacuum --retention-days 7
    """
    output = options(ctx).output
    output.check_report()
    report = open_lake(ctx).vacuum(retention_days=retention_days, dry_run=not delete)
    files = [{"file": file, "size_bytes": size} for file, size in report.files]
    output.document(asdict(report) | {"files": files}, report.lines())


def verify(ctx: typer.Context, deep: Deep = False) -> None:
    """Check that every file exists and is undamaged.

    Compares the files of all kept snapshots with their checksums, and checks the rows of the newest one. If a
    check fails, the exit code is 3 and the faulty file is named.

    Example: factorlab-lake verify --deep
    """
    output = options(ctx).output
    output.check_report()
    report = fl.verify(lake_path(ctx), deep=deep)
    output.document(asdict(report) | {"clean": report.clean}, report.lines())
    if not report.clean:
        raise typer.Exit(FAULTS)


def repair(
    ctx: typer.Context,
    backup: Annotated[
        Path | None,
        typer.Option("--from", help="Restore damaged files from this backup.", metavar="BACKUP"),
    ] = None,
    deep: Deep = False,
) -> None:
    """Repair a lake without losing data.

    Rebuilds file lists and lake.duckdb. With --from, it restores damaged files from a backup that contains
    them as they were written. If faults remain, the exit code is 3.

    Example: factorlab-lake repair
    """
    output = options(ctx).output
    output.check_report()
    report = fl.repair(lake_path(ctx), backup=backup, deep=deep)
    repaired = [{"file": file, "how": how} for file, how in report.repaired]
    document = asdict(report) | {"repaired": repaired, "clean": report.clean}
    output.document(document, report.lines())
    if not report.clean:
        raise typer.Exit(FAULTS)


def backup(ctx: typer.Context, path: BackupFolder) -> None:
    """Create a backup, or update one.

    Copies only new files, then reads them back and compares. Other programs can write to the lake meanwhile.
    A backup opens like any lake, read-only: --lake PATH.

    Example: factorlab-lake backup data/backup
    """
    output = options(ctx).output
    output.check_report()
    report = open_lake(ctx).backup(path)
    output.document(asdict(report), report.lines())


def restore(
    ctx: typer.Context,
    path: BackupFolder,
    to: Annotated[Path, typer.Argument(help="The folder to create.", metavar="TO", show_default=False)],
) -> None:
    """Create a lake from a backup in a new folder.

    An interrupted restore can be repeated.

    Example: factorlab-lake restore data/backup data/restored
    """
    output = options(ctx).output
    output.check_report()
    lake = fl.restore(path, to)
    document = {"lake": str(lake.path), "snapshot": lake.snapshot.id}
    output.document(document, [f"lake at {lake.path}, snapshot {lake.snapshot.id}"])


def _snapshot(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
