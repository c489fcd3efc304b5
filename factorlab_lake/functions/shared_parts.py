"""Read the parts of SQL texts that several engines share; an engine has its own words in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from factorlab_lake.functions.rule_placeholders import fill

__all__ = ["NAMES", "shared_parts"]

NAMES = (
    "ratios_of_all",
    "ratios_of_published",
    "stored_periods",
    "adjusted_bars",
    "adjusted_columns",
    "bars_since_splits",
    "told_dividends",
    "is_told_again",
)
"""The parts; one comes after those that have it in their text."""


def shared_parts(words: Mapping[str, str]) -> dict[str, str]:
    """Return each part by its name; ``words`` is the SQL of an engine for the placeholders of the parts.

    A placeholder without a word stays.
    """
    filled: dict[str, str] = {}
    for name in reversed(NAMES):
        known = filled | dict(words)
        filled[name] = fill(_text(name), lambda: known)  # noqa: B023 - it is called at once
    return filled


@cache
def _text(name: str) -> str:
    """Return a part on lines of its own, since it begins with a comment."""
    return "\n" + files(__package__).joinpath(f"parts/{name}.sql").read_text(encoding="utf-8").strip()
