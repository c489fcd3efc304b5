"""Find and read the SQL functions and views that a query needs; each has one file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from itertools import takewhile

from factorlab_lake.functions.question_texts import QUESTIONS, question_steps
from factorlab_lake.functions.rule_placeholders import fill
from factorlab_lake.functions.shared_parts import shared_parts
from factorlab_lake.functions.sql_placeholders import duckdb_placeholders
from factorlab_lake.schema import STORED_TABLES, TABLES, identifier
from factorlab_lake.schema.derived_tables import DERIVED_TABLES, bucket_number

__all__ = ["FUNCTIONS", "head_of", "mentioned", "names_in", "sql_text", "without_texts"]

# Each one calls only functions before it.
FUNCTIONS = (
    "financial_statements",
    "revisions",
    "adjusted_prices",
    "multi_class_symbols",
    "instruments",
    "sectors",
    "universe_members",
    "unrounded_close",
    "checked_vintage",
    "statements_as_of",
    "shares_as_of",
    "market_caps",
    "ttm",
    "factor_inputs",
    "factors",
    "quarters",
    "ratios",
    "financial_ratios",
)
# The rows that a function's question reads, looked up in DuckDB's way; a part comes before those in its text.
_PARTS = (
    "periods",
    "grid",
    "bars_of_grid",
    "bars_of_pairs",
    "cap_facts",
    "prices",
    "fundamentals",
    "factor_facts",
)
_WORDS = {
    "among_requested": "IN (SELECT symbol FROM requested)",
    "first_day": "coalesce(start_date::DATE, {{BEGINNING_OF_TIME}})",
    "year_of_bar": "year(date) AS in_year, ",
    "same_from": "t.date - {{SAME_SPLIT_DAYS}}",
    "same_to": "t.date + {{SAME_SPLIT_DAYS}}",
}
_CONSTANT = {"price_age_limit": "{{PRICE_AGE_LIMIT_DAYS}}", "shares_age_limit": "{{QUARTER_AGE_LIMIT_DAYS}}"}
_DIVIDED = [name for name, spec in DERIVED_TABLES.items() if spec.buckets]
_AMONG = "symbol IN (SELECT symbol FROM requested) AND bucket IN ({{buckets_of_%s}})"
_REQUESTED = {f"requested_in_{name}": _AMONG % name for name in _DIVIDED}
_LIMITS = {"first_date": "list_min(dates)::DATE", "last_date": "list_max(dates)::DATE"}
_OF_PERIODS = {
    **_CONSTANT,
    **_REQUESTED,
    "age_limit": "{{QUARTER_AGE_LIMIT_DAYS}}",
    "vintage": "'known'",
    "first_date": "(SELECT min(published_on) FROM published)",
    "last_date": "(SELECT max(published_on) FROM published)",
}
# What stands in the parts for an argument that a function has or has not.
_ARGUMENTS = {
    "market_caps": {n: n for n in ("price_age_limit", "shares_age_limit", "vintage")} | _LIMITS | _REQUESTED,
    "ratios": _OF_PERIODS,
    # A view has no list of symbols.
    "financial_ratios": _OF_PERIODS | dict.fromkeys(_REQUESTED, "true"),
}
_DEFAULT_ARGUMENTS = {**_CONSTANT, **_LIMITS, **_REQUESTED, "age_limit": "age_limit", "vintage": "vintage"}
_WORD = re.compile(r"[a-z_]+")
_NO_CODE = re.compile(r"--.*|/\*[\s\S]*?\*/|'[^']*'")  # comments and texts
# A query of the list of tables installs all of them.
_CATALOG = re.compile(r"\b(information_schema|duckdb_\w+|pg_catalog|show|describe|summarize|pragma)\b")


@cache
def sql_text(name: str) -> str:
    """Return a function's SQL with all placeholders filled."""
    text = fill(_file(f"{name}.sql"), lambda: shared_parts(_WORDS))
    text = fill(text, lambda: {part: _file(f"parts/{part}.sql").strip() for part in _PARTS})
    text = fill(text, _questions)
    text = fill(fill(text, lambda: _ARGUMENTS.get(name, _DEFAULT_ARGUMENTS)), duckdb_placeholders)
    return fill(text, lambda: _columns(text))


def head_of(text: str) -> str:
    """Return the comment at the start of a function's SQL, which describes the function."""
    return "\n".join(takewhile(lambda line: line.startswith("--"), text.splitlines()))


def _columns(text: str) -> dict[str, str]:
    """Return the columns of fundamentals_history that a function names: fewer are planned faster."""
    words = set(re.findall(r"\w+", without_texts(text)))
    names = [n for n in TABLES["fundamentals_history"].names() if n in words]
    return {"fundamentals_columns": ", ".join(map(identifier, names)), **_buckets()}


def _buckets() -> dict[str, str]:
    """Return, for each divided table, the query of the buckets with rows of a function's symbols.

    A join with them lets DuckDB 2.0 open only the files of these buckets: `ttm` of a symbol takes 33 instead
    of 51 ms. A list of the buckets is not as good: where the symbols come from a subquery, DuckDB 1.1 to 1.5
    computed it for each row, which took 22 s for `factors` of 1,000 symbols. Those versions cannot plan a
    SEMI JOIN in a lateral join, and 1.1 cannot compare two columns with a subquery.
    """
    return {
        f"buckets_of_{name}": f"SELECT {bucket_number('symbol', DERIVED_TABLES[name].buckets)} "
        "FROM (SELECT unnest(symbols) AS symbol)"
        for name in _DIVIDED
    }


def _file(path: str) -> str:
    return files(__package__).joinpath("shell", "duckdb", path).read_text(encoding="utf-8")


@cache
def _questions() -> dict[str, str]:
    return {name: question_steps(name) for name in QUESTIONS}


def names_in(query: str) -> list[str]:
    """Return the tables and functions that a query needs, in the order in which to install them.

    >>> names_in("SELECT * FROM multi_class_symbols")
    ['company_profiles', 'profile_history', 'symbol_history', 'company_symbols', 'multi_class_symbols']
    """
    text = query.lower()
    names = {*TABLES, *FUNCTIONS} if _CATALOG.search(text) else _closure(text)
    return [n for n in (*STORED_TABLES, *FUNCTIONS) if n in names]


def mentioned(query: str) -> list[str]:
    """Return the tables and functions that a query itself names, in a fixed order.

    >>> mentioned("SELECT * FROM splits WHERE symbol = 'dividends'")
    ['splits']
    """
    return sorted(_mentioned(without_texts(query.lower())))


def without_texts(query: str) -> str:
    """Return a query's code without comments and string literals.

    >>> without_texts("SELECT 'a' -- the first")
    'SELECT    '
    """
    return _NO_CODE.sub(" ", query)


def _closure(text: str) -> set[str]:
    names: set[str] = set()
    waiting = _mentioned(text)
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting |= _called_by(name)
    return names


@cache
def _called_by(name: str) -> frozenset[str]:
    code = without_texts(sql_text(name)) if name in FUNCTIONS else ""
    return frozenset(_mentioned(code) - {name})


def _mentioned(text: str) -> set[str]:
    return {w for w in _WORD.findall(text) if w in STORED_TABLES or w in FUNCTIONS}
