"""Define the commands that bring data into a lake: from providers, from files and from the old cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

import factorlab_lake as fl
from factorlab_lake.cli import display
from factorlab_lake.cli.app import (
    ERROR,
    FAULTS,
    Cache,
    OnlySymbols,
    lake_path,
    open_lake,
    options,
)
from factorlab_lake.cli.fetched_symbols import needs_lake, symbols_in, symbols_of
from factorlab_lake.cli.output import OutputFormat, call_progress, document_of, file_progress, row_progress
from factorlab_lake.errors import FetchFailed, InvalidInput
from factorlab_lake.schema.rules import RESTATEMENT_INTERVAL_DAYS
from factorlab_lake.schema.source_formats import FILE_FORMATS, KNOWN_SOURCES

if TYPE_CHECKING:
    from factorlab_lake.ingest.fetch_report import FetchReport
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationReport
    from factorlab_lake.ingest.load import LoadProgress
    from factorlab_lake.lake import Lake

__all__ = ["fetch", "init", "lake_to_fill", "load", "load_rows", "migrate", "validate"]


@contextmanager
def lake_to_fill(ctx: typer.Context, *, create: bool | None = None) -> Iterator[Lake]:
    """Give the lake, by default a new one where none is; a failure leaves no new lake without data."""
    from factorlab_lake.storage.layout import layout_at
    from factorlab_lake.storage.lock import created_lake

    with created_lake(layout_at(lake_path(ctx))):
        yield open_lake(ctx, create=create)


def init(ctx: typer.Context) -> None:
    """Create an empty lake.

    An existing lake stays unchanged.

    Example: factorlab-lake --lake data/lake init
    """
    lake = open_lake(ctx, create=True)
    document = {"lake": str(lake.path), "snapshot": lake.snapshot.id}
    options(ctx).output.document(document, [f"lake at {lake.path}, snapshot {lake.snapshot.id}"])


def fetch(
    ctx: typer.Context,
    symbols: Annotated[
        list[str] | None,
        typer.Argument(help="The symbol, such as AAPL.", metavar="[SYMBOL]...", show_default=False),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Read more symbols from a text file, one per line, or a CSV file with a column symbol.",
            metavar="FILE",
        ),
    ] = None,
    universe: Annotated[
        str | None,
        typer.Option(
            help="A loaded universe (all symbols that were ever members), a file of symbols, held (every "
            "symbol in the lake), or all (every symbol that the provider lists; sec only).",
            metavar="NAME|FILE",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="profiles, splits, prices, dividends, statements, shares, symbol_changes (the default is "
            "what the provider has of these), ratios, unadjusted_prices, market_caps. Can be repeated.",
            metavar="KIND",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="First date. The default is the full history.", metavar="DATE")
    ] = None,
    provider: Annotated[str, typer.Option(help="The data provider.", metavar="NAME")] = "fmp",
    restatement_days: Annotated[
        int, typer.Option(help="Fetch recent quarters again after this many days.", min=1)
    ] = RESTATEMENT_INTERVAL_DAYS,
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
    """Fetch new data from a provider.

    For a new symbol, fetch downloads the full history. For other symbols, it downloads new bars, quarters
    that are due, and recent quarters again for restatements. The key is read from FMP_API_KEY.

    An interrupted run can be repeated: it does not download committed data again. Failed requests are listed
    with the reason, all other data is committed, and the exit code is 1.

    Example: factorlab-lake fetch AAPL MSFT --kind prices --dry-run
    """
    output = options(ctx).output
    output.check_report()
    request: dict[str, Any] = {
        "kinds": kind,
        "since": since,
        "policy": fl.FetchPolicy(restatement_days=restatement_days, everything=everything),
    }
    names = [*(symbols or []), *(symbols_in(file) if file else [])]
    if dry_run:
        plan = _plan_fetch(ctx, provider, names, universe, request)
        output.document(document_of(plan), plan.lines())
        return
    with lake_to_fill(ctx, create=False if needs_lake(universe) else None) as lake:
        names = symbols_of(lambda: lake, provider, names, universe)
        with call_progress("fetching", output) as progress:
            report = lake.fetch(provider, names, **request, progress=progress)
        if report.failures and not report.records and output.form is OutputFormat.TABLE:
            from factorlab_lake.ingest.fetch_report import nothing_fetched

            raise FetchFailed(nothing_fetched(report))
    output.document(document_of(report), report.lines())
    if not report.clean:
        raise typer.Exit(ERROR)


def _plan_fetch(
    ctx: typer.Context, provider: str, names: list[str], universe: str | None, request: dict[str, Any]
) -> FetchReport:
    """Plan a fetch. A lake that does not exist yet is not created."""
    if needs_lake(universe) or (lake_path(ctx) / "_lake").exists():
        lake = open_lake(ctx)
        return lake.plan_fetch(provider, symbols_of(lambda: lake, provider, names, universe), **request)
    with TemporaryDirectory() as folder:
        lake = fl.open(folder, create=True)
        return lake.plan_fetch(provider, symbols_of(lambda: lake, provider, names, universe), **request)


def load(
    ctx: typer.Context,
    table: Annotated[
        str, typer.Argument(help="The table, such as splits or company_profiles.", show_default=False)
    ],
    file: Annotated[
        Path,
        typer.Argument(
            help=f"{FILE_FORMATS.capitalize()}. Its columns are the table's, or those of "
            f"{', '.join(KNOWN_SOURCES[:-1])} or {KNOWN_SOURCES[-1]}.",
            show_default=False,
        ),
    ],
    *,
    symbol: Annotated[
        str | None, typer.Option(help="The symbol of all rows, if the file has no column for it.")
    ] = None,
    split_basis: Annotated[
        str | None,
        typer.Option(
            help="own-day for prices as traded, or the day up to which all rows count splits.",
            metavar="own-day|YYYY-MM-DD",
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--map", help="Another name of a column; repeat it for several.", metavar="OLD=NEW"),
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option(
            help="The decimal sign of the file's numbers; the other one separates thousands. The default is "
            "the one that the file shows.",
            metavar=".|,",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all rows and write nothing.")] = False,
) -> None:
    """Load a CSV or Parquet file into a table.

    All rows are committed, or none. Loading the same rows again changes nothing. Splits that a file of prices
    tells are loaded too, with a warning that names each.

    Tables, with the columns that they need: splits (symbol, date, numerator, denominator), dividends (symbol,
    date), company_profiles (symbol), price_data (symbol, date, close_price, split_basis_date),
    shares_outstanding (symbol, as_of_date, source, shares, split_basis_date), symbol_history (symbol,
    valid_from, company_id), universes (universe, symbol, valid_from), fx_rates (base, quote, date, rate)
    or the European Central Bank's file, and income_statements, balance_sheets and cash_flows (symbol,
    fiscal_date, fiscal_period).
    `factorlab-lake sql "DESCRIBE splits"` lists all columns of a table.

    Example: factorlab-lake load splits splits.csv
    """
    output = options(ctx).output
    output.check_report()
    names = dict(_renamed(text) for text in rename or [])
    how = {
        "symbol": symbol,
        "split_basis": split_basis,
        "rename": names,
        "decimal": decimal,
        "dry_run": dry_run,
    }
    with row_progress("checking" if dry_run else "loading", output) as progress:
        if dry_run and not (lake_path(ctx) / "_lake").exists():  # a check creates no lake
            with TemporaryDirectory() as folder:
                document = load_rows(fl.open(folder, create=True), table, file, progress, **how)
        else:
            with lake_to_fill(ctx) as lake:
                document = load_rows(lake, table, file, progress, **how)
    output.document(document, [display.load_line(document, dry_run=dry_run)])


def _renamed(text: str) -> tuple[str, str]:
    old, _, new = text.rpartition("=")
    if not old or not new:
        raise InvalidInput(f"--map {text!r}; expected OLD=NEW, such as --map Date=date.")
    return old, new


def load_rows(
    lake: Lake, table: str, file: Path, progress: LoadProgress | None = None, **how: Any
) -> dict[str, Any]:
    """Load a file, and return the number of its rows and the snapshots before and after."""
    before = lake.snapshot.id
    rows = lake.load(table, file, progress=progress, **how)
    return {"table": table, "rows": rows, "snapshot_before": before, "snapshot_after": lake.snapshot.id}


def migrate(
    ctx: typer.Context,
    cache_dir: Cache,
    symbol: OnlySymbols = None,
    by_symbol: Annotated[bool, typer.Option("--by-symbol", help="Commit after each symbol.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read all files and write nothing.")] = False,
) -> None:
    """Copy every readable record of the old cache into the lake.

    The cache is Factor Lab's folder of JSON files. It is read and never changed. An interrupted run can be
    repeated: it does not read committed files again.

    Unreadable files and rejected records are listed with the reason, all other data is committed, and the
    exit code is 3.

    Example: factorlab-lake migrate data/cache/fmp --dry-run
    """
    output = options(ctx).output
    output.check_report()
    if dry_run:
        report = _plan_migration(ctx, cache_dir, symbol)
    else:
        with file_progress("migrating", output) as progress, lake_to_fill(ctx) as lake:
            report = lake.migrate(cache_dir, symbols=symbol, by_symbol=by_symbol, progress=progress)
    output.document(document_of(report), report.lines())
    if not report.clean:
        raise typer.Exit(FAULTS)


def _plan_migration(ctx: typer.Context, cache_dir: Path, symbols: list[str] | None) -> MigrationReport:
    """Plan a migration. A lake that does not exist yet is not created."""
    if (lake_path(ctx) / "_lake").exists():
        return open_lake(ctx).migrate(cache_dir, symbols=symbols, dry_run=True)
    with TemporaryDirectory() as folder:
        return fl.open(folder, create=True).migrate(cache_dir, symbols=symbols, dry_run=True)


def validate(ctx: typer.Context, cache_dir: Cache, symbol: OnlySymbols = None) -> None:
    """Compare the old cache with the lake, value by value.

    A record is equal, differs, is missing, or was rejected: then rejected_records has it with the reason.
    The exit code is 3 if a file cannot be read, or if a record is not equal.

    Example: factorlab-lake validate data/cache/fmp
    """
    output = options(ctx).output
    output.check_report()
    with file_progress("comparing", output) as progress:
        report = open_lake(ctx).validate(cache_dir, symbols=symbol, progress=progress)
    output.document(document_of(report), report.lines())
    if not report.clean:
        raise typer.Exit(FAULTS)
