"""Define every error that this package raises on purpose.

::

    LakeError                     the root: catching it catches all of them
    ├── InvalidInput  (ValueError)    a value of the caller has a wrong type, form or name
    ├── NotFound      (LookupError)   a lake, table, snapshot or file of that name does not exist
    ├── AlreadyExists (ValueError)    creating would overwrite something
    ├── LakeLocked    (TimeoutError)  another process is writing to the lake
    ├── LakeDamaged   (RuntimeError)  a file of the lake is missing or damaged
    ├── SchemaMismatch (TypeError)    a lake, table or server has another format, column type or key
    ├── WriteFailed   (OSError)       the disk is full, or the folder may not be written to
    ├── InternalError (RuntimeError)  SQL of this package fails on a sound lake: a bug of the package
    ├── TargetFailed  (ConnectionError)  a server is unreachable, dropped the connection or refused a request
    ├── QueryCancelled (RuntimeError)  the caller of an awaited query stopped waiting
    ├── QueryStopped  (RuntimeError)  SQL in a sandbox takes more time or memory than its limits
    ├── UnreadableFile (ValueError)   a file of the old cache cannot be read; carries path and reason
    ├── Forked        (RuntimeError)  a forked process queries a lake that its parent process has queried
    ├── MissingExtra  (ImportError)   an optional library is not installed
    └── FetchFailed   (RuntimeError)  a provider did not return the requested data
        ├── KeyRefused         the key is missing, wrong or expired: no other call will succeed
        ├── LegacyEndpoint     the account may not use this API generation: no other call will succeed
        ├── NotInPlan          the account's plan does not cover the endpoint, the symbol or a parameter
        ├── NotServed          the provider has no such endpoint, or rejects the request
        ├── EmptyAnswer        the provider has no data of this kind, or none for the symbol
        ├── LimitReached       too many calls, even after the requested wait
        ├── Unavailable        a timeout, a dropped connection or an error of the provider's server
        └── BadAnswer          the response is truncated, not JSON, or not what the endpoint documents

    LakeWarning (UserWarning)         data is stored in another way than it was written, or replaces other
    data └── PostCommitWarning             a change is committed, but work that follows the commit failed

A message states the problem, the value, the expected value and the next step. Attributes have the same
facts. Every error can be pickled.
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
    "LakeWarning",
    "LegacyEndpoint",
    "LimitReached",
    "MissingExtra",
    "NotFound",
    "NotInPlan",
    "NotServed",
    "PostCommitWarning",
    "QueryCancelled",
    "QueryStopped",
    "SchemaMismatch",
    "SymbolNotHeldWarning",
    "TargetFailed",
    "Unavailable",
    "UnreadableFile",
    "WriteFailed",
    "check_type",
    "counted",
    "listed_names",
    "nearest",
    "nearest_symbol",
    "printable",
]


class LakeError(Exception):
    """Root of all errors of this package; keyword facts become attributes."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.facts)


class InvalidInput(LakeError, ValueError):
    """Raised for a value of the caller that has a wrong type, form or name."""


class SchemaMismatch(LakeError, TypeError):
    """Raised for another format, column type or key; ``written_by`` names the program that wrote it."""


class NotFound(LakeError, LookupError):
    """Raised when a lake, table, snapshot or file does not exist."""


class AlreadyExists(LakeError, ValueError):
    """Raised when creating would overwrite something."""


class LakeLocked(LakeError, TimeoutError):
    """Raised when another process is writing to the lake."""


class LakeDamaged(LakeError, RuntimeError):
    """Raised when a file of the lake is missing or damaged; ``path`` names it."""


class WriteFailed(LakeError, OSError):
    """Raised when the disk is full or the folder is read-only; ``path`` names the file.

    Everything committed before stays committed.
    """


class InternalError(LakeError, RuntimeError):
    """Raised when SQL of this package fails on a sound lake: a bug of the package; ``sql`` is the text."""


class TargetFailed(LakeError, ConnectionError):
    """Raised when a server is unreachable, drops the connection or refuses a request; ``target`` names it."""


class QueryCancelled(LakeError, RuntimeError):
    """Raised where a query runs when its caller stops waiting, as a cancelled task of asyncio does."""


class QueryStopped(LakeError, RuntimeError):
    """Raised for SQL in a sandbox that takes more time or memory than its settings allow.

    ``timeout_s`` or ``memory_mb`` is the limit. The next query runs.
    """


class UnreadableFile(LakeError, ValueError):
    """Raised when a file of the old cache cannot be read; carries ``path`` and ``reason``."""


class Forked(LakeError, RuntimeError):
    """Raised when a forked process queries a lake that its parent process has queried.

    A fork does not copy the threads of DuckDB and polars, so a query would hang.
    """


