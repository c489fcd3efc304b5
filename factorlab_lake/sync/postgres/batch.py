"""Write one batch of a table in one transaction, together with its ledger line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from factorlab_lake.errors import LakeLocked
from factorlab_lake.schema import TableSpec, identifier, identifiers
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.postgres.keys import build_key
from factorlab_lake.sync.postgres.transfer import batch_condition, fetch_rows, scalar, send
from factorlab_lake.sync.protocol import ROW_HASH, Batch, Recorded
from factorlab_lake.sync.row_hash import hashed

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["PostgresBatch", "lock", "lock_timeout"]

_STAGE = "factorlab_lake_stage"
_OBSOLETE = "factorlab_lake_obsolete"
_JSONB = "\x01"  # the version byte before the text in the binary form of jsonb
_LEDGER = """
INSERT INTO factorlab_lake_ledger
  (table_name, batch, snapshot, row_count, latest, row_hashes, rows_sent, rows_removed, snapshot_digest)
VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8, $9)
ON CONFLICT (table_name, batch, snapshot) DO UPDATE SET
  row_count = excluded.row_count, latest = excluded.latest, row_hashes = excluded.row_hashes,
  rows_sent = excluded.rows_sent, rows_removed = excluded.rows_removed,
  snapshot_digest = excluded.snapshot_digest, recorded_at = now()
"""
_UNTOUCHED = "SELECT writes = verified FROM factorlab_lake_written WHERE table_name = $1"
_VERIFIED = "UPDATE factorlab_lake_written SET verified = writes WHERE table_name = $1"
_DELETE_NEWER = "DELETE FROM factorlab_lake_ledger WHERE table_name = $1 AND batch = $2 AND snapshot > $3"
# The lock of a table is its row here: a reader may take any advisory lock, but no row lock.
_LOCK = "SELECT true FROM factorlab_lake_written WHERE table_name = $1 FOR UPDATE SKIP LOCKED"
_LOCK_OWNER = """
SELECT coalesce(nullif(a.application_name, ''), 'another program') || coalesce(' as ' || a.usename, '')
       || coalesce(' from ' || host(a.client_addr), '')
FROM factorlab_lake_written AS w
JOIN pg_locks AS l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = w.xmax
JOIN pg_stat_activity AS a USING (pid)
WHERE w.table_name = $1
"""


def lock_timeout(timeout_s: float) -> str:
    """Return the statement that limits each wait for a lock until the transaction ends.

    A reader's open transaction blocks an upgrade; waiting, the upgrade blocks every other reader.

    >>> lock_timeout(60)
    'SET LOCAL lock_timeout = 60000'
    """
    return f"SET LOCAL lock_timeout = {round(timeout_s * 1000) or 1}"  # 0 would be no limit


def lock(
    cursor: Cursor, name: str, *, target: str, timeout_s: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Take the lock of a table, which ends with the transaction.

    Everything that writes to the table waits for it, because its trigger updates the same row. Raises
    :class:`LakeLocked`, which names the other program, after ``timeout_s``.
    """
    end = time.monotonic() + timeout_s
    while not scalar(cursor, _LOCK, name):
        if time.monotonic() > end:
            owner = scalar(cursor, _LOCK_OWNER, name) or "another program"
            raise LakeLocked(
                f"{owner} has been syncing to {target} for more than {timeout_s:g} s; wait for it to end and "
                "sync again.",
                target=target,
            )
        sleep(0.05)


