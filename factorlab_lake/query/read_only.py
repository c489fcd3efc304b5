"""Reject SQL of a user that would write into the lake's folder.

A user's tables and views are in a database of their own, so they cannot change an answer of the lake. But any
database can write files. DuckDB's parser and tokenizer find the statements that do, and their paths.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile, pairwise, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from duckdb import StatementType, token_type

from factorlab_lake.errors import InvalidInput

__all__ = ["reject_write"]

_CAN_COPY = (StatementType.COPY, StatementType.EXPLAIN, StatementType.PREPARE)
_OPENS = (StatementType.ATTACH, StatementType.EXPORT)
_SETS = (StatementType.SET, StatementType.CALL, StatementType.PRAGMA)
_WORDS = (token_type.keyword, token_type.identifier)
_ON = {")", ",", "TRUE", "1"}  # can follow READ_ONLY in the options of ATTACH
_CODE = re.compile(r'"[^"]*"|\w+|.')
_SCHEME = re.compile(r"^(?:duckdb:|file:(?://)?)+")


class _Token(NamedTuple):
    """Represents a token of DuckDB and the number of parentheses around it."""

    text: str
    kind: token_type
    depth: int

    @property
    def is_text(self) -> bool:
        return self.kind == token_type.string_const

    def is_word(self, word: str) -> bool:
        return self.kind in _WORDS and self.code.upper() == word

    @property
    def code(self) -> str:
        """Return a word or operator without the comment after it, which DuckDB 1 does not report."""
        match = _CODE.match(self.text)
        return match[0] if match else ""


def reject_write(
    con: duckdb.DuckDBPyConnection, statement: duckdb.Statement, params: dict[str, Any], lake: Path
) -> None:
    """Raise :class:`InvalidInput` if a statement would write a file in the lake's folder.

    COPY and EXPORT write files, ATTACH opens one for writing, and some settings name a file to write.
    """
    root = Path(os.path.realpath(lake))
    for path in _paths(con, statement, params):
        # COPY can also replace a whole folder, with the lake in it.
        if path.is_relative_to(root) or (statement.type in _CAN_COPY and root.is_relative_to(path)):
            raise InvalidInput(
                f"SQL cannot write to {str(path)!r}: the files of the lake in {str(root)!r} change only by "
                "load, fetch and migrate. Choose a path outside; ATTACH can read a file with (READ_ONLY).",
                sql=statement.query,
            )


def _paths(
    con: duckdb.DuckDBPyConnection, statement: duckdb.Statement, params: dict[str, Any]
) -> Iterator[Path]:
    """Yield the paths that a statement would write to, without symbolic links."""
    tokens = _tokens(statement.query)
    if statement.type in _CAN_COPY:
        target = _after("TO", _after("COPY", tokens))
        if target and statement.type == StatementType.PREPARE and not target[0].is_text:
            raise InvalidInput("PREPARE of a COPY needs the path as a literal.", sql=statement.query)
        yield from _resolved(con, target, params)
    elif statement.type in _OPENS and not _only_reads(tokens):
        target = list(dropwhile(lambda token: token.kind in _WORDS, tokens))
        yield from _resolved(con, target, params)
    elif statement.type in _SETS and not any(token.is_word("VARIABLE") for token in tokens[1:2]):
        for text in filter(lambda token: token.is_text, tokens):
            for path in _resolved(con, [text], {}):
                # A value such as 'Europe/Berlin' is not a path.
                if path.exists() or ("/" in text.text and path.parent.exists()):
                    yield path


def _tokens(sql: str) -> list[_Token]:
    """Return the tokens of a statement without comments."""
    code = sql.encode()  # the tokenizer counts bytes
    starts = [*duckdb.tokenize(sql), (len(code), token_type.comment)]
    tokens, depth = [], 0
    for (start, kind), (end, _) in pairwise(starts):
        text = code[start:end].decode()
        depth -= text.startswith(")")
        if kind != token_type.comment:
            tokens.append(_Token(text, kind, depth))
        depth += text.startswith("(")
    return tokens


def _after(word: str, tokens: Sequence[_Token]) -> list[_Token]:
    """Return the tokens after a word that is outside parentheses."""
    return list(dropwhile(lambda token: token.depth or not token.is_word(word), tokens))[1:]


def _only_reads(tokens: Sequence[_Token]) -> bool:
    pairs = pairwise(tokens)
    return any(option.is_word("READ_ONLY") and value.code.upper() in _ON for option, value in pairs)


def _resolved(
    con: duckdb.DuckDBPyConnection, target: Sequence[_Token], params: dict[str, Any]
) -> Iterator[Path]:
    """Yield the path at the start of these tokens: a literal, a parameter, an expression or a name."""
    if not target:
        return
    first = target[0]
    if first.is_text:
        path = _evaluated(con, first.text, params)
    elif first.kind in _WORDS:
        path = _name(target).replace('"', "")
    elif first.code == "(":
        inside = takewhile(lambda token: token.depth, target[1:])
        path = _evaluated(con, f"({''.join(token.text for token in inside)})", params)
    else:
        path = _evaluated(con, "".join(token.text for token in target[:2]), params)  # $name
    if not path.startswith(":memory:"):
        yield Path(os.path.realpath(Path(_SCHEME.sub("", path)).expanduser()))


def _name(tokens: Sequence[_Token]) -> str:
    """Return the name at the start of these tokens, such as ``bars.csv``."""
    name = tokens[0].code
    for dot, word in zip(tokens[1::2], tokens[2::2], strict=False):
        if dot.code != ".":
            break
        name += f".{word.code}"
    return name


def _evaluated(con: duckdb.DuckDBPyConnection, expression: str, params: dict[str, Any]) -> str:
    query = f"SELECT {expression}"
    [statement] = con.extract_statements(query)
    values = {name: params[name] for name in statement.named_parameters if name in params}
    [(value,)] = con.execute(query, values).fetchall()
    return str(value)
