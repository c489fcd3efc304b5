"""Define the commands that copy a lake: to a shared server, and to a DuckDB file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from factorlab_lake.cli.app import FAULTS, End, Force, OnlySymbols, SnapshotAt, Start, open_lake, options
from factorlab_lake.cli.output import OutputFormat, document_of, file_progress

__all__ = ["export", "sync"]


def sync(
    ctx: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="The address, such as postgresql://user@host/database, without the password. The default is "
            "the server of the environment.",
            show_default=False,
        ),
    ] = None,
    verify_deep: Annotated[
        bool, typer.Option("--verify-deep", help="Compare every value, not only stored digests.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair rows that others changed in the target.")
    ] = False,
    print_sql: Annotated[
        bool,
        typer.Option(
            "--print-sql",
            help="Print the SQL for tables, functions and roles, without connecting to a server.",
        ),
    ] = False,
) -> None:
    """Copy the newest snapshot to a shared server.

    The server is PostgreSQL or Snowflake. Sends only what changed since the last sync, then compares both
    sides. The password of a PostgreSQL server
    comes from PGPASSWORD, a service file or ~/.pgpass. On a terminal, the program prompts for it.

    If others changed the target, it differs from the lake: the exit code is 3 unless --repair is set.

    Example: factorlab-lake sync --print-sql postgresql://
    """
    output = options(ctx).output
    output.check_report()
    if print_sql:
        from factorlab_lake.sync.registry import script

        typer.echo(script(target))
        return
    target = _environment_server(ctx) if target is None else target
    prompt = _prompt if sys.stdin.isatty() else None
    with file_progress("syncing", output) as progress:
        report = open_lake(ctx).sync(
            target, verify_deep=verify_deep, repair=repair, password=prompt, progress=progress
        )
    output.document(document_of(report), report.lines())
    if not report.clean:
        if output.quiet and output.form is not OutputFormat.JSON:
            output.lines(report.lines())  # a warning, which --quiet leaves
        raise typer.Exit(FAULTS)


def _environment_server(ctx: typer.Context) -> str:
    """Return the address of the environment's server; the lake to send is then that of ``--lake``."""
    from factorlab_lake.settings.environments import find
    from factorlab_lake.storage.layout import is_address

    chosen = options(ctx)
    environment = find(chosen.env, chosen.config)
    address = environment and environment.setting("lake")
    if not address or not is_address(address):
        raise typer.BadParameter("the URL of the target is missing", param_hint="URL")
    return str(address)


def _prompt() -> str:
    """Read the password from the terminal without showing it."""
    password: str = typer.prompt("Password", hide_input=True, err=True)
    return password


def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
    *,
    symbol: OnlySymbols = None,
    start: Start = None,
    end: End = None,
    force: Force = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Write a DuckDB file that contains the rows and functions.

    Any DuckDB client can open the file, without the lake and without this program. --start and --end limit
    the bars. An existing file is replaced only with --force.

    Example: factorlab-lake export apple.duckdb --symbol AAPL
    """
    output = options(ctx).output
    output.check_report()
    lake = open_lake(ctx, at=snapshot)
    path = lake.export(file, symbols=symbol, start=start, end=end, force=force)
    document = {"file": str(path), "size_bytes": path.stat().st_size, "snapshot": lake.snapshot.id}
    output.document(document, [f"{path}: {document['size_bytes']:,} bytes, snapshot {lake.snapshot.id}"])
