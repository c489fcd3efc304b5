"""Test that a member of the readers' role can change nothing and block nothing on a server."""

from __future__ import annotations

import lzma
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeLocked
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES, identifier
from factorlab_lake.storage import layout as layouts
from factorlab_lake.sync.postgres import install
from factorlab_lake.sync.postgres.target import open_target
from tests.support import ROOT, copy_of
from tests.unit.sync import postgres_server
from tests.unit.sync.comparing import assert_equal, by_hand
from tests.unit.sync.postgres_server import Server

_RECORDS = ("factorlab_lake_target", "factorlab_lake_ledger", "factorlab_lake_written")
_EVERY_TABLE = (
    "DELETE FROM {0}",
    "TRUNCATE {0}",
    "INSERT INTO {0} SELECT * FROM {0}",
    "MERGE INTO {0} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "COPY {0} FROM STDIN",
    "SELECT FROM {0} FOR UPDATE",
    "SELECT FROM {0} FOR KEY SHARE",
    "LOCK TABLE {0} IN ROW SHARE MODE",
    "LOCK TABLE {0} IN SHARE MODE",
    "LOCK TABLE {0} IN ACCESS EXCLUSIVE MODE",
    "DROP TABLE {0} CASCADE",
    "ALTER TABLE {0} ADD COLUMN more text",
    "ALTER TABLE {0} RENAME TO mine",
    "ALTER TABLE {0} OWNER TO CURRENT_USER",
    "ALTER TABLE {0} SET SCHEMA pg_temp",
    "ALTER TABLE {0} DISABLE TRIGGER ALL",
    "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY",
    "CREATE TRIGGER mine AFTER INSERT ON {0} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON INSERT TO {0} DO INSTEAD NOTHING",
    "CREATE POLICY mine ON {0} USING (false)",
    "CREATE INDEX ON {0} ((1))",
    "CREATE STATISTICS mine ON tableoid, ctid FROM {0}",
    "COMMENT ON TABLE {0} IS 'mine'",
    "CREATE TEMP TABLE child () INHERITS ({0})",
    "CREATE TABLE mine () INHERITS ({0})",
    "GRANT ALL ON {0} TO PUBLIC",
)
# Each is refused, whatever the reason: a right, the server's rules, or its configuration.
_REFUSED = (
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION public.market_caps(text, date) RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION pg_catalog.market_caps(text[], date[]) RETURNS int LANGUAGE sql RETURN 1",
    "CREATE OPERATOR public.+ (FUNCTION = float8mi, LEFTARG = float8, RIGHTARG = float8)",
    "CREATE OPERATOR pg_catalog.+ (FUNCTION = float8mi, LEFTARG = float8, RIGHTARG = text)",
    "CREATE CAST (text AS date) WITH INOUT AS IMPLICIT",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE TABLE public.mine (x int)",
    "CREATE TYPE public.mine AS (x int)",
    "CREATE DOMAIN public.text AS pg_catalog.text",
    "CREATE SEQUENCE public.mine",
    "CREATE COLLATION public.\"C\" (LOCALE = 'POSIX')",
    "CREATE OR REPLACE VIEW public.multi_class_symbols AS SELECT 1",
    "DROP VIEW public.multi_class_symbols CASCADE",
    "INSERT INTO public.multi_class_symbols DEFAULT VALUES",
    "DROP FUNCTION public.lake_functions_digest()",
    "ALTER FUNCTION public.lake_functions_digest() SECURITY DEFINER",
    "ALTER FUNCTION public.lake_functions_digest() SET search_path = pg_temp",
    "CREATE OR REPLACE FUNCTION public.lake_functions_digest() RETURNS text LANGUAGE sql RETURN 'mine'",
    "COMMENT ON FUNCTION public.lake_functions_digest() IS 'mine'",
    "ALTER ROUTINE public.lake_functions_digest() OWNER TO CURRENT_USER",
    "SELECT public.factorlab_lake_wrote()",
    (
        "CREATE TEMP TABLE bait (x int); "
        "CREATE TRIGGER t AFTER INSERT ON bait EXECUTE FUNCTION factorlab_lake_wrote()"
    ),
    "CREATE SCHEMA mine",
    "DROP SCHEMA public CASCADE",
    "ALTER SCHEMA public RENAME TO mine",
    "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION factorlab_lake_wrote()",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION file_fdw",
    "CREATE FOREIGN DATA WRAPPER mine",
    "CREATE PUBLICATION mine FOR ALL TABLES",
    "CREATE SUBSCRIPTION mine CONNECTION '' PUBLICATION mine WITH (connect = false)",
    "CREATE LANGUAGE plperlu",
    "CREATE FUNCTION pg_temp.system(text) RETURNS int LANGUAGE c AS 'libc.so.6', 'system'",
    "CREATE ROLE mine SUPERUSER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEROLE",
    "ALTER ROLE {owner} SET search_path = pg_temp",
    "ALTER ROLE factorlab_reader SET search_path = pg_temp",
    "ALTER ROLE {owner} PASSWORD 'mine'",
    "GRANT factorlab_writer TO CURRENT_USER",
    "GRANT pg_write_all_data TO CURRENT_USER",
    "SET ROLE {owner}",
    "SET ROLE factorlab_writer",
    "SET SESSION AUTHORIZATION {owner}",
    "SET session_replication_role = replica",
    "SET allow_system_table_mods = on",
    "SET lo_compat_privileges = on",
    "ALTER SYSTEM SET search_path = pg_temp",
    "ALTER DATABASE {database} SET search_path = pg_temp",
    "ALTER DATABASE {database} OWNER TO CURRENT_USER",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO PUBLIC",
    "REASSIGN OWNED BY {owner} TO CURRENT_USER",
    "DROP OWNED BY {owner}",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/factorlab-attack'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(lo_create(0), '/tmp/factorlab-attack')",
    "SELECT pg_terminate_backend({backend})",
    "SELECT pg_cancel_backend({backend})",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_physical_replication_slot('mine')",
    "SELECT rolpassword FROM pg_authid",
    "UPDATE pg_catalog.pg_proc SET prosecdef = true",
    "DELETE FROM pg_catalog.pg_class",
    "SECURITY LABEL ON SCHEMA public IS 'mine'",
    "PREPARE TRANSACTION 'mine'",
    "DO $do$ BEGIN EXECUTE 'UPDATE splits SET numerator = 1'; END $do$",
    "WITH gone AS (DELETE FROM splits RETURNING 1) SELECT * FROM gone",
    "SELECT query_to_xml('DELETE FROM splits', true, true, '')",
    "CREATE TEMP VIEW v AS SELECT * FROM splits; DELETE FROM v",
    (
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS "
        "'DELETE FROM splits RETURNING 1'; SELECT pg_temp.f()"
    ),
)
# The server permits these to every user. They must change no row of another session, and block no sync.
_PERMITTED = (
    "SET search_path = pg_temp, pg_catalog, public",
    "SET factorlab.availability_lag_days = '0'",
    "SET row_security = off",
    "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET extra_float_digits = -15",
    "CREATE TEMP TABLE price_data AS SELECT * FROM public.price_data LIMIT 0",
    "CREATE TEMP TABLE factorlab_lake_written (table_name text, writes bigint, verified bigint)",
    "CREATE TEMP TABLE factorlab_lake_target AS SELECT 9 AS availability_lag_days",
    "CREATE TEMP VIEW multi_class_symbols AS SELECT 1 AS x",
    "CREATE FUNCTION pg_temp.market_caps(text[], date[]) RETURNS int LANGUAGE sql RETURN 1",
    "CREATE OPERATOR pg_temp.+ (FUNCTION = float8mi, LEFTARG = float8, RIGHTARG = float8)",
    "CREATE TYPE pg_temp.date AS (x int)",
    "ALTER ROLE CURRENT_USER SET search_path = pg_temp, public",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    "SELECT lo_create(0)",
    "LISTEN factorlab; NOTIFY factorlab",
    "GRANT SELECT ON splits TO PUBLIC",  # a warning: the reader has no right to pass on
    "ANALYZE splits",  # a warning of the same kind
    "SELECT pg_advisory_lock(hashtextextended('factorlab:schema', 0))",
    (
        "SELECT pg_advisory_lock(hashtextextended('factorlab:{lake}:' || t, 0)) "
        "FROM unnest(ARRAY[{tables}]) AS t"
    ),
    "BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM price_data",
    "BEGIN; LOCK TABLE price_data IN ACCESS SHARE MODE",
    "SELECT 1; DECLARE open CURSOR WITH HOLD FOR SELECT * FROM splits",
)
_STATE = """
SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
    SELECT concat_ws(' ', 'p', p.oid, proowner, prosrc, prosecdef, proconfig, proacl) AS line
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE NOT starts_with(nspname, 'pg_temp')
    UNION ALL SELECT concat_ws(' ', 'c', oid, relname, relowner, relacl, relrowsecurity, relhasrules)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 't', oid, tgrelid, tgname, tgenabled) FROM pg_trigger
    UNION ALL SELECT concat_ws(' ', 'r', rolname, rolsuper, rolcreaterole, rolpassword) FROM pg_authid
    UNION ALL SELECT concat_ws(' ', 'm', roleid, member) FROM pg_auth_members
    UNION ALL SELECT concat_ws(' ', 'n', nspname, nspowner, nspacl) FROM pg_namespace
    WHERE NOT starts_with(nspname, 'pg_t')
    UNION ALL SELECT concat_ws(' ', 'x', extname) FROM pg_extension
    UNION ALL SELECT concat_ws(' ', 'd', setdatabase, setconfig)
    FROM pg_db_role_setting WHERE setrole = 0
) AS state
"""


