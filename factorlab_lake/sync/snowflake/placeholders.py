"""Fill the placeholders of the Snowflake functions: the shared questions, the look-ups, and the arguments.

Each function is a table function of an account, and also a query: the methods of this package send the body
with its arguments filled in. A table function looks rows up by ASOF JOIN, a query by a join over ranges,
because the server in the tests has no ASOF JOIN. Both have the same text otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions import duckdb_functions
from factorlab_lake.functions.question_texts import INPUTS, QUESTIONS, question_text
from factorlab_lake.functions.revision_texts import revisions_query
from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.functions.shared_parts import shared_parts
from factorlab_lake.functions.sql_placeholders import (
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
from factorlab_lake.schema.columns import ACCESSION_PATTERN, STORED_AT
from factorlab_lake.schema.quality_rules import quality_score
from factorlab_lake.schema.quote_units import is_quote_unit_unknown, quote_currency

__all__ = ["arguments", "body", "sql_text", "with_dates"]

_PARTS = ("grid", "cap_facts", "factor_facts")
_LOOKED_UP = ("bars", "counts", "intervals")
_RATIOS_VIEW = "financial_ratios"  # a view is created in the tests too
_BY_ASOF, _BY_RANGE = "asof", "range"
_WORDS = {
    "among_requested": "IN (SELECT symbol FROM requested)",
    "first_day": "COALESCE({{arg_start_date}}, {{BEGINNING_OF_TIME}})",
    "last_day": "COALESCE({{arg_end_date}}, {{END_OF_TIME}})",
    "year_of_bar": "",
    "same_from": "DATEADD(day, -{{SAME_SPLIT_DAYS}}, t.date)",
    "same_to": "DATEADD(day, {{SAME_SPLIT_DAYS}}, t.date)",
    "published_day": "p.published_on - {{EPOCH}}",
}
_SHOWN = "IN (SELECT symbol FROM company_symbols WHERE is_main_unit)"
_LAG = "(SELECT MAX(r.availability_lag_days) FROM factorlab_lake_target AS r)"
_AVAILABILITY = ("available_date", "availability_basis")  # as the rule of the sync has them, not as stored
# Columns of fundamentals_history by which its rows are found, or which another table has too.
_NOT_FACTS = (
    "symbol",
    "of_vintage",
    "restated",
    "valid_from",
    "valid_to",
    "company_id",
    "statement_provider",
    "bucket",
)
_DATED = re.compile(r"(DATE '1970-01-01') \+ (\w+)::INTEGER")
_OF_ACCESSION = ((1, 10), (11, 2), (13, 6))  # first place and number of the digits between its dashes
_SIGNATURE = re.compile(r"CREATE OR REPLACE FUNCTION \w+\(([^()]*)\)")
_BODY = re.compile(r"\$\$(.*)\$\$", re.DOTALL)
_QUOTED = re.compile(r"""'(?:[^']|'')*'|--[^\n]*|"[a-z_][a-z0-9_]*\"""")
# The vendor's rounding is taken out of the close of a bar; Snowflake has no function for it in a query.
_UNROUNDED = """CASE
               WHEN p.splits_since <> 1
                AND ABS(p.close * {{CLOSE_UNITS}} - ROUND(p.close * {{CLOSE_UNITS}}))
                    < {{CLOSE_UNIT_TOLERANCE}}
                AND ABS(p.close * p.splits_since - FLOOR(p.close * p.splits_since * 100 + 0.5) / 100)
                    <= {{CLOSE_ROUNDING}} * p.splits_since
               THEN FLOOR(p.close * p.splits_since * 100 + 0.5) / 100 / p.splits_since
               ELSE p.close END"""


@cache
def sql_text(name: str) -> str:
    """Return the SQL that creates a function or view, with all placeholders filled.

    A view that is the same in every engine has a text in DuckDB's folder alone.
    """
    if not _place(f"{name}.sql").is_file():
        return duckdb_functions.sql_text(name)
    text = _filled(name, _BY_RANGE if name == _RATIOS_VIEW else _BY_ASOF)
    own = {f"arg_{argument}": argument for argument in arguments(name)}
    return _with_defaults(fill(text, lambda: own))


