"""Test that wrong arguments raise errors of this package on a server too, awaited or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.server_lake import ServerLake
from tests.contracts.pair import assert_same_rows
from tests.unit.query.wrong_arguments import OF_A_FOLDER, QUESTIONS, raw_errors
from tests.unit.sync.comparing import query_methods


def _awaited(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    return lambda *by_place, **by_name: asyncio.run(method(*by_place, **by_name))


def test_each_query_method_is_tried() -> None:
    """A new query method has a line in the table of arguments."""
    assert query_methods() == QUESTIONS.keys()


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_wrong_argument_raises_an_error_of_this_package(
    company_server: ServerLake, company_lake: Lake, name: str
) -> None:
    """No argument raises an error of Python, polars or the driver, and the next answer is right."""
    assert raw_errors(getattr(company_server, name), QUESTIONS[name]) == []
    assert raw_errors(_awaited(getattr(company_server.aio, name)), QUESTIONS[name]) == []
    day = "2021-02-20"
    assert_same_rows(company_lake.market_caps("WHOLE", day), company_server.market_caps("WHOLE", day))


def test_methods_of_a_folder_are_refused_whatever_the_arguments(company_server: ServerLake) -> None:
    """A method that needs the folder of a lake names itself, and no argument is used."""
    for name, arguments in OF_A_FOLDER.items():
        assert raw_errors(getattr(company_server, name), arguments) == []


def test_frames_are_refused_with_the_way_that_works(company_server: ServerLake) -> None:
    """A server reads its own tables alone; a list as a parameter takes the place of a frame."""
    for sql in (company_server.sql, _awaited(company_server.aio.sql)):
        with pytest.raises(InvalidInput, match=r"frames are for a lake in a folder.*ANY\(\$symbols\)"):
            sql("SELECT 1 AS x FROM mine", frames={"mine": pl.DataFrame({"symbol": ["WHOLE"]})})
    query = "SELECT DISTINCT symbol FROM price_data WHERE symbol = ANY($symbols)"
    assert company_server.sql(query, symbols=["WHOLE", "OTHER"]).item() == "WHOLE"
