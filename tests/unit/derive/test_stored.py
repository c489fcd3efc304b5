"""Tests of the derived tables that commits store: which rows readers use, and how they are repaired."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.derive import computation, stored
from factorlab_lake.derive.staleness import stale_symbols
from factorlab_lake.lake import Lake
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.commits import transaction
from tests.lake_changes import change_sealed
from tests.unit.query.lake_builder import LakeBuilder, filing, quarters

DAYS = ["2020-06-30", "2021-02-15", "2021-03-31"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with two companies; a quarter of A was restated."""
    builder = LakeBuilder()
    for symbol in ("A", "B"):
        items: dict[str, Any] = {"revenue": [100, 110, 120, 130], "weightedAverageShsOut": [10, 10, 10, 10]}
        builder.statements(symbol, "income", quarters(**items))
        builder.closes(symbol, dict.fromkeys(DAYS, 5.0))
    builder.statements("A", "income", [filing("2020-12-31", "Q4", filed="2021-03-03", revenue=140)])
    return builder.build(tmp_path)


def _answers(lake: Lake) -> pl.DataFrame:
    return lake.ttm(["A", "B"], DAYS).select("symbol", "date", "revenue", "reason")


def _digest_of_another_program(lake: Lake) -> None:
    path = snapshots.path_of(lake._layout, lake.snapshot.id)
    derived = json.loads(path.read_text())["derived"]
    change_sealed(path, derived=derived | {"digest": "another"})


def test_a_commit_stores_the_derived_rows(lake: Lake) -> None:
    """Nothing is left for readers to compute, and a deep verification computes the same rows again."""
    assert stale_symbols(lake._layout, lake.snapshot) == frozenset()
    assert lake.sql("SELECT count(*) AS n FROM fundamentals_history")["n"][0] > 0
    assert lake.verify(deep=True).clean


def test_rows_of_another_program_are_computed_and_stored_by_the_next_commit(lake: Lake) -> None:
    """A changed digest makes all rows stale; the answers stay, and the next commit stores the rows."""
    before = _answers(lake)
    _digest_of_another_program(lake)
    again = fl.open(lake.path)
    assert stale_symbols(again._layout, again.snapshot) is None
    assert_frame_equal(_answers(again), before)
    again.load(
        "splits",
        pl.DataFrame({"symbol": ["A"], "date": ["2019-01-02"], "numerator": [2.0], "denominator": [1.0]}),
    )
    assert stale_symbols(again._layout, again.snapshot) == frozenset()
    assert_frame_equal(_answers(again), before)


def test_new_symbols_rewrite_no_rows_of_others(lake: Lake) -> None:
    """A run over many companies would otherwise rewrite all derived rows with each of its batches."""
    before = {name: data_files.files_of(lake._layout, lake.snapshot, name) for name in DERIVED_TABLES}
    lake.load(
        "balance_sheets",
        pl.DataFrame(
            {"symbol": ["NEW"], "fiscal_date": ["2020-12-31"], "fiscal_period": ["FY"]}
        ).with_columns(total_assets=pl.lit(5.0), reported_currency=pl.lit("USD")),
    )
    for name, files in before.items():
        assert {*files} <= {*data_files.files_of(lake._layout, lake.snapshot, name)}, name
    assert lake.sql("SELECT count(*) AS n FROM fundamentals_history WHERE symbol = 'NEW'")["n"][0] > 0
    assert lake.verify(deep=True).clean


