"""Read the factors from ``factors.csv``, the one home of each formula for SQL, explanations and docs."""

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
_FUNCTIONS = {"coalesce", "least", "greatest", "nullif"}
_CAPS = {
    "market_cap": Column("market_cap", "number", "see market_caps", unit="currency"),
    "company_market_cap": Column("company_market_cap", "number", "see company_market_caps", unit="currency"),
}
_SHARES = "weighted_average_shares_outstanding"


@dataclass(frozen=True, slots=True)
class Input:
    """Represent an input of formulas: a line item of a statement, a market cap or a share count."""

    name: str
    statement_type: str  # "" for a market capitalisation
    column: Column
    years_back: int

    @property
    def has_currency(self) -> bool:
        """Return False for share counts: a formula can combine them with amounts in any currency."""
        return self.column.unit != "shares"


@dataclass(frozen=True, slots=True)
class Factor:
    """Represent a formula: a numerator over a positive denominator, both SQL over the names of inputs.

    A factor that a user defines has no denominator: its divisions are part of the numerator.
    """

    name: str
    numerator: str
    denominator: str
    meaning: str
    source: str

    @property
    def formula(self) -> str:
        """Return the formula in one line."""
        if not self.denominator:
            return self.numerator
        return f"{_bracketed(self.numerator)} / {_bracketed(self.denominator)}"

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return every input, in the order of the formula."""
        return tuple(factor_input(name) for name in _names(self.formula))

    @property
    def required(self) -> tuple[Input, ...]:
        """Return the inputs without which the factor is NULL; the others count as 0 if not reported."""
        optional = set(_OPTIONAL.findall(self.formula))
        return tuple(i for i in self.inputs if i.name not in optional)


@cache
def factor_input(name: str) -> Input:
    """Return an input by its name: a line item, ``shares`` or a market cap, also with ``_year_before``."""
    plain = name.removesuffix(YEAR_BEFORE)
    years_back = int(plain != name)
    if plain in _CAPS:
        return Input(name, "", _CAPS[plain], years_back)
    statement_type, column = _line_item(_SHARES if plain == "shares" else plain)
    return Input(name, statement_type, column, years_back)


def _line_item(name: str) -> tuple[str, Column]:
    """Return a line item by its name in ``ttm``; ``_cash_flow`` ends names that income has too."""
    for statement_type in STATEMENT_TYPES:
        for column in line_items(statement_type):
            if column.name == name:
                return statement_type, column
    [cash_flow] = [c for c in line_items("cash_flow") if f"{c.name}_cash_flow" == name]
    return "cash_flow", cash_flow


def factor_inputs() -> tuple[Input, ...]:
    """Return the inputs of all factors without duplicates."""
    return tuple(dict.fromkeys(i for factor in FACTORS.values() for i in factor.inputs))


def _names(expression: str) -> list[str]:
    return list(dict.fromkeys(n for n in _NAME.findall(expression) if n not in _FUNCTIONS))


def _bracketed(expression: str) -> str:
    return expression if _NAME.fullmatch(expression) else f"({expression})"


def _read() -> dict[str, Factor]:
    text = files(__package__).joinpath("factors.csv").read_text(encoding="utf-8")
    return {row["factor"]: Factor(*row.values()) for row in csv.DictReader(text.splitlines())}


FACTORS = _read()
