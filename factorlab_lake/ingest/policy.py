"""How often a provider is asked for the same again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from factorlab_lake.schema.rules import RESTATEMENT_INTERVAL_DAYS

__all__ = ["DEFAULT", "FetchPolicy"]


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """How often the same is asked for again.

    ``polling_days``: a quarter that may be out by now. ``restatement_days``: recent quarters, though no new
    one can be out. ``refresh_days``: splits, dividends, profiles, and statements of a symbol that had none;
    splits are asked for at once, too, where bars hint at one. ``everything`` asks for all of it, whatever the
    lake holds.
    """

    polling_days: int = 1
    restatement_days: int = RESTATEMENT_INTERVAL_DAYS
    refresh_days: int = 7
    everything: bool = False

    def refreshed(self, asked: date) -> date:
        """Return from which day on splits, dividends and profiles asked for on a day are asked for again."""
        return asked + timedelta(days=self.refresh_days)


DEFAULT = FetchPolicy()
