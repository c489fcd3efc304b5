"""Name the tables that the peers need, and the flows of twelve months with the names of their sums."""

from __future__ import annotations

from factorlab_lake.schema import STATEMENT_TABLES, line_items

__all__ = ["FLOWS", "NEEDED"]

NEEDED = ("price_data", "splits", *STATEMENT_TABLES.values())
_KINDS = ("income", "cash_flow")


def _flows(kind: str) -> dict[str, str]:
    """Return the name of each item's sum; an item of both statements has its plain name in the income's."""
    taken = {c.name for c in line_items("income")} if kind != "income" else set()
    names = [c.name for c in line_items(kind) if c.additive == "flow"]
    return {n: f"{n}_{kind}" if n in taken else n for n in names}


FLOWS = {STATEMENT_TABLES[kind]: _flows(kind) for kind in _KINDS}  # by table
