"""Fill the SQL texts of the questions for Spark: the shared questions, and column lists from the schema.

Spark has no function that returns a table and takes lists, so a text is a query with the arguments in it. It
reads the symbols and dates from the relations ``requested_symbols`` and ``requested_dates``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from factorlab_lake.functions import duckdb_functions
from factorlab_lake.functions.question_texts import (
    QUESTIONS,
    output_columns,
    question_text,
)
from factorlab_lake.functions.revision_texts import revisions_query
from factorlab_lake.functions.rule_placeholders import fill
from factorlab_lake.functions.shared_parts import shared_parts
from factorlab_lake.functions.sql_placeholders import (
    effective_basis,
    effective_date,
    shared_placeholders,
)
from factorlab_lake.schema import (
    STATEMENT_TABLES,
    STORED_TABLES,
    TABLES,
    Column,
    TableSpec,
    identifier,
    line_items,
    literal,
    table,
)
from factorlab_lake.schema.columns import ACCESSION_PATTERN
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from factorlab_lake.schema.quality_rules import quality_score
from factorlab_lake.schema.quote_units import is_quote_unit_unknown, quote_currency
from factorlab_lake.schema.rules import (
    BEGINNING_OF_TIME,
    END_OF_TIME,
    PRICE_AGE_LIMIT_DAYS,
    QUARTER_AGE_LIMIT_DAYS,
)

__all__ = [
    "VIEWS",
    "empty_query",
    "in_spark",
    "question_query",
    "relations_in",
    "renamed",
    "table_query",
    "view_query",
]

VIEWS = (
    "financial_statements",
    "multi_class_symbols",
    "instruments",
    "sectors",
    "universe_members",
    "revisions",
    "financial_ratios",
)
"""The views: those that the questions read, and those that are read as tables."""

_PARTS = ("grid", "cap_facts", "factor_facts", "fundamentals", "unrounded_close")
# Columns of fundamentals_history by which its rows are matched, or that another table has too.
_NOT_FACTS = {
    *("symbol", "of_vintage", "restated", "valid_from", "valid_to", "bucket"),
    *("company_id", "statement_provider"),
}
_MAIN_UNIT = "u.symbol IS NOT NULL"  # Sail cannot run a subquery in a column of SELECT
_LITERAL_NAME_OR_COMMENT = re.compile(r"""('(?:[^']|'')*')|"((?:[^"]|"")*)"|--.*""")
_WORDS = {
    "among_requested": "IN (SELECT symbol FROM requested)",
    "first_day": "{{start_date}}",
    "last_day": "{{end_date}}",
    "year_of_bar": "",
    "same_from": "date_sub(t.date, {{SAME_SPLIT_DAYS}})",
    "same_to": "date_add(t.date, {{SAME_SPLIT_DAYS}})",
    "published_day": "datediff(p.published_on, {{EPOCH}})",
}
_OF_ONE_PART = {"financial_ratios": "{{ratios_of_all}}"}  # has no file of its own
_OF_ALL_SYMBOLS = {
    "price_age_limit": str(PRICE_AGE_LIMIT_DAYS),
    "shares_age_limit": str(QUARTER_AGE_LIMIT_DAYS),
    "age_limit": str(QUARTER_AGE_LIMIT_DAYS),
    "vintage": literal("known"),
    "first_year": str(BEGINNING_OF_TIME.year),
    "last_year": str(END_OF_TIME.year),
    **{
        f"buckets_of_{n}": ", ".join(map(str, range(s.buckets)))
        for n, s in DERIVED_TABLES.items()
        if s.buckets
    },
}
_RELATION = re.compile(r"\b(FROM|JOIN)(\s+)`?(\w+)`?", re.IGNORECASE)