@dataclass(frozen=True, slots=True)
class _Place:
    lake: Lake
    owner: str
    reader: str

    def fill(self, statement: str, backend: int = 0) -> bytes:
        """Return a statement with the names of this server."""
        names = ", ".join(f"'{name}'" for name in TABLES)
        lake = layouts.find(self.lake.path).lake_id
        owner = self.owner.partition("//")[2].partition(":")[0]
        places = {"owner": owner, "database": self.owner.rpartition("/")[2], "lake": lake, "tables": names}
        for name, value in {**places, "backend": str(backend)}.items():
            statement = statement.replace(f"{{{name}}}", value)
        return statement.encode()


def _unpacked(release: str, folder: Path) -> Lake:
    zipfile.ZipFile(ROOT / "tests" / "compat" / f"lake_{release}.zip").extractall(folder / "lake")
    return fl.open(folder / "lake")


@pytest.fixture(scope="module", params=["new", "0_1", "0_2"])
def place(
    request: pytest.FixtureRequest, few: Lake, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Place]:
    """Yield a target that this program made, or one of a release after an upgrade, with a reader."""
    folder, release = tmp_path_factory.mktemp("attacked"), request.param
    lake = copy_of(few, folder / "lake") if release == "new" else _unpacked(release, folder)
    with postgres.database() as url:
        if release != "new":
            dump = ROOT / "tests" / "compat" / f"server_{release}.sql.xz"
            by_hand(url, lzma.decompress(dump.read_bytes()).decode())
        lake.sync(url)
        by_hand(url, install.roles())
        name = f"{url.rpartition('/')[2]}_a"
        by_hand(url, f"CREATE ROLE {name} LOGIN PASSWORD 'r' IN ROLE factorlab_reader")
        yield _Place(lake, url, f"postgresql://{name}:r@{url.rpartition('@')[2]}")
        by_hand(url, f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_reader_writes_and_escalates_nothing(place: _Place) -> None:
    """Every attempt to write, to lock or to gain rights is refused, and nothing is different afterwards."""
    before, succeeded = by_hand(place.owner, _STATE), []
    tables = [identifier(name) for name in (*TABLES, *_RECORDS)]
    attempts = [*_REFUSED, *(text.format(name) for text in _EVERY_TABLE for name in tables)]
    with psycopg.connect(place.owner) as other, psycopg.connect(place.reader) as con:
        for attempt in attempts:
            warned: list[Any] = []  # a GRANT without the right to it ends with a warning
            con.add_notice_handler(warned.append)
            with suppress(psycopg.Error):
                con.execute(place.fill(attempt, other.info.backend_pid))
                succeeded += [] if warned else [attempt]
            con.remove_notice_handler(warned.append)
            con.rollback()
    assert succeeded == []
    assert by_hand(place.owner, _STATE) == before
    assert_equal(place.lake, place.owner)


def test_a_reader_blocks_no_sync_and_changes_no_answer(place: _Place) -> None:
    """While a reader holds all that the server permits, a sync sends a change and answers stay the same."""
    held = [psycopg.connect(place.reader, autocommit=True) for _ in _PERMITTED]
    try:
        for con, statement in zip(held, _PERMITTED, strict=True):
            con.execute(place.fill(statement))
        symbols = place.lake.sql("SELECT DISTINCT symbol FROM price_data")["symbol"].to_list()
        split = {"symbol": symbols[:1], "date": ["2019-06-03"], "numerator": [2.0], "denominator": [1.0]}
        place.lake.load("splits", split)
        assert place.lake.sync(f"{place.owner}?options=-clock_timeout%3D5000").clean
        expected = place.lake.market_caps(symbols, start="2018-01-01", end="2019-12-31")
        with fl.open(place.reader) as shared:
            shown = shared.market_caps(symbols, start="2018-01-01", end="2019-12-31")
        assert shown.select("symbol", "date").equals(expected.select("symbol", "date"))
        assert shown["reason"].equals(expected["reason"])
        assert_equal(place.lake, place.owner)
    finally:
        for con in held:
            con.close()


def test_an_upgrade_does_not_wait_for_ever_for_a_reader(small: Lake, database: str) -> None:
    """A reader's open transaction ends an upgrade with LakeLocked: waiting, it would block all readers."""
    small.sync(database)
    by_hand(database, "ALTER TABLE splits DROP COLUMN label CASCADE")
    with psycopg.connect(database) as con:
        con.execute("SELECT count(*) FROM splits")
        with (
            pytest.raises(LakeLocked, match="pg_stat_activity"),
            open_target(database, timeout_s=0.1) as target,
        ):
            target.prepare(layouts.find(small.path).lake_id, lambda _spec, _columns: [])
    assert small.sync(database).clean


def test_a_sync_writes_no_warnings_to_the_log_of_the_server(
    small: Lake, postgres: Server, database: str
) -> None:
    """A driver that begins each transaction twice filled the log."""
    if postgres.folder is None:
        pytest.skip("NOT TESTED: the log of a server that the tests did not start")
    size = len(_log(postgres))
    small.sync(database)
    small.rollback(0)
    small.sync(database, verify_deep=True)
    assert "already a transaction" not in _log(postgres)[size:]


def _log(server: Server) -> str:
    assert server.folder is not None
    return (server.folder / "log").read_text()


def test_a_standby_is_named_as_such(small: Lake) -> None:
    """A sync to a standby names the primary as the place to sync to; syncing again would not help."""
    folder = Path(tempfile.mkdtemp(prefix="factorlab-standby-"))
    try:
        postgres_server._init(folder)
        port = postgres_server._free_port()
        postgres_server._start(folder, port)  # a standby needs the limits with which its primary ran
        postgres_server._pg_ctl(folder, "stop", "-m", "fast")
        (folder / "data" / "standby.signal").touch()
        postgres_server._start(folder, port)
        try:
            with pytest.raises(InvalidInput, match="is a standby server, which only reads"):
                small.sync(Server(port, folder=folder).url())
        finally:
            postgres_server._pg_ctl(folder, "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
