"""Test that what the sample's list of sources says about the companies is true."""

from __future__ import annotations

import csv
import gzip
import json

from factorlab_lake.lake import Lake
from tests.support import SAMPLE

_PROFILES = list(csv.DictReader((SAMPLE / "profiles.csv").read_text(encoding="utf-8").splitlines()))


def test_the_companies_are_those_of_the_statements(lake_2021: Lake) -> None:
    """Each company has the CIK that its statements have, and reports in the currency of its profile."""
    query = "SELECT DISTINCT symbol, lpad(cik, 10, '0'), reported_currency FROM income_statements ORDER BY 1"
    named = sorted((row["symbol"], row["cik"], row["currency"]) for row in _PROFILES)
    assert lake_2021.sql(query).rows() == named


def test_apple_is_registered_as_its_profile_says() -> None:
    """The document of SEC has the name, the CIK and the exchange; the list of sources claims no more."""
    [apple] = [row for row in _PROFILES if row["symbol"] == "AAPL"]
    packed = (SAMPLE / "sec" / f"submissions_CIK{apple['cik']}.json.gz").read_bytes()
    registered = json.loads(gzip.decompress(packed))
    assert registered["name"] == apple["company_name"]
    assert registered["cik"].zfill(10) == apple["cik"]
    place = registered["tickers"].index("AAPL")
    assert registered["exchanges"][place].upper() == apple["exchange"]
    sources = (SAMPLE / "SOURCES.md").read_text(encoding="utf-8")
    assert "as registered with the SEC" not in sources
    assert "no document here shows them" in sources
