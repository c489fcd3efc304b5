"""Test the field cases about companies, units of quotation and share counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, one, text_file


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
