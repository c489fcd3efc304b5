"""Kill a process before a given step of its work; scripts that tests start import this module."""

from __future__ import annotations

import os
import signal
from typing import Any

__all__ = ["kill_before"]


def kill_before(number: int, *steps: tuple[Any, str]) -> None:
    """Kill this process at the n-th call of some functions, counted from 0, before the call runs."""
    calls_left = number

    def patch(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls_left
            calls_left -= 1
            if calls_left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        setattr(owner, name, call)

    for owner, name in steps:
        patch(owner, name)
