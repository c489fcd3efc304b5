"""Test the field cases about companies: a symbol that passed to another one, and units of quotation."""

from __future__ import annotations

from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS
from tests.unit.query.lake_builder import one


def test_09_a_reused_symbol_mixes_no_two_companies(lake: Lake) -> None:
    """The old company has 5 bn shares at 40, the new one 20 m at 10; no year has quarters of both."""
    lake.migrate(INPUTS / "09_ticker_reused")
    assert one(lake, "market_caps", "SNDK", "2023-05-15")["market_cap"] == 200e9
    between = one(lake, "market_caps", "SNDK", "2023-09-15")
    assert (between["market_cap"], between["reason"]) == (None, "company_changed")
    assert one(lake, "market_caps", "SNDK", "2023-09-21")["market_cap"] == 200e6
    assert one(lake, "ttm", "SNDK", "2023-09-15")["reason"] == "company_changed"
    later = one(lake, "ttm", "SNDK", "2023-12-01")
    assert (later["revenue"], later["reason"]) == (None, "quarter_missing")


def test_19_caps_are_in_main_units_and_per_receipt(lake: Lake) -> None:
    """210 pence x 15 bn shares are 31.5 bn pounds; 150 dollars x 25.93 bn shares / 5 are 777.9 bn."""
    lake.migrate(INPUTS / "19_pence_and_adr")
    lake.load("company_profiles", INPUTS / "19_pence_and_adr" / "profiles.csv")
    barclays = one(lake, "market_caps", "BARC.L", "2024-05-31")
    assert (barclays["market_cap"], barclays["currency"]) == (31.5e9, "GBP")
    assert one(lake, "factors", "BARC.L", "2024-05-31")["pe_ratio"] == 31.5 / 6
    taiwan = one(lake, "market_caps", "TSM", "2024-05-31")
    assert (taiwan["market_cap"], taiwan["reason"]) == (None, "receipt_ratio_unknown")
    ratio = {"symbol": ["TSM"], "currency": ["USD"], "is_adr": [True], "shares_per_receipt": [5]}
    lake.load("company_profiles", ratio)
    assert one(lake, "market_caps", "TSM", "2024-05-31")["market_cap"] == 777.9e9
