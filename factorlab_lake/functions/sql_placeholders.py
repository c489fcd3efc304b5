"""Fill the placeholders of the SQL files: column lists, factor formulas, and the numbers of the rules."""

from __future__ import annotations

from functools import cache

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.question_texts import output_columns, period_months, question_text
from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.schema import (
    STATEMENT_TABLES,
    TABLES,
    TableSpec,
    identifier,
    line_items,
    literal,
    table,
)
from factorlab_lake.schema.columns import ACCESSION_PATTERN, STORED_AT
from factorlab_lake.schema.fundamentals_tables import cash_flow_names, flow_names
from factorlab_lake.schema.quality_rules import quality_score
from factorlab_lake.schema.quote_units import (
    is_quote_unit_unknown,
    major_currency,
    quote_currency,
    units_per_major,
)

__all__ = [
    "accession",
    "duckdb_accession",
    "duckdb_placeholders",
    "effective_basis",
    "effective_date",
    "shared_placeholders",
    "ttm_columns",
]


@cache
def shared_placeholders() -> dict[str, str]:
    """Return the placeholders that have the same value for every engine."""
    return {
        **rule_placeholders(),
        "major_currency": major_currency("currency"),
        "units_per_major": fill(units_per_major("currency"), rule_placeholders),
        "first_units_per_major": fill(units_per_major("first_currency"), rule_placeholders),
        "is_quote_unit_unknown": is_quote_unit_unknown("r.symbol"),
        "quote_currency": quote_currency("r.symbol", "f.currency"),
        "factors_with_dates": _with_date("factors"),
        "factor_inputs_with_dates": _with_date("factor_inputs"),
        "factor_columns": ", ".join(f"f.{identifier(name)}" for name in FACTORS),
        "stored_at": ", ".join(f"{name} AS {other}" for other, name in STORED_AT),
        "flow_names": ", ".join(map(identifier, ttm_columns())),
    }


@cache
def duckdb_placeholders() -> dict[str, str]:
    """Return the placeholders of DuckDB's files."""
    return {
        **shared_placeholders(),
        "statement_union": "\nUNION ALL\n".join(_statement_select(t) for t in STATEMENT_TABLES),
        "revision_pairs": "\nUNION ALL\n".join(_revision_pairs(TABLES[t]) for t in STATEMENT_TABLES.values()),
        "bar_texts": _texts(table("price_data")),
        "bar_names": ", ".join(_value_names(table("price_data"))),
    }


def ttm_columns() -> list[str]:
    """Return the flows in the order of ``ttm`` and ``quarters``, by the names they have there."""
    return [*flow_names("income"), *cash_flow_names().values()]


def _with_date(name: str) -> str:
    """Return a question over ``inputs`` or ``facts`` whose day of availability is a date."""
    columns = [
        f"{rule_placeholders()['EPOCH']} + inputs_available_day::INTEGER AS inputs_available_date"
        if column == "inputs_available_day"
        else identifier(column)
        for column in output_columns(name)
    ]
    return f"SELECT {', '.join(columns)}\nFROM ({question_text(name).strip()}) AS answer"


def effective_date(spec: TableSpec, lag: str | None) -> str:
    """Return the expression for the first day on which a row counts.

    ``lag`` is a number of calendar days after the filing; None stands for the stored date. The filing's date
    is New York's date of its acceptance, or ``filing_date`` where no acceptance is known. The first fetch
    with the content is a floor where ``first_seen_date`` has its day.
    """
    ruled, seen = _ruled_date(spec, lag), _first_seen(spec)
    return f"CASE WHEN {seen} > {ruled} THEN {seen} ELSE {ruled} END"


def effective_basis(spec: TableSpec, lag: str | None) -> str:
    """Return the expression for ``availability_basis`` of :func:`effective_date`."""
    return (
        f"CASE WHEN {_first_seen(spec)} > {_ruled_date(spec, lag)} THEN 'first_seen' "
        "ELSE availability_basis END"
    )


