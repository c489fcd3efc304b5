"""Test that statements come from the index as SQL returns them, and that a commit keeps its tiles current."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index import touched
from factorlab_lake.index.manifest import Manifest
from factorlab_lake.index.statement_blocks import StatementRequest, encode, read_statements, write_blocks
from factorlab_lake.index.tiles import Tile, TileFile, tile_hash
from factorlab_lake.lake import Lake
from factorlab_lake.schema import STATEMENT_TABLES
from factorlab_lake.schema.derived_tables import VINTAGES
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout
from tests.support import CACHE_2019, CACHE_2021, CACHE_DIRTY
from tests.unit.index.worlds import (
    ALL_STATEMENTS,
    assert_statements_equal,
    every_case,
    statements_by_index,
    statements_by_sql,
    symbols_of,
)
from tests.unit.query.lake_builder import LakeBuilder, filing

DAY = date(2021, 2, 19)
FEW = ["AAA", "BBB", "CCC"]
MANY = [f"S{number:03d}" for number in range(70)]  # two tiles
LATER = datetime(2021, 6, 30, 22, tzinfo=UTC)


def reporters(symbols: list[str], **items: Any) -> LakeBuilder:
    """Return a lake's content: an income statement and a balance sheet of each symbol."""
    cases = LakeBuilder()
    for number, symbol in enumerate(symbols):
        cases.statements(symbol, "income", [filing("2020-12-31", revenue=1000 + number, **items)])
        cases.statements(symbol, "balance_sheet", [filing("2020-12-31", totalAssets=5000 + number)])
    return cases


def manifest_of(lake: Lake) -> Manifest:
    """Return the manifest of a lake's newest snapshot."""
    manifest = manifests.read(lake._layout, fl.open(lake.path).snapshot)
    assert manifest is not None
    return manifest


def tiles_of(lake: Lake) -> list[TileFile]:
    """Return the tiles of statements of a lake's newest snapshot."""
    return [tile for tile in manifest_of(lake).statements if tile is not None]


def bar(symbol: str, close: float) -> pl.DataFrame:
    """Return one bar as traded."""
    values = {"symbol": [symbol], "date": [DAY], "close_price": [close], "split_basis_date": [DAY]}
    return pl.DataFrame(values)


def test_statements_of_all_cases_are_equal(tmp_path: Path) -> None:
    """Every case of the query tests has the rows, columns, types and order of SQL, together and alone."""
    lake = every_case().build(tmp_path)
    symbols = symbols_of(lake)
    assert_statements_equal(lake.path, symbols)
    assert statements_by_sql(lake.path, symbols).height > len(symbols)
    for symbol in symbols[::40]:
        assert_statements_equal(lake.path, [symbol])


def test_statements_of_the_dirty_sample_are_equal(tmp_path: Path) -> None:
    """Rows of vendors, with restatements, missing fields and fields that could not be read, are equal."""
    lake = fl.open(tmp_path / "lake")
    for cache in (CACHE_DIRTY, CACHE_2019, CACHE_2021):
        lake.migrate(cache)
        assert_statements_equal(lake.path, symbols_of(lake))
    assert statements_by_sql(lake.path, symbols_of(lake))["version"].max() > 1  # type: ignore[operator]


def test_odd_names_and_texts_are_equal(tmp_path: Path) -> None:
    """Symbols in any script, and texts of any length, have the order and the values of SQL."""
    symbols = ["Z", "a", "ß", "é.PA", "rows", "7203.T", "0", "\U0001f600", "￿"]
    lake = reporters(symbols, link="https://example.com/" + "x" * 5000, reportedCurrency="").build(tmp_path)
    assert_statements_equal(lake.path, symbols)


def test_blocks_of_several_versions_of_polars_are_read_together(tmp_path: Path) -> None:
    """Blocks with one schema are one stream; a block that writes texts in another way has the same rows."""
    lake = reporters(FEW).build(tmp_path / "lake")
    rows = lake.sql("SELECT * FROM financial_statements ORDER BY symbol, statement_type")
    blocks = list(encode(rows).values())
    older = io.BytesIO()
    rows.filter(symbol="BBB").write_ipc_stream(older, compat_level=pl.CompatLevel.oldest())
    mixed = [blocks[0], np.frombuffer(older.getvalue(), np.uint8), blocks[2]]
    request = StatementRequest(tuple(STATEMENT_TABLES), date.min, date.max)
    for of_file in (blocks, mixed):
        file = write_blocks(tmp_path, dict(enumerate(of_file)))
        assert file is not None
        tile = Tile(tmp_path / file.name, file.size_bytes)
        answer = read_statements([(tile, [0, 1, 2])], request)
        assert answer is not None
        assert_frame_equal(answer, rows)


