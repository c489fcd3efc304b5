"""Test screens: which symbols pass a condition, which stay open, and which expressions are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.research.expressions import Condition
from tests.support import copy_of
from tests.unit.query.lake_builder import LakeBuilder, filing
from tests.unit.research.market_of_ten import COMPANIES, EQUITY, INCOME, SECTOR_OF, build

_DAY = "2020-07-31"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the market; tests that change it copy it."""
    return build(tmp_path_factory.mktemp("market"))


def _roe(number: int) -> float | None:
    return 4 * INCOME[number] / EQUITY[number] if EQUITY[number] > 0 else None


def test_a_screen_returns_what_plain_python_computes(market: Lake) -> None:
    """Return on equity and the price-earnings ratio are computed once more from the figures of the market."""
    expected = [
        (name, _roe(n), 50 / (4 * INCOME[n]))
        for n, name in enumerate(COMPANIES)
        if (roe := _roe(n)) is not None and roe > 0.5 and INCOME[n] > 0 and 50 / (4 * INCOME[n]) < 10
    ]
    rows = market.screen("roe > 0.5 and pe_ratio < 10", _DAY)
    assert rows.columns == ["symbol", "date", "roe", "pe_ratio"]
    assert rows["symbol"].to_list() == [name for name, _, _ in expected]
    assert len(expected) > 2
    assert [*zip(rows["roe"], rows["pe_ratio"], strict=True)] == [
        (pytest.approx(roe), pytest.approx(pe)) for _, roe, pe in expected
    ]


@pytest.mark.parametrize(
    ("expression", "passing"),
    [
        ("net_income / 4 == 4", ["C2", "C3"]),
        ("net_income - 2 * 4 == 0", ["C0"]),
        ("0 < roe <= 0.8", ["C0", "C2", "C5", "C6"]),
        ("not net_income > 0", ["C1"]),
        ("net_income < 0 or roe > 1.9", ["C1", "C4", "C7", "C9"]),
        ("sector == 'Energy' and net_income > 0", ["C0", "C2", "C3"]),
        ("sector in ['Energy', 'Technology'] and net_income > 30", ["C4", "C7"]),
        ("sector != 'Energy' and roe > 1", ["C4", "C7"]),
        ("market_cap == 50 and -net_income < -40", ["C7"]),
        ("market_cap / 2 == 25 and revenue == 400 and net_income == 4", ["C8"]),
        ("net_income / (revenue - 400) > 0", []),
        ("NOT net_income > 0 OR sector IN ['Energy'] AND roe > 0.8", ["C1"]),
    ],
)
def test_conditions(market: Lake, expression: str, passing: list[str]) -> None:
    """A screen returns the companies that fulfil comparisons, arithmetic and texts."""
    assert market.screen(expression, _DAY)["symbol"].to_list() == passing


def test_a_missing_figure_is_open_with_its_reason(market: Lake) -> None:
    """A company without a figure neither passes nor disappears: it is among the undecided ones."""
    rows = market.screen("roe > 0 or sector == 'Energy'", _DAY, undecided=True)
    reasons = {row["symbol"]: json.loads(row["reasons"]) for row in rows.to_dicts()}
    assert reasons.keys() == {"C8", "NONE"}  # C3 is in Energy, which decides
    assert reasons["C8"] == {"roe": "total_stockholders_equity: not positive"}
    assert reasons["NONE"] == {"roe": "ttm: no_statement_known", "sector": "no_sector_known"}
    decided = {*market.screen("roe > 0 or sector == 'Energy'", _DAY)["symbol"]}
    refused = {*market.screen("not (roe > 0 or sector == 'Energy')", _DAY)["symbol"]}
    assert decided | refused | reasons.keys() == {*COMPANIES, "NONE"}


def test_columns_are_added(market: Lake) -> None:
    """Other figures and texts come after those of the condition; each is there once."""
    rows = market.screen("net_income > 100", _DAY, columns=["sector", "net_income", "pb_ratio"])
    assert rows.drop("date").rows() == [("C7", 160.0, "Technology", 50 / 80)]
    assert rows.columns == ["symbol", "date", "net_income", "sector", "pb_ratio"]


