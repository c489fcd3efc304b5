"""Collect the planted rows of all cases, and the findings that they must cause."""

from __future__ import annotations

from datetime import date

from tests.unit.quality.planted_faults import Row

__all__ = ["EXPECTED", "ROWS", "add", "expect"]

# The expected findings: the symbols and days of each rule. No other row of the lake may be found.
EXPECTED: dict[str, set[tuple[str, date | None]]] = {}
ROWS: dict[str, list[Row]] = {}


def add(table: str, rows: list[Row]) -> None:
    """Plant rows of a table."""
    ROWS.setdefault(table, []).extend(rows)


def expect(rule: str, symbol: str, *days: date | None) -> None:
    """Expect a rule to find a symbol on some days."""
    EXPECTED.setdefault(rule, set()).update((symbol, day) for day in days)
