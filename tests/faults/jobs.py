"""Run jobs that change a lake repeatedly; each writes values that reveal a half-written job.

Job ``n`` writes ``n + 1`` into every bar of ``BASE``, in three years, and into its statement. It also adds
its own symbols. So in each snapshot all of ``BASE`` has one number, and a job's own symbols have all their
rows or none.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import factorlab_lake as fl
from factorlab_lake.errors import LakeLocked
from factorlab_lake.lake import Lake
from tests.support import Entry, bar, income
from tests.unit.ingest.scripted_provider import Records, ScriptedProvider

KINDS = ("migrate", "fetch", "migrate", "compact", "migrate", "vacuum", "fetch", "backup")
BASE_DAYS = [f"{year}-01-{day:02}" for year in (2018, 2019, 2020) for day in (2, 3)]
OWN_DAYS = ["2018-12-31", "2019-01-02", "2019-01-03", "2020-01-02"]
START = datetime(2021, 1, 1, tzinfo=UTC)


def kind_of(number: int) -> str:
    """Return the kind of a job."""
    return KINDS[number % len(KINDS)]


def own_symbols(number: int) -> list[str]:
    """Return the symbols that only this job adds."""
    kind = kind_of(number)
    return [f"M{number}", f"N{number}"] if kind == "migrate" else [f"F{number}"] if kind == "fetch" else []


def _migrate(lake: Lake, number: int, place: Path) -> None:
    at, cache = START + timedelta(hours=number), place / f"cache{number}"
    statement = income("2020-03-31", "Q1", symbol="BASE", revenue=number + 1, calendarYear="2020")
    Entry("BASE", "price", [bar(day, float(number + 1)) for day in BASE_DAYS], cached_at=at).write(cache)
    Entry("BASE", "income", [statement], cached_at=at).write(cache)
    for symbol in own_symbols(number):
        Entry(symbol, "price", [bar(day, float(number + 1)) for day in OWN_DAYS], cached_at=at).write(cache)
    lake.migrate(cache)


def _fetch(lake: Lake, number: int, place: Path) -> None:
    [symbol] = own_symbols(number)
    served: Records = {("price", symbol, None): [bar(day, float(number + 1)) for day in OWN_DAYS]}
    lake.fetch(ScriptedProvider(served, now=START + timedelta(hours=number)), [symbol], kinds=["prices"])


def _compact(lake: Lake, number: int, place: Path) -> None:
    lake.compact()


def _vacuum(lake: Lake, number: int, place: Path) -> None:
    lake.vacuum(retention_days=0.0, dry_run=False)


def _backup(lake: Lake, number: int, place: Path) -> None:
    lake.backup(place / "backup")


_JOBS: dict[str, Callable[[Lake, int, Path], None]] = {
    "migrate": _migrate,
    "fetch": _fetch,
    "compact": _compact,
    "vacuum": _vacuum,
    "backup": _backup,
}


def do(lake: Lake, number: int, place: Path) -> None:
    """Run a job; a second run changes nothing."""
    _JOBS[kind_of(number)](lake, number, place)


def faults_of(lake: Lake, done: int, *, own: bool = True) -> list[str]:
    """Return the faults of a snapshot: lost rows of the jobs up to ``done``, and half-written jobs.

    The job after ``done`` may be committed or not, but not in part. ``own`` checks the jobs' own symbols too.
    """
    closes = lake.sql("SELECT close_price::BIGINT AS close FROM price_data WHERE symbol = 'BASE'")["close"]
    revenues = lake.sql(
        "SELECT revenue::BIGINT AS revenue FROM income_statements WHERE symbol = 'BASE' "
        "ORDER BY version DESC LIMIT 1"
    )["revenue"]
    values = {*closes, *revenues}
    faults = []
    if len(values) > 1 or len(closes) not in (0, len(BASE_DAYS)) or bool(len(closes)) != bool(len(revenues)):
        faults.append(f"half: BASE has {sorted(closes)} and revenue {list(revenues)}")
    if max(values, default=0) < max((n + 1 for n in range(done + 1) if kind_of(n) == "migrate"), default=0):
        faults.append(f"lost: BASE has {values} after job {done}")
    return faults + (_faults_of_own(lake, done) if own else [])


def _faults_of_own(lake: Lake, done: int) -> list[str]:
    query = "SELECT symbol, count(*), min(close_price), max(close_price) FROM price_data GROUP BY symbol"
    stored = {symbol: rest for symbol, *rest in lake.sql(query).rows()}
    faults = []
    for number in range(done + 2):
        complete = [
            stored.get(symbol) == [len(OWN_DAYS), number + 1, number + 1] for symbol in own_symbols(number)
        ]
        absent = [symbol not in stored for symbol in own_symbols(number)]
        if number <= done and not all(complete):
            faults.append(f"lost: job {number} has {[stored.get(s) for s in own_symbols(number)]}")
        elif not all(complete) and not all(absent):
            faults.append(f"half: job {number} has {[stored.get(s) for s in own_symbols(number)]}")
    return faults


def work(lake_path: str, first: int, place: str) -> None:
    """Run one job after the other until killed; print which have begun and which are done."""
    lake, number = fl.open(lake_path), first
    while True:
        sys.stdout.write(f"begin {number}\n")
        sys.stdout.flush()
        do(lake, number, Path(place))
        sys.stdout.write(f"done {number}\n")
        sys.stdout.flush()
        number += 1


def write(lake_path: str, seconds: float, place: str, first: int = 1, step: int = 1) -> None:
    """Run jobs, and sometimes a rollback, for some seconds; print the numbers of both, and of waits in vain.

    Of several writers, each has its own ``first`` number and all the same ``step``. One that waited a minute
    for another in vain retries, as its error advises.
    """
    lake, until, number, rollbacks, waits = fl.open(lake_path), time.monotonic() + seconds, first, 0, 0
    while time.monotonic() < until:
        try:
            if kind_of(number) == "vacuum":  # retain the files of readers that opened the lake recently
                lake.vacuum(retention_days=60 / 86400, dry_run=False)
            else:
                do(lake, number, Path(place))
            if number % 7 == 0 and kind_of(number) in ("migrate", "fetch"):
                lake.rollback()
                rollbacks += 1
        except LakeLocked:
            waits += 1
        number += step
    sys.stdout.write(f"{(number - first) // step} {rollbacks} {waits}\n")


def read(lake_path: str, seconds: float) -> None:
    """Open and check the lake repeatedly for some seconds.

    Print the number of reads, the memory and file descriptors after a quarter of the time and at the end, and
    the faults.
    """
    begun, reads, faults = time.monotonic(), 0, []
    levels: list[int] = []
    while (now := time.monotonic()) < begun + seconds:
        lake = fl.open(lake_path, create=False)
        faults += faults_of(lake, 0, own=False)
        first = lake.sql("SELECT count(*), sum(close_price), max(recorded_at) FROM price_data").rows()
        again = lake.sql("SELECT count(*), sum(close_price), max(recorded_at) FROM price_data").rows()
        if first != again:
            faults.append(f"snapshot {lake.snapshot.id} changed from {first} to {again}")
        reads += 1
        if not levels and now > begun + seconds / 4:
            levels = _levels()
    levels = [*(levels or _levels()), *_levels()]
    sys.stdout.write("\n".join([str(reads), " ".join(map(str, levels)), *faults]) + "\n")


def _levels() -> list[int]:
    """Return the memory of this process in MiB, and its number of file descriptors."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return [pages * os.sysconf("SC_PAGE_SIZE") >> 20, len(list(Path("/proc/self/fd").iterdir()))]


def sync(lake_path: str, seconds: float, url: str) -> None:
    """Sync the lake to a server repeatedly for some seconds; print the number of syncs and the faults.

    The server's bars of ``BASE`` have one number after each sync, as those of every snapshot.
    """
    until, syncs, faults = time.monotonic() + seconds, 0, []
    while time.monotonic() < until or not syncs:
        report = fl.open(lake_path, create=False).sync(url)
        with fl.open(url) as shared:
            closes = shared.sql("SELECT DISTINCT close_price FROM price_data WHERE symbol = 'BASE'")
        if not report.clean or closes.height > 1:
            faults.append(f"sync {syncs}: {report.findings} {closes.to_dicts()}")
        syncs += 1
    sys.stdout.write("\n".join([str(syncs), *faults]) + "\n")


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "work":
        work(rest[0], int(rest[1]), rest[2])
    elif verb == "write":
        write(rest[0], float(rest[1]), rest[2], *map(int, rest[3:]))
    elif verb == "sync":
        sync(rest[0], float(rest[1]), rest[2])
    else:
        read(rest[0], float(rest[1]))
