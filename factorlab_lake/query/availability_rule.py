"""The rule that says from which day on a filing may be used, and the column that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.functions.sql_placeholders import availability_with_lag
from factorlab_lake.schema import TableSpec, identifier
from factorlab_lake.schema.rules import MAX_AVAILABILITY_LAG_DAYS

__all__ = ["CLOSE", "Availability", "AvailabilityRule", "to_rule"]

Availability: TypeAlias = "str | int"

_COLUMN = "available_date"
_NAMES = ("close", "same_day")


@dataclass(frozen=True, slots=True)
class AvailabilityRule:
    """From which day on a filing may be used.

    ``lag_days`` counts calendar days after the New York date of its acceptance, or after its filing date
    where no acceptance is known; 0 is Factor Lab's rule, ``same_day``. None is ``close``, the lake's own and
    as stored: the day of acceptance when accepted by the market's close, else the next one.
    """

    lag_days: int | None = None

    @property
    def given(self) -> Availability:
        """The rule as a caller writes it."""
        if self.lag_days is None:
            return "close"
        return self.lag_days or "same_day"

    def select(self, spec: TableSpec) -> str:
        """Return what a view selects for a table's columns, each under its own name."""
        return ", ".join(self._column(spec, name) for name in spec.names())

    def _column(self, spec: TableSpec, name: str) -> str:
        if name != _COLUMN or self.lag_days is None:
            return identifier(name)
        return f"{availability_with_lag(spec, str(self.lag_days))} AS {_COLUMN}"


CLOSE = AvailabilityRule()


def to_rule(given: Availability, name: str = "availability") -> AvailabilityRule:
    """Return the rule for ``close``, ``same_day`` or a lag in days, which may be a text of digits.

    >>> to_rule("close").lag_days, to_rule("same_day").lag_days, to_rule(2).lag_days
    (None, 0, 2)
    """
    if given == "close":
        return CLOSE
    if given == "same_day":
        return AvailabilityRule(0)
    days = int(given) if isinstance(given, str) and given.isdecimal() else given
    if isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= MAX_AVAILABILITY_LAG_DAYS:
        return AvailabilityRule(days)
    hint = nearest(given, _NAMES) if isinstance(given, str) else ""
    raise InvalidInput(
        f"{name} is {given!r}; expected 'close', 'same_day' or a lag of 0 to "
        f"{MAX_AVAILABILITY_LAG_DAYS} whole days.{hint}",
        given=given,
    )
