"""Lock, compress and measure the tables that TimescaleDB stores as hypertables.

TimescaleDB recompresses a chunk by TRUNCATE, which ignores snapshots: a transaction with an older snapshot
that reads the chunk afterwards misses its rows. A ROW SHARE lock prevents it; the ACCESS SHARE lock of a
reader does not. The lock must come before the snapshot, which the first query of a transaction takes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from importlib.resources import files

import polars as pl
import psycopg

from factorlab_lake.errors import PostCommitWarning
from factorlab_lake.schema import TABLES, identifier, identifiers
from factorlab_lake.sync.postgres.connection import Connection

__all__ = ["compress", "hypertables", "lock_statement", "with_chunks"]

_PRESENT = "SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL AS present"
_NAMES = """
SELECT hypertable_name::text FROM timescaledb_information.hypertables
WHERE hypertable_schema = current_schema() AND hypertable_name = ANY (%s)
"""
_EXTENSION = """
SELECT n.nspname::text AS name FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'timescaledb'
"""
# Only members of its owner may run a job.
_JOB = """
SELECT j.job_id FROM timescaledb_information.jobs j
WHERE j.proc_name = 'policy_compression' AND pg_has_role(j.owner, 'USAGE')
  AND j.hypertable_schema = current_schema() AND j.hypertable_name = %s
"""


def hypertables(con: Connection) -> frozenset[str]:
    """Return the tables of the lake that are hypertables; none on a server without the extension."""
    if con.execute(_PRESENT).fetchone() != (True,):
        return frozenset()
    return frozenset(str(name) for (name,) in con.execute(_NAMES, [list(TABLES)]).fetchall())


def lock_statement(names: Iterable[str]) -> str:
    """Return the statement that prevents recompression until the transaction ends.

    >>> lock_statement(["price_data"])
    'LOCK TABLE "price_data" IN ROW SHARE MODE'
    """
    return f"LOCK TABLE {identifiers(sorted(names))} IN ROW SHARE MODE"


def compress(con: Connection, name: str, *, target: str, timeout_s: float) -> None:
    """Run the compression policy of a hypertable now; do nothing if there is none, or another user's.

    A new policy runs once on the empty table and then every twelve hours, which is late for a first load.
    The rows are complete without compression, so a failure is a :class:`PostCommitWarning`. A wait for the
    open transaction of a reader fails after ``timeout_s``.
    """
    job, extension = con.execute(_JOB, [name]).fetchone(), con.execute(_EXTENSION).fetchone()
    if job is None or extension is None:
        return
    try:
        # The procedure commits after each chunk, so the setting is that of the session.
        con.execute("SELECT set_config('lock_timeout', %s, false)", [str(round(timeout_s * 1000) or 1)])
        con.execute(f"CALL {identifier(str(extension[0]))}.run_job({job[0]})".encode())
        con.execute("RESET lock_timeout")
    except psycopg.Error as error:
        message = " ".join(str(error).split()).rstrip(".")
        warnings.warn(
            f"{target}: all rows were sent, but compressing {name} failed: {message}. TimescaleDB tries "
            "again by its policy; `factorlab-lake status` with this address shows the policy's last run.",
            PostCommitWarning,
            stacklevel=2,
        )


def with_chunks(sizes: pl.DataFrame, ask: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Return the sizes of tables with those of all chunks, and the state of the compression.

    On a server without hypertables nothing is added.
    """
    if not ask(_PRESENT)["present"].item():
        return sizes
    text = files(__package__).joinpath("sql", "chunks.sql").read_text(encoding="utf-8")
    chunks = ask(text.replace("{{extension}}", identifier(ask(_EXTENSION)["name"].item()), 2))
    if chunks.is_empty():
        return sizes
    measured = sizes.join(chunks, on="table", how="left", maintain_order="left")
    return measured.with_columns(pl.coalesce("all_bytes", "size_bytes").alias("size_bytes")).drop("all_bytes")
