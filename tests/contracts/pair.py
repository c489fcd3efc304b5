"""Run one query on a lake in its folder and on the same lake on a server, and compare the results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import polars as pl
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.errors import LakeError
from factorlab_lake.lake import Lake
from factorlab_lake.research.methods import Research
from factorlab_lake.schema import TABLES
from factorlab_lake.server_lake import ServerLake, open_server_lake

__all__ = ["Pair", "Question", "assert_same_rows", "both", "method_call"]

Question: TypeAlias = Callable[[Research], pl.DataFrame]

_JSON = {c.name for spec in TABLES.values() for c in spec.columns if c.kind == "json"}
_TEXTS_OF_ANY = {"old", "new"}  # columns of revisions: JSON if the revised column is


@dataclass(frozen=True, slots=True)
class Pair:
    """Represent a lake and its copy on a server, which must return the same results."""

    lake: Lake
    shared: ServerLake

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shared.close()

    def ask(self, question: Question) -> pl.DataFrame:
        """Return the lake's result; fail unless the server's is equal."""
        left, right = question(self.lake), question(self.shared)
        assert_same_rows(left, right)
        return left

    def refuse(self, question: Question) -> tuple[LakeError, LakeError]:
        """Return the errors of both; fail if either returns a result."""
        return _refusal(self.lake, question), _refusal(self.shared, question)


@contextmanager
def both(lake: Lake, url: str) -> Iterator[Pair]:
    """Sync a lake to an empty database, and yield both."""
    lake.sync(url)
    with Pair(fl.open(lake.path), open_server_lake(url, availability=CLOSE)) as pair:
        yield pair


def assert_same_rows(left: pl.DataFrame, right: pl.DataFrame) -> None:
    """Fail unless columns, types, order and rows are equal: numbers to 1e-12, JSON by value."""
    assert right.schema == left.schema
    texts = [name for name in left.columns if name in _JSON]
    for name in texts:
        assert _values(right[name]) == _values(left[name]), name
    revised = [name for name in left.columns if name in _TEXTS_OF_ANY]
    for name in revised:
        of_json = left["column_name"].is_in(sorted(_JSON))
        assert _values(right[name].filter(of_json)) == _values(left[name].filter(of_json)), name
        left, right = (
            f.with_columns(pl.when(~of_json).then(pl.col(name)).alias(name)) for f in (left, right)
        )
    assert_frame_equal(right.drop(texts), left.drop(texts), rel_tol=1e-12, abs_tol=0)


def _values(texts: pl.Series) -> list[Any]:
    return [None if text is None else json.loads(text) for text in texts]


def method_call(method: str, *args: Any, **kwargs: Any) -> Question:
    """Return a question that calls a method with these arguments."""

    def ask(questions: Research) -> pl.DataFrame:
        answer: pl.DataFrame = getattr(questions, method)(*args, **kwargs)
        return answer

    return ask


def _refusal(questions: Research, question: Question) -> LakeError:
    try:
        rows = question(questions)
    except LakeError as refused:
        return refused
    raise AssertionError(f"{questions!r} returned: {rows}")
