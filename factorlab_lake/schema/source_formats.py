"""Name the files that a load reads, and the sources whose headings it knows, for help texts and errors."""

from __future__ import annotations

__all__ = ["FILE_FORMATS", "KNOWN_SOURCES"]

FILE_FORMATS = "a .csv, .tsv, .parquet or .zip file, or a .csv.gz"
KNOWN_SOURCES = (
    "Yahoo Finance",
    "yfinance",
    "FMP",
    "Tiingo",
    "Alpha Vantage",
    "LEAN",
    "the European Central Bank",
    "a list of facts",
)
