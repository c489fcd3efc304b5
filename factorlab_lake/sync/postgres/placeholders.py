"""Fill the placeholders of the Postgres functions: the shared questions, and column lists from the schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions import duckdb_functions
from factorlab_lake.functions.question_texts import INPUTS, QUESTIONS, period_months, question_text
from factorlab_lake.functions.rule_placeholders import fill
from factorlab_lake.functions.shared_parts import shared_parts
from factorlab_lake.functions.sql_placeholders import (
    accession,
    effective_basis,
    effective_date,
    shared_placeholders,
    ttm_columns,
)
from factorlab_lake.schema import (
    STATEMENT_TABLES,
    TABLES,
    Column,
    TableSpec,
    identifier,
    line_items,
    literal,
    table,
)
from factorlab_lake.schema.quality_rules import quality_score

__all__ = ["sql_text"]

# The planner estimates ten rows for an array of any length and chooses a nested loop, which takes minutes for
# a thousand symbols. A hash join is as fast for ten. LATERAL lookups by index remain loops. JIT compilation
# takes longer than it saves.
_PLANNED = """LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
SET work_mem = '64MB'"""
# Without it, Postgres puts the expressions of a subquery into every place that uses its columns. ttm of 25
# symbols and 60 days took 27 instead of 13 ms, factors of 100 and 120 took 650 instead of 270 to 500.
_FENCE = "OFFSET 0"
_LAG = "(SELECT r.availability_lag_days FROM factorlab_lake_target AS r)"  # read once for each query
_AVAILABILITY = ("available_date", "availability_basis")  # as the rule of the sync has them, not as stored
_TIME_FORMAT = "'YYYY-MM-DD HH24:MI:SS.US'"
# The rows that a function's question reads, looked up in Postgres' way; a part comes after those that use it.
_PARTS = ("grid", "cap_facts", "count_vintages", "factor_facts", "fundamentals")
_WORDS = {
    "among_requested": "= ANY (symbols)",
    "first_day": "coalesce(start_date, {{BEGINNING_OF_TIME}})",
    "year_of_bar": "date_part('year', date)::integer AS in_year, ",
    "same_from": "t.date - {{SAME_SPLIT_DAYS}}",
    "same_to": "t.date + {{SAME_SPLIT_DAYS}}",
}
# What stands in the parts for an argument that a function has or has not.
_CONSTANTS = {"price_age_limit": "{{PRICE_AGE_LIMIT_DAYS}}", "shares_age_limit": "{{QUARTER_AGE_LIMIT_DAYS}}"}
_ARGUMENTS = {
    "market_caps": ("price_age_limit", "shares_age_limit", "vintage"),
    "shares_as_of": ("vintage",),
    "ttm": ("age_limit", "vintage"),
    "factor_inputs": ("age_limit", "vintage"),
    "factors": ("age_limit", "vintage"),
}
_OF_PERIODS = {"age_limit": "{{QUARTER_AGE_LIMIT_DAYS}}", "vintage": "'known'"}
# Columns of fundamentals_history by which its rows are found, or which another table has too.
_NOT_FACTS = (
    "symbol",
    "vintage",
    "restated",
    "valid_from",
    "valid_to",
    "company_id",
    "statement_provider",
    "bucket",
)


@cache
def sql_text(name: str) -> str:
    """Return the SQL that creates a function or view, with all placeholders filled.

    A view that is the same in every engine has a text in DuckDB's folder alone.
    """
    if not _place(f"{name}.sql").is_file():
        return duckdb_functions.sql_text(name)
    text = fill(_file(f"{name}.sql"), lambda: shared_parts(_WORDS))
    text = fill(text, lambda: {p: _file(f"parts/{p}.sql").strip() for p in _PARTS})
    text = fill(text, _questions)
    text = fill(text, lambda: _arguments(name))
    text = fill(text, _columns)
    return fill(text, lambda: {"head": duckdb_functions.head_of(duckdb_functions.sql_text(name))})


def _file(path: str) -> str:
    return _place(path).read_text(encoding="utf-8")


def _place(path: str) -> Traversable:
    return files("factorlab_lake.functions").joinpath("shell", "postgres", path)


def _questions() -> dict[str, str]:
    return {name: _fenced(question_text(name).strip()) for name in QUESTIONS}


def _fenced(question: str) -> str:
    """Add a fence to the first subquery of a question; its main query uses that one's columns often."""
    return re.sub(r"\n( +FROM (?:facts|inputs))\n\)", rf"\n\1 {_FENCE}\n)", question)


