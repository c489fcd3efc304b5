"""Compare a lake in its folder with the same lake on Snowflake: each query returns the same rows."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from tests.contracts.pair import Pair, both
from tests.contracts.questions import QUESTIONS
from tests.contracts.test_sample import EMPTY, ODD_COMPANIES
from tests.support import CACHE_2019, CACHE_2021, CACHE_DIRTY, SPLITS
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company
from tests.unit.query.test_same_everywhere import COUNTS, DIVIDENDS, PROFILES, UNIVERSES
from tests.unit.sync.snowflake_server import Account

_OF_EMULATOR = "signs in texts"  # it takes $s within a text for a variable of the session
# The first questions are those whose texts differ most from those of other engines.
_FIRST = ("adjusted bars without", "every revision", "view of ratios", "returns")
_NAMES = sorted(QUESTIONS, key=lambda name: not any(part in name for part in _FIRST))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, snowflake: Account) -> Iterator[Pair]:
    """Yield a pair with the samples, splits, dividends, share counts, profiles, and unusual company names."""
    made = LakeBuilder()
    for symbol in ODD_COMPANIES:
        sample_company(made, symbol)
    lake = made.build(tmp_path_factory.mktemp("contract"))
    for cache in (CACHE_2019, CACHE_2021, CACHE_DIRTY):
        lake.migrate(cache)
    lake.load("splits", SPLITS)
    tables = {"dividends": DIVIDENDS, "shares_outstanding": COUNTS, "company_profiles": PROFILES}
    tables |= {"universes": UNIVERSES}
    for table, rows in tables.items():
        lake.load(table, rows)
    with snowflake.schema() as url, both(lake, url) as pair:
        yield pair


@pytest.mark.first_cases(12)
@pytest.mark.parametrize("name", [name for name in _NAMES if _OF_EMULATOR not in name])
def test_a_question_has_the_same_rows_on_both(pair: Pair, name: str) -> None:
    """Columns, types, order and values are equal; a query of SQL has integers of 64 bits there."""
    question = QUESTIONS[name]
    if not name.startswith("SQL"):
        assert pair.ask(question).is_empty() == (name in EMPTY)
        return
    left, right = (_wide(question(lake)) for lake in (pair.lake, pair.shared))
    assert right.equals(left)


def _wide(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col(pl.Int32).cast(pl.Int64))


def test_a_query_only_reads_and_a_vintage_is_checked(pair: Pair) -> None:
    """A statement that writes is refused before it is sent, and so is an unknown vintage of a call."""
    for statement in ("DELETE FROM splits", "-- SELECT\nDROP TABLE splits", "CALL x()"):
        with pytest.raises(InvalidInput, match="only read"):
            pair.shared.sql(statement)
    with pytest.raises(InvalidInput, match="expected known, first or latest"):
        pair.shared.sql("SELECT * FROM ttm($s, $d, vintage => 'x')", s=["AAPL"], d=["2020-01-31"])
    with pytest.raises(InvalidInput, match="Did you mean 'price_data'"):
        pair.shared.sql("SELECT * FROM price_dat")
    with pytest.raises(InvalidInput, match="needs a lake in a folder"):
        pair.shared.fetch("AAPL")


def test_the_state_of_the_schema_is_shown(pair: Pair) -> None:
    """The status has each table once, with the rows that the lake has."""
    expected = fl.open(pair.lake.path).status().select("table", "rows")
    assert dict(pair.shared.status().select("table", "rows").rows()) == dict(expected.rows())
