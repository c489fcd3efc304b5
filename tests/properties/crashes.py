"""A program that dies before one of its writes, without a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from unittest.mock import patch

from factorlab_lake.storage import commits

__all__ = ["crash_before"]


class _Crash(BaseException):
    """Stands for a process that ends: nothing of the program runs after it."""


@contextmanager
def crash_before(step: int | None, writes: Sequence[tuple[Any, str]]) -> Iterator[None]:
    """Let the program die before its write of that number: no exception handler of a writer has an effect.

    ``writes`` are the functions that count, as (module, name); ``None`` lets all of them come to their end.
    """
    left = float("inf") if step is None else step

    def crashing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise _Crash
            return real(*args, **kwargs)

        return call

    undo = commits._undo_unfinished

    def undo_unless_dead(current: Any) -> None:
        if left >= 0:
            undo(current)

    with ExitStack() as patches, suppress(_Crash):
        for module, name in writes:
            patches.enter_context(patch.object(module, name, crashing(getattr(module, name))))
        patches.enter_context(patch.object(commits, "_undo_unfinished", undo_unless_dead))
        yield
