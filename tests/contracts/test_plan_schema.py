"""Run queries over the names of Factor Lab's planned database: one text on DuckDB and on a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import polars.selectors as cs
import psycopg
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from tests.contracts.pair import Pair, assert_same_rows, both
from tests.support import CACHE_2021
from tests.unit.sync.postgres_server import Server

# Each has an order, so that both engines return the rows alike.
QUERIES = {
    "the statements of a symbol, of one type and range": """
        SELECT symbol, statement_type, fiscal_date, fiscal_period, metrics, accepted_date,
               data_quality_score
        FROM financial_statements
        WHERE symbol = 'AAPL' AND statement_type = 'income'
          AND fiscal_date BETWEEN '2019-01-01' AND '2020-12-31'
        ORDER BY fiscal_date, fiscal_period, version""",
    "items out of the metrics": """
        SELECT symbol, fiscal_date, CAST(metrics ->> 'revenue' AS DOUBLE PRECISION) AS revenue,
               CAST(metrics ->> 'net_income' AS DOUBLE PRECISION)
               / CAST(metrics ->> 'revenue' AS DOUBLE PRECISION) AS margin
        FROM financial_statements
        WHERE statement_type = 'income' AND CAST(metrics ->> 'revenue' AS DOUBLE PRECISION) > 50e9
        ORDER BY symbol, fiscal_date, fiscal_period, version""",
    "the newest statement of each symbol and type": """
        SELECT symbol, statement_type, fiscal_date, version, source_provider FROM (
            SELECT *, ROW_NUMBER() OVER (PARTITION BY symbol, statement_type
                                         ORDER BY fiscal_date DESC, fiscal_period, version DESC) AS place
            FROM financial_statements) AS numbered
        WHERE place = 1 ORDER BY symbol, statement_type""",
    "the newest statement, by DISTINCT ON": """
        SELECT DISTINCT ON (symbol) symbol, fiscal_date, version FROM financial_statements
        WHERE statement_type = 'balance_sheet' AND accepted_date <= '2020-10-30'
        ORDER BY symbol, fiscal_date DESC, fiscal_period, version DESC""",
    "the ratios of a symbol and range": """
        SELECT symbol, fiscal_date, pe_ratio, pb_ratio, roe, debt_to_equity, market_cap, source_provider
        FROM financial_ratios
        WHERE symbol = 'AAPL' AND fiscal_date BETWEEN '2019-01-01' AND '2020-12-31' ORDER BY fiscal_date""",
    "the symbols with the lowest ratio of a quarter": """
        SELECT symbol, pe_ratio FROM financial_ratios
        WHERE fiscal_date >= '2020-09-01' AND fiscal_date < '2020-10-01' AND pe_ratio IS NOT NULL
        ORDER BY pe_ratio, symbol LIMIT 10""",
    "the prices of a symbol and range": """
        SELECT symbol, date, open_price, high_price, low_price, close_price, volume, adjusted_close,
               source_provider
        FROM price_data WHERE symbol = 'AAPL' AND date BETWEEN '2020-08-01' AND '2020-09-30' ORDER BY date""",
    "the last price of each symbol": """
        SELECT p.symbol, p.date, p.close_price FROM price_data p
        JOIN (SELECT symbol, MAX(date) AS date FROM price_data GROUP BY symbol) newest
          ON newest.symbol = p.symbol AND newest.date = p.date
        ORDER BY p.symbol""",
    "the newest successful fetch of each symbol and dataset": """
        SELECT symbol, data_type, MAX(fetch_date) AS fetched, SUM(records_fetched) AS records,
               SUM(api_calls_made) AS calls
        FROM data_fetch_log WHERE success = true AND error_message IS NULL
        GROUP BY symbol, data_type ORDER BY symbol, data_type""",
    "counts by provider": """
        SELECT name, source_provider, COUNT(*) AS n FROM (
            SELECT 'financial_statements' AS name, source_provider FROM financial_statements
            UNION ALL SELECT 'financial_ratios', source_provider FROM financial_ratios
            UNION ALL SELECT 'price_data', source_provider FROM price_data
            UNION ALL SELECT 'data_fetch_log', source_provider FROM data_fetch_log) AS rows_of_all
        GROUP BY name, source_provider ORDER BY name, source_provider""",
    "statements beside the prices of their day": """
        SELECT s.symbol, s.fiscal_date, s.accepted_date, p.close_price
        FROM financial_statements s JOIN price_data p ON p.symbol = s.symbol AND p.date = s.accepted_date
        WHERE s.statement_type = 'income' AND s.version = 1
        ORDER BY s.symbol, s.fiscal_date, s.fiscal_period""",
}
PLANNED = ("financial_statements", "financial_ratios", "price_data", "data_fetch_log")

_WHOLE = (cs.integer() | cs.decimal()).cast(pl.Int64)  # each engine has its own width of a sum
# Caps by a join with earlier prices: many fiscal dates have no bar of their own.
_JOINED = """
    SELECT s.symbol, s.fiscal_date, p.date,
           p.close_price
           * CAST(s.metrics ->> 'weighted_average_shares_outstanding' AS DOUBLE PRECISION) AS cap
    FROM financial_statements s JOIN price_data p ON p.symbol = s.symbol AND p.date <= s.fiscal_date
    WHERE s.statement_type = 'income' AND s.symbol = 'AAPL'
      AND s.fiscal_date BETWEEN '2020-01-01' AND '2020-12-31'
    ORDER BY s.fiscal_date, s.fiscal_period, p.date"""
_CAPS = """
    SELECT c.symbol, c.date, c.market_cap, c.price_date, c.shares_outstanding
    FROM market_caps({symbols}, (
        SELECT {list}(DISTINCT fiscal_date) FROM financial_statements
        WHERE symbol = 'AAPL' AND fiscal_date BETWEEN '2020-01-01' AND '2020-12-31')) c
    ORDER BY c.symbol, c.date"""


class Planned:
    """Hold a pair of lake and server whose rows came at two times, a moment between them, and the address."""

    def __init__(self, pair: Pair, moment: datetime, url: str) -> None:
        """Hold these."""
        self.pair, self.moment, self.url = pair, moment, url


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Planned]:
    """Yield Apple's sample and then those of all symbols, on both engines."""
    lake = fl.open(tmp_path_factory.mktemp("planned") / "lake")
    lake.migrate(CACHE_2021, symbols=["AAPL"])
    moment = datetime.now(UTC)
    lake.migrate(CACHE_2021)
    with postgres.database() as url, both(lake, url) as pair:
        yield Planned(pair, moment, url)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_runs_verbatim_on_both(planned: Planned, name: str) -> None:
    """The text is one, and columns, types, order and rows are equal; none is empty."""
    assert not planned.pair.ask(lambda q: q.sql(QUERIES[name]).with_columns(_WHOLE)).is_empty()


