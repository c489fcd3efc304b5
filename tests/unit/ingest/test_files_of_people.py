"""Test that files of other programs load as they are, or are refused with a clear error."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.lake import Lake

_HEADER = "symbol,date,close_price,volume\n"
_DAYS = pd.DatetimeIndex(["2020-12-30", "2020-12-31"], tz="America/New_York", name="Date")
_PRICES = {"Open": [1.0, 2.0], "Close": [2.0, 2.5], "Adj Close": [1.9, 2.4], "Volume": [10, 20]}


def _load(
    lake: Lake, folder: Path, body: str | bytes, name: str = "bars.csv", table: str = "price_data"
) -> int:
    file = folder / name
    file.write_bytes(body if isinstance(body, bytes) else body.encode())
    return lake.load(table, file, split_basis="own-day" if table == "price_data" else None)


def _side_by_side(level: str, *, is_named: bool) -> pd.DataFrame:
    frame = pd.concat({symbol: pd.DataFrame(_PRICES, index=_DAYS) for symbol in ("A", "BRK-B")}, axis=1)
    frame.columns.names = ["Ticker", "Price"] if is_named else [None, None]
    return frame if level == "ticker" else frame.swaplevel(axis=1)


@pytest.mark.parametrize("names", ["named", "nameless"])
@pytest.mark.parametrize("level", ["ticker", "column"])
@pytest.mark.parametrize("form", ["frame", "csv", "parquet"])
def test_bars_side_by_side_load_in_every_form(
    lake: Lake, tmp_path: Path, form: str, level: str, names: str
) -> None:
    """`group_by` puts symbols or prices first; older frames have no names of the levels."""
    frame = _side_by_side(level, is_named=names == "named")
    file = tmp_path / f"bars.{form}"
    if form == "csv":
        frame.to_csv(file)
    elif form == "parquet":
        frame.to_parquet(file)
    source = frame if form == "frame" else file
    assert lake.load("price_data", source, split_basis="2021-03-31") == 4
    rows = lake.sql("SELECT symbol, date::VARCHAR, close_price, volume FROM price_data ORDER BY ALL").rows()
    days = [("2020-12-30", 2.0, 10.0), ("2020-12-31", 2.5, 20.0)]
    assert rows == [(symbol, *day) for symbol in ("A", "BRK-B") for day in days]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 234.50", 1234.5), ("1'234.50", 1234.5), ("1\u2019234", 1234), ("1\u202f234.5", 1234.5),
        ("1\u00a0234", 1234),
        ("(50)", None), ("( 1,234.5 )", None), ("\u221250", None), ("5%", None), ("$5", None), ("1 23", None),
    ],
)  # fmt: skip
def test_numbers_as_accounts_write_them(lake: Lake, tmp_path: Path, text: str, value: float | None) -> None:
    """A price is read, or refused: negative ones, percent, amounts with a sign, odd groups."""
    body = f'symbol,date,close_price\nA,2020-01-02,"{text}"\n'
    if value is None:
        with pytest.raises(InvalidInput, match=r"close_price: .* is not (?:positive|a number)"):
            _load(lake, tmp_path, body)
    else:
        assert _load(lake, tmp_path, body) == 1
        assert lake.prices("A")["close_price"].to_list() == [value]


def test_a_loss_in_parentheses_is_negative(lake: Lake, tmp_path: Path) -> None:
    """A loss of a statement is read as one, also with decimal commas."""
    rows = "symbol;fiscal_date;fiscal_period;revenue;net_income\nA;2020-02-29;FY;1.000,5;(1.234,56)\n"
    file = tmp_path / "income.csv"
    file.write_text(rows)
    assert lake.load("income_statements", file, decimal=",") == 1
    query = "SELECT fiscal_date::VARCHAR, revenue, net_income FROM income_statements"
    assert lake.sql(query).rows() == [("2020-02-29", 1000.5, -1234.56)]


_BARS = {
    "blank rows": _HEADER + ",,,\nA,2020-01-02,5,1\n , ,,\n,,,\n\n",
    "a line of Excel": "sep=;\n" + _HEADER.replace(",", ";") + "A;2020-01-02;5;1\n",
    "a line of Excel after a mark": "\ufeffsep=;\r\n" + _HEADER.replace(",", ";") + "A;2020-01-02;5;1\r\n",
}


@pytest.mark.parametrize("case", _BARS)
def test_lines_of_excel_are_no_rows(lake: Lake, tmp_path: Path, case: str) -> None:
    """Rows of separators alone, and the line that names the separator, are left out."""
    assert _load(lake, tmp_path, _BARS[case]) == 1
    assert lake.prices("A")["close_price"].to_list() == [5.0]


def test_a_compressed_file_may_be_named_so(lake: Lake, tmp_path: Path) -> None:
    """`.csv.gz` is the usual name; one that is cut short is refused."""
    body = gzip.compress((_HEADER + "".join(f"A{i},2020-01-02,5,1\n" for i in range(999))).encode())
    assert _load(lake, tmp_path, body, "bars.csv.gz") == 999
    with pytest.raises(InvalidInput, match="end-of-stream marker"):
        _load(lake, tmp_path, body[:60], "cut.csv.gz")


_NO_CSV: dict[str, tuple[str | bytes, str]] = {
    "parquet": (b"PAR1\x15\x04", "is no CSV but a Parquet file; name it .parquet"),
    "Excel": (b"PK\x03\x04\x14", "an Excel or zip file; save the sheet as CSV"),
    "HTML": ("\n<!DOCTYPE html><html>Too Many Requests</html>", "a page in HTML or XML"),
    "JSON": ('[{"symbol": "A"}]', "JSON; convert it"),
    "a title": ("Prices of ACME\n" + _HEADER, "more values than the first line; that must have the names"),
    "a wide row": (_HEADER + "A,2020-01-02,1,234,5\n", "a value with a separator needs quotes"),
    "dates of America": (_HEADER + "A,12/30/2020,5,1\n", "'12/30/2020' .*; write dates as YYYY-MM-DD"),
    "dates of Europe": (_HEADER + "A,30.12.2020,5,1\n", "write dates as YYYY-MM-DD"),
    "no leap day": (_HEADER + "A,2021-02-29,5,1\n", "'2021-02-29' is not a date such as 2024-12-31\\.$"),
    "a formula": (_HEADER + '"=""0700""",2020-01-02,5,1\n', 'symbol: ="0700" is no symbol'),
    "quotes": (_HEADER + "'A',2020-01-02,5,1\n", "'A' is no symbol"),
    "other headings": ("Dates,PX_LAST,PX_VOLUME\n", "Did you mean 'volume'.*'PX_LAST'.*--map OLD=NEW"),
}  # fmt: skip


