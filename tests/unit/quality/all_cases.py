"""Collect the planted rows of every case, and the findings that they must cause."""

from __future__ import annotations

from tests.unit.quality import action_cases, cases, limit_cases, statement_cases
from tests.unit.quality.expected import EXPECTED, ROWS

__all__ = ["EXPECTED", "ROWS"]

for _module in (cases, action_cases, limit_cases, statement_cases):
    _module.plant_cases()
