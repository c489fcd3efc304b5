"""Plant faults of statements' periods, dates and versions, with correct neighbours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from tests.support import FETCHED
from tests.unit.quality.expected import add, expect
from tests.unit.quality.planted_faults import QUARTERS, Row, statements

_INCOME = "income_statements"
Change = Callable[[int, Row], Row]
_YEAR_ENDS = [date(year, 12, 31) for year in (2015, 2016, 2017)]


def plant_cases() -> None:
    """Add the rows of every case, and what the rules must find in them."""
    _publication()
    _figures()
    _lengths()
    _years()
    _versions()
    _companies()
    _rejects()


def _publication() -> None:
    def accepted(hour: int) -> Row:
        day = QUARTERS[3] + timedelta(days=40)
        return {"accepted_at": datetime(day.year, day.month, day.day, hour, tzinfo=UTC)}

    # Midnight in New York is 5:00 UTC in winter.
    add(_INCOME, statements("income", "MIDNIGHT", lambda i, r: r | accepted(5) if i == 3 else r))
    add(_INCOME, statements("income", "ONE_O_CLOCK", lambda i, r: r | accepted(6) if i == 3 else r))
    expect("date_without_time", "MIDNIGHT", QUARTERS[3])

    revised = {"version": 2, "change_kind": "vendor_revision", "revenue": 1.2e9}
    restated = revised | {"change_kind": "restatement"}
    for symbol, second in (("REVISED", revised), ("RESTATED", restated)):
        rows = statements("income", symbol)
        add(_INCOME, [*rows, rows[3] | second])
    expect("vendor_revision", "REVISED", QUARTERS[3])


def _figures() -> None:
    def one(symbol: str, **wrong: object) -> None:
        add(_INCOME, statements("income", symbol, lambda i, r: r | wrong if i == 3 else r))

    one("NO_GROSS_PROFIT", gross_profit=0.0, cost_of_revenue=0.0)
    one("ALL_COST", gross_profit=0.0, cost_of_revenue=1.03e9)
    expect("zero_gross_profit", "NO_GROSS_PROFIT", QUARTERS[3])

    redeemable = {"total_liabilities": 3e8, "total_equity": 2e8, "total_liabilities_and_total_equity": 2.03e9}
    for symbol, sheet in (("REDEEMABLE", redeemable), ("TOO_MUCH", redeemable | {"total_equity": 1.9e9})):
        rows = statements("balance_sheet", symbol)
        add("balance_sheets", [*rows[:3], rows[3] | sheet, *rows[4:]])
    expect("temporary_equity", "REDEEMABLE", QUARTERS[3])
    expect("accounting_identity", "TOO_MUCH", QUARTERS[3])

    one("UNREAD_FIELD", extra='{"otherExpenses": "n.m.", "other": "1"}')
    one("UNMAPPED_FIELD", extra='{"other": "n.m."}')
    expect("unread_field", "UNREAD_FIELD", QUARTERS[3])

    one("AVERAGE_5_TIMES", eps=5.2)
    one("AVERAGE_4_TIMES", eps=4.0)
    expect("share_scale", "AVERAGE_5_TIMES", QUARTERS[3])


def _lengths() -> None:
    moved = [*_YEAR_ENDS, date(2018, 6, 30)]
    add(_INCOME, statements("income", "TRANSITION", ends=moved, period="FY"))
    add(_INCOME, statements("income", "FULL_YEARS", ends=[*_YEAR_ENDS, date(2018, 12, 29)], period="FY"))
    expect("transition_period", "TRANSITION", date(2018, 6, 30))
    expect("unchecked_period", "TRANSITION", date(2018, 6, 30))

    for symbol, factor in (("HALVES", 1.0), ("TWO_QUARTERS", 2.0)):
        parts = statements("income", symbol, ends=[date(2017, 6, 30), date(2017, 12, 31)])
        total = {"revenue": factor * sum(r["revenue"] for r in parts)}
        year = statements("income", symbol, ends=_YEAR_ENDS, period="FY")
        add(_INCOME, [*parts, *year[:2], year[2] | total])
        expect("unchecked_period", symbol, date(2017, 6, 30), date(2017, 12, 31))
    expect("half_year_labels", "HALVES", date(2017, 12, 31))

    hole = [date(2018, 3, 31), date(2018, 6, 30), date(2019, 3, 31)]
    add(_INCOME, statements("income", "AFTER_A_HOLE", ends=hole))
    dated = {"period_start": date(2019, 1, 1)}
    add(_INCOME, statements("income", "DATED", lambda i, r: r | dated if i == 2 else r, ends=hole))
    expect("unchecked_period", "AFTER_A_HOLE", hole[2])
    expect("quarter_gap", "AFTER_A_HOLE", hole[2])
    expect("quarter_gap", "DATED", hole[2])

    # Cases of other rules: neighbouring reports are too far apart to confirm a quarter.
    expect("unchecked_period", "HALF_YEARLY", date(2018, 9, 30), date(2019, 3, 31), date(2019, 9, 30))
    expect("unchecked_period", "LEFT_OUT", date(2019, 6, 30))
    expect("unchecked_period", "LATE_QUARTER", date(2019, 2, 19))
    expect("unchecked_period", "SHIFTED_QUARTER", date(2019, 2, 4))

    # The fourth quarter follows from the year and nine months; without the year it is missing.
    ends = (QUARTERS[0], QUARTERS[1], QUARTERS[2], QUARTERS[4], QUARTERS[5])
    labels = dict(zip(ends, ("Q1", "H1", "9M", "Q1", "H1"), strict=True))

    def labelled(_: int, row: Row) -> Row:
        return row | {"fiscal_period": labels[row["fiscal_date"]]}

    for symbol in ("DERIVED_Q4", "NO_YEAR"):
        add(_INCOME, statements("income", symbol, labelled, ends=ends))
    add(_INCOME, statements("income", "DERIVED_Q4", ends=[QUARTERS[3]], period="FY"))
    expect("quarter_gap", "NO_YEAR", QUARTERS[4])
    expect("unchecked_period", "NO_YEAR", QUARTERS[4])

    near = [*QUARTERS[:4], date(2019, 1, 3)]
    add(
        _INCOME,
        statements("income", "MOVED_END", lambda i, r: r | {"revenue": 1.5e9} if i == 4 else r, ends=near),
    )
    expect("period_end_moved", "MOVED_END", date(2019, 1, 3))


def _years() -> None:
    add(_INCOME, statements("income", "WRONG_LABEL", lambda i, r: r | {"fiscal_year": 2021} if i == 3 else r))
    add(_INCOME, statements("income", "NEXT_YEAR", lambda i, r: r | {"fiscal_year": 2019} if i == 3 else r))
    expect("wrong_fiscal_year", "WRONG_LABEL", QUARTERS[3])


def _versions() -> None:
    """Restate a year alone, and a year with its quarter."""
    again = {"version": 2, "change_kind": "restatement", "available_date": date(2019, 11, 1)}
    for symbol, with_quarter in (("YEAR_ALONE", False), ("YEAR_AND_QUARTER", True)):
        quarters = statements("income", symbol, ends=QUARTERS[:3])
        [year] = statements("income", symbol, ends=QUARTERS[3:4], period="FY")
        rows = [*quarters, year | {"revenue": 4.1e9}, year | {"revenue": 4.5e9} | again]
        add(_INCOME, [*rows, quarters[2] | {"revenue": 1.5e9} | again] if with_quarter else rows)
    expect("restated_year", "YEAR_ALONE", QUARTERS[3])
    _sums()


# The year as first filed and as restated, as a multiple of the sum of its first quarters; the multiples of
# restated quarters, by place; and whether the rule must find the year.
_SUMS: dict[str, tuple[float, float | None, dict[int, float], bool]] = {
    "YEAR_RESTATED_ALONE": (1.0, 1.2, {}, False),
    "YEAR_WRONG_AND_RESTATED": (1.2, 1.3, {}, True),
    "YEAR_RESTATED_TO_THE_SUM": (1.2, 1.0, {}, False),
    "ALL_RESTATED": (1.0, 1.2, dict.fromkeys(range(4), 1.2), False),
    "ALL_RESTATED_YEAR_WRONG": (1.0, 1.5, dict.fromkeys(range(4), 1.2), True),
    "ONE_QUARTER_RESTATED": (1.0, 1.2, {1: 1.5}, False),
    "QUARTERS_RESTATED_ALONE": (1.0, None, {1: 1.5, 2: 1.5}, False),
}


def _sums() -> None:
    """Restate years and quarters at once, and a quarter before its year was filed."""
    again: Row = {"version": 2, "change_kind": "restatement", "available_date": date(2020, 11, 1)}
    for table, kind, item in (
        (_INCOME, "income", "revenue"),
        ("cash_flows", "cash_flow", "net_cash_provided_by_operating_activities"),
    ):
        rule = {"income": "sum_of_quarters", "cash_flow": "sum_of_quarters_cash"}[kind]
        for symbol, (first, last, moved, is_wrong) in _SUMS.items():
            quarters, year = _year(kind, symbol, item)
            add(table, [*quarters, year | {item: first * year[item]}])
            add(table, [quarters[i] | {item: off * quarters[i][item]} | again for i, off in moved.items()])
            if last is not None:
                add(table, [year | {item: last * year[item]} | again])
            if is_wrong:
                expect(rule, symbol, QUARTERS[3])
            if kind == "income" and last is not None and not moved:
                expect("restated_year", symbol, QUARTERS[3])
        quarters, year = _year(kind, "RESTATED_BEFORE_THE_YEAR", item)
        early = {"available_date": date(2018, 12, 1)}
        add(table, [*quarters, quarters[0] | {item: 2 * quarters[0][item]} | again | early])
        add(table, [year | {item: year[item] + quarters[0][item]}])


def _year(kind: str, symbol: str, item: str) -> tuple[list[Row], Row]:
    """Return four quarters, and the year that is their sum in an item."""
    days = {"available_date": date(2018, 11, 1)}
    quarters = statements(kind, symbol, lambda _, r: r | days, ends=QUARTERS[:4])
    [year] = statements(kind, symbol, ends=QUARTERS[3:4], period="FY")
    total = {name: sum(r[name] for r in quarters) for name in {item, *({"net_income"} & year.keys())}}
    return quarters, year | total | {"available_date": date(2019, 3, 1)}


def _companies() -> None:
    """Change the CIK of a symbol after a gap of a year, and without a gap."""

    def of(cik: str) -> Change:
        return lambda _, row: row | {"cik": cik.zfill(10)}

    late = [end + timedelta(days=400) for end in QUARTERS[4:]]
    for symbol, later in (("REUSED", late), ("CONTINUED", QUARTERS[4:])):
        first = statements("income", symbol, of("1"), ends=QUARTERS[:4])
        small = {"revenue": 1e6, "weighted_average_shares_outstanding": 1e5, "eps": 1e3}
        second = statements("income", symbol, of("2"), ends=later)
        add(_INCOME, [*first, *(row | small for row in second)])
    expect("symbol_reused", "REUSED", late[0] + timedelta(days=40))
    expect("successor_company", "CONTINUED", QUARTERS[4] + timedelta(days=40))
    expect("unchecked_period", "REUSED", late[0])


def _rejects() -> None:
    """Reject a record because of another one, and one by itself."""
    for position, symbol, reason in (
        (0, "TWO_ROWS", "contradiction: another record of the response has the same symbol and date"),
        (1, "BAD_DATE", "date: '2020-13-01' is not a date"),
    ):
        reject = {"fetch_id": "made", "position": position, "symbol": symbol, "data_type": "splits"}
        add("rejected_records", [reject | {"reason": reason, "record": "{}", "recorded_at": FETCHED}])
    expect("contradictory_records", "TWO_ROWS", None)
    expect("refused_records", "BAD_DATE", None)
