"""Read the quality rules about single statement rows, and derive the quality score from them.

The rules are in ``quality_rules.csv``. ``fault`` is an SQL expression for all engines; it is true where a row
breaks the rule.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from factorlab_lake.schema import line_items
from factorlab_lake.schema.rules import rule_values
from factorlab_lake.schema.spec import identifier, literal

__all__ = ["PENALTIES", "RowRule", "quality_score", "row_rules"]

# The factor by which a broken rule of each severity multiplies the score.
PENALTIES = {"error": 0.5, "warning": 0.8, "info": 1.0}

# The score starts from how well the day of publication is known.
_PUBLICATION = "CASE availability_basis WHEN 'accepted' THEN 1.0 WHEN 'filing_date' THEN 0.9 ELSE 0.7 END"
_EQUITY = "coalesce(nullif(total_equity, 0), total_stockholders_equity + coalesce(minority_interest, 0))"

# Temporary equity has no column: it is what the sheet's own total has beyond liabilities and equity.
_TEMPORARY_EQUITY = (
    "coalesce(total_assets > {{equity_and_debts}} AND abs(total_assets - coalesce("
    "nullif(total_liabilities_and_total_equity, 0), total_liabilities_and_stockholders_equity)) "
    "<= {{IDENTITY_TOLERANCE}} * abs(total_assets), false)"
)
_CONSTANT = re.compile(r"\{\{([A-Z_]+)\}\}")


@dataclass(frozen=True, slots=True)
class RowRule:
    """Represent one rule for one statement type.

    ``value``, ``expected`` and ``detail`` are SQL expressions, or empty.
    """

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
    """Return the rules of a statement type, in the order of ``quality_rules.csv``.

    >>> [r.name for r in row_rules("balance_sheet")][:2]
    ['accounting_identity', 'temporary_equity']
    """
    return tuple(_rule(row, statement_type) for row in _rows() if row["statement"] in (statement_type, "*"))


def quality_score(statement_type: str) -> str:
    """Return the SQL expression of ``data_quality_score`` for a statement type.

    The score starts at 1 for a known acceptance, 0.9 for a filing date and 0.7 for an estimated date. Each
    broken rule of severity error multiplies it by 0.5, each warning by 0.8.
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
    names = (f"CASE WHEN {identifier(n)} = 0 THEN {literal(n)} END" for n in zeros)
    for token, part in (
        ("{{temporary_equity}}", f"({_TEMPORARY_EQUITY})"),
        ("{{equity_and_debts}}", f"nullif(total_liabilities, 0) + {_EQUITY}"),
        ("{{any_zero}}", f"0 IN ({', '.join(map(identifier, zeros))})"),
        ("{{zero_names}}", f"concat_ws(', ', {', '.join(names)})"),
    ):
        text = text.replace(token, part)
    return _CONSTANT.sub(lambda match: str(rule_values()[match[1]]), text)


@cache
def _rows() -> list[dict[str, str]]:
    text = files(__package__).joinpath("quality_rules.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
