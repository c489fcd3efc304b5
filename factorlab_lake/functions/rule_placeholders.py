"""Fill the placeholders of SQL files, among them the numbers of the rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

from factorlab_lake.schema.rules import RuleValue, rule_values

__all__ = ["fill", "rule_placeholders"]


def fill(text: str, values: Callable[[], dict[str, str]]) -> str:
    """Return a file's text with every ``{{name}}`` replaced by its value.

    ``values`` is called only for a text with a placeholder, because most files have none.

    >>> fill("date < {{END}}", lambda: {"END": "DATE '9999-12-31'"})
    "date < DATE '9999-12-31'"
    """
    if "{{" not in text:
        return text
    for name, value in values().items():
        text = text.replace("{{" + name + "}}", value)
    return text


@cache
def rule_placeholders() -> dict[str, str]:
    """Return each constant of :mod:`factorlab_lake.schema.rules` as a SQL literal, by its name."""
    return {name: _rule_literal(value) for name, value in rule_values().items()}


def _rule_literal(value: RuleValue) -> str:
    """Return a constant in SQL; the exponent makes a number a double, not a decimal.

    >>> _rule_literal(200), _rule_literal(1.5), _rule_literal(date(9999, 12, 31))
    ('200', '1.5e0', "DATE '9999-12-31'")
    """
    if isinstance(value, float):
        return repr(value) if "e" in repr(value) else f"{value!r}e0"
    return f"DATE '{value}'" if isinstance(value, date) else str(value)
