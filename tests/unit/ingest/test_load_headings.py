"""Test that files load as vendors write them: Yahoo and yfinance, Tiingo, LEAN, FMP and lists of facts."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import get_type_hints

import pandas as pd
import polars as pl
import pytest

from factorlab_lake.cli.ingest import load as load_command
from factorlab_lake.errors import InvalidInput, LakeWarning
from factorlab_lake.ingest.load import LOADABLE
from factorlab_lake.ingest.load_columns import required_columns
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.schema.source_formats import FILE_FORMATS, KNOWN_SOURCES
from tests.support import ROOT
from tests.unit.cli.running import run

_YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2020-12-30,225.23,225.63,221.47,221.68,213.62,20272300
2020-12-31,221.70,223.00,219.68,222.42,214.33,20942100
"""
_TIINGO = """date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor
2020-08-28T00:00:00.000Z,499.23,505.77,498.31,504.05,46907479,124.8,126.4,124.5,126.0,187629916,0.0,1.0
2020-08-31T00:00:00.000Z,129.04,131.0,126.0,127.58,223505733,129.04,131.0,126.0,127.58,223505733,0.0,4.0
2020-11-06T00:00:00.000Z,118.69,119.2,116.13,118.32,114457922,118.69,119.2,116.13,118.32,114457922,0.205,1.0
"""
_LEVELS = """Price,Adj Close,Close,Close,Volume,Volume
Ticker,AAPL,AAPL,MSFT,AAPL,MSFT
Date,,,,,
2020-12-30,132.4,133.72,221.68,96452100,20272300
2020-12-31,131.5,132.69,,99116600,
"""
_FMP_PRICES = """symbol,date,open,high,low,close,volume,change,changePercent,vwap
AAPL,2020-12-31,134.08,134.74,131.72,132.69,99116600,-1.39,-1.03,133.05
"""
_FMP_INCOME = """\
date,symbol,reportedCurrency,cik,fillingDate,acceptedDate,calendarYear,period,revenue,netIncome,odd
2020-09-26,AAPL,USD,0000320193,2020-10-30,2020-10-29 18:06:25,2020,FY,274515000000,57411000000,https://x
"""
_SPLITS = "SELECT date, numerator, denominator FROM splits WHERE retracted_at IS NULL"
_FACTS = """symbol,item,fiscal_period,period end,filed,value,currency
AAPL,revenue,FY,2020-09-26,2020-10-30,274515000000,USD
AAPL,netIncome,FY,2020-09-26,2020-10-30,57411000000,USD
AAPL,totalAssets,FY,2020-09-26,2020-10-30,323888000000,USD
"""


def _bars(lake: Lake) -> list[tuple[object, ...]]:
    columns = "symbol, date, close_price, adjusted_close, volume, split_basis_date"
    return lake.sql(f"SELECT {columns} FROM price_data ORDER BY symbol, date").rows()


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_of_yahoo(lake: Lake, tmp_path: Path) -> None:
    """Its columns are complete with the symbol and the day of the download."""
    file = _file(tmp_path, "MSFT.csv", _YAHOO)
    assert lake.load("price_data", file, symbol="MSFT", split_basis="2021-03-31") == 2
    basis = date(2021, 3, 31)
    assert _bars(lake) == [
        ("MSFT", date(2020, 12, 30), 221.68, 213.62, 20272300.0, basis),
        ("MSFT", date(2020, 12, 31), 222.42, 214.33, 20942100.0, basis),
    ]


def test_what_a_file_does_not_say_is_one_error(lake: Lake, tmp_path: Path) -> None:
    """Without symbol and basis, one message names both columns and the arguments that fill them in."""
    file = _file(tmp_path, "MSFT.csv", _YAHOO.replace("Adj Close", "Odd"))
    with pytest.raises(InvalidInput) as wrong:
        lake.load("price_data", file)
    for text in (
        "no column 'Odd'",
        "needs a column 'symbol'",
        "needs a column 'split_basis_date'",
        "own-day",
    ):
        assert text in str(wrong.value)
    assert lake.snapshot.id == 0


