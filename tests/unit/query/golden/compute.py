"""Compute the expected answers over the sample of 2021-03-31 from its files alone.

This is plain Python over the JSON, in exact fractions. It has no table, no SQL and no import of the package,
so both agree only if both are right. Each rule is stated where it is computed.

``python -m tests.unit.query.golden.compute`` writes the expected answers to its folder, one file per question
and one row per line. With ``--check`` it writes nothing, and fails if a file differs.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.unit.query.golden.ratios import Number, ratios
from tests.unit.query.golden.sample import FIELDS, HERE, SHARES, Company, Statement, company, days_of

SYMBOLS = ("AAPL", "GOOGL")

PRICE_AGE_LIMIT_DAYS = 10
COUNT_AGE_LIMIT_DAYS = 200
MORE_DAYS_FOR_A_YEAR = 274
AGE_LIMITS_DAYS = {120: 200, 230: 320, 10_000: 500}  # by the distance of reports: quarters, half years, years

INCOME_FLOWS = tuple(column for column in FIELDS["income"] if column != SHARES)
CASH_FLOWS = tuple(FIELDS["cash_flow"])

Row = dict[str, Any]


def is_count_stale(statement: Statement, day: date) -> bool:
    """Say whether a share count is too old to use: 200 days after a quarter's end, 274 later for a year's."""
    limit_days = COUNT_AGE_LIMIT_DAYS + (MORE_DAYS_FOR_A_YEAR if statement.period == "FY" else 0)
    return (day - statement.fiscal_date).days > limit_days


def is_stale(of: Company, statement: Statement, day: date) -> bool:
    """Say whether a statement is too old to use, by the shortest distance of the last three income ends."""
    known = of.known("income", day)
    ends = sorted({each.fiscal_date for each in known})[-3:]
    apart = [(later - earlier).days for earlier, later in itertools.pairwise(ends)]
    one = 365 if {each.period for each in known} == {"FY"} else 91
    rhythm = min(apart, default=one)
    limit_days = next(limit for longest, limit in AGE_LIMITS_DAYS.items() if rhythm <= longest)
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
    return "share count too old" if is_count_stale(counted, day) else None


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


def end_at(of: Company, kind: str, day: date, years_back: int = 0) -> date | None:
    """Return the newest period end known at a day, or the latest known one 350 to 380 days before it."""
    ends = {statement.fiscal_date for statement in of.known(kind, day)}
    newest = max(ends, default=None)
    if newest is None or not years_back:
        return newest
    return max((end for end in ends if 350 <= (newest - end).days <= 380), default=None)


def consecutive(components: list[Statement]) -> bool:
    """Say whether these are four quarters in a row, newest first: 75-120 days apart, 245-300 end to end."""
    ends = [each.fiscal_date for each in components]
    apart = [(later - earlier).days for later, earlier in itertools.pairwise(ends)]
    return len(components) == 4 and all(75 <= days <= 120 for days in apart) and 245 <= sum(apart) <= 300


Part = tuple[int, Statement]  # with its sign


def components_at(of: Company, kind: str, day: date, years_back: int = 0) -> list[Part]:
    """Return what makes the twelve months up to a period end, the newest period first; or nothing.

    At a fiscal year's end that is the year's own row. After a first quarter it is that quarter and the last
    year less the year's first quarter, where all three are there. Else it is four quarters. The sample has
    no statement of a half year or nine months, and no second version of any statement.
    """
    end = end_at(of, kind, day, years_back)
    known = [each for each in of.known(kind, day) if end and each.fiscal_date <= end]
    own = [(1, each) for each in known if each.period == "FY" and each.fiscal_date == end]
    return own or year_to_date(known, end) or four_quarters(known, end)


def year_to_date(known: list[Statement], end: date | None) -> list[Part]:
    """Return a first quarter, the year before it, and that year's first quarter with a minus; or nothing."""
    quarters = [each for each in known if each.fiscal_date == end and each.period != "FY"]
    if not quarters:
        return []
    newest = quarters[0]
    years = [e for e in known if e.period == "FY" and 75 <= (newest.fiscal_date - e.fiscal_date).days <= 120]
    before = [
        each
        for each in known
        if each.period != "FY" and 350 <= (newest.fiscal_date - each.fiscal_date).days <= 380
    ]
    if not years or not before:
        return []
    return [(1, newest), (1, years[-1]), (-1, before[-1])]


def four_quarters(known: list[Statement], end: date | None) -> list[Part]:
    """Return the last four quarters, newest first, if they are in a row up to the end; or nothing."""
    quarters = [each for each in known if each.period != "FY"]
    last = sorted(quarters, key=lambda each: each.fiscal_date, reverse=True)[:4]
    return [(1, each) for each in last] if consecutive(last) and last[0].fiscal_date == end else []


def cash_components(of: Company, day: date, income: list[Part]) -> list[Part]:
    """Return the cash flows whose year ends on the same day as the income's, in its currency."""
    components = components_at(of, "cash_flow", day)
    fits = (
        components
        and income
        and components[0][1].fiscal_date == income[0][1].fiscal_date
        and not is_stale(of, components[0][1], day)
    )
    return components if fits and len({each.currency for _, each in components + income}) == 1 else []


def sums(components: list[Part], columns: Iterable[str]) -> Row:
    """Return the sum of each item over the components; an item that one of them lacks is None."""
    whole = {
        column: bool(components) and all(column in each.items for _, each in components) for column in columns
    }
    return {
        column: sum(sign * each.items[column] for sign, each in components) if whole[column] else None
        for column in whole
    }


def basis_of(components: list[Part]) -> str | None:
    """Return what a year is made of."""
    return {0: None, 1: "fiscal_year", 3: "year_to_date", 4: "quarters"}[len(components)]


