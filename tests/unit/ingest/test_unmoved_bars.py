"""Test told splits that a later fetch of the same bars contradicts.

Right values are computed by hand: 1 m shares counted in May, and closes of 1,000 to 1,070 before the day.
"""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.providers.protocol import FetchResult
from tests.support import answer, assert_same_content, bar, landed, writing

TOLD = date(2024, 6, 10)
FIRST, SECOND, THIRD = (datetime(2024, month, 1, 23, tzinfo=UTC) for month in (6, 7, 8))
DAY_AFTER = datetime(2024, 6, 11, 23, tzinfo=UTC)
OLD = {f"2024-05-{day}": 1000.0 + 10 * i for i, day in enumerate(range(20, 28))}
STILL = {f"2024-06-{day}": 1075.0 for day in (10, 11, 24, 25, 26)}  # no step on the told day


def bars(closes: dict[str, float], at: datetime, **named: Any) -> FetchResult:
    """Return an answer with daily bars that the provider has at the time."""
    until = at.date().isoformat()
    return answer("price", [bar(d, c) for d, c in closes.items() if d <= until], at=at, **named)


def listed(at: datetime, *ratio: float, day: date = TOLD) -> FetchResult:
    """Return a list with one split, or an empty one."""
    row = {"date": day.isoformat(), "numerator": ratio[0], "denominator": ratio[1]} if ratio else None
    return answer("split", [row] if row else [], at=at)


def divided(closes: dict[str, float], ratio: float) -> dict[str, float]:
    """Return closes on the basis after a split."""
    return {day: round(close / ratio, 4) for day, close in closes.items()}


@pytest.fixture
def lake(tmp_path: Path) -> fl.Lake:
    """Return a lake with a count of 1 m shares of May."""
    lake = fl.open(tmp_path / "lake")
    count(lake, 1e6, "2024-05-10", "2024-05-15")
    return lake


def count(lake: fl.Lake, shares: float, counted: str, filed: str) -> None:
    """Load a count of a cover page."""
    dates = {"as_of_date": [counted], "split_basis_date": [filed], "filing_date": [filed]}
    lake.load(
        "shares_outstanding", {"symbol": ["AAPL"], "source": ["cover_page"], "shares": [shares], **dates}
    )


def serve(lake: fl.Lake, *answers: FetchResult) -> None:
    """Land the answers one by one."""
    for each in answers:
        with writing(lake) as tx:
            merge_batch(tx, [each])
    lake.refresh()


def outcome(lake: fl.Lake, day: str = "2024-06-26") -> tuple[list[tuple[float, str]], float | None]:
    """Return ratio and status of the events, and the cap of a day in millions."""
    events = lake.sql("SELECT ratio, status FROM split_events ORDER BY date, event").rows()
    [cap] = lake.market_caps("AAPL", day)["market_cap"].to_list()
    return events, None if cap is None else round(cap / 1e6, 3)


def observations(lake: fl.Lake) -> list[tuple[str, str, str]]:
    """Return the stored observations: the told day and the limits."""
    inferred = "source = 'inferred' AND numerator = denominator"
    query = f"SELECT date, earliest_date, latest_date FROM splits WHERE {inferred}"
    return [tuple(map(str, row)) for row in lake.sql(query).rows()]  # type: ignore[misc]  # three columns


@pytest.mark.parametrize("ratio", [(4, 1), (1, 10), (3, 2)], ids=str)
def test_bars_served_again_unchanged_reject_a_told_split(lake: fl.Lake, ratio: tuple[int, int]) -> None:
    """1 m shares at 1,075 are 1,075 m: no split happened, whatever the list says."""
    serve(lake, bars(OLD, FIRST), listed(SECOND, *ratio), bars(OLD | STILL, SECOND))
    assert outcome(lake) == ([(ratio[0] / ratio[1], "rejected")], 1075.0)
    assert observations(lake) == [("2024-06-10", "2024-06-02", "2024-07-01")]
    [finding] = lake.quality(rules=["split_rejected"]).to_dicts()
    assert (finding["symbol"], finding["value"], finding["expected"]) == ("AAPL", ratio[0] / ratio[1], 1)


def test_a_file_is_contradicted_as_a_provider_is(lake: fl.Lake) -> None:
    """A split that a user loads after the second fetch does not apply either."""
    serve(lake, bars(OLD, FIRST), bars(OLD | STILL, SECOND))
    lake.load("splits", {"symbol": ["AAPL"], "date": [TOLD], "numerator": [4], "denominator": [1]})
    assert outcome(lake) == ([(4.0, "rejected")], 1075.0)


def test_any_order_of_arrival_ends_the_same() -> None:
    """The list may come first, last or between; the fetches may come in the wrong order."""
    answers = [bars(OLD, FIRST), listed(DAY_AFTER, 4, 1), bars(OLD | STILL, SECOND)]
    expected = landed(answers)
    assert expected["splits"].height == 2
    for order in itertools.permutations(answers):
        assert_same_content(landed(order), expected)
    assert_same_content(landed(answers, together=True), expected)


def test_a_second_landing_changes_nothing(lake: fl.Lake) -> None:
    """To merge the same answers again changes nothing."""
    answers = [bars(OLD, FIRST), listed(SECOND, 4, 1), bars(OLD | STILL, SECOND)]
    serve(lake, *answers)
    before = lake.sql("FROM splits ORDER BY ALL").rows()
    serve(lake, *answers)
    assert lake.sql("FROM splits ORDER BY ALL").rows() == before