@pytest.mark.filterwarnings("ignore:price_data. dividends of the source")
def test_a_history_of_yfinance(lake: Lake) -> None:
    """Its index has the days with a time zone; dividends and splits load from the same frame."""
    days = pd.DatetimeIndex(["2020-08-28", "2020-08-31", "2020-11-06"], tz="America/New_York", name="Date")
    values = {"Open": 1.0, "High": 1.0, "Low": 1.0, "Close": [124.81, 129.04, 118.69], "Adj Close": 1.0}
    frame = pd.DataFrame(values | {"Dividends": [0, 0, 0.205], "Stock Splits": [0, 4.0, 0]}, index=days)
    with pytest.warns(LakeWarning, match="1 split of the source is loaded too: AAPL 2020-08-31 4:1"):
        assert lake.load("price_data", frame, symbol="AAPL", split_basis="2021-03-31") == 3
    assert lake.load("dividends", frame, symbol="AAPL", split_basis="2021-03-31") == 1
    assert lake.load("splits", frame, symbol="AAPL") == 1
    assert lake.sql("SELECT date, adjusted_dividend FROM dividends").rows() == [(date(2020, 11, 6), 0.205)]
    assert lake.sql(_SPLITS).rows() == [(date(2020, 8, 31), 4.0, 1.0)]
    assert [row[1] for row in _bars(lake)] == [day.date() for day in days]


def test_closes_without_dividends_are_no_closes(lake: Lake) -> None:
    """A history of yfinance without Adj Close is adjusted for dividends; a plain download only may be."""
    bars = {
        "Date": ["2020-11-06"],
        "Open": [1.0],
        "High": [1.0],
        "Low": [1.0],
        "Close": [118.0],
        "Volume": [5],
    }
    how = {"symbol": "AAPL", "split_basis": "2021-03-31"}
    with pytest.raises(InvalidInput, match="auto_adjust=False"):
        lake.load("price_data", pl.DataFrame(bars | {"Dividends": [0.2], "Stock Splits": [0.0]}), **how)  # type: ignore[arg-type]
    with pytest.warns(LakeWarning, match="the source has no Adj Close"):
        assert lake.load("price_data", pl.DataFrame(bars), **how) == 1  # type: ignore[arg-type]


def test_a_split_basis_is_not_before_the_bar(lake: Lake, tmp_path: Path) -> None:
    """A bar counts the splits up to its own day at least; dividends of Yahoo need the day of the download."""
    file = _file(tmp_path, "MSFT.csv", _YAHOO)
    with pytest.raises(InvalidInput, match="split_basis 2019-01-04 is before the bar of 2020-12-31"):
        lake.load("price_data", file, symbol="MSFT", split_basis="2019-01-04")
    paid = pl.DataFrame({"Date": ["2020-08-07"], "Dividends": [0.82]})
    with pytest.raises(InvalidInput, match="Yahoo's dividends count the splits up to the download"):
        lake.load("dividends", paid, symbol="AAPL")


def test_share_counts_of_facts_are_as_filed(lake: Lake, tmp_path: Path) -> None:
    """Their split basis is the filing date, so a later split multiplies them; FMP's file needs the day."""
    text = "symbol,item,fp,end,filed,value\nQF,weightedAverageShsOut,Q3,2020-06-27,2020-07-31,4312573000\n"
    lake.load("income_statements", _file(tmp_path, "facts.csv", text))
    lake.load("splits", {"symbol": ["QF"], "date": ["2020-08-31"], "numerator": [4], "denominator": [1]})
    bar = {
        "symbol": ["QF"],
        "date": ["2020-08-31"],
        "close_price": [129.04],
        "split_basis_date": ["2021-01-04"],
    }
    lake.load("price_data", bar)
    assert lake.market_caps("QF", "2020-08-31")["market_cap"].item() == pytest.approx(129.04 * 4 * 4312573000)
    text = _FMP_INCOME.replace(",odd", ",eps").replace("https://x", "3.3")
    with pytest.warns(LakeWarning, match="read as on the split basis of today"):
        lake.load("income_statements", _file(tmp_path, "today.csv", text))
    lake.load(
        "income_statements", _file(tmp_path, "b.csv", text.replace("AAPL", "B")), split_basis="2021-03-31"
    )
    query = "SELECT symbol, split_basis_date = '2021-03-31' FROM income_statements WHERE eps = 3.3 ORDER BY 1"
    assert lake.sql(query).rows() == [("AAPL", False), ("B", True)]


