"""Read a company's profile from its submissions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from factorlab_lake.providers.sec.endpoints import cik_text

__all__ = ["has_several_classes", "profile_record"]

_NOT_COMMON = re.compile(r"-(P[A-Z]?|WT?S?|U|UN|R|RT|WI)$")  # preferred stock, warrants, units and rights
_STATE_CHARS = 2


def profile_record(submissions: Mapping[str, Any], symbol: str) -> dict[str, Any]:
    """Return the profile of one symbol of a company, by the lake's columns.

    Fields that the lake has no column for are ``sic``, ``fiscalYearEnd``, ``category``, ``formerNames`` and
    ``tickers``. SEC does not know sector, currency, ISIN or first day of trading.
    """
    code = submissions.get("sic")
    return {
        "symbol": symbol,
        "company_name": submissions.get("name"),
        "cik": cik_text(submissions.get("cik") or ""),
        "exchange": _exchange(submissions, symbol),
        "industry": submissions.get("sicDescription") or None,
        "country": _country(submissions),
        "sic": str(code) if code else None,
        "fiscalYearEnd": submissions.get("fiscalYearEnd"),
        "category": submissions.get("category") or None,
        "formerNames": _json(submissions.get("formerNames")),
        "tickers": _json(submissions.get("tickers")),
    }


def has_several_classes(submissions: Mapping[str, Any]) -> bool:
    """Return whether a company lists more than one class of common stock.

    >>> has_several_classes({"tickers": ["GOOGL", "GOOG"]})
    True
    >>> has_several_classes({"tickers": ["BAC", "BAC-PK"]})
    False
    """
    tickers = submissions.get("tickers") or []
    return sum(not _NOT_COMMON.search(str(ticker)) for ticker in tickers) > 1


def _exchange(submissions: Mapping[str, Any], symbol: str) -> str | None:
    """Return the exchange of a symbol in capitals; the lists of tickers and exchanges are parallel."""
    tickers, exchanges = submissions.get("tickers") or [], submissions.get("exchanges") or []
    plain = symbol.upper().replace(".", "-").replace("/", "-")
    for ticker, exchange in zip(tickers, exchanges, strict=False):
        if exchange and str(ticker).upper() == plain:
            return str(exchange).upper()
    return None


def _country(submissions: Mapping[str, Any]) -> str | None:
    """Return the country of the business address; SEC's codes of states abroad have a digit."""
    address = (submissions.get("addresses") or {}).get("business") or {}
    code = str(address.get("stateOrCountry") or "")
    if len(code) == _STATE_CHARS and code.isalpha():
        return "US"
    country = address.get("countryCode") or address.get("country") or address.get("stateOrCountryDescription")
    return str(country) if country else None


def _json(values: Any) -> str | None:
    return json.dumps(values) if values else None
