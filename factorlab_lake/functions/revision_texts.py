"""Generate the query of ``revisions`` for the engines whose UNPIVOT leaves NULLs out: Snowflake and Spark.

Each row of several versions of one period or bar is repeated for each of its columns, with the column's value
as a text; an engine passes how it writes a value.
"""

from __future__ import annotations

from collections.abc import Callable

from factorlab_lake.functions.question_texts import period_months
from factorlab_lake.functions.rule_placeholders import rule_placeholders
from factorlab_lake.schema import STATEMENT_TABLES, TABLES, Column, TableSpec, identifier, literal, table

__all__ = ["revisions_query"]

_COLUMNS = "table_name, symbol, date, fiscal_period, column_name, old, new, kind, recorded_at, fetch_id"


def revisions_query(text: Callable[[Column], str]) -> str:
    """Return the query; ``text`` returns the SQL of a column's value as text, from a relation ``t``."""
    parts = [_of_bars(text), *(_of_statements(TABLES[name], text) for name in STATEMENT_TABLES.values())]
    pairs = "\nUNION ALL\n".join(parts)
    changed = "COALESCE(old <> new, old IS NOT NULL OR new IS NOT NULL)"
    return f"SELECT {_COLUMNS}\nFROM (\n{pairs}\n) AS pairs\nWHERE version_before IS NOT NULL AND {changed}"


def _of_bars(text: Callable[[Column], str]) -> str:
    spec = table("price_data")
    names = ", ".join(f"b.{identifier(c.name)}" for c in _values(spec))
    shared = f"b.symbol, b.date, b.fetch_id, b.recorded_at, {names}"
    bars = (
        f"SELECT b.revision AS version, b.change_kind, {shared} FROM price_revisions AS b\nUNION ALL\n"
        f"SELECT {rule_placeholders()['CURRENT_REVISION']}, CAST(NULL AS STRING), {shared}\n"
        "FROM price_data AS b JOIN (SELECT DISTINCT symbol, date FROM price_revisions) AS r\n"
        "ON r.symbol = b.symbol AND r.date = b.date"
    )
    window = "PARTITION BY symbol, date, column_name ORDER BY version"
    return (
        "SELECT 'price_data' AS table_name, symbol, date, CAST(NULL AS STRING) AS fiscal_period,\n"
        f"       column_name, LAG(value) OVER ({window}) AS old, value AS new,\n"
        f"       LAG(change_kind) OVER ({window}) AS kind, recorded_at, fetch_id,\n"
        f"       LAG(version) OVER ({window}) AS version_before\n"
        f"FROM ({_by_column(bars, spec, text)}) AS by_column"
    )


def _of_statements(spec: TableSpec, text: Callable[[Column], str]) -> str:
    period = "symbol, COALESCE(period_end, fiscal_date), period_months, source_provider"
    measured = f"SELECT a.*, {period_months()} AS period_months FROM {identifier(spec.name)} AS a"
    counted = f"SELECT s.*, COUNT(*) OVER (PARTITION BY {period}) AS versions\nFROM ({measured}) AS s"
    rows = f"SELECT * FROM ({counted}) AS counted\nWHERE versions > 1"
    window = f"PARTITION BY {period}, column_name ORDER BY version"
    return (
        f"SELECT {literal(spec.name)}, symbol, fiscal_date, fiscal_period, column_name,\n"
        f"       LAG(value) OVER ({window}), value, change_kind, recorded_at, fetch_id,\n"
        f"       LAG(version) OVER ({window})\n"
        f"FROM ({_by_column(rows, spec, text)}) AS by_column"
    )


def _by_column(rows: str, spec: TableSpec, text: Callable[[Column], str]) -> str:
    """Return the query of rows, each one repeated for each column with its value."""
    values = _values(spec)
    names = "\nUNION ALL ".join(f"SELECT {literal(c.name)} AS column_name" for c in values)
    cases = "\n       ".join(f"WHEN {literal(c.name)} THEN {text(c)}" for c in values)
    return (
        f"SELECT t.*, v.column_name, CASE v.column_name {cases} END AS value\n"
        f"FROM ({rows}) AS t CROSS JOIN ({names}) AS v"
    )


def _values(spec: TableSpec) -> list[Column]:
    return [column for column in spec.columns if column.role == "value"]
