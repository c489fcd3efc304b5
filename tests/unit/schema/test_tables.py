"""Test the descriptions of the tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.schema import (
    STATEMENT_TABLES,
    STATEMENT_TYPES,
    TABLES,
    TYPES,
    TableSpec,
    line_items,
    table,
)

# This is copied from the project's description of its tables, not from the code.
_STATEMENT_KEY = ("symbol", "fiscal_date", "fiscal_period", "version")
_STATEMENT_COLUMNS = """symbol fiscal_date fiscal_period version change_kind fiscal_year reported_currency cik
    filing_date accepted_at accepted_date available_date availability_basis split_basis_date extra
    source_provider fetch_id fetched_at recorded_at"""
_STORED = {
    "income_statements": (
        _STATEMENT_KEY,
        _STATEMENT_COLUMNS
        + " revenue cost_of_revenue gross_profit operating_income net_income eps eps_diluted"
        + " weighted_average_shares_outstanding",
    ),
    "balance_sheets": (
        _STATEMENT_KEY,
        _STATEMENT_COLUMNS
        + " total_assets total_current_assets total_current_liabilities total_liabilities total_debt"
        + " total_stockholders_equity",
    ),
    "cash_flows": (
        _STATEMENT_KEY,
        _STATEMENT_COLUMNS + " operating_cash_flow capital_expenditure free_cash_flow dividends_paid",
    ),
    "price_data": (
        ("symbol", "date"),
        """symbol date open_price high_price low_price close_price volume adjusted_close split_basis_date
        source_provider recorded_at""",
    ),
    "splits": (("symbol", "date", "event"), "symbol date event numerator denominator"),
    "dividends": (("symbol", "date", "event"), "symbol date event dividend adjusted_dividend"),
    "company_profiles": (("symbol",), "symbol cik sector industry exchange currency is_actively_trading"),
    "shares_outstanding": (
        ("symbol", "as_of_date", "source", "version"),
        "symbol as_of_date source version shares available_date split_basis_date",
    ),
    "data_fetch_log": (
        ("fetch_id",),
        """fetch_id symbol data_type fetch_date records_fetched api_calls_made success error_message provider
        endpoint parameters http_status payload_sha256 duration_ms covered_from covered_to""",
    ),
}
_DERIVED = {
    "financial_statements": """symbol statement_type fiscal_date fiscal_period version metrics accepted_date
        filing_date data_quality_score source_provider created_at updated_at""",
    "revisions": "table_name symbol date column_name old new kind recorded_at fetch_id",
}
_EVERY_TABLE = pytest.mark.parametrize("spec", TABLES.values(), ids=TABLES.keys())


@pytest.mark.parametrize("name", _STORED)
def test_a_stored_table_has_the_promised_key_and_columns(name: str) -> None:
    """Users write SQL with these names: no column may be missing, and the key is as documented."""
    key, columns = _STORED[name]
    spec = table(name)
    assert spec.key == key
    assert set(columns.split()) <= set(spec.names())


def test_vendor_ratios_are_kept_as_fetched_by_period() -> None:
    """The provider's ratios are one JSON column, keyed by symbol and fiscal period."""
    spec = table("vendor_ratios")
    assert spec.key[:3] == ("symbol", "fiscal_date", "fiscal_period")
    assert spec.column("metrics").kind == "json"


@pytest.mark.parametrize("name", _DERIVED)
def test_a_derived_table_answers_with_the_promised_columns(lake: Lake, name: str) -> None:
    """A derived table exists on an empty lake too, with its columns."""
    result = lake.sql(f"SELECT * FROM {name}")
    assert set(_DERIVED[name].split()) <= set(result.columns)
    assert result.height == 0


@_EVERY_TABLE
def test_the_session_shows_a_table_with_its_described_columns_and_types(lake: Lake, spec: TableSpec) -> None:
    """The DuckDB view has the described columns in order, each with the described type."""
    shown = lake.sql(
        f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{spec.name}'"
    )
    described = [*spec.columns, *(replace(spec.column(name), name=o) for o, name in spec.other_names)]
    assert shown.rows() == [(c.name, c.types.duckdb) for c in described]


@_EVERY_TABLE
def test_column_names_are_unique_and_documented(spec: TableSpec) -> None:
    """No column is described twice, and table and columns have a description."""
    names = spec.names()
    assert len(names) == len(set(names))
    assert [c.name for c in spec.columns if not c.doc.strip()] == []
    assert spec.doc.strip()


@_EVERY_TABLE
def test_what_a_description_refers_to_is_a_column_of_it(spec: TableSpec) -> None:
    """Key, order, time and partition are columns of the table, of a suitable type."""
    kinds = {c.name: c.kind for c in spec.columns}
    assert {*spec.key, *spec.sort_by} <= kinds.keys()
    assert {c.name for c in spec.columns if c.role == "key"} <= set(spec.key)
    assert not spec.time_column or kinds[spec.time_column] in ("date", "timestamp")
    assert not spec.partition_by or kinds[spec.partition_by] == "integer"


@_EVERY_TABLE
def test_every_column_has_a_type_in_every_engine(spec: TableSpec) -> None:
    """A column type without a name in one engine would fail there at first use."""
    for column in spec.columns:
        assert column.kind in TYPES
        types = column.types
        assert all((types.duckdb, types.postgres, types.snowflake, types.delta, types.polars))


def test_statements_are_partitioned_by_fiscal_year_and_bars_by_year() -> None:
    """A year is one folder, so old years are never rewritten."""
    assert {table(t).partition_by for t in STATEMENT_TABLES.values()} == {"fiscal_year"}
    assert table("price_data").partition_by == "year"


@pytest.mark.parametrize("statement_type", STATEMENT_TYPES)
def test_line_items_are_described_and_only_flows_may_be_summed(statement_type: str) -> None:
    """Share counts and per-share items are not flows; only flows may be summed over quarters."""
    items = {c.name: c for c in line_items(statement_type)}
    assert len(items) == len(line_items(statement_type))
    assert all(c.additive and c.unit for c in items.values())
    for name, column in items.items():
        if "per_share" in name or name.startswith("eps"):
            assert column.additive == "per_share"
        if name.startswith("weighted_average"):
            assert column.additive == "shares"
        if name.endswith("_ratio"):
            assert column.additive == "ratio"


def test_balances_are_stocks() -> None:
    """No item of a balance sheet is a flow."""
    assert {c.additive for c in line_items("balance_sheet")} <= {"stock", "shares"}


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    """The error lists all tables and suggests the nearest name."""
    with pytest.raises(InvalidInput, match="Did you mean 'price_data'") as caught:
        table("price_dat")
    assert caught.value.facts == {"table": "price_dat"}


def test_an_unknown_column_is_a_key_error() -> None:
    """An unknown column raises KeyError."""
    with pytest.raises(KeyError, match="closing"):
        table("price_data").column("closing")
