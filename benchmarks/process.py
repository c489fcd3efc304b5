"""Measure work in a separate process: its time from start to end, and its peak memory.

``python -m benchmarks.process MODULE:FUNCTION ARGUMENTS`` calls the function with the arguments, a JSON
list. It prints one JSON line: the returned value, the time of the call and the peak memory.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["Ran", "peak_mb", "ran", "wall_s"]

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Ran:
    """Hold the figures of one process: its duration, the call inside it, CPU time, memory and answer."""

    process_s: float
    call_s: float
    cpu_s: float
    peak_mb: float
    answer: Any


def ran(task: str, *arguments: Any) -> Ran:
    """Call ``module:function`` in a fresh process; what it prints to stderr is shown when it fails."""
    command = [sys.executable, "-m", "benchmarks.process", task, json.dumps(arguments, default=str)]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    process_s = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{task} ended with {done.returncode}:\n{done.stderr}")
    facts = json.loads(done.stdout.splitlines()[-1])
    return Ran(process_s=process_s, **facts)


def wall_s(code: str, *arguments: str) -> float:
    """Return the time of ``python -c code arguments``, from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=_ROOT, capture_output=True, check=True)
    return time.perf_counter() - started


def peak_mb() -> float:
    """Return the most memory this process has held (resident), in units of 1,000,000 bytes.

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
