"""Test the field cases about the values of records, and about rows that a load must refuse."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, index_lines, one, records, text_file
from tests.unit.cli.running import run

_STATEMENT_FILE = "income_statements/ACME_income_statement_quarterly_limit20_v1.0.json"
_ALL_FIVE = ["2023-03-31", "2023-06-30", "2023-09-30", "2023-12-31", "2024-03-31"]


def _statements(lake: Lake) -> pl.DataFrame:
    rows = lake.sql("FROM income_statements ORDER BY fiscal_date")
    assert rows["fiscal_date"].cast(pl.String).to_list() == _ALL_FIVE
    return rows


def test_13_the_zone_of_an_acceptance_counts(lake: Lake) -> None:
    """11:30 and 12:10 in New York are usable that day; 17:30 is after the close."""
    lake.load("shares_outstanding", INPUTS / "13_accepted_at_with_zone.csv")
    rows = lake.sql("SELECT symbol, accepted_at, available_date FROM shares_outstanding ORDER BY symbol")
    assert rows.rows() == [
        ("A", datetime(2023, 8, 3, 15, 30, tzinfo=UTC), date(2023, 8, 3)),
        ("B", datetime(2023, 8, 3, 21, 30, tzinfo=UTC), date(2023, 8, 4)),
        ("D", datetime(2023, 8, 3, 16, 10, tzinfo=UTC), date(2023, 8, 3)),
    ]


@pytest.mark.parametrize(
    ("text", "accepted", "available"),
    [
        ("2023-08-01T15:30:00.000Z", datetime(2023, 8, 1, 15, 30, tzinfo=UTC), date(2023, 8, 1)),
        ("2023-08-01 14:30:00-08:00", datetime(2023, 8, 1, 22, 30, tzinfo=UTC), date(2023, 8, 2)),
        ("2023-08-01 15:30:00", datetime(2023, 8, 1, 19, 30, tzinfo=UTC), date(2023, 8, 1)),
    ],
)
def test_13_the_zone_counts_in_a_cache_too(
    lake: Lake, tmp_path: Path, text: str, accepted: datetime, available: date
) -> None:
    """An offset is honoured; a time without one is of New York."""
    shutil.copytree(INPUTS / "28_gross_profit_zero", cache := tmp_path / "cache")
    file = cache / _STATEMENT_FILE
    changed = file.read_text(encoding="utf-8").replace("2023-08-01 16:30:00", text)
    file.write_text(changed, encoding="utf-8")
    lake.migrate(cache)
    row = _statements(lake).row(1, named=True)
    assert (row["accepted_at"], row["available_date"]) == (accepted, available)


def test_15_dates_of_zeros_are_unknown_dates(lake: Lake) -> None:
    """All five rows are stored; the unknown acceptances follow from the filing date, or are estimated."""
    lake.migrate(INPUTS / "15_zero_dates")
    rows = _statements(lake)
    bases = ["accepted", "estimated", "filing_date", "accepted", "accepted"]
    assert rows["availability_basis"].to_list() == bases
    assert rows["available_date"].to_list()[1:3] == [date(2023, 9, 13), date(2023, 11, 2)]
    assert one(lake.ttm("ACME", "2024-05-31"))["revenue"] == pytest.approx(14e9)  # 2 + 3 + 4 + 5 bn


def test_16_infinity_costs_its_field_alone(lake: Lake) -> None:
    """The row with the infinite ratio is stored; the ratio is NULL, and its text is kept."""
    lake.migrate(INPUTS / "16_infinity_in_a_ratio")
    row = _statements(lake).row(2, named=True)
    assert (row["gross_profit_ratio"], row["revenue"]) == (None, 3e9)
    assert "Infinity" in row["extra"]
    assert one(lake.ttm("ACME", "2024-05-31"))["revenue"] == pytest.approx(14e9)


def test_17_words_for_missing_cost_their_field_alone(lake: Lake) -> None:
    """Dashes and words are NULL, and 3,000,000,000 is a number with separators."""
    lake.migrate(INPUTS / "17_words_for_missing")
    rows = _statements(lake)
    assert rows["revenue"].to_list() == [1e9, 2e9, 3e9, 4e9, 5e9]
    assert rows["interest_expense"].to_list() == [None] * 5


def test_18_a_folder_name_works_or_is_refused_in_one_line(tmp_path: Path) -> None:
    """No name of the list makes a lake that cannot be read; a refusal writes nothing."""
    for name in records("18_lake_paths.json"):
        lake = tmp_path / name
        done = run("--lake", lake, "migrate", INPUTS / "28_gross_profit_zero", code=None)
        if done.code == 0:
            run("--lake", lake, "market-caps", "ACME", "--date", "2024-05-31")
        else:
            assert (done.code, done.err.strip().count("\n")) == (1, 0), name
            assert not lake.exists()


def test_28_a_gross_profit_of_zero_without_costs_is_none(lake: Lake) -> None:
    """A company that reports no cost of revenue has no gross margin; 0 of 5 bn would be a wrong one."""
    lake.migrate(INPUTS / "28_gross_profit_zero")
    factors = one(lake.factors("ACME", "2024-05-31"))
    assert factors["gross_margin"] is None
    assert "gross_margin" in factors["reasons"]
    assert one(lake.ttm("ACME", "2024-05-31"))["gross_profit"] is None


_REFUSED = {
    "price_data": (INPUTS / "26_load_unchecked.csv").read_text(encoding="utf-8"),
    "dividends": "symbol,date,dividend\nA,2024-05-15,-1\n",
    "splits": "symbol,date,numerator,denominator\nA,2024-05-15,4000000,1\n",
    "shares_outstanding": "symbol,as_of_date,source,shares\nA,2099-03-31,cover_page,1000000\n",
}


@pytest.mark.parametrize("table", _REFUSED)
def test_26_a_load_refuses_what_a_fetch_refuses(lake: Lake, tmp_path: Path, table: str) -> None:
    """Dates and values that cannot be are refused, and nothing of the file is stored."""
    with pytest.raises(InvalidInput):
        lake.load(table, text_file(tmp_path, "rows.csv", _REFUSED[table]))
    assert lake.sql(f"FROM {table}").is_empty()


@pytest.mark.parametrize("line", range(1, 4))
def test_26_each_line_is_refused_on_its_own(lake: Lake, tmp_path: Path, line: int) -> None:
    """Each is invalid alone: the year 2204, the year 1024, and a negative price with a negative volume."""
    lines = _REFUSED["price_data"].splitlines()
    with pytest.raises(InvalidInput):
        lake.load("price_data", text_file(tmp_path, "rows.csv", f"{lines[0]}\n{lines[line]}\n"))


def test_26_a_source_of_other_case_is_the_cover_page_or_refused(lake: Lake, tmp_path: Path) -> None:
    """Stored as it stands, "Cover Page" would rank as a balance sheet without a word."""
    text = "symbol,as_of_date,source,shares,split_basis_date\nA,2024-03-31,Cover Page,1000000,2024-03-31\n"
    try:
        lake.load("shares_outstanding", text_file(tmp_path, "rows.csv", text))
    except InvalidInput:
        return
    assert lake.sql("SELECT source FROM shares_outstanding")["source"].to_list() == ["cover_page"]


def test_every_line_of_the_index_has_a_test() -> None:
    """Each input is named by a test of this folder."""
    texts = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for name in index_lines():
        assert f"def test_{name[:2]}_" in texts, name
