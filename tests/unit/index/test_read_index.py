"""Test that the read index answers as SQL does, and that damage to it changes no answer."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import LakeWarning
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index import tile_builder
from factorlab_lake.index.statement_blocks import stored_blocks
from factorlab_lake.index.tile_builder import build
from factorlab_lake.index.tiles import TileFile
from factorlab_lake.lake import Lake
from factorlab_lake.query.arguments import to_dates
from factorlab_lake.query.session import Session
from tests.unit.index.worlds import GRIDS, assert_equal, by_index, by_sql, every_case, symbols_of
from tests.unit.query.lake_builder import LakeBuilder, filing

MONTHS = to_dates(None, start="2018-12-01", end="2022-06-30", freq="ME")
DAY = date(2021, 2, 19)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with the cases of all query tests."""
    return every_case().build(tmp_path_factory.mktemp("world"))


def small() -> LakeBuilder:
    """Return two symbols, one with a split and a restatement."""
    cases = LakeBuilder()
    for symbol in ("AAA", "BBB"):
        cases.shares(symbol, "2020-09-30", 1000)
        cases.closes(symbol, {"2020-12-30": 10.0, "2021-02-18": 12.5})
    cases.statements("AAA", "income", [filing("2020-09-30", weightedAverageShsOut=1100, filed="2021-01-15")])
    cases.split("AAA", "2021-02-01", 2, 1)
    return cases


def tiles(lake: Lake) -> set[TileFile]:
    """Return the tiles of a lake's snapshot."""
    manifest = manifests.read(lake._layout, lake.snapshot)
    assert manifest is not None
    return set(manifest.tiles())


def bar(symbol: str, day: date, close: float) -> pl.DataFrame:
    """Return one bar as traded."""
    return pl.DataFrame(
        {"symbol": [symbol], "date": [day], "close_price": [close], "split_basis_date": [day]}
    )


def test_answers_of_all_cases_are_equal(world: Lake) -> None:
    """Every symbol of the cases has the same rows in each vintage, over three years of month ends."""
    assert_equal(world.path, symbols_of(world), MONTHS)


def test_answers_of_days_are_equal(world: Lake) -> None:
    """Days of a year's border, of no bar, and before and after all data have the same rows."""
    days = [date(2020, 12, 20) + timedelta(days=n) for n in range(30)]
    days += [date(1, 1, 1), date(1901, 5, 5), date(2035, 1, 1), date(9999, 12, 31)]
    assert_equal(world.path, symbols_of(world), days, ["known"])


@pytest.mark.parametrize(
    "chosen",
    [
        {"factors": ["roe"]},
        {"factors": ["roic", "pe_ratio"]},
        {"define": {"ev_to_sales": "enterprise_value / revenue", "nothing": "1 / (revenue - revenue)"}},
        {
            "factors": ["x"],
            "define": {"x": "-capital_expenditure * (0.1 + 0.2) / shares_year_before - 3 / 7"},
        },
    ],
)
def test_chosen_and_defined_factors_are_equal(world: Lake, chosen: dict[str, Any]) -> None:
    """A choice of factors and a user's own have the values and reasons of SQL; 0.1 + 0.2 is no decimal."""
    symbols = symbols_of(world)
    world.result_cache.clear()
    rows = fl.open(world.path).factors(symbols, MONTHS, **chosen)
    world.result_cache.clear()
    by_engine = fl.open(world.path)
    by_engine._reader.__dict__["index"] = None
    assert_frame_equal(rows, by_engine.factors(symbols, MONTHS, **chosen), check_exact=True)
    world.result_cache.clear()


@pytest.mark.parametrize("limits", [(None, None), ("2019-12-31", "2020-12-31"), ("1980-01-01", "1980-12-31")])
def test_ratios_are_equal(world: Lake, limits: tuple[str | None, str | None]) -> None:
    """Every period of every case has the ratios of SQL, without a session; unknown symbols have no rows.

    Only whether an unknown symbol is held in another table takes a session.
    """
    lake, by_engine = fl.open(world.path), fl.open(world.path)
    by_engine._reader.__dict__["index"] = None
    for symbols in (symbols_of(world)[:-1], symbols_of(world)[3:4], []):
        rows = lake.ratios(symbols, *limits)
        assert_frame_equal(rows, by_engine.ratios(symbols, *limits), check_exact=True)
    assert "session" not in vars(lake._reader)
    assert lake.ratios(["UNKNOWN"], *limits).is_empty()


