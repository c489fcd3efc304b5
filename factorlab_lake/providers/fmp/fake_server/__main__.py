"""A fake vendor of made-up companies in a process of its own; it prints its URL, and ends on SIGTERM.

For tests that kill it, and for benchmarks whose client should not share a process with it::

    python -m factorlab_lake.providers.fmp.fake_server --symbols 500 --latency-s 0.05 --warm income price
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from datetime import date
from pathlib import Path

from factorlab_lake.providers.fmp.fake_server.fault_plan import Faults
from factorlab_lake.providers.fmp.fake_server.http_server import FakeFmp
from factorlab_lake.providers.fmp.fake_server.process import serve
from factorlab_lake.providers.fmp.fake_server.synthetic import synthetic_dataset
from factorlab_lake.providers.fmp.fake_server.traffic import Limit

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serve until the process is asked to end."""
    asked = _parser().parse_args(arguments)
    server = _server(asked)
    server.warm(asked.warm, asked.generation)
    serve(server, _print)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="fake_fmp", description="A fake FMP with made-up companies, on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 for any that is free")
    parser.add_argument("--key", default="demo")
    parser.add_argument("--symbols", type=int, default=10, help="how many companies: M000, M001, …")
    parser.add_argument("--seed", type=int, default=1, help="of the companies and of the faults")
    parser.add_argument("--start", type=date.fromisoformat, default=date(2019, 1, 1))
    parser.add_argument("--today", type=date.fromisoformat, default=date(2021, 3, 31))
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of the answers that fail")
    parser.add_argument("--latency-s", type=float, default=0.0, help="added to every answer")
    parser.add_argument("--retry-after-s", type=float, default=1.0, help="what some 429 ask to wait")
    parser.add_argument("--delay-s", type=float, default=1.0, help="how long slow answers take")
    parser.add_argument("--row-cap", type=int, help="most rows of a symbol in an answer")
    parser.add_argument("--calls-per-minute", type=int, help="refuse more than these; else there is no limit")
    parser.add_argument("--log", type=Path, help="file that gets a JSON line per request")
    parser.add_argument("--warm", nargs="*", default=[], metavar="DATASET", help="encode their answers first")
    parser.add_argument("--generation", choices=["stable", "v3"], default="stable", help="of --warm")
    return parser


def _server(asked: Namespace) -> FakeFmp:
    return FakeFmp(
        synthetic_dataset(asked.symbols, seed=asked.seed, start=asked.start, end=asked.today),
        key=asked.key,
        port=asked.port,
        faults=Faults(rate=asked.fault_rate, seed=asked.seed),
        limit=Limit(asked.calls_per_minute) if asked.calls_per_minute else None,
        row_cap=asked.row_cap,
        latency_s=asked.latency_s,
        retry_after_s=asked.retry_after_s,
        delay_s=asked.delay_s,
        log_file=asked.log,
    )


def _print(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
