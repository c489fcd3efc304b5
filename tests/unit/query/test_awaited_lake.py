"""Test that queries of a lake in a folder can be awaited and cancelled."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
import time
from contextlib import suppress
from contextvars import copy_context

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.derive.availability_rule import to_rule
from factorlab_lake.errors import InvalidInput, QueryCancelled
from factorlab_lake.lake import Lake
from factorlab_lake.schema.limits import ASYNC_QUERIES
from factorlab_lake.storage import cancellation

_DAYS = ["2020-12-31", "2021-03-31"]
# It takes minutes, in one statement.
_ENDLESS = "SELECT sum(a.range * b.range % 7) AS x FROM range(1000000) a, range(1000000) b"


def _opened(lake: Lake) -> Lake:
    return Lake(lake._layout, lake.snapshot)


def test_many_awaited_queries_have_the_same_answers(lake_2021: Lake) -> None:
    """Twenty queries at once, by index and by SQL, answer as the plain methods do."""

    async def ask(lake: Lake) -> list[pl.DataFrame]:
        waiting = []
        for _ in range(5):
            waiting += [lake.aio.market_caps(["AAPL", "GOOGL"], _DAYS), lake.aio.ttm("AAPL", _DAYS)]
            waiting += [lake.aio.prices("AAPL", "2021-03-01"), lake.aio.sql("SELECT $x::INT AS x", x=5)]
        return await asyncio.gather(*waiting)

    with _opened(lake_2021) as lake:
        answers = asyncio.run(ask(lake))
        caps = lake.market_caps(["AAPL", "GOOGL"], _DAYS)
        expected = [
            caps,
            lake.ttm("AAPL", _DAYS),
            lake.prices("AAPL", "2021-03-01"),
            lake.sql("SELECT 5 AS x"),
        ]
        for got, frame in zip(answers, expected * 5, strict=True):
            assert_frame_equal(got, frame, check_exact=True)
        assert caps["market_cap"].null_count() == 0


@pytest.mark.parametrize("door", ["sql", "frame"])
def test_cancelling_a_task_ends_its_query(
    lake_2021: Lake, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task ends at once and its thread soon, for the SQL of a user and of the package."""
    ended = []

    def endless(self: Lake, *_: object, **__: object) -> object:
        try:
            return self.session.frame(_ENDLESS)
        except BaseException as error:
            ended.append(type(error))
            raise

    if door == "frame":
        monkeypatch.setattr(Lake, "sql", endless)

    async def ask(lake: Lake) -> None:
        tasks = [asyncio.create_task(lake.aio.sql(_ENDLESS)) for _ in range(ASYNC_QUERIES + 2)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with pytest.raises(asyncio.CancelledError):
                await task
        monkeypatch.undo()
        async with asyncio.timeout(60):  # as many queries as threads would wait for the endless ones
            both = await asyncio.gather(*(lake.aio.sql("SELECT 1 AS x") for _ in range(ASYNC_QUERIES)))
        assert [rows.item() for rows in both] == [1] * ASYNC_QUERIES

    with _opened(lake_2021) as lake:
        asyncio.run(ask(lake))
    assert set(ended) <= {QueryCancelled}
    assert (len(ended) >= ASYNC_QUERIES) == (door == "frame")


@pytest.mark.parametrize("after_ms", [0, 5, 20, 60, 120, 200])
def test_a_computation_of_many_statements_can_be_cancelled(lake_2021: Lake, after_ms: int) -> None:
    """The session gives right answers afterwards, whenever the caller stops waiting."""
    question = "SELECT * FROM fundamentals_history ORDER BY ALL"
    lake = Lake(lake_2021._layout, lake_2021.snapshot, rule=to_rule(3))  # its rows are derived in memory
    context = copy_context()
    cancel = context.run(cancellation.start)
    timer = threading.Timer(after_ms / 1000, cancel)
    timer.start()
    if after_ms == 0:
        timer.join()
        with pytest.raises(QueryCancelled, match="before it began"):
            context.run(lake.session.frame, question)
    else:
        with suppress(QueryCancelled):  # on a quick machine it ends before
            context.run(lake.session.frame, question)
        timer.join()
    expected = Lake(lake_2021._layout, lake_2021.snapshot, rule=to_rule(3)).session.frame(question)
    assert expected.height > 0
    assert_frame_equal(lake.session.frame(question), expected)


def test_an_interrupt_of_the_user_stays_one(lake_2021: Lake) -> None:
    """Ctrl-C is raised as KeyboardInterrupt in the context of a query that nothing cancelled."""
    context = copy_context()
    context.run(cancellation.start)

    def interrupted() -> None:
        with cancellation.cancellation_raised():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        context.run(interrupted)


def test_errors_pickles_and_closing(lake_2021: Lake) -> None:
    """An awaited method raises the same error; a lake with threads can be pickled, closed and used again."""
    lake = _opened(lake_2021)
    with pytest.raises(InvalidInput, match="known, first, latest"):
        asyncio.run(lake.aio.ttm("AAPL", _DAYS, vintage="newest"))
    copy = pickle.loads(pickle.dumps(lake))
    aio, threads = lake.aio, lake.aio.threads
    lake.close()
    with pytest.raises(InvalidInput, match="This aio is closed"):
        asyncio.run(aio.ttm("AAPL", _DAYS))
    with pytest.raises(RuntimeError):
        threads.submit(time.time)
    for opened in (lake, copy):
        assert asyncio.run(opened.aio.market_caps("AAPL", _DAYS)).height == 2
        opened.close()


def test_a_forked_process_starts_threads_of_its_own(lake_2021: Lake) -> None:
    """A fork has no threads of its parent: a query there raises or answers, but does not hang."""
    lake = _opened(lake_2021)
    before = lake.aio.threads
    before.submit(time.time).result()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # ends a process that waits for a thread of its parent
        os._exit(0 if lake.aio.threads is not before and lake.aio.threads.submit(int).result() == 0 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    lake.close()
