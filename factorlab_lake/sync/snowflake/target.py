"""Write the tables of a lake to a Snowflake schema: the target of a sync."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from factorlab_lake.schema import TABLES, TableSpec, literal
from factorlab_lake.sync.protocol import (
    EVERYTHING,
    NO_YEAR,
    ROW_HASH,
    Batch,
    Digest,
    Digests,
    FilledBatches,
    Ledger,
    Recorded,
)
from factorlab_lake.sync.snowflake import install, object_changes
from factorlab_lake.sync.snowflake.address import SnowflakeAddress
from factorlab_lake.sync.snowflake.batch import SnowflakeBatch
from factorlab_lake.sync.snowflake.connection import Connection, connect, translate_errors
from factorlab_lake.sync.snowflake.ddl import VALUE_HASH, column_name, value_hash
from factorlab_lake.sync.snowflake.locks import locked
from factorlab_lake.sync.snowflake.transfer import fetch_rows

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SnowflakeTarget", "open_target"]

_LEDGER = """
SELECT table_name, batch, TO_VARCHAR(row_count), latest, row_hashes, TO_VARCHAR(snapshot),
       COALESCE(snapshot_digest, '')
FROM factorlab_lake_ledger
QUALIFY ROW_NUMBER() OVER (PARTITION BY table_name, batch ORDER BY line DESC) = 1
"""
_NEWEST = """
SELECT TO_VARCHAR(row_count), latest, row_hashes, TO_VARCHAR(snapshot), COALESCE(snapshot_digest, '')
FROM factorlab_lake_ledger WHERE table_name = ? AND batch = ? ORDER BY line DESC LIMIT 1
"""
_DAY = 86_400_000_000


@contextmanager
def open_target(address: SnowflakeAddress, *, timeout_s: float = 60.0) -> Iterator[SnowflakeTarget]:
    """Yield the target at an address, connected; ``timeout_s`` limits the wait for another sync."""
    con = connect(address, lock_timeout_s=timeout_s)
    with closing(con), translate_errors(address):
        yield SnowflakeTarget(address, con, timeout_s)


@dataclass
class SnowflakeTarget:
    """Stores a lake in a schema; see :class:`~factorlab_lake.sync.protocol.Target`.

    ``occupied`` caches, by table, the batches that had rows when they were first read. ``refused`` are the
    functions that the server did not accept.
    """

    address: SnowflakeAddress
    con: Connection
    timeout_s: float
    occupied: dict[str, frozenset[str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the address without secrets."""
        return str(self.address)

    def prepare(self, lake_id: str, filled: FilledBatches, *, lag_days: int | None = None) -> None:
        """Create or upgrade the tables; refuse a target that belongs to another lake."""
        self.refused = install.prepare(self.con, lake_id, filled, lag_days=lag_days, timeout_s=self.timeout_s)

    def ledger(self) -> Ledger:
        """Return the newest line of every batch, by table and batch."""
        return _ledger(self.con.rows(_LEDGER))

    @contextmanager
    def batch(self, batch: Batch) -> Iterator[SnowflakeBatch]:
        """Open a transaction on a batch; leaving the block commits it, an exception rolls it back."""
        occupied = partial(self._occupied, batch.spec)
        with locked(self.con, batch.spec.name, timeout_s=self.timeout_s):
            rows = self.con.rows(_NEWEST, [batch.spec.name, batch.name])
            yield SnowflakeBatch(self.con, batch, _recorded(*rows[0]) if rows else None, occupied)

    def digests(self, specs: Iterable[TableSpec], *, every: bool = False) -> tuple[Digests, Ledger]:
        """Return the digests of the tables, from the stored row hashes, and the ledger at the same moment.

        A row whose values are not those of its hash adds nothing to the sum. All is one statement, because
        that is what Snowflake reads at one moment; it reads every column.
        """
        del every
        parts = {spec.name: _digest_query(spec) for spec in specs}
        lines = f"SELECT 'ledger', {_LEDGER.strip().removeprefix('SELECT ')}"
        rows = self.con.rows(" UNION ALL ".join([*parts.values(), f"SELECT * FROM ({lines}) AS lines"]))
        digests: Digests = {name: {} for name in parts}
        for kind, table, batch, *figures in rows:
            if kind == "rows":
                digests[str(table)][str(batch)] = _digest(*figures[:3])
        return digests, _ledger([row[1:] for row in rows if row[0] == "ledger"])

    def objects(self) -> list[tuple[str, str]]:
        """Return the name of each view or function that is not as a sync leaves it, with what mends it."""
        return object_changes.changes(self.con)

    def repair_objects(self) -> None:
        """Create the lake's own views and functions again."""
        self.refused = install.install_functions(self.con, timeout_s=self.timeout_s)

    def warnings(self) -> list[str]:
        """Return what makes the target less safe or slower than it can be."""
        if not self.refused:
            return []
        warning = (
            f"The server refused the functions {', '.join(self.refused)}: SQL clients there lack them. The "
            "methods of this package work, because they send the bodies of the functions."
        )
        return [warning]

    def confirm(self, names: Iterable[str]) -> None:
        """Do nothing: the digests are always read."""

    def values(self, batch: Batch) -> Iterator[pl.DataFrame]:
        """Yield a batch's rows in slices, with the lake's columns and the stored hash."""
        yield from fetch_rows(self.con, batch, [*batch.spec.names(), ROW_HASH])

    def expect(self, specs: Iterable[TableSpec]) -> None:
        """Do nothing: there is no index that a first load would slow down."""

    def settle(self, specs: Iterable[TableSpec]) -> None:
        """Do nothing: Snowflake keeps its own statistics and clusters in the background."""

    def _occupied(self, spec: TableSpec) -> frozenset[str]:
        """Return the batches of a table that have rows; reads the whole table once, then caches the result.

        Another sync may add rows later, but it also writes ledger lines.
        """
        if spec.name not in self.occupied:
            part = f"COALESCE(TO_VARCHAR({_part(spec)}), {literal(NO_YEAR)})"
            rows = self.con.rows(f"SELECT DISTINCT {part} FROM {column_name(spec.name)}")
            self.occupied[spec.name] = frozenset(str(name) for (name,) in rows)
        return self.occupied[spec.name]


