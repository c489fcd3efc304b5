"""Find and read the SQL functions and views that a query needs; each has one file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from factorlab_lake.functions.sql_placeholders import duckdb_placeholders, fill
from factorlab_lake.schema import TABLES

__all__ = ["FUNCTIONS", "mentioned", "names_in", "sql_text", "without_texts"]

# Each one calls only functions before it.
FUNCTIONS = (
    "financial_statements",
    "revisions",
    "share_counts",
    "split_factors",
    "adjusted_prices",
    "multi_class_symbols",
    "market_days",
    "unrounded_close",
    "checked_vintage",
    "statements_as_of",
    "share_count_validity",
    "share_counts_by_year",
    "shares_as_of",
    "cap_inputs",
    "market_caps",
    "statement_periods",
    "statement_validity",
    "quarter_validity",
    "period_components",
    "ttm",
    "fundamentals_validity",
    "factors",
    "quarters",
    "ratios",
    "financial_ratios",
)
_WORD = re.compile(r"[a-z_]+")
_NO_CODE = re.compile(r"--.*|/\*[\s\S]*?\*/|'[^']*'")  # comments and texts
# A query of the list of tables installs all of them.
_CATALOG = re.compile(r"\b(information_schema|duckdb_\w+|pg_catalog|show|describe|summarize|pragma)\b")


@cache
def sql_text(name: str) -> str:
    """Return a function's SQL with all placeholders filled."""
    text = files(__package__).joinpath("shell", "duckdb", f"{name}.sql").read_text(encoding="utf-8")
    return fill(text, duckdb_placeholders)


def names_in(query: str) -> list[str]:
    """Return the tables and functions that a query needs, in the order in which to install them.

    >>> names_in("SELECT * FROM split_factors")
    ['splits', 'split_factors']
    """
    text = query.lower()
    names = {*TABLES, *FUNCTIONS} if _CATALOG.search(text) else _closure(text)
    return [n for n in (*TABLES, *FUNCTIONS) if n in names]


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
    return {w for w in _WORD.findall(text) if w in TABLES or w in FUNCTIONS}
