"""Every error this package raises on purpose.

::

    LakeError                     catch this to catch them all
    ├── InvalidInput  (ValueError)    a value given by the caller is of the wrong type, form or name
    ├── NotFound      (LookupError)   the thing named does not exist (lake, table, snapshot, file)
    ├── AlreadyExists (ValueError)    creating would overwrite something
    ├── LakeLocked    (TimeoutError)  another process is writing to the lake
    ├── LakeDamaged   (RuntimeError)  a file of the lake is missing or not what it should be
    ├── TargetFailed  (ConnectionError)  a server cannot be reached, was lost, or refuses what it is asked
    ├── UnreadableFile (ValueError)   a file of the old cache cannot be read; carries path and reason
    └── MissingExtra  (ImportError)   a library that only some users need is not installed

A message says what was wrong, what was given, what is expected and what to do next; the facts are
attributes too. All are picklable.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AlreadyExists",
    "InvalidInput",
    "LakeDamaged",
    "LakeError",
    "LakeLocked",
    "MissingExtra",
    "NotFound",
    "TargetFailed",
    "UnreadableFile",
    "nearest",
]


class LakeError(Exception):
    """Root of all errors of this package. Keyword facts become attributes."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.facts)


class InvalidInput(LakeError, ValueError):
    """A value given by the caller is of the wrong type, form or name."""


class NotFound(LakeError, LookupError):
    """The thing named does not exist."""


class AlreadyExists(LakeError, ValueError):
    """Creating would overwrite something."""


class LakeLocked(LakeError, TimeoutError):
    """Another process is writing to the lake."""


class LakeDamaged(LakeError, RuntimeError):
    """A file of the lake is missing or not what it should be."""


class TargetFailed(LakeError, ConnectionError):
    """A server cannot be reached, was lost, or refuses what it is asked; ``target`` says which."""


class UnreadableFile(LakeError, ValueError):
    """A file of the old cache cannot be read; ``path`` and ``reason`` say which and why."""


class MissingExtra(LakeError, ImportError):
    """A library that only some users need is not installed; ``extra`` names what to install."""


def nearest(given: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or nothing.

    >>> nearest("price_dat", ["price_data", "splits"])
    " Did you mean 'price_data'?"
    """
    match = difflib.get_close_matches(given, list(known), n=1)
    return f" Did you mean {match[0]!r}?" if match else ""


def _rebuild(kind: type[LakeError], message: str, facts: dict[str, Any]) -> LakeError:
    return kind(message, **facts)
