"""Convert facts, rows of one item each, to statements with one row per filing."""

from __future__ import annotations

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.load_headings import fmp_columns
from factorlab_lake.schema import STATEMENT_TABLES, TableSpec
from factorlab_lake.schema.spec import line_items

__all__ = ["item_names", "statements_of_facts"]

_NAMES_SHOWN = 5
_WITHOUT_CURRENCY = ("shares", "share", "pure", "number")
_TYPE_OF = {table: kind for kind, table in STATEMENT_TABLES.items()}


def item_names(table: str) -> set[str]:
    """Return the names of the line items in a table of statements."""
    return {c.name for c in line_items(_TYPE_OF[table])}


def statements_of_facts(rows: pl.DataFrame, spec: TableSpec, notes: dict[str, int]) -> pl.DataFrame:
    """Return one row per statement and filing from rows of one item each."""
    known = {name: name for name in item_names(spec.name)} | fmp_columns(spec.name)
    items = rows["item"].cast(pl.String).str.strip_chars()
    named = rows.with_columns(
        item=items.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.String)
    )
    unknown = items.filter(named["item"].is_null()).unique().sort().to_list()
    if unknown:
        shown = ", ".join(map(str, unknown[:_NAMES_SHOWN]))
        more = f" and {len(unknown) - _NAMES_SHOWN} more" if len(unknown) > _NAMES_SHOWN else ""
        notes[f"items that the table does not have left out: {shown}{more}"] = named["item"].null_count()
    facts = _with_currency(named.drop_nulls("item")).unique(maintain_order=True)
    key = [c for c in facts.columns if c not in ("item", "value")]
    twice = facts.filter(facts.select(*key, "item").is_duplicated())
    if twice.height:
        first = twice.row(0, named=True)
        raise InvalidInput(
            f"{first['item']} of {first.get('symbol')} for {first.get('fiscal_date')} has two values in one "
            "filing; remove one of them, or give the filing dates.",
            item=first["item"],
        )
    return facts.pivot("item", index=key, values="value")


def _with_currency(facts: pl.DataFrame) -> pl.DataFrame:
    """Read SEC's units as a currency: USD/shares is of USD, and a count of shares has that of its filing."""
    if "reported_currency" not in facts.columns:
        return facts
    unit = pl.col("reported_currency").cast(pl.String).str.strip_chars()
    unit = unit.str.replace(r"(?i)\s*(?:/|-per-)\s*shares?$", "")
    unit = pl.when(~unit.str.to_lowercase().is_in(_WITHOUT_CURRENCY)).then(unit)
    filing = [c for c in facts.columns if c not in ("item", "value", "reported_currency")]
    facts = facts.with_columns(reported_currency=unit)
    # In a filing with two currencies, only the user can tell that of a count.
    several = pl.col("reported_currency").n_unique().over(filing) > 1 + pl.col(
        "reported_currency"
    ).is_null().any().over(filing)
    first = pl.col("reported_currency").drop_nulls().first().over(filing)
    return facts.with_columns(reported_currency=pl.when(several).then("reported_currency").otherwise(first))
