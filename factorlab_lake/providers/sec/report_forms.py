"""List the forms that make statements and share counts."""

from __future__ import annotations

__all__ = ["ANNUAL_FORMS", "STATEMENT_FORMS", "is_amendment", "is_annual"]


def _with_amendments(*forms: str) -> frozenset[str]:
    return frozenset(forms) | {f"{form}/A" for form in forms}


ANNUAL_FORMS = _with_amendments("10-K", "10-K405", "10-KT", "20-F", "40-F")
STATEMENT_FORMS = ANNUAL_FORMS | _with_amendments("10-Q", "10-QT", "6-K")


def is_annual(form: str) -> bool:
    """Return whether a form reports a year: balance sheets and flows of twelve months.

    >>> is_annual("10-K/A"), is_annual("10-Q")
    (True, False)
    """
    return form in ANNUAL_FORMS


def is_amendment(form: str) -> bool:
    """Return whether a form amends an earlier one.

    >>> is_amendment("10-K/A"), is_amendment("10-K")
    (True, False)
    """
    return form.endswith("/A")
