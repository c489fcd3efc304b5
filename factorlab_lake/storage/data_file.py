"""The description of one data file: what a reader needs to choose files without opening them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DataFile"]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file: path within its table's folder, size, and the ranges of what is inside."""

    path: str
    rows: int
    size_bytes: int
    partition: int | None
    symbols: tuple[str | None, str | None]
    dates: tuple[str | None, str | None]
