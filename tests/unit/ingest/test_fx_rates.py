"""Test loads of exchange rates: the European Central Bank's file as it is, and frames of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake

# Made for the tests in the shape of eurofxref-hist.csv: newest first, N/A cells, a comma at each line's end.
MADE_FILE = """Date,USD,JPY,CYP,GBP,
2020-01-06,1.1194,121.05,N/A,0.84973,
2020-01-03,1.1147,120.55,N/A,0.85115,
2020-01-02,1.1193,121.75,0.5857,0.84828,
"""
PAIR = {"base": ["USD"], "quote": ["CHF"], "date": ["2020-01-03"], "rate": [0.97]}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake."""
    return fl.open(tmp_path / "lake")


def _file(folder: Path, text: str = MADE_FILE) -> Path:
    path = folder / "eurofxref-hist.csv"
    path.write_text(text)
    return path


def _rates(lake: Lake) -> list[tuple[Any, ...]]:
    query = "SELECT base, quote, date::VARCHAR, rate, source FROM fx_rates ORDER BY ALL"
    return lake.sql(query).rows()


def test_the_published_file_loads_as_it_is(lake: Lake, tmp_path: Path) -> None:
    """Each cell becomes a row of its day and currency against the euro; N/A and the last comma give none."""
    assert lake.load("fx_rates", _file(tmp_path)) == 10
    rows = _rates(lake)
    assert [row for row in rows if row[1] in ("CYP", "GBP")] == [
        ("EUR", "CYP", "2020-01-02", 0.5857, "ECB"),
        ("EUR", "GBP", "2020-01-02", 0.84828, "ECB"),
        ("EUR", "GBP", "2020-01-03", 0.85115, "ECB"),
        ("EUR", "GBP", "2020-01-06", 0.84973, "ECB"),
    ]
    assert len(rows) == 10


def test_a_longer_file_adds_its_days_and_repeats_nothing(lake: Lake, tmp_path: Path) -> None:
    """The same file is no new commit, and the next day's file brings only that day's rows."""
    lake.load("fx_rates", _file(tmp_path))
    before = lake.snapshot.id
    lake.load("fx_rates", _file(tmp_path))
    assert lake.snapshot.id == before
    longer = MADE_FILE.replace("GBP,\n", "GBP,\n2020-01-07,1.1172,121.24,N/A,0.85145,\n", 1)
    lake.load("fx_rates", _file(tmp_path, longer))
    assert lake.diff(before).filter(pl.col("table") == "fx_rates").rows() == [
        ("fx_rates", "EURGBP", 1, 0, 0),
        ("fx_rates", "EURJPY", 1, 0, 0),
        ("fx_rates", "EURUSD", 1, 0, 0),
    ]
    assert lake.verify(deep=True).findings == []


def test_a_frame_of_pairs_loads_and_a_later_one_corrects_it(lake: Lake) -> None:
    """The newest rate of a pair and day counts; its source is the file, and no symbol is held."""
    lake.load("fx_rates", PAIR)
    lake.load("fx_rates", pl.DataFrame(PAIR | {"rate": [0.971]}))
    assert _rates(lake) == [("USD", "CHF", "2020-01-03", 0.971, "file")]
    assert lake.symbols().is_empty()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quote": ["usd"]}, "quote: 'usd' is no ISO code such as EUR"),
        ({"base": ["GBp"]}, "base: 'GBp' is no ISO code such as EUR; pence are of GBP"),
        ({"quote": ["USD"]}, "quote: USD is the base too"),
        ({"base": ["GBX"]}, "base: 'GBX' is no ISO code such as EUR; pence are of GBP"),
        ({"rate": [0.0]}, "rate: 0.0 is not positive"),
        ({"rate": [1e-320]}, r"rate: 1e-320 is not between 1e-15 and 1e\+15"),
        ({"rate": [1e20]}, "rate: .* is not between"),
        ({"rate": ["N/A"]}, "rate"),
        ({"date": ["2090-01-01"]}, "date: 2090-01-01 is after the fetch"),
    ],
)
def test_a_row_that_is_no_rate_is_refused(lake: Lake, values: dict[str, list[Any]], message: str) -> None:
    """The error names the row and what is wrong with it, and nothing is stored."""
    with pytest.raises(InvalidInput, match=f"Row 1 for fx_rates: {message}"):
        lake.load("fx_rates", PAIR | values)
    assert _rates(lake) == []


def test_rates_of_both_directions_that_contradict_are_refused(lake: Lake) -> None:
    """In one load, and beside a stored rate; rounded inverses, and a correction of both, are loaded."""
    both = {"base": ["EUR", "USD"], "quote": ["USD", "EUR"], "date": ["2020-01-03"] * 2}
    with pytest.raises(InvalidInput, match=r"2020-01-03 one EUR costs 1\.1 USD, but one USD costs 0\.5 EUR"):
        lake.load("fx_rates", both | {"rate": [1.1, 0.5]})
    lake.load("fx_rates", both | {"rate": [1.1, 0.91]})
    with pytest.raises(InvalidInput, match=r"one USD costs 0\.5 EUR, but one EUR costs 1\.1 USD"):
        lake.load("fx_rates", {k: v[1:] for k, v in both.items()} | {"rate": [0.5]})
    lake.load("fx_rates", both | {"rate": [2.0, 0.5]})
    assert [row[3] for row in _rates(lake)] == [2.0, 0.5]


def test_a_lake_without_the_table_answers_and_gets_it_with_the_first_load(lake: Lake) -> None:
    """A lake of an earlier program has no such table."""
    assert lake.sql("SELECT count(*) AS rows FROM fx_rates")["rows"].to_list() == [0]
    lake.load("fx_rates", PAIR)
    assert lake.sql("SELECT count(*) AS rows FROM fx_rates")["rows"].to_list() == [1]