def test_a_universe_has_its_members_of_the_date(market: Lake, tmp_path: Path) -> None:
    """Membership counts from the first day to the day before the last; lists and groups are universes too."""
    lake = copy_of(market, tmp_path / "lake")
    spells = {
        "universe": ["own"] * 3,
        "symbol": ["C0", "C2", "C4"],
        "valid_from": ["2020-01-01", "2020-07-31", "2020-08-01"],
        "valid_to": ["2020-07-31", None, None],
    }
    lake.load("universes", spells)
    everything = "net_income > -1000"
    members = {
        day: lake.screen(everything, day, universe="own")["symbol"].to_list()
        for day in ("2020-07-30", "2020-07-31", "2020-08-01")
    }
    assert members == {"2020-07-30": ["C0"], "2020-07-31": ["C2"], "2020-08-01": ["C2", "C4"]}
    energy = [name for name, sector in SECTOR_OF.items() if sector == "Energy"]
    assert lake.screen(everything, _DAY, universe="sector:Energy")["symbol"].to_list() == energy
    assert lake.screen(everything, _DAY, universe=["C9", "C1"])["symbol"].to_list() == ["C1", "C9"]
    grid = lake.factors(universe="own", dates=["2020-07-30", "2020-08-01"])
    assert grid.select("symbol", "date").with_columns(grid["date"].cast(str)).rows() == [
        ("C0", "2020-07-30"), ("C2", "2020-08-01"), ("C4", "2020-08-01"),
    ]  # fmt: skip
    assert lake.market_caps(universe="own", dates=_DAY)["symbol"].to_list() == ["C2"]
    assert lake.ttm(universe="own", dates=_DAY)["symbol"].to_list() == ["C2"]


def test_members_in_sql_are_those_of_the_methods(market: Lake, tmp_path: Path) -> None:
    """The view has loaded universes and groups, and its intervals choose the rows of a question."""
    lake = copy_of(market, tmp_path / "lake")
    spells = {"universe": ["u"] * 3, "symbol": ["C1", "C2", "C1"],
              "valid_from": ["2020-01-01", "2020-08-01", "2020-08-15"],
              "valid_to": ["2020-08-01", None, None]}  # fmt: skip
    lake.load("universes", spells)
    query = """
        SELECT c.symbol, c.date FROM market_caps((SELECT list(DISTINCT symbol) FROM universe_members
            WHERE universe = $name), ['2020-07-31'::DATE, '2020-08-10'::DATE, '2020-08-31'::DATE]) c
        JOIN universe_members m ON m.symbol = c.symbol AND c.date >= m.valid_from AND c.date < m.valid_to
        WHERE m.universe = $name ORDER BY ALL
    """
    for name in ("u", "sector:Energy"):
        caps = lake.market_caps(universe=name, dates=["2020-07-31", "2020-08-10", "2020-08-31"])
        rows = lake.sql(query, name=name).rows()
        assert rows == caps.select("symbol", "date").sort("symbol", "date").rows()
        assert len(rows) > 3
    assert lake.sql("SELECT DISTINCT universe FROM universe_members ORDER BY 1")["universe"].to_list() == [
        "sector:Energy", "sector:Technology", "u",
    ]  # fmt: skip


def test_a_universe_is_loaded_again(lake: Lake) -> None:
    """The newest list of a symbol in a universe replaces its older one, and no other list."""
    first = {"universe": ["a", "a", "b"], "symbol": ["X", "Y", "X"], "valid_from": ["2001-01-01"] * 3}
    lake.load("universes", first)
    lake.load("universes", {"universe": ["a"], "symbol": ["X"], "valid_from": ["2002-01-01"]})
    query = "SELECT universe, symbol, year(valid_from) FROM universes ORDER BY ALL"
    assert lake.sql(query).rows() == [("a", "X", 2002), ("a", "Y", 2001), ("b", "X", 2001)]
    starts = ["2001-01-01", "2001-01-01", "2003-01-01"]
    overlap = {"universe": ["a", "b", "a"], "symbol": ["X"] * 3, "valid_from": starts}
    with pytest.raises(InvalidInput, match="Row 3 for universes: X from 2003-01-01 overlaps row 1"):
        lake.load("universes", overlap)
    assert lake._symbols.every == []  # a member without data is not held