@pytest.mark.parametrize("case", _NO_CSV)
def test_a_wrong_file_says_what_it_is(lake: Lake, tmp_path: Path, case: str) -> None:
    """The message has what was seen and what to do; nothing is stored."""
    body, text = _NO_CSV[case]
    with pytest.raises(InvalidInput, match=text):
        _load(lake, tmp_path, body)
    assert lake.snapshot.id == 0


def test_a_folder_and_a_list_are_no_file(lake: Lake, tmp_path: Path) -> None:
    """Each file is a load of its own, with its own symbol and basis."""
    for source, text in ((tmp_path, "is a folder; load each"), ([tmp_path / "a.csv"], "Got a list of files")):
        with pytest.raises(InvalidInput, match=text):
            lake.load("price_data", source)
    with pytest.raises(NotFound, match=r"expected a \.csv"):
        lake.load("price_data", tmp_path / "none.csv")


_FACTS = """ticker,item,fp,end,filed,value,unit
A,revenue,FY,2020-02-29,2020-04-01,1000,USD
A,eps,FY,2020-02-29,2020-04-01,-0.5,USD/shares
A,weightedAverageShsOut,FY,2020-02-29,2020-04-01,100,shares
"""


def test_units_of_facts_are_the_currency_of_their_filing(lake: Lake, tmp_path: Path) -> None:
    """SEC's units are USD, USD/shares and shares: all facts of a filing are one statement."""
    assert _load(lake, tmp_path, _FACTS, table="income_statements") == 1
    query = (
        "SELECT reported_currency, revenue, eps, weighted_average_shares_outstanding FROM income_statements"
    )
    assert lake.sql(query).rows() == [("USD", 1000.0, -0.5, 100.0)]


def test_facts_in_two_currencies_are_refused(lake: Lake, tmp_path: Path) -> None:
    """A convenience translation is no second statement of the period."""
    with pytest.raises(InvalidInput, match="contradicts an earlier row"):
        _load(
            lake, tmp_path, _FACTS + "A,revenue,FY,2020-02-29,2020-04-01,900,EUR\n", table="income_statements"
        )


@pytest.mark.filterwarnings("ignore:price_data. dividends of the source")
def test_alpha_vantage_is_as_traded(lake: Lake, tmp_path: Path) -> None:
    """Its close is as traded, and one file has the bars, the dividends and the split."""
    names = "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
    file = tmp_path / "daily.csv"
    file.write_text(
        names
        + "2020-08-31,127,131,126,129.04,128,9,0.0,4.0\n"
        + "2020-08-28,504,505,498,499.23,124,9,0.0,1.0\n2020-08-07,452,454,441,444.45,110,9,0.82,1.0\n"
    )
    with pytest.warns(UserWarning, match="1 split of the source is loaded too"):
        assert lake.load("price_data", file, symbol="AAPL") == 3
    assert [lake.load(table, file, symbol="AAPL") for table in ("splits", "dividends")] == [1, 1]
    assert lake.prices("AAPL")["split_basis_date"].cast(pl.String).to_list()[0] == "2020-08-07"
    assert lake.sql("SELECT date::VARCHAR, numerator FROM splits WHERE retracted_at IS NULL").rows() == [
        ("2020-08-31", 4.0)
    ]


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("4:1", (4, 1)),
        ("1 : 8", (1, 8)),
        ("3/2", (3, 2)),
        ("3-for-2", (3, 2)),
        ("21 for 20", (21, 20)),
        ("0.1", (1, 10)),
    ],
)
def test_a_ratio_may_have_two_sides(
    lake: Lake, tmp_path: Path, text: str, sides: tuple[float, float]
) -> None:
    """The shares after the split come first, as Yahoo writes it; days without a split are left out."""
    body = f"Date,Stock Splits\n2020-01-02,0.0\n2020-01-03,{text}\n2020-01-06,1:1\n"
    file = tmp_path / "splits.csv"
    file.write_text(body)
    assert lake.load("splits", file, symbol="A") == 1
    assert lake.sql("SELECT date::VARCHAR, numerator, denominator FROM splits").rows() == [
        ("2020-01-03", *sides)
    ]


@pytest.mark.parametrize("text", ["4:0", "four", ":1", "4:1:1", "-4:1"])
def test_a_ratio_that_is_none_is_refused(lake: Lake, tmp_path: Path, text: str) -> None:
    """The message shows the text or the side that cannot be one."""
    file = tmp_path / "splits.csv"
    file.write_text(f"Date,Stock Splits\n2020-01-03,{text}\n")
    with pytest.raises(InvalidInput, match="Row 1 for splits: "):
        lake.load("splits", file, symbol="A")
