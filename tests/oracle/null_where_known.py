"""Print the share of answers that are NULL where the plain computation has a value, by reason.

Run it as ``python -m tests.oracle.null_where_known [--prices FILE]``; ``FILE`` is as for null_budget. Of
these cells no reason may take more than two in a hundred. Factors that differ are counted as (differs).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import date, timedelta
from functools import partial
from math import isclose
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.oracle import apple, samples
from tests.oracle.counts import Count, chosen, factor
from tests.oracle.expected import contents, right_cap, right_revenue
from tests.oracle.factors import Figures, factors
from tests.oracle.null_budget import factor_reasons, filings_of_apple, priced, sample, step_days
from tests.oracle.trailing import Content, is_fresh, rhythm_days, trailing
from tests.oracle.worlds import Company, companies, show
from tests.support import CACHE_2021, entries_of

__all__ = ["apple_cap", "apple_factors", "apple_revenue", "factors_where_known", "nulls_where_known"]

Right = Callable[[str, date], float | None]
RightFactors = Callable[[str, date], dict[str, float | None]]
Case = tuple[str, Lake, list[str], list[date], dict[str, Right], RightFactors | None]

_COLUMNS = {"market_caps": "market_cap", "ttm": "revenue"}
_PRICE_DAYS, _COUNT_DAYS = 10, 200
_EACH_FACTOR_DAY = 4  # the plain computation of all factors is slow: every fourth day has them
_TOLERANCE = 1e-5  # a vendor rounds closes again after each split, so its bars differ by this much


def nulls_where_known(
    lake: Lake, question: str, symbols: list[str], days: list[date], right: Right
) -> tuple[int, Counter[str]]:
    """Return the number of cells with a computed value, and the reasons of those that have no answer."""
    rows = getattr(lake, question)(symbols, days).to_dicts()
    known = [row for row in rows if right(row["symbol"], row["date"]) is not None]
    nulls = [row["reason"] or "(no reason)" for row in known if row[_COLUMNS[question]] is None]
    return len(known), Counter(nulls)


def factors_where_known(
    lake: Lake, symbols: list[str], days: list[date], right: RightFactors
) -> dict[str, tuple[int, Counter[str]]]:
    """Return for each factor the number of computed values, and the reasons of those not answered alike."""
    rows = lake.factors(symbols, days)
    computed = [right(*key) for key in rows.select("symbol", "date").rows()]
    result: dict[str, tuple[int, Counter[str]]] = {}
    for name in dict.fromkeys(name for each in computed for name in each):
        known, faults = 0, Counter[str]()
        for value, reason, each in zip(rows[name], factor_reasons(rows, name), computed, strict=True):
            expected = each.get(name)
            if expected is None:
                continue
            known += 1
            if value is None:
                faults[reason or "(no reason)"] += 1
            elif not isclose(value, expected, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
                faults["(differs)"] += 1
        result[name] = (known, faults)
    return result


def _cases(folder: Path, prices: Path | None) -> Iterator[Case]:
    closes = {
        Path(path).name.split("_price")[0]: {date.fromisoformat(row["date"]) for row in entry["data"]}
        for path, entry in entries_of(CACHE_2021)
        if path.startswith("price_data/")
    }
    questions: dict[str, Right] = {"market_caps": partial(_sample_cap, closes), "ttm": _sample_sum}
    for name, splits in (("both samples", True), ("both samples, no splits file", False)):
        lake = sample(folder / name, splits=splits)
        yield name, lake, sorted(closes), step_days(7, 2014, 2021), questions, _sample_factors
    own: dict[str, Right] = {"market_caps": apple_cap, "ttm": apple_revenue}
    yield "Apple's filings", filings_of_apple(folder), ["AAPL"], step_days(7, 2010, 2021), own, apple_factors
    made = {each.symbol: each for each in companies(seed=7, of_each_kind=3)}
    lake = fl.open(folder / "made")
    show(lake, list(made.values()))
    right = partial(_factors_of_worlds, made)
    yield "random companies", lake, sorted(made), step_days(11, 2018, 2021), _of_worlds(made), right
    if prices is not None:
        bars = pl.read_parquet(prices).drop_nulls("close")
        days = {key[0]: set(rows["date"]) for key, rows in bars.partition_by("symbol", as_dict=True).items()}
        of_prices: dict[str, Right] = {"market_caps": partial(_priced_cap, days)}
        lake = priced(folder / "priced", prices)
        yield "prices of many symbols", lake, sorted(days), step_days(30, 2013, 2017), of_prices, None


def _of_worlds(made: dict[str, Company]) -> dict[str, Right]:
    return {
        "market_caps": lambda symbol, day: right_cap(made[symbol], day),
        "ttm": lambda symbol, day: right_revenue(made[symbol], day),
    }


def _factors_of_worlds(made: dict[str, Company], symbol: str, day: date) -> dict[str, float | None]:
    company = made[symbol]
    if company.kind == "reuse":
        return {}
    return factors(right_cap(company, day), Figures({"income": contents(company)}, str, day))


def _sample_factors(symbol: str, day: date) -> dict[str, float | None]:
    """Return the factors without a cap: the samples do not say on which split basis a count is."""
    kinds = ("income", "cash_flow", "balance")
    raw = {kind: samples.statements(symbol, kind) for kind in kinds}
    return factors(None, Figures(raw, _vendors_name, day))


def _vendors_name(item: str) -> str:
    """Return the vendor's name of an item."""
    first, *others = item.split("_")
    return first + "".join(each.capitalize() for each in others)


