"""The parts of the SQL that are column lists, made from the schema: no list is written twice."""

from __future__ import annotations

from collections.abc import Callable

from factorlab_lake.factors.sql import factor_placeholders
from factorlab_lake.factors.sums import OF_PART, figure, summed
from factorlab_lake.schema import PERIOD_MONTHS, STATEMENT_TABLES, Column, TableSpec, line_items
from factorlab_lake.schema.quoting import identifier, literal

__all__ = ["filled", "flow_columns", "fragments", "lagged", "statement_periods", "ttm_columns"]


def fragments() -> dict[str, str]:
    """Return the ``{{token}}`` that stand for the same text in every engine's files."""
    return {
        **factor_placeholders(),
        "of_part": OF_PART,
        "income_sums": _sums("income"),
        "cash_flow_sums": _sums("cash_flow"),
        "ttm_flows": ",\n       ".join(
            [f"i.{identifier(n)}" for n in flow_columns("income")]
            + [f"c.{identifier(n)} AS {identifier(out)}" for n, out in _cash_flow_names().items()]
        ),
    }


def filled(text: str, values: Callable[[], dict[str, str]]) -> str:
    """Return a file's text with every ``{{token}}`` replaced by its value; most files have none to make."""
    if "{{" not in text:
        return text
    for token, value in values().items():
        text = text.replace("{{" + token + "}}", value)
    return text


def flow_columns(statement_type: str) -> list[str]:
    """Return the additive line items of a statement type: the only ones that may be summed over quarters."""
    return [c.name for c in _flows(statement_type)]


def ttm_columns() -> list[str]:
    """Return the flows by their name in ``ttm`` and ``quarters``, in their order."""
    return [*flow_columns("income"), *_cash_flow_names().values()]


def statement_periods(available: dict[str, str]) -> str:
    """Return the union of which versions there are; ``available`` is the day of use by statement type."""
    return "\nUNION ALL\n".join(_period_select(t, available[t]) for t in STATEMENT_TABLES)


def lagged(spec: TableSpec, lag: str) -> str:
    """Return from which day on a filing may be used, ``lag`` calendar days after its date.

    The date is New York's of the acceptance, or that of the filing where no acceptance is known.
    """
    accepted = "accepted_date"
    if accepted not in spec.names():
        accepted = "(accepted_at AT TIME ZONE 'America/New_York')::DATE"
    # An estimate is no filing, so no lag counts from it: it stays as stored.
    return (
        f"coalesce(CASE availability_basis WHEN 'accepted' THEN {accepted} + {lag} "
        f"WHEN 'filing_date' THEN filing_date + {lag} END, available_date)"
    )


def _flows(statement_type: str) -> list[Column]:
    return [c for c in line_items(statement_type) if c.additive == "flow"]


def _cash_flow_names() -> dict[str, str]:
    """Cash flow items by their name in ``ttm``; one that the income statement has too gets a suffix."""
    taken = set(flow_columns("income"))
    return {n: f"{n}_cash_flow" if n in taken else n for n in flow_columns("cash_flow")}


def _sums(statement_type: str) -> str:
    """Sum each flow over the parts ``p``."""
    return ",\n       ".join(f"{summed(figure(c))} AS {identifier(c.name)}" for c in _flows(statement_type))


def _period_select(statement_type: str, available: str) -> str:
    months = " ".join(f"WHEN {literal(p)} THEN {m}" for p, m in PERIOD_MONTHS.items())
    return (
        f"SELECT {literal(statement_type)} AS statement_type, symbol, fiscal_date, fiscal_period, version,\n"
        f"       {available} AS available_date, reported_currency,\n"
        f"       CASE fiscal_period {months} END AS months\n"
        f"FROM {identifier(STATEMENT_TABLES[statement_type])}"
    )
