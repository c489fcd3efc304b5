from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.support import Entry, bar, income
from tests.unit.cli.running import run

SYMBOLS = (
    "BRK.B",
    "0700.HK",
    "600519",
    "CON",
    "TWO-PC",
    "TWO",
    "-X",
    "A" * 40,
    "O'X\"Y",
    "NAN",
    "[#B]X",
    "ÅÄÖ",
)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one quarter and one bar of each odd symbol into a lake. Tests must not change it."""
    folder = tmp_path_factory.mktemp("odd")
    for place, symbol in enumerate(SYMBOLS):
        Entry(symbol, "price", [bar("2020-11-30", 10.0 + place)]).write(folder / "cache")
        Entry(symbol, "income", [income(symbol=symbol, cik=None)]).write(folder / "cache")
    report = run("--lake", folder / "lake", "--json", "migrate", folder / "cache").json
    assert (report["clean"], report["records"]) == (True, 2 * len(SYMBOLS))
    return folder / "lake"


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("command", ["caps", "ttm", "factors"])
def test_odd_symbols_work_in_commands_by_date(odd: Path, command: str) -> None:
    """Each symbol on the command line has its own row under that exact name."""
    rows = run("--lake", odd, "--json", command, "--date", "2020-11-30", "--", *SYMBOLS).json
    assert [r["symbol"] for r in rows] == sorted(SYMBOLS)
    if command == "caps":
        caps = {symbol: (10.0 + place) * 17057624000 for place, symbol in enumerate(SYMBOLS)}
        assert {r["symbol"]: r["market_cap"] for r in rows} == caps


@pytest.mark.parametrize("command", ["statements", "prices"])
def test_odd_symbols_work_in_commands_by_range(odd: Path, command: str) -> None:
    """Odd symbols are found together in JSON, and one alone is quoted in CSV."""
    assert [r["symbol"] for r in run("--lake", odd, "--json", command, "--", *SYMBOLS).json] == sorted(
        SYMBOLS
    )
    out = run("--lake", odd, "--csv", command, "--", "O'X\"Y").out
    assert [r["symbol"] for r in csv.DictReader(io.StringIO(out))] == ["O'X\"Y"]


@pytest.mark.first_cases(3)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_an_odd_symbol_can_be_bound_and_is_printed_unchanged(odd: Path, symbol: str) -> None:
    """A query parameter finds the symbol, and the table prints it."""
    query = "SELECT symbol, close_price FROM price_data WHERE symbol = $s"
    lines = run("--lake", odd, "sql", query, "--param", f"s={symbol}").out.splitlines()
    assert lines[-2].split() == [symbol, str(10 + SYMBOLS.index(symbol))]


def test_odd_symbols_can_be_selected_for_a_migration(odd: Path, tmp_path: Path) -> None:
    """`--symbol` selects exactly these symbols, not others that begin with them."""
    cache, lake = odd.parent / "cache", ("--lake", tmp_path / "lake", "--json")
    run(*lake, "migrate", cache, "--symbol", "TWO", "--symbol", "O'X\"Y")
    rows = run(*lake, "sql", "SELECT DISTINCT symbol FROM price_data ORDER BY 1").json
    assert [r["symbol"] for r in rows] == ["O'X\"Y", "TWO"]


def test_odd_symbols_load_from_a_file(tmp_path: Path) -> None:
    """A CSV file of splits keeps 0700 and 600519 as text."""
    file = tmp_path / "splits.csv"
    file.write_text("symbol,date,numerator,denominator\n0700,2014-05-15,5,1\n600519,2015-07-17,11,10\n")
    run("--lake", tmp_path / "lake", "load", "splits", file)
    rows = run("--lake", tmp_path / "lake", "--json", "sql", "SELECT symbol FROM splits ORDER BY 1").json
    assert [r["symbol"] for r in rows] == ["0700", "600519"]
