"""Fill the one SQL text of each question; every engine runs the same one over the rows that it looks up.

The texts use a subset of SQL that DuckDB, PostgreSQL, Snowflake, Spark and polars read alike: no date
arithmetic, no casts, no lists, no aliases of the same SELECT. Days are integers (since 1970-01-01), and
numbers are doubles. ``market_caps``, ``ttm`` and ``factor_inputs`` read a relation ``facts``; ``factors``
reads a relation ``inputs``, and ``statements_as_of`` the versions in a relation ``statements``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from factorlab_lake.factors.formulas import FACTORS, Factor
from factorlab_lake.factors.sql import factor_parts
from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.schema import PERIOD_MONTHS, STATEMENT_TABLES, identifier, line_items, literal, table
from factorlab_lake.schema.columns import FILE_PROVIDER, STAND_INS, STORED_AT
from factorlab_lake.schema.fundamentals_tables import (
    REPORTED_ONLY,
    YEAR_BEFORE_ITEMS,
    cash_flow_names,
    flow_names,
)

__all__ = [
    "INPUTS",
    "QUESTIONS",
    "factors_text",
    "facts_text",
    "input_columns",
    "inputs_of",
    "inputs_text",
    "output_columns",
    "period_months",
    "question_steps",
    "question_text",
]

QUESTIONS = (
    "market_caps",
    "ttm",
    "factor_inputs",
    "inputs_of_factors",
    "factors",
    "ratios",
    "statements_as_of",
)


_INPUTS_START = (
    "symbol",
    "date",
    "market_cap",
    "company_market_cap",
    "currency",
    "income_currency",
    "income_year_before_currency",
    "balance_sheet_currency",
    "balance_sheet_year_before_currency",
    "fiscal_date",
    "age_days",
    "company_id",
    "statement_provider",
    "market_cap_reason",
    "company_market_cap_reason",
    "income_reason",
    "cash_flow_reason",
    "balance_sheet_reason",
    "income_year_before_reason",
    "balance_sheet_year_before_reason",
    "inputs_available_day",
)
_FACTORS_END = (
    "fiscal_date",
    "inputs_available_day",
    "age_days",
    "company_id",
    "statement_provider",
    "reasons",
    "reason",
)


def _inputs() -> dict[str, tuple[str, str]]:
    """Return each input of factors with its column in fundamentals_history and the reason against it."""
    names = cash_flow_names()
    reported = {names[n] for n in REPORTED_ONLY}
    balances = [c.name for c in line_items("balance_sheet") if c.additive == "stock"]
    return {
        **{n: (n, "income_reason") for n in flow_names("income")},
        **{n: (f"{n}_reported" if n in reported else n, "cash_flow_reason") for n in names.values()},
        **{n: (n, "balance_sheet_reason") for n in balances},
        "shares": ("shares", "income_reason"),
        **{
            f"{n}_year_before": (
                f"{n}_year_before",
                f"{'balance_sheet' if n in balances else 'income'}_year_before_reason",
            )
            for n in (*YEAR_BEFORE_ITEMS, "shares")
        },
    }


INPUTS = _inputs()


def output_columns(name: str) -> list[str]:
    """Return the columns of ``factor_inputs`` or ``factors``, in order."""
    if name == "factor_inputs":
        return [*_INPUTS_START, *INPUTS]
    return ["symbol", "date", "market_cap", *FACTORS, *_FACTORS_END]


def input_columns(names: Iterable[str]) -> list[str]:
    """Return the columns of fundamentals_history that some inputs read."""
    return list(dict.fromkeys(INPUTS[n][0] for n in names))


@cache
def question_text(name: str) -> str:
    """Return the SQL of a question over all columns.

    ``inputs_of_factors`` is ``factor_inputs`` with the inputs alone that the factors of ``factors.csv`` read:
    a shorter text, which is planned faster.
    """
    if name == "inputs_of_factors":
        return inputs_text(inputs_of(tuple(FACTORS.values())))
    if name == "factor_inputs":
        return inputs_text(tuple(INPUTS))
    if name == "factors":
        return factors_text(tuple(FACTORS.values()))
    columns = {
        "ttm_columns": _ttm_columns(),
        "statement_columns": _statement_columns(),
        "period_months": period_months(),
        "stand_ins": ", ".join(map(literal, STAND_INS)),
        "file_provider": literal(FILE_PROVIDER),
        "factors_of_newest": _factors_of_newest(),
    }
    return fill(_text(name), lambda: {**rule_placeholders(), **columns})


@cache
def facts_text(name: str) -> str:
    """Return the SQL with which the read index makes the facts of a question from looked-up rows."""
    return fill(_text(f"shell/index/{name}"), rule_placeholders)


@cache
def question_steps(name: str) -> str:
    """Return a question's SQL from its first CTE on, for a query that has other CTEs before it.

    DuckDB plans ``WITH facts AS (…), steps`` a tenth faster than ``SELECT * FROM (WITH steps)``.
    """
    return question_text(name).partition("\nWITH ")[2].strip()


@cache
def inputs_text(names: tuple[str, ...]) -> str:
    """Return the SQL of ``factor_inputs`` with some of the inputs alone."""
    parts = {
        # Each with its comma: a factor of the market cap alone has no further input.
        "input_columns": "".join(f", {identifier(name)}" for name in input_columns(names)),
        "usable_inputs": "".join(f",\n       {_usable(name)}" for name in names),
    }
    return fill(_text("factor_inputs"), lambda: {**rule_placeholders(), **parts})


@cache
def factors_text(factors: tuple[Factor, ...]) -> str:
    """Return the SQL of ``factors`` for some factors."""
    return fill(_text("factors"), lambda: {**rule_placeholders(), **factor_parts(factors)})


def factors_of_inputs(factors: tuple[Factor, ...], inputs: str) -> str:
    """Return the query of some factors over a query of ``factor_inputs``, for DuckDB and PostgreSQL."""
    names = ["symbol", "date", "market_cap", *(f.name for f in factors), *_FACTORS_END]
    columns = [
        "DATE '1970-01-01' + inputs_available_day::INTEGER AS inputs_available_date"
        if name == "inputs_available_day"
        else identifier(name)
        for name in names
    ]
    return (
        f"WITH known_inputs AS ({inputs}), inputs AS (SELECT *, "
        "(inputs_available_date - DATE '1970-01-01')::INTEGER AS inputs_available_day FROM known_inputs) "
        f"SELECT {', '.join(columns)} FROM ({factors_text(factors).strip()}) AS answer"
    )


def inputs_of(factors: Sequence[Factor]) -> tuple[str, ...]:
    """Return the names of the inputs that some factors read, in the order of :data:`INPUTS`."""
    needed = {i.name for f in factors for i in f.inputs}
    return tuple(n for n in INPUTS if n in needed)


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _statement_columns() -> str:
    """Return the columns of ``financial_statements`` in order."""
    attributes = [c.name for c in table(STATEMENT_TABLES["income"]).columns if not c.additive]
    names = ["statement_type", *attributes, "accession", "metrics", "data_quality_score", *dict(STORED_AT)]
    return ", ".join(map(identifier, names))


def period_months() -> str:
    """Return the SQL of a period's length by its label."""
    cases = " ".join(f"WHEN {literal(label)} THEN {months}" for label, months in PERIOD_MONTHS.items())
    return f"CASE fiscal_period {cases} END"


def _ttm_columns() -> str:
    income = [
        f"CASE WHEN reason IS NULL THEN {identifier(n)} END AS {identifier(n)}" for n in flow_names("income")
    ]
    cash_flow = [
        f"CASE WHEN reason IS NULL AND has_cash_flow = 1 THEN {identifier(n)} END AS {identifier(n)}"
        for n in cash_flow_names().values()
    ]
    return ",\n       ".join([*income, *cash_flow])


def _factors_of_newest() -> str:
    names = map(identifier, FACTORS)
    return ",\n       ".join(f"CASE WHEN is_newest = 1 THEN {n} END AS {n}" for n in names)


def _usable(name: str) -> str:
    column, reason = INPUTS[name]
    conditions = [f"{reason} IS NULL"]
    if reason == "cash_flow_reason":
        conditions.append("income_reason IS NULL")
    elif reason.endswith("year_before_reason"):
        conditions.append(f"{reason.replace('_year_before', '')} IS NULL")
    return f"CASE WHEN {' AND '.join(conditions)} THEN {identifier(column)} END AS {identifier(name)}"
