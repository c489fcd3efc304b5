"""Test that a server's password works from every source and is never shown."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import psycopg
import pytest

from factorlab_lake.errors import InvalidInput, LakeError, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.sync.postgres.address import Address
from tests.unit.cli.running import run
from tests.unit.sync.comparing import by_hand
from tests.unit.sync.postgres_server import PASSWORD, Server

_ODD_PASSWORD = "p@ss:w/rd?#%"
_WRITTEN = "p%40ss%3Aw%2Frd%3F%23%25"


def _shown(fault: LakeError) -> str:
    chain = [
        repr(e) + str(e) for e in (fault.__cause__, fault.__context__) if e and not fault.__suppress_context__
    ]
    return " ".join([str(fault), repr(fault), repr(fault.facts), *chain])


@pytest.mark.first_cases(3)
@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:{}@127.0.0.1:1/db",
        "postgresql://me:{}@ho st/db",
        "postgresql://me:{}@host.invalid/db",
        "postgresql://me:x@{}@host/db",
        "postgresql://me:12/{}@host/db",
        "postgresql://me:{}@host:port/db",
        "postgresql://me@127.0.0.1:1/db?password={}",
        "postgresql://me@127.0.0.1:1/db?passwort={}",
        "postgresql://me:{}@host/db?sslmode=nonsense",
        "mysql://me:{}@host/db",
        "me:{}@host/db",
    ],
)
def test_an_address_that_cannot_be_reached_does_not_show_its_password(small: Lake, address: str) -> None:
    """An error about a wrong address never contains the password."""
    with pytest.raises((InvalidInput, TargetFailed)) as caught:
        small.sync(address.format("s3cret-word"))
    assert "s3cret-word" not in _shown(caught.value)
    done = run("--lake", small.path, "sync", address.format("s3cret-word"), code=1)
    assert "s3cret-word" not in done.out + done.err


def test_a_wrong_password_is_not_repeated(small: Lake, database: str) -> None:
    """The error names the user, not the password."""
    with pytest.raises(TargetFailed, match="password authentication failed") as caught:
        small.sync(database.replace(PASSWORD, "wr0ng-word"))
    assert "wr0ng-word" not in _shown(caught.value)


@pytest.fixture(params=["address", "PGPASSWORD", "service file", "passfile", "argument", "prompt"])
def known(
    request: pytest.FixtureRequest,
    postgres: Server,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[str, dict[str, Any]]:
    """Return an address and the other arguments of a sync, for each source of a password."""
    without, name = database.replace(f":{PASSWORD}", ""), database.rpartition("/")[2]
    file = tmp_path / "secrets"
    if request.param == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
    elif request.param == "service file":
        place = f"host={postgres.host}\nport={postgres.port}\nuser={postgres.user}\ndbname={name}"
        file.write_text(f"[team]\n{place}\npassword={PASSWORD}\n")
        monkeypatch.setenv("PGSERVICEFILE", str(file))
        return "postgresql://?service=team", {}
    elif request.param == "passfile":
        file.write_text(f"*:*:*:*:{PASSWORD}\n")
        file.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(file))
    arguments: dict[str, dict[str, Any]] = {
        "argument": {"password": PASSWORD},
        "prompt": {"password": lambda: PASSWORD},
    }
    return database if request.param == "address" else without, arguments.get(request.param, {})


@pytest.mark.first_cases(2)
def test_a_password_works_from_every_source_and_is_never_shown(
    known: tuple[str, dict[str, Any]], small: Lake, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The sync works, and the password is in no log, row, report or file."""
    caplog.set_level(logging.DEBUG)
    report = small.sync(known[0], **known[1])
    assert report.clean
    rows = [by_hand(database, f"SELECT t::text FROM {t} t") for t in (*TABLES, "factorlab_lake_ledger")]
    kept = [p.read_bytes() for p in small.path.rglob("*") if p.is_file()]
    assert PASSWORD not in f"{report!r} {caplog.text} {rows}"
    assert not any(PASSWORD.encode() in body for body in kept)


def test_a_password_with_special_characters_works(small: Lake, database: str) -> None:
    """The address has it percent-encoded, the server plain; neither form is shown."""
    user = database.rpartition("/")[2]
    by_hand(database, f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{_ODD_PASSWORD}'")
    place = database.rpartition("@")[2]
    address = Address.parse(f"postgresql://{user}:{_WRITTEN}@{place}")
    assert _ODD_PASSWORD not in f"{address} {address!r}"
    assert address.redact(f"a {_ODD_PASSWORD} b {_WRITTEN} c") == "a *** b *** c"
    assert small.sync(f"postgresql://{user}:{_WRITTEN}@{place}").clean
    with psycopg.connect(database) as con:
        con.execute(f"DROP OWNED BY {user} CASCADE; DROP ROLE {user}".encode())
