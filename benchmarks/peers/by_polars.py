"""Answer the same questions with polars code, over the same Parquet files or in memory."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TypeAlias

import polars as pl

from benchmarks.peers.flows import FLOWS, NEEDED
from benchmarks.sources import Sources
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["Answers", "InMemory"]

_Tables: TypeAlias = dict[str, pl.LazyFrame]

_BOOK = "total_stockholders_equity"
_TWO_FLOWS = ["revenue", "net_income"]
_YEAR = (timedelta(days=245), timedelta(days=300))  # from the first to the last end of four quarters


class Answers:
    """Answer from lazy frames over the files, collected once per question."""

    def __init__(self, sources: Sources) -> None:
        self._tables = {
            n: pl.scan_parquet(sources.files[n], hive_partitioning=n == "price_data") for n in NEEDED
        }

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return symbol, date, market_cap: two as-of joins and a join of the splits.

        Simpler than ours where this data allows it: no amended statements, one split per symbol at most, no
        share counts but the quarters' averages, no reasons.
        """
        return _market_caps(self._tables, symbols, dates).collect()

    def factors(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return five factors: rolling sums of four quarters and the newest balance sheet, joined as of."""
        tables = self._tables
        sheets = _of(tables, "balance_sheets", symbols).select(
            "symbol", "fiscal_date", "available_date", _BOOK
        )
        sums = _years(_of(tables, "income_statements", symbols), _TWO_FLOWS).sort("available_date")
        joined = _grid(symbols, dates)
        for side, name in ((sums, "ttm"), (sheets.sort("available_date"), "sheet")):
            dated = side.rename({"fiscal_date": f"{name}_date", "available_date": f"{name}_known"})
            joined = _as_of(joined, dated, f"{name}_known")
        caps = _market_caps(tables, symbols, dates)
        return _ratios(joined.join(caps, on=["symbol", "date"])).sort("symbol", "date").collect()

    def ttm(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return the sums of all flows: of the newest four quarters known at each date."""
        if len(dates) > 1:
            return _ttm(self._tables, symbols, dates).collect()
        (day,) = dates
        income, cash = (_sums(_of(self._tables, name, symbols), name, day) for name in FLOWS)
        sums = income.join(cash, on=["symbol", "fiscal_date"], how="left")
        return _grid(symbols, dates).join(sums, on="symbol", how="left").sort("symbol").collect()

    def prices(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's bars between two dates."""
        condition = (pl.col("symbol") == symbol) & pl.col("date").is_between(first, last)
        return _bars(self._tables, first, last).filter(condition).sort("date").collect()

    def statements(self, symbol: str, first: date, last: date) -> list[pl.DataFrame]:
        """Return one symbol's statements of each type whose period ends between two dates."""
        condition = (pl.col("symbol") == symbol) & pl.col("fiscal_date").is_between(first, last)
        scans = [self._tables[name].filter(condition) for name in STATEMENT_TABLES.values()]
        return pl.collect_all(s.sort("fiscal_date") for s in scans)

    def quarters(self, symbols: list[str], first: date, last: date) -> pl.DataFrame:
        """Return the flows of each reported quarter."""
        ends = pl.col("fiscal_date").is_between(first, last)
        income, cash = (
            _of(self._tables, name, symbols)
            .filter(ends)
            .select("symbol", "fiscal_date", *(pl.col(item).alias(to) for item, to in flows.items()))
            for name, flows in FLOWS.items()
        )
        return income.join(cash, on=["symbol", "fiscal_date"]).sort("symbol", "fiscal_date").collect()


class InMemory(Answers):
    """Read the tables into memory once and answer from there."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        self._tables = {name: scan.collect().lazy() for name, scan in self._tables.items()}


def _market_caps(tables: _Tables, symbols: list[str], dates: list[date]) -> pl.LazyFrame:
    prices = _prices(tables, symbols, min(dates) - timedelta(days=10), max(dates))
    counts = (
        _of(tables, "income_statements", symbols)
        .select(
            "symbol",
            "fiscal_date",
            "available_date",
            "split_basis_date",
            shares="weighted_average_shares_outstanding",
        )
        .sort("available_date")
    )
    splits = tables["splits"].select("symbol", ex="date", ratio=pl.col("numerator") / pl.col("denominator"))
    facts = (
        _as_of(_grid(symbols, dates), prices, "price_date", tolerance="10d")
        .pipe(_as_of, counts, "available_date")
        .join(splits, on="symbol", how="left")
    )
    fresh = (pl.col("date") - pl.col("fiscal_date")) <= timedelta(days=200)
    cap = pl.when(fresh).then(_exact_close() * pl.col("shares") * _factor())
    return facts.select("symbol", "date", market_cap=cap).sort("symbol", "date")


def _ttm(tables: _Tables, symbols: list[str], dates: list[date]) -> pl.LazyFrame:
    """Join the sums of both statements as of each date."""
    income, cash = (
        _years(_of(tables, name, symbols), list(flows)).rename(flows) for name, flows in FLOWS.items()
    )
    sums = income.join(cash.drop("available_date"), on=["symbol", "fiscal_date"], how="left")
    joined = _as_of(_grid(symbols, dates), sums.sort("available_date"), "available_date")
    fresh = pl.col("date") - pl.col("fiscal_date") <= timedelta(days=200)
    values = [n for flows in FLOWS.values() for n in flows.values()]
    return joined.select(
        "symbol", "date", *(pl.when(fresh).then(pl.col(n)).alias(n) for n in ("fiscal_date", *values))
    ).sort("symbol", "date")


def _years(statements: pl.LazyFrame, items: list[str]) -> pl.LazyFrame:
    """Return the sums of four consecutive quarters, by symbol and fiscal date."""
    quarters = statements.sort("symbol", "fiscal_date")
    span = pl.col("fiscal_date") - pl.col("fiscal_date").shift(3).over("symbol")
    sums = [pl.col(name).rolling_sum(4).over("symbol") for name in items]
    return (
        quarters.select("symbol", "fiscal_date", "available_date", span.alias("span"), *sums)
        .filter(pl.col("span").is_between(*_YEAR))
        .drop("span")
    )


def _sums(statements: pl.LazyFrame, name: str, day: date) -> pl.LazyFrame:
    """Return the sums of the newest four quarters known on a day that make up a year, by symbol."""
    end = pl.col("fiscal_date")
    known = statements.filter(pl.col("available_date") <= day, end > day - timedelta(days=500), end <= day)
    newest = known.sort("symbol", "fiscal_date").group_by("symbol").agg(
        end.tail(4),
        *(pl.col(item).tail(4).alias(to) for item, to in FLOWS[name].items()),
    )  # fmt: skip
    whole = (end.list.len() == 4) & (end.list.max() - end.list.min()).is_between(*_YEAR)  # noqa: PLR2004
    fresh = day - end.list.max() <= timedelta(days=200)
    return newest.filter(whole & fresh).select(
        "symbol", end.list.max(), *(_sum(pl.col(to)) for to in FLOWS[name].values())
    )


def _sum(values: pl.Expr) -> pl.Expr:
    return pl.when(values.list.drop_nulls().list.len() == 4).then(values.list.sum())  # noqa: PLR2004 - quarters


def _grid(symbols: list[str], dates: list[date]) -> pl.LazyFrame:
    days = pl.LazyFrame({"date": sorted(dates)})
    return (
        days.join(pl.LazyFrame({"symbol": symbols}), how="cross").select("symbol", "date").set_sorted("date")
    )


def _prices(tables: _Tables, symbols: list[str], first: date, last: date) -> pl.LazyFrame:
    condition = pl.col("date").is_between(first, last) & pl.col("symbol").is_in(symbols)
    return (
        _bars(tables, first, last)
        .filter(condition)
        .select("symbol", price_date="date", close="close_price", price_basis="split_basis_date")
        .sort("price_date")
    )


def _bars(tables: _Tables, first: date, last: date) -> pl.LazyFrame:
    return tables["price_data"].filter(pl.col("year").is_between(first.year, last.year))


def _of(tables: _Tables, name: str, symbols: list[str]) -> pl.LazyFrame:
    return tables[name].filter(pl.col("symbol").is_in(symbols))


def _as_of(left: pl.LazyFrame, right: pl.LazyFrame, known: str, tolerance: str | None = None) -> pl.LazyFrame:
    """Join the newest row known at each date; both sides must be in order of their dates."""
    return left.join_asof(
        right, left_on="date", right_on=known, by="symbol", tolerance=tolerance, check_sortedness=False
    )


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
    book = pl.when(sheet & (pl.col(_BOOK) > 0)).then(_BOOK)
    return facts.select(
        "symbol",
        "date",
        "market_cap",
        pe_ratio=pl.col("market_cap") / pl.when(income > 0).then(income),
        pb_ratio=pl.col("market_cap") / book,
        roe=income / book,
        net_margin=income / sales,
    )
