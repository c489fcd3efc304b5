"""Define the program: its global options, the options that commands share, and how errors end it."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

import factorlab_lake as fl
from factorlab_lake.cli.option_names import with_options
from factorlab_lake.cli.output import Output, OutputFormat
from factorlab_lake.cli.output_file import check
from factorlab_lake.errors import InvalidInput, LakeError, LakeWarning, SymbolNotHeldWarning, printable
from factorlab_lake.settings.environments import lake_place
from factorlab_lake.storage.interrupts import interrupts_raised

if TYPE_CHECKING:
    from factorlab_lake.lake import Lake

__all__ = [
    "BROKEN_PIPE",
    "ERROR",
    "FAULTS",
    "INTERRUPTED",
    "AsOf",
    "BackupFolder",
    "Cache",
    "Dates",
    "Deep",
    "Define",
    "End",
    "Factor",
    "Factors",
    "Force",
    "Freq",
    "GlobalOptions",
    "OnlySymbols",
    "SnapshotAt",
    "Start",
    "Symbols",
    "Vintage",
    "app",
    "errors_in_one_line",
    "lake_path",
    "open_for_queries",
    "open_lake",
    "options",
]

ERROR = 1
FAULTS = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_WITH_VALUE = ("--lake", "--env", "--config", "--columns", "--output")
_WITHOUT_VALUE = ("--json", "--csv", "--quiet", "-q")
BROKEN_PIPE = 141  # 128 + SIGPIPE


Symbols: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        help="The symbol, such as AAPL, or all for every held symbol.",
        metavar="SYMBOL",
        show_default=False,
    ),
]
OnlySymbols: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--symbol", help="Use only this symbol. Can be repeated.", metavar="SYMBOL"),
]
Factor: TypeAlias = Annotated[
    str, typer.Argument(help="market_cap, or a factor such as pe_ratio.", show_default=False)
]
Dates: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--date", help="The date, such as 2021-03-31. Can be repeated.", metavar="DATE"),
]
Start: TypeAlias = Annotated[str | None, typer.Option("--start", help="First date.", metavar="DATE")]
End: TypeAlias = Annotated[str | None, typer.Option("--end", help="Last date, included.", metavar="DATE")]
Freq: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--freq",
        help="Dates between start and end: D days, B weekdays, trading_days, W Fridays, ME, QE, YE ends of "
        "months, quarters, years, BME, BQE, BYE their last weekdays. The default is ME.",
    ),
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option("--as-of", help="Use only filings that were public at this day's close.", metavar="DATE"),
]
Factors: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--factor", help="Show only this factor; repeat for more.", metavar="FACTOR"),
]
Define: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--define",
        help="Add a factor of your own, such as ev_to_sales=enterprise_value/revenue; repeat for more.",
        metavar="NAME=EXPRESSION",
    ),
]
Vintage: TypeAlias = Annotated[
    str,
    typer.Option(
        "--vintage",
        help="Version of restated figures: known (newest at each date), first, latest (hindsight).",
        metavar="VINTAGE",
    ),
]
SnapshotAt: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--snapshot",
        help="Read an earlier snapshot: its id, its pin, or a time such as 2026-01-01T00:00:00Z.",
        metavar="SNAPSHOT",
    ),
]
Cache: TypeAlias = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder of the old cache.", show_default=False)
]
BackupFolder: TypeAlias = Annotated[
    Path, typer.Argument(help="Folder of the backup.", metavar="PATH", show_default=False)
]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
Deep: TypeAlias = Annotated[bool, typer.Option("--deep", help="Read every value of every kept snapshot.")]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Hold the options that every command accepts."""

    lake: str | None
    output: Output
    env: str | None = None
    config: str | None = None


class Program(TyperGroup):
    """Accept the global options on either side of the command, and print errors in one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        for argument in args:
            if not argument.isascii() and argument != argument.encode(errors="replace").decode():
                ctx.fail(f"{argument!r} contains bytes that are not text.")
        return super().parse_args(ctx, _globals_first(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with errors_in_one_line(lambda message: with_options(message, self._invoked(ctx))):
            return super().invoke(ctx)

    def _invoked(self, ctx: Any) -> Any:
        """Return the command that runs; None before the program knows it."""
        return self.get_command(ctx, ctx.invoked_subcommand) if ctx.invoked_subcommand else None


app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"factorlab-lake {metadata.version('factorlab-lake')}")
        raise typer.Exit


@app.callback()
def program(
    ctx: typer.Context,
    *,
    lake: Annotated[
        str | None,
        typer.Option(
            help="Folder of the lake, or for queries the address of a server. "
            "The default is FACTORLAB_LAKE, then the environment's database, then data/lake.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            help="Name of the environment. The default is FACTORLAB_ENV, the only one, or development.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="File of the environments. The default is FACTORLAB_CONFIG, then config/environments.yaml.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print rows as CSV.")] = False,
    columns: Annotated[
        str | None,
        typer.Option(help="Print only these columns, such as symbol,date,market_cap.", metavar="NAMES"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the answer to FILE: .csv, .parquet, .xlsx or .json.", metavar="FILE"),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only answers, warnings and errors.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Store company fundamentals and prices, and query them as they were known at each date.

    The options below can also follow the command. Run `factorlab-lake COMMAND --help` for its options.

    Exit codes: 0 done, 1 a known error, 2 wrong usage, 3 a check found faults, 130 interrupted.

    Example: factorlab-lake --lake data/lake caps AAPL GOOGL --date 2021-03-31
    """
    if json + csv + (output is not None) > 1:
        raise typer.BadParameter("give one of --json, --csv and --output")
    if output is not None:
        check(output)
    form = OutputFormat.JSON if json else OutputFormat.CSV if csv else OutputFormat.TABLE
    chosen = tuple(name.strip() for name in columns.split(",")) if columns is not None else ()
    ctx.obj = GlobalOptions(lake, Output(form, chosen, output, quiet), env, config)


