from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from rich.console import Console

from factorlab_lake.cli import display
from factorlab_lake.ingest.fetch_report import FetchReport
from factorlab_lake.ingest.legacy_cache.migrate import MigrationReport


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([2068624785850.0, 683972000.0], ["2,068.6 bn", "0.7 bn"]),
        ([17352119000.0, 683972000.0], ["17,352,119,000", "683,972,000"]),
        ([122.15, 79.485, None], ["122.150", "79.485", ""]),
        ([122.0, 4.0], ["122", "4"]),
        ([1 / 3, 12.5], ["0.3333", "12.5000"]),
        ([1234567.891], ["1,234,567.89"]),
        ([0.00001234, -0.002], ["1.234e-05", "-0.002"]),
        ([float("nan"), float("inf"), 1.5], ["nan", "inf", "1.5"]),
        ([2020, 9999, 10000, -1234567], ["2020", "9999", "10,000", "-1,234,567"]),
        ([True, None], ["true", ""]),
        ([date(2021, 3, 31)], ["2021-03-31"]),
        ([datetime(2021, 3, 31, 22, tzinfo=UTC)], ["2021-03-31 22:00:00Z"]),
        (["tab\tand \x1b[31mred", "O'X\"Y"], ["tab\\tand \\x1b[31mred", "O'X\"Y"]),
        (["x" * 200], ["x" * 99 + "…"]),
    ],
)
def test_values_are_formatted_for_people(values: list[object], texts: list[str]) -> None:
    """The numbers of a column share one format, and control characters are escaped."""
    [column] = display.columns_of(pl.DataFrame({"c": values}))
    assert column.texts == texts


def test_the_amounts_of_a_row_share_one_unit() -> None:
    """One column in billions puts other large amounts in billions, but neither shares nor small amounts."""
    row = {"revenue": [294.135e9], "income": [74.253e9], "cost": [5e8], "shares": [17352119000.0]}
    columns = display.columns_of(pl.DataFrame(row))
    assert [c.texts for c in columns] == [["294.1 bn"], ["74.3 bn"], ["500,000,000"], ["17,352,119,000"]]


def test_numbers_are_aligned_right_and_texts_left() -> None:
    """Columns are aligned, long names break at underscores, and wide characters count as two."""
    frame = pl.DataFrame({"symbol": ["AAPL", "株"], "shares_outstanding": [1.5, 20.0]})
    assert list(display.plain_lines(display.columns_of(frame))) == [
        "             shares_",
        "symbol   outstanding",
        "------   -----------",
        "AAPL             1.5",
        "株              20.0",
    ]


def test_only_columns_that_fit_are_shown_on_a_narrow_terminal() -> None:
    """The first columns that fit are shown, at least one, and long texts are shortened."""
    frame = pl.DataFrame({"a": ["x" * 50], "b": [1], "c": ["y" * 9]})
    assert [c.width for c in display.columns_of(frame, width=24)] == [20, 1]
    assert len(display.columns_of(frame, width=5)) == 1
    assert len(display.columns_of(frame, width=200)) == 3


def test_square_brackets_in_data_are_no_markup() -> None:
    """Square brackets in a value or a column name are printed as text."""
    console = Console(width=60)
    with console.capture() as captured:
        console.print(display.table(display.columns_of(pl.DataFrame({"[red]n": ["[b]x[/b]"]}))))
    assert "[red]n" in captured.get()
    assert "[b]x[/b]" in captured.get()


def test_a_long_list_of_faults_is_shortened() -> None:
    """The first fifty lines are printed, then the number of the others."""
    report = MigrationReport(files=60, faults=[(f"{n}.json.gz", "empty file") for n in range(60)])
    lines = report.lines()
    assert sum(line.startswith("fault ") for line in lines) == 50
    assert lines[-1] == "          and 10 more; --json lists all"


def test_a_fetch_says_where_its_rejected_records_are() -> None:
    """The count alone did not say where the reasons are, and one request was "1 requests"."""
    report = FetchReport(requests=1, symbols=1, calls=1, records=3000, rejected=1)
    sent, received, *_ = report.lines()
    assert sent == "sent      1 request for 1 symbol, 1 call"
    table = "the table rejected_records has the reasons"
    assert received == f"received  3,000 records in 0.0 s, 1 rejected; {table}"


def test_a_reason_about_a_hidden_column_is_not_shown() -> None:
    """A row keeps its reason only if one of the columns of the table is empty."""
    reasons = ["hidden: missing", "roe: missing"]
    frame = pl.DataFrame({"roe": [0.1, None], "hidden": [None, None], "reason": reasons})
    rows = display.with_visible_reasons(frame, ("reason", "roe"))
    assert rows["reason"].to_list() == [None, "roe: missing"]


def test_causes_of_the_shown_factors_are_listed_once() -> None:
    """A row lists the causes of its empty factors that are shown, and of no others."""
    reasons = '{"roe":"ttm: quarter_missing","roa":"ttm: quarter_missing","pe_ratio":"market_cap: none"}'
    frame = pl.DataFrame({"roe": [None, 0.1], "reason": [None, None], "reasons": [reasons, None]})
    rows = display.with_visible_reasons(frame, ("reason", "roe", "roa"))
    assert rows["reason"].to_list() == ["ttm: quarter_missing", None]
