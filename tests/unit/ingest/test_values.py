"""Test how single values of a provider's records are parsed."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from factorlab_lake.ingest.normalize import Normalized
from tests.support import answer, bar, income, normalized


def _read(*records: dict[str, Any], dataset: str = "income", period: str = "quarterly") -> Normalized:
    return normalized(dataset, answer(dataset, list(records), period=period))


def _one(column: str, record: dict[str, Any], **options: str) -> Any:
    result = _read(record, **options)
    assert result.rejects.is_empty(), result.rejects["reason"].to_list()
    return result.rows[column].item()


def _reason(record: dict[str, Any], **options: str) -> str:
    result = _read(record, **options)
    assert result.rows.is_empty()
    reason: str = result.rejects["reason"].item()
    return reason


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (64698000000, 64698000000.0),
        (64698000000.0, 64698000000.0),
        (-1.5, -1.5),
        (0, 0.0),
        (2**53, float(2**53)),
        ("64698000000", 64698000000.0),
        (" 12.50 ", 12.5),
        ("-1e3", -1000.0),
        ("1,000", 1000.0),
        ("3,000,000,000", 3e9),
        ("-12,345.5", -12345.5),
        ("", None),
        ("   ", None),
        (None, None),
        (math.nan, None),
        ("NaN", None),
    ],
)
def test_a_number_is_read_whatever_its_form(sent: Any, stored: float | None) -> None:
    """Integers, fractions and numbers as text give one type; NaN and empty text are missing."""
    assert _one("revenue", income(revenue=sent)) == stored


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("n/a", "n/a"),
        ("12 USD", "12 USD"),
        ("--", "--"),
        ("1,00", "1,00"),
        ("(7)", "(7)"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("Infinity", "Infinity"),
        (1e300, 1e300),
        ([1], "[1]"),
        ({"raw": 1}, '{"raw": 1}'),
    ],
)
def test_what_is_no_number_is_missing_and_its_text_stays(sent: Any, shown: Any) -> None:
    """An unreadable or absurd value is NULL and never 0; its text is in `extra`, and its record is stored."""
    row = _read(income(revenue=sent)).rows.row(0, named=True)
    assert (row["revenue"], json.loads(row["extra"]), row["eps"]) == (None, {"revenue": shown}, 0.74)


def test_a_bar_needs_a_close_that_can_be_read() -> None:
    """The close decides whether a bar is stored: without it the bar says nothing."""
    assert _reason(bar("2020-01-02") | {"close": "n/a"}, dataset="price") == "close: 'n/a' is not a number"
    assert _reason(bar("2020-01-02", close=math.inf), dataset="price").startswith("close: 'inf' is not")
    assert "not between" in _reason(bar("2020-01-02", close=1e18), dataset="price")


@pytest.mark.parametrize("name", ["open", "high", "low", "volume", "vwap"])
def test_a_negative_price_beside_the_close_is_missing(name: str) -> None:
    """A negative price or volume is NULL with its text in `extra`, and the bar is stored."""
    row = _read(bar("2020-01-02", **{name: -3}), dataset="price").rows.row(0, named=True)
    assert json.loads(row["extra"]) == {name: -3}
    assert row["close_price"] == 100.0
    assert row[{"volume": "volume", "vwap": "vwap"}.get(name, f"{name}_price")] is None


@pytest.mark.parametrize("sent", ["N/A", "-", "None", "0000-00-00", "1024-01-01", "2204-01-01"])
def test_what_is_no_filing_date_is_missing(sent: str) -> None:
    """A filing date that cannot be is NULL with its text in `extra`; the acceptance still counts."""
    row = _read(income(fillingDate=sent)).rows.row(0, named=True)
    assert (row["filing_date"], json.loads(row["extra"])) == (None, {"fillingDate": sent})
    assert row["availability_basis"] == "accepted"


@pytest.mark.parametrize(("field", "sent"), [("reportedCurrency", "None"), ("cik", "N/A"), ("cik", "-")])
def test_a_word_for_missing_is_no_text(field: str, sent: str) -> None:
    """A currency has three letters and a company number has digits; other texts are missing."""
    row = _read(income(**{field: sent})).rows.row(0, named=True)
    assert (row["reported_currency"] is None, row["cik"] is None) == (field != "cik", field == "cik")
    assert json.loads(row["extra"]) == {field: sent}


@pytest.mark.parametrize("symbol", ["AAPL,MSFT", "SYMBOL", "ticker", "AA\nPL", "AA\0PL"])
def test_what_is_no_symbol_is_rejected(symbol: str) -> None:
    """A list of symbols, a heading or a text with control characters is no symbol."""
    fetched = answer("income", [income(symbol=...)])
    fetched.symbol = symbol
    result = normalized("income", fetched)
    assert result.rows.is_empty()
    assert result.rejects["reason"].item().endswith("is no symbol")


@pytest.mark.parametrize("symbol", ["BRK.B", "0700.HK", "^GSPC", "EURUSD=X", "M&M.NS", "BTC-USD", "BF/B"])
def test_unusual_symbols_are_stored(symbol: str) -> None:
    """Dots, digits and signs are parts of symbols."""
    fetched = answer("income", [income(symbol=...)])
    fetched.symbol = symbol
    assert normalized("income", fetched).rows["symbol"].item() == symbol


def test_the_symbol_of_a_lower_case_request_is_in_capitals() -> None:
    """Bars carry no symbol: those of a request for aapl belong to AAPL, as its statements do."""
    fetched = answer("price", [bar("2020-01-02")])
    fetched.symbol = "aapl"
    assert normalized("price", fetched).rows["symbol"].item() == "AAPL"


def test_an_invalid_value_changes_no_other_record() -> None:
    """The other records keep their exact values, and have no `extra`."""
    values = [0.1, "n/a", 1e22, 123456789.12345679, 5e-324, 2**53, 1 / 3, "7"]
    records = [income(f"2020-01-{i + 1:02}", revenue=value) for i, value in enumerate(values)]
    result = _read(*records)
    assert result.rejects.is_empty()
    assert result.rows["revenue"].to_list() == [
        0.1, None, 1e22, 123456789.12345679, 5e-324, 2.0**53, 1 / 3, 7.0,
    ]  # fmt: skip
    assert [x is None for x in result.rows["extra"]] == [i != 1 for i in range(8)]


@pytest.mark.parametrize("sent", ["2020-09-26", "2020-09-26T00:00:00", "2020-09-26 00:00:00", " 2020-09-26 "])
def test_a_date_may_carry_a_time(sent: str) -> None:
    """A fiscal date ignores the time of day."""
    assert _one("fiscal_date", income(date=sent)) == date(2020, 9, 26)


@pytest.mark.parametrize(
    "sent", ["2020-13-45", "2019-02-29", "26/09/2020", "Sep 26, 2020", "20200926", 20200926]
)
def test_what_is_no_date_rejects_its_record(sent: Any) -> None:
    """A date that does not exist, or in another notation, is never guessed."""
    assert _reason(income(date=sent)).startswith("date: '")


@pytest.mark.parametrize("sent", [None, "", ...])
@pytest.mark.parametrize("dataset", ["income", "price"])
def test_a_record_without_a_date_is_rejected(sent: Any, dataset: str) -> None:
    """A record without a date has no key."""
    record = income(date=sent) if dataset == "income" else bar(date=sent)
    assert _reason(record, dataset=dataset) == "date: missing"


@pytest.mark.parametrize("sent", ["1899-12-31", "0001-01-01"])
def test_a_date_before_1900_is_rejected(sent: str) -> None:
    """A placeholder such as year 1 is not a fiscal date."""
    assert "before 1900" in _reason(income(date=sent))


@pytest.mark.parametrize("dataset", ["income", "price"])
def test_a_date_after_the_fetch_is_rejected(dataset: str) -> None:
    """A record cannot be dated after its fetch; the day of the fetch is valid in any time zone."""
    make = income if dataset == "income" else bar
    assert "2021-04-02 is after the fetch" in _reason(make("2021-04-02"), dataset=dataset)
    assert _read(make("2021-04-01"), make("2021-03-31"), dataset=dataset).rejects.is_empty()


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2020-10-29 18:06:25", datetime(2020, 10, 29, 22, 6, 25, tzinfo=UTC)),  # daylight saving time
        ("2020-10-29T18:06:25", datetime(2020, 10, 29, 22, 6, 25, tzinfo=UTC)),
        ("2021-01-27 18:03:06", datetime(2021, 1, 27, 23, 3, 6, tzinfo=UTC)),  # standard time
        ("2020-11-01 01:30:00", datetime(2020, 11, 1, 6, 30, tzinfo=UTC)),  # ambiguous: the later one
        ("2021-03-14 02:30:00", datetime(2021, 3, 14, 7, 30, tzinfo=UTC)),  # skipped: an hour later
        ("2021-03-14 01:59:59", datetime(2021, 3, 14, 6, 59, 59, tzinfo=UTC)),
        ("2021-03-14 03:00:00", datetime(2021, 3, 14, 7, 0, tzinfo=UTC)),
        ("2020-10-29", datetime(2020, 10, 30, 3, 59, 59, tzinfo=UTC)),  # without a time: its last second
        ("2020-10-29 00:00:00", datetime(2020, 10, 30, 3, 59, 59, tzinfo=UTC)),  # no time either
        ("2020-10-29T00:00:00.000", datetime(2020, 10, 30, 3, 59, 59, tzinfo=UTC)),
        ("2020-10-29 18:06", datetime(2020, 10, 29, 22, 6, tzinfo=UTC)),
        ("2020-10-29T18:06:25.000Z", datetime(2020, 10, 29, 18, 6, 25, tzinfo=UTC)),
        ("2020-10-29T00:00:00Z", datetime(2020, 10, 29, tzinfo=UTC)),  # a moment: it has an offset
        ("2020-10-29 18:06:25-08:00", datetime(2020, 10, 30, 2, 6, 25, tzinfo=UTC)),
        ("2020-10-29 18:06:25 +0530", datetime(2020, 10, 29, 12, 36, 25, tzinfo=UTC)),
        ("2020-10-29T18:06:25+00:00", datetime(2020, 10, 29, 18, 6, 25, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_an_acceptance_is_new_york_wall_time(sent: str | None, moment: datetime | None) -> None:
    """Acceptance times are New York wall time, over both clock changes, unless they have an offset."""
    assert _one("accepted_at", income(acceptedDate=sent)) == moment


@pytest.mark.parametrize(
    "sent",
    [
        "yesterday",
        "2020-10-29 25:00:00",
        "18:06:25",
        "2020-13-01 10:00:00",
        1603994785,
        "0000-00-00 00:00:00",
    ],
)
def test_what_is_no_time_is_an_unknown_acceptance(sent: Any) -> None:
    """Without a readable acceptance the filing date decides the availability; the text is in `extra`."""
    row = _read(income(acceptedDate=sent)).rows.row(0, named=True)
    assert (row["accepted_at"], row["availability_basis"]) == (None, "filing_date")
    assert json.loads(row["extra"]) == {"acceptedDate": sent}


@pytest.mark.parametrize(
    ("sent", "year"), [("2021", 2021), (2021, 2021), (2021.0, 2021), (None, 2020), (..., 2020)]
)
def test_a_fiscal_year_is_taken_from_the_label_else_from_the_date(sent: Any, year: int) -> None:
    """The provider's label wins; without it the fiscal year is that of the period's end."""
    assert _one("fiscal_year", income("2020-12-26", "Q1", calendarYear=sent)) == year


@pytest.mark.parametrize("sent", ["two thousand", 2020.5, "2020.5", 1e20, 1020])
def test_what_is_no_whole_number_is_no_year(sent: Any) -> None:
    """A year with a fraction is not truncated: the date's year counts, and the text is in `extra`."""
    row = _read(income("2020-12-26", "Q1", calendarYear=sent, acceptedDate=None)).rows.row(0, named=True)
    assert (row["fiscal_year"], json.loads(row["extra"])) == (2020, {"calendarYear": sent})


