"""The parts of the Postgres functions that are column lists, made from the schema and the formulas."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from factorlab_lake.factors.formulas import FACTORS, factor_inputs
from factorlab_lake.functions.sql_placeholders import shared_placeholders, statement_periods, ttm_columns
from factorlab_lake.schema import STATEMENT_TABLES, STATEMENT_TYPES, TABLES, Column, TableSpec, table
from factorlab_lake.sync.postgres.availability_sql import available
from factorlab_lake.sync.postgres.ddl import statement_columns
from factorlab_lake.sync.postgres.sql_quoting import identifier, literal

__all__ = ["placeholders"]

# How the planner is to run the large functions. It sees arrays of unknown length and steps of unknown size; a
# nested loop over them, good for ten rows, takes minutes for a thousand symbols; hashing is as quick for
# ten. Lookups by index that are written as such (LATERAL) stay loops. Compiling takes longer than it saves.
_PLANNED = """LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
SET work_mem = '64MB'"""
_MOMENT = "'YYYY-MM-DD HH24:MI:SS.US'"
_DATED = ("shares_outstanding", *STATEMENT_TABLES.values())


@cache
def placeholders() -> dict[str, str]:
    """Return every ``{{token}}`` of the SQL files with what stands for it."""
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
    """Declare numbers as columns of a function's rows."""
    return ", ".join(f"{identifier(name)} double precision" for name in names)


def _inputs(statement_type: str) -> list[str]:
    return [i.name for i in factor_inputs() if i.statement_type == statement_type]


def _texts(spec: TableSpec, alias: str) -> str:
    """Return a row (name, value as text) for each column that makes a row's content."""
    values = (c for c in spec.columns if c.role == "value")
    return ", ".join(f"({literal(c.name)}, {_text(c, alias)})" for c in values)


def _text(column: Column, alias: str) -> str:
    """Write a value as DuckDB does, whatever the session's settings."""
    name = f"{alias}.{identifier(column.name)}"
    written = {
        "number": f"number_text({name})",
        "date": f"to_char({name}, 'YYYY-MM-DD')",
        "timestamp": f"rtrim(rtrim(to_char({name} AT TIME ZONE 'UTC', {_MOMENT}), '0'), '.') || '+00'",
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
