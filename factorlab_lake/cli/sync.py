"""The command that brings a lake to a shared server."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from factorlab_lake.cli import display
from factorlab_lake.cli.app import open_lake, options
from factorlab_lake.cli.error_handling import FAULTS
from factorlab_lake.cli.output import document_of
from factorlab_lake.cli.progress import progress_bar

__all__ = ["sync"]


def sync(
    ctx: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="The address, such as postgresql://user@host/database. Leave the password out of it.",
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
    """Bring a shared PostgreSQL server to the newest snapshot.

    Only what changed since the last time is sent; then both sides are compared. The password comes from
    PGPASSWORD, a service file or ~/.pgpass, or is asked for on a terminal. Exit code 3 when the target
    differs from the lake because others changed it, and --repair was not given.

    Example: factorlab-lake sync --print-sql
    """
    output = options(ctx).output
    output.check_no_csv()
    if print_sql:
        from factorlab_lake.sync.registry import script

        typer.echo(script(target))
        return
    if target is None:
        raise typer.BadParameter("give the URL of the target", param_hint="URL")
    ask = _ask if sys.stdin.isatty() else None
    with progress_bar("syncing", output) as progress:
        report = open_lake(ctx).sync(
            target, verify_deep=verify_deep, repair=repair, password=ask, progress=progress
        )
    output.document(document_of(report), display.sync_lines(report))
    if not report.clean:
        raise typer.Exit(FAULTS)


def _ask() -> str:
    """Ask for the password without showing it."""
    answer: str = typer.prompt("Password", hide_input=True, err=True)
    return answer
