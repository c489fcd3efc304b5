"""Define the units in which exchanges quote prices, and the SQL that converts them to main units."""

from __future__ import annotations

from factorlab_lake.schema.spec import literal

__all__ = [
    "MINOR_UNITS",
    "MINOR_UNIT_EXCHANGES",
    "major_currency",
    "quotes_in_minor_units",
    "units_per_major",
]

MINOR_UNITS = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
"""The main unit of each currency code that stands for a hundredth of it."""

MINOR_UNIT_EXCHANGES = (".L", ".JO", ".TA")
"""The suffixes of symbols of exchanges that quote in hundredths: London, Johannesburg and Tel Aviv."""


def major_currency(column: str) -> str:
    """Return the SQL of the currency whose main unit a quote is converted to.

    >>> major_currency("p.currency")[:41]
    "CASE p.currency WHEN 'GBp' THEN 'GBP' WHE"
    """
    cases = " ".join(f"WHEN {literal(minor)} THEN {literal(major)}" for minor, major in MINOR_UNITS.items())
    return f"CASE {column} {cases} ELSE {column} END"


def units_per_major(column: str) -> str:
    """Return the SQL of the number of quoted units in one main unit, with a placeholder for the hundred."""
    codes = ", ".join(map(literal, MINOR_UNITS))
    return f"CASE WHEN {column} IN ({codes}) THEN {{{{MINOR_UNITS_PER_MAJOR}}}} ELSE 1 END"


def quotes_in_minor_units(symbol: str) -> str:
    """Return the SQL condition that a symbol has the suffix of an exchange that quotes in hundredths.

    >>> quotes_in_minor_units("s")
    "(s LIKE '%.L' OR s LIKE '%.JO' OR s LIKE '%.TA')"
    """
    return "(" + " OR ".join(f"{symbol} LIKE {literal('%' + end)}" for end in MINOR_UNIT_EXCHANGES) + ")"
