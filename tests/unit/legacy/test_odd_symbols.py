from __future__ import annotations

import re
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import FETCHED, LATER, Entry, bar, content, copy_of, income

_SYMBOLS = [
    "BRK.B",
    "0700.HK",
    "600519",
    "CON",
    "TWO-PC",
    "L" * 40,
    "O'X\"Y",
    "^GSPC",
    "%41",
    "NULL",
    "A B",
    "ÄÖ",
    "NAN",
    "-1",
]
_DAYS = [f"2020-{month:02}-15" for month in range(1, 9)]


def _write(cache: Path, factor: int = 1) -> None:
    for i, symbol in enumerate(_SYMBOLS, start=1):
        at = FETCHED if factor == 1 else LATER
        bars = [bar(day, float(i * 100) / factor, volume=1000 * factor) for day in _DAYS]
        statement = income("2020-06-27", "Q3", symbol=symbol, acceptedDate="2020-07-15 12:00:00",
                           fillingDate="2020-07-15", revenue=i, netIncome=4_000_000 * i,
                           eps=4 / factor, epsdiluted=4 / factor,
                           weightedAverageShsOut=1_000_000 * i * factor,
                           weightedAverageShsOutDil=1_000_000 * i * factor)  # fmt: skip
        Entry(symbol, "price", bars, cached_at=at).write(cache)
        Entry(symbol, "income", [statement], cached_at=at).write(cache)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Path]:
    """Return a read-only lake of odd symbols in two generations, and the cache of the first."""
    place = tmp_path_factory.mktemp("odd")
    lake = fl.open(place / "lake")
    for name, factor in (("first", 1), ("second", 4)):
        _write(place / name, factor)
        assert lake.migrate(place / name).clean
    return lake, place


def test_odd_symbols_are_all_there_and_validate(odd: tuple[Lake, Path]) -> None:
    """Quotes, dots, digits, device names, blanks, length: each symbol's records are in the lake."""
    lake, place = odd
    assert sorted(lake.sql("SELECT DISTINCT symbol FROM price_data")["symbol"]) == sorted(_SYMBOLS)
    for name in ("first", "second"):
        assert lake.validate(place / name).clean


@pytest.mark.first_cases(4)
@pytest.mark.parametrize("symbol", _SYMBOLS)
def test_an_odd_symbol_answers_every_question(odd: tuple[Lake, Path], symbol: str) -> None:
    """Prices, statements, market caps and SQL have rows of the symbol, and of no other."""
    lake, _ = odd
    i = _SYMBOLS.index(symbol) + 1
    prices = lake.prices(symbol, "2020-02-01", "2020-03-31")
    assert prices.select("symbol", "close_price").rows() == [(symbol, i * 25.0)] * 2
    # Abroad, as for 0700.HK, a filing counts from the next day.
    statements = lake.statements(symbol, as_of="2020-07-16", types=["income"])
    assert statements.select("symbol", "version").rows() == [(symbol, 2)]
    caps = lake.market_caps(symbol, "2020-08-15")
    assert caps.select("symbol", "market_cap").rows() == [(symbol, i * 25.0 * 4_000_000 * i)]
    assert lake.sql("SELECT count(*) AS n FROM price_data WHERE symbol = $s", s=symbol).item() == len(_DAYS)


def test_no_symbol_is_part_of_a_path(odd: tuple[Lake, Path]) -> None:
    """Symbols are data: folders and files of the lake are named by years, buckets and chance alone."""
    lake, _ = odd
    names = {part for path in lake.path.rglob("*") for part in path.relative_to(lake.path).parts}
    assert [n for n in names for s in _SYMBOLS if len(s) > 3 and s in n] == []
    partitions = {n for n in names if "=" in n and not re.fullmatch(r"bucket=\d\d?", n)}
    assert partitions == {"year=2020", "fiscal_year=2020"}


def test_odd_symbols_can_be_migrated_one_by_one_and_rolled_back(odd: tuple[Lake, Path], lake: Lake) -> None:
    """A migration commits selected symbols one by one, and a rollback removes them."""
    _, place = odd
    lake.migrate(place / "first", symbols=["O'X\"Y", "L" * 40, "600519"], by_symbol=True)
    assert sorted(lake.sql("SELECT symbol FROM income_statements")["symbol"]) == [
        "600519",
        "L" * 40,
        "O'X\"Y",
    ]
    lake.rollback()
    assert all(rows.is_empty() for rows in content(lake).values())


def test_rolling_back_the_second_generation_leaves_the_first(odd: tuple[Lake, Path], tmp_path: Path) -> None:
    """After a rollback the odd symbols have the bars and versions of the first generation again."""
    lake = copy_of(odd[0], tmp_path / "lake")
    lake.rollback()
    assert lake.sql("SELECT DISTINCT version FROM income_statements").rows() == [(1,)]
    assert lake.prices("O'X\"Y")["close_price"].to_list() == [700.0] * len(_DAYS)
    assert lake.validate(odd[1] / "first").clean
