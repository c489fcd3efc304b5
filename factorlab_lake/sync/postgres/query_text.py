"""Rewrite the text of a query for a server: the driver's parameters, and the availability rule of the caller.

The rule becomes an argument of each call in the query. It is no setting of the session, because programs that
share a connection through a pool would inherit it from each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.schema import identifier, literal
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS_BY_RULE, VIEWS_BY_RULE

__all__ = ["by_availability", "driver_query"]

# A text, comment or dollar quote, in which nothing has a meaning; a parameter; a name; any other character.
_TOKEN = re.compile(
    r"""(?P<other>(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?<![\w$])\$(?P<parameter>[A-Za-z_]\w*)|(?P<quoted>"(?:[^"]|"")*")|(?P<name>[^\W\d][\w$]*)|(?P<sign>=>|:=|\S)""",
    re.DOTALL | re.VERBOSE,
)
_ARGUMENT = "availability"
_STARTS = ("select", "with", "values", "table", "(")
_DEFINED = ("(", "materialized", "not")  # AS (, AS MATERIALIZED (, AS NOT MATERIALIZED (


@dataclass(frozen=True, slots=True)
class _Token:
    """Represents a name or another character of a query that is neither text nor comment."""

    text: str  # a name without quotes, in lower case unless it was quoted
    is_name: bool
    start: int
    end: int


def driver_query(sql: str, params: Mapping[str, Any]) -> bytes:
    """Return a query with its ``$name`` parameters in the form of the driver.

    >>> driver_query("SELECT * FROM splits WHERE symbol = $s AND label <> '5% $s'", {"s": "AAPL"})
    b"SELECT * FROM splits WHERE symbol = %(s)s AND label <> '5%% $s'"
    """

    def replaced(token: re.Match[str]) -> str:
        name = token["parameter"]
        if name is None:
            return token[0].replace("%", "%%")
        if name not in params:
            raise InvalidInput(
                f"The query has a parameter ${name} without a value; pass {name}=….{nearest(name, params)}",
                sql=sql,
            )
        return f"%({name})s"

    return _TOKEN.sub(replaced, sql).encode()


def by_availability(sql: str, availability: str) -> str:
    """Return a query whose calls of the lake's functions have the argument ``availability``.

    A view that depends on the rule becomes a CTE of the same name. A call with an ``availability`` of its own
    stays. Raises :class:`~factorlab_lake.errors.InvalidInput` for a query in which a view cannot be replaced.

    >>> by_availability("SELECT * FROM ttm($symbols, $dates)", "same_day")
    "SELECT * FROM ttm($symbols, $dates, availability => 'same_day')"
    """
    tokens = list(_tokens(sql))
    insertions = _common_table_expressions(sql, tokens, availability)
    for place, token in enumerate(tokens):
        if token.is_name and token.text in FUNCTIONS_BY_RULE and _is_call(tokens, place):
            end = _end_of_call(tokens, place)
            arguments = tokens[place + 2 : end]
            if end < len(tokens) and not _has_rule(arguments):
                comma = ", " if arguments else ""
                insertions.append((tokens[end].start, f"{comma}{_ARGUMENT} => {literal(availability)}"))
    for start, text in sorted(insertions, reverse=True):
        sql = sql[:start] + text + sql[start:]
    return sql


def _tokens(sql: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(sql):
        if match["quoted"]:
            text = match["quoted"][1:-1].replace('""', '"')
            yield _Token(text, is_name=True, start=match.start(), end=match.end())
        elif match["other"] is None:
            is_name = match["name"] is not None
            yield _Token(match[0].lower(), is_name=is_name, start=match.start(), end=match.end())


def _text(tokens: list[_Token], place: int) -> str:
    return tokens[place].text if 0 <= place < len(tokens) else ""


def _is_call(tokens: list[_Token], place: int) -> bool:
    """Return whether a function is called, and no table or CTE of its name is defined: ``AS ttm (a, b)``."""
    if _text(tokens, place + 1) != "(" or _text(tokens, place - 1) == "as":
        return False
    return not _is_definition(tokens, _end_of_call(tokens, place) + 1)


def _is_definition(tokens: list[_Token], place: int) -> bool:
    """Return whether the query of a CTE starts here: ``AS (``, ``AS NOT MATERIALIZED (``."""
    return _text(tokens, place) == "as" and _text(tokens, place + 1) in _DEFINED


def _end_of_call(tokens: list[_Token], place: int) -> int:
    """Return the place of the parenthesis that closes a call; the number of tokens if none does."""
    depth = 0
    for end in range(place + 1, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
        if depth == 0:
            return end
    return len(tokens)


def _has_rule(arguments: list[_Token]) -> bool:
    return any(
        token.text == _ARGUMENT and _text(arguments, place + 1) in ("=>", ":=")
        for place, token in enumerate(arguments)
    )


def _common_table_expressions(sql: str, tokens: list[_Token], availability: str) -> list[tuple[int, str]]:
    """Return where to insert which definitions of the views that a query reads."""
    views = [name for name in VIEWS_BY_RULE if _reads_view(sql, tokens, name)]
    if not views:
        return []
    definitions = ", ".join(
        f"{identifier(name)} AS NOT MATERIALIZED (SELECT * FROM {identifier(name)}({literal(availability)}))"
        for name in views
    )
    if tokens[0].text not in _STARTS:
        raise _refused(sql, views[0], "the query starts with neither SELECT nor WITH")
    if tokens[0].text != "with":
        return [(tokens[0].start, f"WITH {definitions} ")]
    first = 2 if _text(tokens, 1) == "recursive" else 1
    return [(tokens[first].start, f"{definitions}, ")]


def _reads_view(sql: str, tokens: list[_Token], view: str) -> bool:
    named = [place for place, token in enumerate(tokens) if token.is_name and token.text == view]
    places = [place for place in named if _text(tokens, place + 1) != "("]  # else a call with its own rule
    for place in places:
        if _text(tokens, place - 1) == ".":
            raise _refused(sql, view, "a name with its schema cannot be replaced")
        if _is_definition(tokens, place + 1):
            raise _refused(sql, view, "a CTE of the query has the same name")
    return bool(places)


def _refused(sql: str, view: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The lake was opened with an availability rule that cannot be applied to {view} in this query: "
        f"{reason}. Write {view}('same_day') or {view}('3') in the query instead, with the rule in quotes.",
        sql=sql,
    )
