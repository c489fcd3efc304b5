"""Test the derived tables over random companies and the damaged sample: no look-ahead, no overlap, no order.

The companies have cumulative figures, gaps, restatements, splits and share counts of several sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, TypeAlias

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.derive.computation import compute, computed_rows
from factorlab_lake.lake import Lake
from factorlab_lake.schema.derived_tables import DERIVED_TABLES, READ_FOR_DERIVATION
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, END_OF_TIME
from factorlab_lake.storage.duckdb_frames import to_polars
from factorlab_lake.storage.lake_settings import LakeSettings
from tests.properties.companies import ENDS, FIELDS, histories, record, versions
from tests.support import CACHE_2021, CACHE_DIRTY, SPLITS, assert_derived_rows_are_current, examples
from tests.unit.query.lake_builder import LakeBuilder

Tables: TypeAlias = dict[str, pl.DataFrame]  # rows by table

COMPANIES = 6
# The tables whose rows are valid from a day on.
HISTORIES = ("fundamentals_history", "quarter_history", "share_count_history")
# The end of an interval and `restated` become known later. A symbol has one provider for all days.
KNOWN_LATER = ["valid_to", "restated", "of_vintage", "statement_provider"]


def random_lake(place: Any, chance: Random) -> Lake:
    """Return a lake of random companies; the versions of a period were served one after the other."""
    cases = LakeBuilder()
    for symbol in (f"C{number}" for number in range(COMPANIES)):
        filed = versions(histories(chance, FIELDS))
        for number in range(max(map(len, filed.values()))):
            for kind in FIELDS:
                records = [record(v[number]) for (k, *_), v in filed.items() if k == kind and len(v) > number]
                if records:
                    cases.statements(symbol, kind, records)
        for end in chance.sample(ENDS, 4):
            public = (end + timedelta(days=chance.randint(5, 90))).isoformat()
            source = chance.choice(["cover_page", "balance_sheet"])
            cases.count(symbol, source, end.isoformat(), chance.randint(1, 3) * 1000, filed=public)
        for end in chance.sample(ENDS, chance.randint(0, 2)):
            # The counts above are random. Without a kind, a later one could tell that it is a distribution.
            cases.split(symbol, (end + timedelta(days=9)).isoformat(), chance.randint(2, 4), 1, "split")
    return cases.build(place)


@pytest.fixture(scope="module", params=["random", "sample", "damaged sample"])
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of random companies, and one of each sample."""
    place = tmp_path_factory.mktemp("derived")
    if request.param == "random":
        return random_lake(place, Random(7))
    lake = fl.open(place / "lake")
    lake.load("splits", SPLITS)
    lake.migrate(CACHE_2021 if request.param == "sample" else CACHE_DIRTY)
    return lake


def base_rows(lake: Lake) -> Tables:
    """Return the rows that the derived tables follow from."""
    return {name: lake.sql(f"FROM {name}") for name in READ_FOR_DERIVATION}


def symbols_of(world: Tables) -> list[str]:
    """Return every symbol with a row, in order."""
    return sorted(set().union(*(rows["symbol"].to_list() for rows in world.values())))


def derived(world: Tables, symbols: Sequence[str]) -> Tables:
    """Compute the derived tables of some symbols again."""
    with duckdb.connect() as con:
        for name, rows in world.items():
            con.register(name, rows)
        compute(con, symbols, LakeSettings().provider_order)
        return {
            name: to_polars(con, con.sql(computed_rows(spec))).sort(spec.key)
            for name, spec in DERIVED_TABLES.items()
        }


def assert_same(left: Tables, right: Tables) -> None:
    """Fail unless all tables have the same rows."""
    for name, rows in left.items():
        assert_frame_equal(rows, right[name], check_exact=True)


