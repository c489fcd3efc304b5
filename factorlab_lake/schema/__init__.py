"""The tables as data: one :class:`TableSpec` gives storage schema, views, DDL and documentation."""

from factorlab_lake.schema.line_items import STATEMENT_TYPES, line_items
from factorlab_lake.schema.spec import TYPES, Column, TableSpec
from factorlab_lake.schema.tables import DATASETS, PERIOD_MONTHS, STATEMENT_TABLES, TABLES, table

__all__ = [
    "DATASETS",
    "PERIOD_MONTHS",
    "STATEMENT_TABLES",
    "STATEMENT_TYPES",
    "TABLES",
    "TYPES",
    "Column",
    "TableSpec",
    "line_items",
    "table",
]
