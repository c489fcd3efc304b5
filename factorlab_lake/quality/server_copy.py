"""Copy the rows of a lake on a server into a temporary lake, for checks that read all of them.

The rules of quality and coverage are DuckDB queries over whole tables. A server could run them only in a
second form, and its functions are for readers who ask about some symbols. A copy answers them as the folder
does. A table comes a partition at a time, so the memory follows the largest partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from factorlab_lake.derive.availability_rule import AvailabilityRule
from factorlab_lake.derive.staleness import settings_digest
from factorlab_lake.errors import TargetFailed
from factorlab_lake.schema import STORED_TABLES, TableSpec, identifier, identifiers
from factorlab_lake.storage.commits import transaction
from factorlab_lake.storage.layout import Layout, create
from factorlab_lake.storage.snapshots import Derived, program_version
from factorlab_lake.storage.transaction import Transaction
from factorlab_lake.sync.protocol import TargetSession

__all__ = ["copied"]


@contextmanager
def copied(server: TargetSession, rule: AvailabilityRule) -> Iterator[Layout]:
    """Yield a temporary lake with all rows of a server, which the end of the block deletes.

    Each table is read in a transaction of its own. Raises :class:`~factorlab_lake.errors.TargetFailed` when
    the number of rows changed meanwhile, as by a sync.
    """
    with TemporaryDirectory(prefix="factorlab-lake-server-") as folder:
        layout = create(Path(folder) / "lake")
        with transaction(layout, reason="copy of a server", program_version=program_version()) as tx:
            rows = {name: _copy(tx, server, STORED_TABLES[name]) for name in _names(server)}
            tx.derived = Derived(settings_digest(layout, rule))
        if rows != _counts(server):
            raise TargetFailed(
                f"{server.name} changed while its rows were read, as by a sync; try again.",
                target=server.name,
            )
        yield layout


def _names(server: TargetSession) -> list[str]:
    return list(_counts(server))


def _counts(server: TargetSession) -> dict[str, int]:
    sizes = server.sizes().select("table", "rows").rows()
    return {name: int(rows) for name, rows in sizes if name in STORED_TABLES}


def _copy(tx: Transaction, server: TargetSession, spec: TableSpec) -> int:
    """Append the rows of a table to the temporary lake, and return their number."""
    count = 0
    for part in _parts(server, spec):
        tx.append(spec.name, part)
        count += part.height
    return count


def _parts(server: TargetSession, spec: TableSpec) -> Iterator[pl.DataFrame]:
    query = f"SELECT {identifiers(spec.names())} FROM {identifier(spec.name)}"
    if not spec.partition_by:
        yield server.frame(query)
        return
    column = identifier(spec.partition_by)
    values = server.frame(f"SELECT DISTINCT {column} AS part FROM {identifier(spec.name)}")
    for value in values["part"].sort():
        where = f"{column} IS NULL" if value is None else f"{column} = {int(value)}"
        yield server.frame(f"{query} WHERE {where}")