def test_a_lake_answers_from_its_index(tmp_path: Path) -> None:
    """One symbol, several and none are answered without SQL, in the order of symbols."""
    lake = fl.open(reporters(FEW).build(tmp_path).path)
    lake.result_cache.clear()
    rows = lake.statements(["CCC", "AAA", "CCC"], "2020-01-01", types="income")
    assert rows["symbol"].to_list() == ["AAA", "CCC"]
    assert lake.statements([]).schema == rows.schema
    assert "session" not in vars(lake._reader)
    assert lake.statements(["UNKNOWN"]).schema == rows.schema  # a session tells whether it is held at all
    assert_statements_equal(lake.path, ["UNKNOWN", "BBB"])
    assert_statements_equal(lake.path, ["UNKNOWN"])


def test_days_as_of_are_answered_from_the_index(tmp_path: Path) -> None:
    """Each day between two versions and each vintage has the rows of SQL; so has a day before all."""
    lake = every_case().build(tmp_path)
    symbols = [s for s in symbols_of(lake) if s.startswith(("VINTAGE", "STATEMENTS."))]
    days = [date(2020, 12, 31), date(2021, 2, 14), date(2021, 2, 20), date(2021, 7, 1), date.max]
    requests = [replace(ALL_STATEMENTS, as_of=day, vintage=vintage) for day in days for vintage in VINTAGES]
    assert_statements_equal(lake.path, symbols, requests)
    answers = [statements_by_index(lake.path, symbols, request) for request in requests]
    assert len({rows.write_json() for rows in answers if rows is not None}) > len(days)
    lake = fl.open(lake.path)
    lake.statements(symbols, as_of="2021-02-14")
    assert "session" not in vars(lake._reader)


def test_another_availability_rule_is_answered_by_sql(tmp_path: Path) -> None:
    """The blocks have the days of availability by the lake's own rule."""
    lake = fl.open(reporters(FEW).build(tmp_path).path, availability="same_day")
    lake.result_cache.clear()
    assert lake.statements("AAA").height == 2
    assert "session" in vars(lake._reader)


def test_a_lake_without_statements_is_answered_by_sql(tmp_path: Path) -> None:
    """Without a block the columns of an answer are unknown to the index."""
    lake = fl.open(tmp_path / "lake")
    lake.load("price_data", bar("AAA", 12.5))
    assert tiles_of(lake) == []
    assert statements_by_index(lake.path, ["AAA"]) is None
    assert lake.statements("AAA").is_empty()


def test_a_commit_of_one_symbol_computes_its_block_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restatement and a new symbol replace their blocks; the other group keeps its tile."""
    lake = reporters(MANY).build(tmp_path)
    before = tiles_of(lake)
    computed = _recorded(monkeypatch)
    cases = LakeBuilder()
    restated = filing("2020-12-31", revenue=7, filed="2021-05-01")
    cases.statements("S069", "income", [restated], fetched=LATER)
    cases.statements("A", "income", [filing("2020-12-31", revenue=1)])
    cases.add_to(lake, tmp_path / "more")
    assert computed == [["A", "S069"]]
    after = tiles_of(lake)
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert_statements_equal(lake.path, ["A", *MANY])
    assert statements_by_sql(lake.path, ["S069"])["version"].to_list() == [1, 1, 2]
    lake.rollback(1)
    assert_statements_equal(lake.path, ["A", *MANY])


def _recorded(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the list to which each computation of blocks adds its symbols."""
    from factorlab_lake.query.session import Session

    computed: list[list[str]] = []
    frame = Session.frame

    def recorded(self: Session, sql: str, params: Any = None, **options: Any) -> pl.DataFrame:
        if "FROM financial_statements" in sql and options.get("needs") is None:
            computed.append(params["symbols"])
        return frame(self, sql, params, **options)

    monkeypatch.setattr(Session, "frame", recorded)
    return computed


def test_an_append_of_bars_reads_no_statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a changed file of statements, no block is computed and no statement is compared."""
    lake = reporters(FEW).build(tmp_path)
    computed = _recorded(monkeypatch)

    read: list[str] = []

    def recorded(layout: Layout, name: str, *arguments: Any, **options: Any) -> pl.DataFrame:
        read.append(name)
        return read_files(layout, name, *arguments, **options)

    monkeypatch.setattr(touched, "read_files", recorded)
    before = tiles_of(lake)
    lake.load("price_data", bar("AAA", 13.0))
    assert (computed, tiles_of(lake)) == ([], before)
    assert read
    assert set(read).isdisjoint(STATEMENT_TABLES.values())
    assert_statements_equal(lake.path, FEW)


def test_a_compaction_computes_no_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were rewritten with the same rows change no block."""
    lake = reporters(FEW).build(tmp_path)
    reporters(["DDD"]).add_to(lake, tmp_path / "more")
    before = tiles_of(lake)
    computed = _recorded(monkeypatch)
    assert lake.compact().partitions
    lake.load("price_data", bar("AAA", 13.0))
    assert (computed, tiles_of(lake)) == ([], before)


