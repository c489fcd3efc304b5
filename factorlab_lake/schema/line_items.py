"""The line items of the three statements, read from ``line_items.csv``: one vocabulary for all vendors."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import cast

from factorlab_lake.schema.spec import Additive, Column

__all__ = ["STATEMENT_TYPES", "line_items"]

STATEMENT_TYPES = ("income", "balance_sheet", "cash_flow")


@cache
def line_items(statement_type: str) -> tuple[Column, ...]:
    """Return the line items of a statement type as columns, in the order of the vocabulary.

    >>> [c.name for c in line_items("income")][:2]
    ['revenue', 'cost_of_revenue']
    """
    return tuple(
        Column(
            row["column"],
            "number",
            row["description"],
            unit=row["unit"],
            additive=cast("Additive", row["kind"]),
            zero_is_missing=row["zero"] == "missing",
        )
        for row in _rows()
        if row["statement"] == statement_type
    )


@cache
def _rows() -> list[dict[str, str]]:
    text = files(__package__).joinpath("line_items.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
