from __future__ import annotations

import re
from datetime import date
from typing import Any

import duckdb
import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.derive import stored
from factorlab_lake.derive.computation import compute
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.quality.findings import rules
from tests.support import ROOT
from tests.unit.quality.all_cases import EXPECTED, ROWS
from tests.unit.quality.planted_faults import QUARTERS, bars, plant, statements

_NAMES = sorted({rule.name for rule in rules()})
_FILES = sorted((ROOT / "factorlab_lake" / "quality" / "sql").rglob("*.sql"))


@pytest.fixture(scope="module")
def faulty_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Create a lake with every fault and every correct neighbour. Tests must not change it."""
    return plant(fl.open(tmp_path_factory.mktemp("faulty_lake") / "lake"), ROWS)


@pytest.fixture(scope="module")
def findings(faulty_lake: Lake) -> pl.DataFrame:
    """Return all findings in the faulty lake."""
    return faulty_lake.quality()


@pytest.mark.parametrize("rule", sorted({*_NAMES} - {"pending_symbol"}))
def test_a_rule_finds_its_fault_and_no_neighbour(findings: pl.DataFrame, rule: str) -> None:
    """The findings of a rule are exactly the symbols with its fault, on the right day."""
    rows = findings.filter(pl.col("rule") == rule)
    assert set(rows.select("symbol", "date").rows()) == EXPECTED[rule]
    assert rows.height == len(EXPECTED[rule])


def test_every_rule_has_a_severity_and_a_meaning() -> None:
    """A rule has a known severity and a meaning, and its query reads the table that it names."""
    for rule in rules():
        assert rule.severity in ("error", "warning", "info")
        assert len(rule.meaning) > 20
        assert rule.table in rule.query


def test_the_most_severe_findings_come_first(findings: pl.DataFrame) -> None:
    """Findings are sorted: errors, then warnings, then infos."""
    order = {"error": 0, "warning": 1, "info": 2}
    severities = [order[s] for s in findings["severity"]]
    assert severities == sorted(severities)
    assert set(severities) == {0, 1, 2}


def test_findings_have_the_value_and_the_expected_value(faulty_lake: Lake) -> None:
    """A finding about a sum of quarters has both sums, the item and the version."""
    [row] = faulty_lake.quality("WRONG_YEAR", rules=["sum_of_quarters"]).rows(named=True)
    assert (row["value"], row["detail"], row["version"]) == (4.06e9, "revenue", 1)
    assert row["expected"] == pytest.approx(1.05 * 4.06e9)


@pytest.mark.parametrize(("next_day", "missing"), [(15, None), (16, 4.0)])
def test_weekdays_are_missing_after_six_days(lake: Lake, next_day: int, missing: float | None) -> None:
    """One symbol alone tells no market days: its weekdays are missing where two bars are seven days apart."""
    days = [date(2020, 1, 8), date(2020, 1, 9), date(2020, 1, next_day)]
    plant(lake, {"price_data": bars("ALONE", days=days)})
    assert lake.quality(rules=["bar_gap"])["value"].to_list() == ([] if missing is None else [missing])


@pytest.mark.parametrize(("symbol", "missing"), [("ALONE", 4.0), ("ALONE.B", 4.0), ("ALONE.L", 6.0)])
def test_holidays_of_new_york_are_not_missing(lake: Lake, symbol: str, missing: float) -> None:
    """Christmas and New Year have no bars in New York; a symbol of another exchange may have some."""
    plant(lake, {"price_data": bars(symbol, days=[date(2019, 12, 24), date(2020, 1, 2)])})
    assert lake.quality(rules=["bar_gap"])["value"].to_list() == [missing]
    assert lake.coverage()["missing"].sum() == missing


def test_a_symbol_without_stored_derived_rows_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A symbol whose derived rows cannot be computed is listed, and its neighbour is not."""

    def failing(
        con: duckdb.DuckDBPyConnection, symbols: list[str], providers: list[str], **others: Any
    ) -> None:
        if "FAILING" in symbols:
            raise duckdb.InternalException("no")
        compute(con, symbols, providers, **others)

    splits = {"symbol": ["FAILING", "SOUND"], "date": ["2020-12-01"] * 2}
    with monkeypatch.context() as patch:
        patch.setattr(stored, "compute", failing)
        lake.load("splits", pl.DataFrame(splits | {"numerator": [2.0] * 2, "denominator": [1.0] * 2}))
    assert lake.quality(rules=["pending_symbol"])["symbol"].to_list() == ["FAILING"]
    assert lake.quality("SOUND", rules=["pending_symbol"]).is_empty()