def _part(spec: TableSpec) -> str:
    return column_name(spec.partition_by) if spec.partition_by else literal(EVERYTHING)


def _digest_query(spec: TableSpec) -> str:
    """Return the query of the digests of a table's batches."""
    hashes = f"CASE WHEN {column_name(VALUE_HASH)} = {value_hash(spec)} THEN {column_name(ROW_HASH)} END"
    rows = f"SELECT {_part(spec)} AS part, {_time(spec)} AS at_time, {hashes} AS row_hash"
    return (
        f"SELECT 'rows' AS kind, {literal(spec.name)} AS table_name, "
        f"COALESCE(TO_VARCHAR(part), {literal(NO_YEAR)}) AS batch, TO_VARCHAR(COUNT(*)) AS row_count, "
        f"COALESCE(TO_VARCHAR({_latest(spec)}), '') AS latest, "
        "COALESCE(TO_VARCHAR(SUM(CAST(row_hash AS NUMBER(38, 0)))), '0') AS row_hashes, "
        "'' AS snapshot, '' AS snapshot_digest "
        f"FROM ({rows} FROM {column_name(spec.name)}) AS stored_rows GROUP BY part"
    )


def _time(spec: TableSpec) -> str:
    return column_name(spec.time_column) if spec.time_column else "NULL"


def _latest(spec: TableSpec) -> str:
    """Return the expression for the latest time in µs since 1970."""
    if not spec.time_column:
        return "NULL"
    if spec.column(spec.time_column).kind == "date":
        return f"(MAX(at_time) - DATE '1970-01-01') * {_DAY}"
    return "DATE_PART(EPOCH_MICROSECOND, MAX(at_time))"


def _ledger(rows: Iterable[tuple[Any, ...]]) -> Ledger:
    ledger: Ledger = {}
    for table, batch, *line in rows:
        if str(table) in TABLES:
            ledger.setdefault(str(table), {})[str(batch)] = _recorded(*line)
    return ledger


def _recorded(*line: object) -> Recorded:
    *figures, snapshot, snapshot_digest = line
    return Recorded(int(str(snapshot)), _digest(*figures), str(snapshot_digest))


def _digest(rows: object, latest: object, hashes: object) -> Digest:
    return Digest(int(str(rows)), str(latest), int(str(hashes)) % 2**64)