@pytest.mark.parametrize("sent", ["0000000000", "null", "0", "", None])
def test_fillers_of_the_company_number_mean_missing(sent: str | None) -> None:
    """A placeholder CIK is missing: it would make different companies one."""
    assert _one("cik", income(cik=sent)) is None


def test_leading_zeros_of_the_company_number_stay() -> None:
    """A CIK is a text of ten digits."""
    assert _one("cik", income()) == "0000320193"


@pytest.mark.parametrize(
    ("sent", "requested", "stored"),
    [("Q4", "quarterly", "Q4"), ("FY", "quarterly", "FY"), ("FY", "annual", "FY"), (None, "annual", "FY")],
)
def test_the_period_is_the_records_else_the_requested_one(sent: Any, requested: str, stored: str) -> None:
    """The record's period wins; only an annual request replaces a missing one."""
    assert _one("fiscal_period", income(period=sent), period=requested) == stored


@pytest.mark.parametrize(
    ("sent", "shown"), [(None, "missing"), ("Q5", "'Q5'"), ("H3", "'H3'"), ("quarter", "'quarter'")]
)
def test_a_period_that_is_none_of_the_known_ones_is_rejected(sent: Any, shown: str) -> None:
    """An unknown period is not a key."""
    assert _reason(income(period=sent)).startswith(f"period: {shown}")


