"""What a target of a sync must be able to do, and the words that a lake and a target share.

A target holds the tables in batches, one for each partition of a table (a year, for the large ones), and
keeps a ledger: for each batch the lake's snapshot it was last brought to, and the digest it then had.
Snapshots of a lake only count up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import polars as pl

from factorlab_lake.schema import TableSpec

__all__ = [
    "EVERYTHING",
    "NO_YEAR",
    "ROW_HASH",
    "Batch",
    "BatchTransaction",
    "Digest",
    "Digests",
    "Ledger",
    "Recorded",
    "Target",
]

ROW_HASH = "row_hash"
EVERYTHING = "all"  # the one batch of a table without partitions
NO_YEAR = "null"  # the batch of rows whose partition is not known
_MODULUS = 2**64


@dataclass(frozen=True, slots=True)
class Digest:
    """What two sides compare: the number of rows, the latest time in µs since 1970, and the digests' sum."""

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
    """One part of a table that is sent in one transaction: a partition, or all of it."""

    spec: TableSpec
    name: str = EVERYTHING

    @property
    def partition(self) -> int | None:
        """The partition's year, where there is one."""
        return None if self.name in (EVERYTHING, NO_YEAR) else int(self.name)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of the ledger: which snapshot of the lake a batch was brought to, and its digest then."""

    snapshot: int
    digest: Digest


Digests: TypeAlias = dict[str, dict[str, Digest]]  # by table and batch
Ledger: TypeAlias = dict[str, dict[str, Recorded]]


class BatchTransaction(Protocol):
    """One batch of a target inside one transaction that holds the table's lock."""

    recorded: Recorded | None

    def fresh(self, snapshot: int) -> bool:
        """Whether rows of this snapshot can be copied straight in: none of their keys can be there."""

    def keys(self, *, from_values: bool = False) -> pl.DataFrame:
        """Return key and digest of every row: as stored, or recomputed from the values."""

    def copy(self, rows: Iterator[pl.DataFrame]) -> None:
        """Send rows into a batch that has none."""

    def upsert(self, rows: Iterator[pl.DataFrame]) -> None:
        """Send rows that are new or take the place of rows with the same key."""

    def remove(self, keys: pl.DataFrame) -> None:
        """Take away the rows of these keys."""

    def record(self, snapshot: int, digest: Digest, sent: int, removed: int) -> None:
        """Write the ledger; what was sent and this become visible together."""


class Target(Protocol):
    """Somewhere outside the lake that holds its tables."""

    @property
    def name(self) -> str:
        """Where it is, without anything secret."""

    def prepare(self, lake_id: str) -> None:
        """Make or upgrade the tables; refuse a target that belongs to another lake."""

    def ledger(self) -> Ledger:
        """Return the newest line of every batch, by table and batch."""

    def batch(self, batch: Batch) -> AbstractContextManager[BatchTransaction]:
        """Open a transaction on a batch; leaving the block commits it, an exception undoes it."""

    def digests(self, specs: Iterable[TableSpec], *, every: bool = False) -> tuple[Digests, Ledger]:
        """Return the digests of what is there, from the stored ones, and the ledger at the same moment.

        A row that was changed by other means has no digest; it counts as a row and adds nothing. A target
        that can tell that nobody wrote to a large table since it was verified need not read it, unless
        ``every`` table is to be read.
        """

    def confirm(self, names: Iterable[str]) -> None:
        """Note that all of these tables was found as it should be when their digests were read."""

    def values(self, batch: Batch) -> Iterator[pl.DataFrame]:
        """Return a batch's rows, some at a time, with the lake's columns and the stored digest."""

    def expect(self, specs: Iterable[TableSpec]) -> None:
        """Prepare for the first load of tables: what is made sooner of all rows is left to ``settle``."""

    def settle(self, specs: Iterable[TableSpec]) -> None:
        """End the sending of rows; let the server take notice of tables that changed a lot."""
