"""Define the columns that several derived tables share, and what all descriptions of such tables have."""

from __future__ import annotations

from factorlab_lake.schema.spec import Column, TableSpec

__all__ = [
    "COMPANY",
    "FEW_BUCKETS",
    "MANY_BUCKETS",
    "RESTATED",
    "VALID_FROM",
    "VALID_TO",
    "VINTAGE",
    "date_column",
    "derived_table",
    "text_column",
]

# A changed symbol rewrites its bucket. Each reader of all symbols opens every bucket.
MANY_BUCKETS, FEW_BUCKETS = 16, 4

VINTAGE = Column(
    "of_vintage",  # another name than the functions' parameter: DuckDB confuses the two
    "text",
    "version of restated facts: known (the newest by each day), first or latest (hindsight)",
    role="key",
)
RESTATED = Column(
    "restated",
    "boolean",
    "true if the vintages of the symbol can differ; otherwise it has only rows of the vintage known",
    role="derived",
)
VALID_FROM = Column("valid_from", "date", "first day of the interval in which the row is valid", role="key")
VALID_TO = Column("valid_to", "date", "first day after the interval", role="derived")
_BUCKET = Column(
    "bucket", "integer", "number of the group of files that has the symbol's rows", role="derived"
)


def text_column(name: str, doc: str) -> Column:
    """Return a derived column of texts."""
    return Column(name, "text", doc, role="derived")


def date_column(name: str, doc: str) -> Column:
    """Return a derived column of days."""
    return Column(name, "date", doc, role="derived")


COMPANY = (
    text_column("company_id", "company: cik: and its Central Index Key; the symbol if that is unknown"),
    text_column("statement_provider", "provider of the company's statements"),
)


def derived_table(
    name: str,
    doc: str,
    key: tuple[str, ...],
    columns: tuple[Column, ...],
    *,
    time: str = "",
    buckets: int = 0,
) -> TableSpec:
    """Describe a derived table; with ``buckets``, so many groups of files have the rows of its symbols."""
    return TableSpec(
        name=name,
        doc=doc,
        columns=(*columns, _BUCKET) if buckets else columns,
        key=key,
        sort_by=key,
        time_column=time,
        partition_by="bucket" if buckets else "",
        derived=True,
        buckets=buckets,
    )
