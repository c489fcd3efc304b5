"""Read Apple's published figures and closes for the oracle, from the raw files."""

from __future__ import annotations

import gzip
import json
from datetime import date
from functools import cache

from tests.oracle.counts import Count
from tests.oracle.days import MONTHS
from tests.oracle.trailing import Content
from tests.sec_rows import apple
from tests.support import CACHE_2021

__all__ = ["SPLITS", "closes", "counts", "statements"]

# Apple's splits of these years, and the day of the cache whose closes are on one basis.
SPLITS = {date(2014, 6, 9): 7.0, date(2020, 8, 31): 4.0}


@cache
def statements(statement_type: str) -> list[Content]:
    """Return all contents of one statement type as the filings give them."""
    return [
        Content(
            known=date.fromisoformat(row["available_date"]),
            order=row["version"],
            end=date.fromisoformat(row["fiscal_date"]),
            months=MONTHS[row["fiscal_period"]],
            starts_year=row["fiscal_period"] in ("Q1", "H1", "9M", "FY"),
            items=row["row"],
        )
        for row in apple()["rows"]
        if row["statement_type"] == statement_type
    ]


@cache
def counts() -> list[Count]:
    """Return the counts of cover pages and balance sheets, and the weighted averages of income statements."""
    stated = [
        Count(
            source=row["source"],
            as_of=date.fromisoformat(row["as_of_date"]),
            known=date.fromisoformat(row["available_date"]),
            order=row["version"],
            shares=row["shares"],
            basis=date.fromisoformat(row["split_basis_date"]),
        )
        for row in apple()["shares"]
    ]
    weighted = [
        Count(
            source="weighted_average",
            as_of=each.end,
            known=each.known,
            order=each.order,
            shares=each.items["weighted_average_shares_outstanding"] or 0.0,
            basis=each.known,
        )
        for each in statements("income")
        if each.items.get("weighted_average_shares_outstanding")
    ]
    return stated + weighted


@cache
def closes() -> dict[date, float]:
    """Return the closes of the newer cache, all on the basis after both splits."""
    (file,) = (CACHE_2021 / "price_data").glob("AAPL_*")
    rows = json.loads(gzip.decompress(file.read_bytes()))["data"]
    return {date.fromisoformat(row["date"]): row["close"] for row in rows}