def test_what_a_source_lacks_is_named(lake: Lake, tmp_path: Path) -> None:
    """A file of prices has no dividends, one of income no balance sheet, and two columns cannot be one."""
    file = _file(tmp_path, "MSFT.csv", _YAHOO)
    with pytest.raises(InvalidInput, match="The source has no dividends"):
        lake.load("dividends", file, symbol="MSFT", split_basis="2021-03-31")
    with pytest.raises(InvalidInput, match="no line item of balance_sheets"):
        lake.load("balance_sheets", _file(tmp_path, "i.csv", _FMP_INCOME))
    twice = pl.DataFrame({"Date": ["2020-01-02"], "Close": [1.0], "close_price": [1.0]})
    with pytest.raises(InvalidInput, match="'Close' and 'close_price' of the source are both close_price"):
        lake.load("price_data", twice, symbol="A", split_basis="own-day")
    labelled = _FMP_PRICES.replace("vwap", "label").replace("133.05", "December")
    with pytest.warns(LakeWarning, match="label not loaded"):
        lake.load("price_data", _file(tmp_path, "p.csv", labelled), split_basis="2021-03-31")


def test_a_download_of_several_symbols(lake: Lake, tmp_path: Path) -> None:
    """Symbols in a second level of the columns become rows, from a frame and from its CSV file."""
    frame = pd.read_csv(io.StringIO(_LEVELS), header=[0, 1], index_col=0, parse_dates=True)
    frame.columns.names, frame.index.name = ["Price", "Ticker"], "Date"
    expected = [
        ("AAPL", date(2020, 12, 30), 133.72, 132.4, 96452100.0, date(2021, 3, 31)),
        ("AAPL", date(2020, 12, 31), 132.69, 131.5, 99116600.0, date(2021, 3, 31)),
        ("MSFT", date(2020, 12, 30), 221.68, None, 20272300.0, date(2021, 3, 31)),
    ]
    with pytest.warns(LakeWarning, match="bars without any price left out"):
        lake.load("price_data", frame, split_basis="2021-03-31")
    assert _bars(lake) == expected
    lake.rollback()
    with pytest.warns(LakeWarning, match="bars without any price left out"):
        lake.load("price_data", _file(tmp_path, "both.csv", _LEVELS), split_basis="2021-03-31")
    assert _bars(lake) == expected


@pytest.mark.filterwarnings("ignore:price_data. adj")
@pytest.mark.filterwarnings("ignore:price_data. dividends of the source")
def test_a_file_of_tiingo(lake: Lake, tmp_path: Path) -> None:
    """Its prices are as traded, so each is on the basis of its own day; it has dividends and splits too."""
    file = _file(tmp_path, "aapl.csv", _TIINGO)
    with pytest.warns(LakeWarning, match="1 split of the source is loaded too"):
        lake.load("price_data", file, symbol="AAPL")
    assert [(row[2], row[5] == row[1]) for row in _bars(lake)] == [
        (499.23, True),
        (129.04, True),
        (118.69, True),
    ]
    lake.load("splits", file, symbol="AAPL")
    assert lake.sql(_SPLITS).rows() == [(date(2020, 8, 31), 4.0, 1.0)]
    lake.load("dividends", file, symbol="AAPL")
    assert lake.sql("SELECT date, dividend FROM dividends").rows() == [(date(2020, 11, 6), 0.205)]


def test_a_zip_file_of_lean(lake: Lake, tmp_path: Path) -> None:
    """It has no header; its name is the symbol, and prices are in ten-thousandths, as traded."""
    file = tmp_path / "aapl.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("aapl.csv", "20200828 00:00,5040500,5057700,4983100,4992300,46907479\n")
    assert lake.load("price_data", file) == 1
    assert _bars(lake) == [("AAPL", date(2020, 8, 28), 499.23, None, 46907479.0, date(2020, 8, 28))]


