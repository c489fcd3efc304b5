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
from factorlab_lake.schema.tables import DATASETS, PERIOD_DAYS, PERIOD_MONTHS, STATEMENT_TABLES, TABLES, table

__all__ = [
    "DATASETS",
    "PERIOD_DAYS",
    "PERIOD_MONTHS",
    "STATEMENT_TABLES",
    "STATEMENT_TYPES",
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
