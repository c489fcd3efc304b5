"""A lake on a shared server, which many read at the same time: the same questions, and no changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.query.aio import AsyncQuestions
from factorlab_lake.query.availability_rule import Availability, AvailabilityRule
from factorlab_lake.query.questions import Questions
from factorlab_lake.settings.models import settings
from factorlab_lake.sync.protocol import SessionLimits, TargetSession
from factorlab_lake.sync.registry import open_session

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ServerLake", "open_server_lake"]


def open_server_lake(url: str, *, availability: AvailabilityRule) -> ServerLake:
    """Open the lake on a server that one was synced to.

    ``url`` is such as ``postgresql://user@host/database``; the password may also come from ``PGPASSWORD``, a
    service file or ``~/.pgpass``. How many connections it takes and how long a question may last is set by
    ``FACTORLAB_POOL_SIZE``, ``FACTORLAB_POOL_OVERFLOW``, ``FACTORLAB_POOL_WAIT_S`` and
    ``FACTORLAB_STATEMENT_TIMEOUT_S``. Raises :class:`~factorlab_lake.errors.InvalidInput`,
    :class:`~factorlab_lake.errors.NotFound`, :class:`~factorlab_lake.errors.TargetFailed` and
    :class:`~factorlab_lake.errors.MissingExtra`.
    """
    given = settings()
    limits = SessionLimits(
        pool_size=given.pool_size,
        pool_overflow=given.pool_overflow,
        pool_wait_s=given.pool_wait_s,
        statement_timeout_s=given.statement_timeout_s,
    )
    session = open_session(url, limits=limits, lag_days=availability.lag_days)
    return ServerLake(session, availability=availability)


class ServerLake(Questions):
    """A lake on a server, as it was synced last. Close it, or use it in a ``with`` block.

    Each question sees one moment of the server, and only reads. What changes a lake, or looks into its past,
    is done on the lake in its folder: such methods are here too, and say so.
    """

    def __init__(self, session: TargetSession, *, availability: AvailabilityRule) -> None:
        self._session = session
        self._rule = availability

    def __repr__(self) -> str:
        return f"ServerLake({self._session.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(Lake, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def refuse(*_: object, **__: object) -> NoReturn:
            raise InvalidInput(
                f"{name} is for a lake in a folder, and {self._session.name} is a shared server: do it on "
                "the lake that is synced to it, then sync again.",
                target=self._session.name,
            )

        return refuse

    @property
    def session(self) -> TargetSession:
        """The connections to the server."""
        return self._session

    @property
    def availability(self) -> Availability:
        """From which day on filings may be used: ``close``, ``same_day`` or a lag in days."""
        return self._rule.given

    @cached_property
    def aio(self) -> AsyncQuestions:
        """The same questions to be awaited; as many run at the same time as the pool has connections.

        Cancelling a task that awaits one ends the question on the server too.
        """
        most = self._session.limits.max_connections
        threads = ThreadPoolExecutor(most, thread_name_prefix="factorlab-lake")
        return AsyncQuestions(self, threads, self._session.stoppable)

    def status(self) -> pl.DataFrame:
        """Return what the server holds: one row per table with its rows and bytes, indexes included."""
        return self._session.sizes()

    def close(self) -> None:
        """Give the connections back to the server; no question can be asked afterwards."""
        aio = self.__dict__.get("aio")
        if aio is not None:
            aio.threads.shutdown()
        self._session.close()
