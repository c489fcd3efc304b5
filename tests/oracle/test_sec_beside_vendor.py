"""Test Apple's figures from SEC against the rows of a vendor's cache, over all that both have.

Each difference is in ``_EXPLAINED`` with its reason, which ``docs/concepts/sec_filings.md`` has in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from factorlab_lake.lake import Lake
from tests.fakes.sec_documents import sample
from tests.oracle import apple
from tests.oracle.counts import factor
from tests.sec_lakes import fetched_apple, vendor_and_sec
from tests.sec_rows import apple as filed_figures

_DEBT = ("short_term_debt", "total_debt", "net_debt")
_PER_SHARE = ("eps", "eps_diluted")
_AVERAGES = ("weighted_average_shares_outstanding", "weighted_average_shares_outstanding_diluted")
_SAME = 1e-9  # of the larger value
# Statement, item and end of the period: (the vendor's figure, SEC's figure), in million.
_EXPLAINED = {
    # Restated by the 10-K of 2018-11-05 (restricted cash, taxes on awards of shares).
    ("cash_flow", "operating_cash_flow", "2017-09-30"): (63_598, 64_225),
    ("cash_flow", "net_cash_provided_by_operating_activities", "2017-09-30"): (63_598, 64_225),
    ("cash_flow", "net_cash_from_financing_activities", "2017-09-30"): (-17_347, -17_974),
    ("cash_flow", "free_cash_flow", "2017-09-30"): (51_147, 51_774),
    # Restated by the 10-Q of 2019-01-30 (revenue recognition).
    ("balance_sheet", "total_current_liabilities", "2018-09-29"): (116_866, 115_929),
    # The vendor took the tag of common stock alone; a year later the 10-Q tagged all dividends.
    ("cash_flow", "dividends_paid", "2016-12-31"): (-3_042, -3_130),
    # The vendor took a rounded number of a note, and wrote 0 for a figure that it did not have.
    ("cash_flow", "depreciation_and_amortization", "2017-09-30"): (8_200, 10_157),
    ("cash_flow", "depreciation_and_amortization", "2016-12-31"): (0, 2_987),
}
# Quarters by item and month: the vendor's figure and SEC's, which is a difference of restated figures.
_RESTATED = {
    "operating_cash_flow": {
        "2017-04": (12_345, 12_570), "2017-07": (8_363, 8_672), "2017-09": (15_656, 15_749),
    },
    "free_cash_flow": {"2017-04": (9_370, 9_595), "2017-07": (6_086, 6_395), "2017-09": (11_791, 11_884)},
    "net_cash_from_financing_activities": {
        "2017-04": (643, 418), "2017-07": (-1_769, -2_078), "2017-09": (-3_996, -4_089),
    },
    "dividends_paid": {
        "2016-09": (-3_071, -3_092), "2016-12": (-3_042, -3_130), "2017-04": (-2_988, -3_004),
        "2017-07": (-3_469, -3_365),
    },
}  # fmt: skip
_EXPLAINED_QUARTERS = {
    **_RESTATED,
    "net_cash_provided_by_operating_activities": _RESTATED["operating_cash_flow"],
}
# Items that must be compared in every period of their statement that both providers have.
_CORE = {
    "income": [
        "revenue", "cost_of_revenue", "gross_profit", "research_and_development_expenses",
        "selling_general_and_administrative_expenses", "operating_expenses", "operating_income",
        "income_before_tax", "income_tax_expense", "net_income",
    ],
    "balance_sheet": [
        "total_assets", "total_current_assets", "total_liabilities", "total_current_liabilities",
        "total_stockholders_equity", "total_equity", "total_liabilities_and_stockholders_equity",
        "retained_earnings", "cash_and_cash_equivalents",
    ],
    "cash_flow": [
        "operating_cash_flow", "net_cash_from_investing_activities", "net_cash_from_financing_activities",
        "capital_expenditure", "free_cash_flow", "dividends_paid",
    ],
}  # fmt: skip
_PERIODS = {"income": 37, "balance_sheet": 37, "cash_flow": 9}


@pytest.fixture(scope="module")
def compared(lake_2021: Lake, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Return Apple's figures that both providers have."""
    rows = vendor_and_sec(tmp_path_factory, lake_2021).compare_providers("AAPL")
    return rows.filter(pl.col("difference").is_not_null())


