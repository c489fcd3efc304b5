"""Define from which day on a filing can be used, and create the table views that apply this rule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from factorlab_lake.functions.sql_placeholders import effective_basis, effective_date
from factorlab_lake.schema import TableSpec, identifier
from factorlab_lake.storage.data_files import DataFile, parquet_rows
from factorlab_lake.storage.lake_settings import Availability, rule_setting, to_lag_days

__all__ = ["CLOSE", "AvailabilityRule", "to_rule"]

_COLUMN, _BASIS = "available_date", "availability_basis"


@dataclass(frozen=True, slots=True)
class AvailabilityRule:
    """Represent the rule for the first day on which a filing can be used.

    ``lag_days`` counts calendar days after the New York date of its acceptance, or after its filing date
    where no acceptance is known. 0 is ``same_day``, the rule of Factor Lab. None is ``close``, the rule of
    the stored column: the day of acceptance when accepted by the market's close, else the next day. Content
    that contradicts an earlier fetch counts from the day on which it was first seen, by every rule.
    """

    lag_days: int | None = None

    @property
    def setting(self) -> Availability:
        """Return the rule as a caller writes it."""
        return rule_setting(self.lag_days)

    def table_view(self, spec: TableSpec, folder: Path, files: list[DataFile]) -> str:
        """Return the statement that creates a table's view over some of its files; without files it is empty.

        The rule is applied here alone: every function reads the tables through their views.
        """
        return f"CREATE OR REPLACE VIEW {identifier(spec.name)} AS {self.select_from(spec, folder, files)}"

    def select_from(self, spec: TableSpec, folder: Path, files: list[DataFile]) -> str:
        """Return the query of a table's rows in some of its files; without files it has no rows."""
        if not files:
            types = {c.name: c.types.duckdb for c in spec.columns}
            types |= {other: types[name] for other, name in spec.other_names}
            columns = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in types.items())
            return f"SELECT {columns} WHERE false"
        rows = parquet_rows(spec, folder, files)
        return f"SELECT {self.select(spec)} FROM {rows}"  # noqa: S608 - names from the schema, quoted

    def select(self, spec: TableSpec) -> str:
        """Return what a view selects for a table's columns: each under its own name, then under others."""
        others = [f"{identifier(name)} AS {identifier(other)}" for other, name in spec.other_names]
        return ", ".join([*(self._column(spec, name) for name in spec.names()), *others])

    def _column(self, spec: TableSpec, name: str) -> str:
        if (default := spec.column(name).default) is not None:
            return f"coalesce({identifier(name)}, {default}) AS {identifier(name)}"
        if name not in (_COLUMN, _BASIS) or spec.derived:
            return identifier(name)
        lag = None if self.lag_days is None else str(self.lag_days)
        effective = effective_date if name == _COLUMN else effective_basis
        return f"{effective(spec, lag)} AS {name}"


CLOSE = AvailabilityRule()


def to_rule(setting: Availability, name: str = "availability") -> AvailabilityRule:
    """Return the rule for ``close``, ``same_day`` or a lag in days, also as a string of digits.

    >>> to_rule("close").lag_days, to_rule("same_day").lag_days, to_rule(2).lag_days
    (None, 0, 2)
    """
    return AvailabilityRule(to_lag_days(setting, name))
