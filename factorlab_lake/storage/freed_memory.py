"""Return freed memory to the system, which the allocators of libraries keep for later use."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["returned_at_once", "trim_heap"]

_OPTIONS = "_RJEM_MALLOC_CONF"  # which polars sets when it is imported, and leaves set
_AT_ONCE = "dirty_decay_ms:0,muzzy_decay_ms:0"


@contextmanager
def returned_at_once() -> Iterator[None]:
    """Let a library that is first imported here return memory as soon as it is freed.

    Libraries written in Rust have jemalloc of their own, which reads its options when it is loaded. It keeps
    freed memory for some time, and of several commits in a row each adds to it.
    """
    before = os.environ.get(_OPTIONS)
    os.environ[_OPTIONS] = _AT_ONCE
    try:
        yield
    finally:
        del os.environ[_OPTIONS]
        if before is not None:
            os.environ[_OPTIONS] = before


def trim_heap() -> None:
    """Return the freed memory of the C library to the system, where it has a function for it (glibc).

    DuckDB allocates small objects there, and the library keeps what lies below one that is still in use:
    40 MB after the derived rows of 63 companies were computed.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)
