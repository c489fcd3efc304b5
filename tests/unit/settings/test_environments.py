"""Test ``config/environments.yaml``: its keys and references, the choice of an environment, precedence."""

from __future__ import annotations

from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.settings.environment_keys import KEYS, OF_SNOWFLAKE
from factorlab_lake.settings.environments import find, lake_place, setting
from factorlab_lake.settings.models import settings
from tests.unit.cli.running import run
from tests.unit.settings.environment_files import PASSWORD, TWO, use, write

pytestmark = pytest.mark.usefixtures("project")


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
