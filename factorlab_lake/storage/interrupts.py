"""Raise Ctrl-C as ``KeyboardInterrupt`` where a library reports it as an error of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from factorlab_lake.errors import LakeError

__all__ = ["interrupts_raised", "is_interrupt"]

# The texts of DuckDB, before and amid the rows. After them, those for an interrupt within a Python object
# that a library reads: polars raises a panic, and DuckDB an error about the frame.
_REPORTED = re.compile(
    r"Query interrupted$|INTERRUPT Error|.*type: <class 'KeyboardInterrupt'>"
    r"|KeyboardInterrupt\b|Invalid Input Error: reading .* failed: KeyboardInterrupt",
    re.DOTALL,
)


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` for an error that reports one, or that an interrupt caused."""
    handled = sys.exception()  # the caller's: an error within its handler has it as a context too
    try:
        yield
    except (KeyboardInterrupt, LakeError, GeneratorExit):
        raise
    except BaseException as error:  # a panic of polars is no Exception
        if is_interrupt(error, handled):
            raise KeyboardInterrupt from None
        raise


def is_interrupt(error: BaseException | None, handled: BaseException | None = None) -> bool:
    """Return whether an error, or one before it up to ``handled``, reports an interrupt."""
    while error is not None and error is not handled:
        if isinstance(error, KeyboardInterrupt) or _REPORTED.match(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
