"""The lake's answers over the sample against those that plain Python computes from the files themselves."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import ROOT, derived_steps
from tests.unit.query.sample_company import ALL

Row = dict[str, Any]

GOLDEN = Path(__file__).parent / "golden"
QUESTIONS = ("market_caps", "ttm", "factors")
# The statements of the sum at each day: the end of each is that of its period.
STATEMENTS = """
    SELECT d.date, p.statement_type || CASE years_back WHEN 1 THEN '_year_before' ELSE '' END AS name,
           list(v.fiscal_date ORDER BY v.fiscal_date) FILTER (v.fiscal_date IS NOT NULL) AS ends
    FROM trailing_periods p JOIN subjects s ON s.subject = p.subject AND s.vintage = 'known'
    JOIN (SELECT unnest($days::DATE[]) AS date) d ON d.date >= p.valid_from AND d.date < p.valid_to
    LEFT JOIN trailing_statements t ON t.trailing_id = p.trailing_id
    LEFT JOIN statement_versions v ON v.statement_id = t.statement_id
    GROUP BY ALL
"""
SYMBOLS = ("AAPL", "GOOGL")
ABOUT_FACTORS = {"age_days", "company_id", "statement_provider", "reasons", "reason"}

# The reasons in plain words, as the lake words them.
REASONS = {
    "no price within ten days": "no_price_within_limit",
    "no statement known": "no_share_count_known",
    "shares not reported": "shares_reported_as_zero_or_missing",
    "share count too old": "share_count_stale",
}
TTM_REASONS = {
    "no statement known": "no_statement_known",
    "a quarter is missing": "quarter_missing",
    "statement too old": "statement_stale",
}


def golden(question: str, symbol: str) -> list[Row]:
    """Return the expected rows of one symbol."""
    rows = json.loads((GOLDEN / f"{question}.json").read_text())
    return [row for row in rows if row["symbol"] == symbol]


@cache
def answers(lake: Lake, question: str, symbol: str) -> list[Row]:
    """Return the lake's rows for the days of the expected ones."""
    days = [row["date"] for row in golden(question, symbol)]
    return list(getattr(lake, question)(symbol, days).iter_rows(named=True))


def same(expected: Any, value: Any) -> bool:
    """Say whether a cell is as expected: nothing for nothing, numbers within 1e-12, all else equal."""
    if expected is None or value is None:
        return expected is value
    if isinstance(expected, int | float):
        return math.isclose(expected, value, rel_tol=1e-12)
    return bool(expected == (value.isoformat() if isinstance(value, date) else value))


def differences(expected: list[Row], value: list[Row]) -> Iterator[str]:
    """Yield each cell that is not as expected, readably; reasons are compared elsewhere."""
    for row, answer in zip(expected, value, strict=True):
        for column in row.keys() - {"reason"}:
            if not same(row[column], answer[column]):
                yield f"{row['symbol']} {row['date']} {column}: expected {row[column]}, got {answer[column]}"


def blank(rows: list[Row], columns: tuple[str, ...], where: list[bool]) -> list[Row]:
    """Return rows without what they tell, in some columns, about an answer that could not be given."""
    return [row | dict.fromkeys(columns) if hide else row for row, hide in zip(rows, where, strict=True)]


