"""Write one batch of a table in one transaction, together with its ledger line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.protocol import ROW_HASH, Batch, Recorded
from factorlab_lake.sync.row_hash import hashed
from factorlab_lake.sync.snowflake.connection import Connection
from factorlab_lake.sync.snowflake.ddl import VALUE_HASH, column_name, names, stage, stored, value_hash
from factorlab_lake.sync.snowflake.transfer import batch_condition, fetch_rows, send

__all__ = ["SnowflakeBatch"]

# The newest line of a batch is the last written one. After a repair it can be of an earlier snapshot.
_RECORD = """
INSERT INTO factorlab_lake_ledger (line, table_name, batch, snapshot, snapshot_digest, row_count, latest,
                                   row_hashes, rows_sent, rows_removed, recorded_at)
SELECT COALESCE(MAX(line), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, CURRENT_TIMESTAMP() FROM factorlab_lake_ledger
"""
_OTHERS = "SELECT COUNT(*) FROM factorlab_lake_ledger WHERE table_name = ? AND snapshot <> ?"


@dataclass(slots=True)
class SnowflakeBatch:
    """Writes one batch; see :class:`~factorlab_lake.sync.protocol.BatchTransaction`."""

    con: Connection
    batch: Batch
    recorded: Recorded | None
    occupied: Callable[[], frozenset[str]]

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
        return not self.con.scalar(_OTHERS, [spec.name, snapshot])

    def keys(self, *, from_values: bool = False) -> pl.DataFrame:
        """Return key and hash of every row: as stored, or recomputed from the values.

        The hash is NULL where another program changed the row or doubled its key, so the row counts as
        changed whatever its values.
        """
        spec = self.batch.spec
        columns = spec.names() if from_values else list(spec.key)
        schema = polars_schema(spec)
        parts = [pl.DataFrame(schema={**{name: schema[name] for name in spec.key}, ROW_HASH: pl.Int64()})]
        for rows in fetch_rows(self.con, self.batch, [*columns, ROW_HASH]):
            rehashed = hashed(rows.drop(ROW_HASH), spec) if from_values else rows
            row_hash = pl.when(rows[ROW_HASH].is_not_null()).then(rehashed[ROW_HASH]).alias(ROW_HASH)
            parts.append(rehashed.with_columns(row_hash).select(*spec.key, ROW_HASH))
        return pl.concat(parts)

    def copy(self, rows: Iterator[pl.DataFrame]) -> None:
        """Append rows to a batch that has none."""
        spec = self.batch.spec
        if send(self.con, spec, rows):
            self.con.run(f"INSERT INTO {self._table} ({_written(spec)}) {_of_files(spec)}")
            self._empty_stage()

    def upsert(self, rows: Iterator[pl.DataFrame]) -> None:
        """Insert rows; a row with an existing key replaces that row.

        Keys are not enforced, so the source of the MERGE has one row for each key, whatever the files have.
        """
        spec = self.batch.spec
        if not send(self.con, spec, rows):
            return
        key = names(spec.key)
        source = f"{_of_files(spec)} QUALIFY ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {ROW_HASH}) = 1"
        columns = [*spec.names(), ROW_HASH, VALUE_HASH]
        changed = ", ".join(f"{column_name(n)} = s.{column_name(n)}" for n in columns if n not in spec.key)
        self.con.run(
            f"MERGE INTO {self._table} AS t USING ({source}) AS s ON {_same_key(spec, 's')} "
            f"WHEN MATCHED THEN UPDATE SET {changed} "
            f"WHEN NOT MATCHED THEN INSERT ({_written(spec)}) VALUES ({names(columns, 's.')})"
        )
        self._empty_stage()

    def remove(self, keys: pl.DataFrame) -> None:
        """Delete the rows of this batch that have these keys."""
        spec = self.batch.spec
        missing = [n for n in polars_schema(spec) if n not in spec.key]
        parts = keys.select(*spec.key, *(pl.lit(None).alias(n) for n in (*missing, ROW_HASH)))
        if keys.is_empty() or not send(self.con, spec, iter([parts])):
            return
        obsolete = f"SELECT DISTINCT {names(spec.key)} FROM {stage(spec)}"
        condition = f"{_same_key(spec, 'g')} AND {batch_condition(self.batch)}"
        self.con.run(f"DELETE FROM {self._table} AS t USING ({obsolete}) AS g WHERE {condition}")
        self._empty_stage()

    def record(self, line: Recorded, sent: int, removed: int) -> None:
        """Write the ledger line; it becomes visible together with the rows."""
        place, digest = (self.batch.spec.name, self.batch.name), line.digest
        figures = (digest.rows, digest.latest, str(digest.row_hashes), sent, removed)
        self.con.run(_RECORD, [*place, line.snapshot, line.snapshot_digest, *figures])

    @property
    def _table(self) -> str:
        return column_name(self.batch.spec.name)

    def _empty_stage(self) -> None:
        self.con.run(f"DELETE FROM {stage(self.batch.spec)}")


def _written(spec: TableSpec) -> str:
    return names([*spec.names(), ROW_HASH, VALUE_HASH])


def _of_files(spec: TableSpec) -> str:
    """Return the query of the rows of the files, as they are stored."""
    values = ", ".join(f"{stored(c)} AS {column_name(c.name)}" for c in spec.columns)
    hashes = f"{column_name(ROW_HASH)}, {value_hash(spec, staged=True)} AS {column_name(VALUE_HASH)}"
    return f"SELECT {values}, {hashes} FROM {stage(spec)}"


def _same_key(spec: TableSpec, other: str) -> str:
    return " AND ".join(f"t.{column_name(n)} = {other}.{column_name(n)}" for n in spec.key)
