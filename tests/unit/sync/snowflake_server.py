"""Start an emulator of Snowflake for the tests, or use the account that the environment names.

``FACTORLAB_TEST_SNOWFLAKE_ADDRESS`` names an account, such as ``snowflake://me@account/database?warehouse=wh``,
and ``FACTORLAB_TEST_SNOWFLAKE_PASSWORD`` the password. The tests create schemas of their own there and drop
them at the end. ``FACTORLAB_TEST_EMULATORS`` names another environment than that of `make emulators`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from factorlab_lake.sync.snowflake.address import SnowflakeAddress
from factorlab_lake.sync.snowflake.connection import connect

__all__ = ["EMULATORS", "SECRET", "Account", "account", "by_hand"]

SECRET = "s3cret-of-the-account"  # must never be shown
EMULATORS = Path(os.environ.get("FACTORLAB_TEST_EMULATORS", Path(sys.prefix) / "emulators"))
_NAMED = os.environ.get("FACTORLAB_TEST_SNOWFLAKE_ADDRESS", "")
_PASSWORD = os.environ.get("FACTORLAB_TEST_SNOWFLAKE_PASSWORD", "")
_SCRIPT = Path(__file__).with_name("snowflake_emulator.py")
_DATABASE = "FACTORLAB_TESTS"


@dataclass(frozen=True, slots=True)
class Account:
    """Represents an account, or its emulator on a port of this machine."""

    port: int | None = None

    @contextmanager
    def schema(self) -> Iterator[str]:
        """Yield the address of a new, empty schema; drop it afterwards."""
        name = f"T_{uuid.uuid4().hex.upper()}"
        url = self.url(name)
        yield url
        with closing(connect(SnowflakeAddress.parse(url))) as con:
            con.run(f"DROP SCHEMA IF EXISTS {name} CASCADE")

    def url(self, schema: str) -> str:
        """Return the address of a schema, with the password."""
        if self.port is None:
            base, _, options = _NAMED.partition("?")
            base = base.replace("@", f":{quote(_PASSWORD, safe='')}@", 1) if _PASSWORD else base
            return f"{base}/{schema}?{options}"
        options = f"host=127.0.0.1&port={self.port}&protocol=http&network_timeout=60"
        return f"snowflake://tester:{SECRET}@emulator/{_DATABASE}/{schema}?{options}"

    def abort(self) -> None:
        """End the transactions of programs that were killed; an account does so by itself, later."""
        if self.port is None:
            pytest.skip("an account ends the transaction of a killed program only after hours")
        place = f"http://127.0.0.1:{self.port}/abort"
        urllib.request.urlopen(urllib.request.Request(place, method="POST"), timeout=30).close()


@contextmanager
def account() -> Iterator[Account]:
    """Yield the account named in the environment, or start an emulator and stop it afterwards."""
    if _NAMED:
        yield Account()
        return
    python = EMULATORS / "bin" / "python"
    if not python.exists():
        if "CI" in os.environ:
            pytest.fail(f"{python} is missing: `make emulators` installs it")
        pytest.skip("`make emulators` installs the emulator of Snowflake (0.8 GB)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [str(python), str(_SCRIPT), str(port)]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip() == "serving", "the emulator does not start"
            yield Account(port)
        finally:
            process.terminate()


def by_hand(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement in a schema as another program would; return its rows."""
    with closing(connect(SnowflakeAddress.parse(url))) as con:
        return con.rows(statement, values)
