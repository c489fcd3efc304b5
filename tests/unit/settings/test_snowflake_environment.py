"""Test an environment whose database is a schema of Snowflake."""

from __future__ import annotations

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.settings.environments import lake_place
from factorlab_lake.sync.snowflake.address import SnowflakeAddress
from tests.unit.cli.running import run
from tests.unit.settings.environment_files import FILE

pytestmark = pytest.mark.usefixtures("project")

SECRET = "s3cr3t/@:"
ENVIRONMENT = """\
production:
  database:
    provider: "snowflake"
    host: org-account
    database: LAKE
    schema: RESEARCH
    username: reader@home
    warehouse: READING
    role: factorlab_reader
"""


def _written(*lines: str) -> SnowflakeAddress:
    FILE.write_text(ENVIRONMENT + "".join(f"    {line}\n" for line in lines), encoding="utf-8")
    return SnowflakeAddress.parse(str(lake_place()))


def test_each_way_to_log_in_reaches_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password, a key and a browser are arguments of the driver, with schema, warehouse and role."""
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    place = {"account": "org-account", "database": "LAKE", "schema": "RESEARCH", "user": "reader@home"}
    of_session = {"warehouse": "READING", "role": "factorlab_reader"}
    by_password = _written("password: ${DB_PASSWORD}")
    assert by_password.arguments() == {**place, **of_session, "password": SECRET}
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "phr4se")
    by_key = _written("private_key_file: /keys/a b&c.p8")
    assert by_key.arguments() == {
        **place,
        **of_session,
        "private_key_file": "/keys/a b&c.p8",
        "authenticator": "SNOWFLAKE_JWT",
        "private_key_file_pwd": "phr4se",
    }
    by_browser = _written("authenticator: externalbrowser")
    assert by_browser.arguments() == {**place, **of_session, "authenticator": "externalbrowser"}
    assert not by_browser.wants_password


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings show the address and hide the password; a written password is refused without it."""
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    _written("password: ${DB_PASSWORD}")
    shown = run("config")
    assert shown.code == 0, shown.err
    assert "org-account/LAKE/RESEARCH" in shown.out
    assert "s3cr3t" not in shown.out + shown.err
    with pytest.raises(InvalidInput, match="is written in the file") as caught:
        _written("password: s3cr3t")
    assert "s3cr3t" not in str(caught.value)


def test_keys_of_snowflake_are_refused_elsewhere() -> None:
    """A warehouse of PostgreSQL or of a folder is a mistake with its line."""
    for provider, place in (("postgresql", "host: db"), ("duckdb", "use: x")):
        body = f"e:\n  database:\n    provider: {provider}\n    {place}\n    database: d\n    warehouse: w\n"
        FILE.write_text(body.replace("    use: x\n", ""), encoding="utf-8")
        with pytest.raises(InvalidInput, match=r"line [56]: e.database.warehouse: this is of "):
            lake_place()
