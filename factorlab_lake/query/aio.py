"""Run queries from asynchronous programs: ``await lake.aio.market_caps(...)``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from factorlab_lake.errors import InvalidInput
from factorlab_lake.query.questions import Questions
from factorlab_lake.storage import cancellation

__all__ = ["AsyncQuestions", "awaited"]

P = ParamSpec("P")
R = TypeVar("R")


def awaited(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[AsyncQuestions, P], Coroutine[Any, Any, R]]:
    """Return a method that runs another one in a thread."""

    async def run(self: AsyncQuestions, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.is_closed:
            raise InvalidInput(
                "This aio is closed with its lake; open the lake again, or use lake.aio again."
            )
        query = partial(getattr(self.questions, method.__name__), *args, **kwargs)
        context = copy_context()
        cancel = context.run(cancellation.start)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.threads, partial(context.run, query))
        except asyncio.CancelledError:
            loop.run_in_executor(None, cancel)  # not awaited: the task ends now
            raise

    return update_wrapper(run, method)


class AsyncQuestions:
    """Offer every method of a lake or a shared server as a coroutine, with the same answers and errors.

    Each query runs in one of ``at_once`` threads, so as many run at a time. Threads start when they are
    needed. A cancelled task stops waiting at once, and its query is cancelled.
    """

    def __init__(self, questions: Questions, at_once: int) -> None:
        self.questions = questions
        self._at_once = at_once
        self.is_closed = False
        self._threads = self._started()

    def _started(self) -> tuple[int, ThreadPoolExecutor]:
        return os.getpid(), ThreadPoolExecutor(self._at_once, thread_name_prefix="factorlab-lake")

    @property
    def threads(self) -> ThreadPoolExecutor:
        """Return the threads of this process: a forked one does not have those of its parent."""
        if self._threads[0] != os.getpid():
            self._threads = self._started()
        return self._threads[1]

    def close(self) -> None:
        """End the threads after the queries that they run."""
        self.is_closed = True
        self.threads.shutdown()

    prices = awaited(Questions.prices)
    statements = awaited(Questions.statements)
    income_statements = awaited(Questions.income_statements)
    balance_sheets = awaited(Questions.balance_sheets)
    cash_flows = awaited(Questions.cash_flows)
    market_caps = awaited(Questions.market_caps)
    company_market_caps = awaited(Questions.company_market_caps)
    ttm = awaited(Questions.ttm)
    factors = awaited(Questions.factors)
    ratios = awaited(Questions.ratios)
    quarters = awaited(Questions.quarters)
    explain_market_cap = awaited(Questions.explain_market_cap)
    explain_factor = awaited(Questions.explain_factor)
    compare_providers = awaited(Questions.compare_providers)
    compare_generations = awaited(Questions.compare_generations)
    lookahead = awaited(Questions.lookahead)
    fetch_log = awaited(Questions.fetch_log)
    revisions = awaited(Questions.revisions)
    symbols = awaited(Questions.symbols)
    columns = awaited(Questions.columns)
    sql = awaited(Questions.sql)
