"""Run the fake FMP with synthetic companies in a process of its own; print its URL, and end on SIGTERM.

Tests kill this process, and benchmarks must not share a process with their server::

    python -m tests.fakes.fmp --symbols 500 --latency-s 0.05 --warm income price
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from datetime import date
from pathlib import Path

from factorlab_lake.providers.loopback_server import serve
from tests.fakes.fmp import FakeFmp, Faults, RateLimit, synthetic_dataset


def main(arguments: list[str] | None = None) -> None:
    """Serve until the process gets a signal to end."""
    options = _parser().parse_args(arguments)
    server = _server(options)
    server.warm(options.warm, options.generation)
    serve(server, _print)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="fake_fmp", description="Run a fake FMP with synthetic companies on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="0 for any free port")
    parser.add_argument("--key", default="demo")
    parser.add_argument("--symbols", type=int, default=10, help="number of companies: M000, M001, …")
    parser.add_argument("--seed", type=int, default=1, help="seed of the companies and the faults")
    parser.add_argument("--start", type=date.fromisoformat, default=date(2019, 1, 1))
    parser.add_argument("--today", type=date.fromisoformat, default=date(2021, 3, 31))
    parser.add_argument("--fault-rate", type=float, default=0.0, help="fraction of the responses that fail")
    parser.add_argument("--latency-s", type=float, default=0.0, help="latency added to every response")
    parser.add_argument("--retry-after-s", type=float, default=1.0, help="Retry-After of some 429 responses")
    parser.add_argument("--delay-s", type=float, default=1.0, help="delay of slow responses")
    parser.add_argument("--row-cap", type=int, help="largest number of rows per symbol in a response")
    parser.add_argument("--calls-per-minute", type=int, help="refuse calls beyond this limit (default: none)")
    parser.add_argument("--log", type=Path, help="file that gets a JSON line per request")
    parser.add_argument(
        "--warm", nargs="*", default=[], metavar="DATASET", help="encode these datasets first"
    )
    parser.add_argument("--generation", choices=["stable", "v3"], default="stable", help="that of --warm")
    return parser


def _server(options: Namespace) -> FakeFmp:
    return FakeFmp(
        synthetic_dataset(options.symbols, seed=options.seed, start=options.start, end=options.today),
        key=options.key,
        port=options.port,
        faults=Faults(rate=options.fault_rate, seed=options.seed),
        limit=RateLimit(options.calls_per_minute) if options.calls_per_minute else None,
        row_cap=options.row_cap,
        latency_s=options.latency_s,
        retry_after_s=options.retry_after_s,
        delay_s=options.delay_s,
        log_file=options.log,
    )


def _print(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
