"""Test what a file of environments must not have: wrong keys and values, secrets, others' variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.schema.limits import MAX_CONFIG_BYTES
from factorlab_lake.settings.environments import lake_place
from factorlab_lake.settings.models import settings
from tests.unit.settings.environment_files import FILE, TWO, use, write

pytestmark = pytest.mark.usefixtures("project")

WRONG = [
    ("  database: {prot: 1}", "line 2: e.database.prot is unknown. Did you mean 'port'? Expected some of"),
    ("  databse: {port: 1}", "line 2: e.databse is unknown. Did you mean 'database'?"),
    ("  features:\n    use_cache: true", "line 3: e.features.use_cache is unknown. Expected some of"),
    ("  host: db", "line 2: e.host is unknown."),
    ("  - database", "line 1: e has no keys below it; expected database or features"),
    ("  database: postgresql://h/d", "line 2: e.database has no keys below it; expected provider, host"),
    ("  database: {port: 0}", "e.database.port: expected a whole number from 1 to 65535"),
    ("  database: {port: 99999}", "e.database.port: expected a whole number from 1 to 65535"),
    ("  database: {port: '5432a'}", "e.database.port: expected a whole number"),
    ("  database: {port: true}", "e.database.port: expected a whole number"),
    ("  database: {pool_size: -1}", "e.database.pool_size: expected a whole number from 0 to"),
    ("  database: {max_overflow: 1.5}", "e.database.max_overflow: expected a whole number from 0"),
    ("  database: {provider: postgersql}", "duckdb, lake, folder. Did you mean 'postgresql'?"),
    ("  database: {provider: oracle}", "expected one of postgresql, postgres, "),
    ("  database: {host: 'user:pw@db'}", "e.database.host: expected the name of a server alone"),
    ("  database: {host: 'db:5432'}", "e.database.host: expected the name of a server alone"),
    ("  database: {username: [a, b]}", "e.database.username: expected a text"),
    ("  features: {use_database: maybe}", "e.features.use_database: expected true or false"),
    ("  features: {use_database: 1}", "e.features.use_database: expected true or false"),
    ("  database: {host: $HOST}", "e.database.host has a $ that is no reference; a reference is ${NAME}"),
    ("  database: {host: '${DB:-x}'}", "e.database.host has a $ that is no reference"),
    ("  database: {port: 1, port: 2}", "line 2: port is there twice, also in line 2; remove one"),
    ("  database: {}\ne:\n  features: {}", "line 3: e is there twice, also in line 1"),
    ("  database: &a {port: 1}\nf:\n  database: *a", "line 4: a value refers to another one by *"),
    ("  database:\n    <<: {port: 1}", "line 3: `<<` is not read; write the keys out"),
    ("  database:\n\t port: 1", "line 3: this is no YAML: found character"),
    ("  database: {port: 1", "this is no YAML: "),
    ("  database: {? [a] : 1}", "line 2: a name is a list or a mapping"),
    ("  database: {username: 2024-13-45}", "line 2: this value cannot be read"),
    ("  database: {username: !!python/object:os.x {}}", "e.database.username: expected a text"),
    ("  database: {username: !!python/name:os.system x}", "this is no YAML: could not determine a"),
    ('  database: {username: "a\\0b"}', "e.database.username: expected a text of printable characters"),
]  # fmt: skip


@pytest.mark.parametrize("text", ["hunter2", "'${DB_PASSWORD} '", "a${DB_PASSWORD}", "12345", "$DB_PASSWORD"])
def test_a_literal_password_is_refused_without_repeating_it(text: str) -> None:
    """Also in an environment that is not chosen, since others can read the file."""
    write(TWO.replace("${DB_PASSWORD}", text))
    with pytest.raises(
        InvalidInput, match=r"line 16: production\.database\.password is written in"
    ) as caught:
        lake_place(env="development")
    assert "Write ${DB_PASSWORD} and set this variable" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(("body", "expected"), WRONG)
def test_a_wrong_key_or_value_is_refused_with_its_line(body: str, expected: str) -> None:
    """Nothing of the file is ignored: an unknown key names the nearest known one."""
    write(f"e:\n{body}\n")
    with pytest.raises(InvalidInput) as caught:
        lake_place()
    assert str(caught.value).startswith(f"{FILE}, line ")
    assert expected in str(caught.value)


def test_a_file_that_is_no_mapping_no_text_or_too_long_is_refused() -> None:
    """Nesting and aliases can take hours or all memory of a reader: such a file is refused at once."""
    deep = "[" * (MAX_CONFIG_BYTES - 10)
    bomb = "a: &a [x]\n" + "\n".join(f"b{i}: &b{i} [*a, *a]" for i in range(50))
    for content, expected in (
        (b"", "has no environment; expected `development:`"),
        (b"- a\n", "line 1: the file has no names"),
        (b"e:\n  \xff: 1\n", "line 2: this is no text; write the file as UTF-8"),
        (b"e: {}\n\x00", "line 2: this is no YAML: "),
        (b"a: 1\n---\nb: 2\n", "this is no YAML: but found another document"),
        (b"#" * (MAX_CONFIG_BYTES + 1), "is longer than 65,536 bytes"),
        (deep.encode(), "the values are nested too deeply"),
        (bomb.encode(), "line 2: a value refers to another one by *"),
    ):
        FILE.write_bytes(content)
        with pytest.raises(InvalidInput) as caught:
            lake_place()
        assert expected in str(caught.value)
    FILE.unlink()
    FILE.mkdir()
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        lake_place()


def test_what_the_address_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error names the key that is missing for a server, for a password and for snowflake."""
    use(monkeypatch, DB_PASSWORD="x")
    monkeypatch.setattr("factorlab_lake.settings.environments.installed_targets", lambda: {"postgresql"})
    for body, expected in (
        ("{host: db, database: d}", "line 2: e.database needs the key provider"),
        ("{provider: postgresql, database: d}", "line 2: e.database needs the key host"),
        ("{provider: postgresql, host: db}", "line 2: e.database needs the key database"),
        ("{provider: duckdb}", "line 2: e.database needs the key database"),
        ("{provider: postgres, host: h, database: d, password: '${DB_PASSWORD}'}", "but no username"),
        ("{provider: lake, database: 'postgresql://h/d'}", "expected the path of a folder"),
        (
            "{provider: snowflake, host: a, database: d}",
            "no target named snowflake is installed. Use one of ",
        ),
    ):
        write(f"e:\n  database: {body}\n")
        with pytest.raises(InvalidInput, match=r"config/environments\.yaml, line 2") as caught:
            lake_place()
        assert expected in str(caught.value)
    write("e:\n  database: {provider: Postgres, host: '::1', port: '5432', database: 7}\n")
    assert lake_place() == "postgresql://[::1]:5432/7"
    write("e:\n  database: {provider: postgres, host: /run/pg, database: d, port: null, username: ''}\n")
    assert lake_place() == "postgresql://%2Frun%2Fpg/d"


