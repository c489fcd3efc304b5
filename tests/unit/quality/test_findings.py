from __future__ import annotations

import re
from datetime import date
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.quality import sql_text
from factorlab_lake.quality.findings import rules
from tests.support import ROOT
from tests.unit.quality.cases import FOUND, ROWS
from tests.unit.quality.planted import QUARTERS, plant, statements

_NAMES = sorted({rule.name for rule in rules()})
_FILES = sorted((ROOT / "factorlab_lake" / "quality" / "sql").rglob("*.sql"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with every fault and every clean neighbour. Not to be changed."""
    return plant(fl.open(tmp_path_factory.mktemp("planted") / "lake"), ROWS)


@pytest.fixture(scope="module")
def findings(planted: Lake) -> pl.DataFrame:
    """All that is found in it."""
    return planted.quality()


@pytest.mark.parametrize("rule", _NAMES)
def test_a_rule_finds_its_fault_and_leaves_its_neighbours_alone(findings: pl.DataFrame, rule: str) -> None:
    """Of all symbols, those with the fault of the rule are found, on its day, and no other."""
    found = findings.filter(pl.col("rule") == rule)
    assert set(found.select("symbol", "date").rows()) == FOUND[rule]
    assert found.height == len(FOUND[rule])


def test_every_rule_says_what_it_means_and_how_grave_it_is() -> None:
    """A rule has a severity that is known, and a meaning; its query speaks of the table it names."""
    for rule in rules():
        assert rule.severity in ("error", "warning", "info")
        assert len(rule.meaning) > 20
        assert rule.table in rule.query


def test_the_most_severe_findings_come_first(findings: pl.DataFrame) -> None:
    """Errors, then warnings, then what is only worth knowing."""
    order = {"error": 0, "warning": 1, "info": 2}
    given = [order[s] for s in findings["severity"]]
    assert given == sorted(given)
    assert set(given) == {0, 1, 2}


def test_findings_say_what_stands_there_and_what_was_expected(planted: Lake) -> None:
    """A sum of quarters comes with both sums, the item and the version."""
    [row] = planted.quality("WRONG_YEAR", rules=["sum_of_quarters"]).rows(named=True)
    assert (row["value"], row["detail"], row["version"]) == (4.06e9, "revenue", 1)
    assert row["expected"] == pytest.approx(1.05 * 4.06e9)


def test_steps_are_told_as_splits_or_as_distributions(planted: Lake) -> None:
    """A halving is like a split of 2:1; other steps are told in per cent."""
    found = planted.quality(["UNADJUSTED", "SPUN_OFF"], rules=["unapplied_split"])
    said = dict(found.select("symbol", "detail").rows())
    assert said["UNADJUSTED"] == "like a split of 2:1"
    assert re.fullmatch(r"like a distribution of (39|40|41) % of the price", said["SPUN_OFF"])


def test_some_symbols_and_rules_can_be_asked_for(planted: Lake, findings: pl.DataFrame) -> None:
    """What is asked for is that part of the whole."""
    part = planted.quality(["GAP", "STALE", "NOBODY"], rules=["bar_gap", "stale_bars", "bar_order"])
    assert part.equals(findings.filter(pl.col("symbol").is_in(["GAP", "STALE"])))


def test_an_unknown_rule_names_the_nearest(lake: Lake) -> None:
    """A misspelt rule is refused with the right name."""
    with pytest.raises(InvalidInput, match=r"'bar_gaps'.*bar_gap"):
        lake.quality(rules=["bar_gaps"])


def test_a_symbol_is_scored_by_the_rules_it_breaks(planted: Lake) -> None:
    """Half for an error, four fifths for a warning, and 1 for a symbol without a finding or with a note."""
    wanted = ["UPSIDE_DOWN", "GAP", "SOUND_SHEET", "UNDATED", "WRONG_YEAR"]
    found = planted.quality(wanted, by_symbol=True)
    assert dict(found.select("symbol", "score").rows()) == {
        "WRONG_YEAR": 0.25,
        "UPSIDE_DOWN": 0.5,
        "GAP": 0.8,
        "SOUND_SHEET": 1.0,
        "UNDATED": 1.0,
    }
    assert found["symbol"].to_list()[:3] == ["WRONG_YEAR", "UPSIDE_DOWN", "GAP"]
    assert found.row(0, named=True)["errors"] == 2


def test_every_symbol_of_the_lake_has_a_score(planted: Lake) -> None:
    """Also those of which nothing is found."""
    scored = planted.quality(by_symbol=True)
    assert set(planted.held_symbols()) <= set(scored["symbol"])


@pytest.mark.parametrize(
    ("kind", "wrong", "score"),
    [
        ("balance_sheet", {}, 1.0),
        ("balance_sheet", {"total_equity": 9e8}, 0.5),
        ("balance_sheet", {"total_equity": 9e8, "cash_and_cash_equivalents": -1.0}, 0.25),
        ("balance_sheet", {"total_current_assets": 0.0}, 0.8),
        ("cash_flow", {"availability_basis": "estimated", "accepted_at": None, "accepted_date": None}, 0.7),
        ("income", {"revenue": -1.0, "availability_basis": "filing_date"}, 0.45),
    ],
)
def test_a_statement_is_scored_by_the_rules_it_breaks_by_itself(
    lake: Lake, kind: str, wrong: dict[str, Any], score: float
) -> None:
    """`data_quality_score` starts from how well the publication is known, and falls with each rule broken."""
    table = next(r.table for r in rules() if r.name == "zero_for_missing" and kind[:4] in r.table)
    [sound] = statements(kind, "S", ends=QUARTERS[3:4])
    plant(lake, {table: [sound | wrong]})
    assert lake.statements("S")["data_quality_score"].to_list() == [score]


def test_of_the_clean_sample_one_thing_is_grave(lake_2021: Lake, lake_both: Lake) -> None:
    """GOOG's bars do not count the distribution of class C in 2014; all else found are zeros."""
    for sample in (lake_2021, lake_both):
        found = sample.quality()
        grave = found.filter(pl.col("severity") == "error")
        assert grave.select("rule", "symbol", "date", "detail").rows() == [
            ("unapplied_split", "GOOG", date(2014, 4, 3), "like a split of 2:1")
        ]
        assert set(found["rule"]) <= {"unapplied_split", "zero_for_missing", "inferred_split"}


def test_an_empty_lake_has_no_findings(lake: Lake) -> None:
    """Every query runs over tables without rows."""
    assert lake.quality().is_empty()
    assert lake.quality(by_symbol=True).is_empty()


@pytest.mark.parametrize("file", _FILES, ids=[f.stem for f in _FILES])
def test_a_query_says_what_it_gives(file: Any) -> None:
    """Each file is named at its head and states its grain; files of rules are those of the table of rules."""
    text = file.read_text(encoding="utf-8")
    assert text.startswith(f"-- {file.stem}: ")
    assert "-- Grain" in text.replace(". Grain", "-- Grain")
    if file.parent.name == "rules":
        assert sql_text(f"rules/{file.stem}") in {rule.query for rule in rules()}