@dataclass(slots=True)
class PostgresBatch:
    """Writes one batch; see :class:`~factorlab_lake.sync.protocol.BatchTransaction`.

    ``untouched`` is true while the whole table is known to be as verified: nothing else wrote to it since,
    and what this batch sent was read back.
    """

    cursor: Cursor
    batch: Batch
    recorded: Recorded | None
    target: str
    occupied: Callable[[], frozenset[str]]
    untouched: bool = False

    def begin(self) -> None:
        """Read whether the table is as verified; its lock blocks the writes of others."""
        self.untouched = bool(scalar(self.cursor, _UNTOUCHED, self.batch.spec.name))

    def fresh(self, snapshot: int) -> bool:
        """Return whether rows of this snapshot can be copied: the table has none of their keys.

        If the partition does not follow from the key, a row may have moved here from a batch of an earlier
        snapshot, which still has it.
        """
        spec = self.batch.spec
        if self.recorded is not None or self.batch.name in self.occupied():
            return False
        if not spec.partition_by or spec.column(spec.partition_by).role == "derived":
            return True
        others = "SELECT EXISTS (SELECT FROM factorlab_lake_ledger WHERE table_name = $1 AND snapshot <> $2)"
        return not scalar(self.cursor, others, spec.name, snapshot)

    def keys(self, *, from_values: bool = False) -> pl.DataFrame:
        """Return key and hash of every row: as stored, or recomputed from the values."""
        spec = self.batch.spec
        columns = spec.names() if from_values else list(spec.key)
        parts = []
        for rows in fetch_rows(self.cursor, self.batch, [*columns, ROW_HASH]):
            rehashed = hashed(rows.drop(ROW_HASH), spec) if from_values else rows
            # NULL stays NULL: another program changed the row, so it counts as changed whatever its values.
            row_hash = pl.when(rows[ROW_HASH].is_not_null()).then(rehashed[ROW_HASH]).alias(ROW_HASH)
            parts.append(rehashed.with_columns(row_hash).select(*spec.key, ROW_HASH))
        schema = polars_schema(spec)
        empty = pl.DataFrame(schema={**{name: schema[name] for name in spec.key}, ROW_HASH: pl.Int64})
        return pl.concat([empty, *parts])

    def copy(self, rows: Iterator[pl.DataFrame]) -> None:
        """Append rows to a batch that has none."""
        self.untouched = False  # reading them back costs as much as the verification that follows
        send(self.cursor, self.batch.spec.name, (_encoded(part, self.batch.spec) for part in rows))

    def upsert(self, rows: Iterator[pl.DataFrame]) -> None:
        """Insert rows; a row with an existing key replaces that row."""
        spec, names = self.batch.spec, [*self.batch.spec.names(), ROW_HASH]
        if not self._stage(_STAGE, (_encoded(part, spec) for part in rows), identifiers(names)):
            return
        build_key(self.cursor, spec, target=self.target)
        key = identifiers(spec.key)
        changed = ", ".join(f"{identifier(n)} = excluded.{identifier(n)}" for n in names if n not in spec.key)
        self._run(
            f"INSERT INTO {self._table} ({identifiers(names)}) SELECT {identifiers(names)} FROM {_STAGE} "
            f"ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET {changed}"
        )
        stored = f"SELECT {identifiers(spec.key, 't.')}, t.{ROW_HASH} FROM {_STAGE} JOIN {self._table} AS t"
        missing = f"SELECT {key}, {ROW_HASH} FROM {_STAGE} EXCEPT {stored} USING ({key})"
        missing = f"SELECT count(*) FROM ({missing}) AS missing"
        self.untouched = self.untouched and not scalar(self.cursor, missing)

    def remove(self, keys: pl.DataFrame) -> None:
        """Delete the rows of this batch that have these keys."""
        names = list(self.batch.spec.key)
        if keys.is_empty() or not self._stage(_OBSOLETE, iter([keys.select(names)]), identifiers(names)):
            return
        same = " AND ".join(f"t.{identifier(n)} = g.{identifier(n)}" for n in names)
        condition = f"{same} AND {batch_condition(self.batch)}"
        self._run(f"DELETE FROM {self._table} AS t USING {_OBSOLETE} AS g WHERE {condition}")
        self._run(f"DROP TABLE {_OBSOLETE}")

    def record(self, line: Recorded, sent: int, removed: int) -> None:
        """Write the ledger line; it becomes visible together with the rows."""
        place, digest = (self.batch.spec.name, self.batch.name, line.snapshot), line.digest
        # A repair after a restored backup: lines of later snapshots describe a lake that no longer exists.
        self.cursor.execute(_DELETE_NEWER, place)
        figures = (digest.rows, digest.latest, str(digest.row_hashes), sent, removed, line.snapshot_digest)
        self.cursor.execute(_LEDGER, (*place, *figures))
        if self.untouched:
            self.cursor.execute(_VERIFIED, (self.batch.spec.name,))

    @property
    def _table(self) -> str:
        return identifier(self.batch.spec.name)

    def _stage(self, name: str, rows: Iterator[pl.DataFrame], columns: str) -> bool:
        """Copy rows to a temporary table of this transaction; return whether there were any."""
        first = next(rows, None)
        if first is None:
            return False
        self._run(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {columns} FROM {self._table} LIMIT 0")
        send(self.cursor, name, chain([first], rows), temporary=True)
        return True

    def _run(self, statement: str) -> None:
        self.cursor.execute(statement)


def _encoded(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return rows in exactly the types of the target's columns, because COPY does not convert their bytes."""
    schema = polars_schema(spec)
    columns = [
        (pl.lit(_JSONB) + pl.col(c.name)).alias(c.name)
        if c.kind == "json"
        else pl.col(c.name).cast(schema[c.name])
        for c in spec.columns
    ]
    return rows.select(*columns, pl.col(ROW_HASH).cast(pl.Int64))
