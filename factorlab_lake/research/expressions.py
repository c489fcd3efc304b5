"""Read the condition of a screen: comparisons of factors, inputs and texts of profiles."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type, nearest
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.definitions import DEFINABLE
from factorlab_lake.query.universes import GROUPS

__all__ = ["NUMBERS", "TEXTS", "Condition"]

NUMBERS = (*FACTORS, *DEFINABLE)
"""The names that stand for a number: factors, and the inputs of factors."""
TEXTS = GROUPS
"""The names that stand for a text of the profile."""

_COMPARED: dict[type[ast.cmpop], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ast.Lt: lt, ast.LtE: le, ast.Gt: gt, ast.GtE: ge, ast.Eq: eq, ast.NotEq: ne,
}  # fmt: skip
_COMPUTED: dict[type[ast.operator], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ast.Add: add, ast.Sub: sub, ast.Mult: mul,
}  # fmt: skip


# Texts in quotes are matched first, so that words within them stay.
_WORD = re.compile(r"""'[^']*'|"[^"]*"|\b(?:AND|OR|NOT|IN)\b""")

_SINGLE_SIGN = re.compile(r"(?<![<>=!])=(?!=)|<>")  # how SQL compares


@dataclass
class Condition:
    """Hold the condition of a screen as an expression over columns, and the names that it uses.

    >>> Condition.of("pe_ratio < 15 and sector == 'Technology'").names
    ['pe_ratio', 'sector']
    """

    text: str
    names: list[str] = field(default_factory=list)
    expression: pl.Expr = field(default_factory=lambda: pl.lit(value=True))

    @classmethod
    def of(cls, text: str) -> Condition:
        """Return the condition that a text states; raise :class:`InvalidInput` for any other text."""
        check_type(text, str, "expression", "a condition such as 'pe_ratio < 15 and roe > 0.15'")
        condition = cls(text)
        try:
            condition.expression = condition._truth(
                ast.parse(_in_small_letters(text.strip()), mode="eval").body
            )
        except InvalidInput:
            raise
        except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
            like_sql = _SINGLE_SIGN.search(text) is not None
            hint = "; equal is == and different is !=" if like_sql else ""
            raise condition._refused(f"it cannot be read{hint}") from None
        return condition

    def _truth(self, node: ast.expr) -> pl.Expr:
        """Return the expression of a comparison, or of several with and, or and not."""
        if isinstance(node, ast.BoolOp):
            return reduce(and_ if isinstance(node.op, ast.And) else or_, map(self._truth, node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self._truth(node.operand)
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = zip(sides, node.ops, sides[1:], strict=False)
            return reduce(and_, [self._comparison(*pair) for pair in pairs])
        raise self._refused(f"{ast.unparse(node)!r} is no comparison")

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> pl.Expr:
        if isinstance(left, ast.Name) and left.id in TEXTS:
            return self._text_comparison(left.id, operator, right)
        if type(operator) in _COMPARED:
            return _COMPARED[type(operator)](self._number(left), self._number(right))
        raise self._refused(f"{ast.unparse(left)!r} can be compared by < <= > >= == and != alone")

    def _text_comparison(self, name: str, operator: ast.cmpop, right: ast.expr) -> pl.Expr:
        listed = right.elts if isinstance(right, ast.List | ast.Tuple | ast.Set) else [right]
        texts = [part.value for part in listed if isinstance(part, ast.Constant)]
        is_list = isinstance(operator, ast.In | ast.NotIn)
        if (
            len(texts) < len(listed)
            or not all(isinstance(text, str) for text in texts)
            or is_list is isinstance(right, ast.Constant)
            or not isinstance(operator, ast.In | ast.NotIn | ast.Eq | ast.NotEq)
        ):
            raise self._refused(f"{name} is a text; compare it as in {name} == 'x' or {name} in ['x', 'y']")
        equal = self._column(name).is_in(texts)
        return ~equal if isinstance(operator, ast.NotIn | ast.NotEq) else equal

    def _number(self, node: ast.expr) -> pl.Expr:
        """Return the expression of a number: a constant, a name, or arithmetic over them."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            if isinstance(node.value, bool) or not math.isfinite(node.value):
                raise self._refused(f"{node.value!r} is no number")
            return pl.lit(float(node.value))
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._number(node.operand)
        if isinstance(node, ast.BinOp):
            left, right = self._number(node.left), self._number(node.right)
            if isinstance(node.op, ast.Div):
                return pl.when(right != 0).then(left / right)
            if type(node.op) in _COMPUTED:
                return _COMPUTED[type(node.op)](left, right)
        raise self._refused(f"{ast.unparse(node)!r} is not allowed")

    def _name(self, name: str) -> pl.Expr:
        if name in NUMBERS:
            return self._column(name)
        known = [*NUMBERS, *TEXTS]
        raise InvalidInput(
            f"The expression uses {name!r}, which is neither a factor nor an input of factors."
            f"{nearest(name, known)}",
            name=name,
        )

    def _column(self, name: str) -> pl.Expr:
        if name not in self.names:
            self.names.append(name)
        return pl.col(name)

    def _refused(self, fault: str) -> InvalidInput:
        shown = self.text if len(self.text) <= 200 else f"{self.text[:200]}…"  # noqa: PLR2004 - fits a line
        return InvalidInput(
            f"The expression is {shown!r}, but {fault}; expected comparisons of factors and inputs, such as "
            "'pe_ratio < 15 and roe > 0.15', joined by and, or and not.",
            expression=self.text,
        )


def _in_small_letters(text: str) -> str:
    """Return a condition with the words of SQL as Python has them.

    >>> _in_small_letters("roe > 0.1 AND NOT sector IN ('AND', 'x')")
    "roe > 0.1 and not sector in ('AND', 'x')"
    """
    return _WORD.sub(lambda match: match[0] if match[0][0] in "'\"" else match[0].lower(), text)