def in_spark(text: str) -> str:
    r"""Return a text in Spark's dialect: names in backticks, and its name of the type of numbers.

    >>> in_spark('''SELECT "a", '"' AS b, CAST(c AS DOUBLE PRECISION) -- a comment''')
    'SELECT `a`, \'"\' AS b, CAST(c AS DOUBLE) '
    """
    names = _LITERAL_NAME_OR_COMMENT.sub(lambda m: m[1] or (f"`{m[2]}`" if m[2] else ""), text)
    return names.replace("DOUBLE PRECISION", "DOUBLE")


def renamed(text: str, prefix: str) -> str:
    """Return a text that reads the lake's tables and views under other names, which begin with a prefix.

    >>> renamed("SELECT symbol FROM splits JOIN counts", "lake_7_")
    'SELECT symbol FROM lake_7_splits JOIN counts'
    """

    def name(match: re.Match[str]) -> str:
        is_of_lake = match[3] in STORED_TABLES or match[3] in VIEWS
        return f"{match[1]}{match[2]}{prefix}{match[3]}" if is_of_lake else match[0]

    return _RELATION.sub(name, text)


def question_query(name: str, arguments: Mapping[str, str]) -> str:
    """Return the query of a question; ``arguments`` are the SQL literals of its placeholders."""
    parts = {part: _file(f"parts/{part}.sql").strip() for part in _PARTS}
    text = fill(_OF_ONE_PART.get(name) or _file(f"{name}.sql"), lambda: shared_parts(_WORDS))
    text = fill(fill(text, lambda: parts), lambda: parts)
    text = fill(fill(text, _questions), lambda: dict(arguments))
    return in_spark(fill(text, _columns))


@cache
def view_query(name: str) -> str:
    """Return the query of a view; a view that is the same in every engine has a text in DuckDB's folder."""
    if name == "financial_ratios":
        return question_query(name, _OF_ALL_SYMBOLS)
    if files(__package__).joinpath(f"{name}.sql").is_file():
        return in_spark(fill(_file(f"{name}.sql"), _columns))
    text = duckdb_functions.sql_text(name).partition(f"VIEW {name} AS")[2].strip().rstrip(";")
    return in_spark(text.replace("(fetched_at AT TIME ZONE 'UTC')::DATE", _utc_day("fetched_at")))


def relations_in(query: str) -> list[str]:
    """Return the tables and views that a query reads, in the order of their names.

    >>> relations_in("SELECT * FROM splits JOIN counts")
    ['splits']
    """
    return sorted({m[3] for m in _RELATION.finditer(query)} & {*STORED_TABLES, *VIEWS})


def empty_query(spec: TableSpec) -> str:
    """Return the query of a table without rows."""
    types = {c.name: c.types.delta.upper() for c in spec.columns}
    types |= {other: types[name] for other, name in spec.other_names}
    columns = ", ".join(
        f"CAST(NULL AS {kind.replace('INTEGER', 'INT')}) AS `{name}`" for name, kind in types.items()
    )
    return f"SELECT {columns} WHERE false"


def table_query(spec: TableSpec, stored: set[str], lag: str | None) -> str:
    """Return the query of a table's rows over ``stored_rows``, as every engine shows them.

    A column that the files lack is a typed NULL. The availability rule decides the first day of a filing's
    use; ``lag`` is that of the rule, None for the stored day.
    """
    types = {c.name: c.types.delta.upper().replace("INTEGER", "INT") for c in spec.columns}
    missing = [f"CAST(NULL AS {types[n]}) AS {n}" for n in spec.names() if n not in stored]
    rows = f"(SELECT {', '.join(['*', *missing])} FROM stored_rows)"
    others = [f"{name} AS {other}" for other, name in spec.other_names]
    columns = [*(_column(spec, name, lag) for name in spec.names()), *others]
    return in_spark(f"SELECT {', '.join(columns)} FROM {rows} AS stored")


