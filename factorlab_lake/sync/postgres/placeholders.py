"""Fill the placeholders of the Postgres functions: column lists from the schema and the formulas."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from factorlab_lake.factors.formulas import FACTORS, factor_inputs
from factorlab_lake.functions.sql_placeholders import shared_placeholders, statement_periods, ttm_columns
from factorlab_lake.schema import (
    STATEMENT_TABLES,
    STATEMENT_TYPES,
    TABLES,
    Column,
    TableSpec,
    identifier,
    literal,
    table,
)
from factorlab_lake.sync.postgres.ddl import available, statement_columns

__all__ = ["placeholders"]

# The planner estimates ten rows for an array of any length and chooses a nested loop, which takes minutes for
# a thousand symbols. A hash join is as fast for ten. LATERAL lookups by index remain loops. JIT compilation
# takes longer than it saves.
_PLANNED = """LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
SET work_mem = '64MB'"""
_TIME_FORMAT = "'YYYY-MM-DD HH24:MI:SS.US'"
_DATED = ("shares_outstanding", *STATEMENT_TABLES.values())


@cache
def placeholders() -> dict[str, str]:
    """Return the text for every ``{{token}}`` of the SQL files."""
    return {
        **shared_placeholders(),
        "planned": _PLANNED,
        "statement_columns": ", ".join(map(identifier, statement_columns())),
        "ttm_types": _numbers(ttm_columns()),
        "factor_types": _numbers(FACTORS),
        **{f"{kind}_types": _numbers(_inputs(kind)) for kind in STATEMENT_TYPES},
        **{f"available_{name}": available(TABLES[name]) for name in _DATED},
        "statement_periods": statement_periods(
            {t: available(TABLES[n]) for t, n in STATEMENT_TABLES.items()}
        ),
        "bar_texts": _texts(table("price_data"), "b"),
        "revision_pairs": "\nUNION ALL\n".join(_revision_pairs(TABLES[t]) for t in STATEMENT_TABLES.values()),
    }


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
        "       t.version > 1\n"
        f"FROM {identifier(spec.name)} t\n"
        f"CROSS JOIN LATERAL (VALUES {_texts(spec, 't')}) AS v (column_name, value)\n"
        "WINDOW by_version AS (PARTITION BY t.symbol, t.fiscal_date, t.fiscal_period, v.column_name\n"
        "                      ORDER BY t.version)"
    )
