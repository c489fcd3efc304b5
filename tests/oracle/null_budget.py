"""Print the share of answers that are NULL, by reason, on samples, filings, prices and random companies.

NULL is not the easy way to be never wrong: compare two commits before a rule takes answers away. Run it as
``python -m tests.oracle.null_budget [--prices FILE] [--lake FOLDER]``. ``FILE`` is Parquet with symbol, date
and close, of many symbols; ``FOLDER`` is a lake, of which a copy is upgraded and asked.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.lake import Lake
from tests.oracle.worlds import companies, show
from tests.sec_rows import land_sec
from tests.support import CACHE_2019, CACHE_2021, SPLITS

__all__ = ["factor_reasons", "filings_of_apple", "null_shares", "priced", "sample", "step_days"]

_QUESTIONS = {"market_caps": "market_cap", "ttm": "revenue"}
_COUNTED = 1_000_000_000.0  # the count of each company of a file of prices


def null_shares(lake: Lake, symbols: list[str], days: list[date]) -> Iterator[tuple[str, str, int, int]]:
    """Yield question or factor, reason, number of NULL answers and number of answers."""
    for question, column in _QUESTIONS.items():
        rows = getattr(lake, question)(symbols, days)
        yield from _by_reason(question, rows[column], rows["reason"])
    rows = lake.factors(symbols, days)
    for name in FACTORS:
        yield from _by_reason(name, rows[name], factor_reasons(rows, name))


def factor_reasons(rows: pl.DataFrame, name: str) -> pl.Series:
    """Return the reason of each row for one factor: its own one, or that of the row."""
    own = rows["reasons"].cast(pl.String).str.json_path_match(f"$.{name}")
    return pl.Series([a or b for a, b in zip(own, rows["reason"], strict=True)], dtype=pl.String)


def _by_reason(name: str, values: pl.Series, reasons: pl.Series) -> Iterator[tuple[str, str, int, int]]:
    total = len(values)
    yield name, "(value)", total - values.null_count(), total
    counts = reasons.filter(values.is_null()).fill_null("(no reason)").value_counts(sort=True)
    for reason, count in counts.rows():
        yield name, reason, count, total


def _lakes(folder: Path, prices: Path | None, seeded: Path | None) -> Iterator[tuple[str, Lake, list[date]]]:
    yield "both samples", sample(folder / "sample", splits=True), step_days(7, 2014, 2021)
    yield "both samples, no splits file", sample(folder / "unlisted", splits=False), step_days(7, 2014, 2021)
    yield "Apple's filings", filings_of_apple(folder), step_days(7, 2010, 2021)
    made = fl.open(folder / "made")
    show(made, companies(seed=7, of_each_kind=3))
    yield "random companies", made, step_days(11, 2018, 2021)
    if prices is not None:
        yield "prices of many symbols", priced(folder / "priced", prices), step_days(30, 2013, 2017)
    if seeded is not None:
        yield (
            "seeded lake",
            fl.open(shutil.copytree(seeded, folder / "seeded"), create=False),
            step_days(60, 2012, 2020),
        )


def step_days(step: int, first: int, last: int) -> list[date]:
    """Return the days of some years in steps of so many days."""
    days = (date(last, 12, 31) - date(first, 1, 1)).days
    return [date(first, 1, 1) + timedelta(days=number) for number in range(0, days, step)]


def filings_of_apple(folder: Path) -> Lake:
    """Return a lake of Apple's filings and the bars of a cache, below a folder."""
    lake = fl.open(folder / "sec")
    lake.migrate(_only_prices(folder / "cache"))
    land_sec(lake)
    return lake


def sample(place: Path, *, splits: bool) -> Lake:
    """Return a lake of both sample caches, with or without the file of splits."""
    lake = fl.open(place)
    for cache in (CACHE_2019, CACHE_2021):
        lake.migrate(cache)
    if splits:
        lake.load("splits", SPLITS)
    return lake


def _only_prices(place: Path) -> Path:
    folder = place / "price_data"
    folder.mkdir(parents=True)
    for file in (CACHE_2021 / "price_data").glob("AAPL_*"):
        shutil.copy(file, folder)
    return place


def priced(place: Path, prices: Path) -> Lake:
    """Return a lake of real bars and one count of each symbol and year: an invented split empties caps."""
    bars = pl.read_parquet(prices).select("symbol", "date", close_price="close")
    bars = bars.drop_nulls().with_columns(split_basis_date=pl.lit(date(2018, 2, 28)))
    lake = fl.open(place)
    lake.load("price_data", bars)
    counts = bars.group_by("symbol").agg().join(pl.DataFrame({"year": range(2013, 2018)}), how="cross")
    day = pl.date(pl.col("year"), 1, 15)
    counted = counts.select(
        "symbol", as_of_date=day, source=pl.lit("cover_page"), shares=pl.lit(_COUNTED),
        split_basis_date=pl.lit(date(2018, 2, 28)), filing_date=day,
    )  # fmt: skip
    lake.load("shares_outstanding", counted)
    return lake


def _symbols(lake: Lake) -> list[str]:
    rows = lake.sql(
        "SELECT symbol FROM income_statements UNION SELECT symbol FROM price_data ORDER BY symbol"
    )
    return rows["symbol"].to_list()


def main(arguments: Iterable[str]) -> None:
    """Print one line for each lake, question and reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prices", type=Path)
    parser.add_argument("--lake", type=Path)
    chosen = parser.parse_args(list(arguments))
    with tempfile.TemporaryDirectory() as folder:
        for name, lake, days in _lakes(Path(folder), chosen.prices, chosen.lake):
            for question, reason, count, total in null_shares(lake, _symbols(lake), days):
                line = f"{name:30} {question:20} {reason:60} {count:8} {100 * count / total:7.2f} %"
                sys.stdout.write(line + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
