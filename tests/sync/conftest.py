"""What the tests of the shared server have in common: one server a run, one database a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sync.postgres_server import Server, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running PostgreSQL server; one for each process of a test run."""
    with server() as running:
        yield running


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The address of an empty database of the test's own, password included."""
    with postgres.database() as url:
        yield url
