"""Test the place of each value among its peers against the formulas in plain Python."""

from __future__ import annotations

from statistics import fmean, median, stdev
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.lake import Lake
from tests.unit.research.market_of_ten import COMPANIES, EQUITY, INCOME, SECTOR_OF, build

_DAY = "2020-07-31"
_ROE = {n: 4 * i / e if e > 0 else None for n, i, e in zip(COMPANIES, INCOME, EQUITY, strict=True)}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the market, which no test changes."""
    return build(tmp_path_factory.mktemp("market"))


def _quantile(values: list[float], share: float) -> float:
    """Return a quantile of sorted values, interpolated linearly between the two neighbours."""
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def _expected(value: float, peers: list[float], share: float) -> dict[str, float | None]:
    ordered = sorted(peers)
    low, high = _quantile(ordered, share), _quantile(ordered, 1 - share)
    cut = [min(max(peer, low), high) for peer in peers]
    smaller, equal = sum(p < value for p in peers), sum(p == value for p in peers)
    rank = smaller + (equal + 1) / 2
    is_flat, is_cut_flat = min(peers) == max(peers), min(cut) == max(cut)
    return {
        "rank": rank,
        "percentile": (rank - 0.5) / len(peers),
        "z_score": None if is_flat else (value - fmean(peers)) / stdev(peers),
        "z_score_winsorised": None if is_cut_flat else (min(max(value, low), high) - fmean(cut)) / stdev(cut),
        "peer_median": median(peers),
        "peer_count": len(peers),
    }


@pytest.mark.parametrize("share", [0.05, 0.2, 0])
@pytest.mark.parametrize("by", [None, "sector"])
def test_each_figure_follows_its_formula(market: Lake, by: str | None, share: float) -> None:
    """Rank, percentile, z-scores, median and count equal those of plain Python, in total and by sector."""
    rows = market.cross_section("roe", _DAY, universe=COMPANIES, by=by, winsorise=share)
    assert rows["symbol"].to_list() == COMPANIES
    for row in rows.to_dicts():
        name = row["symbol"]
        value = _ROE[name]
        assert row["value"] == (None if value is None else pytest.approx(value))
        if value is None or (by and SECTOR_OF[name] is None):
            continue
        peers = [
            v for n, v in _ROE.items() if v is not None and (by is None or SECTOR_OF[n] == SECTOR_OF[name])
        ]
        figures = _expected(value, peers, share)
        expected = {name: number and pytest.approx(number) for name, number in figures.items()}
        assert {key: row[key] for key in expected} == expected, name


def _reasons(rows: pl.DataFrame) -> dict[str, Any]:
    return dict(rows.filter(pl.col("reason").is_not_null()).select("symbol", "reason").rows())


def test_reasons(market: Lake) -> None:
    """A NULL has its reason: of the factor, of the group, or of peers that do not differ."""
    by_sector = market.cross_section("roe", _DAY, by="sector")
    assert _reasons(by_sector) == {
        "C3": "total_stockholders_equity: missing",
        "C8": "total_stockholders_equity: not positive",
        "C9": "no_sector_known",
        "NONE": "ttm: no_statement_known",
    }
    alone = market.cross_section("roe", _DAY, universe=["C0"])
    assert alone.select("rank", "percentile", "z_score", "reason").row(0) == (1, 0.5, None, "no_peers")
    equal = market.cross_section("revenue", _DAY, universe=["C0", "C1"])
    assert equal.select("rank", "z_score", "reason").row(0) == (1.5, None, "all_values_equal")


def test_several_factors_and_dates(market: Lake) -> None:
    """Factors, inputs and definitions give one row per factor, date and symbol, in this order."""
    names = ["roe", "revenue", "own"]
    days = ["2020-08-31", "2020-07-31"]
    rows = market.cross_section(names, days, universe=["C1", "C0"], define={"own": "net_income / 4"})
    keys = rows.select("factor", pl.col("date").cast(pl.String), "symbol").rows()
    assert keys == [(f, d, s) for f in names for d in sorted(days) for s in ("C0", "C1")]
    assert rows.filter(factor="own")["value"].to_list() == [2, -1, 2, -1]
    every = market.cross_section(list(FACTORS), _DAY)
    grid = market.factors("all", _DAY).sort("symbol")
    for name in FACTORS:
        assert every.filter(factor=name)["value"].to_list() == grid[name].to_list(), name


def test_statistics_of_industries(market: Lake) -> None:
    """Each group has the figures of its members, and counts those without a value."""
    rows = market.industry_stats("roe", _DAY, universe=COMPANIES, by="sector").to_dicts()
    assert [row["group"] for row in rows] == ["Energy", "Technology", None]
    for row in rows:
        values = sorted(v for n, v in _ROE.items() if SECTOR_OF[n] == row["group"] and v is not None)
        missing = sum(SECTOR_OF[n] == row["group"] and v is None for n, v in _ROE.items())
        assert (row["count"], row["missing"]) == (len(values), missing)
        assert row["median"] == pytest.approx(median(values))
        assert row["mean"] == pytest.approx(fmean(values))
        assert row["lower_quartile"] == pytest.approx(_quantile(values, 0.25))
        assert row["upper_quartile"] == pytest.approx(_quantile(values, 0.75))
        assert (row["minimum"], row["maximum"]) == pytest.approx((values[0], values[-1]))
        spread, reason = (stdev(values), None) if len(values) > 1 else (None, "one_value")
        assert (row["standard_deviation"], row["reason"]) == (spread and pytest.approx(spread), reason)


def test_wrong_arguments_are_refused(market: Lake) -> None:
    """An unknown factor, group or share is an error that names what exists."""
    with pytest.raises(InvalidInput, match=r"no factor 'roee'.*Did you mean 'roe'"):
        market.cross_section("roee", _DAY)
    with pytest.raises(InvalidInput, match="sector, industry, exchange"):
        market.cross_section("roe", _DAY, by="country")
    with pytest.raises(InvalidInput, match=r"from 0 to below 0\.5"):
        market.cross_section("roe", _DAY, winsorise=0.5)
    assert market.cross_section("roe", []).is_empty()
