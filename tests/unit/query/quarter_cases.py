"""Add companies that report cumulative figures, and look up their quarters and trailing years."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from factorlab_lake.lake import Lake
from tests.support import derived_steps
from tests.unit.query.lake_builder import LakeBuilder, filing

__all__ = [
    "HALF",
    "NEXT",
    "NEXT_KNOWN",
    "NINE",
    "Q1",
    "Q2",
    "Q3",
    "Q4",
    "SECOND",
    "SECOND_KNOWN",
    "THREE",
    "YEAR_KNOWN",
    "Asked",
    "Quarter",
    "add_flows",
    "overlaps",
    "quarters_of",
    "trailing_years_of",
]

Row = dict[str, Any]
Asked = Callable[[str, str], Row]
Quarter = Callable[[str, str, str], tuple[float, str] | None]

Q1, Q2, Q3, Q4, NEXT, SECOND = (
    "2020-03-31",
    "2020-06-30",
    "2020-09-30",
    "2020-12-31",
    "2021-03-31",
    "2021-06-30",
)
HALF, NINE = Q2, Q3
FETCHED = datetime(2021, 12, 31, 22, tzinfo=UTC)
# A statement is known 30 days after its end unless the case says otherwise.
YEAR_KNOWN, NEXT_KNOWN, SECOND_KNOWN = "2021-01-30", "2021-04-30", "2021-07-30"
THREE = ((Q1, "Q1", 10), (Q2, "Q2", 20), (Q3, "Q3", 30))


def add_flows(cases: LakeBuilder, symbol: str, *filed: tuple[Any, ...], kind: str = "income") -> None:
    """Add statements: (end, period, revenue) with the filing day, or a mapping of items, after it."""
    records = []
    for end, period, revenue, *more in filed:
        items: dict[str, Any] = {"revenue": revenue} if kind == "income" else {"operatingCashFlow": revenue}
        for one in more:
            items |= {"filed": one} if isinstance(one, str) else one
        records.append(filing(end, period, **items))
    for record in records:  # versions of one period are served one after the other
        cases.statements(symbol, kind, [record], fetched=FETCHED)


def quarters_of(made: Lake) -> Quarter:
    """Return the revenue and derivation of a case's quarter as known on a day; nothing where it has none."""
    query = (
        "SELECT * FROM quarter_history WHERE of_vintage = 'known' AND derivation IS NOT NULL "
        "ORDER BY symbol, fiscal_date, valid_from"
    )
    rows = made.sql(query).to_dicts()

    def answer(symbol: str, end: str, day: str) -> tuple[float, str] | None:
        at = date.fromisoformat(day)
        valid = [
            (row["revenue"], row["derivation"])
            for row in rows
            if row["symbol"] == symbol
            and row["fiscal_date"].isoformat() == end
            and row["valid_from"] <= at < row["valid_to"]
        ]
        assert len(valid) < 2
        return valid[0] if valid else None

    return answer


def trailing_years_of(made: Lake) -> Asked:
    """Return the trailing year of any case on any day of 2020 and 2021, from one query."""
    symbols = made.sql("SELECT DISTINCT symbol FROM income_statements")["symbol"].to_list()
    answers = made.ttm(symbols, start="2020-07-01", end="2021-09-30", freq="D")
    rows = {(row["symbol"], row["date"].isoformat()): row for row in answers.to_dicts()}
    return lambda symbol, day: rows[symbol, day]


def overlaps(made: Lake) -> list[tuple[Any, ...]]:
    """Return the quarters of which two contents hold at one time."""
    symbols = made.sql("SELECT DISTINCT symbol FROM income_statements")["symbol"].to_list()
    answer = derived_steps(made, symbols).execute(
        """
        SELECT a.subject, a.fiscal_date, a.derivation, b.derivation AS other
        FROM quarter_validity a JOIN quarter_validity b
          ON a.statement_type = b.statement_type AND a.subject = b.subject AND a.fiscal_date = b.fiscal_date
         AND a.months = b.months AND (a.components <> b.components OR a.valid_from <> b.valid_from)
         AND a.valid_from < b.valid_to AND b.valid_from < a.valid_to
        """
    )
    return answer.fetchall()
