"""How a provider's fields are called in the lake, read from ``fmp/fields.csv``."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

__all__ = ["fields", "generations"]


@cache
def fields(dataset: str, generation: str | None = None) -> dict[str, str]:
    """Return ``{wire field: column}`` of an FMP dataset, of one API generation or of both together.

    >>> fields("income")["fillingDate"], fields("income")["filingDate"]
    ('filing_date', 'filing_date')
    """
    return {
        row["field"]: row["column"]
        for row in _rows()
        if row["dataset"] == dataset and generation in (None, row["generation"])
    }


def generations(dataset: str) -> list[str]:
    """Return the API generations that offer a dataset.

    >>> generations("price")
    ['v3', 'stable']
    """
    return list(dict.fromkeys(row["generation"] for row in _rows() if row["dataset"] == dataset))


@cache
def _rows() -> list[dict[str, str]]:
    text = files(__package__).joinpath("fmp", "fields.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