def _differing(compared: pl.DataFrame) -> Iterator[tuple[str, str, str, float, float]]:
    rows = compared.filter(pl.col("difference") > _SAME)
    names = ("statement_type", "item", "fiscal_date", "fmp", "sec")
    for kind, item, end, vendor, sec in rows.select(names).iter_rows():
        yield kind, item, end.isoformat(), vendor, sec


@pytest.mark.parametrize("statement", list(_CORE))
def test_the_comparison_has_every_period_of_both(compared: pl.DataFrame, statement: str) -> None:
    """Each core item of a statement is compared in every period: none is left out to agree."""
    assert compared.height == 1157
    counts = compared.filter(statement_type=statement)["item"].value_counts()
    periods = dict(counts.rows())
    assert {item: periods.get(item) for item in _CORE[statement]} == dict.fromkeys(
        _CORE[statement], _PERIODS[statement]
    )


def test_money_differs_only_where_it_is_explained(compared: pl.DataFrame) -> None:
    """Revenue to net income, totals, the three totals of cash flows and dividends agree but for a list."""
    differing = {
        (kind, item, end): (vendor / 1e6, sec / 1e6)
        for kind, item, end, vendor, sec in _differing(compared)
        if item not in (*_DEBT, *_PER_SHARE, *_AVERAGES)
    }
    assert differing == _EXPLAINED


def test_the_debt_differs_by_the_commercial_paper_alone(compared: pl.DataFrame) -> None:
    """The vendor's short-term debt lacks commercial paper, which SEC's facts have under a tag of its own."""
    us_gaap = sample("companyfacts")["facts"]["us-gaap"]
    # The 10-Qs of March and June 2020 have one tag for commercial paper and secured borrowing.
    tags = ("OtherShortTermBorrowings", "CommercialPaper")
    papers = {fact["end"]: fact["val"] for tag in tags for fact in us_gaap[tag]["units"]["USD"]}
    differing = [each for each in _differing(compared) if each[1] in _DEBT]
    assert len(differing) == 63
    assert [each for each in differing if each[4] - each[3] != papers[each[2]]] == []


def test_shares_differ_by_the_split_alone(compared: pl.DataFrame) -> None:
    """The vendor counts earlier shares as after the splits; SEC's figures are as filed."""
    today = date(2021, 3, 31)
    bases = {
        (row["fiscal_date"], row["fiscal_period"]): date.fromisoformat(row["available_date"])
        for row in filed_figures()["rows"]
        if row["statement_type"] == "income"
    }
    rows = compared.filter(pl.col("item").is_in([*_PER_SHARE, *_AVERAGES]))
    for end, label, item, vendor, sec in rows.select(
        "fiscal_date", "fiscal_period", "item", "fmp", "sec"
    ).rows():
        ratio = factor(apple.SPLITS, bases[end.isoformat(), label], today)
        rebased = sec / ratio if item in _PER_SHARE else sec * ratio
        # EPS is filed in cents, and a count in thousands, of which the splits made 28 times as many.
        rounding = 0.0051 if item in _PER_SHARE else 28 * 500
        assert vendor == pytest.approx(rebased, rel=0, abs=rounding), (end, label, item)


def test_derived_quarters_equal_the_vendors_quarters(
    lake_2021: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What follows from SEC's cumulative figures is what the vendor has as quarters, over 11 years."""
    frames = [
        lake.quarters("AAPL").with_columns(month=pl.col("fiscal_date").dt.strftime("%Y-%m"))
        for lake in (lake_2021, fetched_apple(tmp_path_factory))
    ]
    both = frames[0].join(frames[1], on="month", suffix="_of_sec")
    flows = [name for name, kind in frames[0].schema.items() if kind == pl.Float64]
    differing: dict[str, dict[str, tuple[float, float]]] = {}
    compared = 0
    for name in flows:
        rows = both.select("month", name, f"{name}_of_sec").drop_nulls()
        compared += rows.height
        for month, vendor, sec in rows.filter(pl.col(name) != pl.col(f"{name}_of_sec")).rows():
            differing.setdefault(name, {})[month] = (vendor / 1e6, sec / 1e6)
    assert (both.height, compared) == (44, 659)
    assert differing == _EXPLAINED_QUARTERS
