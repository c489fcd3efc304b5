"""Evaluate portable SQL with numpy over the rows that the index looked up.

A column is computed once, when it is read. Numbers are arrays with a mask of the rows that are not NULL.
Texts are places in one list of texts, -1 for NULL. An SQL engine plans each query; here a text is parsed
once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from factorlab_lake.index.answer_columns import Column, Mask, Numbers, Texts, Vocabulary
from factorlab_lake.index.portable_sql import Case, Expression, Literal, Name, Operation, Select, parse
from factorlab_lake.index.tiles import Array

__all__ = ["Columns", "Relation", "run"]

_TRUE, _FALSE = np.True_, np.False_
Columns: TypeAlias = Mapping[str, Column | Callable[[], Column]]
_NO_TEXT = Texts(np.int32(-1))


class Relation:
    """Represent rows with columns that are computed when they are read.

    ``columns`` has them as values or as functions without arguments. Other columns are those of ``source``,
    or some ``rows`` of them.
    """

    def __init__(
        self,
        height: int,
        vocabulary: Vocabulary,
        columns: Columns,
        *,
        source: Relation | None = None,
        rows: Array | None = None,
    ) -> None:
        self.height = height
        self.vocabulary = vocabulary
        self._columns = dict(columns)
        self._source = source
        self._rows = rows
        # By the identity of expressions, which the entries keep alive.
        self._values: dict[int, tuple[Expression, Column]] = {}
        self._masks: dict[tuple[int, bool], tuple[Expression, Mask]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns, those of the source first."""
        passed = () if self._source is None else self._source.names
        return tuple(dict.fromkeys([*passed, *self._columns]))

    def column(self, name: str) -> Column:
        """Return a column."""
        column = self._columns.get(name)
        if column is None:
            if self._source is None:
                raise ValueError(f"portable SQL reads the column {name}, which does not exist")
            column = self._source.column(name)
            if self._rows is not None:
                column = column.take(self._rows)
            self._columns[name] = column
        elif callable(column):
            column = self._columns[name] = column()
        return column

    def take(self, rows: Array) -> Relation:
        """Return some rows as a relation."""
        return Relation(len(rows), self.vocabulary, {}, source=self, rows=rows)

    def replaced(self, columns: Columns) -> Relation:
        """Return the relation with some columns replaced."""
        return Relation(self.height, self.vocabulary, columns, source=self)

    def select(self, step: Select) -> Relation:
        """Return the relation of a SELECT over this one."""
        columns = {name: _Computed(self, value) for name, value in step.columns.items()}
        source = self if step.passes_on else None
        return Relation(self.height, self.vocabulary, columns, source=source)

    def value(self, expression: Expression) -> Column:
        """Return the value of an expression."""
        if isinstance(expression, Name):
            return self.column(expression.name)
        known = self._values.get(id(expression))
        if known is None:
            known = self._values[id(expression)] = (expression, self._value(expression))
        return known[1]

    def _value(self, expression: Expression) -> Column:
        if isinstance(expression, Literal):
            return self._literal(expression.value)
        if isinstance(expression, Case):
            return self._case(expression)
        if isinstance(expression, Operation) and expression.name in _VALUES:
            return _VALUES[expression.name](self, [self.value(a) for a in expression.arguments])
        true = self.truth(expression)
        return Numbers(true, true | self.truth(expression, outcome=False))

    def _literal(self, value: float | str | None) -> Column:
        if value is None:
            return Numbers(0, _FALSE)
        return Texts(np.int32(self.vocabulary.place(value))) if isinstance(value, str) else Numbers(value)

    def _case(self, case: Case) -> Column:
        """Return the value of a CASE; a text that no row needs is not composed."""
        answer = self.value(case.otherwise)
        for condition, value in reversed(case.branches):
            mask = self.truth(condition)
            no_row = _is_text(value) and not mask.any()
            answer = _chosen(mask, _NO_TEXT if no_row else self.value(value), answer)
        return answer

    def truth(self, expression: Expression, *, outcome: bool = True) -> Mask:
        """Return the rows in which a condition is true (or false, for this outcome); it can be NULL."""
        key = (id(expression), outcome)
        known = self._masks.get(key)
        if known is None:
            known = self._masks[key] = (expression, self._truth(expression, outcome=outcome))
        return known[1]

    def _truth(self, expression: Expression, *, outcome: bool) -> Mask:
        if isinstance(expression, Operation) and expression.name in _CONDITIONS:
            return _CONDITIONS[expression.name](self, expression.arguments, outcome)
        if isinstance(expression, Operation) and expression.name in _COMPARISONS:
            left, right = map(self.value, expression.arguments)
            return _compared(expression.name, left, right, outcome=outcome) & left.mask & right.mask
        if isinstance(expression, Name):
            flags = _numbers(self.column(expression.name))
            return (flags.values if outcome else ~flags.values) & flags.mask
        raise ValueError(f"portable SQL cannot use {expression} as a condition")


