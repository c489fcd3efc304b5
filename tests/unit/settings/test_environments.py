"""Test ``config/environments.yaml``: keys, references, environments, precedence and secrets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.legacy import DataProvider
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.schema.limits import MAX_CONFIG_BYTES
from factorlab_lake.settings.environment_keys import KEYS, OF_SNOWFLAKE
from factorlab_lake.settings.environments import find, lake_place, setting
from factorlab_lake.settings.models import settings
from tests.support import CACHE_2021
from tests.unit.cli.running import run

FILE = Path("config/environments.yaml")
PASSWORD = "s3cr3t/@:"
TWO = """\
development:
  database:
    provider: duckdb
    database: data/dev
  features:
    use_database: false
    fallback_to_cache: true
    migration_mode: false
production:
  database:
    provider: timescaledb
    host: db.example
    port: 5433
    database: factor lab
    username: reader@home
    password: ${DB_PASSWORD}
    pool_size: 5
    max_overflow: 10
  features:
    use_database: true
    fallback_to_cache: no
    migration_mode: ${PARALLEL_RUN}
"""


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start each test in an empty project without settings of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("FACTORLAB_", "FMP_", "PG"))]:
        monkeypatch.delenv(name)
    FILE.parent.mkdir()
    settings.cache_clear()
    yield
    settings.cache_clear()


def write(text: str, path: Path = FILE) -> Path:
    """Write a file of environments."""
    path.write_text(text, encoding="utf-8")
    return path


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set variables as a new process would find them."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


def test_every_key_of_a_server_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's keys become the address and the pool, the features the flags of parallel running."""
    write(TWO)
    use(monkeypatch, DB_PASSWORD=PASSWORD, PARALLEL_RUN="on")
    address = "postgresql://reader%40home:s3cr3t%2F%40%3A@db.example:5433/factor%20lab"
    assert lake_place(env="production") == address
    assert (setting("pool_size", env="production"), setting("pool_overflow", env="production")) == (5, 10)
    flags = parallel_settings(env="production")
    assert (flags.use_database, flags.fallback_to_cache, flags.migration_mode) == (True, False, True)
    assert flags.place() == address
    environment = find("production")
    assert environment is not None
    keys = [key for key in KEYS if key.name not in (*OF_SNOWFLAKE, "schema")]
    assert {(k.section, k.name) for k in keys} == set(environment.entries)
    assert all(environment.value(key) is not None for key in keys)


def test_an_environment_names_a_schema() -> None:
    """The schema is an option of the address; a text that would add another option is refused."""
    place = "provider: postgresql, host: db, database: lake, username: reader"
    write(f"e:\n  database: {{{place}, schema: research}}\n")
    assert lake_place() == "postgresql://reader@db/lake?options=-csearch_path%3Dresearch"
    write(f"e:\n  database: {{{place}, schema: 'x -c role=y'}}\n")
    with pytest.raises(InvalidInput, match=r"line 2: e.database.schema: expected the name of a schema"):
        lake_place()
    write("e:\n  database: {provider: duckdb, database: d, schema: x}\n")
    with pytest.raises(InvalidInput, match=r"line 2: e.database.schema: this is of a server"):
        lake_place()


def test_an_environment_can_be_a_folder() -> None:
    """The providers of the lake on disk take its path; pool and server of it are not named."""
    for provider in ("duckdb", "lake", "folder"):
        write(f"development:\n  database: {{provider: {provider}, database: data/dev}}\n")
        assert lake_place() == "data/dev"
    write("development:\n  features: {use_database: false}\n")
    assert (lake_place(), parallel_settings().use_database) == ("data/lake", False)
    write("development:\n  database: {provider: lake, database: data/dev, host: db}\n")
    with pytest.raises(InvalidInput, match=r"line 2: development.database.host: this is of a server"):
        lake_place()


