"""Test that rows of a table convert back to the provider's records."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.record_frames import render
from factorlab_lake.lake import Lake
from tests.support import CACHE_2019, CACHE_2021, Entry, bar, entries_of, income, migrate

_TABLES = {
    "income_statements": "income",
    "balance_sheets": "balance_sheet",
    "cash_flows": "cash_flow",
    "price_data": "price",
}


_Key = tuple[str, str, str | None]


def _sent(cache: Path, folder: str) -> dict[_Key, dict[str, Any]]:
    """Return the distinct records of a cache by symbol, day and period, without missing values."""
    records = {}
    for path, envelope in entries_of(cache):
        if path.startswith(folder):
            for record in envelope["data"]:
                symbol = record.get("symbol") or envelope["_cache_key"].split("_")[0]
                values = {name: value for name, value in record.items() if value is not None}
                values.pop("label", None)  # the date in words; no other field is omitted
                records[symbol, record["date"], record.get("period")] = values
    return records


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("folder", _TABLES)
@pytest.mark.parametrize(("cache", "fixture"), [(CACHE_2019, "lake_2019"), (CACHE_2021, "lake_2021")])
def test_rows_come_back_as_the_records_that_were_sent(
    request: pytest.FixtureRequest, cache: Path, fixture: str, folder: str
) -> None:
    """Every record of the samples, rendered from the lake, equals the original in every value."""
    lake: Lake = request.getfixturevalue(fixture)
    rows = lake.sql(f"SELECT * FROM {folder}")
    rendered = render(rows, _TABLES[folder], "v3")
    records = {
        (symbol, record["date"], record.get("period")): record
        for symbol, record in zip(rows["symbol"], rendered, strict=True)
    }
    sent = _sent(cache, folder)
    assert records.keys() == sent.keys()
    for key, values in sent.items():
        assert {name: value for name, value in records[key].items() if name in values} == values


def test_rendering_leaves_out_what_is_missing_and_brings_back_what_had_no_column(
    lake: Lake, tmp_path: Path
) -> None:
    """A NULL is omitted, an unknown item returns, whole numbers are ints and years are text."""
    migrate(lake, tmp_path, Entry("AAPL", "income", [income(novelty="x", count=3, otherExpenses=math.nan)]))
    [record] = render(lake.sql("SELECT * FROM income_statements"), "income", "v3")
    assert (record["novelty"], record["count"], record["calendarYear"]) == ("x", 3, "2020")
    assert record["acceptedDate"] == "2020-10-29 18:06:25"
    assert type(record["revenue"]) is int
    assert type(record["eps"]) is float
    assert "otherExpenses" not in record
    assert "interestExpense" not in record


def test_rendering_uses_the_names_of_the_requested_generation(lake: Lake, tmp_path: Path) -> None:
    """The same row renders with the field names of either API generation."""
    migrate(lake, tmp_path, Entry("AAPL", "income", [income()]))
    rows = lake.sql("SELECT * FROM income_statements")
    [old], [new] = render(rows, "income", "v3"), render(rows, "income", "stable")
    assert old["fillingDate"] == new["filingDate"] == "2020-10-30"
    assert old["calendarYear"] == new["fiscalYear"] == "2020"
    assert "filingDate" not in old
    assert "fillingDate" not in new


def test_an_odd_label_of_a_bar_comes_back(lake: Lake, tmp_path: Path) -> None:
    """A label that differs from the date is part of the record."""
    migrate(lake, tmp_path, Entry("AAPL", "price", [bar("2021-03-30", label="April 01, 21")]))
    [record] = render(lake.sql("SELECT * FROM price_data"), "price", "v3")
    assert record["label"] == "April 01, 21"


def test_an_unknown_generation_is_refused(lake_2021: Lake) -> None:
    """The error lists the generations of the provider."""
    with pytest.raises(InvalidInput, match="v3, stable"):
        render(lake_2021.sql("SELECT * FROM price_data LIMIT 1"), "price", "v4")
