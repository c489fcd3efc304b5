"""Generate the parts of the computation's SQL that follow from the columns and the formulas."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from factorlab_lake.factors.sql import figure, signed_sum
from factorlab_lake.functions.rule_placeholders import rule_placeholders
from factorlab_lake.schema import (
    PERIOD_DAYS,
    PERIOD_MONTHS,
    STATEMENT_TABLES,
    Column,
    identifier,
    identifiers,
    line_items,
    literal,
    table,
)
from factorlab_lake.schema.columns import STAND_INS
from factorlab_lake.schema.fundamentals_tables import (
    REPORTED_ONLY,
    YEAR_BEFORE_ITEMS,
    cash_flow_names,
    flow_names,
)
from factorlab_lake.schema.quote_units import compares_with_quotes, quotes_in_minor_units
from factorlab_lake.schema.rules import (
    MAX_QUARTER_DISTANCE_DAYS,
    MIN_QUARTER_DISTANCE_DAYS,
    SAME_FILING_DAYS,
    SAME_PERIOD_DAYS,
    YEAR_DAYS,
)

__all__ = ["build_placeholders"]

_SHARES = "weighted_average_shares_outstanding"
_ATTRIBUTES = (
    "symbol",
    "source_provider",
    "fiscal_date",
    "fiscal_period",
    "version",
    "change_kind",
    "available_date",
    "accepted_date",
    "reported_currency",
    "period_start",
    "cik",
)
_MORE = {"income": ("split_basis_date", "eps", _SHARES), "balance_sheet": (), "cash_flow": ()}
# The figure of each flow statement that tells whether two halves are a year.
_COMPARED = {"income": "coalesce(nullif(revenue, 0), net_income)", "cash_flow": "operating_cash_flow"}
_NUMBERED = 4  # statement_id = place x 4 + number of the statement type


@cache
def build_placeholders() -> dict[str, str]:
    """Return the placeholders of the SQL files of this part with their values."""
    return {
        **rule_placeholders(),
        "quotes_in_minor_units": quotes_in_minor_units("r.symbol"),
        "compares_with_quotes": compares_with_quotes("r.symbol", "r.reported_currency"),
        "stand_ins": ", ".join(map(literal, STAND_INS)),
        "company_id": "CASE WHEN k.symbol IS NULL THEN s.symbol ELSE k.company_id END AS company_id",
        "companies_of_counts": _companies("s"),
        "statement_rows": "\n".join(map(_statement_rows, STATEMENT_TABLES)),
        "statement_providers": "\nUNION ALL\n".join(map(_providers, STATEMENT_TABLES)),
        "corrections_by_provider": "\n".join(map(_corrections_by_provider, STATEMENT_TABLES)),
        "statement_lengths": "\nUNION ALL\n".join(map(_statement_lengths, STATEMENT_TABLES)),
        "flow_claims": "\nUNION ALL\n".join(_flow_claims(*each) for each in _COMPARED.items()),
        "period_days": _period_days(),
        "half_days": "{} AND {}".format(*PERIOD_DAYS[6]),
        "statement_versions": "\nUNION ALL\n".join(map(_statement_versions, STATEMENT_TABLES)),
        "completed_rows": "\n".join(map(_completed_rows, STATEMENT_TABLES)),
        "income_sums": _list(_sum(c) for c in _flows("income")),
        "cash_flow_sums": _list(_sum(c) for c in _flows("cash_flow")),
        "income_figures": _list([*map(_sum, _flows("income")), _shares()]),
        "cash_flow_figures": _list([*map(_sum, _flows("cash_flow")), *map(_reported_sum, REPORTED_ONLY)]),
        "balance_sheet_figures": _list(map(_balance, _balances())),
        "ttm_flows": _list(_flow_columns()),
        "fundamentals": _list(_fundamentals()),
    }


def _companies(alias: str) -> str:
    """Return the joins that find the company of symbol ``s`` on the day from which a row is valid."""
    day = f"{alias}.valid_from"
    return f"LEFT JOIN companies k ON k.symbol = s.symbol AND {day} >= k.valid_from AND {day} < k.valid_to"


def _list(parts: Iterable[str]) -> str:
    return ",\n       ".join(parts)


def _flows(statement_type: str) -> list[Column]:
    return [c for c in line_items(statement_type) if c.additive == "flow"]


def _balances() -> list[Column]:
    return [c for c in line_items("balance_sheet") if c.additive == "stock"]


def _statement_rows(statement_type: str) -> str:
    items = [c.name for c in line_items(statement_type) if c.additive in ("flow", "stock")]
    names = identifiers([*_ATTRIBUTES, *_MORE[statement_type], *items])
    number = list(STATEMENT_TABLES).index(statement_type)
    source = table(STATEMENT_TABLES[statement_type]).name
    return (
        f"CREATE OR REPLACE TEMP TABLE {statement_type}_rows AS\n"
        f"SELECT (row_number() OVER () * {_NUMBERED} + {number})::INTEGER AS statement_id, {names}\n"
        f"FROM {source} WHERE symbol IN ({{{{symbols}}}});\n"
    )


def _providers(statement_type: str) -> str:
    condition = "change_kind IS DISTINCT FROM 'correction'"
    return f"    SELECT symbol, source_provider FROM {statement_type}_rows WHERE {condition}"  # noqa: S608


def _corrections_by_provider(statement_type: str) -> str:
    """Return the SQL that gives a user's correction to each provider of its filing, else to the nearest.

    A provider that has only earlier filings of the period lacks this one. Its first filing must not change
    before the corrected amendment was public. One that has only later filings has none that must not change.
    """
    rows, number = f"{statement_type}_rows", list(STATEMENT_TABLES).index(statement_type)
    last = f"(SELECT max(statement_id) // {_NUMBERED} FROM {rows})"  # noqa: S608
    new_id = f"((row_number() OVER () + {last}) * {_NUMBERED} + {number})::INTEGER AS statement_id"
    of_several = "symbol IN (SELECT symbol FROM symbol_providers WHERE is_of_several)"
    periods = f"(SELECT *, {_months()} AS months, coalesce(accepted_date, available_date) AS filed FROM"
    return f"""
