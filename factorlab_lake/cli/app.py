"""The program itself: its global options and the lake it works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import factorlab_lake as fl
from factorlab_lake.cli.error_handling import errors_in_one_line
from factorlab_lake.cli.output import Output, OutputFormat

if TYPE_CHECKING:
    from factorlab_lake.lake import Lake

__all__ = ["Options", "app", "lake_path", "open_lake", "options"]


@dataclass(frozen=True, slots=True)
class Options:
    """What was said before, or beside, the command."""

    lake: Path | None
    output: Output


class Program(TyperGroup):
    """The commands, with the global options allowed anywhere and errors told in one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        for argument in args:
            if not argument.isascii() and argument != argument.encode(errors="replace").decode():
                ctx.fail(f"{argument!r} holds bytes that are no text.")
        return super().parse_args(ctx, _globals_first(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with errors_in_one_line():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Program,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"factorlab-lake {metadata.version('factorlab-lake')}")
        raise typer.Exit


@app.callback()
def program(
    ctx: typer.Context,
    lake: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the lake. The default is FACTORLAB_LAKE, then data/lake.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print rows as CSV.")] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """An embedded, point-in-time store of company fundamentals and prices.

    The options below may also stand after the command. `factorlab-lake COMMAND --help` tells more.

    Exit codes: 0 done, 1 a known error, 2 wrong usage, 3 a check found faults, 130 interrupted.

    Example: factorlab-lake --lake data/lake caps AAPL GOOGL --date 2021-03-31
    """
    if json and csv:
        raise typer.BadParameter("give --json or --csv, not both")
    form = OutputFormat.JSON if json else OutputFormat.CSV if csv else OutputFormat.TABLE
    ctx.obj = Options(lake, Output(form))


def options(ctx: typer.Context) -> Options:
    """Return what was said beside the command."""
    found: Options = ctx.obj
    return found


def lake_path(ctx: typer.Context) -> Path:
    """Return the folder of the lake: as given, else as set, else ``data/lake``."""
    given = options(ctx).lake
    if given is not None:
        return given
    from factorlab_lake.settings.models import settings

    return settings().lake


def open_lake(ctx: typer.Context, *, create: bool = False, at: str | None = None) -> Lake:
    """Open the lake, at an earlier snapshot when one is given by its id or a time."""
    lake = fl.open(lake_path(ctx), create=create)
    if at is None:
        return lake
    return lake.at(int(at) if at.isdecimal() else at)


def _globals_first(arguments: Sequence[str]) -> list[str]:
    """Bring global options before the command; what follows ``--`` is left alone.

    >>> _globals_first(["caps", "AAPL", "--json", "--", "--csv"])
    ['--json', 'caps', 'AAPL', '--', '--csv']
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front: list[str] = []
    rest: list[str] = []
    ahead = iter(arguments[:end])
    for argument in ahead:
        if argument == "--lake":
            front += [argument, *islice(ahead, 1)]
        elif argument in ("--json", "--csv") or argument.startswith("--lake="):
            front.append(argument)
        else:
            rest.append(argument)
    return [*front, *rest, *arguments[end:]]
