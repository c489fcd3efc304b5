"""Test the printed script of Snowflake: two parsers of its SQL read what no emulator runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from factorlab_lake.errors import InvalidInput
from factorlab_lake.sync.snowflake import install
from factorlab_lake.sync.snowflake.address import SnowflakeAddress
from factorlab_lake.sync.snowflake.placeholders import arguments, body, sql_text
from factorlab_lake.sync.snowflake.server_functions import FUNCTIONS, VIEWS
from tests.unit.sync.snowflake_server import EMULATORS

SQLFLUFF = EMULATORS / "bin" / "sqlfluff"
_BODY = re.compile(r"\$\$(.*)\$\$", re.DOTALL)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_read_by_a_parser(name: str) -> None:
    """Head and body are those of Snowflake, and the body looks rows up by ASOF JOIN."""
    text = sql_text(name)
    assert "{{" not in text
    assert re.findall(r"\barg_\w+", text) == []
    match = _BODY.search(text)
    assert match is not None
    [inner] = sqlglot.parse(match[1], read="snowflake")
    assert isinstance(inner, exp.Select)
    [head] = sqlglot.parse(_BODY.sub("$$ SELECT 1 $$", text), read="snowflake")
    assert isinstance(head, exp.Create)
    looked_up = name not in ("quarters", "statements_as_of", "adjusted_prices")
    assert ("ASOF JOIN" in match[1]) == looked_up
    sent = body(name, dict.fromkeys(arguments(name), "NULL"))
    assert "ASOF" not in sent
    assert "{{" not in sent


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_read_by_a_parser(name: str) -> None:
    """A view is one statement without a placeholder, whose names are in upper case."""
    [tree] = sqlglot.parse(sql_text(name), read="snowflake")
    assert isinstance(tree, exp.Create)
    assert "{{" not in sql_text(name)


def test_the_second_parser_reads_heads_roles_and_the_script_of_files(tmp_path: Path) -> None:
    """Heads with a short body, one whole function, the grants and the Iceberg tables are parsed."""
    if not SQLFLUFF.exists():
        pytest.skip("`make emulators` installs sqlfluff")
    heads = [_BODY.sub("$$ SELECT 1 $$", sql_text(name)) for name in FUNCTIONS]
    texts = {
        "heads": "\n".join(heads),
        "function": sql_text("shares_as_of"),
        "roles": install.roles(),
        "files": install.delta_direct(),
        "ledger": install.sql_file("ledger"),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.sql").write_text(text, encoding="utf-8")
    command = [str(SQLFLUFF), "parse", "--dialect", "snowflake", "--ignore-local-config", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert "unparsable" not in done.stdout, done.stdout
    assert done.returncode == 0, done.stderr


def test_an_address_never_shows_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither text, error nor redacted message has the password; unknown parts are refused by name."""
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "phr4se")
    address = SnowflakeAddress.parse("snowflake://me:p%40ss@acct/DB/S?private_key_file=/k.p8&warehouse=W")
    assert "p@ss" not in f"{address} {address!r}"
    assert address.redact("got p@ss, p%40ss and phr4se") == "got ***, *** and ***"
    arguments_ = address.arguments()
    assert (arguments_["authenticator"], arguments_["private_key_file_pwd"]) == ("SNOWFLAKE_JWT", "phr4se")
    assert SnowflakeAddress.parse("snowflake://me@acct/DB").wants_password
    assert not SnowflakeAddress.parse("snowflake://me@acct/DB?authenticator=externalbrowser").wants_password
    for text, expected in (
        ("snowflake://me:s3c@ret@acct/DB", ""),
        ("snowflake://me:s3cret@acct/DB?rolle=x", "Did you mean 'role'"),
        ("snowflake://me:s3cret@acct/DB/S/more", "is not that of a Snowflake schema"),
        ("snowflake://me:s3cret@acct/DB?port=x", "no whole number"),
        ("snowflake://me:s3cret@/DB", "is not that of a Snowflake schema"),
    ):
        if expected:
            with pytest.raises(InvalidInput, match=expected) as caught:
                SnowflakeAddress.parse(text)
            assert "s3cret" not in str(caught.value)
