"""Test the charts of `lake.plot`: their values, titles, units and bounds, on a lake and on a server."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, MissingExtra
from factorlab_lake.lake import Lake
from factorlab_lake.research.plots.charts import Charts
from factorlab_lake.research.plots.group_charts import dot_strips
from factorlab_lake.schema.limits import CHART_ROWS, CHART_SYMBOLS
from tests.sec_lakes import fetched_apple
from tests.support import run_python
from tests.unit.query.lake_builder import LakeBuilder, filing, quarters
from tests.unit.research.market_of_ten import COMPANIES, EQUITY, INCOME, SECTOR_OF, build
from tests.unit.sync.snowflake_server import Account

_MONTHS: dict[str, Any] = {"start": "2020-01-31", "end": "2020-12-31", "freq": "ME"}
_CALLS: dict[str, Callable[[Charts], Any]] = {
    "prices": lambda plot: plot.prices(["AAPL", "GOOGL"], "2020-08-01", "2020-09-30"),
    "market_caps": lambda plot: plot.market_caps(["AAPL", "GOOGL"], **_MONTHS),
    "factors": lambda plot: plot.factors("pe_ratio", "AAPL", **_MONTHS),
    "cross_section": lambda plot: plot.cross_section("roe", "2020-12-31", by="sector"),
    "coverage": lambda plot: plot.coverage(),
    "restatements": lambda plot: plot.restatements("revenue", "AAPL"),
}


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the market of ten companies. Tests do not change it."""
    return build(tmp_path_factory.mktemp("market"))


