from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from factorlab_lake.errors import LakeWarning
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.protocol import Request
from factorlab_lake.providers.rate_limit import RateLimiter
from factorlab_lake.providers.shared_limit import SharedLimit
from tests.fakes.fmp import FakeFmp, RateLimit, synthetic_dataset
from tests.fakes.scripted_fmp import KEY, Time, ask
from tests.support import ROOT

_CALLER = """
import http.client, sys, time
from concurrent.futures import ThreadPoolExecutor
from factorlab_lake.providers.rate_limit import RateLimiter
from factorlab_lake.providers.shared_limit import SharedLimit

port, calls, window_s, number = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
shared = SharedLimit(("test", str(port)), calls, window_s, longest_call_s=20)
limit = RateLimiter(calls, window_s, timer=time.monotonic, sleep=time.sleep, shared=shared)

def call(_):
    with limit.slot():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(call, range(number)))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the limits of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "factorlab-lake" / "limits"


class _Counter(BaseHTTPRequestHandler):
    """Note when requests arrive, and hold each for a moment."""

    arrivals: list[float]

    def do_GET(self) -> None:
        self.arrivals.append(time.monotonic())
        time.sleep(0.01)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        """Write no line."""


@contextmanager
def _counting() -> Iterator[tuple[int, list[float]]]:
    class Handler(_Counter):
        arrivals: list[float] = []  # noqa: RUF012 - one list for the server of this test

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1], Handler.arrivals
        server.shutdown()


def _caller(port: int, calls: int, window_s: float, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _CALLER, *map(str, (port, calls, window_s, number))]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_three_processes_never_exceed_one_limit() -> None:
    """Eight threads in each of three processes: the server sees at most the limit in any window."""
    calls, window_s, number = 12, 0.4, 32
    with _counting() as (port, arrivals):
        processes = [_caller(port, calls, window_s, number) for _ in range(3)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.communicate("go\n", timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(arrivals) == 3 * number
    arrivals.sort()
    gaps = [later - first for first, later in zip(arrivals, arrivals[calls:], strict=False)]
    assert min(gaps) >= window_s
    assert arrivals[-1] - arrivals[0] < 2 * window_s * 3 * number / calls + 5, "and the limit is used"


def _limit(calls: int, time_: Time, window_s: float = 60.0) -> SharedLimit:
    return SharedLimit(("test", "one"), calls, window_s, longest_call_s=100, timer=time_.timer)


def test_two_objects_share_their_slots() -> None:
    """A call of one occupies its slot for the other from its start until a window after its end."""
    clock = Time()
    one, other = _limit(2, clock), _limit(2, clock)
    assert (one.enter(), other.enter()) == (0, 0)
    clock.seconds += 50
    assert one.enter() > 0
    one.leave()
    other.leave()
    clock.seconds += 59
    assert other.enter() > 0
    clock.seconds += 2
    assert (other.enter(), one.enter()) == (0, 0)


def test_a_pause_applies_to_every_process() -> None:
    """After a refusal, no process sends anything until the wait has passed."""
    clock = Time()
    one, other = _limit(5, clock), _limit(5, clock)
    one.pause(600)
    assert other.enter() == 600
    clock.seconds += 601
    assert other.enter() == 0


def test_a_killed_process_frees_its_slots(folder: Path) -> None:
    """Calls of a process that was killed end when another process looks, not after the longest call."""
    held = "import sys; from factorlab_lake.providers.shared_limit import SharedLimit; "
    held += "s = SharedLimit(('test', 'one'), 2, 0.2, longest_call_s=1000); s.enter(); s.enter(); "
    held += "print('held', flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", held], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        limit = SharedLimit(("test", "one"), 2, 0.2, longest_call_s=1000)
        assert limit.enter() > 0
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        waits = [limit.enter()]
        assert waits[0] > 0, "its calls may have reached the server just now"
        time.sleep(0.21)
        assert limit.enter() == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"ended": [["x", 1]], "open": [], "paused_until": 0}'])
def test_a_damaged_file_counts_as_a_full_window(folder: Path, content: str) -> None:
    """Whoever cannot read how many calls were made waits for one window, and then goes on."""
    clock = Time()
    limit = _limit(2, clock)
    assert limit.enter() == 0
    (file,) = folder.glob("*.json")
    file.write_text(content)
    assert limit.enter() > 0
    clock.seconds += 61
    assert limit.enter() == 0


def test_times_of_before_a_restart_hold_nobody_up(folder: Path) -> None:
    """The clock begins again with the machine: larger times than it can have written are cut."""
    before, after = Time(seconds=9_000_000.0), Time(seconds=10.0)
    limit = _limit(1, before)
    assert limit.enter() == 0
    limit.leave()
    limit.pause(100)
    again = _limit(1, after)
    assert again.enter() > 0
    after.seconds += 3601
    assert again.enter() == 0


def test_a_folder_that_cannot_be_used_warns_once(tmp_path: Path) -> None:
    """Each process then applies the limit alone, and calls go on."""
    (tmp_path / "factorlab-lake").write_text("a file where the folder belongs")
    clock = Time()
    limit = RateLimiter(2, timer=clock.timer, sleep=clock.sleep, shared=_limit(2, clock))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            with limit.slot():
                pass
    assert [w.category for w in caught] == [LakeWarning]
    assert "each process applies the limit alone" in str(caught[0].message)
    assert clock.slept == [60.0]


def test_the_file_is_small_and_shows_no_key(folder: Path) -> None:
    """Thousands of calls take a few kilobytes, and the key is in no name and no content."""
    clock = Time()
    limit = SharedLimit(("fmp", KEY), 100_000, 60.0, longest_call_s=1, timer=clock.timer)
    for _ in range(500):
        limit.enter()
        limit.leave()
        clock.seconds += 0.1
    files = list(folder.iterdir())
    assert sum(file.stat().st_size for file in files) < 4000
    assert not [f for f in files if KEY in f.name or KEY.encode() in f.read_bytes()]
    assert folder.stat().st_mode & 0o077 == 0


def test_two_providers_with_one_key_keep_the_plan_of_the_key() -> None:
    """The vendor counts both; with a minute each, the second half of the calls would be refused."""
    dataset = synthetic_dataset(["ACME"])

    def fast() -> float:
        return time.monotonic() * 300

    with FakeFmp(dataset, key=KEY, limit=RateLimit(20, window_s=0.2)) as server:
        settings = fmp_settings(api_key=KEY, base_url=server.url, calls_per_minute=20, tries=1)
        providers = [
            FmpProvider(settings, timer=fast, sleep=lambda s: threading.Event().wait(s / 300))
            for _ in range(2)
        ]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: ask(providers[n % 2], Request("profile", "ACME")), range(60)))
        for fmp in providers:
            fmp.close()
    assert {answer.error for answer in answers} == {None}
    assert {seen.status for seen in server.requests} == {200}
