"""Answer the questions in pandas over frames in memory, with ``merge_asof``."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from benchmarks.peers.flows import FLOWS

__all__ = ["BAR_COLUMNS", "COUNT_COLUMNS", "SHEET_COLUMNS", "SUM_COLUMNS", "caps", "factors", "grid", "ttm"]

# What market caps and factors need of bars, share counts, income statements and balance sheets.
BAR_COLUMNS = ["symbol", "date", "close_price", "split_basis_date"]
_KNOWN = ["symbol", "fiscal_date", "available_date"]
COUNT_COLUMNS = [*_KNOWN, "split_basis_date", "weighted_average_shares_outstanding"]
SUM_COLUMNS = [*_KNOWN, "revenue", "net_income"]
SHEET_COLUMNS = [*_KNOWN, "total_stockholders_equity"]
_PRICE_AGE, _STATEMENT_AGE = pd.Timedelta(days=10), pd.Timedelta(days=200)
_SHORTEST, _LONGEST = pd.Timedelta(days=245), pd.Timedelta(days=300)


def grid(symbols: list[str], dates: list[date]) -> pd.DataFrame:
    """Return each pair of symbol and date, in order of date."""
    days = pd.DataFrame({"date": pd.to_datetime(sorted(dates)).as_unit("ms")})
    return days.merge(pd.DataFrame({"symbol": symbols}), how="cross")


def caps(pairs: pd.DataFrame, bars: pd.DataFrame, counts: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    """Return symbol, date, market_cap, in order of symbol and date."""
    bars = bars.rename(columns={"date": "price_date", "split_basis_date": "price_basis"})
    facts = _as_of(pairs, bars, "price_date", tolerance=_PRICE_AGE)
    facts = _as_of(facts, counts, "available_date").merge(splits, on="symbol", how="left")
    fresh = facts["date"] - facts["fiscal_date"] <= _STATEMENT_AGE
    cap = _exact_close(facts) * facts["weighted_average_shares_outstanding"] * _factor(facts)
    answer = facts[["symbol", "date"]].assign(market_cap=cap.where(fresh))
    return answer.sort_values(["symbol", "date"])


def factors(capped: pd.DataFrame, income: pd.DataFrame, sheets: pd.DataFrame) -> pd.DataFrame:
    """Return market caps with pe_ratio, pb_ratio, roe and net_margin beside them."""
    pairs = capped.sort_values("date")
    facts = _as_of(pairs, _years(income, SUM_COLUMNS[3:]), "available_date").rename(
        columns={"fiscal_date": "year_end"}
    )
    facts = _as_of(facts.drop(columns="available_date"), sheets, "available_date")
    fresh = facts["date"] - facts["year_end"] <= _STATEMENT_AGE
    profit, sales = facts["net_income"].where(fresh), facts["revenue"].where(fresh & (facts["revenue"] > 0))
    equity = facts["total_stockholders_equity"]
    book = equity.where((facts["date"] - facts["fiscal_date"] <= _STATEMENT_AGE) & (equity > 0))
    cap = facts["market_cap"]
    return (
        facts[["symbol", "date", "market_cap"]]
        .assign(
            pe_ratio=cap / profit.where(profit > 0),
            pb_ratio=cap / book,
            roe=profit / book,
            net_margin=profit / sales,
        )
        .sort_values(["symbol", "date"])
    )


def ttm(pairs: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the sums of all flows; ``tables`` are the statements by the name of their table."""
    income, cash = (_years(tables[name], list(FLOWS[name])).rename(columns=FLOWS[name]) for name in FLOWS)
    keys = ["symbol", "fiscal_date"]
    sums = income.merge(cash.drop(columns="available_date"), on=keys, how="left")
    facts = _as_of(pairs, sums, "available_date").drop(columns="available_date")
    figures = facts.columns.difference(["symbol", "date"])
    fresh = facts["date"] - facts["fiscal_date"] <= _STATEMENT_AGE
    facts[figures] = facts[figures].where(fresh)
    return facts.sort_values(["symbol", "date"])


def _as_of(
    left: pd.DataFrame, right: pd.DataFrame, known: str, tolerance: pd.Timedelta | None = None
) -> pd.DataFrame:
    right = right.sort_values(known)
    return pd.merge_asof(left, right, left_on="date", right_on=known, by="symbol", tolerance=tolerance)


def _years(statements: pd.DataFrame, items: list[str]) -> pd.DataFrame:
    """Return the sums of four consecutive quarters."""
    rows = statements.sort_values(["symbol", "fiscal_date"], ignore_index=True)
    by_symbol = rows.groupby("symbol")
    sums = by_symbol[items].rolling(4).sum().reset_index(drop=True)
    span = rows["fiscal_date"] - by_symbol["fiscal_date"].shift(3)
    return rows[["symbol", "fiscal_date", "available_date"]].join(sums)[span.between(_SHORTEST, _LONGEST)]


def _exact_close(facts: pd.DataFrame) -> pd.Series[float]:
    """Undo the rounding of a close that was divided by a later split: shares trade in whole cents."""
    close, ratio = facts["close_price"], facts["ratio"]
    later = (facts["price_date"] < facts["ex"]) & (facts["ex"] <= facts["price_basis"])
    traded = close * ratio.where(later)
    cents = traded.round(2)
    exact = (close * 1e4 - (close * 1e4).round()).abs() < 1e-5  # noqa: PLR2004 - to four decimals
    return close.where(~(exact & ((traded - cents).abs() <= 5.01e-5 * ratio) & later), cents / ratio)


def _factor(facts: pd.DataFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Bring a share count that counts a later split to the basis of the price."""
    between = (facts["price_basis"] < facts["ex"]) & (facts["ex"] <= facts["split_basis_date"])
    return np.where(between, 1 / facts["ratio"], 1.0)