@pytest.mark.parametrize("table", PLANNED)
def test_every_table_says_who_delivered_a_row_and_when_it_was_stored(planned: Planned, table: str) -> None:
    """The three columns have a value in every row of every engine, and select the rows since a moment."""
    every = planned.pair.ask(
        lambda q: q.sql(f"SELECT source_provider, created_at, updated_at FROM {table} ORDER BY 1, 2, 3")
    )
    assert every.null_count().row(0) == (0, 0, 0)
    since = f"SELECT COUNT(*) AS n FROM {table} WHERE updated_at > $moment"
    newer = planned.pair.ask(lambda q: q.sql(since, moment=planned.moment))
    assert 0 < newer.item() < every.height
    assert (every["created_at"] <= every["updated_at"]).all()


@pytest.mark.parametrize("kind", ["catalog", "export"])
@pytest.mark.parametrize("table", PLANNED)
def test_the_single_file_has_them_too(planned: Planned, table: str, kind: str, tmp_path: Path) -> None:
    """`lake.duckdb` and an export have the same rows as `lake.sql`."""
    lake = planned.pair.lake
    file = lake.catalog() if kind == "catalog" else lake.export(tmp_path / "copy.duckdb")
    names = "source_provider, created_at, updated_at"
    query = f"SELECT {names}, count(*) AS n FROM {table} GROUP BY ALL ORDER BY ALL"
    with duckdb.connect(str(file), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        assert_frame_equal(con.sql(query).pl(), lake.sql(query))


def test_rows_of_a_query_can_be_loaded_again(planned: Planned, tmp_path: Path) -> None:
    """`SELECT *` returns the other names too; they follow from the stored columns."""
    rows = planned.pair.lake.sql("SELECT * FROM price_data WHERE symbol = 'AAPL' AND date >= '2021-01-01'")
    lake = fl.open(tmp_path / "lake")
    lake.load("price_data", rows)
    assert lake.sql("SELECT count(*) AS n FROM price_data WHERE updated_at IS NOT NULL").item() == rows.height


def test_market_caps_by_a_join_have_a_row_for_each_earlier_price(planned: Planned) -> None:
    """The function has one row per symbol and date; the join has every earlier bar of each version."""
    joined = planned.pair.ask(lambda q: q.sql(_JOINED))
    caps = planned.pair.lake.sql(_CAPS.format(symbols="['AAPL']", list="list"))
    on_server = planned.pair.shared.sql(_CAPS.format(symbols="ARRAY['AAPL']", list="array_agg"))
    assert_same_rows(caps, on_server)
    days = joined["fiscal_date"].n_unique()
    assert caps.height == days == 4
    assert joined.height > 500 * days
    assert (caps["price_date"] <= caps["date"]).all()
    assert caps["market_cap"].null_count() == 0


# Rows of other symbols, so that an index pays; each table has the key columns, and the rest is NULL.
_MANY = """
INSERT INTO {table} (symbol, {day}, {more}) SELECT 'S' || s, DATE '2015-01-01' + 91 * d, {values}
FROM generate_series(1, 400) s, generate_series(1, 25) d"""
_INDEXED = {
    "financial_ratios": ("fiscal_date", "period_publications", "published_on", "DATE '2020-01-01'"),
    "financial_statements": ("fiscal_date", "income_statements", "fiscal_period, version", "'Q1', 1"),
    "price_data": ("date", "price_data", "close_price", "1"),
    "data_fetch_log": ("fetch_date", "data_fetch_log", "fetch_id, data_type", "'f' || s || '-' || d, 'x'"),
}


@pytest.mark.parametrize("table", _INDEXED)
def test_a_symbol_and_range_are_looked_up_in_an_index_of_the_server(planned: Planned, table: str) -> None:
    """The server plans no scan of the table that has the rows, and no computation of other symbols."""
    day, stored, more, values = _INDEXED[table]
    select = f"SELECT * FROM {table} WHERE symbol = 'AAPL' AND {day} BETWEEN '2019-01-01' AND '2020-12-31'"
    with psycopg.connect(planned.url) as con:
        con.execute(_MANY.format(table=stored, day=day, more=more, values=values).encode())
        con.execute(f"ANALYZE {stored}".encode())
        plan = "\n".join(str(line) for (line,) in con.execute(f"EXPLAIN {select}".encode()).fetchall())
        con.rollback()
    assert re.search(rf"(Index|Bitmap Index|Index Only) Scan (using|on) {stored}_", plan), plan
    assert not re.search(rf"Seq Scan on {stored}\b", plan), plan
    assert re.search(r"Index Cond: \(+symbol = 'AAPL'", plan), plan
