"""The same questions written by hand in polars, over the same Parquet files."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from benchmarks.files import Files

__all__ = ["bars", "factors", "market_caps", "statements"]

_FLOWS = ["revenue", "gross_profit", "operating_income", "net_income"]
_SHEET = [
    "total_stockholders_equity",
    "total_assets",
    "total_debt",
    "total_current_assets",
    "total_current_liabilities",
]


def market_caps(files: Files, symbols: list[str], dates: list[date]) -> pl.DataFrame:
    """Return symbol, date, market_cap: two as-of joins and one look at the splits.

    Simpler than ours where this data allows it: no amended statements, one split per symbol at most, no
    share counts but the quarters' averages, no reasons.
    """
    grid = _grid(symbols, dates)
    prices = _prices(files, symbols, min(dates) - timedelta(days=10), max(dates))
    counts = (
        _of(files, "income_statements", symbols)
        .select(
            "symbol",
            "fiscal_date",
            "available_date",
            "split_basis_date",
            shares="weighted_average_shares_outstanding",
        )
        .sort("available_date")
    )
    splits = pl.scan_parquet(files["splits"]).select(
        "symbol", ex="date", ratio=pl.col("numerator") / pl.col("denominator")
    )
    facts = (
        _as_of(grid, prices, "price_date", tolerance="10d")
        .pipe(_as_of, counts, "available_date")
        .join(splits, on="symbol", how="left")
    )
    fresh = (pl.col("date") - pl.col("fiscal_date")) <= timedelta(days=200)
    return facts.select(
        "symbol", "date", market_cap=pl.when(fresh).then(_exact_close() * pl.col("shares") * _factor())
    ).sort("symbol", "date").collect()  # fmt: skip


def factors(files: Files, symbols: list[str], dates: list[date]) -> pl.DataFrame:
    """Return market_cap, pe_ratio, pb_ratio, roe, net_margin: rolling sums of four quarters, joined as of."""
    income = _of(files, "income_statements", symbols).sort("symbol", "fiscal_date")
    span = pl.col("fiscal_date") - pl.col("fiscal_date").shift(3).over("symbol")
    sums = (
        income.select(
            "symbol", "fiscal_date", "available_date", span.alias("span"), *(_four(n) for n in _FLOWS)
        )
        .filter(pl.col("span").is_between(timedelta(days=245), timedelta(days=300)))
        .sort("available_date")
    )
    sheets = _of(files, "balance_sheets", symbols).select("symbol", "fiscal_date", "available_date", *_SHEET)
    sheets = sheets.sort("available_date")
    joined = _grid(symbols, dates)
    for side, name in ((sums, "ttm"), (sheets, "sheet")):
        dated = side.rename({"fiscal_date": f"{name}_date", "available_date": f"{name}_known"})
        joined = _as_of(joined, dated, f"{name}_known")
    caps = market_caps(files, symbols, dates).lazy()
    return _ratios(joined.join(caps, on=["symbol", "date"])).sort("symbol", "date").collect()


def bars(files: Files, symbol: str, first: date, last: date) -> pl.DataFrame:
    """Return one symbol's bars between two dates."""
    wanted = (pl.col("symbol") == symbol) & pl.col("date").is_between(first, last)
    return pl.scan_parquet(files["price_data"]).filter(wanted).sort("date").collect()


def statements(files: Files, symbol: str, first: date, last: date) -> list[pl.DataFrame]:
    """Return one symbol's statements of each type whose period ends between two dates."""
    wanted = (pl.col("symbol") == symbol) & pl.col("fiscal_date").is_between(first, last)
    names = ("income_statements", "balance_sheets", "cash_flows")
    return pl.collect_all(pl.scan_parquet(files[n]).filter(wanted).sort("fiscal_date") for n in names)


def _grid(symbols: list[str], dates: list[date]) -> pl.LazyFrame:
    days = pl.LazyFrame({"date": sorted(dates)})
    return (
        days.join(pl.LazyFrame({"symbol": symbols}), how="cross").select("symbol", "date").set_sorted("date")
    )


def _prices(files: Files, symbols: list[str], first: date, last: date) -> pl.LazyFrame:
    wanted = pl.col("date").is_between(first, last) & pl.col("symbol").is_in(symbols)
    return (
        pl.scan_parquet(files["price_data"])
        .filter(wanted)
        .select("symbol", price_date="date", close="close_price", price_basis="split_basis_date")
        .sort("price_date")
    )


def _of(files: Files, name: str, symbols: list[str]) -> pl.LazyFrame:
    return pl.scan_parquet(files[name]).filter(pl.col("symbol").is_in(symbols))


def _as_of(left: pl.LazyFrame, right: pl.LazyFrame, known: str, tolerance: str | None = None) -> pl.LazyFrame:
    """Join the newest row known at each date; both sides must be in order of their dates."""
    return left.join_asof(
        right, left_on="date", right_on=known, by="symbol", tolerance=tolerance, check_sortedness=False
    )


def _four(name: str) -> pl.Expr:
    return pl.col(name).rolling_sum(4).over("symbol")


def _exact_close() -> pl.Expr:
    """Undo the rounding of a close that was divided by a later split: shares trade in whole cents."""
    close = pl.col("close")
    later = (pl.col("price_date") < pl.col("ex")) & (pl.col("ex") <= pl.col("price_basis"))
    since = pl.when(later).then(pl.col("ratio"))
    traded = close * since
    cents = (traded * 100).round() / 100
    off = (close * 1e4 - (close * 1e4).round()).abs() < 1e-5  # noqa: PLR2004 - given to four decimals
    return pl.when(off & ((traded - cents).abs() <= 5.01e-5 * since)).then(cents / since).otherwise(close)


def _factor() -> pl.Expr:
    """Bring a share count that counts a later split to the basis of the price."""
    between = (pl.col("price_basis") < pl.col("ex")) & (pl.col("ex") <= pl.col("split_basis_date"))
    return pl.when(between).then(1 / pl.col("ratio")).otherwise(1.0)


def _ratios(facts: pl.LazyFrame) -> pl.LazyFrame:
    limit = timedelta(days=200)
    ttm = (pl.col("date") - pl.col("ttm_date")) <= limit
    sheet = (pl.col("date") - pl.col("sheet_date")) <= limit
    income = pl.when(ttm).then("net_income")
    sales = pl.when(ttm & (pl.col("revenue") > 0)).then("revenue")
    book = pl.when(sheet & (pl.col("total_stockholders_equity") > 0)).then("total_stockholders_equity")
    return facts.select(
        "symbol",
        "date",
        "market_cap",
        pe_ratio=pl.col("market_cap") / pl.when(income > 0).then(income),
        pb_ratio=pl.col("market_cap") / book,
        roe=income / book,
        net_margin=income / sales,
    )