def _rows(chart: Any) -> list[dict[str, Any]]:
    """Return the rows of every data set of a chart, as the browser gets them."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def _notes(chart: Any) -> str:
    return " ".join(chart.to_dict()["title"]["subtitle"])


def _axis(chart: Any) -> str:
    """Return the title of the axis of values."""
    axes = (layer["encoding"].get("y", {}) for layer in chart.to_dict()["layer"])
    return str(next(axis["title"] for axis in axes if axis.get("title")))


@pytest.mark.parametrize("name", _CALLS)
def test_a_chart_is_saved_as_svg_without_a_browser(lake_2021: Lake, tmp_path: Path, name: str) -> None:
    """Each chart becomes an SVG with its title, and the same bytes when it is drawn again."""
    texts = []
    for place in ("first.svg", "second.svg"):
        _CALLS[name](lake_2021.plot).save(tmp_path / place)
        text = (tmp_path / place).read_text(encoding="utf-8")
        texts.append(re.sub(r"gradient_\d+", "gradient", text))  # the program numbers its legends
    assert texts[0] == texts[1]
    ET.fromstring(texts[0])
    title = _CALLS[name](lake_2021.plot).to_dict()["title"]
    assert title["text"] in texts[0]
    assert all(title["subtitle"])


@pytest.mark.parametrize("name", _CALLS)
def test_an_empty_lake_has_an_empty_chart(lake: Lake, tmp_path: Path, name: str) -> None:
    """Without data a chart has its title and no mark; it is drawn without a warning."""
    chart = _CALLS[name](lake.plot)
    chart.save(tmp_path / "empty.svg")
    assert chart.to_dict()["title"]["text"] in (tmp_path / "empty.svg").read_text(encoding="utf-8")
    assert not chart.to_dict()["title"]["text"].endswith("of ")
    assert [row for row in _rows(chart) if row.get("value") is not None] == []


def test_a_chart_is_saved_as_png(lake_2021: Lake, tmp_path: Path) -> None:
    """Charts below each other are one picture, and PNG works without a browser too."""
    both = _CALLS["prices"](lake_2021.plot) & _CALLS["market_caps"](lake_2021.plot)
    both.save(tmp_path / "both.png")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


def test_market_caps_show_the_values_of_the_method(lake_2021: Lake) -> None:
    """The rows are those of the method in the unit of the axis; each gap has its reason and a cross."""
    days: dict[str, Any] = {"start": "2015-12-31", "end": "2016-03-31", "freq": "ME"}
    chart = lake_2021.plot.market_caps("GOOGL", **days)
    caps = lake_2021.market_caps("GOOGL", **days)
    assert caps["market_cap"].null_count() == 2
    expected = [None if cap is None else pytest.approx(cap / 1e9) for cap in caps["market_cap"]]
    assert [row["value"] for row in _rows(chart)] == expected
    assert [row["reason"] for row in _rows(chart)] == caps["reason"].to_list()
    assert _axis(chart) == "market cap (bn currency unknown)"
    assert "2 of 4 values are missing: shares_reported_as_zero_or_missing (2)." in _notes(chart)
    assert len(chart.to_dict()["layer"]) == 3  # lines, circles, crosses


def test_the_title_says_what_was_known(lake_2021: Lake) -> None:
    """A title has the availability rule, and hindsight is called so."""
    assert "As known at each date's close (filings count by the rule close)." in _notes(
        lake_2021.plot.market_caps("AAPL", "2020-12-31")
    )
    later = fl.open(lake_2021.path, availability=2).plot.market_caps("AAPL", "2020-12-31", vintage="latest")
    assert "HINDSIGHT: the newest version of every statement (filings count by the rule 2)." in _notes(later)
    first = lake_2021.plot.cross_section("roe", "2020-12-31", by="sector", vintage="first")
    assert "First version of every statement" in _notes(first)


def test_each_currency_has_its_panel(tmp_path: Path) -> None:
    """Caps in USD and EUR are two panels, each with its currency on the axis."""
    cases = LakeBuilder()
    for name, currency in (("A", "USD"), ("B", "EUR")):
        cases.shares(name, "2020-06-30", 1e9)
        cases.closes(name, {"2020-09-30": 5.0})
        cases.row("company_profiles", symbol=name, currency=currency, fetched_at="2020-07-01T12:00:00Z")
    chart = cases.build(tmp_path).plot.market_caps(["A", "B"], "2020-09-30")
    axes = [panel["layer"][0]["encoding"]["y"]["title"] for panel in chart.to_dict()["vconcat"]]
    assert axes == ["market cap (bn EUR)", "market cap (bn USD)"]


def test_many_days_are_thinned_out_and_the_title_says_so(tmp_path: Path) -> None:
    """Of 20 years of bars at most CHART_ROWS are drawn, the newest among them: altair takes no more."""
    days = [date(2000, 1, 3) + timedelta(n) for n in range(6_000)]
    lake = fl.open(tmp_path / "lake")
    bars = {"symbol": "A", "date": days, "close_price": [10.0 + n % 7 for n in range(len(days))]}
    lake.load("price_data", pl.DataFrame(bars), split_basis="2020-01-01")
    chart = lake.plot.prices("A")
    rows = _rows(chart)
    assert len(rows) == 3_000 <= CHART_ROWS
    assert max(row["date"] for row in rows).startswith(str(days[-1]))
    assert "Every 2nd date is drawn." in _notes(chart)


def test_a_factor_has_a_mark_for_each_filing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Marks lie on the days from which statements count; a restatement has a sign of its own."""
    lake = fetched_apple(tmp_path_factory)
    days: dict[str, Any] = {"start": "2009-10-31", "end": "2010-04-30", "freq": "ME"}
    chart = lake.plot.factors("revenue", "AAPL", **days)
    marks = [row for row in _rows(chart) if "filing" in row]
    stored = lake.statements("AAPL", columns=["available_date", "change_kind"]).filter(
        pl.col("available_date").is_between(date(2009, 10, 31), date(2010, 4, 30))
    )
    for name, kind in (("filing", "original"), ("restatement", "restatement")):
        expected = stored.filter(pl.col("change_kind") == kind)["available_date"].unique()
        assert {row["date"][:10] for row in marks if row["filing"] == name} == set(map(str, expected))
    assert {row["filing"] for row in marks} == {"filing", "restatement"}
    without = _rows(lake.plot.factors("revenue", "AAPL", filings=False, **days))
    assert [row for row in without if "filing" in row] == []
    assert _axis(chart) == "revenue (bn reported currency)"


