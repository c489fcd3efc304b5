"""Open a lake in a Spark session; pyspark belongs to the caller and is never imported here."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

__all__ = ["register"]

_Answers_co = TypeVar("_Answers_co", covariant=True)


class _Lake(Protocol[_Answers_co]):
    def on_spark(self, session: Any, *, location: str | None, read_as: str) -> _Answers_co: ...


def register(
    session: Any, lake: _Lake[_Answers_co], *, location: str | None = None, read_as: str = "delta"
) -> _Answers_co:
    """Return a lake's snapshot in a Spark session, with the SQL functions as methods that return DataFrames.

    ``location`` is the lake's folder as the cluster sees it, by default the lake's path. ``read_as`` is
    ``"delta"``, or ``"parquet"`` for a Spark that cannot read Delta tables.
    """
    return lake.on_spark(session, location=location, read_as=read_as)
