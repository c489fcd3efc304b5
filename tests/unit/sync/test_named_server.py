"""Test that the tests can run on a server that someone else started, and leave it as it was."""

from __future__ import annotations

import psycopg
import pytest

from factorlab_lake.lake import Lake
from tests.unit.sync.comparing import assert_equal, by_hand
from tests.unit.sync.postgres_server import Server, connected

_NAMES = "SELECT datname::text FROM pg_database UNION ALL SELECT rolname::text FROM pg_roles"


def test_a_named_server_loses_the_database_and_the_user_of_the_tests(postgres: Server, small: Lake) -> None:
    """A sync works at the address of a new database, as a new user; afterwards both are gone."""
    with connected(postgres.url()) as named, named.database() as url:
        assert small.sync(url, verify_deep=True).clean
        assert_equal(small, url)
        added = {url.rpartition("/")[2], named.user}
        assert len(added & _names(postgres)) == 2
    assert not added & _names(postgres)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def _names(server: Server) -> set[str]:
    return {name for (name,) in by_hand(server.url(), _NAMES)}


def test_a_named_server_needs_a_host() -> None:
    """Tests cut connections through a proxy, so a socket file is refused with the form that is expected."""
    with (
        pytest.raises(ValueError, match="expected postgresql://user:password@host:port/database"),
        connected("postgresql:///postgres"),
    ):
        pass
