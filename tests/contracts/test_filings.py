"""Test that each figure leads to its filing, in a lake of Apple from SEC and on a server."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from tests.contracts.pair import Pair, both
from tests.sec_lakes import apple_with_bars
from tests.sec_rows import apple
from tests.unit.sync.postgres_server import Server

_ARCHIVE = "https://www.sec.gov/Archives/edgar/data/320193"
_DAYS = ("2010-02-01", "2017-06-01", "2020-12-31")
# Income, two sheets, cash flows of two years, and counts.
_FACTORS = ("revenue_growth_yoy", "roe", "accruals", "share_growth", "pe_ratio")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Pair]:
    """Yield a pair with Apple from SEC and bars."""
    with postgres.database() as url, both(apple_with_bars(tmp_path_factory), url) as pair:
        yield pair


def _page(accession: str) -> str:
    return f"{_ARCHIVE}/{accession.replace('-', '')}/{accession}-index.htm"


def test_each_statement_names_its_filing(pair: Pair) -> None:
    """All 279 rows have the number and the index page of the filing that published them."""
    rows = pair.ask(lambda q: q.statements("AAPL"))
    names = ("statement_type", "fiscal_date", "fiscal_period", "version", "accession")
    expected = [tuple(str(row[name]) for name in names) for row in apple()["rows"]]
    assert sorted(tuple(map(str, row)) for row in rows.select(names).rows()) == sorted(expected)
    assert rows["link"].to_list() == [_page(number) for number in rows["accession"]]


def test_statements_of_a_day_and_sql_name_them_too(pair: Pair) -> None:
    """The version known on a day has its own filing: that of the amendment of January 2010."""
    end, amended = "2009-09-26", "2010-02-01"
    rows = pair.ask(lambda q: q.statements("AAPL", end, end, types=["income"], as_of=amended))
    assert rows["accession"].to_list() == [
        row["accession"] for row in apple()["rows"] if row["fiscal_date"] == end and row["form"] == "10-K/A"
        if row["statement_type"] == "income"
    ]  # fmt: skip
    query = "SELECT version, accession, link FROM financial_statements WHERE symbol = 'AAPL' ORDER BY link, 1"
    assert pair.ask(lambda q: q.sql(query))["accession"].null_count() == 0


@pytest.mark.parametrize("factor", _FACTORS)
def test_each_figure_of_a_factor_names_its_filing(pair: Pair, factor: str) -> None:
    """Each statement below a factor has the filing whose figure it is, by the independent computation."""
    filed = {
        (row["fiscal_date"], row["fiscal_period"], row["accession"], item): value
        for row in apple()["rows"]
        for item, value in row["row"].items()
    }
    explained = 0
    for day in _DAYS:
        rows = pair.ask(lambda q, day=day: q.explain_factor(factor, "AAPL", day))  # type: ignore[misc]
        for row in rows.filter(pl.col("period").is_not_null()).to_dicts():
            key = (row["date"].isoformat(), row["period"], row["accession"], row["item"])
            assert row["value"] == filed[key]
            assert row["link"] == _page(row["accession"])
            explained += 1
    assert explained >= len(_DAYS)


def test_the_count_of_a_cap_names_its_filing(pair: Pair) -> None:
    """The cap of 2020-12-31 has the count of the 10-K's cover page, and its page at SEC."""
    counts = {(row["as_of_date"], row["shares"]): row["accession"] for row in apple()["shares"]}
    for day in _DAYS:
        rows = pair.ask(lambda q, day=day: q.explain_market_cap("AAPL", day))  # type: ignore[misc]
        (row,) = rows.filter(step="shares_outstanding").to_dicts()
        assert row["accession"] == counts[row["date"].isoformat(), row["value"]]
        assert row["link"] == _page(row["accession"])
        assert rows.filter(pl.col("step") != "shares_outstanding")["link"].null_count() == rows.height - 1