@pytest.mark.parametrize(
    ("close", "why"), [(None, "missing"), (0, "not positive"), (-1.5, "not positive"), (math.nan, "missing")]
)
def test_a_bar_needs_a_close_above_zero(close: Any, why: str) -> None:
    """A bar without a positive price would give a market cap of zero."""
    assert why in _reason(bar("2020-01-02", close=close), dataset="price")


def test_both_spellings_of_a_field_are_read_in_one_batch() -> None:
    """The columns are the same for records of both API generations in one batch."""
    old = income("2020-06-27", "Q3", fillingDate="2020-07-31")
    new = income(
        "2020-09-26", "Q4", fillingDate=..., filingDate="2020-10-30", calendarYear=..., fiscalYear="2021"
    )
    result = _read(old, new).rows.sort("fiscal_date")
    assert result["filing_date"].to_list() == [date(2020, 7, 31), date(2020, 10, 30)]
    assert result["fiscal_year"].to_list() == [2020, 2021]


def test_items_without_a_column_are_kept_as_sent() -> None:
    """Unknown fields go to `extra`, numbers as numbers and text as text."""
    result = _one("extra", income(newItem=1.5, note='He said "no"', flag=True, nothing=None, empty=math.nan))
    assert json.loads(result) == {"newItem": 1.5, "note": 'He said "no"', "flag": True}