@pytest.mark.parametrize("members", [[], ["a.csv", "b.csv"]])
def test_a_zip_file_has_one_file(lake: Lake, tmp_path: Path, members: list[str]) -> None:
    """A zip file with none or several files is refused with their number."""
    with zipfile.ZipFile(tmp_path / "aapl.zip", "w") as archive:
        for name in members:
            archive.writestr(name, _YAHOO)
    with pytest.raises(InvalidInput, match=f"has {len(members)} files; expected one CSV file"):
        lake.load("price_data", tmp_path / "aapl.zip")


def test_files_of_fmp(lake: Lake, tmp_path: Path) -> None:
    """Prices and statements load with the fields of either generation; a field without a column is named."""
    lake.load("price_data", _file(tmp_path, "p.csv", _FMP_PRICES), split_basis="2021-03-31")
    assert _bars(lake) == [("AAPL", date(2020, 12, 31), 132.69, None, 99116600.0, date(2021, 3, 31))]
    with pytest.warns(LakeWarning, match="odd not loaded"):
        lake.load("income_statements", _file(tmp_path, "i.csv", _FMP_INCOME))
    row = lake.sql("SELECT revenue, net_income, available_date FROM income_statements").rows()
    assert row == [(274515e6, 57411e6, date(2020, 10, 30))]


def test_a_list_of_facts(lake: Lake, tmp_path: Path) -> None:
    """Rows of one item each become statements; items of other tables are named."""
    file = _file(tmp_path, "facts.csv", _FACTS)
    with pytest.warns(LakeWarning, match=r"does not have left out: totalAssets \(1 row\)"):
        assert lake.load("income_statements", file) == 1
    with pytest.warns(LakeWarning, match="revenue"):
        assert lake.load("balance_sheets", file) == 1
    assert lake.sql("SELECT revenue, net_income, filing_date FROM income_statements").rows() == [
        (274515e6, 57411e6, date(2020, 10, 30))
    ]
    assert lake.sql("SELECT total_assets FROM balance_sheets").item() == 323888e6
    twice = _file(tmp_path, "twice.csv", _FACTS + _FACTS.splitlines()[1].replace("274515", "274516") + "\n")
    with pytest.raises(InvalidInput, match="revenue of AAPL for 2020-09-26 has two values in one filing"):
        lake.load("income_statements", twice)


def test_other_names_and_wrong_options(lake: Lake, tmp_path: Path) -> None:
    """Names of columns can be mapped; an option that contradicts the source is refused with its reason."""
    rows = pl.DataFrame({"sym": ["A"], "day": ["2020-01-02"], "px": [1.0]})
    rename = {"sym": "symbol", "day": "date", "px": "close_price"}
    assert lake.load("price_data", rows, rename=rename, split_basis="own-day") == 1
    for options, text in (
        ({"rename": {"no": "date"}}, "no column 'no' to rename"),
        ({"rename": rename, "symbol": "B"}, "has a column symbol"),
        ({"rename": rename, "split_basis": "soon"}, "expected 'own-day'"),
        ({"rename": {"sym": "day"}}, "has a column 'day' already"),
    ):
        with pytest.raises(InvalidInput, match=text):
            lake.load("price_data", rows, **options)
    with pytest.raises(InvalidInput, match="splits has no split basis"):
        lake.load("splits", pl.DataFrame({"symbol": ["A"]}), split_basis="own-day")


def test_a_dry_run_checks_and_writes_nothing(lake: Lake, tmp_path: Path) -> None:
    """It returns the number of rows, and raises as a load does."""
    file = _file(tmp_path, "MSFT.csv", _YAHOO)
    assert lake.load("price_data", file, symbol="MSFT", split_basis="2021-03-31", dry_run=True) == 2
    assert (lake.snapshot.id, lake.refresh().snapshot.id) == (0, 0)
    wrong = {"symbol": ["A"], "date": ["x"], "numerator": [1], "denominator": [1]}
    with pytest.raises(InvalidInput, match="Row 1"):
        lake.load("splits", wrong, dry_run=True)