def test_a_file_that_lies_in_the_folder_gets_no_key_of_another_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A downloaded folder names the server: only a file that the user names may send it any variable."""
    key = "k3y"
    use(monkeypatch, FMP_API_KEY=key, AWS_SECRET_ACCESS_KEY=key, FEEDBACK=key)
    for name in ("FMP_API_KEY", "AWS_SECRET_ACCESS_KEY", "FEEDBACK"):
        for field in ("password", "username", "host"):
            parts = {"provider": "postgresql", "host": "evil.example", "database": "d", "username": "u"}
            body = ", ".join(f"{k}: '{v}'" for k, v in (parts | {field: f"${{{name}}}"}).items())
            write(f"e:\n  database: {{{body}}}\n")
            with pytest.raises(
                InvalidInput, match=rf"would send the variable {name} to the server"
            ) as caught:
                lake_place()
            assert key not in str(caught.value)
    Path(".env").write_text(f"FACTORLAB_CONFIG={FILE}\n", encoding="utf-8")  # of the same folder
    settings.cache_clear()
    for place in (lake_place, parallel_settings().place):
        with pytest.raises(InvalidInput, match="would send the variable FEEDBACK"):
            place()
    assert lake_place(config=tmp_path / FILE) == f"postgresql://u@{key}/d"
    use(monkeypatch, FACTORLAB_CONFIG=str(FILE))
    assert lake_place() == f"postgresql://u@{key}/d"


def test_the_file_cannot_change_the_vendor_s_address() -> None:
    """FMP_BASE_URL and the availability rule have no key in it, under any spelling."""
    for body in (
        "fmp: {base_url: http://evil.example}",
        "features: {availability: same_day}",
        "FMP_BASE_URL: x",
    ):
        write(f"e:\n  {body}\n")
        with pytest.raises(InvalidInput, match="is unknown"):
            lake_place()
    write(TWO)
    assert fmp_settings().base_url == "https://financialmodelingprep.com"
