"""Run one peer in a separate process and report the cost of each answer.

``python -m benchmarks.answering MODULE`` imports what the peer needs and prints a first line. Each input line
is a JSON list: a command and its arguments. Each output line is the result of a command:

- ``hold SOURCES`` sets the data.
- ``question KIND ARGUMENTS`` sets the question.
- ``ask`` answers the question once more and returns the cost.
- ``save FOLDER`` writes the last answer as Arrow files and returns their number.
"""

from __future__ import annotations

import json
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
from benchmarks.process import peak_mb
from benchmarks.sources import Sources

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Answering", "Cost"]

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Cost:
    """One answer: time by the clock and on all cores, and the most memory of the process until then."""

    wall_ms: float
    cpu_ms: float
    peak_mb: float


class Answering:
    """The process as seen from outside; used in a ``with`` block, which ends it."""

    def __init__(self, peer: Peer, sources: Sources) -> None:
        self.costs: list[Cost] = []
        self._name = peer.name
        command = [sys.executable, "-m", "benchmarks.answering", peer.module]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True)
        self._say("hold", asdict(sources))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.communicate(timeout=60)

    def put(self, kind: str, arguments: list[Any]) -> None:
        """Set the question that ``ask`` answers from now on."""
        self.costs = []
        self._say("question", kind, arguments)

    def ask(self) -> None:
        """Ask once more; the first cost includes what the peer does to open its data."""
        self.costs.append(Cost(**self._say("ask")))

    def answer(self) -> list[pl.DataFrame]:
        """Return the last answer: one frame, or one for each type of statement."""
        with TemporaryDirectory() as folder:
            count = self._say("save", folder)
            read = import_module("polars").read_ipc  # of bytes, for the files go away
            return [read(Path(folder, f"{i}.arrow").read_bytes()) for i in range(count)]

    def _say(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command, default=str) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}; what it said stands above.")
        return json.loads(line)


class _Asked:
    """Execute the commands inside the process. The peer opens its data at the first question."""

    def __init__(self, module: str) -> None:
        place, _, name = module.partition(":")
        self._open = getattr(import_module(f"benchmarks.peers.{place}"), name or "Answers")
        self._peer: Any = None
        self._answer: Any = None

    def hold(self, sources: dict[str, Any]) -> None:
        self._sources = Sources(**sources)

    def question(self, kind: str, arguments: list[Any]) -> None:
        self._kind, self._arguments = kind, _dates(arguments)

    def ask(self) -> dict[str, float]:
        cpu, started = time.process_time(), time.perf_counter()
        if self._peer is None:
            self._peer = self._open(self._sources)
        self._answer = getattr(self._peer, self._kind)(*self._arguments)
        wall_ms = (time.perf_counter() - started) * 1000
        return asdict(Cost(wall_ms, (time.process_time() - cpu) * 1000, peak_mb()))

    def save(self, folder: str) -> int:
        frames = _frames(self._answer)
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
    polars = import_module("polars")  # only now: what a peer does without takes none of its memory
    if isinstance(answer, list):
        return [frame for part in answer for frame in _frames(part)]
    if type(answer).__module__.startswith("pandas"):
        return [polars.from_pandas(answer)]
    return [polars.DataFrame(answer)]


def _main(module: str) -> None:
    commands = _Asked(module)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(commands, command)(*arguments)), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
