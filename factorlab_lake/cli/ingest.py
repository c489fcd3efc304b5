"""Commands that change the lake, and the one that checks it against the old cache."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

import factorlab_lake as fl
from factorlab_lake.cli import display
from factorlab_lake.cli.app import lake_path, open_lake, options
from factorlab_lake.cli.common_options import Cache, OnlySymbols
from factorlab_lake.cli.error_handling import FAULTS
from factorlab_lake.cli.output import document_of
from factorlab_lake.cli.progress import progress_bar

if TYPE_CHECKING:
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationReport
    from factorlab_lake.lake import Lake

__all__ = ["init", "load", "load_rows", "migrate", "rollback", "validate"]


def init(ctx: typer.Context) -> None:
    """Make an empty lake.

    One that is there already stays as it is.

    Example: factorlab-lake --lake data/lake init
    """
    lake = open_lake(ctx, create=True)
    document = {"lake": str(lake.path), "snapshot": lake.snapshot.id}
    options(ctx).output.document(document, [f"lake at {lake.path}, snapshot {lake.snapshot.id}"])


def migrate(
    ctx: typer.Context,
    cache_dir: Cache,
    symbol: OnlySymbols = None,
    by_symbol: Annotated[bool, typer.Option("--by-symbol", help="Commit after each symbol.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read all files and write nothing.")] = False,
) -> None:
    """Land every readable record of the old cache.

    The cache is Factor Lab's folder of JSON files and is only read. Can be cut off and run again: what has
    landed is not read twice. Files that cannot be read and records that are refused are listed with the
    reason and end the command with exit code 3; all else has landed.

    Example: factorlab-lake migrate data/cache/fmp --dry-run
    """
    output = options(ctx).output
    output.check_no_csv()
    if dry_run:
        report = _plan(ctx, cache_dir, symbol)
    else:
        with progress_bar("migrating", output) as progress:
            lake = open_lake(ctx, create=True)
            report = lake.migrate(cache_dir, symbols=symbol, by_symbol=by_symbol, progress=progress)
    output.document(document_of(report), display.migration_lines(report, dry_run=dry_run))
    if not report.clean:
        raise typer.Exit(FAULTS)


def _plan(ctx: typer.Context, cache_dir: Path, symbols: list[str] | None) -> MigrationReport:
    """Plan a migration, for a lake that need not be there yet and is not made."""
    if (lake_path(ctx) / "_lake").exists():
        return open_lake(ctx).migrate(cache_dir, symbols=symbols, dry_run=True)
    with TemporaryDirectory() as folder:
        return fl.open(folder).migrate(cache_dir, symbols=symbols, dry_run=True)


def validate(ctx: typer.Context, cache_dir: Cache, symbol: OnlySymbols = None) -> None:
    """Compare the old cache with the lake, value by value.

    Exit code 3 when a file cannot be read or a record is missing or differs.

    Example: factorlab-lake validate data/cache/fmp
    """
    output = options(ctx).output
    output.check_no_csv()
    with progress_bar("comparing", output) as progress:
        report = open_lake(ctx).validate(cache_dir, symbols=symbol, progress=progress)
    output.document(document_of(report), display.validation_lines(report))
    if not report.clean:
        raise typer.Exit(FAULTS)


def rollback(
    ctx: typer.Context,
    to: Annotated[
        int | None,
        typer.Option(help="Snapshot to restore. The default is the one before the last run.", metavar="ID"),
    ] = None,
) -> None:
    """Make an earlier snapshot's content current again.

    That is a new snapshot; nothing is deleted, and a rollback can itself be rolled back.

    Example: factorlab-lake rollback --to 3
    """
    output = options(ctx).output
    output.check_no_csv()
    lake = open_lake(ctx)
    before = lake.snapshot.id
    now = lake.rollback(to)
    output.document(asdict(now), [f"snapshot {before} → {now.id}: {now.reason}"])


def load(
    ctx: typer.Context,
    table: Annotated[
        str, typer.Argument(help="The table, such as splits or company_profiles.", show_default=False)
    ],
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.", show_default=False)],
) -> None:
    """Bring the rows of a file into a table.

    All of them land or none. The same rows again change nothing.

    Example: factorlab-lake load splits data/sample/splits.csv
    """
    output = options(ctx).output
    output.check_no_csv()
    document = load_rows(open_lake(ctx, create=True), table, file)
    output.document(document, [display.load_line(document)])


def load_rows(lake: Lake, table: str, file: Path) -> dict[str, Any]:
    """Load a file and say what came of it."""
    before = lake.snapshot.id
    rows = lake.load(table, file)
    return {"table": table, "rows": rows, "snapshot_before": before, "snapshot_after": lake.snapshot.id}
