"""The command: ``python -m benchmarks [names…] [--size small|full] [--json FILE] …``; see ``--help``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.machine import facts
from benchmarks.options import FULL, SIZES, Options, Size
from benchmarks.results import Row, as_json, show, write
from benchmarks.targets import targets, with_limits

__all__ = ["NAMES", "main"]

_LARGE = ("scale", "chunks", "minute_bars", "spark", "bucket")  # run only when named
NAMES = (
    "migration",
    "cold_start",
    "old_way",
    "plan",
    "questions",
    "research",
    "daily",
    "load",
    "fetching",
    "sec_companies",
    "shared",
    "sync",
    "chunks",
    "quality",
    "scale",
    "minute_bars",
    "spark",
    "bucket",
)
_HERE = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks named, or all; print one table and write the JSON beside it."""
    parsed = _parser().parse_args(arguments)
    size = SIZES[parsed.size]
    options = Options(size, parsed.work.resolve(), parsed.prices, parsed.fresh, parsed.index, parsed.only)
    options.work.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    try:
        for name in parsed.names or [n for n in NAMES if n not in _LARGE]:
            print(f"{name} …", file=sys.stderr, flush=True)
            rows.extend(_benchmark(name)(options))
    finally:  # an interrupted run shows what it has measured
        _report(rows, size, parsed.json)
    return 0


def _report(rows: list[Row], size: Size, path: Path | None) -> None:
    if size == FULL:
        rows = with_limits(rows, targets())
    show(rows)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    write(path or _HERE / "results" / f"{stamp}.json", as_json(rows, facts(), size.name))


def _benchmark(name: str) -> Callable[[Options], Iterator[Row]]:
    run: Callable[[Options], Iterator[Row]] = import_module(f"benchmarks.{name}").run
    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="Timed comparisons with the alternatives."
    )
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="name", help=", ".join(NAMES))
    parser.add_argument("--size", choices=SIZES, default="full", help="how much data (default: %(default)s)")
    parser.add_argument(
        "--index",
        choices=("on", "off", "both"),
        default="both",
        help="ours with the read index, without it, or both in one run (default: %(default)s)",
    )
    parser.add_argument("--only", default="", help="a part of the names of the questions to measure")
    parser.add_argument("--json", type=Path, help="where to write the results as JSON")
    prices = os.environ.get("BENCHMARK_PRICES")
    parser.add_argument(
        "--prices",
        type=Path,
        default=Path(prices) if prices else None,
        help="Parquet file of bars (symbol, date, open, high, low, close, volume) for migration and "
        "quality; also BENCHMARK_PRICES",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=_HERE / ".cache",
        help="folder that caches the generated data",
    )
    parser.add_argument("--fresh", action="store_true", help="generate the data again")
    return parser


if __name__ == "__main__":
    sys.exit(main())
