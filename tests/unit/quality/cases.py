"""List for each quality rule a faulty case that it finds, and a correct neighbour that it must not find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support import FETCHED
from tests.unit.quality.expected import add, expect
from tests.unit.quality.planted_faults import DAYS, QUARTERS, Row, bars, scaled, statements

_CASH = "net_cash_provided_by_operating_activities"


def _bars() -> None:
    closes_only = {"open_price": None, "high_price": None, "low_price": None}
    add("price_data", bars("NO_OPEN", lambda i, b: b | {"open_price": None} if i == 10 else b))
    add("price_data", bars("CLOSES_ONLY", lambda _, b: b | closes_only))
    expect("bar_incomplete", "NO_OPEN", DAYS[10])

    add(
        "price_data",
        bars("UPSIDE_DOWN", lambda i, b: b | {"high_price": b["low_price"] - 1} if i == 10 else b),
    )
    add("price_data", bars("OUTSIDE", lambda i, b: b | {"open_price": b["high_price"] + 1} if i == 11 else b))
    add("price_data", bars("ROUNDED", lambda i, b: b | {"close_price": b["high_price"] * 1.00005}))
    expect("bar_order", "UPSIDE_DOWN", DAYS[10])
    expect("bar_order", "OUTSIDE", DAYS[11])

    add("price_data", bars("NO_VOLUME", lambda i, b: b | {"volume": 0.0} if i == 10 else b))
    add("price_data", bars("INDEX", lambda _, b: b | {"volume": 0.0}))
    expect("bar_without_volume", "NO_VOLUME", DAYS[10])

    add("price_data", bars("GAP", lambda i, b: None if i in (20, 21) else b))
    add("price_data", bars("LISTED_LATER", days=DAYS[20:40]))
    expect("bar_gap", "GAP", DAYS[20])

    still = bars("STALE")
    add(
        "price_data",
        [row | {"date": DAYS[i]} for i, row in enumerate(still[:20] + [still[20]] * 6 + still[26:])],
    )
    calm = bars("CALM")
    add(
        "price_data",
        [row | {"date": DAYS[i]} for i, row in enumerate(calm[:20] + [calm[20]] * 4 + calm[24:])],
    )
    expect("stale_bars", "STALE", DAYS[20])

    add("price_data", [row | {"symbol": "TWIN"} for row in bars("ORIGINAL")])
    add("price_data", bars("ORIGINAL"))
    add(
        "price_data",
        [row | {"symbol": "SISTER", "volume": 5.0 + i} for i, row in enumerate(bars("ORIGINAL"))],
    )
    expect("duplicated_bars", "TWIN", DAYS[0])


def _steps() -> None:
    add("price_data", bars("HALVED_A_DAY", lambda i, b: scaled(b, 0.5) if i == 30 else b))
    add("price_data", bars("JUMPY", lambda i, b: scaled(b, 0.85) if i == 30 else b))
    expect("bar_spike", "HALVED_A_DAY", DAYS[30])

    def fell_and_rose(i: int, bar: Row) -> Row:
        return scaled(bar, 0.5 if i == 30 else 1.12) if i >= 30 else bar

    add("price_data", bars("FELL_AND_ROSE", fell_and_rose))  # the neighbours differ by more than a tenth

    add("price_data", bars("UNADJUSTED", lambda i, b: scaled(b, 0.5) if i >= 30 else b))
    add("price_data", bars("SPUN_OFF", lambda i, b: scaled(b, 0.6) if i >= 31 else b))
    expect("unapplied_split", "UNADJUSTED", DAYS[30])
    expect("unapplied_split", "SPUN_OFF", DAYS[31])

    def crashed(i: int, bar: Row, factor: int = 12) -> Row:
        return scaled(bar, 0.5, volume=bar["volume"] * (factor if i == 30 else 1)) if i >= 30 else bar

    add(
        "price_data", bars("BUSY_DAY", lambda i, b: crashed(i, b, 7))
    )  # less than eight times the usual volume
    add("price_data", bars("BAD_NEWS", lambda i, b: crashed(i, b, 9)))
    expect("unapplied_split", "BUSY_DAY", DAYS[30])

    def as_traded(i: int, bar: Row) -> Row:
        return scaled(bar, 0.5 if i >= 30 else 1, split_basis_date=bar["date"])

    add("price_data", bars("CRASHED", crashed))
    add("price_data", bars("AS_TRADED", as_traded))
    add("price_data", bars("SLID", lambda i, b: scaled(b, 0.98**i)))
    split = {"numerator": 2.0, "denominator": 1.0, "fetched_at": FETCHED, "recorded_at": FETCHED}
    add("splits", [{"symbol": "AS_TRADED", "date": DAYS[30], "source": "provider", "event": 1, **split}])
    window = {"earliest_date": DAYS[4], "latest_date": DAYS[6]}
    inferred = {"date": DAYS[5], "source": "inferred", "event": 1, **window, **split}
    add("splits", [{"symbol": "GUESSED_SPLIT", **inferred}])
    expect("inferred_split", "GUESSED_SPLIT", DAYS[5])


def _near_the_limits() -> None:
    """Add cases on both sides of a limit, so that a changed limit is found."""
    income, name = "income_statements", _CASH
    # The usual interval is 92 days, so that the limit of one and a half is 138.
    late = [end + timedelta(days=50) for end in QUARTERS[3:]]
    add(income, statements("income", "LATE_QUARTER", ends=QUARTERS[:3] + late))
    expect("quarter_gap", "LATE_QUARTER", late[0])
    shifted = [end + timedelta(days=35) for end in QUARTERS[3:]]
    add(income, statements("income", "SHIFTED_QUARTER", ends=QUARTERS[:3] + shifted))

    for symbol, off in (("CASH_SIX_PER_CENT_OFF", 1.06), ("CASH_FOUR_PER_CENT_OFF", 1.04)):
        flows = statements("cash_flow", symbol, ends=QUARTERS[:4])
        year = {name: off * sum(r[name] for r in flows)}
        add("cash_flows", flows)
        add(
            "cash_flows", [r | year for r in statements("cash_flow", symbol, ends=[QUARTERS[3]], period="FY")]
        )
    expect("sum_of_quarters_cash", "CASH_SIX_PER_CENT_OFF", QUARTERS[3])


def _histories() -> None:
    income = "income_statements"
    add(income, statements("income", "LEFT_OUT", lambda i, r: None if i in (3, 4) else r))
    add(income, statements("income", "HALF_YEARLY", lambda i, r: None if i % 2 else r))
    expect("quarter_gap", "LEFT_OUT", QUARTERS[5])

    for symbol, off in (("WRONG_YEAR", 1.05), ("ROUNDED_YEAR", 1.005)):
        quarters = statements("income", symbol, ends=QUARTERS[:4])
        total = sum(r["revenue"] for r in quarters)
        profit = sum(r["net_income"] for r in quarters)
        year = {"revenue": off * total, "net_income": profit, "eps": profit / 1e8}
        add(income, quarters)
        add(income, [r | year for r in statements("income", symbol, ends=[QUARTERS[3]], period="FY")])
        flows = statements("cash_flow", symbol, ends=QUARTERS[:4])
        cash = {
            _CASH: (1 + 10 * (off - 1)) * sum(r[_CASH] for r in flows)
            if off > 1.01
            else sum(r[_CASH] for r in flows)
        }
        add("cash_flows", flows)
        add(
            "cash_flows", [r | cash for r in statements("cash_flow", symbol, ends=[QUARTERS[3]], period="FY")]
        )
    expect("sum_of_quarters", "WRONG_YEAR", QUARTERS[3])
    expect("sum_of_quarters_cash", "WRONG_YEAR", QUARTERS[3])

    add(income, statements("income", "IN_THOUSANDS", lambda i, r: r | {"revenue": 1.04e6} if i == 4 else r))
    add(income, statements("income", "GROWING", lambda i, r: r | {"revenue": 1e6 * 3**i}))
    expect("scale_jump", "IN_THOUSANDS", QUARTERS[4])
    thousands = {
        "total_assets": 2e6,
        "total_liabilities": 1.2e6,
        "total_equity": 8e5,
        "cash_and_cash_equivalents": 1e5,
    }
    sheets = "balance_sheets"
    add(sheets, statements("balance_sheet", "SMALL_SHEET", lambda i, r: r | thousands if i == 4 else r))
    add(sheets, statements("balance_sheet", "SOUND_SHEET"))
    expect("scale_jump_assets", "SMALL_SHEET", QUARTERS[4])

    figures = ("revenue", "net_income", "eps", "weighted_average_shares_outstanding")
    whole = statements("income", "REPEATED")
    whole[5] |= {name: whole[4][name] for name in figures}
    add(income, whole)
    same_figures = statements("income", "SAME_SALES")
    same_figures[5] |= {"revenue": same_figures[4]["revenue"]}
    add(income, same_figures)
    expect("repeated_statement", "REPEATED", QUARTERS[5])


def _caps() -> None:
    day = DAYS[40]
    for symbol, factor in (("CAP_FAR", 2.0), ("CAP_NEAR", 1.1)):
        add("income_statements", statements("income", symbol))
        add("price_data", bars(symbol))
        close = bars(symbol)[40]["close_price"]
        provenance = {"fetched_at": FETCHED, "recorded_at": FETCHED}
        cap = {"symbol": symbol, "date": day, "year": day.year, "market_cap": factor * close * 1e8}
        add("vendor_market_caps", [cap | provenance])
    expect("vendor_cap_differs", "CAP_FAR", day)


def _rows_by_themselves() -> None:
    def one(kind: str, symbol: str, rule: str, **wrong: object) -> None:
        table = {"income": "income_statements", "balance_sheet": "balance_sheets", "cash_flow": "cash_flows"}[
            kind
        ]
        add(table, statements(kind, symbol, lambda i, r: r | wrong if i == 3 else r))
        if rule:
            expect(rule, symbol, QUARTERS[3])

    one("balance_sheet", "UNBALANCED", "accounting_identity", total_equity=9e8)
    one(
        "balance_sheet",
        "MINORITY",
        "",
        total_equity=None,
        total_stockholders_equity=7e8,
        minority_interest=1e8,
    )
    one("income", "NEGATIVE_SALES", "wrong_sign", revenue=-1e9)
    one("income", "LOSS", "", net_income=-1e8, eps=-1.0)
    one("balance_sheet", "NEGATIVE_CASH", "wrong_sign", cash_and_cash_equivalents=-1.0)
    one("cash_flow", "POSITIVE_SPENDING", "wrong_sign", capital_expenditure=1e7)
    one("cash_flow", "BURNING", "", net_cash_provided_by_operating_activities=-2e8)
    one("income", "SHARES_IN_THOUSANDS", "share_scale", eps=1030.0)
    one("income", "TINY_EPS", "", net_income=1e5, eps=0.0)
    early = QUARTERS[3] - timedelta(days=20)
    stamp = datetime(early.year, early.month, early.day, 12, tzinfo=UTC)
    one("income", "TOO_EARLY", "impossible_dates", accepted_at=stamp, accepted_date=early)
    one("income", "SAME_DAY", "", filing_date=QUARTERS[3])
    for days, rule in ((4, "impossible_dates"), (5, "")):
        day = QUARTERS[3] + timedelta(days=days)
        stamp = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
        one("income", f"ACCEPTED_AFTER_{days}_DAYS", rule, accepted_at=stamp, accepted_date=day)
    for hours, rule in ((25, "impossible_dates"), (23, "")):
        stamp = FETCHED + timedelta(hours=hours)
        one("income", f"{hours}_HOURS_AFTER_FETCH", rule, accepted_at=stamp, accepted_date=stamp.date())
    one("balance_sheet", "ZERO", "zero_for_missing", total_current_assets=0.0)
    one("balance_sheet", "NULL", "", total_current_assets=None)
    one("cash_flow", "UNDATED", "missing_acceptance", accepted_at=None, accepted_date=None)


def plant_cases() -> None:
    """Add the rows of every case, and what the rules must find in them."""
    _bars()
    _steps()
    _histories()
    _near_the_limits()
    _caps()
    _rows_by_themselves()
