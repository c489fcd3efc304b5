"""What a later fetch requests from SEC, and what an interrupted one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import Unavailable
from factorlab_lake.lake import Lake
from factorlab_lake.providers.protocol import Call, Request
from factorlab_lake.providers.sec.submissions import filings
from tests.fakes.sec_documents import (
    CIK,
    apple,
    in_pages,
    reports_in_order,
    sample,
    submissions_by,
    submissions_without,
)
from tests.fakes.sec_server import FakeSec, provider, serving, with_tickers

_SUBMISSIONS, _FACTS = f"submissions/CIK{CIK}.json", f"api/xbrl/companyfacts/CIK{CIK}.json"
_AGAIN = fl.FetchPolicy(polling_days=0, restatement_days=0, refresh_days=0)
_NEWEST = "0000320193-26-000006"  # Apple's 10-Q of 2026-01-30
_KINDS = ["statements", "shares"]


@pytest.fixture
def server() -> Iterator[FakeSec]:
    """Start a server of Apple's documents from before its newest report."""
    before = set(reports_in_order()) - {_NEWEST}
    with serving(apple(before, submissions_without({_NEWEST}))) as fake:
        yield fake


def _paths(server: FakeSec) -> list[str]:
    """Return the paths of the calls since the last look, without the list of symbols."""
    paths = [path for path in server.paths if not path.startswith("files/")]
    server.calls.clear()
    return paths


def test_a_later_fetch_asks_for_facts_only_after_a_new_report(server: FakeSec, tmp_path: Path) -> None:
    """Without a new report one call suffices; a report without facts is due again, until they are there."""
    lake = fl.open(tmp_path / "lake")
    with provider(server) as sec:
        lake.fetch(sec, "AAPL", kinds=_KINDS)
        rows = lake.sql("SELECT count(*) FROM income_statements").item()
        assert _FACTS in _paths(server)
        report = lake.fetch(sec, "AAPL", kinds=_KINDS, policy=_AGAIN)
        assert _paths(server) == [_SUBMISSIONS]
        assert {reason for *_, reason in report.short} == {"no new report"}
        server.documents = {**server.documents, _SUBMISSIONS: apple()[_SUBMISSIONS]}
        report = lake.fetch(sec, "AAPL", kinds=_KINDS, policy=_AGAIN)
        assert _paths(server).count(_FACTS) == 1
        (reason,) = {reason for *_, reason in report.short}
        assert reason == f"the facts of {_NEWEST} (10-Q of 2026-01-30) are not there yet"
        assert lake.sql("SELECT count(*) FROM income_statements").item() == rows
        server.documents = with_tickers(apple())
        assert lake.fetch(sec, "AAPL", kinds=_KINDS, policy=_AGAIN).short == []
        assert lake.sql("SELECT count(*) FROM income_statements").item() > rows
        _paths(server)
        assert lake.fetch(sec, "AAPL", kinds=_KINDS, policy=_AGAIN).new == {}
        assert _paths(server) == [_SUBMISSIONS]


def test_an_earlier_since_reads_the_facts_again(tmp_path: Path) -> None:
    """Rows that an earlier fetch left out are not there yet, although no report is new."""
    with serving(apple()) as server, provider(server) as sec:
        lake = fl.open(tmp_path / "lake")
        lake.fetch(sec, "AAPL", kinds=["statements"], since=date(2025, 1, 1))
        few = lake.sql("SELECT count(*) FROM income_statements").item()
        lake.fetch(sec, "AAPL", kinds=["statements"], since=date(2024, 1, 1))
        assert 0 < few < lake.sql("SELECT count(*) FROM income_statements").item() < 124


def _content(lake: Lake, name: str) -> pl.DataFrame:
    frame = lake.sql(f"SELECT * FROM {name}")
    frame = frame.drop("fetch_id", "fetched_at", "recorded_at", "created_at", "updated_at", strict=False)
    return frame.sort(frame.columns)


def test_older_pages_give_acceptance_times(tmp_path: Path) -> None:
    """With the reports of before 2018 on a second page, the rows are the same as from one page."""
    lakes = []
    for name, more in {"one": {}, "two": in_pages(sample("submissions"), 500)}.items():
        with serving(apple() | more) as server, provider(server) as sec:
            lake = fl.open(tmp_path / name)
            lake.fetch(sec, "AAPL", kinds=_KINDS)
            lakes.append(lake)
    for table in ("income_statements", "shares_outstanding"):
        assert_frame_equal(_content(lakes[0], table), _content(lakes[1], table))
    bases = lakes[1].sql("SELECT availability_basis, count(*) FROM balance_sheets GROUP BY 1").rows()
    assert dict(bases)["accepted"] > 40


@pytest.mark.parametrize("clock", ["Z", "N", "mixed"])
def test_no_answer_is_earlier_on_any_clock(clock: str) -> None:
    """Whichever clock SEC writes, no row counts before the true acceptance of its filing."""
    request = Request("income", "AAPL", "quarterly")
    with serving(apple(submissions=submissions_by(clock))) as server, provider(server) as sec:
        (answer,) = sec.answer(Call((request,)))
    assert answer.records is not None
    times = {each.accession: each.accepted for each in filings([sample("submissions")]).values()}
    rows = answer.records.select("accession", "accepted_at").drop_nulls().rows()
    assert len(rows) > 50
    assert [a for a, text in rows if str(times[a]) > text] == []


def test_an_interrupted_run_goes_on_without_requesting_twice(tmp_path: Path) -> None:
    """What was committed is not requested again; a company whose server failed is."""
    with FakeSec(with_tickers(apple(), APC="0000000007")) as server:
        lake = fl.open(tmp_path / "lake")
        server.faults = {"submissions/CIK0000000007.json": ["503"] * 2}
        with provider(server, tries=2) as sec:
            report = lake.fetch(sec, ["AAPL", "APC"], kinds=["profiles"])
            assert [kind for _, _, kind, _ in report.failures] == [Unavailable.__name__]
            _paths(server)
            lake.fetch(sec, ["AAPL", "APC"], kinds=["profiles"])
        assert _paths(server) == ["submissions/CIK0000000007.json"]