def _arguments(function: str) -> dict[str, str]:
    own = {name: name for name in _ARGUMENTS.get(function, ())}
    return _CONSTANTS | _OF_PERIODS | own


@cache
def _columns() -> dict[str, str]:
    facts = [n for n in table("fundamentals_history").names() if n not in _NOT_FACTS]
    return {
        **{name: _fenced(text) for name, text in shared_placeholders().items()},
        "planned": _PLANNED,
        "fence": _FENCE,
        "fundamentals_columns": ", ".join(f"i.{identifier(n)}" for n in facts),
        "flow_types": _numbers(ttm_columns()),
        "factor_types": _numbers(FACTORS),
        "input_types": _numbers(INPUTS),
        "statement_union": "\nUNION ALL\n".join(map(_statement_select, STATEMENT_TABLES)),
        "bar_texts": _texts(table("price_data"), "b"),
        "revision_pairs": "\nUNION ALL\n".join(_revision_pairs(TABLES[t]) for t in STATEMENT_TABLES.values()),
    }


def _available(spec: TableSpec, name: str) -> str:
    """Return the SQL of the first day on which a statement counts, or its basis, by the rule of the sync."""
    effective = effective_date if name == "available_date" else effective_basis
    return f"CASE WHEN {_LAG} IS NULL THEN {effective(spec, None)} ELSE {effective(spec, _LAG)} END AS {name}"


def _statement_select(kind: str) -> str:
    """Return the rows of one statement type for ``financial_statements``."""
    spec = TABLES[STATEMENT_TABLES[kind]]
    attributes = ", ".join(f"t.{identifier(c.name)}" for c in spec.columns if not c.additive)
    effective = ", ".join(
        _available(spec, name) if name in _AVAILABILITY else identifier(name) for name in spec.names()
    )
    # The type json preserves the text: its items have the order and the numbers of DuckDB's.
    items = "\n       || ".join(_json_item(c.name) for c in line_items(kind))
    of_filing = accession("substring", "t.final_link", "t.link", "t.extra ->> 'accession'")
    return (
        f'SELECT {literal(kind)}::text COLLATE "C" AS statement_type, {attributes},\n'
        f"       {of_filing} AS accession,\n"
        f"       ('{{' || substr({items}, 2) || '}}')::json AS metrics,\n"
        f"       {quality_score(kind)} AS data_quality_score\n"
        f"FROM (SELECT {effective} FROM {identifier(spec.name)}) AS t"
    )


def _json_item(name: str) -> str:
    """Return a line item's part of the JSON object, which begins with a comma; empty if it is NULL."""
    key = literal(f',"{name}":')
    return f"coalesce({key} || json_number_text(t.{identifier(name)}), '')"


def _numbers(names: Iterable[str]) -> str:
    """Return the column definitions of numbers in a function's result."""
    return ", ".join(f"{identifier(name)} double precision" for name in names)


def _texts(spec: TableSpec, alias: str) -> str:
    """Return a row (name, value as text) for each value column."""
    values = (c for c in spec.columns if c.role == "value")
    return ", ".join(f"({literal(c.name)}, {_text(c, alias)})" for c in values)


def _text(column: Column, alias: str) -> str:
    """Return the SQL that formats a value as DuckDB does, whatever the session's settings."""
    name = f"{alias}.{identifier(column.name)}"
    written = {
        "number": f"number_text({name})",
        "date": f"to_char({name}, 'YYYY-MM-DD')",
        "timestamp": f"rtrim(rtrim(to_char({name} AT TIME ZONE 'UTC', {_TIME_FORMAT}), '0'), '.') || '+00'",
    }
    return written.get(column.kind, f"{name}::text")


def _revision_pairs(spec: TableSpec) -> str:
    return (
        f"SELECT {literal(spec.name)}, t.symbol, t.fiscal_date, t.fiscal_period, v.column_name,\n"
        "       lag(v.value) OVER by_version, v.value, t.change_kind, t.recorded_at, t.fetch_id,\n"
        "       lag(t.version) OVER by_version IS NOT NULL\n"
        f"FROM {identifier(spec.name)} t\n"
        f"CROSS JOIN LATERAL (VALUES {_texts(spec, 't')}) AS v (column_name, value)\n"
        "WINDOW by_version AS (PARTITION BY t.symbol, coalesce(t.period_end, t.fiscal_date),\n"
        f"                      {period_months()}, t.source_provider, v.column_name ORDER BY t.version)"
    )
