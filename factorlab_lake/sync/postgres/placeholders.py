"""Fill the placeholders of the Postgres functions: column lists from the schema and the formulas.

A view has the lake's own availability rule, ``close``. A function takes the rule as its last argument,
``availability``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from factorlab_lake.factors.formulas import FACTORS, factor_inputs
from factorlab_lake.functions.sql_placeholders import (
    availability_with_lag,
    shared_placeholders,
    statement_periods,
    ttm_columns,
)
from factorlab_lake.schema import (
    STATEMENT_TABLES,
    STATEMENT_TYPES,
    TABLES,
    Column,
    TableSpec,
    identifier,
    identifiers,
    line_items,
    literal,
    table,
)
from factorlab_lake.schema.quality_rules import quality_score

__all__ = ["placeholders"]

# The planner estimates ten rows for an array of any length and chooses a nested loop, which takes minutes for
# a thousand symbols. A hash join is as fast for ten. LATERAL lookups by index remain loops. JIT compilation
# takes longer than it saves.
_PLANNED = """LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
SET work_mem = '64MB'"""
_STORED = "available_date"  # the column has the lake's own rule
# A scalar subquery, so that the argument is read once for each query and not for each row.
_LAG = "(SELECT availability_lag_days(availability))"
_TIME_FORMAT = "'YYYY-MM-DD HH24:MI:SS.US'"
_DATED = ("shares_outstanding", *STATEMENT_TABLES.values())


@cache
def placeholders(*, by_rule: bool) -> dict[str, str]:
    """Return the text for every ``{{token}}`` of the SQL files.

    ``by_rule`` is true for a function, which applies the rule of its argument ``availability``.
    """
    available = {name: _available(TABLES[name], by_rule=by_rule) for name in _DATED}
    return {
        **shared_placeholders(),
        "planned": _PLANNED,
        "passed_availability": ", availability" if by_rule else "",
        "statement_columns": ", ".join(map(identifier, _statement_columns())),
        "ttm_types": _numbers(ttm_columns()),
        "factor_types": _numbers(FACTORS),
        **{f"{kind}_types": _numbers(_inputs(kind)) for kind in STATEMENT_TYPES},
        **{f"available_{name}": text for name, text in available.items()},
        "statement_periods": statement_periods({t: available[n] for t, n in STATEMENT_TABLES.items()}),
        "statement_union": "\nUNION ALL\n".join(
            _statement_select(t, available[n]) for t, n in STATEMENT_TABLES.items()
        ),
        "bar_texts": _texts(table("price_data"), "b"),
        "revision_pairs": "\nUNION ALL\n".join(_revision_pairs(TABLES[t]) for t in STATEMENT_TABLES.values()),
    }


def _available(spec: TableSpec, *, by_rule: bool) -> str:
    """Return the SQL of the first day on which a row could be used: as stored, or by the argument's rule."""
    if not by_rule:
        return _STORED
    return f"CASE WHEN {_LAG} IS NULL THEN {_STORED} ELSE {availability_with_lag(spec, _LAG)} END"


def _statement_columns() -> list[str]:
    """Return the columns of ``financial_statements`` in order."""
    attributes = [c.name for c in TABLES[STATEMENT_TABLES["income"]].columns if not c.additive]
    return ["statement_type", *attributes, "metrics", "data_quality_score", "created_at", "updated_at"]


def _statement_select(kind: str, available: str) -> str:
    """Return the rows of one statement type for ``financial_statements``."""
    spec = TABLES[STATEMENT_TABLES[kind]]
    items = identifiers((c.name for c in line_items(kind)), "t.")
    attributes = ", ".join(
        f"{available} AS {_STORED}" if c.name == _STORED else f"t.{identifier(c.name)}"
        for c in spec.columns
        if not c.additive
    )
    return (
        f'SELECT {literal(kind)}::text COLLATE "C" AS statement_type, {attributes},\n'
        f"       (SELECT jsonb_strip_nulls(to_jsonb(i)) FROM (SELECT {items}) AS i) AS metrics,\n"
        f"       {quality_score(kind)} AS data_quality_score\n"
        f"FROM {identifier(spec.name)} AS t"
    )


def _numbers(names: Iterable[str]) -> str:
    """Return the column definitions of numbers in a function's result."""
    return ", ".join(f"{identifier(name)} double precision" for name in names)


def _inputs(statement_type: str) -> list[str]:
    return [i.name for i in factor_inputs() if i.statement_type == statement_type]


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
        "WINDOW by_version AS (PARTITION BY t.symbol, t.fiscal_date, t.fiscal_period, t.source_provider,\n"
        "                      v.column_name ORDER BY t.version)"
    )
