"""Parse the portable SQL of the questions into expressions that the index evaluates with numpy.

The grammar is the subset of SQL that the texts in ``functions/`` use. A text is ``SELECT … FROM relation``,
with other SELECTs before it in ``WITH``. Expressions have arithmetic, comparisons, CASE and a few functions.
Any other text raises ValueError. An SQL library reads all of SQL, but its import takes longer than the first
answers of a process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

__all__ = [
    "Case",
    "Expression",
    "Literal",
    "Name",
    "Operation",
    "Select",
    "names_in",
    "parse",
]


@dataclass(frozen=True, slots=True)
class Literal:
    """Represent a number, a text or NULL; TRUE and FALSE are calls without arguments."""

    value: float | int | str | None


@dataclass(frozen=True, slots=True)
class Name:
    """Represent a column of the relation."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Represent an operator or a function, such as ``+``, ``IS NULL`` or ``COALESCE``, with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Represent a CASE: conditions with their values, and the value where no condition is true."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


Expression: TypeAlias = Literal | Name | Operation | Case


@dataclass(frozen=True, slots=True)
class Select:
    """Represent a SELECT: its columns, the relation that it reads, and whether it passes its columns on."""

    name: str
    columns: dict[str, Expression]
    source: str
    passes_on: bool


NULL = Literal(None)
_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*)|"(?P<quoted>[^"]+)"|'(?P<text>(?:[^']|'')*)'"""
    r"""|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign>\|\||<=|>=|<>|[-+*/(),=<>])"""
)
_END = ("end", "")
# Operators of two arguments, from the weakest to the strongest; NOT and IS stand between the first three.
_LEVELS = (("OR",), ("AND",), ("=", "<>", "<=", ">=", "<", ">"), ("||",), ("+", "-"), ("*", "/"))
_NOT_AFTER = 2  # NOT is stronger than AND and weaker than a comparison
FUNCTIONS = ("COALESCE", "NULLIF", "GREATEST", "LEAST", "SUBSTR")
_CONSTANTS: dict[str, Expression] = {
    "NULL": NULL,
    "TRUE": Operation("TRUE", ()),
    "FALSE": Operation("FALSE", ()),
}
_RESERVED = {"SELECT", "FROM", "AS", "WHEN", "THEN", "ELSE", "END", "CASE", "WITH", "AND", "OR", "NOT", "IS"}


@lru_cache(maxsize=256)
def parse(text: str) -> tuple[Select, ...]:
    """Return the SELECTs of a text in their order; each reads the relation given or the one before it.

    >>> [step] = parse("SELECT a + 1 AS b FROM facts")
    >>> step.columns
    {'b': Operation(name='+', arguments=(Name(name='a'), Literal(value=1)))}
    """
    return _Parser(text).query()


@lru_cache(maxsize=256)
def names_in(text: str) -> frozenset[str]:
    """Return the columns that a text reads of its relation.

    >>> sorted(names_in("WITH x AS (SELECT *, a + 1 AS b FROM facts) SELECT b, c FROM x"))
    ['a', 'c']
    """
    names: set[str] = set()
    computed: set[str] = set()
    for step in parse(text):
        names |= {name for value in step.columns.values() for name in _names(value)} - computed
        computed |= step.columns.keys()
    return frozenset(names)


def _names(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Operation):
        yield from chain.from_iterable(map(_names, expression.arguments))
    elif isinstance(expression, Case):
        parts = (*chain.from_iterable(expression.branches), expression.otherwise)
        yield from chain.from_iterable(map(_names, parts))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(text[place : place + 40])
        place = match.end()
        kind = str(match.lastgroup)
        if kind != "skip":
            yield kind, match[kind]
    yield _END


def _single(kind: str, text: str) -> Expression:
    """Return the expression of one token: a number, a text, a constant or a column."""
    if kind == "number":
        return Literal(int(text) if text.isdigit() else float(text))
    if kind == "text":
        return Literal(text.replace("''", "'"))
    return _CONSTANTS.get(text.upper(), Name(text)) if kind == "word" else Name(text)