def test_a_lake_answers_from_its_index(world: Lake) -> None:
    """A lake takes the rows of its index, and the answer has the requested order and no duplicates."""
    *symbols, _ = symbols_of(world)
    lake = fl.open(world.path)
    lake.result_cache.clear()
    rows = lake.market_caps([*reversed(symbols), symbols[0]], [DAY, DAY])
    assert "session" not in vars(lake._reader)
    assert rows["symbol"].to_list() == sorted(symbols)


def test_symbols_of_a_later_commit_between_others_keep_their_closes(tmp_path: Path) -> None:
    """BBB comes after CCC in the index and before it in an answer: the two must not exchange their closes."""
    lake = fl.open(tmp_path / "lake")
    for some in (["AAA", "CCC"], ["BBB", "DDD"]):
        lake.load("price_data", pl.concat([bar(symbol, DAY, 10.0 + ord(symbol[0])) for symbol in some]))
    symbols = ["AAA", "BBB", "CCC", "DDD"]
    assert_equal(lake.path, symbols, [DAY, DAY + timedelta(days=3)], ["known"])
    rows = by_index(lake.path, "market_caps", symbols, [DAY], "known")
    assert rows is not None
    assert rows["close_price"].to_list() == [75.0, 76.0, 77.0, 78.0]


@pytest.mark.parametrize("removed", [date(2019, 12, 30), date(2020, 1, 1)], ids=["in December", "first day"])
def test_a_removed_bar_gives_its_days_to_the_one_before(tmp_path: Path, removed: date) -> None:
    """On the first days of 2020 the last close is again that of 25 December, which the tile did not have."""
    lake = fl.open(tmp_path / "lake")
    for day in (date(2019, 12, 25), removed):
        lake.load("price_data", bar("AAA", day, float(day.day)))
    lake.rollback(1)
    days = [date(2020, 1, number) for number in (1, 4, 5)]
    assert_equal(lake.path, ["AAA"], days, ["known"])
    rows = by_index(lake.path, "market_caps", ["AAA"], days, "known")
    assert rows is not None
    assert rows["close_price"].to_list() == [25.0, 25.0, None]


def test_bars_of_the_first_day_and_questions_of_the_last_are_equal(tmp_path: Path) -> None:
    """No bar is before 1900 and no year follows 9999; every day of the calendar can be asked about."""
    days = [date(1900, 1, 1), DAY]
    lake = small().build(tmp_path)
    lake.load("price_data", pl.concat([bar("CCC", day, 5.0) for day in days]))
    assert_equal(
        lake.path, ["AAA", "CCC"], [*days, date(1, 1, 1), date(1900, 1, 12), date(9999, 12, 31)], ["known"]
    )


_METHODS = {
    "market_caps": "'AAPL', '2021-02-19'",
    "factors": "'AAPL', '2021-02-19'",
    "ttm": "'AAPL', '2021-02-19'",
    "ratios": "'AAPL', '2020-01-01', '2020-12-31'",
    "statements": "'AAPL', '2020-01-01', '2020-12-31'",
}
# What an answer of SQL needs, and what only writers and other commands do.
_OF_SQL = {"arro3", "duckdb"}
_OF_OTHERS = {"asyncio", "deltalake", "jinja2", "multiprocessing", "pandas", "pyarrow", "pydantic", "typer"}


