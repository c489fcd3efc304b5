"""List the queries of the contract by name; each runs on the lake and on the server."""

from __future__ import annotations

from factorlab_lake.schema import identifiers, table
from tests.contracts.pair import Question
from tests.unit.query.entry_points import DATES, END, START, SYMBOLS

__all__ = ["PLAIN_SQL", "QUESTIONS", "REFUSED"]

# The sample's symbols, one with a split, names that other programs misread, and a symbol without data.
ODD = ["BRK.B", "0700.HK", "600519", "CON", "O'X", 'A"B', "$x %s", "a b", "Ä", "NOBODY"]
SPLIT_DAYS = ["2020-08-28", "2020-08-31", "2020-09-01", "2014-06-06", "2014-06-09", "2014-04-03"]


def _all_columns(name: str) -> str:
    """Return the query of a table's rows, without the hashes that a server has too."""
    spec = table(name)
    return f"SELECT {identifiers(spec.names())} FROM {name} ORDER BY {identifiers(spec.key)}"


QUESTIONS: dict[str, Question] = {
    # Ranges.
    "bars between two dates": lambda q: q.prices(SYMBOLS, "2020-08-01", "2020-09-30"),
    "bars without limits": lambda q: q.prices(["GOOG", "AAPL"]),
    "bars of one day": lambda q: q.prices("AAPL", "2020-08-31", "2020-08-31"),
    "bars before there were any": lambda q: q.prices("AAPL", "1990-01-01", "1990-12-31"),
    "bars of odd symbols": lambda q: q.prices(ODD),
    "bars of nobody": lambda q: q.prices("NOBODY"),
    "bars of no symbol": lambda q: q.prices([]),
    "adjusted bars": lambda q: q.prices(SYMBOLS, START, END, adjusted=True),
    "adjusted bars without limits": lambda q: q.prices([*SYMBOLS, *ODD], adjusted=True),
    "every statement": lambda q: q.statements([*SYMBOLS, *ODD]),
    "statements between two dates": lambda q: q.statements("AAPL", "2019-01-01", "2020-06-27"),
    "statements of one type": lambda q: q.statements(SYMBOLS, types=["cash_flow"]),
    "statements of nobody": lambda q: q.statements("NOBODY"),
    # As of a day, and by vintage.
    "statements as of a day": lambda q: q.statements(SYMBOLS, as_of="2020-10-30"),
    "statements as of the day before": lambda q: q.statements(SYMBOLS, as_of="2020-10-29"),
    "statements as first filed": lambda q: q.statements(SYMBOLS, as_of="2020-10-30", vintage="first"),
    "statements by hindsight": lambda q: q.statements(SYMBOLS, as_of="2015-10-30", vintage="latest"),
    "income statements": lambda q: q.income_statements(SYMBOLS),
    "balance sheets as of a day": lambda q: q.balance_sheets(SYMBOLS, as_of="2020-10-30"),
    "columns of cash flows": lambda q: q.cash_flows(
        [*SYMBOLS, *ODD], START, END, columns=["free_cash_flow", "accepted_at"]
    ),
    "columns of statements": lambda q: q.statements("AAPL", columns=["available_date", "filing_date"]),
    "columns of bars": lambda q: q.prices("AAPL", START, END, columns=["currency", "close_price"]),
    "columns of adjusted bars": lambda q: q.prices(
        "AAPL", START, END, adjusted=True, columns=["adjusted_close"]
    ),
    "statements before any": lambda q: q.statements(SYMBOLS, as_of="1990-01-01"),
    # Market capitalisation.
    "caps": lambda q: q.market_caps(SYMBOLS, DATES),
    "caps around splits": lambda q: q.market_caps(SYMBOLS, SPLIT_DAYS),
    "caps as first filed": lambda q: q.market_caps(SYMBOLS, DATES, vintage="first"),
    "caps by hindsight": lambda q: q.market_caps(SYMBOLS, DATES, vintage="latest"),
    "caps of each day": lambda q: q.market_caps("AAPL", start="2020-08-01", end="2020-11-30", freq="D"),
    "caps at month ends": lambda q: q.market_caps(SYMBOLS, start="2012-01-01", end="2021-03-31", freq="ME"),
    "caps of odd symbols": lambda q: q.market_caps(ODD, ["2020-12-31", "2021-01-29"]),
    "caps long before": lambda q: q.market_caps(SYMBOLS, ["0001-01-01", "1990-01-01"]),
    "caps long after": lambda q: q.market_caps(SYMBOLS, ["2030-01-01", "9999-12-31"]),
    "caps at no date": lambda q: q.market_caps(SYMBOLS, []),
    "caps of no symbol": lambda q: q.market_caps([], DATES),
    # Trailing years, quarters, factors, ratios.
    "trailing years": lambda q: q.ttm(SYMBOLS, DATES),
    "trailing years as first filed": lambda q: q.ttm(SYMBOLS, DATES, vintage="first"),
    "trailing years by hindsight": lambda q: q.ttm(SYMBOLS, DATES, vintage="latest"),
    "trailing years of odd symbols": lambda q: q.ttm(ODD, ["2020-12-31", "2021-01-29"]),
    "trailing years of no symbol": lambda q: q.ttm([], DATES),
    "quarters": lambda q: q.quarters(SYMBOLS),
    "quarters as of a day": lambda q: q.quarters(SYMBOLS, as_of="2015-08-01"),
    "quarters of a range": lambda q: q.quarters(SYMBOLS, "2019-01-01", "2020-12-31", vintage="first"),
    "quarters of nobody": lambda q: q.quarters("NOBODY"),
    "factors": lambda q: q.factors(SYMBOLS, DATES),
    "chosen and defined factors": lambda q: q.factors(
        SYMBOLS, DATES, factors=["roe", "ev_to_sales"], define={"ev_to_sales": "enterprise_value / revenue"}
    ),
    "factors as first filed": lambda q: q.factors(SYMBOLS, DATES, vintage="first"),
    "factors by hindsight": lambda q: q.factors(SYMBOLS, DATES, vintage="latest"),
    "factors of odd symbols": lambda q: q.factors(ODD, ["2020-12-31", "2021-01-29"]),
    "ratios": lambda q: q.ratios(SYMBOLS),
    "ratios of a range": lambda q: q.ratios([*SYMBOLS, *ODD], START, END),
    "ratios of nobody": lambda q: q.ratios("NOBODY"),
    # Explanations, and the effect of hindsight.
    "a cap explained": lambda q: q.explain_market_cap("AAPL", "2020-08-28"),
    "a cap of nobody explained": lambda q: q.explain_market_cap("NOBODY", "2020-08-28"),
    "a factor explained": lambda q: q.explain_factor("roic", "AAPL", "2020-10-30"),
    "growth explained": lambda q: q.explain_factor("share_growth", "AAPL", "2020-10-30"),
    "caps of companies": lambda q: q.company_market_caps(SYMBOLS, DATES),
    "providers compared": lambda q: q.compare_providers("AAPL", as_of="2020-10-30"),
    "generations compared": lambda q: q.compare_generations("AAPL"),
    "generations of some days": lambda q: q.compare_generations("AAPL", before="2020-06-30"),
    "no generations compared": lambda q: q.compare_generations("NOBODY"),
    "no providers compared": lambda q: q.compare_providers("NOBODY"),
    "a missing factor explained": lambda q: q.explain_factor("pe_ratio", "NOBODY", "2020-10-30"),
    "hindsight measured": lambda q: q.lookahead("pe_ratio", SYMBOLS, DATES),
    "hindsight by cell": lambda q: q.lookahead("market_cap", SYMBOLS, DATES, by_cell=True),
    # Research.
    "a screen": lambda q: q.screen("roe > 0.1 and revenue / 2 > 1e9", "2020-12-31", columns=["sector"]),
    "what a screen leaves open": lambda q: q.screen("pe_ratio > 0", "2020-12-31", undecided=True),
    "a cross-section": lambda q: q.cross_section(["roe", "revenue"], DATES[-9:], winsorise=0.2),
    "a cross-section by industry": lambda q: q.cross_section("roe", DATES[-9:], by="industry"),
    "statistics of sectors": lambda q: q.industry_stats("pe_ratio", DATES[-9:], by="sector"),
    "trends": lambda q: q.trends("revenue", [*SYMBOLS, *ODD], "2020-12-31"),
    "trends of a factor": lambda q: q.trends("earnings_yield", SYMBOLS, "2020-12-31", years=3),
    "seasons": lambda q: q.seasonality("revenue", [*SYMBOLS, *ODD], "2020-12-31"),
    "seasons of a balance": lambda q: q.seasonality("total_assets", SYMBOLS, "2020-12-31"),
    "returns": lambda q: q.forward_returns([*SYMBOLS, *ODD], ["2020-08-28", "2021-03-30"], [1, 21]),
    # Logs.
    "the fetch log": lambda q: q.fetch_log(),
    "every revision": lambda q: q.revisions(),
    # SQL that both engines run.
    "SQL with values": lambda q: q.sql(
        "SELECT symbol, date, close_price FROM price_data WHERE symbol = $s AND date >= $d ORDER BY date",
        s="AAPL",
        d="2021-03-01",
    ),
    "SQL with a count": lambda q: q.sql(
        "SELECT symbol, count(*) AS n FROM splits GROUP BY symbol ORDER BY 1"
    ),
    "SQL with signs in texts": lambda q: q.sql("SELECT '$s 5% ''x''' AS said, 7 % 4 AS rest -- of $n\n"),
    "SQL with a vintage by name": lambda q: q.sql(
        "SELECT * FROM shares_as_of($s::VARCHAR[], $d::DATE[], vintage := 'latest') ORDER BY symbol, date",
        s=SYMBOLS,
        d=DATES,
    ),
    "SQL with limits by name": lambda q: q.sql(
        "SELECT * FROM market_caps($s::VARCHAR[], $d::DATE[], price_age_limit := 3, shares_age_limit := 30) "
        "ORDER BY symbol, date",
        s=SYMBOLS,
        d=DATES,
    ),
    "SQL with a limit for factors": lambda q: q.sql(
        "SELECT * FROM factors($s::VARCHAR[], $d::DATE[], age_limit := 60) ORDER BY symbol, date",
        s=SYMBOLS,
        d=DATES,
    ),
    "the view of ratios": lambda q: q.sql("SELECT * FROM financial_ratios ORDER BY symbol, fiscal_date"),
    "the inputs of factors": lambda q: q.sql(
        "SELECT * FROM factor_inputs($s::VARCHAR[], $d::DATE[], age_limit := 60) ORDER BY symbol, date",
        s=SYMBOLS,
        d=DATES,
    ),
    "inputs as first filed": lambda q: q.sql(
        "SELECT * FROM factor_inputs($s::VARCHAR[], $d::DATE[], vintage := 'first') ORDER BY symbol, date",
        s=SYMBOLS,
        d=DATES,
    ),
    "split history": lambda q: q.sql(_all_columns("split_history")),
    "share counts": lambda q: q.sql(_all_columns("share_count_history")),
    "sectors": lambda q: q.sql("SELECT * FROM sectors ORDER BY symbol, valid_from"),
    "universe members": lambda q: q.sql(
        "SELECT * FROM universe_members ORDER BY universe, symbol, valid_from"
    ),
    "companies of several symbols": lambda q: q.sql(
        "SELECT * FROM multi_class_symbols ORDER BY symbol, class_symbol"
    ),
    "when periods became available": lambda q: q.sql(_all_columns("period_publications")),
}

