from __future__ import annotations

import psycopg

from factorlab_lake.schema import TABLES, TYPES
from factorlab_lake.sync.postgres.install import STEPS
from factorlab_lake.sync.postgres.placeholders import sql_text
from factorlab_lake.sync.protocol import ROW_HASH

_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
"""
_SPELT_OUT = {"timestamptz": "timestamp with time zone"}


def _make(con: psycopg.Connection) -> None:
    views = ("json_number_text", "financial_statements")
    tables = [statement for step in STEPS for statement in step()]
    for statement in (*tables, *map(sql_text, views)):
        con.execute(statement)


def test_the_tables_have_the_names_columns_and_types_of_the_lake(database: str) -> None:
    """Every table has the lake's columns in order, then the row hash and the other names of columns."""
    with psycopg.connect(database) as con:
        _make(con)
        rows = con.execute(_COLUMNS).fetchall()
    for name, spec in TABLES.items():
        columns = [(column, kind) for table, column, kind in rows if table == name]
        expected = [(c.name, TYPES[c.kind].postgres) for c in spec.columns]
        named = [(other, TYPES[spec.column(n).kind].postgres) for other, n in spec.other_names]
        expected += [(ROW_HASH, "bigint"), *named]
        assert columns == [(n, _SPELT_OUT.get(k, k)) for n, k in expected]


def test_creating_the_tables_again_changes_nothing(database: str) -> None:
    """The statements can run twice and keep the rows."""
    with psycopg.connect(database) as con:
        _make(con)
        con.execute("INSERT INTO splits (symbol, date, event, numerator) VALUES ('X', '2020-01-02', 1, 2)")
        _make(con)
        assert con.execute("SELECT count(*) FROM splits").fetchone() == (1,)


def test_the_statements_view_has_the_items_as_json(database: str) -> None:
    """A statement is one row with its type and version; `metrics` has the items that are not NULL."""
    with psycopg.connect(database) as con:
        _make(con)
        con.execute(
            "INSERT INTO cash_flows (symbol, fiscal_date, fiscal_period, version, availability_basis, "
            "operating_cash_flow) VALUES ('0700.HK', '2020-12-31', 'FY', 2, 'filing_date', 1.5)"
        )
        rows = con.execute(
            "SELECT statement_type, symbol, version, metrics, data_quality_score FROM financial_statements"
        ).fetchall()
    assert rows == [("cash_flow", "0700.HK", 2, {"operating_cash_flow": 1.5}, 0.9)]