def _ruled_date(spec: TableSpec, lag: str | None) -> str:
    if lag is None:
        return "available_date"
    accepted = "accepted_date"
    if accepted not in spec.names():
        accepted = "(accepted_at AT TIME ZONE 'America/New_York')::DATE"
    # The lag counts from a filing. An estimated date has none, so it stays as stored.
    return (
        f"coalesce(CASE availability_basis WHEN 'accepted' THEN {accepted} + {lag} "
        f"WHEN 'filing_date' THEN filing_date + {lag} END, available_date)"
    )


def _first_seen(spec: TableSpec) -> str:
    """Return the expression for the day of the first fetch with a content that contradicts earlier ones.

    Rows of a lake that an older program wrote have no such day and no ``period_end``: the split basis of a
    statement is New York's day of its fetch.
    """
    if "period_end" not in spec.names():
        return "first_seen_date"
    old = "period_end IS NULL AND change_kind = 'vendor_revision'"
    return f"coalesce(first_seen_date, CASE WHEN {old} THEN split_basis_date END)"


def _statement_select(statement_type: str) -> str:
    spec = TABLES[STATEMENT_TABLES[statement_type]]
    items = ", ".join(f"{literal(c.name)}: {identifier(c.name)}" for c in line_items(statement_type))
    attributes = ", ".join(identifier(c.name) for c in spec.columns if not c.additive)
    # A merge into an empty object drops the items that are NULL.
    of_filing = duckdb_accession("final_link", "link", "extra")
    return (
        f"SELECT {literal(statement_type)} AS statement_type, {attributes},\n"
        f"       {of_filing} AS accession,\n"
        f"       json_merge_patch('{{}}', to_json({{{items}}})) AS metrics,\n"
        f"       {quality_score(statement_type)} AS data_quality_score\nFROM {identifier(spec.name)}"
    )


def accession(function: str, *texts: str) -> str:
    """Return the expression for SEC's number of a filing, with dashes, that the first of some texts has.

    ``function`` returns the first match of a pattern in a text. The expression is NULL without a match.
    """
    match = f"{function}(concat_ws(' ', {', '.join(texts)}), '{ACCESSION_PATTERN}')"
    parts = r"'^(.{10})-?(.{2})-?(.{6})$', '\1-\2-\3'"
    return f"nullif(regexp_replace({match}, {parts}), '')"


def duckdb_accession(*columns: str) -> str:
    """Return DuckDB's expression for SEC's number of a filing; the last column is ``extra``."""
    *links, extra = columns
    return accession("regexp_extract", *links, f"json_extract_string({extra}, '$.accession')")


def _value_names(spec: TableSpec) -> list[str]:
    return [identifier(n) for n in spec.names("value")]


def _texts(spec: TableSpec) -> str:
    return ", ".join(f"{n}::VARCHAR AS {n}" for n in _value_names(spec))


def _revision_pairs(spec: TableSpec) -> str:
    names = ", ".join(_value_names(spec))
    order = f"{spec.name}_order"  # DuckDB 1.5 requires another window name in each branch of a union
    place = "symbol, fiscal_date, fiscal_period, source_provider, version, change_kind, recorded_at, fetch_id"
    period = f"coalesce(period_end, fiscal_date) AS of_end, {period_months()} AS of_months"
    return (
        f"SELECT {literal(spec.name)} AS table_name, symbol, fiscal_date AS date, fiscal_period,\n"
        f"       column_name, lag(value) OVER {order} AS old, value AS new, change_kind AS kind,\n"
        f"       recorded_at, fetch_id, lag(version) OVER {order} IS NOT NULL AS later\n"
        f"FROM (SELECT {place}, {period}, {_texts(spec)} FROM {identifier(spec.name)})\n"
        f"     UNPIVOT INCLUDE NULLS (value FOR column_name IN ({names}))\n"
        f"WINDOW {order} AS (PARTITION BY symbol, of_end, of_months, source_provider, column_name\n"
        "                    ORDER BY version)"
    )