class _Parser:
    """Read one text by recursive descent."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._known: dict[Expression, Expression] = {}

    def query(self) -> tuple[Select, ...]:
        """Read a whole text."""
        steps: list[Select] = []
        while self._take("WITH") or (steps and self._take(",")):
            name = self.expect("word", "quoted")
            self.expect("AS")
            self.expect("(")
            steps.append(self._select(name))
            self.expect(")")
        steps.append(self._select(""))
        self.expect(_END[0])
        return tuple(steps)

    def _select(self, name: str) -> Select:
        self.expect("SELECT")
        columns: dict[str, Expression] = {}
        passes_on = self._take("*")
        while (not passes_on and not columns) or self._take(","):
            value = self.expression()
            if self._take("AS"):
                columns[self.expect("word", "quoted")] = value
            elif isinstance(value, Name):
                columns[value.name] = value
            else:
                raise self._error("AS and the name of a column")
        self.expect("FROM")
        return Select(name, columns, self.expect("word", "quoted"), passes_on)

    def expression(self, level: int = 0) -> Expression:
        """Read an expression of operators of this level or stronger ones."""
        if level == len(_LEVELS):
            return self._operand()
        if level == _NOT_AFTER and self._take("NOT"):
            return self._same(Operation("NOT", (self.expression(level),)))
        left = self.expression(level + 1)
        while True:
            if level == _NOT_AFTER and self._take("IS"):
                test = "IS NOT NULL" if self._take("NOT") else "IS NULL"
                self.expect("NULL")
                left = self._same(Operation(test, (left,)))
            elif (sign := self._upper()) in _LEVELS[level] and self._is_code():
                self._place += 1
                left = self._same(Operation(sign, (left, self.expression(level + 1))))
            else:
                return left

    def _operand(self) -> Expression:
        if self._take("-"):
            return self._same(Operation("negative", (self._operand(),)))
        if self._take("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self._take("CASE"):
            return self._case()
        kind, text = self._tokens[self._place]
        if kind in ("end", "sign") or (kind == "word" and text.upper() in _RESERVED):
            raise self._error("a value")
        self._place += 1
        return self._call(text.upper()) if kind == "word" and self._take("(") else _single(kind, text)

    def _call(self, name: str) -> Expression:
        if name not in FUNCTIONS:
            raise ValueError(f"{name} is not a function of portable SQL, which has {', '.join(FUNCTIONS)}")
        arguments = [self.expression()]
        while self._take(","):
            arguments.append(self.expression())
        self.expect(")")
        return self._same(Operation(name, tuple(arguments)))

    def _case(self) -> Expression:
        branches = []
        while self._take("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append((condition, self.expression()))
        otherwise = self.expression() if self._take("ELSE") else NULL
        self.expect("END")
        return self._same(Case(tuple(branches), otherwise))

    def _same(self, expression: Expression) -> Expression:
        """Return the expression that was read before, if there is an equal one: it is evaluated once."""
        return self._known.setdefault(expression, expression)

    def _is_code(self) -> bool:
        return self._tokens[self._place][0] in ("word", "sign")

    def _upper(self) -> str:
        return self._tokens[self._place][1].upper()

    def _peek(self, word: str) -> bool:
        return self._is_code() and self._upper() == word

    def _take(self, word: str) -> bool:
        present = self._peek(word)
        self._place += present
        return present

    def expect(self, *kinds: str) -> str:
        """Read a token of some kinds, or a keyword or sign, and return its text."""
        kind, text = self._tokens[self._place]
        if kind in kinds or (self._is_code() and text.upper() in kinds):
            self._place += 1
            return text
        raise self._error(" or ".join(kinds))

    def _error(self, expected: str) -> ValueError:
        rest = " ".join(text for _, text in self._tokens[self._place : self._place + 8])
        return ValueError(f"portable SQL has {rest!r} where {expected} is expected")