def test_steps_are_described_as_splits_or_distributions(faulty_lake: Lake) -> None:
    """A halving is described as a split of 2:1, another step in per cent."""
    rows = faulty_lake.quality(["UNADJUSTED", "SPUN_OFF"], rules=["unapplied_split"])
    details = dict(rows.select("symbol", "detail").rows())
    assert details["UNADJUSTED"] == "like a split of 2:1"
    assert re.fullmatch(r"like a distribution of (39|40|41) % of the price", details["SPUN_OFF"])


def test_symbols_and_rules_can_be_selected(faulty_lake: Lake, findings: pl.DataFrame) -> None:
    """The findings of some symbols and rules are a part of all findings."""
    part = faulty_lake.quality(["GAP", "STALE", "NOBODY"], rules=["bar_gap", "stale_bars", "bar_order"])
    assert part.equals(findings.filter(pl.col("symbol").is_in(["GAP", "STALE"])))


def test_an_unknown_rule_names_the_nearest(lake: Lake) -> None:
    """A misspelt rule is refused, and the error names the right one."""
    with pytest.raises(InvalidInput, match=r"'bar_gaps'.*bar_gap"):
        lake.quality(rules=["bar_gaps"])


def test_a_symbol_is_scored_by_the_rules_it_breaks(faulty_lake: Lake) -> None:
    """An error multiplies the score by 0.5, a warning by 0.8; an info leaves it at 1."""
    symbols = ["UPSIDE_DOWN", "GAP", "SOUND_SHEET", "UNDATED", "WRONG_YEAR"]
    rows = faulty_lake.quality(symbols, by_symbol=True)
    assert dict(rows.select("symbol", "score").rows()) == {
        "WRONG_YEAR": 0.25,
        "UPSIDE_DOWN": 0.5,
        "GAP": 0.8,
        "SOUND_SHEET": 1.0,
        "UNDATED": 1.0,
    }
    assert rows["symbol"].to_list()[:3] == ["WRONG_YEAR", "UPSIDE_DOWN", "GAP"]
    assert rows.row(0, named=True)["errors"] == 2


def test_every_symbol_of_the_lake_has_a_score(faulty_lake: Lake) -> None:
    """Symbols without findings have a score as well."""
    scored = faulty_lake.quality(by_symbol=True)
    assert set(faulty_lake.held_symbols()) <= set(scored["symbol"])


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
def test_a_statement_is_scored_by_its_row_rules(
    lake: Lake, kind: str, wrong: dict[str, Any], score: float
) -> None:
    """`data_quality_score` begins with the certainty of the publication, and falls with each broken rule."""
    table = next(r.table for r in rules() if r.name == "zero_for_missing" and kind[:4] in r.table)
    [sound] = statements(kind, "S", ends=QUARTERS[3:4])
    plant(lake, {table: [sound | wrong]})
    assert lake.statements("S")["data_quality_score"].to_list() == [score]


def test_the_clean_sample_has_one_error(lake_2021: Lake, lake_both: Lake) -> None:
    """GOOG's bars do not count the class C distribution of 2014; the warnings are zeros for "missing"."""
    for sample in (lake_2021, lake_both):
        rows = sample.quality()
        grave = rows.filter(pl.col("severity") == "error")
        assert grave.select("rule", "symbol", "date", "detail").rows() == [
            ("unapplied_split", "GOOG", date(2014, 4, 3), "like a split of 2:1")
        ]
        assert set(rows.filter(pl.col("severity") == "warning")["rule"]) == {"zero_for_missing"}


def test_an_empty_lake_has_no_findings(lake: Lake) -> None:
    """Every rule can be run on tables without rows."""
    assert lake.quality().is_empty()
    assert lake.quality(by_symbol=True).is_empty()


@pytest.mark.parametrize("file", _FILES, ids=[f.stem for f in _FILES])
def test_a_query_states_its_grain(file: Any) -> None:
    """Each file begins with its name and states its grain; each file in rules/ belongs to a rule."""
    text = file.read_text(encoding="utf-8")
    assert text.startswith(f"-- {file.stem}: ")
    assert "-- Grain" in text.replace(". Grain", "-- Grain")
    if file.parent.name == "rules":
        assert file.stem in _NAMES
