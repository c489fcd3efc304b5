"""A DuckDB client that knows nothing of the package: it opens a file, asks, and writes down what it got.

Runs by itself, under whichever duckdb it finds: ``python plain_client.py VERSION DATABASE FOLDER``, with the
questions on stdin: JSON of an object of names and queries, and a list of the names to plan.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

__all__ = ["answer", "plan"]


def answer(database: Path, questions: dict[str, str], planned: list[str], into: Path) -> None:
    """Write the rows of each question to ``NAME.parquet`` in a folder, and some plans to ``NAME.txt``."""
    into.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(database), read_only=True) as con:
        for name, query in questions.items():
            place = str(into / f"{name}.parquet").replace("'", "''")
            con.execute(f"COPY ({query}) TO '{place}' (FORMAT parquet)")
            if name in planned:
                (into / f"{name}.txt").write_text(plan(con, query), encoding="utf-8")


def plan(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return the physical plan, with the names of its steps whole."""
    [(_, text)] = con.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()
    return str(text)


if __name__ == "__main__":
    version, database, into = sys.argv[1:]
    assert duckdb.__version__.startswith(version), f"duckdb {duckdb.__version__} instead of {version}"
    questions, planned = json.load(sys.stdin)
    answer(Path(database), questions, planned, Path(into))
