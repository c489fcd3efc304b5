from __future__ import annotations

import pytest

from factorlab_lake.ingest.legacy_cache.reader import CacheName, parse_name
from tests.support import CACHE_2019, CACHE_2021

_GOOD = [
    ("AAPL_income_statement_quarterly_limit20_v1.0.json.gz", ("AAPL", "income", "quarterly", "1.0")),
    ("AAPL_balance_sheet_annual_limit4_v1.0.json.gz", ("AAPL", "balance_sheet", "annual", "1.0")),
    ("AAPL_cash_flow_quarterly_2023-09-30_limit8_v1.0.json.gz", ("AAPL", "cash_flow", "quarterly", "1.0")),
    ("AAPL_financial_ratios_quarterly_v1.0.json.gz", ("AAPL", "ratios", "quarterly", "1.0")),
    ("AAPL_price_full_history_all_v2.0.json.gz", ("AAPL", "price", "full_history", "2.0")),
    ("AAPL_price_daily_20240110_20240115_v1.0.json.gz", ("AAPL", "price", "daily", "1.0")),
    ("AAPL_price_daily_start_end_v1.0.json", ("AAPL", "price", "daily", "1.0")),
    ("BRK.B_income_statement_quarterly_limit20_v1.0.json.gz", ("BRK.B", "income", "quarterly", "1.0")),
    ("0700.HK_price_full_history_all_v2.0.json.gz", ("0700.HK", "price", "full_history", "2.0")),
    ("600519_price_full_history_all_v2.0.json.gz", ("600519", "price", "full_history", "2.0")),
    ("CON_price_full_history_all_v2.0.json.gz", ("CON", "price", "full_history", "2.0")),
    ("TWO-PC_cash_flow_annual_limit4_v1.0.json.gz", ("TWO-PC", "cash_flow", "annual", "1.0")),
    ("O'X\"Y_price_full_history_all_v2.0.json.gz", ("O'X\"Y", "price", "full_history", "2.0")),
    ("^GSPC_price_full_history_all_v2.0.json.gz", ("^GSPC", "price", "full_history", "2.0")),
    (
        "PRICE_price_daily_price_daily_20240110_20240115_v1.0.json",
        ("PRICE_price_daily", "price", "daily", "1.0"),
    ),
    ("A" * 40 + "_income_statement_quarterly_limit20_v1.0.json.gz", ("A" * 40, "income", "quarterly", "1.0")),
    ("AAPL_income_statement_quarterly_limit20_v1.0", ("AAPL", "income", "quarterly", "1.0")),
]
_BAD = [
    "",
    "README.md",
    "AAPL.json.gz",
    "AAPL_income_statement_limit20_v1.0.json.gz",
    "AAPL_income_statement_quarterly_limit20.json.gz",
    "AAPL_income_statement_weekly_limit20_v1.0.json.gz",
    "AAPL_earnings_quarterly_limit20_v1.0.json.gz",
    "_income_statement_quarterly_limit20_v1.0.json.gz",
    "AAPL_income_statement_quarterly_limit20_v1.0.json.gz.bak",
    "cache_metadata.json",
]


@pytest.mark.parametrize(("name", "expected"), _GOOD)
def test_a_name_says_symbol_kind_period_and_version(name: str, expected: tuple[str, str, str, str]) -> None:
    """Every form of name that the old cache wrote is understood, whatever the symbol looks like."""
    assert parse_name(name) == CacheName(*expected)


@pytest.mark.parametrize("name", _BAD)
def test_what_is_no_name_of_an_entry_is_not_taken_for_one(name: str) -> None:
    """Other files in the cache are not guessed to be of some symbol."""
    assert parse_name(name) is None


def test_every_file_of_the_clean_samples_has_a_known_name() -> None:
    """The names in real caches are all understood, and name the folder they lie in."""
    of_folder = {"income_statements": "income", "balance_sheets": "balance_sheet", "cash_flows": "cash_flow",
                 "price_data": "price"}  # fmt: skip
    files = [f for cache in (CACHE_2019, CACHE_2021) for f in cache.rglob("*.gz")]
    assert len(files) == 44
    for file in files:
        name = parse_name(file.name)
        assert name is not None
        assert name.dataset == of_folder[file.parent.name]
        assert name.symbol in ("AAPL", "GOOG", "GOOGL")
