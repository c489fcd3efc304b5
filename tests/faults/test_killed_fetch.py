"""Kill fetch runs at random moments, with real signals and a real server as the vendor.

``FACTORLAB_SOAK_KILLS=100`` sets the number of kills; the default is small.
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

# Fetches all symbols at a fixed time in small batches, so that two runs commit the same bits.
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
    spec = fetch_run.FetchSpec(symbols, ("profiles", "splits", "prices", "income"))
    report = fetch_run.fetch(layout.find(path), fmp, spec, program_version="0", now=at)
sys.exit(0 if report.clean else 3)
"""


class Vendor(FakeFmp):
    """Serve requests, and set an event at a given number of them."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they are
        self.limit_reached = threading.Event()
        self.kill_after = 0

    def handle(self, handler: object) -> None:
        """Set the event if the number is reached, then answer."""
        if len(self.requests) >= self.kill_after:
            self.limit_reached.set()
        super().handle(handler)  # type: ignore[arg-type]  # passed on as it is


def start(lake: Path, vendor: FakeFmp) -> subprocess.Popen[bytes]:
    """Start a run in its own process."""
    symbols = ",".join(vendor.dataset.symbols)
    return subprocess.Popen(
        [sys.executable, "-c", _FETCH, str(lake), vendor.url, AT.isoformat(), symbols], cwd=ROOT
    )


def committed(lake: Path) -> set[tuple[str, str, str | None]]:
    """Return the committed requests of the fetch log as (path, symbol, period)."""
    rows = fl.open(lake, create=False).sql("SELECT endpoint, symbol, parameters FROM data_fetch_log").rows()
    return {(path, symbol, json.loads(parameters).get("period")) for path, symbol, parameters in rows}


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    """Return a vendor of a few companies with a few bars each."""
    return Vendor(synthetic_dataset(SYMBOLS, start=date(2021, 1, 1)), latency_s=0.002)


def killed(run: subprocess.Popen[bytes], vendor: Vendor) -> bool:
    """Kill a run at the given number of requests; return False if it ended before."""
    while not vendor.limit_reached.wait(0.02):
        if run.poll() is not None:
            assert run.returncode == 0
            return False
    run.kill()
    assert run.wait() in (-signal.SIGKILL, 0)
    return run.returncode != 0


@pytest.mark.slow
def test_repeatedly_killed_runs_request_no_committed_data_again(tmp_path: Path, vendor: Vendor) -> None:
    """After kills at random numbers of requests, the lake equals that of an uninterrupted run."""
    dice, kills, between, lakes = random.Random(5), 0, 0, [tmp_path / "lake0"]
    fl.open(lakes[0])
    with vendor:
        before = committed(lakes[-1])
        while kills < KILLS or len(before) < CALLS:
            if len(before) == CALLS:
                lakes.append(tmp_path / f"lake{len(lakes)}")
                fl.open(lakes[-1])
                before = set()
            between += len(before) > 0
            count = len(vendor.requests)
            vendor.kill_after = count + dice.randrange(1, CALLS) if kills < KILLS else sys.maxsize
            vendor.limit_reached.clear()
            kills += killed(start(lakes[-1], vendor), vendor)
            now = {
                (r.path, r.parameters["symbol"], r.parameters.get("period")) for r in vendor.requests[count:]
            }
            assert before & now == set()
            before = committed(lakes[-1])
        vendor.kill_after = sys.maxsize
        whole = tmp_path / "uninterrupted"
        fl.open(whole)
        assert start(whole, vendor).wait(120) == 0
    assert between >= max(1, KILLS // 7), "too few runs continued after a kill"
    for path in lakes:
        assert_same_content(content(fl.open(path)), content(fl.open(whole)))
        assert_keys_unique(fl.open(path))