def test_the_environment_is_the_chosen_one_the_only_one_or_development(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Several without development, and a name that the file lacks, are errors that list the names."""
    write(TWO)
    assert lake_place() == "data/dev"
    use(monkeypatch, FACTORLAB_ENV="production")
    assert setting("pool_size") == 5
    assert lake_place(env="development") == "data/dev"
    with pytest.raises(InvalidInput, match=r"no environment 'prod'; it has development, production\. Did"):
        lake_place(env="prod")
    use(monkeypatch, FACTORLAB_ENV="")
    write(TWO.replace("development:", "staging:"))
    with pytest.raises(InvalidInput, match=r"none named development; choose .*: staging, production\."):
        lake_place()
    write("staging:\n  database: {provider: lake, database: data/only}\n")
    assert lake_place() == "data/only"


def test_an_environment_that_is_chosen_without_a_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder's lake must not answer in place of production; without a choice nothing is read."""
    assert lake_place() == "data/lake"
    use(monkeypatch, FACTORLAB_ENV="production")
    with pytest.raises(NotFound, match=r"'production' is chosen, but there is no config/environments\.yaml"):
        lake_place()
    fl.open("data/named")  # a path needs no environment
    for code in (lambda: fl.open("data/named", env="x"), lambda: parallel_settings(env="x")):
        with pytest.raises(NotFound, match="'x' is chosen, but there is no config/environments"):
            code()
    assert "'x' is chosen" in run("--lake", "data/named", "--env", "x", "status", code=1).err
    use(monkeypatch, FACTORLAB_ENV="", FACTORLAB_CONFIG="other.yaml")
    with pytest.raises(NotFound, match=r"There is no file other\.yaml"):
        lake_place()


def test_an_argument_wins_over_a_variable_over_dotenv_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source is replaced by the stronger one, for the lake, for the pool and for the features alike."""
    write(TWO.replace("data/dev", "data/dev\n    pool_size: 2"))
    assert (lake_place(), setting("pool_size"), parallel_settings().use_database) == ("data/dev", 2, False)
    Path(".env").write_text(
        "FACTORLAB_LAKE=data/dotenv\nFACTORLAB_POOL_SIZE=3\nFACTORLAB_USE_DATABASE=true\n", encoding="utf-8"
    )
    settings.cache_clear()
    assert (lake_place(), setting("pool_size"), parallel_settings().use_database) == ("data/dotenv", 3, True)
    use(monkeypatch, FACTORLAB_LAKE="data/variable", FACTORLAB_POOL_SIZE="4", FACTORLAB_USE_DATABASE="false")
    assert lake_place() == parallel_settings().place() == "data/variable"
    assert (setting("pool_size"), parallel_settings().use_database) == (4, False)
    chosen = parallel_settings(lake="data/argument", use_database=True)
    assert (chosen.place(), chosen.use_database) == ("data/argument", True)
    assert fl.open("data/named").path == Path("data/named").resolve()
    assert setting("pool_overflow") is None  # of neither: the default holds


def test_a_missing_variable_is_an_error_of_the_key_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names variable, key and line; the pool of the same environment can still be read."""
    write(TWO)
    assert setting("pool_size", env="production") == 5
    for value in (None, ""):
        if value is not None:
            use(monkeypatch, DB_PASSWORD=value)
        with pytest.raises(InvalidInput) as caught:
            lake_place(env="production")
        assert str(caught.value) == (
            "config/environments.yaml, line 16: production.database.password needs the variable DB_PASSWORD, "
            "which is not set. Set it, or remove the key."
        )
    Path(".env").write_text("DB_PASSWORD=of-the-file\n", encoding="utf-8")
    assert ":of-the-file@" in str(lake_place(env="production"))
    with pytest.raises(
        InvalidInput, match=r"line 22: production\.features\.migration_mode needs .* PARALLEL_RUN"
    ):
        parallel_settings(env="production")
    use(monkeypatch, PARALLEL_RUN=PASSWORD)
    with pytest.raises(InvalidInput, match=r"migration_mode: expected true or false\.$"):
        parallel_settings(env="production")


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


def test_command_line_library_and_data_provider_read_the_same_lake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lake_2021: fl.Lake
) -> None:
    """One file chooses the lake of all three, and its features whether the provider uses it."""
    write(TWO.replace("use_database: false", "use_database: true").replace("data/dev", str(lake_2021.path)))
    cap = lake_2021.market_caps("AAPL", "2020-12-31")["market_cap"].item()
    assert fl.open().market_caps("AAPL", "2020-12-31")["market_cap"].item() == cap
    assert run("--json", "caps", "AAPL", "--date", "2020-12-31").json[0]["market_cap"] == cap
    with DataProvider(parallel_settings(cache_dir=CACHE_2021)) as provider:
        caps = provider.calculate_market_caps_batch(["AAPL"], ["2020-12-31"])
        assert [float(value) for value in caps["market_cap"]] == [cap]
        assert (provider.counts.from_lake, provider.counts.from_cache) == (1, 0)
        assert provider.counts.compared == 0
    write(FILE.read_text("utf-8").replace("migration_mode: false", "migration_mode: true"))
    with DataProvider(parallel_settings(cache_dir=CACHE_2021)) as provider:
        provider.calculate_market_caps_batch(["AAPL"], ["2020-12-31"])
        assert (provider.counts.from_lake, provider.counts.compared) == (1, 1)
    write(TWO)  # use_database is off, and its lake does not exist
    with DataProvider(parallel_settings(cache_dir=CACHE_2021)) as provider:
        provider.calculate_market_caps_batch(["AAPL"], ["2020-12-31"])
        assert (provider.counts.from_lake, provider.counts.from_cache) == (0, 1)
    elsewhere = write(TWO.replace("data/dev", str(lake_2021.path)), tmp_path / "own.yaml")
    assert (
        run("caps", "AAPL", "--date", "2020-12-31", "--config", elsewhere, "--env", "development").code == 0
    )
    assert fl.open(config=elsewhere, env="development").path == lake_2021.path


