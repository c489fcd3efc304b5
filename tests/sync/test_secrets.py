"""The password of a server works from wherever it comes, and shows nowhere."""

from __future__ import annotations

import logging
from pathlib import Path

import psycopg
import pytest

from factorlab_lake.errors import InvalidInput, LakeError, TargetFailed
from factorlab_lake.schema import TABLES
from factorlab_lake.store import Lake
from factorlab_lake.sync.postgres.address import Address
from tests.cli.running import run
from tests.sync.comparing import by_hand
from tests.sync.postgres_server import PASSWORD, Server

_ODD_PASSWORD = "p@ss:w/rd?#%"
_WRITTEN = "p%40ss%3Aw%2Frd%3F%23%25"


def _shown(fault: LakeError) -> str:
    chain = [
        repr(e) + str(e) for e in (fault.__cause__, fault.__context__) if e and not fault.__suppress_context__
    ]
    return " ".join([str(fault), repr(fault), repr(fault.facts), *chain])


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
    """However the address is wrong, the error speaks of it without the password."""
    with pytest.raises((InvalidInput, TargetFailed)) as caught:
        small.sync(address.format("s3cret-word"))
    assert "s3cret-word" not in _shown(caught.value)
    done = run("--lake", small.path, "sync", address.format("s3cret-word"), code=1)
    assert "s3cret-word" not in done.out + done.err


def test_a_wrong_password_is_not_repeated(small: Lake, database: str) -> None:
    """The server's refusal names the user, not what was tried."""
    with pytest.raises(TargetFailed, match="password authentication failed") as caught:
        small.sync(database.replace(PASSWORD, "wr0ng-word"))
    assert "wr0ng-word" not in _shown(caught.value)


@pytest.mark.parametrize("way", ["address", "PGPASSWORD", "service file", "passfile", "argument", "asked"])
def test_a_password_works_from_wherever_it_comes_and_shows_nowhere(
    way: str,
    small: Lake,
    postgres: Server,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From address, environment, service file, password file, argument or question; in no log, row or report."""
    caplog.set_level(logging.DEBUG)
    without = database.replace(f":{PASSWORD}", "")
    name = database.rpartition("/")[2]
    how: dict[str, object] = {}
    url = database if way == "address" else without
    if way == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
    elif way == "service file":
        (tmp_path / "services").write_text(
            f"[team]\nhost=127.0.0.1\nport={postgres.port}\nuser=postgres\ndbname={name}\npassword={PASSWORD}\n"
        )
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        url = "postgresql://?service=team"
    elif way == "passfile":
        (tmp_path / "pass").write_text(f"*:*:*:*:{PASSWORD}\n")
        (tmp_path / "pass").chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    elif way in ("argument", "asked"):
        how["password"] = PASSWORD if way == "argument" else lambda: PASSWORD
    report = small.sync(url, **how)  # type: ignore[arg-type]
    assert report.clean
    by_hand(database, "UPDATE splits SET label = label")
    rows = [by_hand(database, f"SELECT t::text FROM {t} t") for t in (*TABLES, "factorlab_lake_ledger")]
    kept = [p.read_bytes() for p in small.path.rglob("*") if p.is_file()]
    assert PASSWORD not in f"{report!r} {caplog.text} {rows}"
    assert not any(PASSWORD.encode() in body for body in kept)


def test_a_password_of_odd_signs_works(small: Lake, database: str) -> None:
    """Percent-encoded in the address, and as it is for the server; neither form shows."""
    user = database.rpartition("/")[2]
    by_hand(database, f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{_ODD_PASSWORD}'".replace("%", "%%"))
    place = database.rpartition("@")[2]
    address = Address.parse(f"postgresql://{user}:{_WRITTEN}@{place}")
    assert _ODD_PASSWORD not in f"{address} {address!r}"
    assert address.redact(f"a {_ODD_PASSWORD} b {_WRITTEN} c") == "a *** b *** c"
    assert small.sync(f"postgresql://{user}:{_WRITTEN}@{place}").clean
    with psycopg.connect(database) as con:
        con.execute(f"DROP OWNED BY {user} CASCADE; DROP ROLE {user}".encode())
