"""Generate the reference page of the SQL functions from the heads of their files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import factorlab_lake as fl
from docs.markdown import escaped, table
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, sql_text

__all__ = ["PUBLIC_SQL", "sql_page"]

# The functions and views that users call; the others are building blocks.
PUBLIC_SQL = (
    "market_caps",
    "factors",
    "ttm",
    "quarters",
    "statements_as_of",
    "shares_as_of",
    "ratios",
    "adjusted_prices",
    "financial_statements",
    "financial_ratios",
    "revisions",
)
# One value for each parameter: DESCRIBE needs a complete call.
_ARGUMENTS = {
    "symbols": "['AAPL']",
    "dates": "[DATE '2021-01-01']",
    "as_of": "DATE '2021-01-01'",
    "start_date": "DATE '2021-01-01'",
    "end_date": "DATE '2021-01-31'",
}
# A line of a head that begins a paragraph: a list item, a label, or a column with its formula.
_BEGINS = re.compile(r"-|[A-Z][\w ]{0,24}:|[a-z_]+(, [a-z_]+)* ?[=:]")
# Names that are also words, such as "factors", are left alone.
_FUNCTION_NAME = re.compile(rf"\b({'|'.join(name for name in FUNCTIONS if '_' in name)})\b")


_OWN_SQL = """## SQL of your own

`lake.sql` runs any SQL of DuckDB on connections that no other method uses. What you set, create, attach or
leave open there changes your later SQL in the same thread, and no answer of another method or thread.
`lake.close()` removes it. After `USE`, name the lake's tables with `memory.main`.

An error within a transaction rolls the transaction back, and says so. After Ctrl-C your tables are still
there.

SQL cannot write into the lake's folder: `COPY`, `EXPORT DATABASE`, `ATTACH`, logs, profiles and settings
with such a path are refused. This protects from mistakes. Against SQL that you do not trust, use the
sandbox.

`fl.open(path, sandbox=True)`, or `factorlab-lake sql --sandbox`, lets `lake.sql` read the data files of its
snapshot and nothing else. It reads and writes no other file, uses no network, loads no extension, and
changes no setting. It sees no secrets and no variables of your program. Functions, parameters, and tables
and macros of your own work. All other methods of the lake answer as without a sandbox.

A sandbox has 2,048 MiB of memory (`FACTORLAB_SANDBOX_MEMORY_MB`), tables of your own included, and an answer
may take as much again. One call has 60 seconds (`FACTORLAB_SANDBOX_TIMEOUT_S`). Beyond, the call raises
`QueryStopped`, and the next one runs. A query that does not fit into memory fails, because it cannot use a
temporary file. Texts within one expression are not counted, and planning a query is not interrupted.

`lake.sql(query, frames={"mine": frame})` reads frames of polars and pandas, and tables of pyarrow, as tables
of that call, in place and in a sandbox too. The index of a pandas frame is left out. A name that would hide
a table or function is refused. A server has only its own tables: pass lists as parameters there."""


def sql_page() -> Iterator[str]:
    """Yield the paragraphs of the page."""
    yield "# SQL functions and views"
    yield (
        "Each text below is the head of the function's SQL file. A function is called as a table: "
        "`SELECT * FROM market_caps(['AAPL'], ['2021-03-31'::DATE])`. "
        "Parameters with a default are given by name: `vintage := 'first'` in DuckDB, "
        "`vintage => 'first'` in PostgreSQL."
    )
    yield from (" ".join(paragraph.split("\n")) for paragraph in _OWN_SQL.split("\n\n"))
    with tempfile.TemporaryDirectory() as folder, fl.open(Path(folder) / "lake") as lake:
        for name in PUBLIC_SQL:
            yield f"## {name}"
            yield from _head(name)
            yield table(("column", "type"), _columns(lake, name))
    yield "## Building blocks"
    yield "The functions above call these. They can be called too, but they may change between versions."
    for name in (name for name in FUNCTIONS if name not in PUBLIC_SQL):
        yield f"### {name}"
        yield from _head(name)


def _comment(name: str) -> Iterator[str]:
    """Yield the lines of the comment at the top of a SQL file."""
    for line in sql_text(name).splitlines():
        if not line.startswith("--"):
            return
        yield line.removeprefix("--").strip()


def _head(name: str) -> Iterator[str]:
    """Yield the paragraphs and lists of a SQL file's head: its signature first."""
    first, *rest = _comment(name)
    signature, purpose = _split(first)
    yield f"```text\n{signature}\n```"
    paragraphs = [f"{purpose[0].upper()}{purpose[1:].removesuffix('.')}."] if purpose else []
    for line in filter(None, rest):
        if line.startswith("- ") and paragraphs and paragraphs[-1].startswith("- "):
            paragraphs[-1] += f"\n{line}"
        elif _BEGINS.match(line) or len(paragraphs) < len([purpose]) + 1:
            paragraphs.append(line)
        else:
            paragraphs[-1] += f" {line}"
    yield from map(_linked, paragraphs)


def _linked(text: str) -> str:
    """Return a paragraph in Markdown, with links from the names of functions to their texts."""
    parts = escaped(text).split("`")
    parts[::2] = [_FUNCTION_NAME.sub(r"[\g<0>](#\g<0>)", part) for part in parts[::2]]
    return "`".join(parts)


def _split(first_line: str) -> tuple[str, str]:
    """Return the signature and the purpose, which share the first line of a head.

    >>> _split("f(symbols, limit := 10): what it does")
    ('f(symbols, limit := 10)', 'what it does')
    """
    match = re.match(r"(\w+(?:\(.*?\))?): (.+)", first_line)
    return (match[1], match[2]) if match else (first_line, "")


def _columns(lake: fl.Lake, name: str) -> Iterator[tuple[str, str]]:
    signature, _ = _split(next(_comment(name)))
    parameters = [
        p.strip() for p in signature.partition("(")[2].rstrip(")").split(",") if p and ":=" not in p
    ]
    call = f"{name}({', '.join(_ARGUMENTS[p] for p in parameters)})" if parameters else name
    query = f"DESCRIBE SELECT * FROM {call}"  # noqa: S608 - the names are those of our own functions
    described = lake.sql(query).select("column_name", "column_type")
    yield from ((f"`{column}`", f"`{kind}`") for column, kind in described.rows())
