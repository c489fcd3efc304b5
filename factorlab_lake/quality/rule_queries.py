"""The rules of quality, as data: what each means, how severe it is, and the query that finds its breaches.

Rules over several rows are in ``set_rules.csv``, each with a query of its name in ``sql/rules``. Rules that
a statement breaks by itself are in :mod:`factorlab_lake.schema.quality_rules`, from where they also make
``data_quality_score``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from factorlab_lake.quality.queries import sql_text
from factorlab_lake.schema import STATEMENT_TABLES, identifier, literal
from factorlab_lake.schema.quality_rules import PENALTIES, RowRule, row_rules

__all__ = ["SEVERITIES", "QualityRule", "rules"]

SEVERITIES = tuple(PENALTIES)  # most severe first


@dataclass(frozen=True, slots=True)
class QualityRule:
    """One rule on one table: its name, severity, meaning, and the query that gives a row per finding."""

    name: str
    severity: str
    table: str
    meaning: str
    query: str


@cache
def rules() -> tuple[QualityRule, ...]:
    """Return every rule: those on statements by themselves, then the others, in the order of their tables.

    >>> [r.severity for r in rules() if r.name == "accounting_identity"]
    ['error']
    """
    own = [_of_a_row(rule) for kind in STATEMENT_TABLES for rule in row_rules(kind)]
    text = files(__package__).joinpath("set_rules.csv").read_text(encoding="utf-8")
    others = [
        QualityRule(
            row["rule"], row["severity"], row["table"], row["meaning"], sql_text(f"rules/{row['rule']}")
        )
        for row in csv.DictReader(text.splitlines())
    ]
    return (*own, *others)


def _of_a_row(rule: RowRule) -> QualityRule:
    """Return a statement's own rule as a query over the newest version of each period."""
    table = STATEMENT_TABLES[rule.statement_type]
    detail = rule.detail or literal(rule.meaning)
    query = (
        "SELECT symbol, fiscal_date AS date, fiscal_period, version, "
        f"{rule.value or 'NULL'} AS value, {rule.expected or 'NULL'} AS expected, "
        f"{detail} AS detail FROM (FROM {identifier(table)} QUALIFY row_number() OVER "
        "(PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1) "
        f"WHERE {rule.fault}"
    )
    return QualityRule(rule.name, rule.severity, table, rule.meaning, query)