def test_later_facts_change_no_screen(market: Lake, tmp_path: Path) -> None:
    """A restatement and a membership that begin later leave the answers of the date before as they were."""
    lake = copy_of(market, tmp_path / "lake")
    lake.load("universes", {"universe": ["own"], "symbol": ["C0"], "valid_from": ["2020-01-01"]})
    questions: dict[str, Callable[[], pl.DataFrame]] = {
        "screen": lambda: lake.screen("roe > 0", _DAY, universe="own", columns=["sector"]),
        "open": lambda: lake.screen("roe > 0", _DAY, undecided=True),
        "section": lambda: lake.cross_section("roe", _DAY, universe=COMPANIES, by="sector"),
        "stats": lambda: lake.industry_stats("roe", _DAY, universe=COMPANIES, by="sector"),
    }
    before = {name: question() for name, question in questions.items()}
    later = LakeBuilder()
    later.statements("C0", "income", [filing("2020-06-30", "Q2", filed="2020-08-03", netIncome=900)])
    later.closes("C0", {"2020-09-01": 100.0})
    later.row("universes", universe="own", symbol="C2", valid_from="2020-08-01")
    profile = {"symbol": "C0", "currency": "USD", "sector": "Technology"}
    later.row("company_profiles", **profile, fetched_at="2020-08-15T12:00:00Z")
    later.add_to(lake, tmp_path)
    assert {name: question().equals(before[name]) for name, question in questions.items()} == dict.fromkeys(
        before, True
    )
    assert lake.screen("net_income > 900", "2020-08-03")["symbol"].to_list() == ["C0"]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("pe < 15", r"'pe', which is neither a factor nor an input of factors.*'pe_ratio'"),
        ("pe_ratio", "no comparison"),
        ("pe_ratio <", "cannot be read;"),
        ("sector = 'Energy'", "cannot be read; equal is == and different is !="),
        ("sector <> 'Energy'", "cannot be read; equal is == and different is !="),
        ("__import__('os').getcwd() == 1", "not allowed"),
        ("roe.__class__ == 1", "not allowed"),
        ("[roe][0] > 1", "not allowed"),
        ("roe > True", "True is no number"),
        ("roe > 1e999", "inf is no number"),
        ("roe ** 2 > 1", "not allowed"),
        ("roe in [1]", "can be compared by"),
        ("sector > 'a'", "sector is a text"),
        ("sector in 'Energy'", "sector is a text"),
        ("sector == ['Energy']", "sector is a text"),
        ("sector == 1", "sector is a text"),
        ("(" * 5000, "cannot be read"),
    ],
)
def test_other_expressions_are_refused(expression: str, message: str) -> None:
    """Nothing but comparisons is evaluated, and the error says what is wrong."""
    with pytest.raises(InvalidInput, match=message):
        Condition.of(expression)


def test_unknown_universes_and_columns_are_refused(market: Lake) -> None:
    """The error has the names that exist."""
    with pytest.raises(InvalidInput, match=r"no universe 'sector:Enrgy'.*sector:Energy, sector:Technology"):
        market.screen("roe > 0", _DAY, universe="sector:Enrgy")
    with pytest.raises(InvalidInput, match="the lake holds none"):
        market.factors(universe="sp500", dates=_DAY)
    with pytest.raises(InvalidInput, match="Both symbols and universe"):
        market.factors("C0", _DAY, universe="sp500")
    with pytest.raises(InvalidInput, match="no column 'sectr'"):
        market.screen("roe > 0", _DAY, columns=["sectr"])
    assert fl.open(market.path).screen("roe > 0", "1990-01-01").is_empty()
