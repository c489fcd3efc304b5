"""Run queries from asynchronous programs: ``await lake.aio.market_caps(...)``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial, update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from factorlab_lake.query.questions import Questions

__all__ = ["AsyncQuestions"]

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[AsyncQuestions, P], Coroutine[Any, Any, R]]:
    """Return a method that runs another one in a thread."""

    async def run(self: AsyncQuestions, /, *args: P.args, **kwargs: P.kwargs) -> R:
        query = partial(getattr(self.questions, method.__name__), *args, **kwargs)
        context = copy_context()
        cancel = context.run(self.prepare_cancel)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.threads, partial(context.run, query))
        except asyncio.CancelledError:
            loop.run_in_executor(None, cancel)  # not awaited: the task ends now
            raise

    return update_wrapper(run, method)


class AsyncQuestions:
    """Offer every method of a lake or a shared server as a coroutine, with the same answers and errors.

    A query runs in one of the ``threads``, so as many run at a time as there are threads. A cancelled task
    stops waiting at once, and its query is cancelled. For that, ``prepare_cancel`` runs in the context of the
    query before it, and returns a function that cancels it.
    """

    def __init__(
        self, questions: Questions, threads: Executor, prepare_cancel: Callable[[], Callable[[], None]]
    ) -> None:
        self.questions = questions
        self.threads = threads
        self.prepare_cancel = prepare_cancel

    prices = _awaited(Questions.prices)
    statements = _awaited(Questions.statements)
    market_caps = _awaited(Questions.market_caps)
    company_market_caps = _awaited(Questions.company_market_caps)
    ttm = _awaited(Questions.ttm)
    factors = _awaited(Questions.factors)
    ratios = _awaited(Questions.ratios)
    quarters = _awaited(Questions.quarters)
    explain_market_cap = _awaited(Questions.explain_market_cap)
    explain_factor = _awaited(Questions.explain_factor)
    compare_providers = _awaited(Questions.compare_providers)
    lookahead = _awaited(Questions.lookahead)
    fetch_log = _awaited(Questions.fetch_log)
    revisions = _awaited(Questions.revisions)
    sql = _awaited(Questions.sql)
