"""Expected answers over the sample taken on 2021-03-31, computed from its files and from nothing else.

Plain Python over the JSON, in exact fractions: no table, no SQL and no import of the package, so that the two
can only agree by both being right. Each rule is stated where it is computed.

``python tests/query/golden/compute.py`` writes the expected answers beside itself, one file per question and
one row per line; with ``--check`` it writes nothing and fails when a file is not what it would write.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SAMPLE = ROOT / "data" / "sample"
CACHE = SAMPLE / "taken_2021-03-31"
ZEROS = ROOT / "factorlab_lake" / "schema" / "line_items.csv"  # says of each line item what a 0 in it means

SYMBOLS = ("AAPL", "GOOGL")
DAYS_PER_SYMBOL = 60

NEW_YORK = ZoneInfo("America/New_York")
MARKET_CLOSE = time(16)
PRICE_AGE_LIMIT_DAYS = 10
AGE_LIMIT_DAYS = 200
MORE_DAYS_FOR_A_YEAR = 274
HALF_OF_THE_FOURTH_DECIMAL = Fraction(1, 20_000)

FOLDERS = {"income": "income_statements", "balance_sheet": "balance_sheets", "cash_flow": "cash_flows"}
FIELDS = {
    "income": {
        "revenue": "revenue",
        "gross_profit": "grossProfit",
        "operating_income": "operatingIncome",
        "net_income": "netIncome",
        "weighted_average_shares_outstanding": "weightedAverageShsOut",
    },
    "balance_sheet": {
        "total_current_assets": "totalCurrentAssets",
        "total_assets": "totalAssets",
        "total_current_liabilities": "totalCurrentLiabilities",
        "total_stockholders_equity": "totalStockholdersEquity",
        "total_debt": "totalDebt",
    },
    "cash_flow": {"operating_cash_flow": "operatingCashFlow", "free_cash_flow": "freeCashFlow"},
}
INCOME_FLOWS = ("revenue", "gross_profit", "operating_income", "net_income")
CASH_FLOWS = ("operating_cash_flow", "free_cash_flow")
SHARES = "weighted_average_shares_outstanding"

Row = dict[str, Any]


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


# --- reading --------------------------------------------------------------------------------------------


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
        if value is not None and not (value == 0 and (kind, column) in unreported):
            items[column] = Fraction(value)
    fiscal_date = date.fromisoformat(record["date"])
    return Statement(fiscal_date, record["period"], available_on(record), record["reportedCurrency"], items)


def statements_of(symbol: str, kind: str) -> list[Statement]:
    """Return each fiscal period's statement once, although it lies in several files."""
    unreported = zero_means_missing()
    found: dict[tuple[date, str], Statement] = {}
    for envelope in envelopes(symbol, FOLDERS[kind]):
        for record in envelope["data"]:
            statement = statement_of(kind, record, unreported)
            key = (statement.fiscal_date, statement.period)
            if found.setdefault(key, statement) != statement:
                raise ValueError(f"{symbol} {kind} {key}: a second version, for which there is no rule")
    return [found[key] for key in sorted(found)]


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


def is_stale(statement: Statement, day: date) -> bool:
    """Say whether a statement is too old to use: 200 days after a quarter's end, 274 later for a year's."""
    limit_days = AGE_LIMIT_DAYS + (MORE_DAYS_FOR_A_YEAR if statement.period == "FY" else 0)
    return (day - statement.fiscal_date).days > limit_days


# --- market capitalisation ------------------------------------------------------------------------------


def price_at(of: Company, day: date) -> tuple[date, Fraction] | None:
    """Return the last close on or before a day, at most ten days old."""
    days = [bar for bar in of.closes if bar <= day]
    if not days or (day - max(days)).days > PRICE_AGE_LIMIT_DAYS:
        return None
    return max(days), of.closes[max(days)]


def shares_at(of: Company, day: date) -> Statement | None:
    """Return the statement with the newest known share count: latest end, the quarter's before the year's."""
    counted = [statement for statement in of.known("income", day) if SHARES in statement.items]
    return max(counted, key=lambda statement: (statement.fiscal_date, statement.period != "FY"), default=None)