class MissingExtra(LakeError, ImportError):
    """Raised when an optional library is not installed; ``extra`` names what to install."""


class FetchFailed(LakeError, RuntimeError):
    """Raised when a provider did not return the requested data.

    ``retryable``: a retry of the same call may succeed. ``fatal``: no other call will succeed either.
    """

    retryable = False
    fatal = False


class KeyRefused(FetchFailed):
    """Raised when the key is missing, wrong or expired."""

    fatal = True


class LegacyEndpoint(FetchFailed):
    """Raised when the account may not use this generation of the provider's API."""

    fatal = True


class NotInPlan(FetchFailed):
    """Raised when the account's plan does not cover the endpoint, the symbol or a parameter."""


class NotServed(FetchFailed):
    """Raised when the provider has no such endpoint, or rejects the request."""


class EmptyAnswer(FetchFailed):
    """Raised when the provider has no data of this kind, or none for the symbol."""


class LimitReached(FetchFailed):
    """Raised after too many calls; ``retry_after_s`` is the wait that the provider requests, or None."""

    retryable = True


class Unavailable(FetchFailed):
    """Raised when the provider's server does not respond in time, drops the connection or fails."""

    retryable = True


class BadAnswer(FetchFailed):
    """Raised for a response that is truncated, not JSON, or not what the endpoint documents."""

    retryable = True


class LakeWarning(UserWarning):
    """Warn that data is accepted in another way than it was written, replaces other data, or is missing.

    The text can have names of files and vendors, so it is escaped as on a terminal: logs print warnings.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class PostCommitWarning(LakeWarning):
    """Warn that a change is committed, but that work after the commit failed.

    The text names the failed work and the next step.
    """


class SymbolNotHeldWarning(LakeWarning):
    """Warn that a lake has no data of a symbol, so its answers are empty.

    ``none_held`` is true if the lake has no data of any symbol of the question.
    """

    def __init__(self, message: str, *, none_held: bool = False) -> None:
        super().__init__(message)
        self.none_held = none_held


def check_type(value: object, kinds: type | tuple[type, ...], name: str, expected: str) -> None:
    """Raise :class:`InvalidInput` for an argument of another type; True and False are no numbers.

    >>> check_type(3, int, "to", "the number of a snapshot")
    >>> check_type("3", int, "to", "the number of a snapshot")
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: to is '3' (str); expected the number of a snapshot.
    """
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise InvalidInput(f"{name} is {value!r} ({type(value).__name__}); expected {expected}.", value=value)


def listed_names(value: object, name: str, example: str, *, may_be_empty: bool = False) -> list[str]:
    """Return one or several names as a list; raise :class:`InvalidInput` for anything else.

    No name is refused too, unless the list ``may_be_empty``.

    >>> listed_names("prices", "kinds", "'prices'"), listed_names(("a", "b"), "kinds", "'prices'")
    (['prices'], ['a', 'b'])
    """
    names = [value] if isinstance(value, str | bytes) or not isinstance(value, Iterable) else [*value]
    if not names and not may_be_empty:
        raise InvalidInput(f"{name} is empty; expected at least one name, such as {example}.")
    for each in names:
        check_type(each, str, name, f"names such as {example}")
    return [str(each) for each in names]


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, which has an ``s`` unless the count is 1.

    >>> counted(1, "row"), counted(3000, "rejected record")
    ('1 row', '3,000 rejected records')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def nearest_symbol(symbol: str, held: Iterable[str]) -> str:
    """Return ``" (did you mean 'X'?)"`` for the most similar held symbol, or an empty text.

    >>> nearest_symbol("aapl", ["AAPL", "GOOGL"]), nearest_symbol("GOGL", ["AAPL", "GOOGL"])
    (" (did you mean 'AAPL'?)", " (did you mean 'GOOGL'?)")
    """
    known, name = list(held), symbol.strip().upper()
    matches = [name] if name in known else difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the most similar of some names, or an empty text.

    Without a similar name it takes the first one that begins with ``name``.

    >>> nearest("price_dat", ["price_data", "splits"])
    " Did you mean 'price_data'?"
    >>> nearest("pe", ["market_cap", "pe_ratio"])
    " Did you mean 'pe_ratio'?"
    """
    known = list(names)
    matches = difflib.get_close_matches(name, known, n=1) or [n for n in known if name and n.startswith(name)]
    return f" Did you mean {matches[0]!r}?" if matches else ""


def printable(text: str) -> str:
    r"""Escape control characters and changes of the text's direction, which a terminal would execute.

    A line of a log stays one line, whatever a name in it.

    >>> print(printable("ä\x1b[2J\u202e"))
    ä\x1b[2J\u202e
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _rebuild(kind: type[LakeError], message: str, facts: dict[str, Any]) -> LakeError:
    return kind(message, **facts)
