"""Test that CSV files of other programs are read as they were meant, or refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.csv_dialect import separator_of
from factorlab_lake.ingest.load_source import LoadSource
from factorlab_lake.lake import Lake

_BARS = """symbol,date,close_price,volume
MSFT,2020-12-30,221.68,20272300
MSFT,2020-12-31,222.42,20942100
"""
_EUROPEAN = _BARS.replace(",", ";").replace(".", ",")
_STORED = [("MSFT", 221.68, 20272300.0), ("MSFT", 222.42, 20942100.0)]
_FORMS = {
    "semicolons": _BARS.replace(",", ";").encode(),
    "semicolons and decimal commas": _EUROPEAN.encode(),
    "tabs": _BARS.replace(",", "\t").encode(),
    "bars": _BARS.replace(",", "|").encode(),
    "UTF-16 with tabs": _BARS.replace(",", "\t").encode("utf-16"),
    "UTF-16 of the other order": b"\xfe\xff" + _BARS.encode("utf-16-be"),
    "UTF-16 without a mark": _BARS.encode("utf-16-le"),
    "thousands": _BARS.replace("20272300", '"20,272,300"').encode(),
}


def _load(lake: Lake, folder: Path, body: bytes | str) -> int:
    file = folder / "bars.csv"
    file.write_bytes(body if isinstance(body, bytes) else body.encode())
    return lake.load("price_data", file, split_basis="own-day")


def _stored(lake: Lake) -> list[tuple[object, ...]]:
    return lake.sql("SELECT symbol, close_price, volume FROM price_data ORDER BY date").rows()


@pytest.mark.parametrize("form", _FORMS)
def test_a_file_of_another_form_has_the_same_rows(lake: Lake, tmp_path: Path, form: str) -> None:
    """Read the separator, the encoding and the decimal sign that the file shows."""
    assert _load(lake, tmp_path, _FORMS[form]) == 2
    assert _stored(lake) == _STORED


@pytest.mark.parametrize("block_bytes", [7, 64])
def test_the_form_holds_in_every_block(tmp_path: Path, block_bytes: int) -> None:
    """The first block decides for all, and characters are whole across blocks."""
    path = tmp_path / "rows.csv"
    path.write_bytes(_EUROPEAN.replace("MSFT", "Ä").encode("utf-16"))
    rows = [row for part in LoadSource(path).slices(1, block_bytes) for row in part.rows()]
    assert rows == [("Ä", "2020-12-30", "221.68", "20272300"), ("Ä", "2020-12-31", "222.42", "20942100")]


_REFUSED: dict[str, tuple[bytes | str, str]] = {
    "a price with a decimal comma": (_BARS.replace("221.68", '"221,68"'), "write decimals with a point"),
    "a price that may have one": (_BARS.replace("221.68", '"221,681"'), "'221,681' has a comma that may be"),
    "a comma of thousands": (
        _EUROPEAN.replace("222,42", "1,222.42"),
        "such as '221,68' and such as '1,222.42'",
    ),
    "two decimal signs": (_EUROPEAN.replace("222,42", "222.42"), "such as '221,68' and such as '222.42'"),
    "decimal commas and thousands": (
        _EUROPEAN.replace("20272300", "20,272,300"),
        "such as '221,68' and such as '20,272,300'",
    ),
    "thousands or decimals": (
        _BARS.replace(",", ";").replace("221.68", "50.000").replace("222.42", "221.681"),
        "numbers such as '50.000', whose point may be",
    ),
    "decimal commas and points of thousands": (_EUROPEAN.replace("222,42", "50.000"), "such as '50.000'"),
    "two columns of one name": (_BARS.replace("volume", "date"), "two columns 'date'; rename or drop one"),
    "two separators": ("symbol;date;close_price,volume,x\n", "2 semicolons and as many commas"),
    "another encoding": (_BARS.replace("MSFT", "MÄ").encode("latin-1"), "not text in UTF-8; save it"),
    "UTF-32": (_BARS.encode("utf-32"), "written in UTF-32; save it as UTF-8"),
    "half a character": (_BARS.encode("utf-16")[:-1], "begins as UTF-16"),
}


def test_a_point_and_a_later_decimal_comma_are_two_signs(tmp_path: Path) -> None:
    """The first block shows 50.000 alone, a later one 222,42: the file has two decimal signs."""
    path = tmp_path / "rows.csv"
    path.write_text("symbol;close_price\nMSFT;50.000\nMSFT;222,42\n")
    with pytest.raises(InvalidInput, match=r"such as '222,42' and such as '50\.000'"):
        list(LoadSource(path).slices(1, 16))


@pytest.mark.parametrize("case", _REFUSED)
def test_a_number_or_a_form_with_two_readings_is_refused(lake: Lake, tmp_path: Path, case: str) -> None:
    """Never read a wrong value: the message says what was seen and what to write instead."""
    body, text = _REFUSED[case]
    with pytest.raises(InvalidInput, match=text):
        _load(lake, tmp_path, body)
    assert lake.snapshot.id == 0


def test_commas_that_the_column_shows_to_separate_thousands_are_read(lake: Lake, tmp_path: Path) -> None:
    """One number with a comma and a point decides for the whole column."""
    body = _BARS.replace("221.68", '"412,300"').replace("222.42", '"412,300.50"')
    assert _load(lake, tmp_path, body) == 2
    assert [row[1] for row in _stored(lake)] == [412300.0, 412300.5]


def test_one_number_tells_what_points_mean(lake: Lake, tmp_path: Path) -> None:
    """In a file with semicolons, 50.000 is fifty where another number can only have a decimal point."""
    assert _load(lake, tmp_path, _BARS.replace(",", ";").replace("221.68", "50.000")) == 2
    assert [row[1] for row in _stored(lake)] == [50.0, 222.42]


_TOLD: dict[str, tuple[str, str, list[float]]] = {
    "thousands with points": (
        _EUROPEAN.replace("221,68", "1.221,68").replace("222,42", "50.000"),
        ",",
        [1221.68, 50000],
    ),
    "commas of thousands": (_BARS.replace("221.68", '"221,681"'), ".", [221681, 222.42]),
    "points with semicolons": (
        _BARS.replace(",", ";").replace("221.68", "50.000").replace("222.42", "1,221.681"),
        ".",
        [50, 1221.681],
    ),
}


@pytest.mark.parametrize("case", _TOLD)
def test_a_told_decimal_sign_decides(lake: Lake, tmp_path: Path, case: str) -> None:
    """The other sign separates thousands; a frame of texts is read alike."""
    body, sign, closes = _TOLD[case]
    file = tmp_path / "bars.csv"
    file.write_text(body)
    frame = pl.read_csv(file, infer_schema=False, separator=";" if ";" in body else ",")
    for source in (file, frame):
        assert lake.load("price_data", source, split_basis="own-day", decimal=sign) == 2
        assert [row[1] for row in _stored(lake)] == closes


_NOT_SO = {
    "a point": (_EUROPEAN.replace("222,42", "222.42"), ","),
    "thousands and a point": (_EUROPEAN.replace("222,42", "1,222.42"), ","),
    "commas of thousands": (_EUROPEAN.replace("20272300", "20,272,300"), ","),
    "a fraction": (_EUROPEAN.replace("222,42", "0.222"), ","),
    "a comma": (_BARS.replace("221.68", '"221,68"'), "."),
    "points of thousands": (_BARS.replace("20272300", "20.272.300"), "."),
}


@pytest.mark.parametrize("case", _NOT_SO)
def test_a_number_against_the_told_sign_is_refused(lake: Lake, tmp_path: Path, case: str) -> None:
    """A wrong option must not change a value without a word."""
    body, sign = _NOT_SO[case]
    file = tmp_path / "bars.csv"
    file.write_text(body)
    with pytest.raises(InvalidInput, match=f"none with the decimal sign '{sign}'; pass the other sign"):
        lake.load("price_data", file, split_basis="own-day", decimal=sign)
    assert lake.snapshot.id == 0


def test_only_two_decimal_signs_are_known(lake: Lake) -> None:
    """Another sign is an error of the caller."""
    with pytest.raises(InvalidInput, match=r"decimal is ';'; expected '\.' or ','"):
        lake.load("price_data", {"symbol": ["A"]}, decimal=";")


@pytest.mark.parametrize("case", ["a price that may have one", "thousands or decimals", "two decimal signs"])
def test_the_refusal_names_the_option(lake: Lake, tmp_path: Path, case: str) -> None:
    """The next step after a file with two readings is to say the decimal sign."""
    with pytest.raises(InvalidInput, match=r"--decimal \. or --decimal ,"):
        _load(lake, tmp_path, _REFUSED[case][0])


def test_a_file_with_tabs_may_be_named_so(lake: Lake, tmp_path: Path) -> None:
    """The ending .tsv is one of a text with separators."""
    file = tmp_path / "bars.tsv"
    file.write_text(_BARS.replace(",", "\t"))
    assert lake.load("price_data", file, split_basis="own-day") == 2


def test_quotes_hide_separators() -> None:
    """A name of a column may have separators; without any, the file has one column."""
    assert separator_of("a.csv", b'symbol,"a;b;c;d",x\n') == ","
    assert separator_of("a.csv", b"symbol\n") == ","
