"""Register Snowflake as a sync target; this module imports no driver until a target is opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from factorlab_lake.sync.protocol import SessionLimits
    from factorlab_lake.sync.snowflake.server_session import SnowflakeSession
    from factorlab_lake.sync.snowflake.target import SnowflakeTarget

__all__ = ["SnowflakeConnector"]


class SnowflakeConnector:
    """Opens Snowflake accounts; see :class:`~factorlab_lake.sync.protocol.Connector`."""

    name = "Snowflake"
    requirement = "factorlab-lake[snowflake]"

    def open_target(
        self, url: str, *, password: str | Callable[[], str] | None = None
    ) -> AbstractContextManager[SnowflakeTarget]:
        """Connect to a schema that receives the lake; ``password`` may be a function."""
        from factorlab_lake.sync.snowflake.address import SnowflakeAddress
        from factorlab_lake.sync.snowflake.target import open_target

        address = SnowflakeAddress.parse(url)
        if address.wants_password and password is not None:
            address = address.with_password(password() if callable(password) else password)
        return open_target(address)

    def open_session(self, url: str, *, limits: SessionLimits) -> SnowflakeSession:
        """Open connections to a schema that has a lake; each query runs on one of them."""
        from factorlab_lake.sync.snowflake.address import SnowflakeAddress
        from factorlab_lake.sync.snowflake.server_session import SnowflakeSession

        return SnowflakeSession(SnowflakeAddress.parse(url), limits=limits)

    def script(self) -> str:
        """Return the SQL that creates the tables, functions and roles."""
        from factorlab_lake.sync.snowflake.install import script

        return script()
