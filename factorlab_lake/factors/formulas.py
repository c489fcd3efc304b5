"""The factors as data: ``factors.csv`` holds each formula once; SQL, explanations and docs come from it."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from factorlab_lake.schema import STATEMENT_TYPES, Column, line_items

__all__ = ["FACTORS", "YEAR_BEFORE", "Factor", "Input", "factor_inputs"]

YEAR_BEFORE = "_year_before"
_NAME = re.compile(r"\b[a-z_]+\b")
_OPTIONAL = re.compile(r"coalesce\((\w+), 0\)")
_FUNCTIONS = {"coalesce", "least", "greatest"}
_MARKET_CAP = Column("market_cap", "number", "see market_caps", unit="currency")
_SHARES = "weighted_average_shares_outstanding"


@dataclass(frozen=True, slots=True)
class Input:
    """A figure that formulas use: a line item of a statement, the market capitalisation or a share count."""

    name: str
    statement_type: str  # "" for the market capitalisation
    column: Column
    years_back: int

    @property
    def has_currency(self) -> bool:
        """False for share counts, which meet anything."""
        return self.column.unit != "shares"


@dataclass(frozen=True, slots=True)
class Factor:
    """A formula: numerator over denominator, in SQL over the names of inputs; the denominator must be > 0."""

    name: str
    numerator: str
    denominator: str
    meaning: str
    source: str

    @property
    def formula(self) -> str:
        """The formula in one line."""
        return f"{_bracketed(self.numerator)} / {_bracketed(self.denominator)}"

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Every input, in the order in which the formula names them."""
        return tuple(factor_input(name) for name in _names(self.formula))

    @property
    def required(self) -> tuple[Input, ...]:
        """The inputs without which the factor is NULL; the others count as 0 where they are not reported."""
        optional = set(_OPTIONAL.findall(self.formula))
        return tuple(i for i in self.inputs if i.name not in optional)


@cache
def factor_input(name: str) -> Input:
    """Return an input by its name: a line item, ``shares`` or ``market_cap``, perhaps of a year before."""
    plain = name.removesuffix(YEAR_BEFORE)
    years_back = int(plain != name)
    if plain == "market_cap":
        return Input(name, "", _MARKET_CAP, years_back)
    statement_type, column = _line_item(_SHARES if plain == "shares" else plain)
    return Input(name, statement_type, column, years_back)


def _line_item(name: str) -> tuple[str, Column]:
    """Find a line item by its name in ``ttm``: cash flow items that income has too end in _cash_flow."""
    for statement_type in STATEMENT_TYPES:
        for column in line_items(statement_type):
            if column.name == name:
                return statement_type, column
    [cash_flow] = [c for c in line_items("cash_flow") if f"{c.name}_cash_flow" == name]
    return "cash_flow", cash_flow


def factor_inputs() -> tuple[Input, ...]:
    """Return every input of any factor, once."""
    return tuple(dict.fromkeys(i for factor in FACTORS.values() for i in factor.inputs))


def _names(expression: str) -> list[str]:
    return list(dict.fromkeys(n for n in _NAME.findall(expression) if n not in _FUNCTIONS))


def _bracketed(expression: str) -> str:
    return expression if _NAME.fullmatch(expression) else f"({expression})"


def _read() -> dict[str, Factor]:
    text = files(__package__).joinpath("factors.csv").read_text(encoding="utf-8")
    return {row["factor"]: Factor(*row.values()) for row in csv.DictReader(text.splitlines())}


FACTORS = _read()
