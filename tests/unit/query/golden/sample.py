"""What the sample taken on 2021-03-31 holds, read from its files in exact fractions, without the package."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
SAMPLE = ROOT / "data" / "sample"
CACHE = SAMPLE / "taken_2021-03-31"
ZEROS = ROOT / "factorlab_lake" / "schema" / "line_items.csv"  # says of each line item what a 0 in it means

DAYS_PER_SYMBOL = 60

NEW_YORK = ZoneInfo("America/New_York")
MARKET_CLOSE = time(16)
HALF_OF_THE_FOURTH_DECIMAL = Fraction(1, 20_000)

FOLDERS = {"income": "income_statements", "balance_sheet": "balance_sheets", "cash_flow": "cash_flows"}
SHARES = "weighted_average_shares_outstanding"
DEPRECIATION = "depreciation_and_amortization_cash_flow"  # the income statement has an item of that name too
FIELDS = {
    "income": {
        "revenue": "revenue",
        "gross_profit": "grossProfit",
        "operating_income": "operatingIncome",
        "income_before_tax": "incomeBeforeTax",
        "income_tax_expense": "incomeTaxExpense",
        "net_income": "netIncome",
        SHARES: "weightedAverageShsOut",
    },
    "balance_sheet": {
        "cash_and_cash_equivalents": "cashAndCashEquivalents",
        "short_term_investments": "shortTermInvestments",
        "total_current_assets": "totalCurrentAssets",
        "total_assets": "totalAssets",
        "total_current_liabilities": "totalCurrentLiabilities",
        "preferred_stock": "preferredStock",
        "minority_interest": "minorityInterest",
        "total_stockholders_equity": "totalStockholdersEquity",
        "total_debt": "totalDebt",
    },
    "cash_flow": {
        DEPRECIATION: "depreciationAndAmortization",
        "dividends_paid": "dividendsPaid",
        "preferred_dividends_paid": "preferredDividendsPaid",
        "operating_cash_flow": "operatingCashFlow",
        "free_cash_flow": "freeCashFlow",
    },
}


@dataclass(frozen=True)
class Statement:
    """One statement and since when it is known; an item that it does not report is not in ``items``."""

    fiscal_date: date
    period: str
    available: date
    currency: str
    items: dict[str, Fraction]


@dataclass(frozen=True)
class Company:
    """Everything the sample holds of one symbol."""

    symbol: str
    statements: dict[str, list[Statement]]
    closes: dict[date, Fraction]

    def known(self, kind: str, day: date) -> list[Statement]:
        """Return the statements of a kind that could be used at the close of a day."""
        return [statement for statement in self.statements[kind] if statement.available <= day]


def days_of(symbol: str) -> list[date]:
    """Return the days to answer for: the symbol's paragraph of ``days.txt``."""
    paragraphs = (HERE / "days.txt").read_text().split("\n\n")
    [paragraph] = [text for text in paragraphs if text.startswith(f"{symbol}\n")]
    words = " ".join(line.split("|")[0] for line in paragraph.splitlines()[1:]).split()
    days = [date.fromisoformat(word) for word in words]
    if len(days) != DAYS_PER_SYMBOL or days != sorted(set(days)):
        raise ValueError(f"{symbol}: {len(days)} days, expected {DAYS_PER_SYMBOL} different ones in order")
    return days


def envelopes(symbol: str, folder: str) -> Iterator[dict[str, Any]]:
    """Yield the decoded cache files of a symbol; numbers stay exact."""
    for path in sorted((CACHE / folder).glob(f"{symbol}_*.json.gz")):
        yield json.loads(gzip.decompress(path.read_bytes()), parse_float=Decimal)


def zero_means_missing() -> set[tuple[str, str]]:
    """Return the (statement, column) pairs in which vendors write 0 for what was not reported."""
    with ZEROS.open(newline="") as file:
        return {(row["statement"], row["column"]) for row in csv.DictReader(file) if row["zero"] == "missing"}


def available_on(record: dict[str, Any]) -> date:
    """Return the first day on whose close a filing could be used: accepted by 16:00, else the day after."""
    accepted = datetime.fromisoformat(record["acceptedDate"])  # New York wall time
    return accepted.date() + timedelta(days=accepted.time() > MARKET_CLOSE)


def statement_of(kind: str, record: dict[str, Any], unreported: set[tuple[str, str]]) -> Statement:
    """Return one record with its items under the names of the answers, unreported ones left out."""
    items = {}
    for column, field in FIELDS[kind].items():
        value = record.get(field)
        listed = "depreciation_and_amortization" if column == DEPRECIATION else column
        if value is not None and not (value == 0 and (kind, listed) in unreported):
            items[column] = Fraction(value)
    fiscal_date = date.fromisoformat(record["date"])
    return Statement(fiscal_date, record["period"], available_on(record), record["reportedCurrency"], items)


def statements_of(symbol: str, kind: str) -> list[Statement]:
    """Return each fiscal period's statement once, although it lies in several files."""
    unreported = zero_means_missing()
    result: dict[tuple[date, str], Statement] = {}
    for envelope in envelopes(symbol, FOLDERS[kind]):
        for record in envelope["data"]:
            statement = statement_of(kind, record, unreported)
            key = (statement.fiscal_date, statement.period)
            if result.setdefault(key, statement) != statement:
                raise ValueError(f"{symbol} {kind} {key}: a second version, for which there is no rule")
    statements = [result[key] for key in sorted(result)]
    refuse_years_without_quarter(statements, f"{symbol} {kind}")
    return statements


def refuse_years_without_quarter(statements: list[Statement], of: str) -> None:
    """Fail where a fiscal year is known before its last quarter: to derive that one there is no rule here."""
    quarters = {statement.fiscal_date: statement for statement in statements if statement.period != "FY"}
    for year in (statement for statement in statements if statement.period == "FY"):
        if year.fiscal_date not in quarters or quarters[year.fiscal_date].available > year.available:
            raise ValueError(f"{of} {year.fiscal_date}: a fiscal year is known before its last quarter")


def splits_since(symbol: str, day: date, until: date) -> Fraction:
    """Return how many shares of ``until`` one share of ``day`` became: splits with day < ex-date <= until."""
    factor = Fraction(1)
    with (SAMPLE / "splits.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["symbol"] == symbol and day < date.fromisoformat(row["date"]) <= until:
                factor *= Fraction(int(row["numerator"]), int(row["denominator"]))
    return factor


def unrounded(close: Fraction, factor: Fraction) -> Fraction:
    """Return a close without the rounding that its re-basing by later splits brought in.

    The vendor divides by the splits since and rounds to four decimals. Shares trade in whole cents: when some
    whole-cent price of that day comes out as this close, it is what was traded, and its exact share is taken.
    """
    if factor == 1:
        return close
    exact = Fraction(round(close * factor * 100), 100) / factor
    return exact if abs(exact - close) <= HALF_OF_THE_FOURTH_DECIMAL else close


def closes_of(symbol: str) -> dict[date, Fraction]:
    """Return the closes by day, per share as split on the day of the fetch."""
    closes = {}
    for envelope in envelopes(symbol, "price_data"):
        fetched = datetime.fromtimestamp(float(envelope["_cached_at"]), tz=NEW_YORK).date()
        for bar in envelope["data"]:
            day = date.fromisoformat(bar["date"])
            closes[day] = unrounded(Fraction(bar["close"]), splits_since(symbol, day, fetched))
    return closes


def company(symbol: str) -> Company:
    """Return all that the sample holds of a symbol."""
    return Company(symbol, {kind: statements_of(symbol, kind) for kind in FOLDERS}, closes_of(symbol))