def share_count_fault(of: Company, day: date) -> str | None:
    """Return why there is no usable share count at a day, or nothing when there is one."""
    counted = shares_at(of, day)
    if counted is None:
        return "shares not reported" if of.known("income", day) else "no statement known"
    return "share count too old" if is_stale(counted, day) else None


def market_cap_value(of: Company, day: date) -> Fraction | None:
    """Return close x shares; both were served on one day and so speak of the same share."""
    price, counted = price_at(of, day), shares_at(of, day)
    if price is None or counted is None or share_count_fault(of, day):
        return None
    return price[1] * counted.items[SHARES]


def market_cap(of: Company, day: date) -> Row:
    """Return the market capitalisation at a day with what it was made of."""
    price, counted = price_at(of, day), shares_at(of, day)
    faults = ["no price within ten days"] if price is None else []
    faults += [fault for fault in [share_count_fault(of, day)] if fault]
    return {
        "price_date": price[0] if price else None,
        "close_price": price[1] if price else None,
        "shares_outstanding": counted.items[SHARES] if counted else None,
        "shares_fiscal_date": counted.fiscal_date if counted else None,
        "shares_available_date": counted.available if counted else None,
        "market_cap": market_cap_value(of, day),
        "reason": "; ".join(faults) or None,
    }


# --- trailing twelve months -----------------------------------------------------------------------------


def consecutive(legs: list[Statement]) -> bool:
    """Say whether these are four quarters in a row, newest first: 75-120 days apart, 245-300 end to end."""
    ends = [leg.fiscal_date for leg in legs]
    apart = [(later - earlier).days for later, earlier in itertools.pairwise(ends)]
    return len(legs) == 4 and all(75 <= days <= 120 for days in apart) and 245 <= sum(apart) <= 300


def legs_at(known: list[Statement]) -> tuple[str, list[Statement]] | None:
    """Return the four quarters up to the newest known end, or in their place the fiscal year's own row."""
    end = max(statement.fiscal_date for statement in known)
    quarters = [leg for leg in known if leg.period != "FY"]
    legs = sorted(quarters, key=lambda leg: leg.fiscal_date, reverse=True)[:4]
    if consecutive(legs) and legs[0].fiscal_date == end:
        return "quarters", legs
    years = [leg for leg in known if leg.period == "FY" and leg.fiscal_date == end]
    return ("fiscal_year", years) if years else None


def cash_legs(of: Company, day: date, legs: list[Statement]) -> list[Statement]:
    """Return the known cash flows of the same periods as the legs; nothing unless each has one."""
    wanted = {(leg.fiscal_date, leg.period) for leg in legs}
    found = [leg for leg in of.known("cash_flow", day) if (leg.fiscal_date, leg.period) in wanted]
    return found if len(found) == len(legs) else []


def sums(legs: list[Statement], columns: Iterable[str]) -> Row:
    """Return the sum of each item over the legs; an item that one of them does not report has none."""
    whole = {column: bool(legs) and all(column in leg.items for leg in legs) for column in columns}
    return {column: sum(leg.items[column] for leg in legs) if whole[column] else None for column in whole}


def ttm(of: Company, day: date) -> Row:
    """Return the flows of the trailing twelve months as known at a day."""
    known = of.known("income", day)
    blank = sums([], INCOME_FLOWS + CASH_FLOWS)
    answer: Row = {"fiscal_date": None, "basis": None, "inputs_available_date": None, **blank, "reason": None}
    if not known:
        return answer | {"reason": "no statement known"}
    answer["fiscal_date"] = max(statement.fiscal_date for statement in known)
    found = legs_at(known)
    if found is None:
        return answer | {"reason": "a quarter is missing"}
    basis, legs = found
    cash = cash_legs(of, day, legs)
    answer |= {"basis": basis, "inputs_available_date": max(leg.available for leg in legs + cash)}
    if is_stale(legs[0], day):
        return answer | {"reason": "statement too old"}
    if len({leg.currency for leg in legs + cash}) > 1:
        return answer | {"reason": "more than one currency"}
    return answer | sums(legs, INCOME_FLOWS) | sums(cash, CASH_FLOWS)


