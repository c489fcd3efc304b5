"""A PostgreSQL database as the target of a sync."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from adbc_driver_manager import Error as BulkError

from factorlab_lake.schema import TABLES, TableSpec
from factorlab_lake.sync.postgres import install, keys
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.batch import PostgresBatch, lock
from factorlab_lake.sync.postgres.connection import Connection, connect, connect_bulk, explained
from factorlab_lake.sync.postgres.rows import fetched
from factorlab_lake.sync.postgres.sql_quoting import identifier, literal
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

if TYPE_CHECKING:
    import polars as pl
    from adbc_driver_postgresql import dbapi
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["PostgresTarget", "open_target"]

_LARGE = 200_000  # rows; to read the digests of fewer takes some hundredths of a second, so they always are
_NEWEST = """
SELECT DISTINCT ON (table_name, batch) table_name, batch, snapshot, row_count, latest, row_hashes
FROM factorlab_lake_ledger ORDER BY table_name, batch, snapshot DESC
"""
_NEWEST_OF_BATCH = """
SELECT snapshot, row_count, latest, row_hashes FROM factorlab_lake_ledger
WHERE table_name = %(table)s AND batch = %(batch)s ORDER BY snapshot DESC LIMIT 1
"""
_WRITTEN = """
SELECT table_name, writes, writes = verified AND verified_at > now() - INTERVAL '1 day'
FROM factorlab_lake_written
"""
_CONFIRM = """
UPDATE factorlab_lake_written SET verified = writes, verified_at = now()
WHERE table_name = %(table)s AND writes = %(writes)s
"""
# JSON is stored faster with lz4 than with what servers take by themselves, where they were built with it.
_FAST_JSON = """
SELECT set_config('default_toast_compression', 'lz4', true) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""
_MANY_CHUNKS = "SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)"


@contextmanager
def open_target(
    url: str,
    *,
    password: str | None = None,
    ask: Callable[[], str] | None = None,
    timeout_s: float = 60.0,
) -> Iterator[PostgresTarget]:
    """Give the target at an address, with its connections open.

    ``ask`` is called for a password when the server wants one; ``timeout_s`` is how long another sync of the
    same table is waited for.
    """
    con, address = connect(Address.parse(url, password=password), ask)
    with explained(address), closing(con), ExitStack() as closed:
        yield PostgresTarget(address, con, timeout_s, closed)


