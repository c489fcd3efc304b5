"""Generate daily bars of a synthetic market: seeded random walks over weekdays."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from benchmarks.seeded import normal, uniform

__all__ = ["bars", "symbols", "trading_days"]

_DAYS_PER_YEAR = 252
_WEEKDAYS_PER_HOLIDAY = 29  # nine holidays in a year


def symbols(count: int) -> list[str]:
    """Return tickers, in alphabetical order."""
    return [f"S{i:04}" for i in range(count)]


def trading_days(first: date, *, count: int | None = None, last: date | None = None) -> list[date]:
    """Return the weekdays from ``first`` on without nine holidays a year, so many or up to ``last``."""
    days: list[date] = []
    weekdays, day = 0, first
    while (count is None or len(days) < count) and (last is None or day <= last):
        if day.isoweekday() <= 5:  # noqa: PLR2004 - Friday
            weekdays += 1
            if weekdays % _WEEKDAYS_PER_HOLIDAY:
                days.append(day)
        day += timedelta(days=1)
    return days


def bars(tickers: list[str], days: list[date], *, seed: int, late: int = 0) -> pl.DataFrame:
    """Return one row per symbol and day: symbol, date, open, high, low, close (cents), volume.

    The last ``late`` symbols were listed late, each 30 days after the one before.
    """
    start = pl.DataFrame({"symbol": tickers, "level": 10 + 290 * uniform(len(tickers), seed)})
    grid = start.join(pl.DataFrame({"date": days}), how="cross", maintain_order="left_right")
    count = grid.height
    grid = grid.with_columns(
        move=normal(count, seed + 1) * (0.3 / _DAYS_PER_YEAR**0.5),
        gap=normal(count, seed + 2) * 0.004,
        up=uniform(count, seed + 3) * 0.012,
        down=uniform(count, seed + 4) * 0.012,
        volume=(14 + normal(count, seed + 5)).exp().cast(pl.Int64),
    )
    close = pl.col("level") * pl.col("move").cum_sum().over("symbol").exp()
    grid = grid.with_columns(close=close.clip(lower_bound=0.5).round(2))
    grid = grid.with_columns(open=(pl.col("close") * (1 + pl.col("gap"))).round(2))
    body = ["open", "close"]
    rows = grid.select(
        "symbol",
        "date",
        "open",
        (pl.max_horizontal(body) * (1 + pl.col("up"))).round(2).alias("high"),
        (pl.min_horizontal(body) * (1 - pl.col("down"))).round(2).alias("low"),
        "close",
        "volume",
    )
    return _listed(rows, tickers, days, late)


def _listed(rows: pl.DataFrame, tickers: list[str], days: list[date], late: int) -> pl.DataFrame:
    if not late:
        return rows
    late_ones = tickers[-late:]
    listed = pl.DataFrame(
        {
            "symbol": late_ones,
            "listed": [days[min(30 * (i + 1), len(days) - 1)] for i in range(len(late_ones))],
        }
    )
    return (
        rows.join(listed, on="symbol", how="left", maintain_order="left")
        .filter(pl.col("listed").is_null() | (pl.col("date") >= pl.col("listed")))
        .drop("listed")
    )
