"""Test the enterprise value of a company with several listed classes, against sums by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.lake import Lake
from tests.support import copy_of
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company
from tests.unit.query.test_currencies import published, rate_rows

DAY = "2021-02-01"
CLAIMS = 150  # 200 + 40 + 20 - 100 - 10: debt, preferred stock and minority interest less cash
EBITDA = 50  # 40 + 10
OWN = {"ev": "enterprise_value", "claims": "enterprise_value - company_market_cap"}
CASES = LakeBuilder()


def _filer(symbol: str, cik: str, count: float | None, currency: str = "USD") -> None:
    """Add a class at 8 with the statements of the sample company and the count of its cover page."""
    sample_company(CASES, symbol, income={"cik": cik})
    CASES.row("company_profiles", symbol=symbol, currency=currency)
    _count(CASES, symbol, count)


def _listed(symbol: str, cik: str, close: float | None, count: float | None, currency: str = "USD") -> None:
    """Add a class without statements: its profile, its close and the count of its cover page."""
    fetched = "2021-06-01T12:00:00Z"
    CASES.row("company_profiles", symbol=symbol, currency=currency, cik=cik, fetched_at=fetched)
    if close is not None:
        CASES.closes(symbol, {"2021-01-29": close})
    _count(CASES, symbol, count)


def _count(cases: LakeBuilder, symbol: str, count: float | None) -> None:
    if count is not None:
        cases.count(symbol, "cover_page", "2021-01-20", count, filed="2021-01-29")


# As GOOGL and GOOG: 8 x 60 + 10 x 45 = 930
_filer("TWO.A", "21", 60)
_filer("TWO.C", "21", 45)
# As BRK.B and BRK.A, of which a share is worth 1,500 of the others: 8 x 90 + 12,000 x 10 = 120,720
_filer("BIG.B", "22", 90)
_listed("BIG.A", "22", 12_000, 10)
_filer("PRICELESS.A", "23", 60)
_listed("PRICELESS.B", "23", None, 40)
_filer("COUNTLESS.A", "24", 60)
_listed("COUNTLESS.B", "24", 9, None)
_filer("TOTAL.A", "25", 100)
_listed("TOTAL.B", "25", 9, 100)
_filer("ABROAD.A", "26", 60)
_listed("ABROAD.B", "26", 9, 40, "EUR")
_filer('ODD".A', "27", 60)
_listed('ODD".B', "27", 9, None)
_filer("ALONE", "28", 60)
CASES.closes("TWO.C", {DAY: 10.0})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with the companies of this file."""
    return CASES.build(Path(tmp_path_factory.mktemp("classes")))


def _row(lake: Lake, symbol: str, day: str = DAY, **arguments: Any) -> dict[str, Any]:
    [row] = lake.factors(symbol, day, **arguments).to_dicts()
    return row


@pytest.mark.parametrize(
    ("symbol", "cap", "reason"),
    [
        ("TWO.A", 930, None),
        ("TWO.C", 930, None),
        ("BIG.B", 120_720, None),
        ("ALONE", 480, None),
        ("PRICELESS.A", None, "PRICELESS.B: no_price_within_limit"),
        ("COUNTLESS.A", None, "COUNTLESS.B: no_share_count_known"),
        ("TOTAL.A", None, "one_count_for_several_classes"),
        ("ABROAD.A", None, "currencies_differ"),
        ('ODD".A', None, 'ODD".B: no_share_count_known'),
    ],
)
def test_enterprise_value_has_all_classes(
    made: Lake, symbol: str, cap: float | None, reason: str | None
) -> None:
    """Each class counts with its own close and shares; where one is missing, there is no value."""
    row = _row(made, symbol)
    own = _row(made, symbol, factors=["ev_to_ebitda", *OWN], define=OWN)
    if cap is None:
        text = f"company_market_cap: {reason}"
        assert json.loads(row["reasons"]) == {"ev_to_ebitda": text}
        assert json.loads(own["reasons"]) == dict.fromkeys(["ev_to_ebitda", *OWN], text)
    else:
        value = (cap + CLAIMS) / EBITDA
        assert (row["ev_to_ebitda"], row["reasons"]) == (pytest.approx(value, rel=1e-12), None)
        assert [own[n] for n in ("ev_to_ebitda", *OWN)] == pytest.approx([value, cap + CLAIMS, CLAIMS])
    assert row["ev_to_ebitda"] == own["ev_to_ebitda"]


def test_other_factors_keep_the_cap_of_the_symbol(made: Lake) -> None:
    """A price to earnings is of the class, as before."""
    assert _row(made, "TWO.A")["market_cap"] == 480
    assert _row(made, "TWO.A")["pe_ratio"] == 480 / 20


def test_screens_and_cross_sections_have_the_same_value(made: Lake) -> None:
    """Research methods take the factors as they are."""
    rows = made.screen("ev_to_ebitda > 0 and enterprise_value > 600", DAY)
    assert rows["symbol"].to_list() == ["ALONE", "BIG.B", "TWO.A", "TWO.C"]
    ranked = made.cross_section("ev_to_ebitda", DAY)
    values = dict(zip(ranked["symbol"], ranked["value"], strict=True))
    assert values["TWO.A"] == _row(made, "TWO.A")["ev_to_ebitda"]


