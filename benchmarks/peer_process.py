"""Run one peer in a separate process and report the cost of each answer.

``python -m benchmarks.peer_process MODULE`` imports what the peer needs. Each input line is a JSON list: a
command and its arguments. Each output line is the result of a command:

- ``use SOURCES`` sets the data.
- ``question KIND ARGUMENTS`` sets a question: its arguments in each turn.
- ``answer TURN`` answers the question of one turn and returns the cost.
- ``cache_answers`` lets the peer answer repeated questions from its cache, where it has one.
- ``private_peak TURN`` answers once more and returns the peak of the private memory.
- ``save FOLDER`` writes the last answer as Arrow files and returns their number.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from benchmarks.peers import Peer
from benchmarks.process import peak_mb, private_peak_mb
from benchmarks.sources import Sources

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Cost", "PeerProcess"]

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Cost:
    """Hold the cost of one answer: wall time, CPU time of all cores, and the peak memory until then."""

    wall_ms: float
    cpu_ms: float
    peak_mb: float


class PeerProcess:
    """Control the process of a peer; leaving the ``with`` block ends it."""

    def __init__(self, peer: Peer, sources: Sources) -> None:
        self.new: list[Cost] = []
        self.again: list[Cost] = []
        self._name = peer.name
        command = [sys.executable, "-m", "benchmarks.peer_process", peer.module]
        pipe, environment = subprocess.PIPE, os.environ | peer.environment
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True, env=environment
        )
        self._send("use", asdict(sources))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.communicate(timeout=60)

    def set_question(self, kind: str, arguments: list[Any]) -> None:
        """Set the question, with its arguments in each turn."""
        self.new, self.again = [], []
        self._send("question", kind, arguments)

    def answer_new(self) -> None:
        """Answer the question of the next turn; the first cost includes opening the data."""
        self.new.append(Cost(**self._send("answer", len(self.new))))

    def answer_again(self) -> None:
        """Answer the question of the last turn again; the first call fills the cache and is not counted."""
        if not self.again:
            self._send("cache_answers")
            self._send("answer", len(self.new) - 1)
        self.again.append(Cost(**self._send("answer", len(self.new) - 1)))

    def answered(self, turn: int | None = None) -> list[pl.DataFrame]:
        """Return the last answer, or compute that of a turn; one frame, or one per type of statement."""
        if turn is not None:
            self._send("answer", turn)
        with TemporaryDirectory() as folder:
            count = self._send("save", folder)
            read = import_module("polars").read_ipc  # of bytes: the files are removed
            return [read(Path(folder, f"{i}.arrow").read_bytes()) for i in range(count)]

    def private_peak_mb(self) -> float:
        """Return the peak of the private memory during one more answer."""
        return float(self._send("private_peak", len(self.new) - 1))

    def _send(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command, default=str) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}; its error is printed above.")
        return json.loads(line)


class _Commands:
    """Execute the commands inside the process. The peer opens its data at the first question."""

    def __init__(self, module: str) -> None:
        place, _, name = module.partition(":")
        self._open = getattr(import_module(f"benchmarks.peers.{place}"), name or "Answers")
        self._peer: Any = None
        self._result: Any = None

    def use(self, sources: dict[str, Any]) -> None:
        self._sources = Sources(**sources)

    def question(self, kind: str, arguments: list[Any]) -> None:
        self._kind, self._arguments = kind, _dates(arguments)
        if hasattr(self._peer, "cache_answers"):
            self._peer.cache_answers(on=False)

    def answer(self, turn: int) -> dict[str, float]:
        cpu, started = time.process_time(), time.perf_counter()
        if self._peer is None:
            self._peer = self._open(self._sources)
        self._result = getattr(self._peer, self._kind)(*self._arguments[turn])
        wall_ms = (time.perf_counter() - started) * 1000
        return asdict(Cost(wall_ms, (time.process_time() - cpu) * 1000, peak_mb()))

    def cache_answers(self) -> None:
        if hasattr(self._peer, "cache_answers"):
            self._peer.cache_answers(on=True)

    def private_peak(self, turn: int) -> float:
        return private_peak_mb(lambda: self.answer(turn))

    def save(self, folder: str) -> int:
        frames = _frames(self._result)
        for i, frame in enumerate(frames):
            frame.write_ipc(Path(folder, f"{i}.arrow"))
        return len(frames)


def _dates(value: Any) -> Any:
    """Return arguments with dates in place of their texts; symbols are no dates."""
    if isinstance(value, list):
        return [_dates(v) for v in value]
    try:
        return date.fromisoformat(value)
    except ValueError:
        return value


def _frames(answer: Any) -> list[pl.DataFrame]:
    polars = import_module("polars")  # imported late: a peer that does without pays no memory for it
    if isinstance(answer, list):
        return [frame for part in answer for frame in _frames(part)]
    if type(answer).__module__.startswith("pandas"):
        return [polars.from_pandas(answer)]
    return [polars.DataFrame(answer)]


def _main(module: str) -> None:
    commands = _Commands(module)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(commands, command)(*arguments)), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
