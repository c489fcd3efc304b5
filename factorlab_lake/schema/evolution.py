"""Compare the columns of stored data with the columns that a table describes (schema evolution)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from factorlab_lake.errors import SchemaMismatch
from factorlab_lake.schema.spec import TableSpec

__all__ = ["missing_columns", "reject_unknown_columns"]


def missing_columns(
    spec: TableSpec,
    stored: Mapping[str, str],
    *,
    engine: Literal["delta", "polars"],
    place: str,
    written_by: Callable[[], str] = str,
) -> frozenset[str]:
    """Return the columns that ``stored`` (type by column name) lacks because they were added later.

    Raise :class:`~factorlab_lake.errors.SchemaMismatch` for a column of another type, and for a missing key
    column without a default value. ``written_by`` returns the program version that
    wrote the table, for the message, or an empty text if it is unknown.

    >>> from factorlab_lake.schema import table
    >>> stored = {c.name: c.types.polars for c in table("splits").columns if c.name != "label"}
    >>> missing_columns(table("splits"), stored, engine="polars", place="splits/part-0.parquet")
    frozenset({'label'})
    """
    missing = set()
    for column in spec.columns:
        expected: str = getattr(column.types, engine)
        got = stored.get(column.name)
        if got is None and (column.role != "key" or column.default is not None):
            missing.add(column.name)
        elif got != expected:
            version = written_by() or "unknown"
            raise SchemaMismatch(
                f"{spec.name}.{column.name} in {place}: got {got or 'no such column'}, expected {expected}. "
                f"Program version {version} wrote the table (`factorlab-lake history` lists all commits). "
                "Nothing was changed. Use that version, or load the data into a new lake.",
                table=spec.name,
                column=column.name,
                got=got,
                expected=expected,
                path=place,
                written_by=version,
            )
    return frozenset(missing)


def reject_unknown_columns(spec: TableSpec, stored: Iterable[str], *, place: str) -> None:
    """Raise :class:`~factorlab_lake.errors.SchemaMismatch` for a stored column that is not in the table.

    A newer version added the column, and a write by this version could lose its values.
    """
    unknown = [name for name in stored if name not in spec.names()]
    if unknown:
        raise SchemaMismatch(
            f"{spec.name} in {place}: got the column {unknown[0]}, which a newer version added. "
            "Nothing was changed, and reading works; upgrade factorlab-lake to write.",
            table=spec.name,
            column=unknown[0],
            path=place,
        )
