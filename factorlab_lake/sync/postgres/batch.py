"""One batch of a table inside one transaction: rows go as binary COPY, and the ledger's line with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from factorlab_lake.errors import LakeLocked
from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.postgres.keys import build_key
from factorlab_lake.sync.postgres.rows import fetched, scalar, where
from factorlab_lake.sync.postgres.sql_quoting import identifier, identifiers
from factorlab_lake.sync.postgres.stream import send
from factorlab_lake.sync.protocol import ROW_HASH, Batch, Digest, Recorded
from factorlab_lake.sync.row_hash import hashed

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["PostgresBatch", "lock"]

_STAGE = "factorlab_lake_stage"
_GONE = "factorlab_lake_gone"
_JSONB = "\x01"  # the version that the binary form of jsonb begins with
_LEDGER = """
INSERT INTO factorlab_lake_ledger
  (table_name, batch, snapshot, row_count, latest, row_hashes, rows_sent, rows_removed)
VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8)
ON CONFLICT (table_name, batch, snapshot) DO UPDATE SET
  row_count = excluded.row_count, latest = excluded.latest, row_hashes = excluded.row_hashes,
  rows_sent = excluded.rows_sent, rows_removed = excluded.rows_removed, recorded_at = now()
"""
# Taking the line keeps the writes of others out until the transaction ends.
_UNTOUCHED = "SELECT writes = verified FROM factorlab_lake_written WHERE table_name = $1 FOR UPDATE"
_VERIFIED = "UPDATE factorlab_lake_written SET verified = writes WHERE table_name = $1"
_FORGET = "DELETE FROM factorlab_lake_ledger WHERE table_name = $1 AND batch = $2 AND snapshot > $3"
_WHO = """
SELECT a.application_name || coalesce(' as ' || a.usename, '')
       || coalesce(' from ' || host(a.client_addr), '')
FROM pg_locks l JOIN pg_stat_activity a USING (pid), (SELECT hashtextextended($1, 0) AS key)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.classid::bigint = (key >> 32) & 4294967295 AND l.objid::bigint = key & 4294967295
"""


def lock(
    cursor: Cursor, name: str, *, target: str, timeout_s: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Take a lock that ends with the transaction; :class:`LakeLocked` says who holds it for too long."""
    end = time.monotonic() + timeout_s
    while not scalar(cursor, "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", name):
        if time.monotonic() > end:
            who = scalar(cursor, _WHO, name) or "somebody"
            raise LakeLocked(
                f"{who} has been syncing to {target} for more than {timeout_s:g} s; wait for it to end and "
                "sync again.",
                target=target,
            )
        sleep(0.05)