def ttm(of: Company, day: date) -> Row:
    """Return the flows of the trailing twelve months as known at a day."""
    end, components = end_at(of, "income", day), components_at(of, "income", day)
    cash = cash_components(of, day, components)
    known = max((each.available for _, each in components + cash), default=None)
    answer: Row = {"fiscal_date": end, "basis": basis_of(components), "inputs_available_date": known}
    reason = None
    if not components:
        reason = "a quarter is missing" if end else "no statement known"
    elif is_stale(of, components[0][1], day):
        reason = "statement too old"
    elif len({each.currency for _, each in components}) > 1:
        reason = "more than one currency"
    if reason:
        components, cash = [], []
    return answer | sums(components, INCOME_FLOWS) | sums(cash, CASH_FLOWS) | {"reason": reason}


# --- factors --------------------------------------------------------------------------------------------


def balance_at(of: Company, day: date, years_back: int = 0) -> Statement | None:
    """Return the newest balance sheet known at a day, or a year before: the quarter's if there is one."""
    end = end_at(of, "balance_sheet", day, years_back)
    sheets = [sheet for sheet in of.known("balance_sheet", day) if sheet.fiscal_date == end]
    return max(sheets, key=lambda sheet: sheet.period != "FY", default=None)


def fresh_balance_at(of: Company, day: date) -> Statement | None:
    """Return the newest balance sheet unless it is too old."""
    sheet = balance_at(of, day)
    return None if sheet is None or is_stale(of, sheet, day) else sheet


def shares_of(components: list[Part]) -> Fraction | None:
    """Return the share count of a year's newest period; all counts were served on one day, on one basis."""
    return components[0][1].items.get(SHARES) if components else None


def are_of_one_length(now: list[Part], then: list[Part]) -> bool:
    """Say whether the newest periods of two years are both quarters or both fiscal years."""
    return bool(now and then) and (now[0][1].period == "FY") == (then[0][1].period == "FY")


def year_before(of: Company, day: date) -> dict[str, Number]:
    """Return the figures of a year before; the share counts of two lengths are not compared."""
    now, then = components_at(of, "income", day), components_at(of, "income", day, years_back=1)
    sheet = balance_at(of, day, years_back=1) if fresh_balance_at(of, day) else None
    if ttm(of, day)["reason"] or len({each.currency for _, each in then}) > 1:
        then = []
    figures = sums(then, INCOME_FLOWS) | (sheet.items if sheet else {})
    figures["shares"] = shares_of(then) if are_of_one_length(now, then) else None
    return {f"{name}_year_before": value for name, value in figures.items()}


def figures_at(of: Company, day: date) -> dict[str, Number]:
    """Return every input of the ratios by its name; those that are not known are not there, or nothing."""
    year, sheet = ttm(of, day), fresh_balance_at(of, day)
    shares = None if year["reason"] else shares_of(components_at(of, "income", day))
    flows: dict[str, Number] = {column: year[column] for column in INCOME_FLOWS + CASH_FLOWS}
    held = sheet.items if sheet else {}
    return flows | held | year_before(of, day) | {"shares": shares, "market_cap": market_cap_value(of, day)}


def factors(of: Company, day: date) -> Row:
    """Return the ratios as known at a day with the newest period end and when all was known."""
    figures = figures_at(of, day)
    return {"market_cap": figures["market_cap"]} | ratios(figures) | inputs(of, day)


def inputs(of: Company, day: date) -> Row:
    """Return the newest period end and the day all inputs were known; none while a main one is missing.

    Main inputs are the market capitalisation, the year and the balance sheet. The cash flows and the year
    before count where they are there.
    """
    counted, year, sheet = shares_at(of, day), ttm(of, day), fresh_balance_at(of, day)
    if market_cap_value(of, day) is None or counted is None or sheet is None or year["reason"]:
        return {"fiscal_date": None, "inputs_available_date": None}
    before = [each for _, each in components_at(of, "income", day, years_back=1)]
    before += [old for old in [balance_at(of, day, years_back=1)] if old]
    used = [counted.available, year["inputs_available_date"], sheet.available]
    available = max(used + [statement.available for statement in before])
    return {"fiscal_date": max(year["fiscal_date"], sheet.fiscal_date), "inputs_available_date": available}


# --- the statements in use ------------------------------------------------------------------------------


def components(of: Company, day: date) -> Row:
    """Return the period ends of the statements that stand for the year and the one before, however old."""
    result: Row = {}
    for years_back, suffix in enumerate(("", "_year_before")):
        for kind in ("income", "cash_flow") if not years_back else ("income",):
            parts = components_at(of, kind, day, years_back)
            result[f"{kind}{suffix}"] = sorted(each.fiscal_date for _, each in parts)
        sheet = balance_at(of, day, years_back)
        result[f"balance_sheet{suffix}"] = [sheet.fiscal_date] if sheet else []
    return result


# --- writing --------------------------------------------------------------------------------------------

QUESTIONS = {"market_caps": market_cap, "ttm": ttm, "factors": factors, "components": components}


def plain(value: Any) -> Any:
    """Return a value as JSON has it: whole numbers as such, others as the nearest double, dates as text."""
    if isinstance(value, list):
        return [plain(each) for each in value]
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
    required = files()
    if arguments not in ([], ["--check"]):
        return f"unknown arguments {arguments}; expected none or --check"
    if not arguments:
        for path, text in required.items():
            path.write_text(text)
        return None
    old = [path.name for path, text in required.items() if not path.exists() or path.read_text() != text]
    return f"not current: {', '.join(old)}; run {Path(__file__).name} without --check" if old else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
