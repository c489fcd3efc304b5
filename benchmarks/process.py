"""Measure work in a separate process: its time from start to end, and its peak memory.

``python -m benchmarks.process MODULE:FUNCTION ARGUMENTS`` calls the function with the arguments, a JSON
list. It prints one JSON line: the returned value, the time of the call and the peak memory.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["Ran", "peak_mb", "private_mb", "private_peak_mb", "ran", "start_cost"]

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Ran:
    """Hold the figures of one process: its duration, the call inside it, CPU time, memory and answer."""

    process_s: float
    call_s: float
    cpu_s: float
    peak_mb: float
    answer: Any


def ran(task: str, *arguments: Any, environment: Mapping[str, str] | None = None) -> Ran:
    """Call ``module:function`` in a fresh process; raise with its stderr where it fails."""
    env = os.environ | (environment or {})
    command = [sys.executable, "-m", "benchmarks.process", task, json.dumps(arguments, default=str)]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, env=env)
    process_s = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{task} ended with {done.returncode}:\n{done.stderr}")
    facts = json.loads(done.stdout.splitlines()[-1])
    return Ran(process_s=process_s, **facts)


def start_cost(
    code: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """Return the wall and CPU time in seconds of ``python -c code arguments``, from start to end."""
    command, env = [sys.executable, "-c", code, *arguments], os.environ | (environment or {})
    cpu, started = _children_cpu_s(), time.perf_counter()
    subprocess.run(command, cwd=_ROOT, capture_output=True, check=True, env=env)
    return time.perf_counter() - started, _children_cpu_s() - cpu


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """Return the peak of the resident memory of this process, in units of 1,000,000 bytes.

    Linux counts the memory of the process that started this one in ``ru_maxrss``, so there the
    process's own high-water mark is read.
    """
    try:
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        peak = None
    if peak:
        return int(peak[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def private_peak_mb(call: Callable[[], object]) -> float:
    """Return the highest private memory during a call, in units of 1,000,000 bytes.

    Private is memory that is backed by no file: pages of memory-mapped files belong to the system's cache.
    A thread samples it every two milliseconds. Elsewhere than on Linux it is the peak of all memory.
    """
    samples, done = [private_mb()], threading.Event()

    def sample() -> None:
        while not done.wait(0.002):
            samples.append(private_mb())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        answer = call()  # a reference to the answer keeps its memory until the last sample
        samples.append(private_mb())
        del answer
    finally:
        done.set()
        thread.join()
    return max(samples)


def private_mb() -> float:
    """Return the memory of this process that no file backs (``RssAnon``), in units of 1,000,000 bytes."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return peak_mb()
    size = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(size[1]) * 1024 / 1e6 if size else peak_mb()


def _main(task: str, arguments: str) -> None:
    module, name = task.split(":")
    function = getattr(import_module(module), name)
    started = time.perf_counter()
    answer = function(*json.loads(arguments))
    facts = {
        "call_s": time.perf_counter() - started,
        "cpu_s": time.process_time(),
        "peak_mb": peak_mb(),
        "answer": answer,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    _main(*sys.argv[1:])