def test_after_a_vacuum_of_the_compared_files_all_blocks_are_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed since an index whose data files are deleted is unknown, so each block is computed."""
    lake = reporters(FEW).build(tmp_path)
    layout, old = lake._layout, lake.snapshot
    monkeypatch.setenv("FACTORLAB_READ_INDEX", "0")
    cases = LakeBuilder()
    restated = filing("2020-12-31", revenue=7, filed="2021-05-01")
    cases.statements("BBB", "income", [restated], fetched=LATER)
    cases.add_to(lake, tmp_path / "more")
    lake.compact()
    lake.vacuum(retention_days=0, dry_run=False, now=datetime.now(UTC) + timedelta(days=1))
    monkeypatch.delenv("FACTORLAB_READ_INDEX")
    assert manifests.read(layout, old) is not None
    computed = _recorded(monkeypatch)
    lake.load("price_data", bar("AAA", 13.0))
    assert computed == [FEW]
    assert_statements_equal(lake.path, FEW)


def _delete(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-64])


def _flip_block(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _flip_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_delete, _truncate, _flip_block, _flip_header])
def test_a_damaged_tile_changes_no_answer_and_is_written_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """SQL answers in its place; the next commit writes the tile again, from rows and not from the damage."""
    lake = reporters(FEW).build(tmp_path)
    expected = statements_by_sql(lake.path, FEW)
    [tile] = tiles_of(lake)
    path = manifests.index_folder(lake._layout) / tile.name
    damage(path)
    lake.result_cache.clear()
    rows = fl.open(lake.path).statements(FEW)
    assert_frame_equal(rows.select(expected.columns), expected, check_exact=True)
    assert statements_by_index(lake.path, FEW) is None
    assert {f.kind for f in fl.verify(lake.path).findings} == {"index"}
    lake.load("price_data", bar("AAA", 13.0))
    [written] = tiles_of(lake)
    assert tile_hash((path.parent / written.name).read_bytes()) == written.name
    assert fl.verify(lake.path).clean
    assert_statements_equal(lake.path, FEW)


def test_an_unnoticed_flip_is_not_copied_into_a_new_tile(tmp_path: Path) -> None:
    """A commit that replaces one block compares the checksums of the others, and computes them again."""
    lake = reporters(FEW).build(tmp_path)
    [tile] = tiles_of(lake)
    _flip_block(manifests.index_folder(lake._layout) / tile.name)
    reporters(["DDD"]).add_to(lake, tmp_path / "more")
    assert_statements_equal(lake.path, [*FEW, "DDD"])


def test_repair_and_vacuum_know_the_tiles(tmp_path: Path) -> None:
    """A repair replaces a damaged tile; a vacuum deletes the tiles of vacuumed snapshots alone."""
    lake = reporters(FEW).build(tmp_path)
    folder = manifests.index_folder(lake._layout)
    [first] = tiles_of(lake)
    _flip_block(folder / first.name)
    assert fl.repair(lake.path).clean
    assert_statements_equal(lake.path, FEW)
    reporters(["DDD"]).add_to(lake, tmp_path / "more")
    [second] = tiles_of(lake)
    for path in folder.iterdir():
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    lake.vacuum(retention_days=0, dry_run=False, now=datetime.now(UTC) + timedelta(days=1))
    assert not (folder / first.name).exists()
    assert (folder / second.name).exists()
    assert_statements_equal(lake.path, [*FEW, "DDD"])


def test_a_manifest_without_statements_is_not_used(tmp_path: Path) -> None:
    """A manifest of an older version has no list of these tiles: SQL answers until the next commit."""
    lake = reporters(FEW).build(tmp_path)
    path = manifests.manifest_path(lake._layout, lake.snapshot.id)
    head, body = path.read_text().splitlines()
    shorter = body.partition(', "statements"')[0] + "}"
    head = head.replace(manifests._sha256(body), manifests._sha256(shorter))
    path.write_text(f"{head}\n{shorter}\n")
    assert not manifests.is_damaged(path)
    assert manifests.read(lake._layout, lake.snapshot) is None
    assert fl.open(lake.path).statements(FEW).height == 6
    lake.load("price_data", bar("AAA", 13.0))
    assert_statements_equal(lake.path, FEW)
