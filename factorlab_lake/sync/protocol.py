"""Define the protocol of a sync target and the types that the lake and a target share.

A target stores each table in batches: one batch per partition (the year, for large tables). Its ledger
records for each batch the snapshot of the lake that was synced last, and the digest of that state. Snapshot
ids of a lake only increase.

Each target has a folder ``sync/<target>/`` with the same file names:

``connector``
    The class of the entry point. It names the required extra and opens targets and sessions.
``address``, ``connection``
    Parse an address without showing its password; connect; turn driver errors into ``TargetFailed``.
``ddl``, ``install``, ``table_evolution``
    Create the tables of :mod:`factorlab_lake.schema`; create or upgrade a target; add missing columns.
``placeholders``, ``server_functions``
    Fill the SQL of :mod:`factorlab_lake.functions` for the engine; install it.
``transfer``
    Send and fetch rows in bulk.
``target``, ``batch``
    Implement :class:`Target` and :class:`BatchTransaction`.
``server_session``
    Implement :class:`TargetSession`, with which ``factorlab_lake.open(address)`` runs queries.

``object_changes``
    Record what is installed, and detect what somebody replaced or removed.

PostgreSQL has one more: ``strangers`` detects objects of others that could be taken for the lake's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import polars as pl

from factorlab_lake.schema import TableSpec

__all__ = [
    "EVERYTHING",
    "NO_YEAR",
    "OBJECTS",
    "ROW_HASH",
    "UNTRUSTED",
    "Batch",
    "BatchTransaction",
    "Connector",
    "Digest",
    "Digests",
    "FilledBatches",
    "Ledger",
    "Recorded",
    "SessionLimits",
    "Target",
    "TargetSession",
]

ROW_HASH = "row_hash"
EVERYTHING = "all"  # the only batch of a table without partitions
OBJECTS = "objects"  # in place of a batch: a finding about an object of the target, and not about rows
NO_YEAR = "null"  # the batch of rows whose partition is NULL
UNTRUSTED = -1  # rows of a recorded digest: the stored digests of the batch do not describe its values
_MODULUS = 2**64


@dataclass(frozen=True, slots=True)
class Digest:
    """Describe rows for a comparison: their number, latest time in µs since 1970, and the sum of hashes."""

    rows: int = 0
    latest: str = ""
    row_hashes: int = 0

    def __add__(self, other: Digest) -> Digest:
        latest = max((self.latest, other.latest), key=lambda text: float(text or "-inf"))
        return Digest(self.rows + other.rows, latest, (self.row_hashes + other.row_hashes) % _MODULUS)

    def __str__(self) -> str:
        return f"{self.row_hashes % _MODULUS:016x}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Represent the part of a table that is sent in one transaction: a partition, or the whole table."""

    spec: TableSpec
    name: str = EVERYTHING

    @property
    def partition(self) -> int | None:
        """Return the year of the partition, or None."""
        return None if self.name in (EVERYTHING, NO_YEAR) else int(self.name)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Represent a ledger line: the snapshot to which a batch was synced, and the batch's digest at that time.

    ``snapshot_digest`` tells the snapshots of two copies of a lake apart; early programs did not record it.
    """

    snapshot: int
    digest: Digest
    snapshot_digest: str = ""


class FilledBatches(Protocol):
    """Finds the batches of the lake that have values in some columns."""

    def __call__(self, spec: TableSpec, columns: Collection[str]) -> list[str]:
        """Return the names of the batches in which any of the columns is not NULL."""


Digests: TypeAlias = dict[str, dict[str, Digest]]  # by table and batch
Ledger: TypeAlias = dict[str, dict[str, Recorded]]


class BatchTransaction(Protocol):
    """Writes one batch of a target in one transaction, which has the lock of the table."""

    recorded: Recorded | None

    def fresh(self, snapshot: int) -> bool:
        """Return whether rows of this snapshot can be copied: the table has none of their keys."""

    def keys(self, *, from_values: bool = False) -> pl.DataFrame:
        """Return key and hash of every row: as stored, or recomputed from the values."""

    def copy(self, rows: Iterator[pl.DataFrame]) -> None:
        """Append rows to a batch that has none."""

    def upsert(self, rows: Iterator[pl.DataFrame]) -> None:
        """Insert rows; a row with an existing key replaces that row."""

    def remove(self, keys: pl.DataFrame) -> None:
        """Delete the rows of these keys."""

    def record(self, line: Recorded, sent: int, removed: int) -> None:
        """Write the ledger line; it becomes visible together with the rows."""


class Target(Protocol):
    """Stores the tables of a lake outside of it."""

    @property
    def name(self) -> str:
        """Return the address without secrets."""

    def prepare(self, lake_id: str, filled: FilledBatches, *, lag_days: int | None = None) -> None:
        """Create or upgrade the tables; refuse a target that belongs to another lake.

        The target records ``lag_days``, the availability rule of the lake; None stands for ``close``.

        A missing column is added. Row digests ignore NULL, so they do not show that its values are missing.
        In the same transaction, the ledger marks the batches that ``filled`` returns as :data:`UNTRUSTED`;
        the sync, or the next one after a crash, then compares their values.
        """

    def ledger(self) -> Ledger:
        """Return the newest line of every batch, by table and batch."""

    def batch(self, batch: Batch) -> AbstractContextManager[BatchTransaction]:
        """Open a transaction on a batch; leaving the block commits it, an exception rolls it back."""

    def digests(self, specs: Iterable[TableSpec], *, every: bool = False) -> tuple[Digests, Ledger]:
        """Return the digests of the tables, from the stored row hashes, and the ledger at the same moment.

        A row that another program changed has no hash: it counts as a row and adds nothing to the sum. For a
        large table that nothing wrote to since it was verified, a target may return the ledger's digests,
        unless ``every`` is true.
        """

    def objects(self) -> list[tuple[str, str]]:
        """Return the name of each object that is not as a sync leaves it, with what mends it.

        These are the lake's own objects that somebody replaced or removed, and objects that could be taken
        for them.
        """

    def repair_objects(self) -> None:
        """Create the lake's own objects again where somebody replaced or removed them.

        The ledger marks what could have changed unnoticed meanwhile as :data:`UNTRUSTED`.
        """

    def warnings(self) -> list[str]:
        """Return what makes the target less safe or slower than it can be."""

    def confirm(self, names: Iterable[str]) -> None:
        """Record that these tables were as expected when their digests were read."""

    def values(self, batch: Batch) -> Iterator[pl.DataFrame]:
        """Yield a batch's rows in slices, with the lake's columns and the stored hash."""

    def expect(self, specs: Iterable[TableSpec]) -> None:
        """Prepare the first load of tables: what is built faster from all rows is left to ``settle``."""

    def settle(self, specs: Iterable[TableSpec]) -> None:
        """Finish after the last row was sent; ``specs`` are the tables that changed much."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Limit the connections and the time that one program takes from a server.

    The pool keeps ``pool_size`` connections and opens up to ``pool_overflow`` more while all are busy. A
    query waits ``pool_wait_s`` for a connection. The server cancels a query after ``statement_timeout_s``.
    """

    pool_size: int = 1
    pool_overflow: int = 7
    pool_wait_s: float = 30.0
    statement_timeout_s: float = 300.0

    @property
    def max_connections(self) -> int:
        """Return how many queries can run at the same time."""
        return self.pool_size + self.pool_overflow


class TargetSession(Protocol):
    """Runs queries on a target; every method may be called from any thread.

    ``lag_days`` is the availability rule by which the derived tables were synced; None stands for ``close``.
    """

    limits: SessionLimits
    lag_days: int | None

    @property
    def name(self) -> str:
        """Return the address without secrets."""

    def frame(self, sql: str, params: dict[str, Any] | None = None, *, needs: Any = None) -> pl.DataFrame:
        """Run a query in which ``$name`` takes the value of that parameter, and return its rows.

        ``needs`` is for sessions over files; a server ignores it.
        """

    def sql(self, text: str, params: dict[str, Any] | None = None) -> pl.DataFrame:
        """Run the SQL of a user and return its rows."""

    def sizes(self) -> pl.DataFrame:
        """Return one row per table with its rows and bytes, indexes included; a target may add columns."""

    def close(self) -> None:
        """Close all connections."""


class Connector(Protocol):
    """Opens the targets of one kind; registered as an entry point under each of its address schemes.

    ``name`` is the product's name in messages. ``requirement`` is what pip installs to get the drivers, such
    as ``factorlab-lake[postgres]``. The module of a connector must import without the drivers: an
    ``ImportError`` of a method is reported as a missing extra.
    """

    @property
    def name(self) -> str:
        """Return the name of the product, such as ``PostgreSQL``."""

    @property
    def requirement(self) -> str:
        """Return the requirement that pip installs to get the drivers."""

    def open_target(
        self, url: str, *, password: str | Callable[[], str] | None = None
    ) -> AbstractContextManager[Target]:
        """Connect to a target that a sync writes to.

        ``password`` may be a function, which is called if the server requires a password.
        """

    def open_session(self, url: str, *, limits: SessionLimits) -> TargetSession:
        """Open a session that runs queries.

        It must set nothing on a connection that a pool would pass on to another program.
        """

    def script(self) -> str:
        """Return the SQL that creates tables, functions and roles, without connecting."""