def test_a_missing_variable_ends_a_command_in_one_line() -> None:
    """The exit code is 1, and the line names the variable."""
    write(TWO)
    done = run("--env", "production", "status", code=1)
    assert done.err.count("\n") == 1
    assert "production.database.password needs the variable DB_PASSWORD" in done.err


def test_a_command_that_needs_a_folder_says_where_the_server_s_address_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fetch into the server of an environment names the option that selects a folder."""
    write(TWO)
    use(monkeypatch, DB_PASSWORD=PASSWORD)
    done = run("--env", "production", "fetch", "AAPL", "--dry-run", code=1)
    assert "this needs a folder; add --lake FOLDER. `factorlab-lake config` shows where" in done.err


def rows_of(*arguments: object, code: int = 0) -> dict[str, tuple[Any, str]]:
    """Return what `config` prints, by setting."""
    return {r["setting"]: (r["value"], r["source"]) for r in run("--json", *arguments, code=code).json}


def test_config_shows_each_value_and_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is of an argument, a variable, a line of a file or the default; the strongest one is shown."""
    write(TWO)
    Path(".env").write_text(
        "# mine\nFACTORLAB_POOL_SIZE=3\nFACTORLAB_AVAILABILITY=same_day\n", encoding="utf-8"
    )
    use(monkeypatch, FACTORLAB_CACHE_DIR="old", PARALLEL_RUN="1", DB_PASSWORD=PASSWORD, FMP_API_KEY="k3y")
    rows = rows_of("config", "--env", "production")
    where = "config/environments.yaml, line"
    assert rows["FACTORLAB_ENV"] == ("production", "argument --env")
    assert rows["FACTORLAB_CACHE_DIR"] == ("old", "variable FACTORLAB_CACHE_DIR")
    assert rows["FACTORLAB_POOL_SIZE"] == ("3", ".env, line 2")
    assert rows["FACTORLAB_POOL_OVERFLOW"] == ("10", f"{where} 18: production.database.max_overflow")
    assert rows["FACTORLAB_MIGRATION_MODE"] == ("true", f"{where} 22: production.features.migration_mode")
    assert rows["FACTORLAB_AVAILABILITY"] == (None, "default")  # .env cannot set it
    assert rows["FACTORLAB_RESULT_CACHE_MB"] == ("256", "default")
    assert rows["FMP_API_KEY"] == ("***", "variable FMP_API_KEY")
    shown = "postgresql://reader%40home:***@db.example:5433/factor%20lab"
    assert rows["FACTORLAB_LAKE"] == (shown, f"{where} 11: production.database")
    assert rows["production.database.password"] == ("***", f"{where} 16")
    assert rows["production.database.host"] == ("db.example", f"{where} 12")
    assert rows_of("--lake", "here", "config")["FACTORLAB_LAKE"] == ("here", "argument --lake")
    use(monkeypatch, FACTORLAB_LAKE="postgresql://me:hunter2@host/db")
    assert rows_of("config")["FACTORLAB_LAKE"] == ("postgresql://***", "variable FACTORLAB_LAKE")
    table = run("config").out
    assert "development.database.provider" in table
    assert "hunter2" not in table
    assert "k3y" not in table


def test_config_shows_the_rest_when_a_variable_is_missing() -> None:
    """The key's row has no value; the exit code is 1, and one line says which variable to set."""
    write(TWO)
    done = run("--json", "--env", "production", "config", code=1)
    values = {row["setting"]: row["value"] for row in done.json}
    assert values["production.database.password"] is None
    assert values["production.features.migration_mode"] is None
    assert (values["production.database.port"], values["FACTORLAB_POOL_SIZE"]) == ("5433", "5")
    assert "needs the variable" in done.err


def test_config_hides_an_address_in_the_place_of_a_folder() -> None:
    """An address with a password as `database` is an error, and is not shown."""
    write("p:\n  database:\n    provider: duckdb\n    database: postgresql://me:s3cr3t@host/d\n")
    done = run("config", code=1)
    assert "s3cr3t" not in done.out + done.err
    assert "p.database.database" in done.out


def test_no_password_is_in_a_repr_an_error_or_a_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that cannot be reached is named without the password, whoever opens it."""
    write(TWO.replace("db.example", "127.0.0.1").replace("5433", "1"))
    use(monkeypatch, DB_PASSWORD=PASSWORD, PARALLEL_RUN="0")
    flags = parallel_settings(env="production")
    texts = [repr(flags), str(flags.model_dump()), repr(find("production")), repr(find("production").entries)]  # type: ignore[union-attr]
    with caplog.at_level(logging.DEBUG), pytest.raises(fl.LakeError) as caught:
        fl.open(env="production")
    texts += [str(caught.value), repr(caught.value), caplog.text]
    texts.append(run("--env", "production", "status", code=1).err)
    for text in texts:
        assert "s3cr3t" not in text
