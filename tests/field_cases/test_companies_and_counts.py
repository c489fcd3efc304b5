"""Test the field cases about companies, units of quotation and share counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, one, text_file


def test_09_a_reused_ticker_mixes_no_two_companies(lake: Lake) -> None:
    """CIK 111 had the ticker until May 2023, CIK 222 since September: no cap, no sum has parts of both."""
    lake.migrate(INPUTS / "09_ticker_reused")
    cap = one(lake.market_caps("SNDK", "2023-09-15"))
    assert (cap["market_cap"], cap["reason"]) == (None, "company_changed")
    year = one(lake.ttm("SNDK", "2023-12-01"))
    assert year["revenue"] is None
    assert year["reason"]
    # The old company's last cap is 40 x 5 bn; the new one's, after its first report, 10 x 20 m.
    assert one(lake.market_caps("SNDK", "2023-05-15"))["market_cap"] == pytest.approx(200e9)
    assert one(lake.market_caps("SNDK", "2023-11-03"))["market_cap"] == pytest.approx(200e6)


def test_10_no_cap_from_a_negative_count(lake: Lake) -> None:
    """Every statement says -1.2 bn shares: no cap, with a reason, and a file with such a count is refused."""
    lake.migrate(folder := INPUTS / "10_negative_share_count")
    cap = one(lake.market_caps("ACME", "2024-05-31"))
    assert cap["market_cap"] is None
    assert cap["reason"]
    with pytest.raises(InvalidInput):
        lake.load("shares_outstanding", folder / "shares.csv")
    assert lake.sql("FROM shares_outstanding").is_empty()


def test_19_a_quote_in_pence_makes_a_cap_in_pounds(lake: Lake) -> None:
    """210 pence x 15 bn shares = 31.5 bn GBP; net income of four quarters is 6 bn, so the ratio is 5.25."""
    lake.migrate(folder := INPUTS / "19_pence_and_adr")
    lake.load("company_profiles", folder / "profiles.csv")
    cap = one(lake.market_caps("BARC.L", "2024-05-31"))
    assert (cap["market_cap"], cap["currency"]) == (pytest.approx(31.5e9), "GBP")
    assert one(lake.factors("BARC.L", "2024-05-31"))["pe_ratio"] == pytest.approx(31.5 / 6)


def test_19_a_receipt_of_unknown_ratio_has_no_cap(lake: Lake, tmp_path: Path) -> None:
    """Without the ratio NULL and a reason; with five shares a receipt 150 x 25.93 bn / 5 = 777.9 bn USD."""
    lake.migrate(folder := INPUTS / "19_pence_and_adr")
    lake.load("company_profiles", folder / "profiles.csv")
    cap = one(lake.market_caps("TSM", "2024-05-31"))
    assert (cap["market_cap"], cap["reason"]) == (None, "receipt_ratio_unknown")
    profile = "symbol,company_name,currency,is_adr,shares_per_receipt\nTSM,TSMC,USD,true,5\n"
    lake.load("company_profiles", text_file(tmp_path, "profiles.csv", profile))
    cap = one(lake.market_caps("TSM", "2024-05-31"))
    assert (cap["market_cap"], cap["currency"]) == (pytest.approx(777.9e9), "USD")
