"""Fill the placeholders of the SQL files: column lists, factor formulas, and the numbers of the rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

from factorlab_lake.factors.sql import MATCHES_COMPONENT, factor_placeholders, figure, signed_sum
from factorlab_lake.schema import (
    PERIOD_MONTHS,
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
from factorlab_lake.schema.rules import RuleValue, rule_values

__all__ = [
    "availability_with_lag",
    "duckdb_placeholders",
    "fill",
    "flow_columns",
    "rule_placeholders",
    "shared_placeholders",
    "statement_periods",
    "ttm_columns",
]


def fill(text: str, values: Callable[[], dict[str, str]]) -> str:
    """Return a file's text with every ``{{name}}`` replaced by its value.

    ``values`` is called only for a text with a placeholder, because most files have none.

    >>> fill("date < {{END}}", lambda: {"END": "DATE '9999-12-31'"})
    "date < DATE '9999-12-31'"
    """
    if "{{" not in text:
        return text
    for name, value in values().items():
        text = text.replace("{{" + name + "}}", value)
    return text


@cache
def rule_placeholders() -> dict[str, str]:
    """Return each constant of :mod:`factorlab_lake.schema.rules` as a SQL literal, by its name."""
    return {name: _rule_literal(value) for name, value in rule_values().items()}


def _rule_literal(value: RuleValue) -> str:
    """Return a constant in SQL; the exponent makes a number a double, not a decimal.

    >>> _rule_literal(200), _rule_literal(1.5), _rule_literal(date(9999, 12, 31))
    ('200', '1.5e0', "DATE '9999-12-31'")
    """
    if isinstance(value, float):
        return repr(value) if "e" in repr(value) else f"{value!r}e0"
    return f"DATE '{value}'" if isinstance(value, date) else str(value)


def shared_placeholders() -> dict[str, str]:
    """Return the placeholders that have the same text in every engine's files."""
    return {
        **rule_placeholders(),
        **factor_placeholders(),
        "matches_component": MATCHES_COMPONENT,
        "income_sums": _sums("income"),
        "cash_flow_sums": _sums("cash_flow"),
        "ttm_flows": ",\n       ".join(
            [f"i.{identifier(n)}" for n in flow_columns("income")]
            + [f"c.{identifier(n)} AS {identifier(out)}" for n, out in _cash_flow_names().items()]
        ),
    }


@cache
def duckdb_placeholders() -> dict[str, str]:
    """Return the placeholders of DuckDB's files."""
    return {
        **shared_placeholders(),
        "statement_periods": statement_periods(dict.fromkeys(STATEMENT_TABLES, "available_date")),
        "statement_union": "\nUNION ALL\n".join(_statement_select(t) for t in STATEMENT_TABLES),
        "revision_pairs": "\nUNION ALL\n".join(_revision_pairs(TABLES[t]) for t in STATEMENT_TABLES.values()),
        "bar_texts": _texts(table("price_data")),
        "bar_names": ", ".join(_value_names(table("price_data"))),
    }


def flow_columns(statement_type: str) -> list[str]:
    """Return the additive line items of a statement type: only these may be summed over quarters."""
    return [c.name for c in _flows(statement_type)]


def ttm_columns() -> list[str]:
    """Return the flows in the order of ``ttm`` and ``quarters``, by the names they have there."""
    return [*flow_columns("income"), *_cash_flow_names().values()]


def statement_periods(available: dict[str, str]) -> str:
    """Return a query for all versions of statements, without their figures.

    ``available`` gives, by statement type, the expression for the day on which a version could be used.
    """
    return "\nUNION ALL\n".join(_period_select(t, available[t]) for t in STATEMENT_TABLES)


def availability_with_lag(spec: TableSpec, lag: str) -> str:
    """Return the expression for a filing's ``available_date``: ``lag`` calendar days after the filing.

    The filing's date is New York's date of its acceptance, or ``filing_date`` where no acceptance is known.
    """
    accepted = "accepted_date"
    if accepted not in spec.names():
        accepted = "(accepted_at AT TIME ZONE 'America/New_York')::DATE"
    # The lag counts from a filing. An estimated date has none, so it stays as stored.
    return (
        f"coalesce(CASE availability_basis WHEN 'accepted' THEN {accepted} + {lag} "
        f"WHEN 'filing_date' THEN filing_date + {lag} END, available_date)"
    )


def _flows(statement_type: str) -> list[Column]:
    return [c for c in line_items(statement_type) if c.additive == "flow"]


def _cash_flow_names() -> dict[str, str]:
    """Return the names in ``ttm`` of cash flow items; one that the income statement has too gets a suffix."""
    taken = set(flow_columns("income"))
    return {n: f"{n}_cash_flow" if n in taken else n for n in flow_columns("cash_flow")}


def _sums(statement_type: str) -> str:
    """Return the sum of each flow over the components ``p``."""
    return ",\n       ".join(
        f"{signed_sum(figure(c))} AS {identifier(c.name)}" for c in _flows(statement_type)
    )


def _period_select(statement_type: str, available: str) -> str:
    months = " ".join(f"WHEN {literal(p)} THEN {m}" for p, m in PERIOD_MONTHS.items())
    return (
        f"SELECT {literal(statement_type)} AS statement_type, symbol, fiscal_date, fiscal_period, version,\n"
        f"       {available} AS available_date, reported_currency,\n"
        f"       CASE fiscal_period {months} END AS months\n"
        f"FROM {identifier(STATEMENT_TABLES[statement_type])}"
    )


def _statement_select(statement_type: str) -> str:
    spec = TABLES[STATEMENT_TABLES[statement_type]]
    items = ", ".join(f"{literal(c.name)}: {identifier(c.name)}" for c in line_items(statement_type))
    attributes = ", ".join(identifier(c.name) for c in spec.columns if not c.additive)
    # A merge into an empty object drops the items that are NULL.
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
    order = f"{spec.name}_order"  # DuckDB 1.5 requires another window name in each branch of a union
    place = "symbol, fiscal_date, fiscal_period, source_provider, version, change_kind, recorded_at, fetch_id"
    return (
        f"SELECT {literal(spec.name)} AS table_name, symbol, fiscal_date AS date, fiscal_period,\n"
        f"       column_name, lag(value) OVER {order} AS old, value AS new, change_kind AS kind,\n"
        f"       recorded_at, fetch_id, lag(version) OVER {order} IS NOT NULL AS later\n"
        f"FROM (SELECT {place}, {_texts(spec)} FROM {identifier(spec.name)})\n"
        f"     UNPIVOT INCLUDE NULLS (value FOR column_name IN ({names}))\n"
        f"WINDOW {order} AS (PARTITION BY symbol, fiscal_date, fiscal_period, source_provider, column_name\n"
        "                    ORDER BY version)"
    )
