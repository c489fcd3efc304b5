"""Plant faults of splits, dividends, share counts and symbols, each with a correct neighbour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tests.support import FETCHED
from tests.unit.quality.expected import add, expect
from tests.unit.quality.planted_faults import DAYS, QUARTERS, Row, bars, scaled, statements

_PROVENANCE = {"fetched_at": FETCHED, "recorded_at": FETCHED}
_BASIS = date(2021, 3, 31)  # the split basis of the planted bars


def split(
    symbol: str, day: date, numerator: float, denominator: float = 1.0, source: str = "provider"
) -> Row:
    """Return a split."""
    ratio = {"numerator": numerator, "denominator": denominator}
    return {"symbol": symbol, "date": day, "event": 1, "source": source, **ratio, **_PROVENANCE}


def dividend(symbol: str, day: date, amount: float) -> Row:
    """Return a dividend on the split basis of the planted bars."""
    amounts = {"dividend": amount, "adjusted_dividend": amount, "split_basis_date": _BASIS}
    return {"symbol": symbol, "date": day, "event": 1, **amounts, **_PROVENANCE}


def count(symbol: str, day: date, shares: float, basis: date = _BASIS, source: str = "cover_page") -> Row:
    """Return a share count that was filed thirty days after the day counted."""
    filed = day + timedelta(days=30)
    return {
        "symbol": symbol,
        "as_of_date": day,
        "source": source,
        "version": 1,
        "change_kind": "original",
        "shares": shares,
        "accepted_at": datetime(filed.year, filed.month, filed.day, 18, tzinfo=UTC),
        "available_date": filed,
        "availability_basis": "accepted",
        "split_basis_date": basis,
        **_PROVENANCE,
    }


def plant_cases() -> None:
    """Add the rows of every case, and what the rules must find in them."""
    _dividends()
    _splits()
    _splits_against_bars()
    _events()
    _lists()
    _counts()
    _counts_against_each_other()
    _counts_across_a_split()
    _silence()
    _units()
    _rows_of_older_lakes()


def _dividends() -> None:
    add("price_data", bars("PAYS_TOO_MUCH"))
    add("dividends", [dividend("PAYS_BACK", DAYS[5], -1.0), dividend("PAYS_TOO_MUCH", DAYS[5], 250.0)])
    expect("dividend_implausible", "PAYS_BACK", DAYS[5])
    expect("dividend_implausible", "PAYS_TOO_MUCH", DAYS[5])
    add("price_data", bars("PAYS_HALF"))
    add("dividends", [dividend("PAYS_HALF", DAYS[5], 50.0), dividend("NO_BARS", DAYS[5], 250.0)])
    # The bars count a later split of 4:1, so 250 before it is 62.50 in their terms.
    add("price_data", bars("PAYS_BEFORE_SPLIT", lambda _, b: b | {"split_basis_date": _BASIS}))
    add("dividends", [dividend("PAYS_BEFORE_SPLIT", DAYS[5], 250.0)])
    add("splits", [split("PAYS_BEFORE_SPLIT", date(2021, 1, 4), 4)])

    add(
        "dividends",
        [dividend("PAYS_TWICE", DAYS[5], 0.5), dividend("PAYS_TWICE", DAYS[5], 0.3) | {"event": 2}],
    )
    add("dividends", [dividend("PAYS_MONTHLY", DAYS[5], 0.5), dividend("PAYS_MONTHLY", DAYS[26], 0.5)])
    expect("several_dividends", "PAYS_TWICE", DAYS[5])
    vendor, file = {"source_provider": "fmp"}, {"source_provider": "file"}
    other = dividend("PAYS_AS_CORRECTED", DAYS[5], 0.1) | vendor
    add("dividends", [other, dividend("PAYS_AS_CORRECTED", DAYS[5], 0.2) | {"event": 2} | file])
    gone = dividend("PAYS_ONE_OF_TWO", DAYS[5], 0.1) | {"retracted_at": FETCHED}
    add("dividends", [gone, dividend("PAYS_ONE_OF_TWO", DAYS[5], 0.2) | {"event": 2}])


def _splits() -> None:
    for symbol, ratio in (
        ("RATIO_OF_MILLIONS", (4e6, 1.0)),
        ("RATIO_OF_ZERO", (1.0, 0.0)),
        ("TINY_RATIO", (1.0, 1e30)),
    ):
        add("splits", [split(symbol, DAYS[5], *ratio)])
        expect("split_ratio_implausible", symbol, DAYS[5])
    add("splits", [split("RATIO_OF_1000_31", DAYS[5], 1000, 31), split("RATIO_OF_1_112", DAYS[5], 1, 112)])

    add("splits", [split("TOLD_TWICE", DAYS[5], 3), split("TOLD_TWICE", DAYS[8], 6, 2)])
    expect("split_told_twice", "TOLD_TWICE", DAYS[5])
    add("splits", [split("TWO_RATIOS", DAYS[5], 3), split("TWO_RATIOS", DAYS[8], 2)])
    add("splits", [split("EVERY_MONTH", DAYS[5], 3), split("EVERY_MONTH", DAYS[25], 3)])


def _splits_against_bars() -> None:
    """Let two fetches of the same bars show 10:1, which one list reports and another one contradicts."""
    early, ex_date = date(2020, 3, 2), date(2020, 3, 2) + timedelta(days=60)
    for symbol, ratio in (("UPSIDE_DOWN_SPLIT", (1.0, 10.0)), ("SHOWN_SPLIT", (10.0, 1.0))):
        now = bars(symbol, lambda i, b: scaled(b, 0.1) if i < 20 else b, days=DAYS[:20])
        add("price_data", now)
        before = {"revision": 1, "change_kind": "split_rebase", "split_basis_date": early}
        add("price_revisions", [scaled(b, 10, **before) for b in now])
        add("splits", [split(symbol, ex_date, *ratio)])
    expect("split_contradicted", "UPSIDE_DOWN_SPLIT", ex_date)
    two = bars("TWO_BARS_OF_TWO_SOURCES", lambda _, b: scaled(b, 0.1), days=DAYS[:2])
    add("price_data", two)
    add("price_revisions", [scaled(b, 10, **before) for b in two])
    of_list = split("TWO_BARS_OF_TWO_SOURCES", ex_date, 1, 10)
    add("splits", [of_list, of_list | {"event": 2, "source": "prices"}])

    fixed = bars("CORRECTED_BASIS", days=DAYS[:20])
    wrong = {"revision": 1, "change_kind": "correction", "split_basis_date": early, "source_provider": "file"}
    add("price_data", [b | {"source_provider": "file"} for b in fixed])
    add("price_revisions", [b | wrong for b in fixed])
    add("splits", [split("CORRECTED_BASIS", ex_date, 10, source="file")])
    _splits_without_a_step()


def _splits_without_a_step() -> None:
    """Let bars on the basis of their own day go over a split with a step, and without one."""
    cases: list[tuple[str, tuple[float, float], int | None]] = [
        ("ADJUSTED_AS_TRADED", (4.0, 1.0), None),
        ("SMALL_AND_ADJUSTED", (3.0, 2.0), None),
        ("STEP_AT_SPLIT", (4.0, 1.0), 20),
        ("STEP_BEFORE_SPLIT", (4.0, 1.0), 17),
        ("SMALL_STEP_BEFORE_SPLIT", (3.0, 2.0), 17),
        ("OF_A_PROVIDER", (4.0, 1.0), None),
        ("TINY_SPLIT", (11.0, 10.0), None),
    ]
    for number, (symbol, ratio, step_at) in enumerate(cases):
        now = [scaled(b, 2 + number) for b in bars(symbol)]  # unlike the bars of other cases
        if step_at:
            now = [scaled(b, ratio[0] / ratio[1]) if i < step_at else b for i, b in enumerate(now)]
        stated = "fmp" if symbol == "OF_A_PROVIDER" else "file"
        add("price_data", [b | {"split_basis_date": b["date"], "source_provider": stated} for b in now])
        add("splits", [split(symbol, DAYS[20], *ratio)])
    expect("split_without_step", "ADJUSTED_AS_TRADED", DAYS[20])
    expect("split_without_step", "SMALL_AND_ADJUSTED", DAYS[20])
    expect("unapplied_split", "SMALL_STEP_BEFORE_SPLIT", DAYS[17])
    expect("split_unproven", "TINY_SPLIT", DAYS[20])


def _events() -> None:
    """Report splits that do not count, or count for prices alone."""
    add("splits", [split("TWO_ON_A_DAY", DAYS[5], 3), split("TWO_ON_A_DAY", DAYS[5], 2) | {"event": 2}])
    add("splits", [split("ONE_ON_A_DAY", DAYS[5], 3)])
    expect("split_overruled", "TWO_ON_A_DAY", DAYS[5])

    add("splits", [split("RETRACTED", DAYS[5], 3) | {"retracted_at": FETCHED}, split("LISTED", DAYS[5], 3)])
    expect("split_retracted", "RETRACTED", DAYS[5])

    add("splits", [split("FIVE_TO_FOUR", DAYS[5], 5, 4), split("THREE_TO_TWO", DAYS[5], 3, 2)])
    expect("split_unproven", "FIVE_TO_FOUR", DAYS[5])

    spin_off = split("REPORTED_SPIN_OFF", DAYS[5], 5, 4) | {"kind": "spin_off"}
    add("splits", [spin_off])

    window = {"earliest_date": DAYS[4], "latest_date": DAYS[8]}
    shown = {"source": "inferred", **window}
    for symbol, ratio in (("REJECTED_RATIO", (1.0, 10.0)), ("SAME_RATIO", (10.0, 1.0))):
        add("splits", [split(symbol, DAYS[6], *ratio), split(symbol, DAYS[5], 10) | shown])
    expect("split_rejected", "REJECTED_RATIO", DAYS[6])
    expect("inferred_split", "REJECTED_RATIO", DAYS[5])


def _lists() -> None:
    """Count shares long before the bars were fetched, with and without a list of splits up to then."""
    for symbol in ("LIST_IS_MISSING", "LIST_IS_NEW"):
        add("price_data", bars(symbol))
        add("shares_outstanding", [count(symbol, date(2019, 1, 20), 1e8, date(2019, 2, 19))])
    log = {"data_type": "splits", "success": True, "fetch_date": FETCHED, "recorded_at": FETCHED}
    add("data_fetch_log", [{"fetch_id": "list", "symbol": "LIST_IS_NEW", "provider": "made", **log}])
    expect("splits_not_told", "LIST_IS_MISSING", None)
    expect("splits_not_told", "COUNTS_AGREE", None)


def _counts() -> None:
    income, day = "income_statements", QUARTERS[3] + timedelta(days=20)
    for symbol, shares in (
        ("PLACEHOLDER", 100.0),
        ("NEGATIVE_COUNT", -5e7),
        ("ZERO_COUNT", 0.0),
        ("THOUSANDS", 1e5),
    ):
        add(income, statements("income", symbol))
        add("shares_outstanding", [count(symbol, day, shares)])
        expect("share_count_implausible", symbol, day)
    for symbol, shares in (("TWENTY_TIMES", 2e9), ("SOME_FEWER", 9e7)):
        add(income, statements("income", symbol))
        add("shares_outstanding", [count(symbol, day, shares)])
    # An average that contradicts earnings per share cannot judge a count.
    wrong = statements(
        "income", "WRONG_AVERAGE", lambda _, r: r | {"eps": 0.1 * r["eps"]}, ends=QUARTERS[3:4]
    )
    add(income, wrong)
    expect("share_scale", "WRONG_AVERAGE", QUARTERS[3])
    add("shares_outstanding", [count("WRONG_AVERAGE", day, 4e9), count("NO_AVERAGE", day, 100.0)])
    # A split of 50:1 lies between the average and the count.
    add(income, statements("income", "SPLIT_SINCE", lambda _, r: r | {"split_basis_date": r["filing_date"]}))
    add("splits", [split("SPLIT_SINCE", date(2020, 6, 1), 50)])
    add("shares_outstanding", [count("SPLIT_SINCE", day, 5e9)])

    add("price_data", bars("NO_COUNT"))
    add(income, statements("income", "NO_COUNT"))
    expect("weighted_average_only", "NO_COUNT", QUARTERS[-1])
    add("price_data", bars("COUNTED"))
    add(income, statements("income", "COUNTED"))
    add("shares_outstanding", [count("COUNTED", day, 1e8)])
    expect("weighted_average_only", "CAP_FAR", QUARTERS[-1])
    expect("weighted_average_only", "CAP_NEAR", QUARTERS[-1])


def _counts_against_each_other() -> None:
    """Let two counts contradict each other where no average can judge them, and let two agree."""
    day = date(2019, 12, 10)
    for symbol, other in (("COUNTS_CONTRADICT", 1e3), ("COUNTS_AGREE", 1.1e8)):
        add("price_data", bars(symbol))
        cover = count(symbol, day, 1e8, date(2020, 1, 9))
        add("shares_outstanding", [cover, count(symbol, day, other, date(2020, 1, 9), "balance_sheet")])
    expect("no_usable_count", "COUNTS_CONTRADICT", date(2020, 1, 9))


def _counts_across_a_split() -> None:
    before, after, ex_date = date(2020, 1, 20), date(2020, 4, 20), date(2020, 3, 2)
    for symbol, later in (("NOT_COUNTED", 1.01e8), ("COUNTED_SPLIT", 3.97e8), ("NEITHER", 1.9e8)):
        add("splits", [split(symbol, ex_date, 4)])
        add("shares_outstanding", [count(symbol, before, 1e8, before), count(symbol, after, later, after)])
    expect("distribution_told_as_split", "NOT_COUNTED", ex_date)  # so its count is right
    expect("distribution_told_as_split", "NEITHER", ex_date)
    # The cover page counts the split, and the balance sheet does not.
    add("splits", [split("ONE_COUNTS", ex_date, 4)])
    for source, later in (("cover_page", 3.97e8), ("balance_sheet", 1.01e8)):
        counts = (
            count("ONE_COUNTS", day, shares, day, source) for day, shares in ((before, 1e8), (after, later))
        )
        add("shares_outstanding", list(counts))
    expect("uncounted_split", "ONE_COUNTS", after)


def _units() -> None:
    """Quote one symbol of London without a profile, and profile a receipt without its number of shares."""
    for symbol in ("UNKNOWN.L", "PENCE.L", "OF_CLASS.B"):
        add("price_data", bars(symbol))
    expect("quote_unit_unknown", "UNKNOWN.L", DAYS[-1])
    profiles: dict[str, Row] = {
        "PENCE.L": {"currency": "GBp"},
        "RECEIPT": {"is_adr": True},
        "RECEIPT_OF_5": {"is_adr": True, "shares_per_receipt": 5.0},
    }
    for symbol, facts in profiles.items():
        add("company_profiles", [{"symbol": symbol, **facts, **_PROVENANCE}])
    expect("receipt_ratio_unknown", "RECEIPT", None)


def _silence() -> None:
    late = [d + timedelta(days=350) for d in DAYS]
    add("price_data", bars("SILENT", days=[*DAYS, *late]))
    add("price_data", bars("ONLY_REPORTS", days=[*DAYS, *late]))
    add(
        "income_statements", statements("income", "ONLY_REPORTS", ends=[date(2020, 3, 31), date(2020, 6, 30)])
    )
    expect("long_silence", "SILENT", late[0])
    expect("weighted_average_only", "ONLY_REPORTS", date(2020, 6, 30))
    for symbol in ("SILENT", "ONLY_REPORTS"):
        expect("bar_gap", symbol, DAYS[-1] + timedelta(days=3))


def _rows_of_older_lakes() -> None:
    """Plant rows that no lake of today stores: the checks of ingest refuse them."""
    add("price_data", bars("WRONG_YEAR_BAR", lambda i, b: b | {"year": 2019} if i == 10 else b))
    expect("wrong_year", "WRONG_YEAR_BAR", DAYS[10])

    later = {"fetched_at": datetime(2099, 1, 1, tzinfo=UTC)}
    add("price_data", bars("FROM_THE_FUTURE", lambda i, b: b | later if i in (3, 10) else b))
    expect("fetched_in_future", "FROM_THE_FUTURE", DAYS[10])
    sooner = {"recorded_at": FETCHED + timedelta(days=900)}
    add("price_data", bars("STORED_LATE", lambda _, b: b | sooner))

    for symbol in ("lower", "AAPL,MSFT", "TICKER", "two words"):
        add("splits", [split(symbol, DAYS[5], 2)])
        expect("odd_symbol", symbol, None)
    for symbol in ("^GSPC", "BRK-B", "0700.HK", "EURUSD=X"):
        add("splits", [split(symbol, DAYS[5], 2)])
