from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from tests.unit.cli.running import run

_CAPS = ("caps", "AAPL", "GOOGL", "--start", "2021-01-31", "--end", "2021-03-31")


@pytest.fixture
def lake(home: Path) -> Path:
    """Return the lake of the demo."""
    return home / "data" / "lake"


def test_columns_choose_what_every_form_prints(lake: Path) -> None:
    """The table, JSON and CSV have the columns of ``--columns`` in their order, and nothing else."""
    chosen = ("--lake", lake, *_CAPS, "--columns", "market_cap, symbol")
    assert run(*chosen).out.splitlines()[0].split() == ["market_cap", "symbol"]
    assert {tuple(row) for row in run("--json", *chosen).json} == {("market_cap", "symbol")}
    assert run("--csv", *chosen).out.splitlines()[0] == "market_cap,symbol"


def test_a_column_named_twice_is_refused(lake: Path) -> None:
    """The error is one line."""
    done = run("--lake", lake, *_CAPS, "--columns", "symbol,symbol", code=1)
    assert "--columns has 'symbol' twice" in done.err


def test_an_empty_list_of_columns_is_refused(lake: Path) -> None:
    """No column is no way to write all of them."""
    done = run("--lake", lake, *_CAPS, "--columns", "", code=1)
    assert "--columns has ''; expected some of symbol, date" in done.err


def test_an_unknown_column_names_the_known_ones(lake: Path) -> None:
    """The error lists the columns and proposes the nearest."""
    done = run("--lake", lake, *_CAPS, "--columns", "symbol,market_capp", code=1)
    assert "'market_capp'; expected some of symbol, date, " in done.err
    assert "Did you mean 'market_cap'?" in done.err


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx", "json"])
def test_an_answer_is_written_to_a_file(lake: Path, tmp_path: Path, form: str) -> None:
    """The file has all rows and columns, and replaces an earlier one; stdout stays empty."""
    file = tmp_path / f"caps.{form.upper() if form == 'csv' else form}"
    file.write_text("earlier")
    done = run("--lake", lake, *_CAPS, "--output", file)
    assert (done.out, done.err) == ("", f"{file}: 6 rows\n")
    expected = run("--lake", lake, "--json", *_CAPS).json
    if form == "xlsx":
        with zipfile.ZipFile(file) as book:
            assert book.read("xl/worksheets/sheet1.xml").count(b"<row ") == 1 + len(expected)
        return
    if form == "json":
        read = json.loads(file.read_text())
    else:
        read = (pl.read_csv if form == "csv" else pl.read_parquet)(file).to_dicts()
    assert [row["market_cap"] for row in read] == pytest.approx([row["market_cap"] for row in expected])
    assert list(read[0]) == list(expected[0])
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def test_an_excel_file_has_moments_without_a_zone_and_no_formulas(tmp_path: Path) -> None:
    """A text that begins like a formula stays a text, and moments are in UTC: Excel has no time zones."""
    from factorlab_lake.cli.output_file import write

    moment = pl.Series([None, "2021-03-31T22:00:00"]).str.to_datetime(time_zone="UTC")
    frame = pl.DataFrame({"text": ["=1+1", "b"], "at": moment, "value": [float("nan"), 1.5]})
    write(frame, tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert "=1+1" in texts
    assert "44286.916" in sheet  # the days since 1899-12-30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "a.pdf"), "expected a name that ends with .csv, .parquet, .xlsx, .json"),
        (("--output", "nowhere/a.csv"), "its folder does not exist; create it"),
        (("--output", "a.csv", "--json"), "give one of --json, --csv and --output"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_first(
    lake: Path, arguments: tuple[str, ...], message: str
) -> None:
    """The error says what to use, before the lake is read."""
    done = run("--lake", lake, *_CAPS, *arguments, code=None)
    assert done.code in (1, 2)
    assert message in " ".join(done.err.replace("'.", "").split())


def test_a_report_goes_to_a_json_file_alone(lake: Path, tmp_path: Path) -> None:
    """A report has no rows: JSON is its only file."""
    run("--lake", lake, "verify", "--output", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["clean"] is True
    assert "not rows" in run("--lake", lake, "verify", "--output", tmp_path / "a.csv", code=2).err
    assert "not rows" in run("--lake", lake, "verify", "--columns", "a", code=2).err


def test_quiet_prints_answers_alone(lake: Path, tmp_path: Path) -> None:
    """Neither the number of rows nor a report's lines are printed, warnings are."""
    done = run("--lake", lake, "-q", "caps", "AAPL", "NOPE", "--date", "2021-03-31")
    assert "rows" not in done.out
    assert "NOPE" in done.err
    assert run("--lake", lake, "verify", "--quiet").out == ""
    assert run("--lake", lake, *_CAPS, "-q", "--output", tmp_path / "a.csv").err == ""


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("caps", "AAPL", "NOPE", "--date", "2021-03-31"), "2,068.6 bn"),
        (("factors", "AAPL", "NOPE", "--date", "2021-03-31"), "32.3"),
        (("prices", "AAPL", "--start", "2021-03-30", "--end", "2021-03-31"), "122.15"),
        (("statements", "AAPL", "--type", "income", "--as-of", "2020-12-31"), "64.7 bn"),
    ],
)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_answer_is_visible_at_any_width(
    lake: Path, command: tuple[str, ...], answer: str, width: int
) -> None:
    """On a terminal of 80 columns too, the answer and its reason are shown, and no line is longer."""
    shown = _on_a_terminal(["--lake", str(lake), *command], width)
    assert answer in shown
    assert "NOPE" not in command or "no_price_with" in shown
    lines = re.sub(r"\x1b\[[01]m", "", shown).splitlines()  # bold headings
    assert max(len(line) for line in lines if not line.startswith(("warning", "("))) <= width
    assert "\x1b[" not in "".join(lines)  # no colours


def _on_a_terminal(arguments: list[str], width: int) -> str:
    """Return what the program prints on a terminal of that width, without colours."""
    main, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "factorlab_lake", *arguments]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as program:
        os.close(terminal)
        text = b""
        while select.select([main], [], [], 60)[0]:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            text += part
        assert program.wait() == 0
    os.close(main)
    return text.decode().replace("\r\n", "\n")


def test_a_report_prints_itself_in_lines_for_people(lake: Path) -> None:
    """A report is short lines in an interpreter, and the same lines, escaped, in a notebook."""
    report = fl.open(lake).verify()
    assert str(report).splitlines() == report.lines()
    assert repr(report) == str(report)
    assert report.lines()[-1] == "no faults"
    assert report._repr_html_() == f"<pre>{report}</pre>"
