"""What a made-up company is before its records: its days, its size and its splits."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from math import prod

__all__ = ["Company"]


@dataclass(frozen=True, eq=False)
class Company:
    """A company from its seed: ``shares`` and ``first_close`` as on its first day, ``revenue`` of a quarter.

    ``dividend_yield`` is that of a quarter as a fraction, 0 for a company that pays nothing.
    """

    symbol: str
    seed: int
    days: list[date]
    splits: list[tuple[date, int, int]]
    year_end_month: int
    shares: int
    first_close: float
    revenue: int
    dividend_yield: float

    def dice(self, purpose: str) -> random.Random:
        """Return dice that fall the same each time, whatever else was thrown."""
        return random.Random(f"{self.seed} {purpose}")  # noqa: S311 - reproducible on purpose

    def splits_after(self) -> list[float]:
        """Return for each day how many of the last day's shares one share of it has become."""
        if not self.splits:
            return [1.0] * len(self.days)
        return [
            prod((new / old for ex_date, new, old in self.splits if ex_date > day), start=1.0)
            for day in self.days
        ]

    @property
    def cik(self) -> str:
        """SEC's number."""
        return f"{self.seed:010d}"

    @property
    def shares_today(self) -> int:
        """Shares counted as on the last day."""
        return round(self.shares * prod((new / old for _, new, old in self.splits), start=1.0))