def test_expected_answers_are_what_their_computation_gives() -> None:
    """The committed files are current: none was edited by hand or left behind by a change of the sample."""
    script = [sys.executable, "-m", "tests.unit.query.golden.compute", "--check"]
    run = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_market_caps_are_the_expected_ones(lake_2021: Lake, symbol: str) -> None:
    """Price, shares and market capitalisation agree on sixty days, around splits and filings too."""
    expected, value = golden("market_caps", symbol), answers(lake_2021, "market_caps", symbol)
    countless = [row["shares_outstanding"] is None for row in value]
    value = blank(value, ("shares_fiscal_date", "shares_available_date"), countless)
    assert list(differences(expected, value)) == []


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_market_caps_say_why_they_are_missing(lake_2021: Lake, symbol: str) -> None:
    """A market capitalisation has a reason exactly where it is NULL, and it is the right one."""
    expected = [
        "; ".join(REASONS[name] for name in row["reason"].split("; ")) if row["reason"] else None
        for row in golden("market_caps", symbol)
    ]
    assert [row["reason"] for row in answers(lake_2021, "market_caps", symbol)] == expected


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_trailing_twelve_months_are_the_expected_ones(lake_2021: Lake, symbol: str) -> None:
    """Flows, their basis and the day they were known agree on sixty days."""
    expected, value = golden("ttm", symbol), answers(lake_2021, "ttm", symbol)
    value = blank(value, ("inputs_available_date",), [row["basis"] is None for row in value])
    assert list(differences(expected, value)) == []


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_trailing_twelve_months_say_why_they_are_missing(lake_2021: Lake, symbol: str) -> None:
    """A year has a reason exactly where its flows are NULL, and it is the right one."""
    expected = [TTM_REASONS[row["reason"]] if row["reason"] else None for row in golden("ttm", symbol)]
    assert [row["reason"] for row in answers(lake_2021, "ttm", symbol)] == expected


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_factors_are_the_expected_ones(lake_2021: Lake, symbol: str) -> None:
    """All ratios agree on sixty days; so do the dates wherever their main inputs are known."""
    expected, value = golden("factors", symbol), answers(lake_2021, "factors", symbol)
    dates = {"symbol", "date", "market_cap", "fiscal_date", "inputs_available_date"}
    assert expected[0].keys() - dates == value[0].keys() - dates - ABOUT_FACTORS == ALL
    incomplete = [row["inputs_available_date"] is None for row in expected]
    value = blank(value, ("fiscal_date", "inputs_available_date"), incomplete)
    assert list(differences(expected, value)) == []


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_each_missing_factor_has_a_reason_and_no_other_has_one(lake_2021: Lake, symbol: str) -> None:
    """``reasons`` names exactly the NULL factors; ``reason`` speaks only when nothing could be computed."""
    causes = 0
    for row in answers(lake_2021, "factors", symbol):
        missing = {name for name in ALL if row[name] is None}
        reasons = json.loads(row["reasons"]) if row["reasons"] else {}
        assert reasons.keys() == missing, row
        assert all(reasons.values()), row
        assert (row["reason"] is not None) == (missing == ALL and row["market_cap"] is None), row
        causes += len(reasons)
    assert causes


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_statements_in_use_are_the_expected_ones(lake_2021: Lake, symbol: str) -> None:
    """The quarters of the year and of the one before, of cash flows and balances agree on sixty days."""
    expected = golden("components", symbol)
    steps = derived_steps(lake_2021, [symbol])
    rows = steps.execute(STATEMENTS, {"days": [row["date"] for row in expected]}).fetchall()
    result = {(day.isoformat(), name): [str(end) for end in ends or []] for day, name, ends in rows}
    parts = expected[0].keys() - {"symbol", "date"}
    assert len(parts) == 5
    value = [
        {"symbol": symbol, "date": row["date"]}
        | {name: result.get((row["date"], name), []) for name in parts}
        for row in expected
    ]
    assert value == expected


@pytest.mark.parametrize("question", QUESTIONS)
def test_both_symbols_at_once_get_the_answers_they_get_alone(lake_2021: Lake, question: str) -> None:
    """Asking for many symbols and days in one query changes no answer."""
    days = sorted({row["date"] for symbol in SYMBOLS for row in golden(question, symbol)})
    together = getattr(lake_2021, question)(["GOOGL", "AAPL"], days)
    rows = {(row["symbol"], row["date"].isoformat()): row for row in together.iter_rows(named=True)}
    for symbol in SYMBOLS:
        for row in answers(lake_2021, question, symbol):
            assert rows[symbol, row["date"].isoformat()] == row
