"""Everything that changes a lake, in any order, with a crash between any two steps, against dictionaries.

``HYPOTHESIS_SCALE=50`` looks fifty times longer, at other examples in each run.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import factorlab_lake as fl
from factorlab_lake.errors import NotFound
from factorlab_lake.ingest import run
from factorlab_lake.ingest.legacy_cache import migrate
from factorlab_lake.lake import Lake
from factorlab_lake.storage import backup, commits, compaction, data_files, delta, refs, snapshots, vacuum
from factorlab_lake.storage import layout as layouts
from tests.properties.crashes import crash_before
from tests.support import Entry, bar, examples, income
from tests.unit.ingest.scripted_provider import Records, ScriptedProvider

SYMBOLS = ("A", "BRK.B", "CON")
DAYS = ("2019-12-31", "2020-01-02", "2020-01-03", "2021-01-04")
PERIODS = (("2019-12-31", "Q4"), ("2020-03-31", "Q1"))
ACCEPTED = ("2020-05-01 17:00:00", "2020-06-01 12:00:00", "2020-07-01 09:00:00")

_SYMBOL = st.sampled_from(SYMBOLS)
_BARS = st.dictionaries(st.sampled_from(DAYS), st.sampled_from([10.0, 20.0, 41.0]), min_size=1)
_STEP = st.one_of(st.none(), st.integers(0, 6))  # the write before which the program dies, if it does

# Every write, in the order of the layers: between any two of them the program may die.
_WRITES = (
    (delta, "append"),
    (delta, "replace"),
    (delta, "restore"),
    (data_files, "save_list"),
    (snapshots, "save"),
    (snapshots, "save_newest"),
    (refs, "save_vacuumed"),
    (refs, "save_pins"),
    (vacuum, "_delete"),
    (backup, "copy_file"),
    (backup, "copy_text"),
)


@dataclass
class Model:
    """What a lake should hold: a close by symbol and day, and the dated contents of each fiscal period."""

    bars: dict[tuple[str, str], float] = field(default_factory=dict)
    statements: dict[tuple[str, str, str], set[tuple[str, int, int]]] = field(default_factory=dict)


class TrustAgainstDictionaries(RuleBasedStateMachine):
    """A lake and what it should hold; a step that died either did not happen or is complete."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="lake-trust-"))
        self.layout = layouts.find(fl.open(self.place / "lake").path)
        self.model, self.taken, self.newest = Model(), {0: Model()}, 0
        self.pins: dict[str, int] = {}
        self.perhaps_gone: set[int] = set()
        self.readers: list[tuple[Lake, Model]] = []
        self.saved: dict[int, Model] = {}
        self.now = datetime(2021, 6, 1, tzinfo=UTC)
        self.serial = 0

    def teardown(self) -> None:
        """After all that, once a writer has tidied up, every check finds the lake whole."""
        compaction.compact(self.layout, program_version="0")
        report = self._open().verify(deep=True)
        shutil.rmtree(self.place)
        assert report.clean, report

    @initialize()
    def begin(self) -> None:
        """Start from the empty lake, which is snapshot 0."""

    def _open(self) -> Lake:
        return fl.open(self.layout.root, create=False)

    def _change(self, step: int | None, act: Callable[[], object], after: Model) -> None:
        """Do what ends in the content ``after`` and takes at most one snapshot, or dies on the way."""
        with crash_before(step, _WRITES):
            act()
            step = None
        now = self._open().snapshot.id
        assert now - self.newest in (0, 1), "more than one snapshot was taken"
        if now != self.newest or step is None:
            self.model = after
        self.newest = now
        self.taken[now] = deepcopy(self.model)

    def _served(self) -> datetime:
        self.now += timedelta(days=1)
        return self.now

    def _migrate(self, step: int | None, entry: Entry, after: Model) -> None:
        self.serial += 1
        cache = self.place / f"cache{self.serial}"
        entry.write(cache)
        self._change(step, lambda: migrate.migrate(self.layout, cache, program_version="0"), after)

    @rule(symbol=_SYMBOL, bars=_BARS, step=_STEP)
    def migrate_bars(self, symbol: str, bars: dict[str, float], step: int | None) -> None:
        """Bars of a cache land: new days are added, others corrected to what was served last."""
        rows = [bar(day, close) for day, close in sorted(bars.items())]
        after = deepcopy(self.model)
        after.bars |= {(symbol, day): close for day, close in bars.items()}
        self._migrate(step, Entry(symbol, "price", rows, cached_at=self._served()), after)

    @rule(symbol=_SYMBOL, period=st.sampled_from(PERIODS), accepted=st.sampled_from(ACCEPTED), step=_STEP)
    def migrate_a_statement(
        self, symbol: str, period: tuple[str, str], accepted: str, step: int | None
    ) -> None:
        """A new content of a period is a version, placed by its acceptance: original, restated or revised."""
        at = self._served()
        revenue = 1000 + self.serial
        record = income(*period, symbol=symbol, acceptedDate=accepted, revenue=revenue, calendarYear="2020")
        after = deepcopy(self.model)
        after.statements.setdefault((symbol, *period), set()).add((accepted, self.serial, revenue))
        self._migrate(step, Entry(symbol, "income", [record], cached_at=at), after)

    @rule(symbol=_SYMBOL, bars=_BARS, step=_STEP)
    def fetch(self, symbol: str, bars: dict[str, float], step: int | None) -> None:
        """Everything that a provider served for a request is stored, and nothing else."""
        served: Records = {("price", symbol, None): [bar(day, close) for day, close in sorted(bars.items())]}
        provider = ScriptedProvider(served, now=self._served())
        required = run.FetchSpec([symbol], ("prices",))
        # What is asked for is decided before anything is written: planned, it is known also after a death.
        calls = run._start(self.layout, provider, required, self.now).calls
        after = deepcopy(self.model)
        for request in (r for c in calls for r in c.requests):
            first, last = str(request.start or "0"), str(request.end or "9")
            after.bars |= {(symbol, day): close for day, close in bars.items() if first <= day <= last}
        act = lambda: run.fetch(self.layout, provider, required, program_version="0", now=self.now)  # noqa: E731 - a name makes it fit
        self._change(step, act, after)

    @rule(step=_STEP)
    def compact(self, step: int | None) -> None:
        """Rewriting files changes no row."""
        self._change(step, lambda: compaction.compact(self.layout, program_version="0"), self.model)

    @precondition(lambda self: len(self._surely()) > 1)
    @rule(data=st.data(), step=_STEP)
    def roll_back(self, data: st.DataObject, step: int | None) -> None:
        """Any kept content can be made current again."""
        to = data.draw(st.sampled_from(self._surely()))
        target = snapshots.load(self.layout, to)
        act = lambda: commits.roll_back(self.layout, target, reason="test", program_version="0")  # noqa: E731 - a name makes it fit
        self._change(step, act, deepcopy(self.taken[to]))

    @precondition(lambda self: self.newest not in self.pins.values() and self.newest > 0)
    @rule(step=_STEP)
    def pin(self, step: int | None) -> None:
        """A pin that was set keeps its snapshot."""
        name = f"pin{self.newest}"
        with crash_before(step, _WRITES):
            self._open().pin(name)
        if name in refs.pins(self.layout):
            self.pins[name] = self.newest
        else:
            assert step is not None

    @precondition(lambda self: self.newest > 1)
    @rule(step=_STEP)
    def vacuum(self, step: int | None) -> None:
        """Vacuum without retention takes all but the newest snapshot and those with a pin."""
        goes = set(self.taken) - {self.newest, *self.pins.values()}
        with crash_before(step, _WRITES):
            vacuum.vacuum(self.layout, program_version="0", retention_days=0.0, dry_run=False)
            step = None
        if self._open().snapshot.id != self.newest:  # the undoing of a dead writer's change can be one
            self.newest = self._open().snapshot.id
            self.taken[self.newest] = deepcopy(self.model)
        self.readers = [(r, m) for r, m in self.readers if r.snapshot.id not in goes]
        self.perhaps_gone |= goes
        if step is None:
            self.taken = {i: m for i, m in self.taken.items() if i not in self.perhaps_gone}
            self.perhaps_gone = set()

    @rule(step=_STEP)
    def back_up(self, step: int | None) -> None:
        """A backup holds what the lake held; one that died is completed by the next."""
        with crash_before(step, _WRITES):
            backup.backup(self.layout, self.place / "backup")
            step = None
        if step is None:
            self.saved = {self.newest: deepcopy(self.model)}

    @precondition(lambda self: bool(self.saved))
    @rule()
    def restore(self) -> None:
        """What is restored is a lake with the content of the last backup that came to its end, or newer."""
        to = self.place / "restored"
        lake = fl.restore(self.place / "backup", to)
        _compare(lake, self.taken.get(lake.snapshot.id) or self.saved[lake.snapshot.id])
        assert lake.snapshot.id >= max(self.saved)
        shutil.rmtree(to)

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        """A snapshot shows the content of its time; one that an unfinished vacuum took is refused."""
        to = data.draw(st.sampled_from(sorted(self.taken)))
        try:
            lake = self._open().at(to)
        except NotFound:
            assert to in self.perhaps_gone
            return
        _compare(lake, self.taken[to])

    @precondition(lambda self: len(self.readers) < 2)
    @rule()
    def open_a_reader(self) -> None:
        """Somebody opens the lake and keeps it open."""
        self.readers.append((self._open(), deepcopy(self.model)))

    @invariant()
    def a_fresh_reader_sees_the_model(self) -> None:
        """Whoever opens the lake now sees exactly what was committed."""
        _compare(self._open(), self.model)

    @invariant()
    def old_readers_see_what_they_saw(self) -> None:
        """Whoever opened the lake before still sees one and the same snapshot, unless it was vacuumed."""
        for reader, model in self.readers:
            _compare(reader, model)

    def _surely(self) -> list[int]:
        return sorted(set(self.taken) - self.perhaps_gone)


def _compare(lake: Lake, model: Model) -> None:
    held = lake.sql("SELECT symbol, date::VARCHAR, close_price FROM price_data").rows()
    assert sorted(held) == sorted((s, d, c) for (s, d), c in model.bars.items())
    held = lake.sql(
        "SELECT symbol, fiscal_date::VARCHAR, fiscal_period, version, revenue::BIGINT FROM income_statements"
    ).rows()
    expected = [
        (*key, number, revenue)
        for key, versions in model.statements.items()
        for number, (_, _, revenue) in enumerate(sorted(versions), start=1)
    ]
    assert sorted(held) == sorted(expected)


TestTrustAgainstDictionaries = TrustAgainstDictionaries.TestCase
TestTrustAgainstDictionaries.settings = settings(examples(4), stateful_step_count=10)