# --- factors --------------------------------------------------------------------------------------------


def balance_at(of: Company, day: date) -> Statement | None:
    """Return the newest balance sheet known at a day, the quarter's before the year's, unless too old."""
    sheets = of.known("balance_sheet", day)
    newest = max(sheets, key=lambda sheet: (sheet.fiscal_date, sheet.period != "FY"), default=None)
    return None if newest is None or is_stale(newest, day) else newest


def over(above: Fraction | None, below: Fraction | None) -> Fraction | None:
    """Return a ratio, which there is only over something positive."""
    return None if above is None or below is None or below <= 0 else above / below


def factors(of: Company, day: date) -> Row:
    """Return the ratios as known at a day; a loss has no price to earnings, negative equity no ratio."""
    cap, year, sheet = market_cap_value(of, day), ttm(of, day), balance_at(of, day)
    held = sheet.items if sheet else {}
    equity, sales, earned = held.get("total_stockholders_equity"), year["revenue"], year["net_income"]
    return {
        "market_cap": cap,
        "pe_ratio": over(cap, earned),
        "pb_ratio": over(cap, equity),
        "ps_ratio": over(cap, sales),
        "earnings_yield": over(earned, cap),
        "book_to_market": over(equity, cap),
        "roe": over(earned, equity),
        "roa": over(earned, held.get("total_assets")),
        "gross_margin": over(year["gross_profit"], sales),
        "operating_margin": over(year["operating_income"], sales),
        "net_margin": over(earned, sales),
        "debt_to_equity": over(held.get("total_debt"), equity),
        "current_ratio": over(held.get("total_current_assets"), held.get("total_current_liabilities")),
    } | inputs(of, day)


def inputs(of: Company, day: date) -> Row:
    """Return the newest period end and the day all inputs were known; none while one is missing."""
    counted, year, sheet = shares_at(of, day), ttm(of, day), balance_at(of, day)
    if market_cap_value(of, day) is None or counted is None or sheet is None or year["reason"]:
        return {"fiscal_date": None, "inputs_available_date": None}
    available = max(counted.available, year["inputs_available_date"], sheet.available)
    return {"fiscal_date": max(year["fiscal_date"], sheet.fiscal_date), "inputs_available_date": available}


# --- writing --------------------------------------------------------------------------------------------

QUESTIONS = {"market_caps": market_cap, "ttm": ttm, "factors": factors}


def plain(value: Any) -> Any:
    """Return a value as JSON has it: whole numbers as such, others as the nearest double, dates as text."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value.isoformat() if isinstance(value, date) else value


def lines(question: str, companies: Iterable[Company]) -> Iterator[str]:
    """Yield the rows of one question by symbol and day, each as one line of JSON."""
    for of in companies:
        for day in days_of(of.symbol):
            row = {"symbol": of.symbol, "date": day} | QUESTIONS[question](of, day)
            yield json.dumps({name: plain(value) for name, value in row.items()})


def files() -> dict[Path, str]:
    """Return what each file of expected answers should hold."""
    companies = [company(symbol) for symbol in SYMBOLS]
    body = {question: ",\n".join(lines(question, companies)) for question in QUESTIONS}
    return {HERE / f"{question}.json": f"[\n{rows}\n]\n" for question, rows in body.items()}


def main(arguments: list[str]) -> str | None:
    """Write or check the files and return what is wrong, if anything."""
    wanted = files()
    if arguments not in ([], ["--check"]):
        return f"unknown arguments {arguments}; expected none or --check"
    if not arguments:
        for path, text in wanted.items():
            path.write_text(text)
        return None
    old = [path.name for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return f"not current: {', '.join(old)}; run {Path(__file__).name} without --check" if old else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