def test_an_own_factor_has_its_own_reason(ten: Lake) -> None:
    """A factor of ``define`` is drawn; without a value its own reason is in the tooltip."""
    own = {"return": "net_income / total_stockholders_equity"}
    chart = ten.plot.factors("return", "C3", "2020-08-31", define=own)
    [row] = [row for row in _rows(chart) if "value" in row]
    assert row["value"] is None
    assert row["reason"]


def test_a_cross_section_is_sorted_by_the_median_of_each_group(ten: Lake) -> None:
    """Every company with a value is a dot; groups come in the order of their medians, NULL as unknown."""
    chart = ten.plot.cross_section("net_income", "2020-08-31", by="sector")
    dots = {row["symbol"]: row for row in _rows(chart) if "symbol" in row}
    assert {name: dots[name]["value"] for name in COMPANIES} == {
        name: 4 * income for name, income in zip(COMPANIES, INCOME, strict=True)
    }
    groups = {name: dots[name]["group"] for name in COMPANIES}
    assert groups == {name: sector or "unknown" for name, sector in SECTOR_OF.items()}
    order = chart.to_dict()["layer"][0]["encoding"]["y"]["sort"]
    medians = {row["group"]: row["median"] for row in _rows(chart) if "median" in row}
    assert order == sorted(medians, key=lambda name: medians[name])
    assert medians["Technology"] == 4 * 3.0


def test_a_cross_section_counts_what_it_leaves_out(ten: Lake) -> None:
    """The title counts companies without a value, and those that are drawn at the edges."""
    notes = _notes(ten.plot.cross_section("roe", "2020-08-31", by="sector"))
    missing = sum(equity <= 0 for equity in EQUITY) + 1  # NONE has no statement
    assert f"{missing} of 11 symbols have no value; most often: " in notes
    rows = {"symbol": [f"S{n}" for n in range(200)], "group": ["Energy"] * 200, "value": [*range(199), 1e6]}
    others = dict.fromkeys(("percentile", "z_score"), 0.5) | {"reason": None}
    wide = pl.DataFrame(rows, strict=False).with_columns(**{n: pl.lit(v) for n, v in others.items()})
    chart = dot_strips(wide, axis="roe", by="sector", heading="roe", notes=())
    assert "8 values lie beyond the edges of the chart" in _notes(chart)
    assert max(row["drawn"] for row in _rows(chart)) < 200


def test_coverage_shows_the_symbols_with_most_gaps(tmp_path: Path) -> None:
    """Of more symbols than fit, those with most gaps are drawn; the title says how many there are."""
    lake = fl.open(tmp_path / "lake")
    names = [f"S{n:02}" for n in range(CHART_SYMBOLS + 5)]
    weekdays = [day for n in range(30) if (day := date(2020, 6, 1) + timedelta(n)).weekday() < 5]
    rows = [(name, day) for name in names for day in weekdays if (name, day.day) != ("S64", 10)]
    frame = pl.DataFrame(rows, schema={"symbol": pl.String, "date": pl.Date}, orient="row")
    lake.load("price_data", frame.with_columns(close_price=pl.lit(10.0)), split_basis="2020-07-01")
    chart = lake.plot.coverage()
    drawn = _rows(chart)
    assert len(drawn) == CHART_SYMBOLS
    [gap] = [row for row in drawn if row["missing"]]
    assert (gap["symbol"], gap["missing"], gap["share"]) == ("S64", 1, pytest.approx(1 - 1 / len(weekdays)))
    assert "60 of 65 symbols, those with most gaps." in _notes(chart)
    assert [row["symbol"] for row in _rows(lake.plot.coverage("S01"))] == ["S01"]


