"""Test what a lake says about rows that were stored while a clock was ahead, and that the remedy works."""

from __future__ import annotations

import re
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from factorlab_lake.errors import LakeWarning
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.support import Entry, answer, bar, writing

_AHEAD = datetime.now(UTC) + timedelta(days=1500)
_SPLITS = {"symbol": ["AAPL"], "date": ["2020-08-31"], "numerator": [4], "denominator": [1]}


def _close(lake: Lake) -> float:
    value = lake.sql("SELECT close_price FROM price_data WHERE symbol = 'AAPL'").item()
    assert isinstance(value, float)
    return value


def test_rows_of_a_clock_that_was_ahead_are_named_and_the_remedy_works(lake: Lake, tmp_path: Path) -> None:
    """Each run warns in one line until the rollback that it names; then the later value is stored."""
    lake.load("splits", _SPLITS)
    with writing(lake) as tx:
        merge_batch(tx, [answer("price", [bar("2020-01-02", 1.0)], at=_AHEAD)])
    lake.refresh()
    Entry("AAPL", "price", [bar("2020-01-02", 2.0)]).write(tmp_path / "cache")
    with pytest.warns(LakeWarning, match="1 line of the fetch log is after the present time") as noted:
        lake.migrate(tmp_path / "cache")
    with pytest.warns(LakeWarning, match="after the present time"):
        lake.load("splits", _SPLITS)
    assert _close(lake) == 1.0
    assert "AAPL" in lake.quality(rules=["fetched_in_future"])["symbol"].to_list()
    text = str(noted[0].message)
    assert "\n" not in text
    before = re.search(r"rollback --to (\d+)`", text)
    assert before
    lake.rollback(int(before[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lake.migrate(tmp_path / "cache")
    assert _close(lake) == 2.0
    assert lake.sql("SELECT count(*) FROM splits").item() == 1
    assert lake.quality(rules=["fetched_in_future"]).is_empty()
