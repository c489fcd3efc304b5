"""Write the tables of a lake to a PostgreSQL database: the target of a sync."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from adbc_driver_manager import Error as BulkError

from factorlab_lake.schema import TABLES, TableSpec, identifier, literal
from factorlab_lake.sync.postgres import hypertables, install, keys, strangers
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.batch import PostgresBatch, lock, lock_timeout
from factorlab_lake.sync.postgres.connection import (
    Connection,
    check_primary,
    connect,
    connect_bulk,
    translate_errors,
)
from factorlab_lake.sync.postgres.object_changes import Change, changes
from factorlab_lake.sync.postgres.transfer import fetch_rows
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

_LARGE = 200_000  # rows; the digests of a smaller table are always read, which takes a few 10 ms
_NEWEST = """
SELECT DISTINCT ON (table_name, batch)
  table_name, batch, snapshot, snapshot_digest, row_count, latest, row_hashes
FROM factorlab_lake_ledger ORDER BY table_name, batch, snapshot DESC
"""
_NEWEST_OF_BATCH = """
SELECT snapshot, snapshot_digest, row_count, latest, row_hashes FROM factorlab_lake_ledger
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
# lz4 compresses JSON faster than the default; not every server is built with it.
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
    """Yield the target at an address, connected.

    ``ask`` is called for a password if the server requires one. ``timeout_s`` limits the wait for another
    sync of the same table, and for the locks of other programs.
    """
    con, address = connect(Address.parse(url, password=password), ask)
    with translate_errors(address), closing(con), ExitStack() as closed:
        check_primary(con, address)
        yield PostgresTarget(address, con, timeout_s, closed)


