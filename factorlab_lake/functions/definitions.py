"""Read a user's own ratios: arithmetic over the documented inputs of factors."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from operator import add, mul, sub, truediv

from factorlab_lake.errors import InvalidInput, check_type, listed_names, nearest
from factorlab_lake.factors.formulas import FACTORS, Factor
from factorlab_lake.functions.question_texts import INPUTS, output_columns

__all__ = ["DEFINABLE", "chosen_factors"]

# The numerator of ev_to_ebitda is the one home of this sum.
_SHORTHANDS = {"enterprise_value": FACTORS["ev_to_ebitda"].numerator}
DEFINABLE = ("market_cap", "company_market_cap", *_SHORTHANDS, *INPUTS)
"""The names that a definition can use."""

_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_ARITHMETIC = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv}


def chosen_factors(names: Iterable[str] | None, define: Mapping[str, str] | None) -> tuple[Factor, ...]:
    """Return the chosen factors, without names all, and then each of a user's own that was not chosen.

    >>> [f.name for f in chosen_factors(["roe"], {"payout": "-dividends_paid / net_income"})]
    ['roe', 'payout']

    Raises :class:`InvalidInput` for an unknown name, or an expression that is no such arithmetic.
    """
    own = {name: _defined(name, text) for name, text in _texts_by_name(define).items()}
    known = {**FACTORS, **own}
    if names is None:
        return tuple(known.values())
    listed = listed_names(names, "factors", ", ".join(map(repr, own)) or "'pe_ratio'")
    for name in listed:
        if name not in known:
            raise InvalidInput(
                f"There is no factor {name!r}; expected some of {', '.join(known)}.{nearest(name, known)}",
                factor=name,
            )
    return tuple(known[name] for name in dict.fromkeys([*listed, *own]))


def _texts_by_name(define: Mapping[str, str] | None) -> Mapping[str, str]:
    if define is None:
        return {}
    example = "a dictionary such as {'ev_to_sales': 'enterprise_value / revenue'}"
    check_type(define, Mapping, "define", example)
    for text in (*define, *define.values()):
        check_type(text, str, "define", example)
    return define


def _defined(name: str, expression: str) -> Factor:
    taken = {*output_columns("factor_inputs"), *output_columns("factors"), *_SHORTHANDS}
    if not name.isidentifier() or not name.isascii() or name.lower() != name:
        raise InvalidInput(
            f"The factor {name!r} cannot have this name; use lower-case letters, digits and underscores.",
            factor=name,
        )
    if name in taken:
        raise InvalidInput(
            f"A factor cannot be called {name!r}, which is the name of another column; choose another name.",
            factor=name,
        )
    try:
        formula = _sql(ast.parse(expression.strip(), mode="eval").body, name, expression)
    except InvalidInput:
        raise
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _no_arithmetic(name, expression, "it cannot be read") from None
    return Factor(name, formula, "", f"defined as {expression}", "the caller")


def _sql(node: ast.expr, name: str, expression: str) -> str:
    """Return the SQL of one part of an expression."""
    if (constant := _constant(node)) is not None:
        return _double(constant)
    if isinstance(node, ast.Name):
        return _input(node.id, name)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"(-{_sql(node.operand, name, expression)})"
    if isinstance(node, ast.BinOp):
        left, right = _sql(node.left, name, expression), _sql(node.right, name, expression)
        if isinstance(node.op, ast.Div):
            return f"({left} / NULLIF({right}, 0))"
        if type(node.op) in _SIGNS:
            return f"({left} {_SIGNS[type(node.op)]} {right})"
    raise _no_arithmetic(name, expression, f"{ast.unparse(node)!r} is not allowed")


def _constant(node: ast.expr) -> float | None:
    """Return the value of numbers alone: engines compute 0.1 + 0.2 as decimals or as doubles.

    A division by zero is left to the engine, and a result that is not finite is none.
    """
    value: float | None = None
    if isinstance(node, ast.Constant) and _is_number(node.value):
        value = float(str(node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = None if (inner := _constant(node.operand)) is None else -inner
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _constant(node.left), _constant(node.right)
        if left is not None and right is not None and (right or not isinstance(node.op, ast.Div)):
            value = _ARITHMETIC[type(node.op)](left, right)
    return value if value is not None and math.isfinite(value) else None


def _double(value: float) -> str:
    """Return the literal of a double: without an exponent, DuckDB reads a decimal."""
    text = repr(value)
    return text if "e" in text else f"{text}e0"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _input(used: str, name: str) -> str:
    if used not in DEFINABLE:
        raise InvalidInput(
            f"The definition of {name!r} uses {used!r}, which is no input; the columns of factor_inputs are."
            f"{nearest(used, DEFINABLE)}",
            factor=name,
        )
    return f"({_SHORTHANDS[used]})" if used in _SHORTHANDS else used


def _no_arithmetic(name: str, expression: str, fault: str) -> InvalidInput:
    return InvalidInput(
        f"The definition of {name!r} is {expression!r}, but {fault}; expected inputs and numbers with "
        "+ - * / and parentheses, such as 'enterprise_value / revenue'.",
        factor=name,
    )