def test_without_a_told_split_nothing_is_stored(lake: fl.Lake) -> None:
    """Unchanged bars add no row, and a list that retracts the split removes the observation."""
    serve(lake, bars(OLD, FIRST), listed(SECOND), bars(OLD | STILL, SECOND))
    assert lake.sql("SELECT count(*) FROM splits").item() == 0
    serve(lake, listed(SECOND + timedelta(days=1), 4, 1))
    assert len(observations(lake)) == 1
    serve(lake, listed(THIRD))
    assert observations(lake) == []
    assert outcome(lake) == ([(4.0, "retracted")], 1075.0)


def test_a_moved_split_has_its_observation_on_the_new_day(lake: fl.Lake) -> None:
    """A newer list says another day: the bars contradict it there."""
    serve(lake, bars(OLD, FIRST), listed(DAY_AFTER, 4, 1), bars(OLD | STILL, SECOND))
    serve(lake, listed(SECOND, 4, 1, day=TOLD + timedelta(days=2)))
    assert observations(lake) == [("2024-06-12", "2024-06-02", "2024-07-01")]
    assert outcome(lake) == ([(4.0, "retracted"), (4.0, "rejected")], 1075.0)


def test_a_provider_that_adjusts_late_contradicts_nothing(lake: fl.Lake) -> None:
    """The day after the split the old bars are not adjusted yet, three weeks later they are."""
    new = divided(STILL, 4)
    serve(lake, bars(OLD, FIRST), listed(DAY_AFTER, 4, 1), bars(OLD | new, DAY_AFTER))
    assert outcome(lake, "2024-06-11") == ([(4.0, "applied")], 1075.0)
    serve(lake, bars(divided(OLD, 4) | new, SECOND))
    assert outcome(lake) == ([(4.0, "applied")], 1075.0)
    assert observations(lake) == []


def test_a_provider_that_adjusts_very_late_is_believed_then(lake: fl.Lake) -> None:
    """Unadjusted bars, the newer ones missing, contradict the split until a fetch has adjusted them."""
    serve(lake, bars(OLD, FIRST), listed(SECOND, 4, 1), bars(OLD, SECOND))
    assert outcome(lake)[0] == [(4.0, "rejected")]
    serve(lake, bars(divided(OLD | STILL, 4), THIRD))
    assert outcome(lake) == ([(4.0, "applied")], 1075.0)
    assert observations(lake) == []


def test_a_newer_fetch_of_few_days_can_show_the_adjusted_bars(lake: fl.Lake) -> None:
    """The last bars alone are fetched again and adjusted: the older ones, served before, decide no more."""
    serve(lake, bars(OLD, FIRST), listed(SECOND, 4, 1), bars(OLD, SECOND))
    few = dict(list(OLD.items())[-4:])
    serve(lake, bars(divided(few, 4), THIRD))
    assert outcome(lake)[0] == [(4.0, "applied")]


@pytest.mark.parametrize("ratio", [(4, 1), (3, 2), (1, 10)], ids=str)
def test_prices_as_traded_contradict_nothing(lake: fl.Lake, ratio: tuple[int, int]) -> None:
    """A provider that never adjusts serves the same old bars for ever, but its price steps."""
    step = ratio[0] / ratio[1]
    serve(lake, bars(OLD, FIRST), listed(SECOND, *ratio), bars(OLD | divided(STILL, step), SECOND))
    events, value = outcome(lake)
    assert events == [(step, "applied")]
    assert value == pytest.approx(1075.0, rel=1e-6)


def test_a_count_that_follows_the_split_outweighs_the_bars(lake: fl.Lake) -> None:
    """4.01 m shares after 1 m: the split is real, whatever a stale feed serves."""
    serve(lake, bars(OLD, FIRST), listed(SECOND, 4, 1), bars(OLD, SECOND))
    count(lake, 4.01e6, "2024-06-30", "2024-07-05")
    assert outcome(lake)[0] == [(4.0, "applied")]


@pytest.mark.parametrize("first", [datetime(2024, 6, 5, 23, tzinfo=UTC), DAY_AFTER], ids=["near", "after"])
def test_fetches_on_one_side_of_the_split_contradict_nothing(lake: fl.Lake, first: datetime) -> None:
    """Both fetches may be adjusted: dates of lists are wrong by some days, and one fetch may be after it."""
    serve(lake, bars(OLD, first), listed(SECOND, 4, 1), bars(OLD | STILL, SECOND))
    assert outcome(lake)[0] == [(4.0, "applied")]


def test_what_a_user_loads_is_no_fetch(lake: fl.Lake) -> None:
    """Bars of a file, or single ones, prove nothing about what a provider serves."""
    rows = {
        "date": list(OLD),
        "close_price": list(OLD.values()),
        "split_basis_date": ["2024-06-01"] * len(OLD),
    }
    lake.load("price_data", {"symbol": ["AAPL"] * len(OLD), **rows})
    serve(lake, listed(SECOND, 4, 1), bars(OLD | STILL, SECOND))
    assert outcome(lake)[0] == [(4.0, "applied")]


def test_two_bars_are_too_few(lake: fl.Lake) -> None:
    """Single bars stay for other reasons."""
    few = dict(list(OLD.items())[:2])
    serve(lake, bars(few, FIRST), listed(SECOND, 4, 1), bars(few | STILL, SECOND))
    assert outcome(lake)[0] == [(4.0, "applied")]