@dataclass
class PostgresTarget:
    """See :class:`~factorlab_lake.sync.protocol.Target`. ``bulk`` sends rows, ``con`` does the rest."""

    address: Address
    con: Connection
    timeout_s: float
    closed: ExitStack
    lake_id: str = ""
    batches: dict[str, frozenset[str]] = field(default_factory=dict)
    read_at: dict[str, int] = field(default_factory=dict)

    @cached_property
    def bulk(self) -> dbapi.Connection:
        """The connection for many rows, opened when the first are to be sent: that takes a while."""
        return self.closed.enter_context(closing(connect_bulk(self.address)))

    @property
    def name(self) -> str:
        """Where it is, without anything secret."""
        return str(self.address)

    def prepare(self, lake_id: str, filled: FilledBatches) -> None:
        """Create or upgrade the tables; refuse a target that belongs to another lake."""
        install.prepare(self.con, lake_id, filled, target=self.name)
        self.lake_id = lake_id

    def ledger(self) -> Ledger:
        """Return the newest line of every batch, by table and batch."""
        found: Ledger = {}
        for table, batch, snapshot, rows, latest, hashes in self.con.execute(_NEWEST).fetchall():
            digest = _digest(rows, latest, hashes)
            found.setdefault(str(table), {})[str(batch)] = Recorded(int(str(snapshot)), digest)
        return found

    @contextmanager
    def batch(self, batch: Batch) -> Iterator[PostgresBatch]:
        """Open a transaction on a batch; leaving the block commits it, an exception undoes it."""
        with self._locked(batch.spec) as cursor:
            cursor.execute(_FAST_JSON)
            cursor.execute(_MANY_CHUNKS)
            current = PostgresBatch(
                cursor,
                batch,
                self._recorded(batch),
                target=self.name,
                occupied=partial(self._occupied, batch.spec),
            )
            current.begin()
            yield current

    def digests(self, specs: Iterable[TableSpec], *, every: bool = False) -> tuple[Digests, Ledger]:
        """Return the digests of what is there, from the stored ones, and the ledger at the same moment.

        Of a large table that nobody wrote to since it was verified, less than a day ago, those of the ledger
        are returned, unless ``every`` table is to be read.
        """
        with self.con.transaction():
            self.con.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            ledger = self.ledger()
            written = {str(t): (int(str(n)), bool(ok)) for t, n, ok in self.con.execute(_WRITTEN).fetchall()}
            found: Digests = {}
            for spec in specs:
                writes, verified = written[spec.name]
                known = {b: r.digest for b, r in ledger.get(spec.name, {}).items()}
                if verified and not every and sum(d.rows for d in known.values()) >= _LARGE:
                    found[spec.name] = known
                else:
                    found[spec.name] = self._table_digests(spec)
                    self.read_at[spec.name] = writes
            return found, ledger

    def confirm(self, names: Iterable[str]) -> None:
        """Note that all of these tables was found as it should be when their digests were read."""
        for name in {*names} & self.read_at.keys():
            self.con.execute(_CONFIRM, {"table": name, "writes": self.read_at[name]})

    def values(self, batch: Batch) -> Iterator[pl.DataFrame]:
        """Return a batch's rows, some at a time, with the lake's columns and the stored digest."""
        with closing(self.bulk.cursor()) as cursor:
            yield from fetched(cursor, batch, [*batch.spec.names(), ROW_HASH])
            self.bulk.rollback()

    def expect(self, specs: Iterable[TableSpec]) -> None:
        """Take the key from empty tables that get all their rows now; ``settle`` builds it."""
        for spec in keys.droppable(self.con, specs):
            with self._locked(spec) as cursor:
                if keys.droppable(self.con, [spec]) and not self._occupied(spec):
                    keys.drop_key(cursor, spec)

    def settle(self, specs: Iterable[TableSpec]) -> None:
        """Build the keys that a first load left out; let the planner know of tables that changed a lot."""
        for spec in keys.keyless(self.con, TABLES.values()):
            with self._locked(spec) as cursor:
                keys.build_key(cursor, spec, target=self.name)
        for spec in specs:
            self.con.execute(f"ANALYZE {identifier(spec.name)}".encode())

    @contextmanager
    def _locked(self, spec: TableSpec) -> Iterator[Cursor]:
        """Open a transaction that holds a table's lock; leaving the block commits it."""
        with closing(self.bulk.cursor()) as cursor:
            try:
                name = f"factorlab:{self.lake_id}:{spec.name}"
                lock(cursor, name, target=self.name, timeout_s=self.timeout_s)
                yield cursor
            except BaseException:
                self._undo()
                raise
            self.bulk.commit()

    def _recorded(self, batch: Batch) -> Recorded | None:
        # By the other connection than the one that holds the lock, which sees the same: the lock came first.
        place = {"table": batch.spec.name, "batch": batch.name}
        row = self.con.execute(_NEWEST_OF_BATCH, place).fetchone()
        return None if row is None else Recorded(int(str(row[0])), _digest(*row[1:]))

    def _occupied(self, spec: TableSpec) -> frozenset[str]:
        """Return the batches of a table that had rows when this was first asked: that reads all of it.

        Rows that come later are another sync's, which the ledger knows of.
        """
        if spec.name not in self.batches:
            self.batches[spec.name] = frozenset(self._table_digests(spec))
        return self.batches[spec.name]

    def _table_digests(self, spec: TableSpec) -> dict[str, Digest]:
        part = identifier(spec.partition_by) if spec.partition_by else literal(EVERYTHING)
        latest = f"max({identifier(spec.time_column)})" if spec.time_column else "NULL::date"
        statement = (
            f"SELECT coalesce(part::text, {literal(NO_YEAR)}), row_count, "
            "coalesce(trunc(extract(epoch FROM latest) * 1000000)::text, ''), hashes "
            f"FROM (SELECT {part} AS part, count(*) AS row_count, {latest} AS latest, "
            f"coalesce(sum({ROW_HASH}), 0) AS hashes FROM {identifier(spec.name)} GROUP BY 1) AS found"
        )
        rows = self.con.execute(statement.encode()).fetchall()
        return {str(batch): _digest(*figures) for batch, *figures in rows}

    def _undo(self) -> None:
        """Undo the transaction; of a connection that was lost, the server has done so."""
        with suppress(BulkError):
            self.bulk.rollback()


def _digest(rows: object, latest: object, hashes: object) -> Digest:
    return Digest(int(str(rows)), str(latest), int(str(hashes)) % 2**64)
