"""Compute the derived tables of some symbols with DuckDB, from the tables that a connection shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from factorlab_lake.derive.availability_rule import AvailabilityRule
from factorlab_lake.derive.column_lists import build_placeholders
from factorlab_lake.functions.rule_placeholders import fill
from factorlab_lake.schema import TableSpec, identifier, literal
from factorlab_lake.schema.derived_tables import DERIVED_TABLES, bucket_number
from factorlab_lake.schema.limits import DERIVED_ROWS_AT_A_TIME, USUAL_ROWS_OF_SYMBOL
from factorlab_lake.storage.duckdb_frames import release_memory

if TYPE_CHECKING:
    import duckdb

__all__ = ["buckets_of", "compute", "computed_rows", "digest", "in_parts", "scripts_digest"]

# Each script creates temporary tables from those of the scripts before it.
_SCRIPTS = (
    "statements",
    "companies",
    "provider_chains",
    "statement_lengths",
    "statement_versions",
    "reporting_rhythm",
    "split_events",
    "split_history",
    "share_count_history",
    "statement_validity",
    "company_subjects",
    "quarter_validity",
    "trailing_periods",
    "quarter_history",
    "period_publications",
    "company_symbols",
    "fundamentals_history",  # last, because it takes most memory: fewer tables are left
)
_CREATED = re.compile(r"CREATE OR REPLACE TEMP TABLE (\w+)")
_BEGINNING = re.compile(r"^(?=(?:CREATE|INSERT|DELETE|UPDATE) )", re.MULTILINE)  # of a statement
_COMMENT = re.compile(r"--.*")


def in_parts(symbols: Iterable[str], rows: Mapping[str, int] | None = None) -> Iterator[list[str]]:
    """Yield the symbols in sorted parts that are small enough for :func:`compute`.

    ``rows`` has the number of stored rows by symbol, which the memory follows; without it, all symbols count
    alike.

    >>> from factorlab_lake.schema.limits import DERIVED_ROWS_AT_A_TIME
    >>> list(in_parts(["B", "A", "C"], {"A": 1, "B": DERIVED_ROWS_AT_A_TIME, "C": 1}))
    [['A'], ['B'], ['C']]
    """
    part: list[str] = []
    size = 0
    for symbol in sorted(set(symbols)):
        more = USUAL_ROWS_OF_SYMBOL if rows is None else rows.get(symbol, 0)
        if part and size + more > DERIVED_ROWS_AT_A_TIME:
            yield part
            part, size = [], 0
        part.append(symbol)
        size += more
    if part:
        yield part


def compute(
    con: duckdb.DuckDBPyConnection,
    symbols: Sequence[str],
    providers: Sequence[str],
    *,
    results_only: bool = False,
) -> None:
    """Create the derived tables of some symbols as temporary tables of a connection.

    ``providers`` is the order in which providers speak for a symbol of several; other providers come last.
    ``con`` shows the tables :data:`READ_FOR_DERIVATION`. Tables of an earlier call are replaced. The tables
    between, such as ``trailing_statements``, show which statements each figure is computed from; with
    ``results_only`` they are dropped after their last use, because they take most of the memory.
    """
    names = ", ".join(map(literal, symbols))
    order = f"[{', '.join(map(literal, providers))}]::VARCHAR[]"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE derived_symbols AS SELECT unnest([{names}]::VARCHAR[]) AS symbol"
    )
    for statement, unused in zip(_statements(), _unused_tables(), strict=True):
        con.execute(statement.replace("{{symbols}}", names).replace("{{provider_order}}", order))
        if results_only:
            release_memory(con)
            for name in unused:
                con.execute(f"DROP TABLE temp.{name}")


def computed_rows(spec: TableSpec) -> str:
    """Return the query of a derived table's rows after :func:`compute`, with the columns of the table."""
    columns = [_bucket(spec) if n == "bucket" else identifier(n) for n in spec.names()]
    return f"SELECT {', '.join(columns)} FROM temp.{spec.name}"  # noqa: S608 - names from the schema, quoted


def digest(rule: AvailabilityRule, providers: Sequence[str]) -> str:
    """Return the hash of what the rows follow from besides the tables: the SQL, and settings of the lake."""
    return hashlib.sha256(f"{scripts_digest()} {rule.setting} {list(providers)}".encode()).hexdigest()


@cache
def scripts_digest() -> str:
    """Return the hash of the SQL and of the columns."""
    columns = [computed_rows(spec) for spec in DERIVED_TABLES.values()]
    return hashlib.sha256("".join([*_scripts(), *columns]).encode()).hexdigest()


def buckets_of(symbols: Iterable[str], spec: TableSpec) -> set[int]:
    """Return the buckets of a derived table that have the rows of some symbols.

    >>> from factorlab_lake.schema.derived_tables import DERIVED_FROM, DERIVED_TABLES
    >>> buckets_of(["AAPL"], DERIVED_TABLES["fundamentals_history"])
    {0}
    """
    # The same as bucket_number in SQL.
    return {int(hashlib.md5(s.encode()).hexdigest()[:4], 16) % spec.buckets for s in symbols}  # noqa: S324


def _bucket(spec: TableSpec) -> str:
    return f"{bucket_number('symbol', spec.buckets)} AS bucket"


@cache
def _unused_tables() -> list[list[str]]:
    """Return for each statement the tables that no later one and no derived table needs."""
    last: dict[str, int] = {}
    for place, statement in enumerate(_statements()):
        names = set(re.findall(r"\w+", _COMMENT.sub("", statement)))
        last |= dict.fromkeys(names.intersection(last).union(_CREATED.findall(statement)), place)
    return [
        [name for name, end in last.items() if end == place and name not in DERIVED_TABLES]
        for place in range(len(_statements()))
    ]


@cache
def _statements() -> list[str]:
    return [s for script in _scripts() for s in _BEGINNING.split(script) if _COMMENT.sub("", s).strip()]


@cache
def _scripts() -> tuple[str, ...]:
    folder = files(__package__).joinpath("sql")
    texts = [folder.joinpath(f"{name}.sql").read_text(encoding="utf-8") for name in _SCRIPTS]
    return tuple(fill(text, build_placeholders) for text in texts)
