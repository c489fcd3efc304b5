"""Fill the placeholders of the Snowflake functions: the shared questions, the look-ups, and the arguments.

Each function is a table function of an account, and also a query: the methods of this package send the body
with its arguments filled in. A table function looks rows up by ASOF JOIN, a query by a join over ranges,
because the server in the tests has no ASOF JOIN. Both have the same text otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from factorlab_lake.functions import duckdb_functions
from factorlab_lake.functions.question_texts import QUESTIONS, question_text
from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.functions.sql_placeholders import shared_placeholders
from factorlab_lake.schema.quote_units import is_quote_unit_unknown, quote_currency

__all__ = ["arguments", "body", "sql_text"]

_PARTS = ("grid", "cap_facts")
_LOOKED_UP = ("bars", "counts")
_BY_ASOF, _BY_RANGE = "asof", "range"
_SHOWN = "IN (SELECT symbol FROM company_symbols WHERE is_main_unit)"
_SIGNATURE = re.compile(r"CREATE OR REPLACE FUNCTION \w+\(([^()]*)\)")
_BODY = re.compile(r"\$\$(.*)\$\$", re.DOTALL)
_QUOTED = re.compile(r'"([a-z_][a-z0-9_]*)"')
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
    text = _filled(name, _BY_ASOF)
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
    text = _file(f"{name}.sql")
    while any("{{" + part + "}}" in text for part in parts):
        text = fill(text, lambda: parts)
    text = fill(text, lambda: {q: question_text(q).strip() for q in QUESTIONS})
    text = fill(fill(text, _columns), rule_placeholders)
    text = fill(text, lambda: {"head": duckdb_functions.head_of(duckdb_functions.sql_text(name))})
    return _QUOTED.sub(lambda match: f'"{match[1].upper()}"', text)


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
    return {
        **shared_placeholders(),
        "unrounded_close": _UNROUNDED,
        "quote_currency": _joined(quote_currency("r.symbol", "f.currency")),
        "is_quote_unit_unknown": _joined(is_quote_unit_unknown("r.symbol")),
    }


def _joined(expression: str) -> str:
    """Return an expression that reads a joined row in place of a subquery."""
    return expression.replace(f"r.symbol NOT {_SHOWN}", "u.symbol IS NULL").replace(
        f"r.symbol {_SHOWN}", "u.symbol IS NOT NULL"
    )
