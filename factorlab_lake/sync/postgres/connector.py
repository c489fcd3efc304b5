"""Register PostgreSQL as a sync target; this module imports no driver until a target is opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from factorlab_lake.sync.postgres.server_session import ServerSession
    from factorlab_lake.sync.postgres.target import PostgresTarget
    from factorlab_lake.sync.protocol import SessionLimits

__all__ = ["PostgresConnector"]


class PostgresConnector:
    """Opens PostgreSQL and TimescaleDB; see :class:`~factorlab_lake.sync.protocol.Connector`."""

    name = "PostgreSQL"
    requirement = "factorlab-lake[postgres]"

    def open_target(
        self, url: str, *, password: str | Callable[[], str] | None = None
    ) -> AbstractContextManager[PostgresTarget]:
        """Connect to a database that receives the lake; ``password`` may be a function."""
        from factorlab_lake.sync.postgres.target import open_target

        if callable(password):
            return open_target(url, ask=password)
        return open_target(url, password=password)

    def open_session(self, url: str, *, limits: SessionLimits) -> ServerSession:
        """Open a pool of read-only connections to a database that has a lake."""
        from factorlab_lake.sync.postgres.address import Address
        from factorlab_lake.sync.postgres.server_session import ServerSession

        return ServerSession(Address.parse(url), limits=limits)

    def script(self) -> str:
        """Return the SQL that creates the tables, functions and roles."""
        from factorlab_lake.sync.postgres.install import script

        return script()
