"""The command that asks a provider for what the lake does not hold yet."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

import factorlab_lake as fl
from factorlab_lake.cli import display
from factorlab_lake.cli.app import lake_path, open_lake, options
from factorlab_lake.cli.error_handling import ERROR
from factorlab_lake.cli.output import document_of
from factorlab_lake.cli.progress import call_bar
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.ingest.policy import DEFAULT, FetchPolicy

if TYPE_CHECKING:
    from factorlab_lake.lake import Lake

__all__ = ["fetch"]

_HELD = "held"


def fetch(
    ctx: typer.Context,
    symbols: Annotated[
        list[str] | None,
        typer.Argument(help="The symbol, such as AAPL.", metavar="[SYMBOL]...", show_default=False),
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="Read more symbols from a text file, one per line.", metavar="FILE")
    ] = None,
    universe: Annotated[
        str | None, typer.Option(help="held: every symbol in the lake.", metavar="NAME")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="profiles, splits, prices, dividends, statements (these five unless given), ratios, "
            "unadjusted_prices, market_caps; can be repeated.",
            metavar="KIND",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="First date. The default is the full history.", metavar="DATE")
    ] = None,
    provider: Annotated[str, typer.Option(help="The data provider.", metavar="NAME")] = "fmp",
    restatement_days: Annotated[
        int, typer.Option(help="Fetch recent quarters again after this many days.", min=1)
    ] = DEFAULT.restatement_days,
    everything: Annotated[
        bool, typer.Option("--everything", help="Fetch everything, including what the lake already has.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the number of calls and the duration, without making any call."
        ),
    ] = False,
) -> None:
    """Ask a provider for what the lake does not hold yet.

    New bars, quarters that can be out by now, restatements now and then; all there is of new symbols. The key
    is read from FMP_API_KEY. Can be cut off and run again: what has landed is not asked for twice. A request
    that fails is listed with the reason and ends the command with exit code 1; all else has landed.

    Example: factorlab-lake fetch AAPL MSFT --kind prices --dry-run
    """
    output = options(ctx).output
    output.check_no_csv()
    if universe not in (None, _HELD):
        raise InvalidInput(f"No universe is called {universe!r}; the one there is is {_HELD!r}.")
    wanted: dict[str, Any] = {
        "kinds": kind,
        "since": since,
        "policy": FetchPolicy(restatement_days=restatement_days, everything=everything),
    }
    given = [*(symbols or []), *(_listed(file) if file else [])]
    if dry_run:
        planned = _plan(ctx, provider, given, universe, wanted)
        output.document(document_of(planned), display.fetch_plan_lines(planned))
        return
    lake = open_lake(ctx, create=universe is None)
    with call_bar("fetching", output) as progress:
        report = lake.fetch(provider, _chosen(lake, given, universe), **wanted, progress=progress)
    output.document(document_of(report), display.fetch_lines(report))
    if not report.clean:
        raise typer.Exit(ERROR)


def _plan(
    ctx: typer.Context, provider: str, given: list[str], universe: str | None, wanted: dict[str, Any]
) -> Any:
    """Plan a run, for a lake that need not be there yet and is not made."""
    if universe is not None or (lake_path(ctx) / "_lake").exists():
        lake = open_lake(ctx)
        return lake.plan_fetch(provider, _chosen(lake, given, universe), **wanted)
    with TemporaryDirectory() as folder:
        return fl.open(folder).plan_fetch(provider, _chosen(None, given, None), **wanted)


def _chosen(lake: Lake | None, given: list[str], universe: str | None) -> list[str]:
    held = lake.held_symbols() if lake is not None and universe else []
    if not given and not held:
        raise InvalidInput(
            "No symbol to fetch: name some, give --file FILE or, when the lake holds some, --universe held."
        )
    return list(dict.fromkeys([*given, *held]))


def _listed(file: Path) -> list[str]:
    """Return the symbols of a file: one on each line, empty lines and what follows a # left out."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise NotFound(f"No file {file}; give a text file with one symbol on each line.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is no text in UTF-8; give one symbol on each line.") from None
    symbols = [line.split("#", 1)[0].strip() for line in lines]
    odd = [s for s in symbols if len(s.split()) > 1 or "," in s]
    if odd:
        raise InvalidInput(f"{file} has a line {odd[0]!r}; give one symbol on each line, nothing else.")
    return [s for s in symbols if s]
