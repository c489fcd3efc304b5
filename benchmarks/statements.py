"""Generate quarterly statements of a synthetic market, published about 40 days after each quarter's end."""

from __future__ import annotations

from datetime import date

import polars as pl

from benchmarks.seeded import normal, uniform

__all__ = ["quarters"]

_NEW_YORK = "America/New_York"


def quarters(tickers: list[str], first_year: int, years: int, *, seed: int) -> pl.DataFrame:
    """Return one row per symbol and fiscal quarter: the main figures, and when it was accepted.

    A third of the companies have fiscal quarters that end a month later than the calendar's. ``accepted``
    is New York wall time, 25 to 60 days after the end; one in ten quarters shows a loss.
    """
    ends = [date(y, m, 1) for y in range(first_year, first_year + years) for m in (3, 6, 9, 12)]
    count = len(tickers)
    companies = pl.DataFrame(
        {
            "symbol": tickers,
            "cik": [f"{i + 1:010}" for i in range(count)],
            "shift": (uniform(count, seed) < 1 / 3).cast(pl.Int32),
            "size": (20 + normal(count, seed + 1)).exp(),
            "shares": (18 + normal(count, seed + 2)).exp(),
        }
    )
    grid = companies.join(pl.DataFrame({"month": ends}), how="cross", maintain_order="left_right")
    rows = grid.height
    grid = grid.with_columns(
        fiscal_date=pl.col("month").dt.offset_by(pl.format("{}mo", "shift")).dt.month_end(),
        fiscal_period=pl.format("Q{}", pl.col("month").dt.quarter()),
        fiscal_year=pl.col("month").dt.year(),
        step=normal(rows, seed + 3) * 0.05 + 0.02,
        margin=normal(rows, seed + 4) * 0.08 + 0.1,
        lag=(25 + 35 * uniform(rows, seed + 5)).cast(pl.Int32),
        minute=(7 * 60 + 11 * 60 * uniform(rows, seed + 6)).cast(pl.Int32),
        shares=pl.col("shares") * (1 + normal(rows, seed + 7) * 0.002),
    )
    return _figures(grid)


def _figures(grid: pl.DataFrame) -> pl.DataFrame:
    filed = pl.col("fiscal_date").dt.offset_by(pl.format("{}d", "lag"))
    accepted = filed.cast(pl.Datetime("us")).dt.offset_by(pl.format("{}m", "minute"))
    revenue = pl.col("size") * pl.col("step").cum_sum().over("symbol").exp()
    return grid.select(
        "symbol",
        "cik",
        "fiscal_date",
        "fiscal_period",
        "fiscal_year",
        filing_date=filed,
        accepted=accepted,
        accepted_at=accepted.dt.replace_time_zone(_NEW_YORK).dt.convert_time_zone("UTC"),
        revenue=revenue.round(),
        gross_profit=(revenue * 0.4).round(),
        operating_income=(revenue * (pl.col("margin") + 0.03)).round(),
        net_income=(revenue * pl.col("margin")).round(),
        total_assets=(revenue * 5).round(),
        total_current_assets=(revenue * 1.5).round(),
        total_current_liabilities=revenue.round(),
        total_debt=(revenue * 1.2).round(),
        total_stockholders_equity=(revenue * 2).round(),
        weighted_average_shares_outstanding=pl.col("shares").round(),
    )
