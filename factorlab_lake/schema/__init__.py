"""Describe the tables as data: storage schema, views, DDL and documentation follow from a TableSpec."""

from factorlab_lake.schema.spec import (
    STATEMENT_TYPES,
    TYPES,
    Column,
    TableSpec,
    identifier,
    identifiers,
    line_items,
    literal,
)
from factorlab_lake.schema.tables import (
    DATASETS,
    OPTIONAL_TABLES,
    PERIOD_DAYS,
    PERIOD_MONTHS,
    STATEMENT_TABLES,
    STORED_TABLES,
    TABLES,
    table,
)

__all__ = [
    "DATASETS",
    "OPTIONAL_TABLES",
    "PERIOD_DAYS",
    "PERIOD_MONTHS",
    "STATEMENT_TABLES",
    "STATEMENT_TYPES",
    "STORED_TABLES",
    "TABLES",
    "TYPES",
    "Column",
    "TableSpec",
    "identifier",
    "identifiers",
    "line_items",
    "literal",
    "table",
]
