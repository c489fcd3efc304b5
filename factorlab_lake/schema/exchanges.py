"""List the exchanges by which a symbol is listed in the United States or elsewhere.

Other vendors write a class of shares like a suffix, such as BRK.B: a suffix that is not listed here is none
of an exchange.
"""

from __future__ import annotations

__all__ = ["SUFFIXES_ABROAD", "US_EXCHANGES"]

SUFFIXES_ABROAD = frozenset(
    (
        # Europe and Africa
        "L", "IL", "PA", "AS", "BR", "LS", "DE", "F", "SG", "MU", "BE", "DU", "HM", "HA", "SW", "VX",
        "MI", "MC", "ST", "HE", "CO", "OL", "IC", "VI", "IR", "AT", "PR", "WA", "BD", "BU", "RG", "TL",
        "VS", "IS", "ME", "TA", "JO", "CA", "QA", "SAU", "SR", "AE", "KW",
        # Asia and Oceania
        "T", "HK", "SS", "SZ", "TW", "TWO", "KS", "KQ", "SI", "KL", "BK", "JK", "NS", "BO", "VN", "PS",
        "CM", "KA", "AX", "NZ",
        # America
        "TO", "V", "NE", "CN", "SA", "MX", "BA", "SN", "LM", "CR",
    )
)  # fmt: skip
"""The suffixes of symbols listed outside the United States, as FMP and Yahoo write them."""

US_EXCHANGES = frozenset(
    (
        "NASDAQ", "NASDAQGS", "NASDAQGM", "NASDAQCM", "NASDAQ GLOBAL SELECT", "NASDAQ GLOBAL MARKET",
        "NASDAQ CAPITAL MARKET", "NASDAQ STOCK MARKET", "NMS", "NGM", "NCM", "XNAS",
        "NYSE", "NEW YORK STOCK EXCHANGE", "NYQ", "XNYS",
        "AMEX", "NYSE AMERICAN", "NYSE MKT", "AMERICAN STOCK EXCHANGE", "NYSEAMERICAN", "ASE", "XASE",
        "NYSE ARCA", "NYSEARCA", "ARCA", "PCX", "ARCX", "BATS", "CBOE", "CBOE BZX", "BTS", "IEX", "ETF",
        "MUTUAL_FUND",
        "OTC", "PNK", "OTCBB", "OTCQB", "OTCQX", "OTC MARKETS", "OTC PINK", "OTHER OTC", "PINX", "OQB", "OQX",
        "US",
    )
)  # fmt: skip
"""What a profile's ``exchange`` says of a listing in the United States, in capitals."""
