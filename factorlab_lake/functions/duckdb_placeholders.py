"""The parts of the SQL that are column lists, made from the schema: no list is written twice."""

from __future__ import annotations

from functools import cache

from factorlab_lake.functions.fragments import fragments, statement_periods
from factorlab_lake.schema import STATEMENT_TABLES, TABLES, TableSpec, line_items, table
from factorlab_lake.schema.quality_rules import quality_score
from factorlab_lake.schema.quoting import identifier, literal

__all__ = ["placeholders"]


@cache
def placeholders() -> dict[str, str]:
    """Return every ``{{token}}`` of the SQL files with what stands for it."""
    return {
        **fragments(),
        "statement_periods": statement_periods(dict.fromkeys(STATEMENT_TABLES, "available_date")),
        "statement_union": "\nUNION ALL\n".join(_statement_select(t) for t in STATEMENT_TABLES),
        "revision_pairs": "\nUNION ALL\n".join(_revision_pairs(TABLES[t]) for t in STATEMENT_TABLES.values()),
        "bar_texts": _texts(table("price_data")),
        "bar_names": ", ".join(_value_names(table("price_data"))),
    }


def _statement_select(statement_type: str) -> str:
    spec = TABLES[STATEMENT_TABLES[statement_type]]
    items = ", ".join(f"{literal(c.name)}: {identifier(c.name)}" for c in line_items(statement_type))
    attributes = ", ".join(identifier(c.name) for c in spec.columns if not c.additive)
    # Merging into an empty object drops the items that are NULL.
    return (
        f"SELECT {literal(statement_type)} AS statement_type, {attributes},\n"
        f"       json_merge_patch('{{}}', to_json({{{items}}})) AS metrics,\n"
        f"       {quality_score(statement_type)} AS data_quality_score\nFROM {identifier(spec.name)}"
    )


def _value_names(spec: TableSpec) -> list[str]:
    return [identifier(n) for n in spec.names("value")]


def _texts(spec: TableSpec) -> str:
    return ", ".join(f"{n}::VARCHAR AS {n}" for n in _value_names(spec))


def _revision_pairs(spec: TableSpec) -> str:
    names = ", ".join(_value_names(spec))
    order = f"{spec.name}_order"  # DuckDB 1.5 wants another name in each branch of a union
    place = "symbol, fiscal_date, fiscal_period, version, change_kind, recorded_at, fetch_id"
    return (
        f"SELECT {literal(spec.name)} AS table_name, symbol, fiscal_date AS date, fiscal_period,\n"
        f"       column_name, lag(value) OVER {order} AS old, value AS new, change_kind AS kind,\n"
        "       recorded_at, fetch_id, version > 1 AS later\n"
        f"FROM (SELECT {place}, {_texts(spec)} FROM {identifier(spec.name)})\n"
        f"     UNPIVOT INCLUDE NULLS (value FOR column_name IN ({names}))\n"
        f"WINDOW {order} AS (PARTITION BY symbol, fiscal_date, fiscal_period, column_name ORDER BY version)"
    )