@dataclass(slots=True)
class _Computed:
    """Compute an expression over another relation."""

    source: Relation
    value: Expression

    def __call__(self) -> Column:
        return self.source.value(self.value)


def run(text: str, **relations: Relation) -> Relation:
    """Return the answer of a portable SQL text over one relation, which has the name that the text reads."""
    answer: Relation | None = None
    for step in parse(text):
        answer = (relations[step.source] if step.source in relations else _last(answer)).select(step)
        relations[step.name] = answer
    return _last(answer)


def _last(answer: Relation | None) -> Relation:
    if answer is None:
        raise ValueError("portable SQL reads a relation that does not exist")
    return answer


def _no_number() -> Any:
    raise ValueError("portable SQL has a text where a number is expected")


def _numbers(column: Column) -> Numbers:
    return column if isinstance(column, Numbers) else _no_number()


def _known(*columns: Numbers) -> Mask | None:
    masks = [c.known for c in columns if c.known is not None]
    return reduce(np.logical_and, masks) if masks else None


def _chosen(condition: Mask, yes: Column, no: Column) -> Column:
    """Return one of two values in each row."""
    if isinstance(yes, Texts) or isinstance(no, Texts):
        if yes is no:
            return no
        return Texts(np.where(condition, _codes(yes), _codes(no)))
    if no.known is _FALSE:
        return Numbers(yes.values, condition if yes.known is None else condition & yes.known, yes.computed)
    known = None if yes.known is None and no.known is None else np.where(condition, yes.mask, no.mask)
    return Numbers(np.where(condition, yes.values, no.values), known, yes.computed or no.computed)


def _is_text(expression: Expression) -> bool:
    """Return whether an expression composes a text."""
    if isinstance(expression, Operation):
        return expression.name in ("||", "SUBSTR") or any(map(_is_text, expression.arguments))
    return False


def _codes(column: Column) -> Any:
    """Return the codes of texts; NULL has no type of its own."""
    if isinstance(column, Texts):
        return column.codes
    return np.int32(-1) if column.known is _FALSE else _no_number()


def _compared(name: str, left: Column, right: Column, *, outcome: bool) -> Mask:
    """Compare values without a look at NULL: NaN equals itself and is greater than all numbers, as in SQL."""
    if isinstance(left, Texts) or isinstance(right, Texts):
        if name not in ("=", "<>"):
            raise ValueError("portable SQL compares texts by = and <> alone")
        return (_codes(left) == _codes(right)) == ((name == "=") == outcome)
    one, other = left.values, right.values
    if not (_has_nan(left) or _has_nan(right)):
        holds = _COMPARISONS[name](one, other)
        return holds if outcome else ~holds
    nan = np.isnan(one), np.isnan(other)
    greater = (one > other) | (nan[0] & ~nan[1])
    equal = (one == other) | (nan[0] & nan[1])
    holds = {"=": equal, "<>": ~equal, ">": greater, ">=": greater | equal, "<=": ~greater}.get(name)
    holds = ~(greater | equal) if holds is None else holds
    return holds if outcome else ~holds


def _has_nan(column: Numbers) -> bool:
    return column.computed and bool(np.isnan(column.values).any())


Arguments: TypeAlias = tuple[Expression, ...]


