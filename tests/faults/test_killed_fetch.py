"""A run of fetching killed at random moments. The kills are real ones, the vendor a real server.

``FACTORLAB_SOAK_KILLS=100`` says how often; the default is short.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import factorlab_lake as fl
from tests.fakes.fmp import FakeFmp, synthetic_dataset
from tests.support import ROOT, assert_keys_unique, assert_same_content, content

SYMBOLS = 14
CALLS = SYMBOLS * 5  # prices, splits, profiles, and income by quarters and years
KILLS = int(os.environ.get("FACTORLAB_SOAK_KILLS", "4"))
AT = datetime(2021, 3, 31, 23, tzinfo=UTC)

# Fetches all symbols, at a fixed moment and in small batches, so that two runs land the same to the last bit.
_FETCH = """
import sys
from datetime import datetime
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.protocol import Offer
from factorlab_lake.ingest import run as fetch_run
from factorlab_lake.storage import layout
from factorlab_lake.providers.fmp.settings import fmp_settings

path, url, at, symbols = sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3]), sys.argv[4].split(",")
fetch_run._BATCH_ANSWERS = 5
fetch_run.DATA_KINDS["income"] = ("income",)
settings = fmp_settings(
    api_key="demo", base_url=url, calls_per_minute=1_000_000, calls_at_once=4, bulk_saves=0
)
with FmpProvider(settings, clock=lambda: at) as fmp:
    wanted = fetch_run.FetchSpec(symbols, ("profiles", "splits", "prices", "income"))
    report = fetch_run.fetch(layout.find(path), fmp, wanted, program_version="0", now=at)
sys.exit(0 if report.clean else 3)
"""


class Vendor(FakeFmp):
    """Says when it has been asked so many times."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they are
        self.asked_enough = threading.Event()
        self.enough = 0

    def handle(self, handler: object) -> None:
        """Answer, unless it was asked enough: then say so first."""
        if len(self.requests) >= self.enough:
            self.asked_enough.set()
        super().handle(handler)  # type: ignore[arg-type]  # passed on as it is


def start(lake: Path, vendor: FakeFmp) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own."""
    symbols = ",".join(vendor.dataset.symbols)
    return subprocess.Popen(
        [sys.executable, "-c", _FETCH, str(lake), vendor.url, AT.isoformat(), symbols], cwd=ROOT
    )


def landed(lake: Path) -> set[tuple[str, str, str | None]]:
    """Return what has landed, as the vendor's requests tell it: (path, symbol, period)."""
    rows = fl.open(lake, create=False).sql("SELECT endpoint, symbol, parameters FROM data_fetch_log").rows()
    return {(path, symbol, json.loads(said).get("period")) for path, symbol, said in rows}


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    """A vendor of a few companies with a few bars each."""
    return Vendor(synthetic_dataset(SYMBOLS, start=date(2021, 1, 1)), latency_s=0.002)


def killed(run: subprocess.Popen[bytes], vendor: Vendor) -> bool:
    """Kill a run once the vendor was asked enough; False when it came to its end before."""
    while not vendor.asked_enough.wait(0.02):
        if run.poll() is not None:
            assert run.returncode == 0
            return False
    run.kill()
    assert run.wait() in (-signal.SIGKILL, 0)
    return run.returncode != 0


@pytest.mark.slow
def test_a_run_killed_again_and_again_asks_for_nothing_twice_that_has_landed(
    tmp_path: Path, vendor: Vendor
) -> None:
    """Each kill comes after a random number of requests; the end is that of an uninterrupted run."""
    dice, kills, between, lakes = random.Random(5), 0, 0, [tmp_path / "lake0"]
    fl.open(lakes[0])
    with vendor:
        before = landed(lakes[-1])
        while kills < KILLS or len(before) < CALLS:
            if len(before) == CALLS:
                lakes.append(tmp_path / f"lake{len(lakes)}")
                fl.open(lakes[-1])
                before = set()
            between += len(before) > 0
            asked = len(vendor.requests)
            vendor.enough = asked + dice.randrange(1, CALLS) if kills < KILLS else sys.maxsize
            vendor.asked_enough.clear()
            kills += killed(start(lakes[-1], vendor), vendor)
            now = {
                (r.path, r.parameters["symbol"], r.parameters.get("period")) for r in vendor.requests[asked:]
            }
            assert before & now == set()
            before = landed(lakes[-1])
        vendor.enough = sys.maxsize
        whole = tmp_path / "uninterrupted"
        fl.open(whole)
        assert start(whole, vendor).wait(120) == 0
    assert between >= max(1, KILLS // 7), "hardly a run went on where another had been killed"
    for path in lakes:
        assert_same_content(content(fl.open(path)), content(fl.open(whole)))
        assert_keys_unique(fl.open(path))
