"""The tables that are needed, and the flows summed over twelve months under the names that the sums have."""

from __future__ import annotations

from factorlab_lake.schema import STATEMENT_TABLES, line_items

__all__ = ["FLOWS", "NEEDED"]

NEEDED = ("price_data", "splits", *STATEMENT_TABLES.values())
_KINDS = ("income", "cash_flow")


def _flows(kind: str) -> dict[str, str]:
    """Return item: name of its sum. What both statements have keeps its name in the income's."""
    taken = {c.name for c in line_items("income")} if kind != "income" else set()
    names = [c.name for c in line_items(kind) if c.additive == "flow"]
    return {n: f"{n}_{kind}" if n in taken else n for n in names}


FLOWS = {STATEMENT_TABLES[kind]: _flows(kind) for kind in _KINDS}  # by table
