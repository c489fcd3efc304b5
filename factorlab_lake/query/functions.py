"""The SQL functions and derived views, one file each, in the order in which they build on each other."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from factorlab_lake.query.generated import placeholders

__all__ = ["FUNCTIONS", "definitions", "sql_text"]

FUNCTIONS = (
    "financial_statements",
    "revisions",
    "share_counts",
    "split_levels",
    "multi_class_symbols",
    "unrounded_close",
    "statements_as_of",
    "shares_as_of",
    "market_caps",
    "ttm",
    "factors",
)


@cache
def sql_text(name: str) -> str:
    """Return a function's SQL with the column lists filled in from the schema."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    for token, value in placeholders().items():
        text = text.replace("{{" + token + "}}", value)
    return text


def definitions() -> list[str]:
    """Return the statements that install every function, in order."""
    return [sql_text(name) for name in FUNCTIONS]