CREATE OR REPLACE TEMP TABLE corrections AS FROM {rows} WHERE change_kind = 'correction' AND {of_several};
DELETE FROM {rows} WHERE statement_id IN (SELECT statement_id FROM corrections);
INSERT INTO {rows}
WITH of_providers AS (
    SELECT c.statement_id, coalesce(r.source_provider, p.source_provider) AS source_provider,
           coalesce(min(abs(r.filed - c.filed)), 0) AS distance,
           coalesce(min(r.filed) > c.filed, false) AS is_later
    FROM {periods} corrections) c JOIN symbol_providers p ON p.symbol = c.symbol AND p.place = 1
    LEFT JOIN {periods} {rows}) r
      ON r.symbol = c.symbol AND r.months IS NOT DISTINCT FROM c.months
     AND abs(r.fiscal_date - c.fiscal_date) <= {SAME_PERIOD_DAYS}
    GROUP BY c.statement_id, c.filed, coalesce(r.source_provider, p.source_provider)
),
of_filing AS (
    FROM of_providers
    QUALIFY is_later
         OR distance <= greatest(min(distance) OVER (PARTITION BY statement_id), {SAME_FILING_DAYS})
)
SELECT c.* REPLACE ({new_id}, o.source_provider AS source_provider)
FROM corrections c JOIN of_filing o ON o.statement_id = c.statement_id;"""  # noqa: S608 - names from the schema


def _statement_lengths(statement_type: str) -> str:
    has_start = "period_start IS NOT NULL AS has_start"
    return f"SELECT statement_id, {_months()} AS months, {has_start} FROM {statement_type}_rows"  # noqa: S608


def _flow_claims(statement_type: str, amount: str) -> str:
    return (
        f"SELECT statement_id, {literal(statement_type)} AS statement_type, symbol, chain_id, fiscal_date,\n"
        f"       fiscal_period, available_date, {amount} AS amount\n"
        f"FROM {statement_type}_rows JOIN statement_companies USING (statement_id)"
    )


def _statement_versions(statement_type: str) -> str:
    return (
        f"SELECT statement_id, {literal(statement_type)} AS statement_type, {identifiers(_ATTRIBUTES)},\n"
        f"       chain_id, months\nFROM {statement_type}_rows JOIN statement_lengths USING (statement_id)\n"
        "JOIN statement_companies USING (statement_id)"
    )


def _completed_rows(statement_type: str) -> str:
    """Return the statements that fill the missing items of completions, remaps and corrections."""
    items = [c for c in line_items(statement_type) if c.additive in ("flow", "stock")]
    names = [identifier(c.name) for c in items]
    figures = [f"nullif({n}, 0)" if c.zero_is_missing else n for c, n in zip(items, names, strict=True)]
    filled = ", ".join(
        f"last_value({figure} IGNORE NULLS) OVER by_place AS {name}"
        for figure, name in zip(figures, names, strict=True)
    )
    rows = f"{statement_type}_rows"
    return (
        f"UPDATE {rows} SET {', '.join(f'{n} = coalesce({rows}.{n}, f.{n})' for n in names)}\n"  # noqa: S608
        f"FROM (SELECT statement_id, {filled}\n"
        f"      FROM {rows} JOIN completed USING (statement_id)\n"
        "      WINDOW by_place AS (PARTITION BY completed_id ORDER BY version_place)) f\n"
        f"WHERE f.statement_id = {rows}.statement_id;"
    )


def _months() -> str:
    """Return the length of a period: from its first day where a provider gives one, else from its label."""
    days = "(fiscal_date - period_start + 1)"
    by_days = " ".join(
        f"WHEN {days} BETWEEN {first} AND {last} THEN {months}"
        for months, (first, last) in PERIOD_DAYS.items()
    )
    by_label = " ".join(f"WHEN {literal(p)} THEN {m}" for p, m in PERIOD_MONTHS.items())
    other = f"round({days} * 12 / {YEAR_DAYS})::INTEGER"
    return f"CASE WHEN period_start IS NULL THEN CASE fiscal_period {by_label} END {by_days} ELSE {other} END"


def _period_days() -> str:
    """Return a table of the days between the ends of two periods whose lengths differ by some months."""
    days = PERIOD_DAYS | {3: (MIN_QUARTER_DISTANCE_DAYS, MAX_QUARTER_DISTANCE_DAYS)}
    rows = ", ".join(f"({months}, {first}, {last})" for months, (first, last) in days.items())
    return f"(SELECT * FROM (VALUES {rows}) AS d(months, first_days, last_days))"  # noqa: S608 - numbers


def _sum(column: Column) -> str:
    return f"{signed_sum(figure(column))} AS {identifier(column.name)}"


def _reported_sum(name: str) -> str:
    [column] = [c for c in _flows("cash_flow") if c.name == name]
    return f"{signed_sum(f'coalesce({figure(column)}, 0)')} AS {identifier(f'{name}_reported')}"


def _shares() -> str:
    [column] = [c for c in line_items("income") if c.name == _SHARES]
    value = f"{figure(column)} * CASE WHEN l.symbol IS NULL THEN 1 ELSE l.cumulative_split_factor END"
    return f"max(CASE WHEN p.is_end AND p.is_reported THEN {value} END) AS shares"


def _balance(column: Column) -> str:
    return f"max({figure(column)}) AS {identifier(column.name)}"  # there is one statement


def _flow_columns() -> list[str]:
    return [
        *(f"i.{identifier(n)}" for n in flow_names("income")),
        *(f"c.{identifier(n)} AS {identifier(out)}" for n, out in cash_flow_names().items()),
    ]


def _fundamentals() -> list[str]:
    names = cash_flow_names()
    balances = {c.name for c in _balances()}
    return [
        *_flow_columns(),
        *(f"c.{identifier(f'{n}_reported')} AS {identifier(f'{names[n]}_reported')}" for n in REPORTED_ONLY),
        *(f"b.{identifier(c.name)}" for c in _balances()),
        *(
            f"{'bb' if n in balances else 'ib'}.{identifier(n)} AS {identifier(f'{n}_year_before')}"
            for n in YEAR_BEFORE_ITEMS
        ),
        "i.shares",
        "CASE WHEN p.is_same_length THEN ib.shares END AS shares_year_before",
    ]
