"""Decide which companies' reports lie under a symbol that several companies used, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date

from factorlab_lake.providers.protocol import SymbolUse
from factorlab_lake.providers.sec.endpoints import cik_text

__all__ = ["companies_of", "lies_under"]


def companies_of(uses: Iterable[SymbolUse], listed: str | None) -> list[SymbolUse]:
    """Return the uses by companies with a Central Index Key, in the order of their days.

    ``listed`` is the CIK that SEC lists for the symbol today. After a last use that ended it is the company.

    >>> old = SymbolUse("320193", date(2001, 1, 1), date(2010, 1, 1))
    >>> [use.company_id for use in companies_of([old, SymbolUse("fund", date(2011, 1, 1))], "0000000007")]
    ['0000320193']
    >>> [use.company_id for use in companies_of([old], "0000000007")]
    ['0000320193', '0000000007']
    """
    rows = sorted(uses, key=lambda use: use.valid_from)
    known = [SymbolUse(cik, use.valid_from, use.valid_to) for use in rows if (cik := _cik(use.company_id))]
    last = rows[-1] if rows else None
    if known and last is not None and last.valid_to is not None and listed is not None:
        known.append(SymbolUse(listed, last.valid_to))
    return known


def _cik(company_id: str) -> str | None:
    with suppress(ValueError):
        return cik_text(company_id.lower().removeprefix("cik:"))
    return None


def lies_under(cik: str, filed: date, uses: Sequence[SymbolUse], reported: Iterable[SymbolUse]) -> bool:
    """Return whether a company's report of a day lies under the symbol.

    It does not while another company used the symbol and published reports: ``reported`` are such uses. A
    company's reports from before it took the symbol lie under it too, as vendors serve them.

    >>> old = SymbolUse("1", date(2001, 1, 1), date(2010, 1, 1))
    >>> new = SymbolUse("2", date(2012, 1, 1))
    >>> days = [date(2009, 5, 1), date(2011, 5, 1), date(2013, 5, 1)]
    >>> [lies_under("2", day, [old, new], [old, new]) for day in days]
    [False, True, True]
    >>> [lies_under("1", day, [old, new], [old, new]) for day in days]
    [True, True, False]
    """
    if any(use.company_id == cik and use.covers(filed) for use in uses):
        return True
    return not any(use.company_id != cik and use.covers(filed) for use in reported)
