"""Provide a server with TimescaleDB: ``FACTORLAB_TEST_TIMESCALE_DSN``, or one in WebAssembly.

npm installs the latter, as pinned in ``timescale/package-lock.json``. Its connections share one session, so
it cannot test locks, passwords or two syncs at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.unit.sync.postgres_server import connected

__all__ = ["timescale_database"]

_FOLDER = Path(__file__).parent / "timescale"
_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


@contextmanager
def timescale_database() -> Iterator[str]:
    """Yield the address of an empty database that has the extension; skip the test if there is none."""
    named = os.environ.get("FACTORLAB_TEST_TIMESCALE_DSN")
    if named:
        with connected(named) as server, server.database() as url:
            with psycopg.connect(url) as con:
                con.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            yield url
        return
    _install()
    with _running() as port:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _install() -> None:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no FACTORLAB_TEST_TIMESCALE_DSN, and no node and npm to run TimescaleDB in WebAssembly")
    if (_FOLDER / "node_modules" / ".package-lock.json").exists():  # npm writes it last
        return
    try:
        subprocess.run(_INSTALL, cwd=_FOLDER, capture_output=True, text=True, timeout=180, check=True)
    except subprocess.SubprocessError as fault:
        pytest.skip(f"npm cannot fetch TimescaleDB in WebAssembly: {fault} {getattr(fault, 'stderr', '')}")


@contextmanager
def _running() -> Iterator[int]:
    command = ["node", str(_FOLDER / "server.mjs")]
    # It stops when its input is closed, however the tests end.
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with running as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=60)
