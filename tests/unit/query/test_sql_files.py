from __future__ import annotations

import re

import pytest

from factorlab_lake.functions.duckdb_functions import FUNCTIONS, sql_text
from factorlab_lake.lake import Lake
from factorlab_lake.query.row_cache_files import SOURCES
from factorlab_lake.schema import TABLES
from tests.support import ROOT

_FILES = sorted((ROOT / "factorlab_lake" / "functions" / "shell" / "duckdb").glob("*.sql"))
_VALUES = {
    "symbols": "['AAPL', 'O''X']",
    "dates": "['2024-01-31'::DATE]",
    "as_of": "DATE '2024-01-31'",
    "start_date": "DATE '2024-01-01'",
    "end_date": "DATE '2024-01-31'",
    "vintage": "'known'",
    "close": "71.5143",
    "splits_since": "7.0",
}
_HEAD = re.compile(
    r"CREATE OR REPLACE (?P<kind>VIEW|MACRO) (?P<name>\w+)\s*"
    r"(?:\((?P<arguments>[^)]*)\))?\s*AS(?P<table> TABLE)?"
)


def _question(name: str) -> str:
    """Return a query that uses a function with sample arguments, those with a default left out."""
    head = _HEAD.search(sql_text(name))
    assert head is not None
    assert head["name"] == name
    if head["kind"] == "VIEW":
        return f"SELECT * FROM {name}"
    required = [a.strip() for a in head["arguments"].split(",") if ":=" not in a]
    call = f"{name}({', '.join(_VALUES[a] for a in required)})"
    return f"SELECT * FROM {call}" if head["table"] else f"SELECT {call} AS answer"


def test_every_file_is_installed_and_every_function_has_a_file() -> None:
    """A file that is not listed would be dead; a name without a file would fail at its first use."""
    assert {file.stem for file in _FILES} == set(FUNCTIONS)
    assert len(set(FUNCTIONS)) == len(FUNCTIONS)
    assert set(FUNCTIONS).isdisjoint(TABLES)
    others = {str(file.relative_to(_FILES[0].parent)) for file in _FILES[0].parent.glob("*/*.sql")}
    assert others == {f"{source.file}.sql" for source in SOURCES if source.file}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_prepares_and_answers_on_an_empty_lake(lake: Lake, name: str) -> None:
    """Each function can be asked before there is any data: it parses, binds and runs."""
    result = lake.sql(_question(name))
    assert result.columns


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_comes_with_what_it_builds_on(lake: Lake, name: str) -> None:
    """The parts a function needs are listed before it, so that installing in order never fails."""
    own = FUNCTIONS.index(name)
    later = [n for n in FUNCTIONS[own + 1 :] if re.search(rf"\b{n}\b", _code(name))]
    assert later == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_file_says_what_it_gives(name: str) -> None:
    """The head of each file names the function, and everything is filled in that is made from the schema."""
    text = sql_text(name)
    assert text.startswith(f"-- {name}")
    assert "{{" not in text
    assert text.rstrip().endswith(";")


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "AS TABLE" in sql_text(n) or "VIEW" in sql_text(n)])
def test_a_file_states_its_grain(name: str) -> None:
    """Each function that gives rows says what one row is."""
    assert "-- Grain: " in sql_text(name)


def _code(name: str) -> str:
    return re.sub(r"--.*|'[^']*'", "", sql_text(name))
