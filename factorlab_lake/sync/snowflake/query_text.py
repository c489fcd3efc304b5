"""Translate the queries of this package, and calls of the lake's functions, to what an account runs.

A query has parameters such as ``$symbols::VARCHAR[]``. A value is bound, never written into the text; a list
is bound as JSON. A call of a function is replaced by the function's body, so it needs no right to call it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.schema.derived_tables import VINTAGES
from factorlab_lake.sync.snowflake.placeholders import arguments, body

__all__ = ["called", "expanded", "with_values", "without_texts"]

# A text, a quoted name, a comment or a dollar quote, in which nothing is replaced.
_OPAQUE = r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$"""
_TOKEN = re.compile(
    rf"""(?P<collation>\s*COLLATE\s+"C")|(?P<opaque>{_OPAQUE})
    |\(\s*SELECT\s+unnest\(\s*\$(?P<listed>[A-Za-z_]\w*)\s*::\s*\w+\[\]\s*\)\s*\)
    |\$(?P<name>[A-Za-z_]\w*)(?:\s*::\s*(?P<type>[A-Za-z]\w*)(?P<array>\[\])?)?""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_OPAQUE_ONLY = re.compile(_OPAQUE, re.DOTALL)
_LOWER = re.compile(r'"[a-z_][a-z0-9_]*"')
_LIST = "SELECT e.value::VARCHAR FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS e"
_NAMED = re.compile(r"\s*([A-Za-z_]\w*)\s*(?::=|=>)\s*(.*)", re.DOTALL)
_VINTAGE = re.compile(r"'([^']*)'|\$(\w+)(?:::\w+)?")


def with_values(sql: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return a query with a question mark for each parameter, and the values in order.

    Names in quotation marks are those of the lake, which are in upper case there.

    >>> with_values('SELECT "date" FROM splits WHERE symbol = $s ORDER BY symbol COLLATE "C"', {"s": "A"})
    ('SELECT "DATE" FROM splits WHERE symbol = ? ORDER BY symbol', ['A'])
    """
    values: list[Any] = []

    def replaced(token: re.Match[str]) -> str:
        if token["collation"]:
            return ""  # texts are ordered by their bytes there
        if token["opaque"]:
            text: str = token["opaque"]
            return text.upper() if _LOWER.fullmatch(text) else text
        name = token["listed"] or token["name"]
        if name not in params:
            raise InvalidInput(
                f"The query has a parameter ${name} without a value; pass {name}=….{nearest(name, params)}",
                sql=sql,
            )
        if type(params[name]) is date:  # written, because an emulator repeats a bound value in LEAST
            return f"CAST('{params[name].isoformat()}' AS {token['type'] or 'DATE'})"
        values.append(_bound(params[name]))
        if token["listed"]:
            return f"({_LIST})"
        if token["array"] or isinstance(params[name], list | tuple):
            return "PARSE_JSON(?)"
        kind = token["type"] or _cast(params[name])
        return f"CAST(? AS {kind})" if kind else "?"

    return _TOKEN.sub(replaced, sql), values


def expanded(sql: str, functions: Sequence[str], params: Mapping[str, Any]) -> str:
    """Return a query in which each call of a function is the function's body, in brackets."""
    while (call := next(_calls(sql, functions), None)) is not None:
        start, end, name, texts = call
        sql = f"{sql[:start]}({body(name, _values(name, texts, params, sql))}){sql[end:]}"
    return sql


def called(sql: str) -> list[str]:
    """Return the names of what a query calls as a table.

    >>> called("SELECT max(x) FROM TABLE(market_cap(1)) JOIN splits ON true")
    ['market_cap']
    """
    code = without_texts(sql)
    return re.findall(r"\b(?:FROM|JOIN)\s+(?:TABLE\s*\(\s*)?([A-Za-z_]\w*)\s*\(", code, re.IGNORECASE)


def without_texts(sql: str) -> str:
    """Return a query of the same length with blanks in place of texts, quoted names and comments."""
    return _OPAQUE_ONLY.sub(lambda match: " " * len(match[0]), sql)


def _calls(sql: str, functions: Sequence[str]) -> Iterator[tuple[int, int, str, list[str]]]:
    """Yield the place, name and arguments of each call of one of the functions."""
    code = without_texts(sql)
    pattern = re.compile(rf"\b(TABLE\s*\(\s*)?({'|'.join(functions)})\s*\(", re.IGNORECASE)
    for match in pattern.finditer(code):
        end, cuts = _closing(code, match.end())
        starts, ends = [match.end(), *(cut + 1 for cut in cuts)], [*cuts, end - 1]
        texts = [sql[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        if match[1]:
            end, _ = _closing(code, end)
        yield match.start(), end, match[2].lower(), [g for g in texts if g]


def _closing(code: str, start: int) -> tuple[int, list[int]]:
    """Return the place after the bracket that ends a list, and the places of its commas."""
    depth = 1
    cuts: list[int] = []
    for place in range(start, len(code)):
        depth += (code[place] in "([") - (code[place] in ")]")
        if not depth:
            return place + 1, cuts
        if depth == 1 and code[place] == ",":
            cuts.append(place)
    raise InvalidInput("A bracket of the query is not closed.", sql=code)


def _values(name: str, texts: Sequence[str], params: Mapping[str, Any], sql: str) -> dict[str, str]:
    """Return the arguments of a call by name."""
    known = list(arguments(name))
    values: dict[str, str] = {}
    for place, text in enumerate(texts):
        named = _NAMED.fullmatch(text)
        argument = named[1].lower() if named else (known[place] if place < len(known) else "")
        if argument not in known or argument in values:
            raise InvalidInput(
                f"{name} takes {', '.join(known)}; got {text!r} as argument {place + 1}.", sql=sql
            )
        values[argument] = named[2].strip() if named else text
    missing = [
        argument for argument, default in arguments(name).items() if not default and argument not in values
    ]
    if missing:
        raise InvalidInput(f"{name} needs {', '.join(missing)}; it takes {', '.join(known)}.", sql=sql)
    if "vintage" in values:
        _check_vintage(values["vintage"], params)
    return values


def _check_vintage(text: str, params: Mapping[str, Any]) -> None:
    match = _VINTAGE.fullmatch(text)
    vintage = None if match is None else (params.get(match[2]) if match[2] else match[1])
    if vintage not in VINTAGES:
        raise InvalidInput(f"vintage is {text}; expected known, first or latest", vintage=text)


def _bound(value: Any) -> Any:
    """Return a value as the driver binds it: a list as JSON, a date as its text."""
    if isinstance(value, list | tuple):
        return json.dumps([_bound(v) for v in value], ensure_ascii=False)
    return value.isoformat() if isinstance(value, date) else value


def _cast(value: Any) -> str:
    for kind, name in _CASTS:
        if isinstance(value, kind):
            return name
    return ""


_CASTS: tuple[tuple[type, str], ...] = ((datetime, "TIMESTAMP_LTZ"), (date, "DATE"))
