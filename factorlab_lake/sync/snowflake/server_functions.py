"""Install the lake's SQL functions and views in a Snowflake schema.

Each has a file in ``functions/shell/snowflake``, or in ``functions/shell/duckdb`` where it is the same.
"""

from __future__ import annotations

import hashlib
from functools import cache

from factorlab_lake.sync.snowflake.connection import Connection, Error
from factorlab_lake.sync.snowflake.placeholders import sql_text

__all__ = ["FUNCTIONS", "VIEWS", "digest", "install", "statements"]

# Each comes after those that it reads.
VIEWS = (
    "financial_statements",
    "multi_class_symbols",
    "instruments",
    "sectors",
    "universe_members",
    "revisions",
    "financial_ratios",
)
FUNCTIONS = (
    "shares_as_of",
    "market_caps",
    "statements_as_of",
    "ttm",
    "factor_inputs",
    "factors",
    "quarters",
    "ratios",
    "adjusted_prices",
)
_NOT_SUPPORTED = frozenset({1003, 2, 2003, 3001})
"""Numbers of errors: the server does not read the statement, or the role may not create functions."""


@cache
def statements() -> tuple[str, ...]:
    """Return the statements that create every view and function over existing tables, in order."""
    return tuple(sql_text(name) for name in (*VIEWS, *FUNCTIONS))


@cache
def digest() -> str:
    """Return a digest of the SQL of all views and functions."""
    return hashlib.sha256("".join(statements()).encode()).hexdigest()


def install(con: Connection) -> list[str]:
    """Create or replace every view and function; return the functions that the server refused.

    The methods of this package do not need the functions, so their refusal is no error.
    """
    for name in VIEWS:
        con.run(sql_text(name))
    for place, name in enumerate(FUNCTIONS):
        try:
            con.run(sql_text(name))
        except Error as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
            return list(FUNCTIONS[place:])
    return []