def options(ctx: typer.Context) -> GlobalOptions:
    """Return the global options."""
    global_options: GlobalOptions = ctx.obj
    return global_options


def lake_path(ctx: typer.Context) -> Path:
    """Return the folder of the lake; raise :class:`InvalidInput` for the address of a server."""
    from factorlab_lake.storage.layout import is_address, layout_at

    place = _lake_place(ctx)
    if options(ctx).lake is None and is_address(place):
        raise InvalidInput(
            "The settings name the address of a server, but this needs a folder; add --lake FOLDER. "
            "`factorlab-lake config` shows where the address comes from."
        )
    return layout_at(place).root


def open_lake(
    ctx: typer.Context, *, create: bool | None = False, at: str | None = None, sandbox: bool = False
) -> Lake:
    """Open the lake; ``at`` selects an earlier snapshot by its id or a time.

    ``create`` is that of :func:`factorlab_lake.open`: only the commands that bring data create a lake.
    """
    lake = fl.open(lake_path(ctx), create=create, sandbox=sandbox)
    if at is None:
        return lake
    return lake.at(int(at) if at.isdecimal() else at)


def open_for_queries(ctx: typer.Context, *, at: str | None = None, sandbox: bool = False) -> Lake:
    """Open the lake in a folder or on a server; a server has only the snapshot of its last sync."""
    from factorlab_lake.storage.layout import is_address

    place = _lake_place(ctx)
    if not is_address(place):
        return open_lake(ctx, at=at, sandbox=sandbox)
    if at is not None:
        raise InvalidInput(
            "--snapshot needs a lake in a folder, but the lake is the address of a server, which has only "
            "the snapshot of its last sync; `factorlab-lake config` shows where the address comes from."
        )
    chosen = options(ctx)
    lake = fl.open(place, sandbox=sandbox, env=chosen.env, config=chosen.config)
    ctx.call_on_close(lake.close)
    return lake


def _lake_place(ctx: typer.Context) -> str:
    """Return the folder or address of the lake: ``--lake``, else the setting, else ``data/lake``."""
    chosen = options(ctx)
    return str(lake_place(chosen.lake, env=chosen.env, config=chosen.config))


def _globals_first(arguments: Sequence[str]) -> list[str]:
    """Move global options before the command; leave arguments after ``--`` unchanged.

    >>> _globals_first(["caps", "AAPL", "--json", "--", "--csv"])
    ['--json', 'caps', 'AAPL', '--', '--csv']
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front: list[str] = []
    rest: list[str] = []
    ahead = iter(arguments[:end])
    for argument in ahead:
        if argument in _WITH_VALUE:
            front += [argument, *islice(ahead, 1)]
        elif argument in _WITHOUT_VALUE or argument.partition("=")[0] in _WITH_VALUE:
            front.append(argument)
        else:
            rest.append(argument)
    return [*front, *rest, *arguments[end:]]


@contextmanager
def errors_in_one_line(spelled: Callable[[str], str] = str) -> Iterator[None]:
    """Turn known errors into one line on stderr and an exit code; other exceptions keep their traceback.

    ``spelled`` writes the arguments that a message names as options.
    """
    try:
        with interrupts_raised(), _warnings_in_one_line(spelled):
            yield
    except LakeError as error:
        raise _failed(spelled(str(error))) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; committed data is kept", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Python flushes stdout again at exit, which would print a second BrokenPipeError.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as error:
        raise _failed(_system_message(error)) from None


@contextmanager
def _warnings_in_one_line(spelled: Callable[[str], str]) -> Iterator[None]:
    """Print each :class:`LakeWarning` as one line on stderr.

    The exit code stays 0, but is 1 after a question about symbols of which none is held.
    """
    none_held = False
    with warnings.catch_warnings():
        warnings.simplefilter("always", LakeWarning)
        show = warnings.showwarning

        def show_in_one_line(
            message: Warning | str, category: type[Warning], *rest: Any, **more: Any
        ) -> None:
            nonlocal none_held
            none_held = none_held or (isinstance(message, SymbolNotHeldWarning) and message.none_held)
            if issubclass(category, LakeWarning):
                typer.echo(f"warning: {printable(' '.join(spelled(str(message)).split()))}", err=True)
            else:
                show(message, category, *rest, **more)

        warnings.showwarning = show_in_one_line
        yield
    if none_held:
        raise typer.Exit(ERROR)


def _failed(message: str) -> typer.Exit:
    """Print the message as one line, without the pointers that DuckDB draws under a query."""
    line = " ".join(re.sub(r"^ *\^[\^~]* *$", "", message, flags=re.MULTILINE).split())
    typer.echo(f"error: {printable(line)}", err=True)
    return typer.Exit(ERROR)


def _system_message(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
