"""Test adjusted prices that a user loads on the basis of their own day, as if they were prices as traded.

Right values are computed by hand: 1 m shares filed in May, 4 m after a split of 4:1 on 2020-08-31.
"""

from __future__ import annotations

import itertools
import warnings
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput, LakeWarning
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.support import answer, writing

_DAYS = ["2020-08-26", "2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"]
_ADJUSTED = [126.5, 125.0, 124.8, 129.0, 134.2]
_TRADED = [506.0, 500.0, 499.2, 129.0, 134.2]
_RULES = ["split_without_step", "split_contradicted"]


def _bars(closes: list[float], rows: slice = slice(None), days: list[str] = _DAYS) -> dict[str, Any]:
    return {"symbol": "AAPL", "date": days[rows], "close_price": closes[rows]}


def _load_bars(lake: Lake, bars: dict[str, Any], basis: str = "own-day") -> int:
    return lake.load("price_data", pl.DataFrame(bars), split_basis=basis)


def _load_split(lake: Lake, *ratio: int, day: str = "2020-08-31") -> None:
    lake.load("splits", {"symbol": ["AAPL"], "date": [day], "numerator": ratio[:1], "denominator": ratio[1:]})


def _load_count(lake: Lake) -> None:
    row = {"symbol": "AAPL", "as_of_date": "2020-05-10", "source": "cover_page", "shares": 1e6}
    lake.load("shares_outstanding", pl.DataFrame(row | {"filing_date": "2020-05-15"}), split_basis="own-day")


def _findings(lake: Lake) -> list[tuple[str, str, date]]:
    return lake.quality(rules=_RULES).select("rule", "symbol", "date").rows()


@pytest.mark.parametrize("ratio", [(4, 1), (2, 1), (1, 10)])
def test_own_day_is_refused_where_a_stored_split_shows_no_step(lake: Lake, ratio: tuple[int, int]) -> None:
    """The message has both closes, the split and the option to pass; a check alone says so too."""
    _load_split(lake, *ratio)
    before = lake.snapshot.id
    for dry_run in (True, False):
        with pytest.raises(
            InvalidInput, match=r"AAPL closes at 124.8 on 2020-08-28 and at 129 on .*as split_basis"
        ):
            lake.load("price_data", pl.DataFrame(_bars(_ADJUSTED)), split_basis="own-day", dry_run=dry_run)
    assert lake.snapshot.id == before
    assert _load_bars(lake, _bars(_ADJUSTED), "2021-03-31") == 5
    assert _findings(lake) == []


def test_prices_as_traded_are_not_refused(lake: Lake) -> None:
    """The step may be some days away from the told day, as lists date splits wrongly."""
    _load_split(lake, 4, 1, day="2020-09-02")
    assert _load_bars(lake, _bars([*_TRADED, 131.0], days=[*_DAYS, "2020-09-02"])) == 6
    assert _findings(lake) == []


@pytest.mark.filterwarnings("ignore:splits")
def test_a_split_of_1_to_1_allows_the_load(lake: Lake) -> None:
    """A user who knows that a provider's split did not happen says so, as the message tells."""
    with writing(lake) as tx:
        listed = [{"date": "2020-08-31", "numerator": 4, "denominator": 1}]
        merge_batch(tx, [answer("split", listed, at=datetime(2020, 9, 2, tzinfo=UTC))])
    lake.refresh()
    with pytest.raises(InvalidInput, match="load a split of 1:1"):
        _load_bars(lake, _bars(_ADJUSTED))
    _load_split(lake, 1, 1)
    assert _load_bars(lake, _bars(_ADJUSTED)) == 5
    assert _findings(lake) == []


