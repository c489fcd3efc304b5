"""Define the command that sets the figures of a symbol side by side: of providers, or of two fetches."""

from __future__ import annotations

from typing import Annotated

import typer

from factorlab_lake.cli.app import AsOf, SnapshotAt, open_for_queries, options
from factorlab_lake.errors import InvalidInput

__all__ = ["compare"]

_CHANGES = (
    "provider", "statement_type", "fiscal_date", "fiscal_period", "item", "before", "after", "difference",
    "kind",
)  # fmt: skip


def compare(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(help="The symbol, such as AAPL.", show_default=False)],
    *,
    generations: Annotated[
        bool, typer.Option("--generations", help="Compare two fetches of each provider, by item.")
    ] = False,
    before: Annotated[
        str | None,
        typer.Option("--before", help="Day of the earlier fetch; by default the one before.", metavar="DATE"),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", help="Day of the later fetch; by default the last one.", metavar="DATE"),
    ] = None,
    as_of: AsOf = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Compare the figures of providers, or of two fetches.

    Prints a row per period and item, with a column per provider. With --generations, compares each provider
    with itself: prints a row per item that changed between two fetches, and the kind of change.

    Example: factorlab-lake compare AAPL --generations
    """
    if (as_of is not None) if generations else (before is not None or after is not None):
        raise InvalidInput("Use --before and --after with --generations, and --as-of without it.")
    lake = open_for_queries(ctx, at=snapshot)
    if generations:
        options(ctx).output.rows(lake.compare_generations(symbol, before=before, after=after), _CHANGES)
    else:
        options(ctx).output.rows(lake.compare_providers(symbol, as_of=as_of))