def apple_factors(_: str, day: date) -> dict[str, float | None]:
    """Return the factors of a day from Apple's filings, closes and list of splits."""
    kinds = {"income": "income", "cash_flow": "cash_flow", "balance": "balance_sheet"}
    raw = {kind: apple.statements(stored) for kind, stored in kinds.items()}
    return factors(_apple_true_cap(day), Figures(raw, str, day))


def _apple_true_cap(day: date) -> float | None:
    """Return the close on the newest basis, times the count that speaks on that basis."""
    known = [each for each in apple.statements("income") if each.known <= day]
    price = max((each for each in apple.closes() if each <= day), default=None)
    if price is None or (day - price).days > _PRICE_DAYS or not known or not is_fresh(known, day):
        return None
    count = chosen(apple.counts(), day, rhythm_days(known)[1])
    if count is None:
        return None
    return apple.closes()[price] * count.shares * factor(apple.SPLITS, count.basis, max(apple.closes()))


def _has_price(days: Container[date], day: date) -> bool:
    return any(day - timedelta(days=age) in days for age in range(_PRICE_DAYS + 1))


def _sample_sum(symbol: str, day: date) -> float | None:
    return trailing(samples.statements(symbol, "income"), "revenue", day).value


def _sample_cap(closes: dict[str, set[date]], symbol: str, day: date) -> float | None:
    """Return the count of the newest statement: whether there is one is all that matters here."""
    known = [each for each in samples.statements(symbol, "income") if each.known <= day]
    return _count_of(known, [], day) if _has_price(closes[symbol], day) else None


def _count_of(known: list[Content], stated: list[Count], day: date) -> float | None:
    if not known or not is_fresh(known, day):
        return None
    counts = [
        Count("weighted_average", each.end, each.known, each.order, shares, each.end)
        for each in known
        if (shares := each.items.get("weightedAverageShsOut"))
    ]
    count = chosen(counts + stated, day, rhythm_days(known)[1])
    return None if count is None else count.shares


def apple_revenue(_: str, day: date) -> float | None:
    """Return the revenue of twelve months from Apple's filings."""
    return trailing(apple.statements("income"), "revenue", day).value


def apple_cap(_: str, day: date) -> float | None:
    """Return the count of Apple's filings where there is a price; only its presence matters."""
    known = [each for each in apple.statements("income") if each.known <= day]
    return _count_of(known, apple.counts(), day) if _has_price(apple.closes(), day) else None


def _priced_cap(bars: dict[str, set[date]], symbol: str, day: date) -> float | None:
    """Each count is of 15 January and usable from the next day; no statement says how often reports come."""
    counted = date(day.year if day > date(day.year, 1, 15) else day.year - 1, 1, 15)
    fresh = counted.year > 2012 and (day - counted).days <= _COUNT_DAYS
    return 1.0 if fresh and _has_price(bars[symbol], day) else None


def main(arguments: Iterable[str]) -> None:
    """Print one line for each lake and question, and one for each reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prices", type=Path)
    prices = parser.parse_args(list(arguments)).prices
    with tempfile.TemporaryDirectory() as folder:
        for name, lake, symbols, days, questions, right_factors in _cases(Path(folder), prices):
            results: dict[str, tuple[int, Counter[str]]] = {}
            for question, right in questions.items():
                results[question] = nulls_where_known(lake, question, symbols, days, right)
            if right_factors is not None:
                results |= factors_where_known(lake, symbols, days[::_EACH_FACTOR_DAY], right_factors)
            for question, (known, reasons) in results.items():
                _print(name, question, known, reasons)


def _print(name: str, question: str, known: int, reasons: Counter[str]) -> None:
    answered = Counter({"(value)": known - reasons.total()}) + reasons
    for reason, count in answered.most_common():
        share = 100 * count / max(known, 1)
        sys.stdout.write(f"{name:30} {question:20} {reason:60} {count:8} {share:7.2f} %\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