def test_nested_items_without_a_column_are_kept_whole() -> None:
    """A list or an object without a column keeps all of its parts."""
    result = json.loads(_one("extra", income(segments=[{"name": "Mac", "revenue": 9032}])))
    segments = result["segments"]
    assert (json.loads(segments) if isinstance(segments, str) else segments) == [
        {"name": "Mac", "revenue": 9032}
    ]


def test_a_record_without_further_items_has_no_extra() -> None:
    """Without unknown fields, `extra` is NULL and not an empty object."""
    assert _one("extra", income()) is None


def test_a_label_that_repeats_the_date_is_not_kept_and_an_odd_one_is() -> None:
    """A bar's label is stored only if it differs from the date."""
    result = _read(
        bar("2021-03-31", label="March 31, 21"),
        bar("2021-03-30", label="April 01, 21"),
        bar("2021-03-29", label=None),
        dataset="price",
    ).rows
    assert result["extra"].to_list() == [None, '{"label":"April 01, 21"}', None]


def test_an_odd_label_does_not_displace_other_items() -> None:
    """A bar keeps both a differing label and an unknown field."""
    result = _one("extra", bar("2021-03-30", label="April 01, 21", auction=3), dataset="price")
    assert json.loads(result) == {"label": "April 01, 21", "auction": 3}


@pytest.mark.parametrize("sent", ["AAPL", "aapl", None, ...])
def test_the_requested_symbol_replaces_a_missing_one(sent: Any) -> None:
    """Bars have no symbol, and records may have lost it: the requested one counts."""
    assert _one("symbol", income(symbol=sent)).upper() == "AAPL"


def test_a_record_of_another_symbol_is_rejected() -> None:
    """A record of another company is not stored under the requested symbol."""
    assert _reason(income(symbol="MSFT")) == "symbol: 'MSFT' in a response for 'AAPL'"


def test_several_faults_of_a_record_are_all_named() -> None:
    """The reason of a reject lists every fault of the record."""
    reason = _reason(income(date="?", netIncome="?", period="Q7"))
    assert reason.split("; ") == [
        "date: '?' is not a date such as 2024-12-31",
        "period: 'Q7' is not one of Q1, Q2, Q3, Q4, H1, 9M, FY",
    ]


def test_the_split_basis_is_new_yorks_day_of_the_fetch() -> None:
    """The split basis of a fetch at 02:00 UTC is the day before, the date in New York."""
    night = answer("price", [bar("2021-03-30")], at=datetime(2021, 4, 1, 2, 0, tzinfo=UTC))
    assert normalized("price", night).rows["split_basis_date"].item() == date(2021, 3, 31)
