"""A lake in its folder and the same lake on a server: one question to both, and what is the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import polars as pl
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import LakeError
from factorlab_lake.lake import Lake
from factorlab_lake.query.availability_rule import CLOSE
from factorlab_lake.query.questions import Questions
from factorlab_lake.schema import TABLES
from factorlab_lake.server_lake import ServerLake, open_server_lake

__all__ = ["Pair", "Question", "asked", "assert_same_rows", "both"]

Question: TypeAlias = Callable[[Questions], pl.DataFrame]

_JSON = {c.name for spec in TABLES.values() for c in spec.columns if c.kind == "json"}
_TEXTS_OF_ANY = {"old", "new"}  # of revisions: JSON where the column is


@dataclass(frozen=True, slots=True)
class Pair:
    """The two that must give the same answers."""

    lake: Lake
    shared: ServerLake

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shared.close()

    def ask(self, question: Question) -> pl.DataFrame:
        """Return the lake's answer; fail unless the server's is the same."""
        mine, theirs = question(self.lake), question(self.shared)
        assert_same_rows(mine, theirs)
        return mine

    def refuse(self, question: Question) -> tuple[LakeError, LakeError]:
        """Return how both refuse a question; fail where either answers."""
        return _refusal(self.lake, question), _refusal(self.shared, question)


@contextmanager
def both(lake: Lake, url: str) -> Iterator[Pair]:
    """Sync a lake to an empty database, and give both."""
    lake.sync(url)
    with Pair(fl.open(lake.path), open_server_lake(url, availability=CLOSE)) as pair:
        yield pair


def assert_same_rows(mine: pl.DataFrame, theirs: pl.DataFrame) -> None:
    """Fail unless columns, types, order and rows are equal: numbers to 1e-12, JSON by value."""
    assert theirs.schema == mine.schema
    texts = [name for name in mine.columns if name in _JSON]
    for name in texts:
        assert _values(theirs[name]) == _values(mine[name]), name
    revised = [name for name in mine.columns if name in _TEXTS_OF_ANY]
    for name in revised:
        of_json = mine["column_name"].is_in(sorted(_JSON))
        assert _values(theirs[name].filter(of_json)) == _values(mine[name].filter(of_json)), name
        mine, theirs = (
            f.with_columns(pl.when(~of_json).then(pl.col(name)).alias(name)) for f in (mine, theirs)
        )
    assert_frame_equal(theirs.drop(texts), mine.drop(texts), rel_tol=1e-12, abs_tol=0)


def _values(texts: pl.Series) -> list[Any]:
    return [None if text is None else json.loads(text) for text in texts]


def asked(method: str, *args: Any, **kwargs: Any) -> Question:
    """Return the question that calls a method with these arguments."""

    def ask(questions: Questions) -> pl.DataFrame:
        answer: pl.DataFrame = getattr(questions, method)(*args, **kwargs)
        return answer

    return ask


def _refusal(asked: Questions, question: Question) -> LakeError:
    try:
        found = question(asked)
    except LakeError as refused:
        return refused
    raise AssertionError(f"{asked!r} answers: {found}")
