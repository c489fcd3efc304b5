"""Test that queries of a lake on a server can be awaited and cancelled."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import copy_context

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput, QueryCancelled
from factorlab_lake.lake import Lake
from factorlab_lake.research.async_research import AsyncResearch
from factorlab_lake.server_lake import ServerLake
from factorlab_lake.storage import cancellation
from tests.contracts.pair import assert_same_rows
from tests.unit.sync.comparing import by_hand, query_methods

DAYS = ["2021-01-29", "2021-01-30", "2021-02-20"]


def test_queries_can_be_awaited_together(company_server: ServerLake, company_lake: Lake) -> None:
    """The async form of a method returns the same result."""

    async def ask() -> list[pl.DataFrame]:
        aio = company_server.aio
        return list(
            await asyncio.gather(
                aio.market_caps(["WHOLE"], DAYS),
                aio.ttm(["WHOLE"], DAYS, vintage="first"),
                aio.factors(["WHOLE"], start="2021-01-01", end="2021-02-28", freq="W"),
                aio.sql("SELECT $x::integer AS x", x=5),
            )
        )

    caps, years, factors, five = asyncio.run(ask())
    assert_same_rows(company_lake.market_caps(["WHOLE"], DAYS), caps)
    assert_same_rows(company_lake.ttm(["WHOLE"], DAYS, vintage="first"), years)
    weekly = company_lake.factors(["WHOLE"], start="2021-01-01", end="2021-02-28", freq="W")
    assert_same_rows(weekly, factors)
    assert five.item() == 5


def test_an_awaited_query_does_not_block_others(company_server: ServerLake) -> None:
    """A second query has its result while the server is still busy with the first."""

    async def ask() -> list[str]:
        order: list[str] = []

        async def one(name: str, query: str) -> None:
            await company_server.aio.sql(query)
            order.append(name)

        await asyncio.gather(one("slow", "SELECT pg_sleep(1)"), one("quick", "SELECT 1 AS x"))
        return order

    assert asyncio.run(ask()) == ["quick", "slow"]


def test_cancelling_a_task_cancels_its_query_on_the_server(
    company_server: ServerLake, company_url: str
) -> None:
    """The query ends long before its time, and the next query returns its result."""
    asleep = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(90)%'"
    )

    async def asking(count: int) -> None:
        while await asyncio.to_thread(by_hand, company_url, asleep) != [(count,)]:
            pass

    async def ask() -> int:
        async with asyncio.timeout(45):
            task = asyncio.create_task(company_server.aio.sql("SELECT pg_sleep(90)"))
            await asking(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asking(0)
            answer: int = (await company_server.aio.sql("SELECT 1 AS x")).item()
            return answer

    assert asyncio.run(ask()) == 1


def test_a_query_that_was_cancelled_while_it_waited_does_not_start(company_server: ServerLake) -> None:
    """Later queries of that context are refused; other contexts are not affected."""
    context = copy_context()
    context.run(cancellation.start)()
    with pytest.raises(QueryCancelled, match="cancelled before it began"):
        context.run(company_server.sql, "SELECT 1 AS x")
    assert company_server.sql("SELECT 1 AS x").item() == 1


def test_an_async_method_raises_the_same_error(company_server: ServerLake) -> None:
    """An error of an async method is raised unchanged."""
    with pytest.raises(InvalidInput, match="known, first, latest"):
        asyncio.run(company_server.aio.ttm("WHOLE", DAYS, vintage="newest"))


def test_every_method_has_an_async_form() -> None:
    """A method that is added to Questions or Research needs one line in its asynchronous class."""
    awaited = {name for name, _ in inspect.getmembers(AsyncResearch, inspect.iscoroutinefunction)}
    assert query_methods() == awaited