def test_a_symbol_that_cannot_be_computed_is_pending(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base rows are committed, and the symbol's derived rows are computed by readers."""

    def failing(con: duckdb.DuckDBPyConnection, symbols: list[str], *more: Any, **options: Any) -> None:
        if "A" in symbols:
            raise duckdb.InternalException("no")
        computation.compute(con, symbols, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(stored, "compute", failing)
        splits = {
            "symbol": ["A", "B"],
            "date": ["2020-12-01"] * 2,
            "numerator": [2.0] * 2,
            "denominator": [1.0] * 2,
        }
        lake.load("splits", pl.DataFrame(splits))
    assert stale_symbols(lake._layout, lake.snapshot) == frozenset({"A"})
    shown = lake.sql("SELECT symbol, count(*) AS n FROM split_history GROUP BY symbol ORDER BY symbol")
    assert shown.rows() == [("A", 2), ("B", 2)]
    lake.load(
        "splits",
        pl.DataFrame({"symbol": ["B"], "date": ["2018-01-02"], "numerator": [3.0], "denominator": [1.0]}),
    )
    assert stale_symbols(lake._layout, lake.snapshot) == frozenset()


def test_a_deep_verification_finds_wrong_rows_and_repair_rebuilds_them(lake: Lake) -> None:
    """Rows that differ from the computed ones are named by table, and computed again by repair."""
    with transaction(lake._layout, reason="test", program_version="0") as tx:
        rows = tx.read("split_history")
        row = {
            "symbol": ["B"],
            "from_date": [date(2020, 1, 1)],
            "to_date": [date(2021, 1, 1)],
            "cumulative_split_factor": [7.0],
        }
        wrong = pl.concat([rows.clear(), pl.DataFrame(row)], how="diagonal_relaxed").cast(rows.schema)
        tx.append("split_history", wrong)
    [finding] = fl.verify(lake.path, deep=True).findings
    assert (finding.file, finding.kind) == ("split_history", "derived")
    assert fl.repair(lake.path, deep=True).clean
    assert fl.verify(lake.path, deep=True).clean


@pytest.mark.parametrize("damage", ["delete", "flip"])
def test_a_damaged_derived_file_is_rebuilt_without_a_backup(lake: Lake, damage: str) -> None:
    """The rows follow from the other tables, so no backup is needed."""
    before = _answers(lake)
    file = min((lake.path / "fundamentals_history").rglob("*.parquet"))
    if damage == "delete":
        file.unlink()
    else:
        body = bytearray(file.read_bytes())
        body[len(body) // 2] ^= 0xFF
        file.write_bytes(bytes(body))
    assert not fl.verify(lake.path).clean
    report = fl.repair(lake.path)
    assert any(place.startswith("fundamentals_history") for place, _ in report.repaired)
    assert_frame_equal(_answers(fl.open(lake.path)), before)


def test_a_rollback_restores_the_derived_rows(lake: Lake) -> None:
    """The rows of the earlier snapshot are used again, not computed."""
    first, before = lake.snapshot.id, _answers(lake)
    lake.load(
        "splits",
        pl.DataFrame({"symbol": ["A"], "date": ["2020-12-01"], "numerator": [2.0], "denominator": [1.0]}),
    )
    lake.rollback(first)
    assert stale_symbols(lake._layout, lake.snapshot) == frozenset()
    assert_frame_equal(_answers(lake), before)
    assert lake.verify(deep=True).clean


def test_compaction_leaves_the_derived_rows_usable(lake: Lake) -> None:
    """A compaction changes table versions but no rows, so nothing is computed again."""
    for number in range(10):
        splits = {
            "symbol": ["A"],
            "date": [f"20{number + 5:02}-12-01"],
            "numerator": [2.0],
            "denominator": [1.0],
        }
        lake.load("splits", pl.DataFrame(splits))
    lake.compact()
    assert stale_symbols(lake._layout, lake.snapshot) == frozenset()


def test_every_derived_table_has_a_unique_key(lake: Lake) -> None:
    """The key of each derived table identifies one row."""
    for name, spec in DERIVED_TABLES.items():
        rows = lake.sql(f"SELECT * FROM {name}")
        assert not rows.select(spec.key).is_duplicated().any(), name


def test_symbols_of_a_commit_that_computes_nothing_are_pending(lake: Lake) -> None:
    """Test that readers compute the rows of A alone, which a transaction of the storage changed."""
    with transaction(lake._layout, reason="storage alone", program_version="0") as tx:
        rows = tx.read("income_statements")
        changed = rows.with_columns(
            revenue=pl.when(pl.col("symbol") == "A").then(pl.col("revenue") * 2).otherwise(pl.col("revenue"))
        )
        years = changed["fiscal_year"].unique().to_list()
        tx.replace("income_statements", changed, years)
        tx.touched.add("A")
    after = fl.open(lake.path)
    assert stale_symbols(after._layout, after.snapshot) == frozenset({"A"})
    before, now = (_answers(each).filter(pl.col("date") == date(2021, 2, 15)) for each in (lake, after))
    doubled = pl.when(pl.col("symbol") == "A").then(pl.col("revenue") * 2).otherwise(pl.col("revenue"))
    assert_frame_equal(now, before.with_columns(revenue=doubled))


def test_a_stored_symbol_counts_the_pending_classes_of_its_company(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A symbol shares its company with a pending one, also while only the stored symbol is requested."""
    monkeypatch.setenv("FACTORLAB_READ_INDEX", "0")
    builder = LakeBuilder()
    for symbol in ("A", "B"):
        items: dict[str, Any] = {"weightedAverageShsOut": [10.0] * 4, "cik": ["0000000001"] * 4}
        builder.statements(symbol, "income", quarters(**items))
    lake = builder.build(tmp_path)
    with transaction(lake._layout, reason="test", program_version="0") as tx:
        rows = tx.read("income_statements")
        tx.replace("income_statements", rows, rows["fiscal_year"].unique().to_list())
        tx.touched.add("B")
    pending = fl.open(lake.path)
    assert stale_symbols(pending._layout, pending.snapshot) == frozenset({"B"})
    assert pending.market_caps("A", DAYS)["multi_class"].all()


def test_a_symbol_without_other_rows_loses_its_derived_rows(lake: Lake) -> None:
    """A computation of all rows removes those of a symbol whose statements are gone."""
    with transaction(lake._layout, reason="test", program_version="0") as tx:
        rows = tx.read("income_statements").filter(pl.col("symbol") != "A")
        tx.replace("income_statements", rows, rows["fiscal_year"].unique().to_list())
    _digest_of_another_program(fl.open(lake.path))
    stored.store_stale(lake._layout, program_version="0")
    shown = fl.open(lake.path)
    assert stale_symbols(shown._layout, shown.snapshot) == frozenset()
    assert shown.sql("SELECT DISTINCT symbol FROM fundamentals_history").rows() == [("B",)]
    assert shown.verify(deep=True).clean
