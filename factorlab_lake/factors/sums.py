"""How figures of the statements that make up a period are added: one rule for every function."""

from __future__ import annotations

from factorlab_lake.schema import Column
from factorlab_lake.schema.quoting import identifier

__all__ = ["OF_PART", "figure", "summed"]

# The statement ``s`` that a part ``p`` names.
OF_PART = (
    "s.symbol = p.symbol AND s.fiscal_date = p.part_date AND s.fiscal_period = p.part_period "
    "AND s.version = p.part_version"
)


def figure(column: Column) -> str:
    """Return a statement's figure, NULL where the vendor writes 0 for what was not reported."""
    name = f"s.{identifier(column.name)}"
    return f"nullif({name}, 0)" if column.zero_is_missing else name


def summed(value: str) -> str:
    """Return the sum of a figure over the parts, each with its sign, but only where no part lacks it."""
    return f"CASE WHEN count({value}) = count(*) THEN sum(p.part_sign * {value}) END"
