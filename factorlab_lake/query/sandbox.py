"""Limit the SQL of a sandbox: the files that it reads, its memory and its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from factorlab_lake.errors import QueryStopped
from factorlab_lake.schema import literal
from factorlab_lake.schema.limits import SANDBOX_MEMORY_MB, SANDBOX_TIMEOUT_S
from factorlab_lake.settings import configured
from factorlab_lake.storage.cancellation import stopped_after
from factorlab_lake.storage.interrupts import is_interrupt

__all__ = ["Sandbox"]

# The last one locks the settings. A temporary directory would be allowed to be read too, so large queries
# cannot use one.
_SETTINGS = {
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Hold the limits of a sandbox, and apply them to a database and to its statements."""

    memory_mb: int
    timeout_s: float

    @classmethod
    def from_settings(cls) -> Sandbox:
        """Return the limits of the settings."""
        memory_mb, timeout_s = configured("sandbox_memory_mb"), configured("sandbox_timeout_s")
        return cls(
            SANDBOX_MEMORY_MB if memory_mb is None else memory_mb,
            SANDBOX_TIMEOUT_S if timeout_s is None else timeout_s,
        )

    @property
    def answer_bytes(self) -> int:
        """Return the largest size of an answer: its rows leave the memory that DuckDB counts."""
        return self.memory_mb * _MEGABYTE

    def lock(self, con: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> None:
        """Allow a database no file but these, no network, no extension, and no later change of this."""
        allowed = ", ".join(literal(str(path)) for path in files)
        con.execute(f"SET allowed_paths = [{allowed}]::VARCHAR[]")
        con.execute(f"SET memory_limit = '{self.memory_mb}MiB'")
        for setting, value in _SETTINGS.items():
            con.execute(f"SET {setting} = {literal(value)}")

    @contextmanager
    def limited(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Raise :class:`QueryStopped` for statements of a connection that take too much time or memory."""
        with stopped_after(self.timeout_s, con.interrupt) as is_late:
            try:
                yield
            except (duckdb.Error, RuntimeError) as error:
                if is_late() and is_interrupt(error):
                    raise QueryStopped(
                        f"The sandbox stopped the query after {self.timeout_s:g} s; query fewer symbols or "
                        "dates, or raise FACTORLAB_SANDBOX_TIMEOUT_S.",
                        timeout_s=self.timeout_s,
                    ) from None
                if "Out of Memory" in str(error):
                    raise QueryStopped(
                        f"The query needs more memory than the {self.memory_mb:,} MiB of the sandbox, tables "
                        "of your own included; select fewer rows or columns, drop a table, or raise "
                        "FACTORLAB_SANDBOX_MEMORY_MB.",
                        memory_mb=self.memory_mb,
                    ) from None
                raise
