"""Reject SQL of a user that would write into the lake's folder.

A user's tables and views are in a database of their own, so they cannot change an answer of the lake. But any
database can write files. DuckDB's parser and tokenizer find the statements that do, and their paths.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import dropwhile, groupby, pairwise, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from duckdb import StatementType, token_type

from factorlab_lake.errors import InvalidInput

__all__ = ["reject_logs", "reject_write"]

_CAN_COPY = (StatementType.COPY, StatementType.EXPLAIN, StatementType.PREPARE)
_OPENS = (StatementType.ATTACH, StatementType.EXPORT)
_SETS = (StatementType.SET, StatementType.CALL, StatementType.PRAGMA)
_WORDS = (token_type.keyword, token_type.identifier)
_ON = {")", ",", "TRUE", "1"}  # can follow READ_ONLY in the options of ATTACH
_CODE = re.compile(r'"[^"]*"|\w+|.')
# Settings and arguments whose value is a path.
_PATH_SETTING = re.compile(r"path|directory|output|location", re.IGNORECASE)
_WRITING_FUNCTIONS = ("enable_logging", "enable_profile", "enable_profiling")
_NAMES_WRITE = re.compile(r"\b(?:copy|enable_logging|enable_profil\w*)\b", re.IGNORECASE)
_NAMES_LOG = re.compile(r"\benable_(?:logging|profil)", re.IGNORECASE)
_CONSTANTS = ("TRUE", "FALSE", "NULL")
_PUNCTUATION = ("=", ":", ":=", "=>", ">", ",", "(", ")", "{", "}", "[", "]")
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

    def is_name(self, name: str) -> bool:
        """Return whether this is a name, quoted or not, in any case."""
        return self.kind in _WORDS and self.code.strip('"').lower() == name

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


def reject_logs(statement: duckdb.Statement) -> None:
    """Raise :class:`InvalidInput` if a statement starts a log or a profile.

    DuckDB 1.5 allows this with locked settings. It then fails to write the log at each later query.
    """
    if _NAMES_LOG.search(statement.query):
        raise InvalidInput(
            "The sandbox refuses the query: it can start no log or profile.", sql=statement.query
        )


def _paths(
    con: duckdb.DuckDBPyConnection, statement: duckdb.Statement, params: dict[str, Any]
) -> Iterator[Path]:
    """Yield the paths that a statement would write to, without symbolic links."""
    if statement.type not in (*_CAN_COPY, *_OPENS, *_SETS) and not _NAMES_WRITE.search(statement.query):
        return
    tokens = _tokens(statement.query)
    first_words = [token.code.upper() for token in tokens[:2]]
    if first_words == ["IMPORT", "DATABASE"] or any(t.is_name("import_database") for t in tokens):
        raise InvalidInput(
            "IMPORT DATABASE runs two files of SQL unchecked; run those of schema.sql and load.sql instead.",
            sql=statement.query,
        )
    if statement.type in _CAN_COPY:
        target = _after("TO", _after("COPY", tokens))
        if target and statement.type == StatementType.PREPARE and not target[0].is_text:
            raise InvalidInput("PREPARE of a COPY needs the path as a literal.", sql=statement.query)
        yield from _copied(con, target, params)
    elif statement.type in _OPENS and not _only_reads(tokens):
        target = list(dropwhile(lambda token: token.kind in _WORDS, tokens))
        yield from _resolved(con, target, params)
    elif statement.type in _SETS and not any(token.is_word("VARIABLE") for token in tokens[1:2]):
        yield from _set(con, tokens)
    yield from _nested(con, tokens, params)


def _copied(
    con: duckdb.DuckDBPyConnection, target: Sequence[_Token], params: dict[str, Any]
) -> Iterator[Path]:
    """Yield the path after COPY … TO; the options that make names of files must not have a path."""
    for option, value in pairwise(target):
        if option.is_name("filename_pattern") or option.is_name("file_extension"):
            name = _evaluated(con, value.text, params) if value.is_text else "/"
            if not {"/", "\\"}.isdisjoint(name):
                raise InvalidInput(f"{option.code} must be a literal without a path, but is {value.text!r}.")
    yield from _resolved(con, target, params)


def _set(con: duckdb.DuckDBPyConnection, tokens: Sequence[_Token]) -> Iterator[Path]:
    """Yield the paths among the values of a setting or a call."""
    value = list(dropwhile(lambda token: token.code not in ("=", "TO"), tokens))[1:]
    is_setting = bool(value) and value[0].depth == 0
    names_path = is_setting and any(_PATH_SETTING.search(token.code) for token in tokens[: -len(value)])
    if is_setting and len(value) == 1 and value[0].kind in _WORDS:
        texts = [value[0].code.strip('"')]
    elif is_setting and (len(value) > 1 or not value[0].is_text):
        texts = [_evaluated(con, _text_of(value), {})]
    else:
        texts = [_evaluated(con, _text_of(run), {}) for run in _runs_of_text(tokens)]
    for text in texts:
        path = _real(text)
        # A value such as 'Europe/Berlin' is not a path.
        if names_path or path.exists() or ("/" in text and path.parent.exists()):
            yield path


def _nested(
    con: duckdb.DuckDBPyConnection, tokens: Sequence[_Token], params: dict[str, Any]
) -> Iterator[Path]:
    """Yield the paths that parts of any statement write to: a COPY in WITH, a function, a text with SQL."""
    for place, token in enumerate(tokens):
        if token.is_word("COPY") and place and tokens[place - 1].code == "(":
            yield from _copied(con, _after("TO", _inside(tokens, place)), params)
        elif any(token.is_name(name) for name in _WRITING_FUNCTIONS):
            yield from _logged(con, token, list(takewhile(lambda t: t.depth, _inside(tokens, place)[1:])))
        elif token.is_text and _NAMES_WRITE.search(token.text):
            with suppress(duckdb.ParserException):  # a text that is no SQL
                for statement in con.extract_statements(_evaluated(con, token.text, {})):
                    yield from _paths(con, statement, {})


def _logged(con: duckdb.DuckDBPyConnection, function: _Token, arguments: Sequence[_Token]) -> Iterator[Path]:
    """Yield the paths among the arguments of a function that writes a log or a profile."""
    for token, after in pairwise([*arguments, function]):
        is_name = token.kind in _WORDS and after.code in ("=", ":", ":=", "=>")
        is_value = token.is_text or token.kind == token_type.numeric_const or token.code.upper() in _CONSTANTS
        if not (is_name or is_value or token.code in _PUNCTUATION):
            raise InvalidInput(
                f"The arguments of {function.code} must be literals, but one is {token.code!r}."
            )
    for place, value in enumerate(arguments):
        named = arguments[max(place - 2, 0)]
        if value.is_text and ("/" in value.text or _PATH_SETTING.search(named.code)):
            yield from _resolved(con, [value], {})


def _inside(tokens: Sequence[_Token], place: int) -> list[_Token]:
    """Return the tokens after a place within the same parentheses, as if these were not there."""
    depth = tokens[place].depth
    inside: list[_Token] = []
    for token in tokens[place + 1 :]:
        if token.depth < depth:
            break
        inside.append(token._replace(depth=token.depth - depth))
    return inside


def _runs_of_text(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Yield the string literals; literals on following lines continue one."""
    for is_text, run in groupby(tokens, lambda token: token.is_text):
        if is_text:
            yield list(run)


def _text_of(tokens: Iterable[_Token]) -> str:
    return "".join(token.text for token in tokens)


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
        path = _evaluated(con, _text_of(next(_runs_of_text(target))), params)
    elif first.kind in _WORDS:
        path = _name(target).replace('"', "")
    elif first.code == "(":
        inside = takewhile(lambda token: token.depth, target[1:])
        path = _evaluated(con, f"({_text_of(inside)})", params)
    else:
        path = _evaluated(con, _text_of(target[:2]), params)  # $name
    if not path.startswith(":memory:"):
        yield _real(path)


def _real(path: str) -> Path:
    return Path(os.path.realpath(Path(_SCHEME.sub("", path)).expanduser()))


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