@pytest.mark.filterwarnings("ignore::factorlab_lake.errors.LakeWarning")
@pytest.mark.first_cases(6)
@pytest.mark.parametrize(
    "order", [*itertools.permutations(("old", "before", "after", "split"))][::-1], ids=str
)
def test_any_order_of_arrival_gives_right_caps(lake: Lake, order: tuple[str, ...]) -> None:
    """Bars may come in three files, before or after the split: 1 m shares at 124.8 x 4 are 499.2 m."""
    files = {"old": slice(0, 2), "before": slice(2, 3), "after": slice(3, 5)}
    _load_count(lake)
    for name in order:
        if name == "split":
            _load_split(lake, 4, 1)
        else:
            _load_bars(lake, _bars(_ADJUSTED, files[name]))
    caps = lake.market_caps("AAPL", ["2020-08-26", "2020-08-28", "2020-08-31"])["market_cap"]
    assert [round(cap / 1e6, 3) for cap in caps] == [506.0, 499.2, 516.0]
    assert _findings(lake) == [("split_without_step", "AAPL", date(2020, 8, 31))]


def test_a_split_after_the_bars_is_said_and_a_right_load_ends_it(lake: Lake) -> None:
    """Loading again on the right basis leaves no finding, though the wrong bars stay as revisions."""
    _load_count(lake)
    _load_bars(lake, _bars(_ADJUSTED))
    with pytest.warns(LakeWarning, match="4:1 split of 2020-08-31: the bars before it are taken as adjusted"):
        _load_split(lake, 4, 1)
    assert _findings(lake) == [("split_without_step", "AAPL", date(2020, 8, 31))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _load_bars(lake, _bars(_ADJUSTED), "2021-03-31")
    assert _findings(lake) == []
    assert lake.market_caps("AAPL", "2020-08-28")["market_cap"].to_list() == [499.2e6]
    assert lake.sql("SELECT count(*) FROM price_revisions WHERE change_kind = 'correction'").item() == 5


def test_a_retracted_split_returns_the_stated_basis(lake: Lake) -> None:
    """A fetched list brings the split, and a newer one takes it back."""
    _load_bars(lake, _bars(_ADJUSTED))
    bases = []
    for month, rows in ((9, [{"date": "2020-08-31", "numerator": 4, "denominator": 1}]), (10, [])):
        with writing(lake) as tx:
            merge_batch(tx, [answer("split", rows, at=datetime(2020, month, 2, tzinfo=UTC))])
        lake.refresh()
        bases.append(lake.prices("AAPL")["split_basis_date"][0])
    assert bases == [date(2020, 8, 31), date(2020, 8, 26)]


@pytest.mark.parametrize(
    ("ratio", "days"),
    [((3, 2), _DAYS), ((4, 1), ["2020-05-29", "2020-06-30", "2020-07-31", "2020-08-31", "2020-09-30"])],
    ids=["small", "monthly"],
)
def test_little_proof_is_a_warning_and_a_finding(lake: Lake, ratio: tuple[int, int], days: list[str]) -> None:
    """Real moves reach 3:2, or 4:1 within a month, so the bars stay as they were stated."""
    _load_split(lake, *ratio)
    with pytest.warns(LakeWarning, match="stay on the basis of their own day"):
        _load_bars(lake, _bars(_ADJUSTED, days=days))
    assert _findings(lake) == [("split_without_step", "AAPL", date(2020, 8, 31))]
    assert lake.prices("AAPL")["split_basis_date"].to_list() == [date.fromisoformat(d) for d in days]


def test_a_history_of_two_kinds_is_not_corrected(lake: Lake) -> None:
    """Prices as traded until 19 August, adjusted ones from then on: the fall shows that the parts differ."""
    days = ["2020-08-18", "2020-08-19", "2020-08-20", *_DAYS]
    _load_bars(lake, _bars([506.0, 500.0, 124.0, *_ADJUSTED], days=days))
    with pytest.warns(LakeWarning, match="without the step"):
        _load_split(lake, 4, 1)
    assert lake.prices("AAPL")["split_basis_date"][0] == date(2020, 8, 18)
    assert _findings(lake) == [("split_without_step", "AAPL", date(2020, 8, 31))]