def test_the_command_has_the_options(tmp_path: Path) -> None:
    """One command loads a file of Yahoo; a dry run creates no lake."""
    file = _file(tmp_path, "MSFT.csv", _YAHOO.replace("Date", "When"))
    at = ("--lake", tmp_path / "lake", "load", "price_data", file, "--map", "When=date", "--symbol", "MSFT")
    done = run(*at, "--split-basis", "2021-03-31", "--dry-run")
    assert "2 rows can be loaded; nothing was written" in done.out
    assert not (tmp_path / "lake").exists()
    assert "2 rows, snapshot 0 → 1" in run(*at, "--split-basis", "2021-03-31").out
    assert "expected OLD=NEW" in run(*at, "--map", "x", code=1).err


def test_alpha_vantage_without_adjusted_closes(lake: Lake, tmp_path: Path) -> None:
    """Its daily bars have plain headings, so the user says their split basis, as for other files."""
    text = "timestamp,open,high,low,close,volume\n2020-08-28,504.05,505.77,498.31,499.23,46907479\n"
    file = _file(tmp_path, "daily.csv", text)
    with pytest.raises(InvalidInput, match=r"^price_data needs a column 'split_basis_date'"):
        lake.load("price_data", file, symbol="AAPL")
    assert lake.load("price_data", file, symbol="AAPL", split_basis="own-day") == 1
    day = date(2020, 8, 28)
    assert _bars(lake.refresh()) == [("AAPL", day, 499.23, None, 46907479.0, day)]


def test_errors_and_warnings_of_the_command_name_its_options(tmp_path: Path) -> None:
    """What Python's messages call symbol= and split_basis are --symbol and --split-basis there."""
    file, at = _file(tmp_path, "MSFT.csv", _YAHOO), ("--lake", tmp_path / "lake", "load")
    splits = ROOT / "data/sample/splits.csv"
    based = _file(tmp_path, "based.csv", "date,close_price,split_basis_date\n2020-08-28,499.23,2020-08-28\n")
    for arguments, text in (
        (("price_data", file), "needs a column 'symbol' (--symbol AAPL fills it in)"),
        (("price_data", file), "; --split-basis own-day or a day fills it in)"),
        (
            ("splits", splits, "--split-basis", "own-day"),
            "splits has no split basis; leave --split-basis out",
        ),
        (
            ("price_data", file, "--symbol", "A", "--split-basis", "x"),
            "error: --split-basis is 'x'; expected",
        ),
        (
            ("price_data", based, "--symbol", "A", "--split-basis", "own-day"),
            "has a column split_basis_date, but --split-basis was passed too; leave one out",
        ),
    ):
        done = run(*at, *arguments, code=1)
        assert text in done.err
        assert "split_basis=" not in done.err
    assert "split_basis_date" in run(*at, "price_data", file, code=1).err  # a column keeps its name


def test_columns_and_files_named_as_an_option_keep_their_names(tmp_path: Path) -> None:
    """The names of a user are not those of the command's arguments."""
    text = "symbol,date,close_price,split_basis\nA,2020-08-28,499.23,own-day\n"
    at = ("--lake", tmp_path / "lake", "load", "price_data")
    refused = run(*at, _file(tmp_path, "prices.csv", text), code=1).err
    assert "has no column 'split_basis'" in refused
    assert "symbol, date, close_price, split_basis" in refused
    for name in ("dry_run/x.csv", "my split_basis/gone.csv"):
        assert name in run(*at, tmp_path / name, code=1).err


def test_every_text_names_the_sources_that_are_known() -> None:
    """The help of the command, the docstring of the method and the guide have the names of one list."""
    guide = (ROOT / "docs/howto/load_files.md").read_text(encoding="utf-8")
    file_help = get_type_hints(load_command, include_extras=True)["file"].__metadata__[0].help
    texts = [guide, str(Lake.load.__doc__), file_help]
    for text in (" ".join(text.split()) for text in texts):
        assert [name for name in KNOWN_SOURCES if name not in text] == []
    assert FILE_FORMATS[2:] in file_help


def test_the_help_lists_the_tables_and_what_they_need() -> None:
    """The text of the command and the tables agree."""
    text = " ".join((load_command.__doc__ or "").split())
    for name in LOADABLE:
        needed = ", ".join(required_columns(TABLES[name]))
        assert name in text
        assert f"({needed})" in text