def _and(relation: Relation, arguments: Arguments, outcome: bool) -> Mask:  # noqa: FBT001
    left, right = (relation.truth(a, outcome=outcome) for a in arguments)
    return left & right if outcome else left | right


def _or(relation: Relation, arguments: Arguments, outcome: bool) -> Mask:  # noqa: FBT001
    left, right = (relation.truth(a, outcome=outcome) for a in arguments)
    return left | right if outcome else left & right


def _not(relation: Relation, arguments: Arguments, outcome: bool) -> Mask:  # noqa: FBT001
    return relation.truth(arguments[0], outcome=not outcome)


def _is_null(relation: Relation, arguments: Arguments, outcome: bool) -> Mask:  # noqa: FBT001
    known = relation.value(arguments[0]).mask
    return ~known if outcome else known


def _is_not_null(relation: Relation, arguments: Arguments, outcome: bool) -> Mask:  # noqa: FBT001
    return _is_null(relation, arguments, not outcome)


def _first_known(relation: Relation, arguments: Arguments, outcome: bool) -> Mask:  # noqa: FBT001
    mask = relation.truth(arguments[-1], outcome=outcome)
    for argument in reversed(arguments[:-1]):
        other = relation.truth(argument, outcome=not outcome)
        mask = relation.truth(argument, outcome=outcome) | (mask & ~other)
    return mask


_CONDITIONS: dict[str, Callable[[Relation, Arguments, bool], Mask]] = {
    "AND": _and,
    "OR": _or,
    "NOT": _not,
    "TRUE": lambda _relation, _arguments, outcome: np.bool_(outcome),
    "FALSE": lambda _relation, _arguments, outcome: np.bool_(not outcome),
    "IS NULL": _is_null,
    "IS NOT NULL": _is_not_null,
    "COALESCE": _first_known,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[Relation, list[Column]], Column]:
    def compute(relation: Relation, arguments: list[Column]) -> Column:
        del relation
        left, right = map(_numbers, arguments)
        return Numbers(operation(left.values, right.values), _known(left, right), computed=True)

    return compute


def _negative(relation: Relation, arguments: list[Column]) -> Column:
    del relation
    value = _numbers(arguments[0])
    return Numbers(np.negative(value.values), value.known, value.computed)


def _joined(relation: Relation, arguments: list[Column]) -> Column:
    left, right = map(_codes, arguments)
    return Texts(relation.vocabulary.joined(left, right))


def _coalesce(relation: Relation, arguments: list[Column]) -> Column:
    del relation
    answer = arguments[-1]
    for argument in reversed(arguments[:-1]):
        answer = _chosen(argument.mask, argument, answer)
    return answer


def _nullif(relation: Relation, arguments: list[Column]) -> Column:
    del relation
    value, excluded = arguments
    same = _compared("=", value, excluded, outcome=True) & excluded.mask
    if isinstance(value, Texts):
        return Texts(np.where(same, np.int32(-1), value.codes))
    return Numbers(value.values, value.mask & ~same, value.computed)


def _substring(relation: Relation, arguments: list[Column]) -> Column:
    start = _numbers(arguments[1]).values - 1
    return Texts(relation.vocabulary.changed(_codes(arguments[0]), lambda text: text[start:]))


def _extreme(operation: Callable[[Any, Any], Any]) -> Callable[[Relation, list[Column]], Column]:
    def compute(relation: Relation, arguments: list[Column]) -> Column:
        del relation
        numbers = [_numbers(a) for a in arguments]
        return Numbers(reduce(operation, [n.values for n in numbers]), _known(*numbers), computed=True)

    return compute


_VALUES: dict[str, Callable[[Relation, list[Column]], Column]] = {
    "+": _arithmetic(np.add),
    "-": _arithmetic(np.subtract),
    "*": _arithmetic(np.multiply),
    "/": _arithmetic(np.true_divide),
    "negative": _negative,
    "||": _joined,
    "COALESCE": _coalesce,
    "NULLIF": _nullif,
    "SUBSTR": _substring,
    "GREATEST": _extreme(np.maximum),
    "LEAST": _extreme(np.minimum),
}
