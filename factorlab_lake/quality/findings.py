"""Find faulty and suspicious rows by rules, and score each symbol.

``set_rules.csv`` lists the rules over several rows and the tables to which each applies. ``sql/rules`` has a
query of the same name for each, in which ``{{table}}`` and ``{{date}}`` stand for the table and its time
column.
:mod:`factorlab_lake.schema.quality_rules` lists the rules over single statements, which also make
``data_quality_score``.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, listed_names, nearest
from factorlab_lake.providers.records import fields
from factorlab_lake.quality import calendar_params, sql_text
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, identifier, literal, table
from factorlab_lake.schema.quality_rules import PENALTIES, RowRule, row_rules
from factorlab_lake.schema.quote_units import is_quote_unit_unknown

__all__ = ["SEVERITIES", "QualityRule", "findings", "rule_table", "rules", "scores"]

SEVERITIES = tuple(PENALTIES)  # most severe first

_SCHEMA = {
    "symbol": pl.String,
    "date": pl.Date,
    "fiscal_period": pl.String,
    "version": pl.Int32,
    "value": pl.Float64,
    "expected": pl.Float64,
    "detail": pl.String,
}


@dataclass(frozen=True, slots=True)
class QualityRule:
    """Define one rule on one table. ``query`` returns one row per finding."""

    name: str
    severity: str
    table: str
    meaning: str
    query: str


@cache
def rules() -> tuple[QualityRule, ...]:
    """Return all rules: first those on single statements, then those on several rows, in file order.

    >>> [r.severity for r in rules() if r.name == "accounting_identity"]
    ['error']
    """
    on_rows = [_statement_rule(rule) for kind in STATEMENT_TABLES for rule in row_rules(kind)]
    text = files(__package__).joinpath("set_rules.csv").read_text(encoding="utf-8")
    on_sets = [
        _set_rule(row, name) for row in csv.DictReader(text.splitlines()) for name in row["tables"].split()
    ]
    return (*on_rows, *on_sets)


def _set_rule(row: dict[str, str], table_name: str) -> QualityRule:
    """Return a rule over several rows as its query over one of its tables."""
    spec = table(table_name)
    query = sql_text(f"rules/{row['rule']}")
    for name, text in {
        "table": identifier(spec.name),
        "date": identifier(spec.time_column) if spec.time_column else "NULL::DATE",
        "fields": ", ".join(map(literal, _mapped_fields(spec.name))),
        "is_quote_unit_unknown": is_quote_unit_unknown("symbol"),
    }.items():
        query = query.replace("{{" + name + "}}", text)
    return QualityRule(row["rule"], row["severity"], spec.name, row["meaning"], query)


def _mapped_fields(table_name: str) -> list[str]:
    """Return the fields that have a column of a table: ``extra`` has one only where its value is unread."""
    datasets = [dataset for dataset, name in DATASETS.items() if name == table_name]
    return sorted({field for dataset in datasets for field in fields(dataset)})


def _statement_rule(rule: RowRule) -> QualityRule:
    """Return a rule on single statements as a query over the newest version of each period."""
    name = STATEMENT_TABLES[rule.statement_type]
    detail = rule.detail or literal(rule.meaning)
    query = (
        "SELECT symbol, fiscal_date AS date, fiscal_period, version, "
        f"{rule.value or 'NULL'} AS value, {rule.expected or 'NULL'} AS expected, "
        f"{detail} AS detail FROM (FROM {identifier(name)} QUALIFY row_number() OVER "
        "(PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1) "
        f"WHERE {rule.fault}"
    )
    return QualityRule(rule.name, rule.severity, name, rule.meaning, query)


def rule_table() -> pl.DataFrame:
    """Return one row per rule and table, with severity and meaning."""
    rows = [(r.name, r.severity, r.table, r.meaning) for r in rules()]
    return pl.DataFrame(rows, schema=["rule", "severity", "table_name", "meaning"], orient="row")


def findings(
    session: QuerySession,
    *,
    symbols: Collection[str] | None = None,
    only: Iterable[str] | None = None,
    pending: Collection[str] = (),
) -> pl.DataFrame:
    """Return one row per finding, sorted by severity (most severe first), rule, table, symbol and date.

    ``only`` selects rules by name. ``pending`` are the symbols whose derived tables are not stored.
    Raises :class:`~factorlab_lake.errors.InvalidInput` for an unknown rule.
    """
    params: dict[str, Any] = {"symbols": None if symbols is None else list(symbols), "pending": list(pending)}
    params |= calendar_params()
    rows = pl.concat([_rule_findings(session, rule, params) for rule in _selected_rules(only)])
    order = pl.col("severity").replace_strict({name: i for i, name in enumerate(SEVERITIES)})
    return rows.sort(order, "rule", "table_name", "symbol", "date", "fiscal_period", "detail")


def scores(rows: pl.DataFrame, symbols: Iterable[str]) -> pl.DataFrame:
    """Return one row per symbol with its score and its findings of each severity, lowest score first.

    The score is 1, times 0.5 for each broken rule of severity error and 0.8 for each of severity warning.
    Several findings of one rule count once. These are the penalties of ``data_quality_score``.
    """
    broken = rows.group_by("symbol", "severity").agg(pl.len().alias("findings"), pl.col("rule").n_unique())
    score = pl.col("severity").replace_strict(PENALTIES, return_dtype=pl.Float64) ** pl.col("rule")
    counts = [
        pl.col("findings").filter(pl.col("severity") == name).sum().cast(pl.Int64).alias(f"{name}s")
        for name in SEVERITIES
    ]
    by_symbol = broken.group_by("symbol").agg(score.product().alias("score"), *counts)
    every = pl.DataFrame({"symbol": sorted(set(symbols))}, schema={"symbol": pl.String})
    filled = every.join(by_symbol, on="symbol", how="left").with_columns(pl.col("score").fill_null(1.0))
    return filled.with_columns(pl.exclude("symbol").fill_null(0)).sort("score", "symbol")


def _selected_rules(only: Iterable[str] | None) -> list[QualityRule]:
    if only is None:
        return list(rules())
    names = listed_names(only, "rules", "'accounting_identity'")
    known = sorted({rule.name for rule in rules()})
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"There is no rule {name!r}; expected one of {', '.join(known)}.{nearest(name, known)}",
                rule=name,
            )
    return [rule for rule in rules() if rule.name in names]


def _rule_findings(session: QuerySession, rule: QualityRule, params: dict[str, Any]) -> pl.DataFrame:
    query = f"SELECT * FROM ({rule.query})"
    if params["symbols"] is not None:
        query += " WHERE list_contains($symbols::VARCHAR[], symbol)"
    rows = session.frame(query, {name: value for name, value in params.items() if f"${name}" in query})
    columns = [
        (pl.col(n) if n in rows.columns else pl.lit(None)).cast(kind).alias(n) for n, kind in _SCHEMA.items()
    ]
    table_name = pl.col("table_name") if "table_name" in rows.columns else pl.lit(rule.table)
    constants = [pl.lit(rule.severity).alias("severity"), pl.lit(rule.name).alias("rule")]
    return rows.select(*constants, table_name.cast(pl.String).alias("table_name"), *columns)