def test_sql_functions_tell_that_there_are_several_classes(made: Lake) -> None:
    """SQL has no value where the lake holds other classes, rather than one of the symbol alone."""
    names = ["ALONE", "TWO.A"]
    query = "SELECT symbol, ev_to_ebitda, reasons FROM factors($names, [DATE '2021-02-01']) ORDER BY symbol"
    alone, two = made.sql(query, names=names).to_dicts()
    assert (alone["ev_to_ebitda"], alone["reasons"]) == ((480 + CLAIMS) / EBITDA, None)
    assert two["ev_to_ebitda"] is None
    assert json.loads(two["reasons"]) == {"ev_to_ebitda": "company_market_cap: several_classes"}
    columns = "market_cap, company_market_cap, company_market_cap_reason"
    query = f"SELECT {columns} FROM factor_inputs($names, [DATE '2021-02-01']) ORDER BY symbol"
    assert made.sql(query, names=names).rows() == [(480, 480, None), (480, None, "several_classes")]
    [ratios] = made.ratios("TWO.A", "2020-12-31").to_dicts()
    assert json.loads(ratios["reasons"])["ev_to_ebitda"] == "company_market_cap: several_classes"


def test_the_index_and_sql_have_the_same_value(made: Lake, tmp_path: Path) -> None:
    """The answer does not depend on where the rows come from."""
    plain = copy_of(made, tmp_path / "lake")
    for manifest in (plain.path / "_lake" / "index").glob("*.json"):
        manifest.write_text("{}")
    names = ["TWO.A", "TWO.C", "BIG.B", "TOTAL.A", "ALONE"]
    assert_frame_equal(made.factors(names, [DAY]), plain.factors(names, [DAY]), check_exact=True)


def test_a_later_class_changes_nothing_earlier(made: Lake, tmp_path: Path) -> None:
    """A class counts from its first bar, count or profile on, also if its CIK is told by a later profile."""
    lake = copy_of(made, tmp_path / "lake")
    before = [_row(lake, "ALONE", day) for day in (DAY, "2021-02-03")]
    later = LakeBuilder()
    later.row("company_profiles", symbol="LATER.B", currency="USD", cik="28")
    later.closes("LATER.B", {"2021-02-04": 5.0})
    later.count("LATER.B", "cover_page", "2021-02-03", 30, filed="2021-02-04")
    later.closes("ALONE", {"2021-02-04": 8.0})
    later.add_to(lake, tmp_path)
    assert [_row(lake, "ALONE", day) for day in (DAY, "2021-02-03")] == before
    assert _row(lake, "ALONE", "2021-02-04")["ev_to_ebitda"] == (480 + 150 + CLAIMS) / EBITDA
    assert lake.company_market_caps("ALONE", [DAY, "2021-02-04"])["company_market_cap"].to_list() == [
        480,
        630,
    ]


def test_a_profile_that_names_another_company_changes_nothing_earlier(made: Lake, tmp_path: Path) -> None:
    """The company of a profile holds until the day of the next one that names another."""
    lake = copy_of(made, tmp_path / "lake")
    before = [_row(lake, name) for name in ("BIG.B", "ALONE")]
    rows = {"symbol": ["BIG.A"], "cik": ["28"], "currency": ["USD"]}
    lake.load("company_profiles", rows)
    assert [_row(lake, name) for name in ("BIG.B", "ALONE")] == before


def test_classes_in_two_currencies_are_converted_to_that_of_the_symbol(made: Lake, tmp_path: Path) -> None:
    """With exchange rates each class is in the currency of the symbol, at the rate of its own price."""
    lake = copy_of(made, tmp_path / "lake")
    lake.load("fx_rates", rate_rows(published()))
    rate = published()[date(2021, 1, 29)]["USD"]
    value = (480 + 9 * 40 * rate + CLAIMS) / EBITDA
    assert _row(lake, "ABROAD.A")["ev_to_ebitda"] == pytest.approx(value, rel=1e-12)
    rows = lake.explain_factor("ev_to_ebitda", "ABROAD.A", DAY)
    assert rows["value"][-1] == pytest.approx(value, rel=1e-12)
    caps = rows.filter(step="company_market_cap")["value"].to_list()
    assert caps == pytest.approx([480, 360 * rate, 480 + 360 * rate])


def test_an_explanation_has_the_cap_of_each_class(made: Lake) -> None:
    """The classes come before their sum; a class without a cap has its reason."""
    rows = made.explain_factor("ev_to_ebitda", "TWO.A", DAY)
    caps = rows.filter(step="company_market_cap").select("item", "value", "source", "note").rows()
    assert caps == [
        ("TWO.A", 480, "cover_page", "market_cap of TWO.A, see explain_market_cap"),
        ("TWO.C", 450, "cover_page", "market_cap of TWO.C, see explain_market_cap"),
        (None, 930, None, "sum of the classes"),
    ]
    assert rows["value"][-1] == (930 + CLAIMS) / EBITDA
    assert rows["note"][-1].startswith("(930.0 + 200.0")
    rows = made.explain_factor("ev_to_ebitda", "PRICELESS.A", DAY)
    reasons = rows.filter(step="company_market_cap")["note"].to_list()
    assert reasons[1:] == ["no_price_within_limit", "PRICELESS.B: no_price_within_limit"]
    assert (rows["value"][-1], rows["note"][-1]) == (None, f"company_market_cap: {reasons[-1]}")
    rows = made.explain_factor("ev_to_ebitda", "ALONE", DAY)
    assert rows.filter(step="company_market_cap")["note"].to_list() == ["see explain_market_cap"]
