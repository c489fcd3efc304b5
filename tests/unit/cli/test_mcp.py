from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError

import factorlab_lake as fl
from factorlab_lake.cli.mcp_tools import MOST_ROWS, server

_TOOLS = {
    "describe", "symbols", "statements", "prices", "market_caps", "factors", "ttm", "screen", "cross_section",
    "explain", "sql",
}  # fmt: skip
_DAY = "2021-03-31"


@pytest.fixture
def lake(home: Path) -> Path:
    """Return the lake of the demo."""
    return home / "data" / "lake"


def _with_client(lake: Path, use: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """Return what ``use`` returns for a client in this process."""

    async def run() -> Any:
        async with Client(server(fl.open(lake, sandbox=True))) as client:
            return await use(client)

    return asyncio.run(run())


def _call(lake: Path, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the answer of one tool."""

    async def use(client: Any) -> Any:
        return (await client.call_tool(tool, arguments)).structured_content

    answer: dict[str, Any] = _with_client(lake, use)
    return answer


def test_a_real_client_starts_the_program_and_asks_it(lake: Path) -> None:
    """Over stdio it lists the tools, all read-only, and answers with the values of the Python method."""

    async def use() -> Any:
        program = ["-m", "factorlab_lake", "--lake", str(lake), "mcp"]
        transport = StdioTransport(sys.executable, program, env=dict(os.environ))
        async with Client(transport) as client:
            caps = await client.call_tool("market_caps", {"symbols": ["AAPL"], "dates": [_DAY]})
            return await client.list_tools(), caps.structured_content

    tools, caps = asyncio.run(use())
    assert {tool.name for tool in tools} == _TOOLS
    assert all(tool.annotations.read_only_hint and tool.description for tool in tools)
    held = fl.open(lake)
    assert caps["snapshot"] == held.snapshot.id
    assert caps["rows"][0]["market_cap"] == held.market_caps("AAPL", _DAY)["market_cap"][0]


def test_each_tool_answers_with_its_snapshot(lake: Path) -> None:
    """The answer of every tool has rows, their number and the snapshot."""
    grid = {"symbols": ["AAPL"], "dates": [_DAY]}
    calls: dict[str, dict[str, Any]] = {
        "describe": {"table": "splits"},
        "symbols": {},
        "statements": {"symbols": ["AAPL"], "as_of": _DAY, "items": ["revenue"]},
        "prices": {"symbols": ["AAPL"], "start": "2021-03-01", "end": _DAY, "adjusted": True},
        "market_caps": grid,
        "factors": grid | {"factors": ["pe_ratio"]},
        "ttm": grid,
        "screen": {"expression": "market_cap > 0", "date": _DAY},
        "cross_section": {"factor": "pe_ratio", "dates": [_DAY]},
        "explain": {"factor": "pe_ratio", "symbol": "AAPL", "date": _DAY},
        "sql": {"query": "SELECT count(*) AS n FROM price_data"},
    }
    assert calls.keys() == _TOOLS
    for tool, arguments in calls.items():
        answer = _call(lake, tool, **arguments)
        assert answer["rows"], tool
        assert answer["row_count"] >= len(answer["rows"])
        assert answer["snapshot"] == fl.open(lake).snapshot.id


def test_an_unknown_value_has_its_reason(lake: Path) -> None:
    """A symbol without data has a null and the cause of it."""
    [row] = _call(lake, "market_caps", symbols=["NOPE"], dates=[_DAY])["rows"]
    assert row["market_cap"] is None
    assert row["reason"]


def test_long_answers_are_cut_and_say_so(lake: Path) -> None:
    """The number of all rows is known, and the assistant is asked to narrow the question."""
    answer = _call(lake, "sql", query="SELECT * FROM price_data")
    assert len(answer["rows"]) == MOST_ROWS
    assert answer["row_count"] > MOST_ROWS
    assert "narrow the question" in answer["cut"]
    assert len(_call(lake, "sql", query="SELECT * FROM price_data", limit=3)["rows"]) == 3


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("market_caps", {"symbols": ["AAPL"], "dates": ["soon"]}, "expected a date such as"),
        ("statements", {"symbols": ["AAPL"], "statement_type": "incom"}, "expected one of income"),
        ("describe", {"table": "price_dat"}, "Did you mean 'price_data'"),
        ("sql", {"query": "SELECT * FROM read_csv('/etc/passwd')"}, "disabled"),
        ("sql", {"query": "COPY price_data TO 'copied.csv'"}, "disabled|cannot|sandbox"),
        ("sql", {"query": "SELECT repeat('x', 5000000) AS s"}, "ask for fewer"),
        ("symbols", {"limit": 0}, "from 1 on"),
        ("sql", {"query": "INSTALL httpfs"}, "disabled|cannot|sandbox"),
    ],
)
def test_wrong_and_hostile_arguments_are_refused(
    lake: Path, tool: str, arguments: dict[str, Any], message: str
) -> None:
    """The error of the protocol has the message of the lake; files and extensions are out of reach."""
    with pytest.raises(ToolError, match=message):
        _call(lake, tool, **arguments)
    assert not Path("copied.csv").exists()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        *((tool, {"symbols": 2_001, "dates": 100}) for tool in ("market_caps", "factors", "ttm")),
        ("cross_section", {"factor": "pe_ratio", "universe": "sp500", "dates": 201}),
        ("prices", {"symbols": 2_001, "start": "2020-01-01", "end": "2020-04-10"}),
        ("prices", {"symbols": 21}),
        ("statements", {"symbols": 2_001}),
    ],
)
def test_a_question_of_too_many_rows_is_refused(lake: Path, tool: str, arguments: dict[str, Any]) -> None:
    """A grid of 20,000 symbols and 700 dates was computed whole to return its first 500 rows."""
    made = {
        "symbols": lambda count: [f"S{place}" for place in range(count)],
        "dates": lambda count: [f"{1700 + place}-03-31" for place in range(count)],
    }
    spelt = {name: made[name](value) if name in made else value for name, value in arguments.items()}
    with pytest.raises(ToolError, match=r"rows; expected at most 200,000, .* let sql count"):
        _call(lake, tool, **spelt)


def test_what_a_query_drops_is_there_for_the_next(lake: Path) -> None:
    """Each call of the tool has a session of its own."""

    async def use(client: Any) -> Any:
        await client.call_tool("sql", {"query": "DROP VIEW price_data"})
        count = await client.call_tool("sql", {"query": "SELECT count(*) AS n FROM price_data"})
        return count.structured_content["rows"][0]["n"]

    assert _with_client(lake, use) > 0