def test_a_restatement_is_drawn_on_the_day_from_which_it_counts(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Apple restated fiscal 2009 in January 2010: both figures are there, and only one as of a day before."""
    lake = fetched_apple(tmp_path_factory)
    rows = _rows(lake.plot.restatements("revenue", "AAPL"))
    year = [row for row in rows if row["period"] == "FY 2009-09-26"]
    assert [row["change"] for row in year] == ["first figure", "restatement"]
    assert [row["available_date"][:10] for row in year] == ["2009-10-28", "2010-01-26"]
    assert [row["value"] for row in year] == pytest.approx([36.537, 42.905])
    assert year[1]["of_first"] == pytest.approx(42.905 / 36.537 - 1)
    before = _rows(lake.plot.restatements("revenue", "AAPL", as_of="2010-01-25"))
    assert [row for row in before if row["change"] != "first figure"] == []


def test_later_filings_change_nothing_earlier(tmp_path: Path) -> None:
    """Charts as of a day are the same after a later restatement is stored."""
    cases, later = LakeBuilder(), LakeBuilder()
    cases.statements("A", "income", quarters(revenue=[10e6, 11e6, 12e6, 13e6]))
    cases.closes("A", {"2020-11-30": 5.0, "2021-02-26": 6.0})
    restated = filing("2020-12-31", "Q4", filed="2021-05-03", revenue=20e6)
    later.statements("A", "income", [restated], fetched=datetime(2021, 6, 1, 12, tzinfo=UTC))
    calls: tuple[Callable[[Charts], Any], ...] = (
        lambda plot: plot.restatements("revenue", "A", period="quarterly", as_of="2021-03-31"),
        lambda plot: plot.factors("revenue", "A", ["2020-11-30", "2021-02-26"]),
    )
    lake = cases.build(tmp_path)
    before = [call(lake.plot).to_dict() for call in calls]
    later.add_to(lake, tmp_path / "later")
    assert [call(lake.plot).to_dict() for call in calls] == before
    assert "1 of 4 quarterly" in _notes(lake.plot.restatements("revenue", "A", period="quarterly"))


def test_only_amounts_have_a_timeline_of_versions(lake_2021: Lake) -> None:
    """A ratio or an unknown item raises an error with the nearest name."""
    with pytest.raises(InvalidInput, match=r"expected an amount of a statement.*'revenue'"):
        lake_2021.plot.restatements("revenu", "AAPL")
    with pytest.raises(InvalidInput, match="dataset"):
        lake_2021.plot.coverage(dataset="prices")


def test_a_server_draws_the_same_charts(lake_2021: Lake, database: str) -> None:
    """Each chart of a server equals that of the folder; coverage has equal values and names no snapshot."""
    _assert_same_charts(lake_2021, database)


def test_snowflake_draws_the_same_charts(lake_2021: Lake, snowflake: Account) -> None:
    """A lake on Snowflake has the charts of the folder, coverage too."""
    with snowflake.schema() as url:
        _assert_same_charts(lake_2021, url)


def _assert_same_charts(lake: Lake, url: str) -> None:
    lake.sync(url)
    with fl.open(url) as server:
        for name, draw in _CALLS.items():
            shown, expected = draw(server.plot).to_dict(), draw(lake.plot).to_dict()
            if name == "coverage":
                assert list(shown["datasets"].values()) == list(expected["datasets"].values())
            else:
                assert shown == expected, name


def test_without_the_extra_the_error_names_it(lake_2021: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method raises MissingExtra with the command to install altair."""
    monkeypatch.setitem(sys.modules, "altair", None)
    for draw in _CALLS.values():
        with pytest.raises(MissingExtra, match=r'pip install "factorlab-lake\[plot\]"'):
            draw(lake_2021.plot)


def test_altair_is_imported_by_the_first_chart(lake_2021: Lake) -> None:
    """Neither opening a lake nor `lake.plot` imports altair, which takes a second."""
    script = "import sys, factorlab_lake as fl; fl.open(sys.argv[1]).plot; print('altair' in sys.modules)"
    done = run_python(script, lake_2021.path)
    assert done.stdout == "False\n"
