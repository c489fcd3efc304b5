"""Check a lake: coverage, freshness, quality findings, and an HTML report. This module loads their SQL."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files

from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.schema.exchanges import SUFFIXES_ABROAD
from factorlab_lake.schema.market_calendar import closed_days

__all__ = ["calendar_params", "sql_text"]

_COMMENT = re.compile(r"--.*")
_SHARED = ("missing_bars", "years_on_one_basis")
_FIRST_HOLIDAY_YEAR = 1990  # EDGAR begins in 1993; no vendor's bars of older years are complete


@cache
def sql_text(name: str) -> str:
    """Return the query of a file in ``sql/``, with shared parts and the limits of rules inserted.

    Comments are removed: a session would take words in them for the names of tables to read.
    """
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    text = _COMMENT.sub("", text).strip()
    for part in _SHARED:
        if "{{" + part + "}}" in text:
            text = text.replace("{{" + part + "}}", f"{sql_text(part).removesuffix(',')}")
    return fill(text, rule_placeholders)


def calendar_params() -> dict[str, list[date] | list[str]]:
    """Return the parameters of ``missing_bars``: New York's holidays, and the suffixes of other exchanges."""
    years = range(_FIRST_HOLIDAY_YEAR, datetime.now(UTC).year + 1)
    holidays = sorted(day for year in years for day in closed_days(year))
    return {"closed_days": holidays, "suffixes_abroad": sorted(SUFFIXES_ABROAD)}
