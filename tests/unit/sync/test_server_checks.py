"""Test that quality, coverage and freshness of a server are those of the lake's folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.errors import InvalidInput, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.quality import server_copy
from factorlab_lake.server_lake import ServerLake, open_server_lake
from tests.contracts.pair import assert_same_rows
from tests.unit.cli.running import run
from tests.unit.sync.postgres_server import Server

_NOW = datetime(2021, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(rich: Lake, postgres: Server) -> Iterator[str]:
    """Yield the address of a server that has the lake with rows in every table."""
    with postgres.database() as url:
        rich.sync(url)
        yield url


@pytest.fixture
def server(url: str) -> Iterator[ServerLake]:
    """Yield the lake on the server."""
    with open_server_lake(url, availability=CLOSE) as shared:
        yield shared


def test_checks_have_the_rows_of_the_folder(rich: Lake, server: ServerLake) -> None:
    """Findings, scores, coverage and freshness are equal, and there are some of each."""
    for left, right in (
        (rich.quality(), server.quality()),
        (rich.quality(by_symbol=True), server.quality(by_symbol=True)),
        (rich.coverage(), server.coverage()),
        (rich.freshness(now=_NOW), server.freshness(now=_NOW)),
        (rich.quality_rules(), server.quality_rules()),
    ):
        assert left.height > 0
        assert_same_rows(left, right)
    assert server.held_symbols() == rich.held_symbols()


def test_chosen_symbols_and_rules_have_the_rows_of_the_folder(rich: Lake, server: ServerLake) -> None:
    """The arguments are those of the folder, and a wrong one raises the same error."""
    rule = rich.quality()["rule"][0]
    assert_same_rows(rich.quality(rules=[rule]), server.quality(rules=[rule]))
    assert_same_rows(rich.quality("AAPL"), server.quality("AAPL"))
    for lake in (rich, server):
        with pytest.raises(InvalidInput, match="no_such_rule"):
            lake.quality(rules=["no_such_rule"])


def test_commands_check_a_server(rich: Lake, url: str) -> None:
    """The commands print the rows of the folder, with its exit code; a snapshot is refused."""
    for command in (["quality"], ["coverage", "--missing"], ["quality", "--by-symbol"]):
        left, right = (run("--json", "--lake", place, *command, code=None) for place in (rich.path, url))
        assert right.code == left.code
        assert right.json == left.json
    assert (
        "--snapshot needs a lake in a folder" in run("--lake", url, "coverage", "--snapshot", "1", code=1).err
    )


def test_rows_that_change_while_they_are_read_are_no_answer(
    server: ServerLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync in between raises an error that says to try again."""
    monkeypatch.setattr(server_copy, "_copy", lambda *_: 0)
    with pytest.raises(TargetFailed, match="try again"):
        server.coverage()


def test_another_rule_of_the_lake_reaches_the_checks(small: Lake, postgres: Server) -> None:
    """A lake whose filings are available the same day is checked by that rule."""
    small.configure(availability="same_day")
    with postgres.database() as url:
        small.sync(url)
        with fl.open(url) as shared:
            rows: pl.DataFrame = shared.quality()
            assert_same_rows(fl.open(small.path).quality(), rows)