def body(name: str, values: Mapping[str, str]) -> str:
    """Return a function as a query, in which each argument is replaced by an expression.

    An argument without a value takes its default.
    """
    match = _BODY.search(_filled(name, _BY_RANGE))
    if match is None:
        raise KeyError(name)
    expressions = {**arguments(name), **values}
    return _with_defaults(fill(match[1].strip(), lambda: {f"arg_{n}": e for n, e in expressions.items()}))


@cache
def arguments(name: str) -> dict[str, str]:
    """Return the arguments of a function in order, with their defaults; empty without one.

    >>> arguments("market_caps")["vintage"]
    "'known'"
    """
    match = _SIGNATURE.search(fill(_file(f"{name}.sql"), rule_placeholders))
    parts = [part.split(None, 3) for part in match[1].split(",")] if match else []
    return {words[0]: words[3].strip() if len(words) > 3 else "" for words in parts}  # noqa: PLR2004


@cache
def _filled(name: str, lookup: str) -> str:
    """Return the text of a file, with the arguments still open."""
    parts = {part: _file(f"parts/{part}.sql").strip() for part in _PARTS}
    parts |= {part: _file(f"parts/{part}_by_{lookup}.sql").strip() for part in _LOOKED_UP}
    text = fill(_file(f"{name}.sql"), lambda: shared_parts(_WORDS))
    while any("{{" + part + "}}" in text for part in parts):
        text = fill(text, lambda: parts)
    text = fill(text, lambda: {q: question_text(q).strip() for q in QUESTIONS})
    text = fill(fill(text, _columns), rule_placeholders)
    text = fill(text, lambda: {"head": duckdb_functions.head_of(duckdb_functions.sql_text(name))})
    return with_dates(_QUOTED.sub(lambda m: m[0].upper() if m[0][0] == '"' else m[0], text))


def with_dates(text: str) -> str:
    """Return a text that makes a date of a number of days by DATEADD, which takes integers of any size.

    >>> with_dates("SELECT DATE '1970-01-01' + inputs_available_day::INTEGER AS d")
    "SELECT DATEADD(day, inputs_available_day, DATE '1970-01-01') AS d"
    """
    return _DATED.sub(r"DATEADD(day, \2, \1)", text)


def _file(path: str) -> str:
    return _place(path).read_text(encoding="utf-8")


def _place(path: str) -> Traversable:
    return files("factorlab_lake.functions").joinpath("shell", "snowflake", path)


def _with_defaults(text: str) -> str:
    """Fill what stands for an argument that a function does not have."""
    rules = rule_placeholders()
    constant = {
        "arg_price_age_limit": rules["PRICE_AGE_LIMIT_DAYS"],
        "arg_shares_age_limit": rules["QUARTER_AGE_LIMIT_DAYS"],
        "arg_age_limit": rules["QUARTER_AGE_LIMIT_DAYS"],
        "arg_vintage": "'known'",
    }
    return fill(text, lambda: constant)


@cache
def _columns() -> dict[str, str]:
    facts = [n for n in table("fundamentals_history").names() if n not in _NOT_FACTS]
    return {
        **shared_placeholders(),
        "revisions_query": revisions_query(_text),
        "fundamentals_columns": ", ".join(f"i.{identifier(n)}" for n in facts),
        "flow_types": _numbers(ttm_columns()),
        "factor_types": _numbers(FACTORS),
        "input_types": _numbers(INPUTS),
        "statement_types": _statement_types(),
        "statement_union": "\nUNION ALL\n".join(map(_statement_select, STATEMENT_TABLES)),
        "unrounded_close": _UNROUNDED,
        "quote_currency": _joined(quote_currency("r.symbol", "f.currency")),
        "is_quote_unit_unknown": _joined(is_quote_unit_unknown("r.symbol")),
    }


def _text(column: Column) -> str:
    """Return the SQL of a value as text, as DuckDB writes it."""
    name = f"t.{identifier(column.name)}"
    written = {
        "number": f"CASE {_whole_number(name)} ELSE TO_VARCHAR({name}) END",
        "date": f"TO_VARCHAR({name}, 'YYYY-MM-DD')",
        "timestamp": f"TO_VARCHAR(CONVERT_TIMEZONE('UTC', {name}), 'YYYY-MM-DD HH24:MI:SS') || '+00'",
        "json": f"TO_JSON({name})",
    }
    return written.get(column.kind, f"TO_VARCHAR({name})")


