from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.lake import Lake
from factorlab_lake.storage.data_files import DataFile, prune
from tests.support import examples, table_rows, writing

_LONG = ["S" * 40, "S" * 40 + "X", "S" * 60, "T" * 60 + "A", "T" * 60 + "B", "É" * 33]
_SYMBOLS = st.one_of(st.text(alphabet="ABSTÉ.-", min_size=1, max_size=40), st.sampled_from(_LONG))
_DAYS = st.dates(date(2019, 12, 25), date(2020, 1, 10)).map(str)
_FILES = st.lists(st.lists(st.tuples(_SYMBOLS, _DAYS), min_size=1, max_size=6), max_size=6)


def _described(place: int, rows: list[tuple[str, str]], cut: int) -> DataFile:
    """Describe a file as a writer does that truncates a minimum or maximum to ``cut`` characters."""
    symbols, days = sorted(s for s, _ in rows), sorted(d for _, d in rows)
    low, high = symbols[0][:cut], symbols[-1][:cut]
    return DataFile(str(place), len(rows), 1, None, (low, high), (days[0], days[-1]))


@examples(200)
@given(
    files=_FILES,
    cut=st.sampled_from([1, 8, 32, 64, 100]),
    symbols=st.none() | st.lists(_SYMBOLS, max_size=3),
    first=st.none() | _DAYS,
    last=st.none() | _DAYS,
)
def test_no_file_with_a_row_of_the_answer_is_left_out(
    files: list[list[tuple[str, str]]],
    cut: int,
    symbols: list[str] | None,
    first: str | None,
    last: str | None,
) -> None:
    """Pruning returns every file with a matching row, even if Delta truncated its minimum or maximum."""
    described = [_described(i, rows, cut) for i, rows in enumerate(files)]
    kept = {f.path for f in prune(described, symbols=symbols, first=first, last=last)}
    needed = {
        str(i)
        for i, rows in enumerate(files)
        for s, d in rows
        if (symbols is None or s in symbols) and (not first or d >= first) and (not last or d <= last)
    }
    assert needed <= kept


def test_files_that_cannot_hold_the_answer_are_left_out() -> None:
    """Pruning removes files of other symbols or other days."""
    files = [
        _described(0, [("AAPL", "2020-01-02"), ("GOOG", "2020-01-03")], 100),
        _described(1, [("MSFT", "2020-01-02"), ("TSLA", "2020-01-03")], 100),
        _described(2, [("AAPL", "2021-01-04"), ("TSLA", "2021-01-05")], 100),
    ]

    def kept(**limits: object) -> list[str]:
        return [f.path for f in prune(files, **limits)]  # type: ignore[arg-type]

    assert kept() == ["0", "1", "2"]
    assert kept(symbols=["GOOG"]) == ["0", "2"]
    assert kept(symbols=["ZZZ"]) == []
    assert kept(first="2020-06-01") == ["2"]
    assert kept(last="2020-06-01", symbols=["NVDA"]) == ["1"]
    assert kept(symbols=[]) == []


def test_a_file_of_unknown_extent_is_always_kept() -> None:
    """A file without statistics may contain any row, so it is read."""
    unknown = DataFile("0", 1, 1, None, (None, None), (None, None))
    assert prune([unknown], symbols=["A"], first="2020-01-01", last="2020-01-02") == [unknown]


@pytest.mark.parametrize("files_at_once", [1, 3])
def test_bars_of_long_symbols_are_found_beside_short_ones(lake: Lake, files_at_once: int) -> None:
    """A read returns all bars of symbols of 40, 60 and 120 characters, in their own or shared files."""
    symbols = ["A", *_LONG, "U" * 120, "Z"]
    days = [date(2019, 12, 30) + timedelta(days=i) for i in range(4)]
    groups = [symbols[i::files_at_once] for i in range(files_at_once)]
    for group in groups:
        rows = [{"symbol": s, "date": d, "close_price": 1.0, "year": d.year} for s in group for d in days]
        with writing(lake) as tx:
            tx.append("price_data", table_rows("price_data", rows))
    lake.refresh()
    for symbol in symbols:
        assert lake.prices(symbol)["date"].to_list() == days
        assert lake.prices(symbol, "2020-01-01", "2020-01-01")["date"].to_list() == [date(2020, 1, 1)]
    assert lake.prices(symbols).height == len(symbols) * len(days)
    with writing(lake) as tx:
        for symbol in symbols:
            bars = tx.read("price_data", symbols=table_rows("splits", [{"symbol": symbol}])["symbol"])
            assert bars["symbol"].to_list() == [symbol] * len(days)
