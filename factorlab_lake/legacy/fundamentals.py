"""Return one row per symbol of what is known on the day of its last bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.questions import Questions

if TYPE_CHECKING:
    from datetime import date

__all__ = ["newest_fundamentals"]

_LAST_BARS = """
SELECT symbol, max(date) AS date FROM price_data
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND close_price IS NOT NULL
GROUP BY symbol
"""
_PROFILES = """
SELECT symbol, company_name, sector, industry FROM company_profiles
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))
"""


def newest_fundamentals(lake: Questions, symbols: list[str]) -> pl.DataFrame:
    """Return profile, close, market cap and factors: one row per symbol with a bar, in their order.

    ``date`` is the day of the symbol's last bar, so a symbol that no longer trades has its last values.
    """
    needs = QueryHints(
        dict.fromkeys(("price_data", "company_profiles"), RowFilter(symbols)), symbols, short=True
    )
    bars = lake.session.frame(_LAST_BARS, {"symbols": symbols}, needs=needs)
    days: dict[date, list[str]] = {}
    for symbol, day in bars.select("symbol", "date").rows():
        days.setdefault(day, []).append(symbol)
    caps = [lake.market_caps(names, day) for day, names in days.items()] or [lake.market_caps([], [])]
    factors = [lake.factors(names, day) for day, names in days.items()] or [lake.factors([], [])]
    profiles = lake.session.frame(_PROFILES, {"symbols": symbols}, needs=needs)
    order = pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String})
    rows = (
        pl.concat(caps)
        .select("symbol", "date", "currency", "market_cap", close="close_price")
        .join(pl.concat(factors).select("symbol", *FACTORS), on="symbol")
        .join(profiles, on="symbol", how="left")
    )
    head = ("symbol", "date", "company_name", "sector", "industry", "currency", "close", "market_cap")
    return order.join(rows, on="symbol", how="inner", maintain_order="left").select(*head, *FACTORS)