@dataclass
class PostgresTarget:
    """Stores a lake in a database; see :class:`~factorlab_lake.sync.protocol.Target`.

    ``bulk`` transfers rows; ``con`` runs all other statements. ``occupied`` and ``writes`` cache, by table,
    the batches that had rows when they were first read, and the count of writes when the digests were read.
    ``changes`` are the changes of objects when these were last compared, which takes about 0.1 s.
    """

    address: Address
    con: Connection
    timeout_s: float
    closed: ExitStack
    occupied: dict[str, frozenset[str]] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    @cached_property
    def bulk(self) -> dbapi.Connection:
        """Return the connection for bulk transfers; it is opened on first use, because that is slow."""
        return self.closed.enter_context(closing(connect_bulk(self.address)))

    @cached_property
    def hypertables(self) -> frozenset[str]:
        """Return the tables that TimescaleDB stores in chunks; known once :meth:`prepare` created them."""
        return hypertables.hypertables(self.con)

    @property
    def name(self) -> str:
        """Return the address without secrets."""
        return str(self.address)

    def prepare(self, lake_id: str, filled: FilledBatches, *, lag_days: int | None = None) -> None:
        """Create or upgrade the tables; refuse a target that belongs to another lake."""
        with self.con.transaction():
            self.con.execute(lock_timeout(self.timeout_s).encode())
            install.prepare(self.con, lake_id, filled, target=self.name, lag_days=lag_days)

    def ledger(self) -> Ledger:
        """Return the newest line of every batch, by table and batch."""
        ledger: Ledger = {}
        for table, batch, *line in self.con.execute(_NEWEST).fetchall():
            ledger.setdefault(str(table), {})[str(batch)] = _recorded(*line)
        return ledger

    @contextmanager
    def batch(self, batch: Batch) -> Iterator[PostgresBatch]:
        """Open a transaction on a batch; leaving the block commits it, an exception rolls it back."""
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
        """Return the digests of all tables, from the stored row hashes, and the ledger at the same moment.

        For a large table that was verified within the last day, and that nothing wrote to since, the ledger's
        digests are returned unless ``every`` is true.
        """
        chunked = self.hypertables
        with self.con.transaction():
            self.con.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if chunked:  # before the snapshot, which the first query takes
                self.con.execute(hypertables.lock_statement(chunked).encode())
            ledger = self.ledger()
            written = {str(t): (int(str(n)), bool(ok)) for t, n, ok in self.con.execute(_WRITTEN).fetchall()}
            digests: Digests = {}
            for spec in specs:
                writes, verified = written[spec.name]
                known = {b: r.digest for b, r in ledger.get(spec.name, {}).items()}
                if verified and not every and sum(d.rows for d in known.values()) >= _LARGE:
                    digests[spec.name] = known
                else:
                    digests[spec.name] = self._table_digests(spec)
                    self.writes[spec.name] = writes
            return digests, ledger

    def objects(self) -> list[tuple[str, str]]:
        """Return the name of each object that is not as a sync leaves it, with what mends it."""
        self.changes = changes(self.con) + strangers.strangers(self.con)
        return sorted((c.name, str(c)) for c in self.changes if c.is_fault)

    def repair_objects(self) -> None:
        """Create the lake's own objects again where somebody replaced or removed them."""
        with self.con.transaction():
            self.con.execute(lock_timeout(self.timeout_s).encode())
            install.repair(self.con, [c for c in self.changes if c.is_fault])

    def warnings(self) -> list[str]:
        """Return what makes the target less safe or slower than it can be."""
        minor = [f"{c.name}: {c}" for c in self.changes if not c.is_fault]
        return strangers.warnings(self.con) + minor

    def confirm(self, names: Iterable[str]) -> None:
        """Record that these tables were as expected when their digests were read."""
        for name in {*names} & self.writes.keys():
            self.con.execute(_CONFIRM, {"table": name, "writes": self.writes[name]})

    def values(self, batch: Batch) -> Iterator[pl.DataFrame]:
        """Yield a batch's rows in slices, with the lake's columns and the stored hash."""
        with self._transaction() as cursor:
            self._keep_chunks(cursor, batch.spec)
            yield from fetch_rows(cursor, batch, [*batch.spec.names(), ROW_HASH])

    def expect(self, specs: Iterable[TableSpec]) -> None:
        """Drop the key of empty tables before their first load; ``settle`` builds it."""
        for spec in keys.droppable(self.con, specs):
            with self._locked(spec) as cursor:
                if keys.droppable(self.con, [spec]) and not self._occupied(spec):
                    keys.drop_key(cursor, spec)

    def settle(self, specs: Iterable[TableSpec]) -> None:
        """Build the keys that a first load dropped; analyze and compress the tables that changed much."""
        for spec in keys.keyless(self.con, TABLES.values()):
            with self._locked(spec) as cursor:
                keys.build_key(cursor, spec, target=self.name)
        for spec in specs:
            self.con.execute(f"ANALYZE {identifier(spec.name)}".encode())
            if spec.name in self.hypertables:
                hypertables.compress(self.con, spec.name, target=self.name, timeout_s=self.timeout_s)

    @contextmanager
    def _locked(self, spec: TableSpec) -> Iterator[Cursor]:
        """Open a transaction that holds a table's lock; leaving the block commits it."""
        with self._transaction() as cursor:
            lock(cursor, spec.name, target=self.name, timeout_s=self.timeout_s)
            self._keep_chunks(cursor, spec)
            yield cursor

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        """Open a transaction of the bulk connection; leaving the block commits it."""
        try:
            with closing(self.bulk.cursor()) as cursor:
                cursor.execute("BEGIN")
                cursor.execute(lock_timeout(self.timeout_s))
                yield cursor
                cursor.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _keep_chunks(self, cursor: Cursor, spec: TableSpec) -> None:
        """Prevent recompression of a table until the transaction of the bulk connection ends."""
        if spec.name in self.hypertables:
            cursor.execute(hypertables.lock_statement([spec.name]))

    def _recorded(self, batch: Batch) -> Recorded | None:
        # The other connection has the lock; this one sees the same rows, because the lock was taken before.
        place = {"table": batch.spec.name, "batch": batch.name}
        row = self.con.execute(_NEWEST_OF_BATCH, place).fetchone()
        return None if row is None else _recorded(*row)

    def _occupied(self, spec: TableSpec) -> frozenset[str]:
        """Return the batches of a table that have rows; reads the whole table once, then caches the result.

        Another sync may add rows later, but it also writes ledger lines.
        """
        if spec.name not in self.occupied:
            self.occupied[spec.name] = frozenset(self._table_digests(spec))
        return self.occupied[spec.name]

    def _table_digests(self, spec: TableSpec) -> dict[str, Digest]:
        part = identifier(spec.partition_by) if spec.partition_by else literal(EVERYTHING)
        latest = f"max({identifier(spec.time_column)})" if spec.time_column else "NULL::date"
        statement = (
            f"SELECT coalesce(part::text, {literal(NO_YEAR)}), row_count, "
            "coalesce(trunc(extract(epoch FROM latest) * 1000000::numeric)::text, ''), hashes "
            f"FROM (SELECT {part} AS part, count(*) AS row_count, {latest} AS latest, "
            f"coalesce(sum({ROW_HASH}), 0) AS hashes FROM {identifier(spec.name)} GROUP BY 1) AS parts"
        )
        rows = self.con.execute(statement.encode()).fetchall()
        return {str(batch): _digest(*figures) for batch, *figures in rows}

    def _roll_back(self) -> None:
        """Roll back the transaction; on a lost connection the server has done so."""
        with suppress(BulkError), closing(self.bulk.cursor()) as cursor:
            cursor.execute("ROLLBACK")


def _recorded(snapshot: object, snapshot_digest: object, *figures: object) -> Recorded:
    return Recorded(int(str(snapshot)), _digest(*figures), str(snapshot_digest or ""))


def _digest(rows: object, latest: object, hashes: object) -> Digest:
    return Digest(int(str(rows)), str(latest), int(str(hashes)) % 2**64)
