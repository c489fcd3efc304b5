"""Test the lake against a plain dictionary, with crashes between any two steps."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import factorlab_lake as fl
from factorlab_lake.ingest.load import load
from factorlab_lake.lake import Lake
from factorlab_lake.storage import commits, delta, snapshots
from factorlab_lake.storage import layout as layouts
from tests.properties.crashes import crash_before
from tests.support import examples, writing

_Closes = dict[tuple[str, str], float]
_KEYS = st.tuples(
    st.sampled_from(["A", "B", "O'X\"Y"]), st.sampled_from(["2019-12-31", "2020-01-02", "2020-01-03"])
)
_SOME_ROWS = st.dictionaries(_KEYS, st.sampled_from([1.0, 2.0, 4.0]), min_size=1, max_size=4)


_WRITES = (
    (delta, "append"),
    (delta, "replace"),
    (delta, "restore"),
    (snapshots, "save"),
)


class LakeAgainstDictionary(RuleBasedStateMachine):
    """Loads, crashes, rollbacks, time travel; after each step a fresh reader sees what the model has."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="lake-model-"))
        self.lake = fl.open(self.place / "lake")
        self.prices: _Closes = {}
        self.splits: _Closes = {}
        self.taken: dict[int, tuple[_Closes, _Closes]] = {}
        self.readers: list[tuple[Lake, _Closes, _Closes]] = []

    def teardown(self) -> None:
        """Remove the lake."""
        shutil.rmtree(self.place)

    @initialize()
    def begin(self) -> None:
        """Start from the empty lake, which is snapshot 0."""
        self.taken[0] = ({}, {})

    # Below the public methods, which would write the single file each time.

    def _load_prices(self, rows: _Closes) -> None:
        frame = [
            {"symbol": s, "date": d, "close_price": c, "split_basis_date": d} for (s, d), c in rows.items()
        ]
        with writing(self.lake) as tx:
            load(tx, "price_data", frame)

    def _load_splits(self, rows: _Closes) -> None:
        frame = [{"symbol": s, "date": d, "numerator": n, "denominator": 1} for (s, d), n in rows.items()]
        with writing(self.lake) as tx:
            load(tx, "splits", frame)

    def _roll_back(self, to: int) -> None:
        layout = layouts.find(self.lake.path)
        target = snapshots.load(layout, to)
        commits.roll_back(layout, target, reason="test", program_version="0")

    def _note(self) -> None:
        self.taken[self.lake.refresh().snapshot.id] = (dict(self.prices), dict(self.splits))

    @rule(rows=_SOME_ROWS)
    def load_prices(self, rows: _Closes) -> None:
        """The bar loaded last is the current one."""
        self._load_prices(rows)
        self.prices |= rows
        self._note()

    @rule(rows=_SOME_ROWS)
    def load_splits(self, rows: _Closes) -> None:
        """The split loaded last is the current one."""
        self._load_splits(rows)
        self.splits |= rows
        self._note()

    @rule(rows=_SOME_ROWS, step=st.integers(0, 3), prices=st.booleans())
    def crash_while_loading(self, rows: _Closes, step: int, *, prices: bool) -> None:
        """A crash before the snapshot leaves the old content; after the last write the load is done."""
        before = fl.open(self.lake.path).snapshot.id
        with crash_before(step, _WRITES):
            (self._load_prices if prices else self._load_splits)(rows)
        self.lake = fl.open(self.lake.path, create=False)
        if self.lake.snapshot.id != before:
            (self.prices if prices else self.splits).update(rows)
            self._note()

    @precondition(lambda self: len(self.taken) > 1)
    @rule(data=st.data(), step=st.integers(0, 3))
    def crash_while_rolling_back(self, data: st.DataObject, step: int) -> None:
        """A rollback that crashed either did not happen or is complete."""
        to = data.draw(st.sampled_from(sorted(self.taken)))
        before = fl.open(self.lake.path).snapshot.id
        with crash_before(step, _WRITES):
            self._roll_back(to)
        self.lake = fl.open(self.lake.path, create=False)
        if self.lake.snapshot.id != before:
            self.prices, self.splits = (dict(rows) for rows in self.taken[to])
            self._note()

    @precondition(lambda self: len(self.taken) > 1)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Any earlier content can be made current again."""
        to = data.draw(st.sampled_from(sorted(self.taken)))
        self._roll_back(to)
        self.prices, self.splits = (dict(rows) for rows in self.taken[to])
        self._note()

    @precondition(lambda self: len(self.taken) > 1)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        """The lake at an earlier snapshot shows the content of that time."""
        to = data.draw(st.sampled_from(sorted(self.taken)))
        _compare(self.lake.at(to), *self.taken[to])

    @precondition(lambda self: len(self.readers) < 2)
    @rule()
    def open_a_reader(self) -> None:
        """Somebody opens the lake and keeps it open."""
        self.readers.append((fl.open(self.lake.path, create=False), dict(self.prices), dict(self.splits)))

    @invariant()
    def a_fresh_reader_sees_the_model(self) -> None:
        """Whoever opens the lake now sees exactly what was committed."""
        _compare(fl.open(self.lake.path, create=False), self.prices, self.splits)

    @invariant()
    def old_readers_see_what_they_saw(self) -> None:
        """Whoever opened the lake before still sees one and the same snapshot."""
        for reader, prices, splits in self.readers:
            _compare(reader, prices, splits)


def _compare(lake: Lake, prices: _Closes, splits: _Closes) -> None:
    bars = lake.sql("SELECT symbol, date::VARCHAR, close_price FROM price_data").rows()
    assert sorted(bars) == sorted((s, d, c) for (s, d), c in prices.items())
    current = "SELECT symbol, date::VARCHAR, numerator FROM splits WHERE retracted_at IS NULL"
    ratios = lake.sql(current).rows()
    assert sorted(ratios) == sorted((s, d, n) for (s, d), n in splits.items())


TestLakeAgainstDictionary = LakeAgainstDictionary.TestCase
TestLakeAgainstDictionary.settings = settings(examples(3), stateful_step_count=8)
