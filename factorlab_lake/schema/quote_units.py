"""Define the units in which exchanges quote prices, and the SQL that converts them to main units."""

from __future__ import annotations

from factorlab_lake.schema.spec import literal

__all__ = [
    "CURRENCY_SPELLINGS",
    "MINOR_UNITS",
    "MINOR_UNIT_EXCHANGES",
    "compares_with_quotes",
    "is_quote_unit_unknown",
    "major_currency",
    "quote_currency",
    "quotes_in_minor_units",
    "units_per_major",
]

MINOR_UNITS = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
"""The main unit of each currency code that stands for a hundredth of it."""

CURRENCY_SPELLINGS = {code.upper(): code for code in MINOR_UNITS if code.upper() not in MINOR_UNITS.values()}
"""The code of each such unit by its capitals. GBp has none: in capitals it is the code of the pound."""

MINOR_UNIT_EXCHANGES = {".L": "GBP", ".JO": "ZAR", ".TA": "ILS"}
"""The suffixes of symbols of exchanges that quote in hundredths, with the currency: London, Johannesburg and
Tel Aviv."""

_SHOWN = "SELECT symbol FROM company_symbols WHERE is_main_unit"
_STRONG_CURRENCIES = (
    "USD",
    "EUR",
    "GBP",
)  # one unit is worth about a unit of each of these exchanges, or more


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


def compares_with_quotes(symbol: str, currency: str) -> str:
    """Return the SQL condition that a statement's currency is worth no less than the quotes of its symbol.

    Earnings of such a currency, taken as those of the exchange, are too small rather than too large.

    >>> compares_with_quotes("s", "c")[:65]
    "(c IN ('USD', 'EUR', 'GBP') OR c = CASE WHEN s LIKE '%.L' THEN 'G"
    """
    strong = ", ".join(map(literal, _STRONG_CURRENCIES))
    return f"({currency} IN ({strong}) OR {currency} = {_of_exchange(symbol)})"


def quote_currency(symbol: str, currency: str, is_shown: str = "") -> str:
    """Return the SQL of the profile's currency, else of the exchange's where quotes are shown to be in it.

    ``is_shown`` is the condition for that in an engine that cannot run a subquery there.

    >>> quote_currency("s", "c")[:44]
    'coalesce(c, CASE WHEN s IN (SELECT symbol FR'
    """
    shown = is_shown or f"{symbol} IN ({_SHOWN})"
    return f"coalesce({currency}, CASE WHEN {shown} THEN {_of_exchange(symbol)} END)"


def is_quote_unit_unknown(symbol: str, is_shown: str = "") -> str:
    """Return the SQL condition that quotes of a symbol without a profile may be in hundredths or not.

    ``is_shown`` is as in :func:`quote_currency`.

    >>> is_quote_unit_unknown("s")[-55:]
    '(SELECT symbol FROM company_symbols WHERE is_main_unit)'
    """
    not_shown = f"NOT ({is_shown})" if is_shown else f"{symbol} NOT IN ({_SHOWN})"
    return f"{quotes_in_minor_units(symbol)} AND {not_shown}"


def _of_exchange(symbol: str) -> str:
    cases = " ".join(
        f"WHEN {symbol} LIKE {literal('%' + end)} THEN {literal(code)}"
        for end, code in MINOR_UNIT_EXCHANGES.items()
    )
    return f"CASE {cases} END"