@examples(2)
@given(seed=st.integers(0, 2**32))
def test_rows_of_a_symbol_depend_on_it_alone(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Computed alone, without sight of other symbols, together, and in any order: the rows are the same."""
    chance = Random(seed)
    lake = random_lake(tmp_path_factory.mktemp("alone"), chance)
    world = base_rows(lake)
    symbols = symbols_of(world)
    together = derived(world, symbols)
    assert not any(rows.is_empty() for name, rows in together.items() if name in HISTORIES)
    assert_same(together, derived(world, chance.sample(symbols, len(symbols))))
    for symbol in chance.sample(symbols, 2):
        own = {name: rows.filter(pl.col("symbol") == symbol) for name, rows in together.items()}
        assert_same(own, derived(world, [symbol]))
        alone = {name: rows.filter(pl.col("symbol") == symbol) for name, rows in world.items()}
        assert_same(own, derived(alone, [symbol]))
    assert_derived_rows_are_current(lake)


def test_computing_again_changes_nothing(lake: Lake) -> None:
    """A second computation on one connection gives the rows of the first, and no row twice."""
    world = base_rows(lake)
    symbols = symbols_of(world)
    expected = derived(world, symbols)
    with duckdb.connect() as con:
        for name, rows in world.items():
            con.register(name, rows)
        for part in (symbols[:2], symbols):
            compute(con, part, LakeSettings().provider_order)
        for name, spec in DERIVED_TABLES.items():
            again = to_polars(con, con.sql(computed_rows(spec))).sort(spec.key)
            assert again.select(spec.key).is_unique().all()
            assert_frame_equal(again, expected[name], check_exact=True)


def test_what_is_public_later_changes_no_row_of_an_earlier_day(lake: Lake) -> None:
    """The rows valid on a day follow from what was public on it, and from nothing else."""
    world = base_rows(lake)
    symbols = symbols_of(world)
    now = derived(world, symbols)
    days = world["income_statements"]["available_date"].unique().sort()
    compared = dict.fromkeys(HISTORIES, 0)
    for day in days.gather_every(len(days) // 5).to_list():
        public = derived({name: public_rows(rows, day) for name, rows in world.items()}, symbols)
        for name in HISTORIES:
            for vintage in ("known", "first"):
                before, after = (valid_on(each[name], day, vintage) for each in (public, now))
                assert_frame_equal(before, after, check_exact=True)
                compared[name] += len(after)
    assert all(compared.values())


def public_rows(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the rows that were available on a day; splits say nothing of it."""
    if "available_date" not in rows.columns:
        return rows
    return rows.filter(pl.col("available_date") <= day)


def valid_on(rows: pl.DataFrame, day: date, vintage: str) -> pl.DataFrame:
    """Return the rows of a vintage that are valid on a day, without what becomes known later."""
    of_vintage = (pl.col("of_vintage") == vintage) | ~pl.col("restated")
    valid = (pl.col("valid_from") <= day) & (pl.col("valid_to") > day)
    rows = rows.filter(of_vintage, valid).drop(KNOWN_LATER)
    return rows.sort("symbol", *(c for c in ("fiscal_date",) if c in rows.columns))


@pytest.mark.parametrize("name", HISTORIES)
def test_no_row_is_valid_before_its_inputs_are_public(lake: Lake, name: str) -> None:
    """As known or as first filed, valid_from is no earlier than any available_date of the row."""
    rows = lake.sql(f"FROM {name} WHERE of_vintage <> 'latest'")
    days = [column for column in rows.columns if column.endswith("available_date")]
    assert days
    assert not rows.is_empty()
    early = rows.filter(pl.any_horizontal(pl.col(day) > pl.col("valid_from") for day in days))
    assert early.is_empty(), early


@pytest.mark.parametrize("name", HISTORIES)
def test_intervals_do_not_overlap(lake: Lake, name: str) -> None:
    """A symbol and vintage has one row per day, and from its first day on it has no gap, but for quarters."""
    key = [column for column in DERIVED_TABLES[name].key if column != "valid_from"]
    rows = lake.sql(f"FROM {name}").sort(*key, "valid_from")
    following = rows.with_columns(next_from=pl.col("valid_from").shift(-1).over(key))
    assert (rows["valid_from"] < rows["valid_to"]).all()
    between = following.filter(pl.col("next_from").is_not_null())
    assert not rows.is_empty()
    assert (between["valid_to"] <= between["next_from"]).all()
    if name != "quarter_history":  # a quarter that cannot be derived for a time has a gap
        assert not between.is_empty()
        assert (between["valid_to"] == between["next_from"]).all()
        last = following.filter(pl.col("next_from").is_null())
        assert last["valid_to"].unique().to_list() == [END_OF_TIME]


def test_splits_divide_all_of_time(lake: Lake) -> None:
    """The intervals between the splits of a symbol have no gap, from the beginning of time to its end."""
    rows = lake.sql("FROM split_history ORDER BY symbol, from_date")
    assert not rows.is_empty()
    for (_,), own in rows.group_by("symbol", maintain_order=True):
        starts, ends = own["from_date"].to_list(), own["to_date"].to_list()
        assert (starts[0], ends[-1]) == (BEGINNING_OF_TIME, END_OF_TIME)
        assert starts[1:] == ends[:-1]
        assert own["cumulative_split_factor"].to_list()[-1] == 1
