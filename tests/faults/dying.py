"""A process that kills itself before a step of its work: to be imported by the scripts that tests start."""

from __future__ import annotations

import os
import signal
from typing import Any

__all__ = ["die_before"]


def die_before(number: int, *steps: tuple[Any, str]) -> None:
    """Kill this process at the call of that number of any of some functions, before it does anything."""
    left = number

    def dying(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        setattr(owner, name, call)

    for owner, name in steps:
        dying(owner, name)