def _imported(lake: Lake, call: str, names: set[str]) -> str:
    """Return the number of rows of a call in a new process, and which of some packages it imported."""
    code = (
        "import sys, factorlab_lake as fl\n"
        "lake = fl.open(sys.argv[1], create=False)\n"
        f"rows = lake.{call}.height\n"
        f"print(rows > 0, sorted({names!r}.intersection(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(lake.path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("method", _METHODS)
def test_an_answer_of_the_index_imports_no_engine(lake_2021: Lake, method: str) -> None:
    """A process that asks the index imports no DuckDB, no pandas, nor what else SQL or a writer needs."""
    assert _imported(lake_2021, f"{method}({_METHODS[method]})", _OF_SQL | _OF_OTHERS) == "True []\n"


def test_an_answer_of_sql_imports_no_writer(lake_2021: Lake) -> None:
    """A process that reads bars imports DuckDB, but not the Delta library, which only writers need."""
    assert _imported(lake_2021, "prices('AAPL')", _OF_OTHERS - {"multiprocessing", "asyncio"}) == "True []\n"


def test_empty_requests_are_equal(world: Lake) -> None:
    """A request without symbols or dates returns no rows, with the same columns."""
    for symbols, days in (([], [DAY]), (["AAA"], []), ([], [])):
        assert_equal(world.path, symbols, days, ["known"])


def test_a_change_of_one_symbol_reuses_the_tiles_of_others(tmp_path: Path) -> None:
    """After each of several commits the index is current, and a tile without changes is the same file."""
    lake = small().build(tmp_path)
    days = [DAY, date(2020, 12, 31), date(2021, 1, 9), date(2021, 1, 10)]
    before = tiles(lake)
    lake.load("price_data", bar("BBB", DAY, 13.0))
    after = tiles(lake)
    assert len(before & after) >= 2
    assert_equal(lake.path, ["AAA", "BBB"], days)
    lake.load(
        "splits", pl.DataFrame({"symbol": ["BBB"], "date": [DAY], "numerator": [3.0], "denominator": [1.0]})
    )
    assert_equal(lake.path, ["AAA", "BBB"], days)
    lake.load("company_profiles", pl.DataFrame({"symbol": ["CCC", "AAA"], "currency": ["EUR", "GBP"]}))
    assert_equal(lake.path, ["AAA", "BBB", "CCC"], days)
    lake.rollback(1)
    assert_equal(lake.path, ["AAA", "BBB", "CCC"], days)


def loaded(symbol: str, bars: dict[date, float], basis: date | None = None) -> pl.DataFrame:
    """Return bars of one symbol, each on its own day's basis or on the basis of a later day."""
    rows = pl.DataFrame({"symbol": symbol, "date": list(bars), "close_price": list(bars.values())})
    return rows.with_columns(split_basis_date=pl.col("date") if basis is None else pl.lit(basis))


@pytest.mark.parametrize(
    "rows",
    [
        loaded("AAA", {date(2021, 2, 20): 13.0}),
        loaded("AAA", {date(2021, 1, 4): 13.0}),
        loaded("AAA", {date(2021, 1, 4): 71.5143}, date(2021, 2, 19)),
        loaded("BBB", {date(2021, 2, 18): 14.0, date(2021, 3, 1): 15.0}),
        loaded("BBB", {date(2020, 12, 15): 14.0, date(2020, 12, 31): 15.0}),
        loaded("BBB", {date(2020, 6, 1): 14.0, date(2022, 12, 30): 15.0}),
    ],
    ids=["after a split", "before a split", "rounded", "correction", "year's end", "both ends"],
)
def test_changed_days_give_the_tiles_of_a_full_build(tmp_path: Path, rows: pl.DataFrame) -> None:
    """The tiles that a commit changes are those that a build of all tiles writes."""
    lake = small().build(tmp_path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "price_data: 1 row of fmp has other values", LakeWarning)
        lake.load("price_data", rows)
    changed = manifests.read(lake._layout, lake.snapshot)
    rebuilt = build(lake._layout, lake.snapshot, lake.session.frame, reuse=False)
    assert changed == rebuilt


def test_a_damaged_tile_of_closes_is_built_from_all_bars(tmp_path: Path) -> None:
    """A commit does not take bars from a damaged tile."""
    lake = small().build(tmp_path)
    manifest = manifests.read(lake._layout, lake.snapshot)
    assert manifest is not None
    [tile] = manifest.closes[2021]
    assert tile is not None
    _flip_all(lake.path / "_lake" / "index" / tile.name)
    lake.load("price_data", bar("BBB", date(2021, 3, 1), 13.0))
    assert manifests.read(lake._layout, lake.snapshot) == build(
        lake._layout, lake.snapshot, lake.session.frame, reuse=False
    )


def test_rows_of_few_symbols_at_a_time_give_the_same_tiles(
    world: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles do not depend on how many symbols' rows fit into the memory, as many as a tile has or one."""
    whole = build(world._layout, world.snapshot, world.session.frame, reuse=False)
    counts: list[int] = []

    def query(sql: str, params: dict[str, Any]) -> pl.DataFrame:
        counts.append(len(params.get("symbols", [])))
        return world.session.frame(sql, params)

    monkeypatch.setattr(tile_builder, "INDEX_VALUES_AT_A_TIME", 1)
    parts = build(world._layout, world.snapshot, query, bars=world.session.frame, reuse=False)
    assert counts.count(1) >= 2 * len(symbols_of(world))
    assert (parts.closes, parts.intervals) == (whole.closes, whole.intervals)
    assert len(parts.statements) == len(whole.statements)
    for part, tile in zip(parts.statements, whole.statements, strict=True):
        blocks, expected = (stored_blocks(manifests.index_folder(world._layout), t) for t in (part, tile))
        assert blocks is not None
        assert expected is not None
        assert blocks.keys() == expected.keys()
        for slot, block in blocks.items():  # compressed rows: their bytes depend on rows read with them
            assert_frame_equal(
                pl.read_ipc_stream(block.tobytes()), pl.read_ipc_stream(expected[slot].tobytes())
            )


def test_an_append_needs_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of a day's new bars is built without DuckDB, whose start takes longer than the rest."""
    lake = small().build(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Session, "frame", None)
        lake.load("price_data", bar("AAA", date(2021, 2, 20), 13.0))
    assert_equal(lake.path, ["AAA", "BBB"], [date(2021, 2, 20), date(2021, 2, 23)])


def _delete(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-64])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip_all(path: Path) -> None:
    path.write_bytes(bytes(byte ^ 0x10 for byte in path.read_bytes()))


def _flip_last_word(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_delete, _truncate, _empty, _flip_all, _flip_last_word])
def test_damage_changes_no_answer(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Whichever file of the index is damaged, each question has the answer of SQL."""
    lake = small().build(tmp_path)
    days = [DAY, date(2020, 12, 31)]
    expected = {name: by_sql(lake.path, name, ["AAA", "BBB"], days, "known") for name in GRIDS}
    folder = manifests.index_folder(lake._layout)
    used = [folder / t.name for t in tiles(lake)]
    refused = 0
    for path in [*used, manifests.manifest_path(lake._layout, lake.snapshot.id)]:
        content = path.read_bytes()
        damage(path)
        for name in GRIDS:
            refused += by_index(lake.path, name, ["AAA", "BBB"], days, "known") is None
            lake.result_cache.clear()
            answer = getattr(fl.open(lake.path), name)(["AAA", "BBB"], days)
            assert_frame_equal(answer, expected[name], check_exact=True)
        path.write_bytes(content)
    assert refused >= len(GRIDS)


def test_a_manifest_of_another_content_is_not_used(tmp_path: Path) -> None:
    """A manifest that was copied to another snapshot, or is of another program, is not used."""
    lake = small().build(tmp_path)
    first = manifests.manifest_path(lake._layout, lake.snapshot.id)
    lake.load("price_data", bar("BBB", DAY, 13.0))
    shutil.copy(first, manifests.manifest_path(lake._layout, lake.snapshot.id))
    assert manifests.read(lake._layout, lake.snapshot) is None


def test_another_availability_rule_does_not_use_the_index(tmp_path: Path) -> None:
    """The tiles have the lake's own rule, so another rule asks SQL."""
    lake = fl.open(small().build(tmp_path).path, availability="same_day")
    lake.result_cache.clear()
    lake.market_caps("AAA", DAY)
    assert "session" in vars(lake._reader)


def test_a_symbol_that_a_tile_cannot_represent_is_left_to_sql(tmp_path: Path) -> None:
    """An infinite number cannot be told from a missing one in a tile; SQL answers about its symbol."""
    lake = small().build(tmp_path)

    def query(sql: str, params: dict[str, Any]) -> pl.DataFrame:
        rows = lake.session.frame(sql, params)
        if "FROM share_count_history" not in sql or "shares" not in rows.columns:
            return rows
        infinite = pl.when(pl.col("symbol") == "BBB").then(float("inf")).otherwise("shares")
        return rows.with_columns(shares=infinite)

    build(lake._layout, lake.snapshot, query, reuse=False)
    assert by_index(lake.path, "market_caps", ["AAA", "BBB"], [DAY], "known") is None
    assert_equal(lake.path, ["AAA"], [DAY])
