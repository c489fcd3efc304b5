from __future__ import annotations

import re
from pathlib import Path

import pytest

from factorlab_lake.derive import computation
from factorlab_lake.functions import duckdb_functions, shared_parts
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, sql_text
from factorlab_lake.functions.question_texts import QUESTIONS
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from tests.support import ROOT

_FUNCTIONS = ROOT / "factorlab_lake" / "functions"
_SHELL = _FUNCTIONS / "shell" / "duckdb"
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
    assert _names(_SHELL) == set(FUNCTIONS)
    assert len(set(FUNCTIONS)) == len(FUNCTIONS)
    assert set(FUNCTIONS).isdisjoint(TABLES)


def test_every_part_of_a_text_is_used() -> None:
    """The shell's parts, the questions' texts and the scripts of derived tables are all listed."""
    assert _names(_SHELL / "parts") == set(duckdb_functions._PARTS)
    assert _names(_FUNCTIONS) == set(QUESTIONS) - {"inputs_of_factors"}  # in factor_inputs.sql
    assert _names(ROOT / "factorlab_lake" / "derive" / "sql") == set(computation._SCRIPTS)
    known = {*duckdb_functions._PARTS, *QUESTIONS}
    texts = "".join(path.read_text(encoding="utf-8") for path in _SHELL.rglob("*.sql"))
    unused = [n for n in known if not re.search(rf"\{{\{{{n}(_with_dates)?\}}\}}", texts)]
    assert unused == []


def test_every_shared_part_is_used() -> None:
    """Each text of several engines is listed, and an engine or another part has its placeholder."""
    parts = _FUNCTIONS / "parts"
    assert _names(parts) == set(shared_parts.NAMES)
    shells = [*parts.glob("*.sql"), *(_FUNCTIONS / "shell").rglob("*.sql")]
    texts = "".join(path.read_text(encoding="utf-8") for path in shells)
    assert [name for name in shared_parts.NAMES if "{{" + name + "}}" not in texts] == []


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.sql")}


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


def test_no_exists_compares_columns_for_inequality() -> None:
    """DuckDB 1.5 finds no row for EXISTS with `<>` beside `<` or `>`; SEMI and ANTI JOIN find them."""
    places = [_SHELL, *(ROOT / "factorlab_lake" / name / "sql" for name in ("derive", "quality"))]
    files = [path for place in places for path in place.rglob("*.sql")]
    bodies = {path: _exists_bodies(path.read_text(encoding="utf-8")) for path in files}
    assert sum(map(len, bodies.values())) > 5
    refused = {p.name: b for p, b in bodies.items() if any(re.search(r"\w\.\w+ <> \w+\.\w", t) for t in b)}
    assert refused == {}


def _exists_bodies(text: str) -> list[str]:
    """Return the query of each EXISTS, up to its own closing bracket."""
    bodies = []
    for match in re.finditer(r"\bEXISTS \(", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        bodies.append(text[match.end() : end])
    return bodies
