"""The questions for programs that wait for many things at once: ``await store.aio.market_caps(...)``."""

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
    """Return a method that answers as the one given does, from a thread."""

    async def ask(self: AsyncQuestions, /, *args: P.args, **kwargs: P.kwargs) -> R:
        asked = partial(getattr(self.questions, method.__name__), *args, **kwargs)
        context = copy_context()
        stop = context.run(self.stoppable)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.threads, partial(context.run, asked))
        except asyncio.CancelledError:
            loop.run_in_executor(None, stop)  # not awaited: the task ends now
            raise

    return update_wrapper(ask, method)


class AsyncQuestions:
    """Every question of a lake or a shared server, to be awaited; answers and errors are the same.

    A question runs in one of the ``threads``, so as many run at a time as there are. A task that is cancelled
    stops waiting at once, and what it asked is stopped: ``stoppable`` is called in the context in which the
    question is then asked, and returns what stops it.
    """

    def __init__(
        self, questions: Questions, threads: Executor, stoppable: Callable[[], Callable[[], None]]
    ) -> None:
        self.questions = questions
        self.threads = threads
        self.stoppable = stoppable

    prices = _awaited(Questions.prices)
    statements = _awaited(Questions.statements)
    market_caps = _awaited(Questions.market_caps)
    ttm = _awaited(Questions.ttm)
    factors = _awaited(Questions.factors)
    ratios = _awaited(Questions.ratios)
    quarters = _awaited(Questions.quarters)
    explain_market_cap = _awaited(Questions.explain_market_cap)
    explain_factor = _awaited(Questions.explain_factor)
    lookahead = _awaited(Questions.lookahead)
    fetch_log = _awaited(Questions.fetch_log)
    revisions = _awaited(Questions.revisions)
    sql = _awaited(Questions.sql)