@dataclass(slots=True)
class PostgresBatch:
    """See :class:`~factorlab_lake.sync.protocol.BatchTransaction`."""

    cursor: Cursor
    batch: Batch
    recorded: Recorded | None
    target: str
    occupied: Callable[[], frozenset[str]]
    untouched: bool = False
    """Whether the table was as verified before this; it still is if what is sent is found when read back."""

    def begin(self) -> None:
        """Note whether others wrote to the table since all of it was verified, and keep them out."""
        self.untouched = bool(scalar(self.cursor, _UNTOUCHED, self.batch.spec.name))

    def fresh(self, snapshot: int) -> bool:
        """Whether rows of this snapshot can be copied straight in: none of their keys can be there.

        Where the partition does not follow from the key, a row can have moved here from another one that was
        loaded from an earlier snapshot.
        """
        spec = self.batch.spec
        if self.recorded is not None or self.batch.name in self.occupied():
            return False
        if not spec.partition_by or spec.column(spec.partition_by).role == "derived":
            return True
        others = "SELECT EXISTS (SELECT FROM factorlab_lake_ledger WHERE table_name = $1 AND snapshot <> $2)"
        return not scalar(self.cursor, others, spec.name, snapshot)

    def keys(self, *, from_values: bool = False) -> pl.DataFrame:
        """Return key and digest of every row: as stored, or recomputed from the values."""
        spec = self.batch.spec
        columns = spec.names() if from_values else list(spec.key)
        parts = []
        for rows in fetched(self.cursor, self.batch, [*columns, ROW_HASH]):
            made = hashed(rows.drop(ROW_HASH), spec) if from_values else rows
            # A digest that was lost makes a row count as changed, whatever its values.
            digest = pl.when(rows[ROW_HASH].is_not_null()).then(made[ROW_HASH]).alias(ROW_HASH)
            parts.append(made.with_columns(digest).select(*spec.key, ROW_HASH))
        schema = polars_schema(spec)
        empty = pl.DataFrame(schema={**{name: schema[name] for name in spec.key}, ROW_HASH: pl.Int64})
        return pl.concat([empty, *parts])

    def copy(self, rows: Iterator[pl.DataFrame]) -> None:
        """Send rows into a batch that has none."""
        self.untouched = False  # to read them back is to read the table, which the verification does
        send(self.cursor, self.batch.spec.name, (_as_sent(part, self.batch.spec) for part in rows))

    def upsert(self, rows: Iterator[pl.DataFrame]) -> None:
        """Send rows that are new or take the place of rows with the same key."""
        spec, names = self.batch.spec, [*self.batch.spec.names(), ROW_HASH]
        if not self._stage(_STAGE, (_as_sent(part, spec) for part in rows), identifiers(names)):
            return
        build_key(self.cursor, spec, target=self.target)
        key = identifiers(spec.key)
        changed = ", ".join(f"{identifier(n)} = excluded.{identifier(n)}" for n in names if n not in spec.key)
        self._run(
            f"INSERT INTO {self._table} ({identifiers(names)}) SELECT {identifiers(names)} FROM {_STAGE} "
            f"ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET {changed}"
        )
        there = f"SELECT {identifiers(spec.key, 't.')}, t.{ROW_HASH} FROM {_STAGE} JOIN {self._table} AS t"
        missing = f"SELECT {key}, {ROW_HASH} FROM {_STAGE} EXCEPT {there} USING ({key})"
        missing = f"SELECT count(*) FROM ({missing}) AS lost"
        self.untouched = self.untouched and not scalar(self.cursor, missing)

    def remove(self, keys: pl.DataFrame) -> None:
        """Take away the rows of these keys, as far as they are in this batch."""
        names = list(self.batch.spec.key)
        if keys.is_empty() or not self._stage(_GONE, iter([keys.select(names)]), identifiers(names)):
            return
        same = " AND ".join(f"t.{identifier(n)} = g.{identifier(n)}" for n in names)
        self._run(f"DELETE FROM {self._table} AS t USING {_GONE} AS g WHERE {same} AND {where(self.batch)}")
        self._run(f"DROP TABLE {_GONE}")

    def record(self, snapshot: int, digest: Digest, sent: int, removed: int) -> None:
        """Write the ledger; what was sent and this become visible together."""
        place = (self.batch.spec.name, self.batch.name, snapshot)
        # Lines of later snapshots are of a lake that is no more; see the repair after a restored backup.
        self.cursor.execute(_FORGET, place)
        figures = (digest.rows, digest.latest, str(digest.row_hashes), sent, removed)
        self.cursor.execute(_LEDGER, (*place, *figures))
        if self.untouched:
            self.cursor.execute(_VERIFIED, (self.batch.spec.name,))

    @property
    def _table(self) -> str:
        return identifier(self.batch.spec.name)

    def _stage(self, name: str, rows: Iterator[pl.DataFrame], columns: str) -> bool:
        """Bring rows into a table of this transaction's own; say whether there were any."""
        first = next(rows, None)
        if first is None:
            return False
        self._run(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {columns} FROM {self._table} LIMIT 0")
        send(self.cursor, name, chain([first], rows), temporary=True)
        return True

    def _run(self, statement: str) -> None:
        self.cursor.execute(statement)


def _as_sent(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return rows in exactly the types of the target's columns, since their bytes are taken as they are."""
    schema = polars_schema(spec)
    columns = [
        (pl.lit(_JSONB) + pl.col(c.name)).alias(c.name)
        if c.kind == "json"
        else pl.col(c.name).cast(schema[c.name])
        for c in spec.columns
    ]
    return rows.select(*columns, pl.col(ROW_HASH).cast(pl.Int64))