def _column(spec: TableSpec, name: str, lag: str | None) -> str:
    if (default := spec.column(name).default) is not None:
        return f"coalesce({identifier(name)}, {default}) AS {identifier(name)}"
    if spec.derived or name not in ("available_date", "availability_basis"):
        return identifier(name)
    effective = effective_date if name == "available_date" else effective_basis
    text = effective(spec, lag).replace("(accepted_at AT TIME ZONE 'America/New_York')::DATE", _NEW_YORK_DAY)
    return f"{text} AS {name}"


def _utc_day(column: str) -> str:
    """Return the SQL of a time's day in UTC, whatever the session's time zone is."""
    return f"date_add(DATE '1970-01-01', CAST(floor(unix_micros({column}) / 86400000000e0) AS INT))"


_UTC_TIME = "convert_timezone(current_timezone(), 'UTC', CAST({} AS TIMESTAMP_NTZ))"
_NEW_YORK_DAY = (
    "to_date(convert_timezone(current_timezone(), 'America/New_York', CAST(accepted_at AS TIMESTAMP_NTZ)))"
)


def _file(path: str) -> str:
    return files(__package__).joinpath(path).read_text(encoding="utf-8")


@cache
def _questions() -> dict[str, str]:
    return {
        **{name: question_text(name).strip() for name in QUESTIONS},
        "factor_inputs_with_dates": _with_date(
            question_text("factor_inputs"), output_columns("factor_inputs")
        ),
        "factors_with_dates": _with_date(question_text("factors"), output_columns("factors")),
    }


def _with_date(question: str, columns: list[str]) -> str:
    """Return a question whose day of availability is a date."""
    names = [
        "date_add({{EPOCH}}, inputs_available_day) AS inputs_available_date"
        if column == "inputs_available_day"
        else identifier(column)
        for column in columns
    ]
    return f"SELECT {', '.join(names)}\nFROM ({question.strip()}) AS answer"


@cache
def _columns() -> dict[str, str]:
    facts = [n for n in table("fundamentals_history").names() if n not in _NOT_FACTS]
    return {
        **shared_placeholders(),
        "is_quote_unit_unknown": is_quote_unit_unknown("r.symbol", _MAIN_UNIT),
        "quote_currency": quote_currency("r.symbol", "f.currency", _MAIN_UNIT),
        "revisions_query": revisions_query(_text),
        "fundamentals_columns": ", ".join(map(identifier, facts)),
        "facts_of_interval": ", ".join(f"i.{identifier(n)}" for n in facts),
        "statement_union": "\nUNION ALL\n".join(map(_statement_select, STATEMENT_TABLES)),
    }


def _text(column: Column) -> str:
    """Return the SQL of a value as text; a number is written as the engine does."""
    name = f"t.{identifier(column.name)}"
    if column.kind == "timestamp":
        return f"concat(CAST({_UTC_TIME.format(name)} AS STRING), '+00')"
    return f"CAST({name} AS STRING)"


def _accession() -> str:
    """Return the expression for SEC's number of a filing.

    The dashes are put in without a replacement text: the engines of this dialect read one differently.
    """
    texts = "concat_ws(' ', final_link, link, get_json_object(extra, '$.accession'))"
    digits = f"nullif(replace(regexp_extract({texts}, '({ACCESSION_PATTERN})', 1), '-', ''), '')"
    parts = (f"substr({digits}, {first}, {length})" for first, length in ((1, 10), (11, 2), (13, 6)))
    return " || '-' || ".join(parts)


def _statement_select(kind: str) -> str:
    spec = TABLES[STATEMENT_TABLES[kind]]
    items = ", ".join(f"{literal(c.name)}, {identifier(c.name)}" for c in line_items(kind))
    attributes = ", ".join(identifier(c.name) for c in spec.columns if not c.additive)
    return (
        f"SELECT {literal(kind)} AS statement_type, {attributes},\n"
        f"       {_accession()} AS accession,\n"
        f"       to_json(named_struct({items})) AS metrics,\n"
        f"       {quality_score(kind)} AS data_quality_score\nFROM {identifier(spec.name)}"
    )
