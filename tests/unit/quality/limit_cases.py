"""Plant cases close to both sides of a limit, so that a limit that changes by little is noticed."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.quality.expected import add, expect
from tests.unit.quality.planted_faults import DAYS, QUARTERS, Row, bars, scaled, statements

_CASH = "net_cash_provided_by_operating_activities"


def plant_cases() -> None:
    """Add the rows of every case, and what the rules must find in them."""
    _spikes()
    _news()
    _gaps_between_reports()
    _cash_of_quarters()


def _spikes() -> None:
    """The closes around a spike agree within a tenth: 1.098 and 1.102 lie on both sides."""
    for symbol, after in (("SPIKE_1098", 1.098), ("SPIKE_1102", 1.102)):

        def spike(i: int, bar: Row, after: float = after) -> Row:
            flat = scaled(bar, 100 / bar["close_price"])
            return scaled(flat, 0.5 if i == 30 else after) if i >= 30 else flat

        add("price_data", bars(symbol, spike))
    expect("bar_spike", "SPIKE_1098", DAYS[30])


def _news() -> None:
    """A step with eight times the usual volume or more is news: the usual volume is 1000."""
    for symbol, volume in (("VOLUME_7900", 7900.0), ("VOLUME_8000", 8000.0)):

        def step(i: int, bar: Row, volume: float = volume) -> Row:
            usual = bar | {"volume": volume if i == 30 else 1000.0}
            return scaled(usual, 0.5) if i >= 30 else usual

        add("price_data", bars(symbol, step))
    expect("unapplied_split", "VOLUME_7900", DAYS[30])


def _gaps_between_reports() -> None:
    """The usual interval is 92 days, so that the limit of one and a half is 138."""
    for symbol, days in (("REPORT_AFTER_139", 139), ("REPORT_AFTER_138", 138)):
        shift = timedelta(days=days) - (QUARTERS[3] - QUARTERS[2])
        ends = [*QUARTERS[:3], *(end + shift for end in QUARTERS[3:])]
        add("income_statements", statements("income", symbol, ends=ends))
        expect("unchecked_period", symbol, ends[3])
        if days > 138:
            expect("quarter_gap", symbol, ends[3])


def _cash_of_quarters() -> None:
    """Four quarters of cash flow may miss their year by a twentieth."""
    for symbol, off in (("CASH_5_1_PER_CENT_OFF", 1 / 1.051), ("CASH_4_9_PER_CENT_OFF", 1 / 1.049)):
        flows = statements("cash_flow", symbol, ends=QUARTERS[:4])
        [year] = statements("cash_flow", symbol, ends=[QUARTERS[3]], period="FY")
        add("cash_flows", [*flows, year | {_CASH: off * sum(r[_CASH] for r in flows)}])
    expect("sum_of_quarters_cash", "CASH_5_1_PER_CENT_OFF", QUARTERS[3])
