"""Bars near the border of two years, loaded and removed in any order: the tiles are those of a full build."""

from __future__ import annotations

from datetime import date
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import factorlab_lake as fl
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.tile_builder import build
from tests.support import examples

SYMBOLS = ["AAA", "BBB"]
DAYS = [date(2019, 12, day) for day in (20, 22, 25, 31)] + [date(2020, 1, day) for day in (1, 1, 2)]


def some_bars(chance: Random, symbols: list[str]) -> pl.DataFrame:
    """Return a bar of each symbol on one of the days."""
    keys = {(symbol, chance.choice(DAYS)) for symbol in symbols}
    rows = [(symbol, day, chance.randint(100, 9999) / 100, day) for symbol, day in sorted(keys)]
    return pl.DataFrame(rows, ["symbol", "date", "close_price", "split_basis_date"], orient="row")


@examples(15)
@pytest.mark.filterwarnings("ignore::factorlab_lake.errors.LakeWarning")
@given(seed=st.integers(0, 2**32))
def test_tiles_after_any_changes_of_bars(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """After each load, rollback and compaction, every tile of closes is that of a build of all tiles."""
    chance = Random(seed)
    lake = fl.open(tmp_path_factory.mktemp("closes") / "lake")
    lake.load("price_data", some_bars(chance, SYMBOLS))  # all builds have the symbols in this order
    for _ in range(chance.randint(3, 8)):
        kind = chance.choice(["load", "load", "load", "rollback", "rollback", "compact"])
        if kind == "rollback":
            lake.rollback(chance.randint(max(1, lake.snapshot.id - 2), lake.snapshot.id))
        elif kind == "compact":
            lake.compact()
        else:
            lake.load("price_data", some_bars(chance, chance.choices(SYMBOLS, k=chance.choice([1, 1, 2]))))
        incremental = manifests.read(lake._layout, lake.snapshot)
        full = build(lake._layout, lake.snapshot, lake.session.frame, reuse=False)
        assert incremental is not None
        assert incremental.closes == full.closes
        manifests.save(lake._layout, lake.snapshot, incremental)
