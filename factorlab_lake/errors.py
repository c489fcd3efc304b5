"""Every error this package raises on purpose.

::

    LakeError                     catch this to catch them all
    ├── InvalidInput  (ValueError)    a value given by the caller is of the wrong type, form or name
    ├── NotFound      (LookupError)   the thing named does not exist (lake, table, snapshot, file)
    ├── AlreadyExists (ValueError)    creating would overwrite something
    ├── LakeLocked    (TimeoutError)  another process is writing to the lake
    ├── LakeDamaged   (RuntimeError)  a file of the lake is missing or not what it should be
    ├── SchemaMismatch (TypeError)    a lake, table or server has another format, column type or key
    ├── WriteFailed   (OSError)       the disk is full, or the folder may not be written to
    ├── InternalError (RuntimeError)  SQL of this package fails on a sound lake: a fault of the package
    ├── TargetFailed  (ConnectionError)  a server cannot be reached, was lost, or refuses what it is asked
    ├── UnreadableFile (ValueError)   a file of the old cache cannot be read; carries path and reason
    ├── Forked        (RuntimeError)  a process forked from one that had asked asks: it has lost its threads
    ├── MissingExtra  (ImportError)   a library that only some users need is not installed
    └── FetchFailed   (RuntimeError)  a provider did not give what was asked
        ├── KeyRefused         the key is missing, wrong or expired: nothing else will succeed
        ├── LegacyEndpoint     the account may not use this generation of the API: nothing else will succeed
        ├── NotInPlan          the account's plan does not cover the endpoint, the symbol or a parameter
        ├── NotServed          the provider has no such endpoint, or refuses the question as it was put
        ├── EmptyAnswer        the provider knows nothing of the symbol, or nothing of this kind
        ├── LimitReached       too many calls, also after waiting as long as was asked
        ├── Unavailable        no answer in time, a dropped connection or a fault of the server
        └── BadAnswer          an answer that is cut short, no JSON, or not what the endpoint gives

    PostCommitWarning (UserWarning)   a change is committed, but work that follows the commit failed

A message says what was wrong, what was given, what is expected and what to do next; the facts are
attributes too. All are picklable.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AlreadyExists",
    "BadAnswer",
    "EmptyAnswer",
    "FetchFailed",
    "Forked",
    "InternalError",
    "InvalidInput",
    "KeyRefused",
    "LakeDamaged",
    "LakeError",
    "LakeLocked",
    "LegacyEndpoint",
    "LimitReached",
    "MissingExtra",
    "NotFound",
    "NotInPlan",
    "NotServed",
    "PostCommitWarning",
    "SchemaMismatch",
    "TargetFailed",
    "Unavailable",
    "UnreadableFile",
    "WriteFailed",
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


class SchemaMismatch(LakeError, TypeError):
    """A lake, table or server has another format, column type or key; ``written_by`` names the program."""


class NotFound(LakeError, LookupError):
    """The thing named does not exist."""


class AlreadyExists(LakeError, ValueError):
    """Creating would overwrite something."""


class LakeLocked(LakeError, TimeoutError):
    """Another process is writing to the lake."""


class LakeDamaged(LakeError, RuntimeError):
    """A file of the lake is missing or not what it should be."""


class WriteFailed(LakeError, OSError):
    """The disk is full, or the folder may not be written to; ``path`` says where. Nothing is lost by it."""


class InternalError(LakeError, RuntimeError):
    """SQL of this package fails on a sound lake, which is a fault of the package; ``sql`` is its text."""


class TargetFailed(LakeError, ConnectionError):
    """A server cannot be reached, was lost, or refuses what it is asked; ``target`` says which."""


class UnreadableFile(LakeError, ValueError):
    """A file of the old cache cannot be read; ``path`` and ``reason`` say which and why."""


class Forked(LakeError, RuntimeError):
    """A process forked from one that had asked a lake cannot ask: the engines' threads are not in it."""


class MissingExtra(LakeError, ImportError):
    """A library that only some users need is not installed; ``extra`` names what to install."""


class FetchFailed(LakeError, RuntimeError):
    """A provider did not give what was asked.

    ``retryable``: the same call may succeed a moment later. ``fatal``: no other call will succeed either.
    """

    retryable = False
    fatal = False


class KeyRefused(FetchFailed):
    """The key is missing, wrong or expired."""

    fatal = True


class LegacyEndpoint(FetchFailed):
    """The account may not use this generation of the provider's API."""

    fatal = True


class NotInPlan(FetchFailed):
    """The account's plan does not cover the endpoint, the symbol or a parameter."""


class NotServed(FetchFailed):
    """The provider has no such endpoint, or refuses the question as it was put."""


class EmptyAnswer(FetchFailed):
    """The provider knows nothing of the symbol, or nothing of this kind."""


class LimitReached(FetchFailed):
    """Too many calls; ``retry_after_s`` is how long the provider asked to wait, or None."""

    retryable = True


class Unavailable(FetchFailed):
    """No answer in time, a dropped connection, or a fault of the provider's server."""

    retryable = True


class BadAnswer(FetchFailed):
    """An answer that is cut short, no JSON, or not what the endpoint gives."""

    retryable = True


class PostCommitWarning(UserWarning):
    """A change is committed, but work that follows the commit failed: the text says what and what to do."""


def nearest(given: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, or nothing.

    >>> nearest("price_dat", ["price_data", "splits"])
    " Did you mean 'price_data'?"
    """
    match = difflib.get_close_matches(given, list(known), n=1)
    return f" Did you mean {match[0]!r}?" if match else ""


def _rebuild(kind: type[LakeError], message: str, facts: dict[str, Any]) -> LakeError:
    return kind(message, **facts)