def _numbers(names: Iterable[str]) -> str:
    """Return the column definitions of numbers in a function's result."""
    return ", ".join(f"{identifier(name)} FLOAT" for name in names)


def _statement_types() -> str:
    """Return the column definitions of ``statements_as_of``."""
    spec = table(STATEMENT_TABLES["income"])
    kinds = {c.name: c.types.snowflake for c in spec.columns if not c.additive}
    kinds = {
        "statement_type": "VARCHAR",
        **kinds,
        "accession": "VARCHAR",
        "metrics": "VARCHAR",
        "data_quality_score": "FLOAT",
    }
    kinds |= dict.fromkeys(dict(STORED_AT), "TIMESTAMP_LTZ")
    return ", ".join(f"{identifier(name)} {kind}" for name, kind in kinds.items())


def _statement_select(kind: str) -> str:
    """Return the rows of one statement type for ``financial_statements``."""
    spec = TABLES[STATEMENT_TABLES[kind]]
    attributes = ", ".join(f"t.{identifier(c.name)}" for c in spec.columns if not c.additive)
    effective = ", ".join(
        _available(spec, name) if name in _AVAILABILITY else identifier(name) for name in spec.names()
    )
    items = "\n       || ".join(_json_item(c.name) for c in line_items(kind))
    return (
        f"SELECT {literal(kind)} AS statement_type, {attributes},\n"
        f"       {_accession()} AS accession,\n"
        f"       '{{' || SUBSTR({items}, 2) || '}}' AS metrics,\n"
        f"       {quality_score(kind)} AS data_quality_score\n"
        f"FROM (SELECT {effective} FROM {identifier(spec.name)}) AS t"
    )


def _accession() -> str:
    """Return the expression for SEC's number of a filing, with dashes; NULL without one."""
    parts = ('t."final_link"', 't."link"', 't."extra":accession::VARCHAR')
    texts = " || ' ' || ".join(f"COALESCE({part}, '')" for part in parts)
    pattern = ACCESSION_PATTERN.replace("\\", "\\\\")
    digits = f"REPLACE(NULLIF(REGEXP_SUBSTR({texts}, '{pattern}'), ''), '-', '')"
    return " || '-' || ".join(f"SUBSTR({digits}, {start}, {size})" for start, size in _OF_ACCESSION)


def _available(spec: TableSpec, name: str) -> str:
    """Return the SQL of the first day on which a statement counts, or its basis, by the rule of the sync."""
    effective = effective_date if name == "available_date" else effective_basis
    ruled = effective(spec, _LAG)
    for column in ("accepted_date", "filing_date"):
        ruled = ruled.replace(f"{column} + {_LAG}", f"DATEADD(day, {_LAG}, {column})")
    chosen = f"CASE WHEN {_LAG} IS NULL THEN {effective(spec, None)} ELSE {ruled} END"
    return f"CAST({chosen} AS {spec.column(name).types.snowflake}) AS {name}"


def _json_item(name: str) -> str:
    """Return a line item's part of the JSON object, which begins with a comma; empty if it is NULL."""
    number = f"t.{identifier(name)}"
    key = f',"{name}":'
    return f"COALESCE('{key}' || CASE {_whole_number(number)} ELSE TO_VARCHAR({number}) END, '')"


def _whole_number(number: str) -> str:
    """Return the case of a number without decimals, which a text has with one zero."""
    whole = f"{number} = TRUNC({number}) AND ABS({number}) < 1e15"
    return f"WHEN {whole} THEN TO_VARCHAR(CAST({number} AS NUMBER(38, 0))) || '.0'"


def _joined(expression: str) -> str:
    """Return an expression that reads a joined row in place of a subquery."""
    return expression.replace(f"r.symbol NOT {_SHOWN}", "u.symbol IS NULL").replace(
        f"r.symbol {_SHOWN}", "u.symbol IS NOT NULL"
    )
