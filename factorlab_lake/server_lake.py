"""Query a lake on a shared server: the same methods as a lake in a folder, read-only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from factorlab_lake.derive.availability_rule import AvailabilityRule
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.research.async_research import AsyncResearch
from factorlab_lake.research.methods import Research
from factorlab_lake.settings.environments import setting
from factorlab_lake.settings.models import settings
from factorlab_lake.storage.lake_settings import Availability
from factorlab_lake.sync.protocol import SessionLimits, TargetSession
from factorlab_lake.sync.registry import open_session

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ServerLake", "open_server_lake"]

_SYNC_AFTER = ("fetch", "load", "migrate", "rollback")  # the methods whose changes a sync sends to the server


def open_server_lake(
    url: str,
    *,
    availability: AvailabilityRule | None = None,
    env: str | None = None,
    config: str | os.PathLike[str] | None = None,
) -> ServerLake:
    """Open the lake on a server to which a lake was synced.

    ``url`` is an address such as ``postgresql://user@host/database``. Its scheme selects one of the installed
    targets; each target documents where it takes the password from. These settings limit the connections and
    the time of a query: ``FACTORLAB_POOL_SIZE``, ``FACTORLAB_POOL_OVERFLOW``, ``FACTORLAB_POOL_WAIT_S`` and
    ``FACTORLAB_STATEMENT_TIMEOUT_S``. An environment has the first two as ``pool_size`` and ``max_overflow``;
    ``env`` and ``config`` choose it as for :func:`factorlab_lake.open`. The availability rule is the one by
    which the lake was synced; another ``availability`` is refused. Raises
    :class:`~factorlab_lake.errors.InvalidInput`, :class:`~factorlab_lake.errors.NotFound`,
    :class:`~factorlab_lake.errors.TargetFailed` and :class:`~factorlab_lake.errors.MissingExtra`.
    """
    configured = settings()
    size, overflow = (setting(name, env=env, config=config) for name in ("pool_size", "pool_overflow"))
    limits = SessionLimits(
        pool_size=configured.pool_size if size is None else size,
        pool_overflow=configured.pool_overflow if overflow is None else overflow,
        pool_wait_s=configured.pool_wait_s,
        statement_timeout_s=configured.statement_timeout_s,
    )
    session = open_session(url, limits=limits)
    synced = AvailabilityRule(session.lag_days)
    if availability not in (None, synced):
        session.close()
        got, expected = availability.setting, synced.setting
        raise InvalidInput(
            f"availability is {got!r}, but {session.name} has the rows of the rule {expected!r}, the lake's "
            "own at the last sync. Open the server without an availability rule. For another rule, open the "
            "lake's folder, or change the rule of the lake and sync again.",
            got=got,
            expected=expected,
        )
    return ServerLake(session, availability=synced)


class _NeedsFolder(InvalidInput, AttributeError):
    """Report a member that only a lake in a folder has; ``hasattr`` then returns False for a property."""


class ServerLake(Research):
    """Represents a lake on a server, as of the last sync. Close it, or use it in a ``with`` block.

    Each query reads one consistent state of the server. It has the query methods of a lake, from ``prices``
    to ``sql``, in ``aio`` too, ``status``, and the checks ``quality``, ``coverage`` and ``freshness``.
    ``sql`` takes PostgreSQL's dialect. All other members of a lake need its folder; here they raise
    :class:`~factorlab_lake.errors.InvalidInput`.
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
        if name.startswith("_") or not (hasattr(Lake, name) or name in Lake.__annotations__):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def refuse(*_: object, **__: object) -> NoReturn:
            sync = ", then sync again" if name in _SYNC_AFTER else ""
            raise _NeedsFolder(
                f"{name} needs a lake in a folder, but {self._session.name} is a shared server: open the "
                f"lake's folder for this{sync}.",
                target=self._session.name,
            )

        return refuse if callable(getattr(Lake, name, None)) else refuse()

    @property
    def session(self) -> TargetSession:
        """Return the session with the connections to the server."""
        return self._session

    @property
    def availability(self) -> Availability:
        """Return the availability rule: ``close``, ``same_day`` or a lag in days."""
        return self._rule.setting

    @cached_property
    def aio(self) -> AsyncResearch:
        """Return the same methods for ``await``; as many queries run at once as the pool has connections.

        Cancelling a task also cancels its query on the server.
        """
        return AsyncResearch(self, self._session.limits.max_connections)

    def _sql_over_frames(self, query: str, params: dict[str, Any], frames: Mapping[str, Any]) -> NoReturn:
        del query, params
        raise InvalidInput(
            f"frames are for a lake in a folder, where DuckDB reads them; {self._session.name} is a shared "
            "server, which has only its own tables. Pass values as parameters, such as symbols=[...] for "
            "= ANY($symbols), or join the answer with the frame in polars.",
            frames=list(frames),
        )

    def status(self) -> pl.DataFrame:
        """Return one row per table of the server with its rows and bytes, indexes included.

        Where TimescaleDB stores daily bars, there are also the columns ``chunks``, ``compressed_chunks``,
        ``compressed_at``, when its compression policy last succeeded, and ``compression_error``, if the last
        run failed. They are NULL for all other tables.
        """
        return self._session.sizes()

    def held_symbols(self) -> list[str]:
        """Return the symbols with bars or statements, sorted."""
        query = "SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements"
        return sorted(self._session.frame(query)["symbol"].to_list())

    def quality(
        self,
        symbols: str | Iterable[str] | None = None,
        *,
        rules: Iterable[str] | None = None,
        by_symbol: bool = False,
    ) -> pl.DataFrame:
        """Return faulty and suspicious data, one row per finding or symbol, as in a folder.

        This and the other checks read all rows of the server into a temporary lake on this machine, which is
        deleted afterwards. Raises :class:`~factorlab_lake.errors.TargetFailed` if a sync changes them
        meanwhile.
        """
        with self._copied() as lake:
            return lake.quality(symbols, rules=rules, by_symbol=by_symbol)

    def quality_rules(self) -> pl.DataFrame:
        """Return the rules of :meth:`quality`: one row per rule and table, with severity and meaning."""
        from factorlab_lake.quality.findings import rule_table

        return rule_table()

    def coverage(self) -> pl.DataFrame:
        """Return the data of each year: one row per symbol, dataset, period and year, as in a folder."""
        with self._copied() as lake:
            return lake.coverage()

    def freshness(self, *, now: datetime | None = None) -> pl.DataFrame:
        """Return the age of the data: one row per symbol, dataset and period, as in a folder."""
        with self._copied() as lake:
            return lake.freshness(now=now)

    @contextmanager
    def _copied(self) -> Iterator[Lake]:
        from factorlab_lake.quality.server_copy import copied

        with copied(self._session, self._rule) as layout, Lake(layout, rule=self._rule) as lake:
            yield lake

    def close(self) -> None:
        """Close the connections; later queries raise an error."""
        aio = self.__dict__.get("aio")
        if aio is not None:
            aio.close()
        self._session.close()