# Queries with a mistake, and the message of both.
REFUSED: dict[str, tuple[Question, str]] = {
    "a number for a symbol": (lambda q: q.prices([600519]), "symbol"),  # type: ignore[list-item]  # the mistake
    "a moment for a date": (lambda q: q.ttm("AAPL", "2020-01-01T12:00"), "2020-01-01T12:00"),
    "dates in the wrong order": (lambda q: q.prices("AAPL", "2021-01-01", "2020-01-01"), "swap them"),
    "an unknown vintage": (lambda q: q.factors("AAPL", DATES, vintage="newest"), "known, first, latest"),
    "a vintage of no day": (lambda q: q.statements("AAPL", vintage="first"), "as_of"),
    "an unknown statement type": (lambda q: q.statements("AAPL", types=["incom"]), "'income'"),
    "an unknown column of bars": (lambda q: q.prices("AAPL", columns=["close"]), "'close_price'"),
    "an unknown item": (lambda q: q.income_statements("AAPL", columns=["revenu"]), "'revenue'"),
    "generations in the wrong order": (
        lambda q: q.compare_generations("AAPL", before="2021-01-01", after="2020-01-01"),
        "before is the later day",
    ),
    "no condition": (lambda q: q.screen("roe", "2020-12-31"), "no comparison"),
    "an unknown universe": (lambda q: q.factors(universe="sp500", dates=DATES), "no universe 'sp500'"),
    "an unknown factor": (lambda q: q.explain_factor("pe", "AAPL", "2020-01-01"), "pe_ratio"),
    "an unknown table": (lambda q: q.sql("SELECT * FROM price_dat"), "Did you mean 'price_data'?"),
    "an unknown function": (lambda q: q.sql("SELECT * FROM market_cap(1)"), "Did you mean 'market_caps'?"),
    "an unknown column": (lambda q: q.sql("SELECT closing FROM price_data"), "closing"),
    "no SQL": (lambda q: q.sql("SELEC 1"), "SELEC"),
    "two columns of one name": (lambda q: q.sql("SELECT 1 AS a, 2 AS a"), "'a'"),
    "a span of time": (lambda q: q.sql("SELECT INTERVAL '1 day' AS x"), "INTERVAL"),
    "a value that is missing": (lambda q: q.sql("SELECT * FROM splits WHERE symbol = $symbol"), "symbol"),
    "an unknown vintage in SQL": (
        lambda q: q.sql(
            "SELECT * FROM shares_as_of($s::VARCHAR[], $d::DATE[], vintage := 'x')", s=["AAPL"], d=DATES
        ),
        "expected known, first or latest",
    ),
}

# One function a line as DuckDB writes it; a server writes ARRAY before its lists.
PLAIN_SQL = (
    "SELECT * FROM market_caps({symbols}, {dates}) ORDER BY symbol, date",
    "SELECT * FROM ttm({symbols}, {dates}) ORDER BY symbol, date",
    "SELECT * FROM factor_inputs({symbols}, {dates}) ORDER BY symbol, date",
    "SELECT * FROM factors({symbols}, {dates}) ORDER BY symbol, date",
    "SELECT * FROM shares_as_of({symbols}, {dates}) ORDER BY symbol, date",
    "SELECT * FROM adjusted_prices({symbols}, DATE '2020-01-01', NULL) ORDER BY symbol, date",
    "SELECT * FROM ratios({symbols}, NULL, NULL)",
    "SELECT * FROM quarters({symbols}, DATE '2020-10-30')",
    "SELECT * FROM statements_as_of(DATE '2020-10-30')",
)
