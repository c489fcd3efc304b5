"""Rules that a statement keeps or breaks by itself, as data, and the score that follows from them.

Read from ``quality_rules.csv``. ``fault`` is SQL that every engine reads; it is true
where a row breaks the rule.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from factorlab_lake.schema import line_items
from factorlab_lake.schema.spec import identifier, literal

__all__ = ["PENALTIES", "RowRule", "quality_score", "row_rules"]

# What a broken rule leaves of a score, by its severity.
PENALTIES = {"error": 0.5, "warning": 0.8, "info": 1.0}

# How well the day of publication is known is where the score starts from.
_PUBLICATION = "CASE availability_basis WHEN 'accepted' THEN 1.0 WHEN 'filing_date' THEN 0.9 ELSE 0.7 END"
_EQUITY = "coalesce(nullif(total_equity, 0), total_stockholders_equity + coalesce(minority_interest, 0))"


@dataclass(frozen=True, slots=True)
class RowRule:
    """One rule of one statement type; ``value``, ``expected`` and ``detail`` are expressions, or empty."""

    name: str
    severity: str
    statement_type: str
    meaning: str
    fault: str
    value: str
    expected: str
    detail: str


@cache
def row_rules(statement_type: str) -> tuple[RowRule, ...]:
    """Return the rules of a statement type, in the order of their table.

    >>> [r.name for r in row_rules("balance_sheet")][:2]
    ['accounting_identity', 'wrong_sign']
    """
    return tuple(_rule(row, statement_type) for row in _rows() if row["statement"] in (statement_type, "*"))


def quality_score(statement_type: str) -> str:
    """Return the expression of ``data_quality_score``, from 1 down, of a row of a statement type.

    1 when the acceptance is known, 0.9 for the filing date alone, 0.7 for an estimate; times 0.5 for each
    rule of severity error that the row breaks, and 0.8 for each warning.
    """
    factors = [
        f"CASE WHEN {rule.fault} THEN {PENALTIES[rule.severity]} ELSE 1.0 END"
        for rule in row_rules(statement_type)
        if PENALTIES[rule.severity] < 1
    ]
    return f"CAST({' * '.join([_PUBLICATION, *factors])} AS DOUBLE PRECISION)"


def _rule(row: dict[str, str], statement_type: str) -> RowRule:
    parts = (_filled(row[part], statement_type) for part in ("fault", "value", "expected", "detail"))
    return RowRule(row["rule"], row["severity"], statement_type, row["meaning"], *parts)


def _filled(text: str, statement_type: str) -> str:
    zeros = [c.name for c in line_items(statement_type) if c.zero_is_missing]
    said = (f"CASE WHEN {identifier(n)} = 0 THEN {literal(n)} END" for n in zeros)
    for token, part in (
        ("{{equity_and_debts}}", f"nullif(total_liabilities, 0) + {_EQUITY}"),
        ("{{any_zero}}", f"0 IN ({', '.join(map(identifier, zeros))})"),
        ("{{zero_names}}", f"concat_ws(', ', {', '.join(said)})"),
    ):
        text = text.replace(token, part)
    return text


@cache
def _rows() -> list[dict[str, str]]:
    text = files(__package__).joinpath("quality_rules.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
