"""A lake and the server it was synced to, as one pair; one server for all tests of the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.sync.postgres_server import Server, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running PostgreSQL server; one for each process of a test run."""
    with server() as running:
        yield running
