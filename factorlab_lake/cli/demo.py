"""Define the command that loads the sample data, queries it, and compares it with the old cache."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import factorlab_lake as fl
from factorlab_lake.cli import display
from factorlab_lake.cli.app import FAULTS, lake_path, open_lake, options
from factorlab_lake.cli.ingest import load_rows
from factorlab_lake.cli.output import Output, OutputFormat, document_of
from factorlab_lake.cli.query import CAPS, FACTORS
from factorlab_lake.cli.text_forms import records_of
from factorlab_lake.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.lake import Lake
    from factorlab_lake.providers.fmp.sample_server import SampleDataset

__all__ = ["Comparison", "compare_with_old_way", "demo", "serve_filings", "serve_sample"]

_CACHES = ("taken_2019-12-31", "taken_2021-03-31")
_SYMBOLS = ("AAPL", "GOOGL")
_DATES: dict[str, Any] = {"start": "2020-04-30", "end": "2021-03-31", "freq": "ME"}


def demo(
    ctx: typer.Context,
    sample: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the sample data. The default is the sample in the package.", show_default=False
        ),
    ] = None,
    server: Annotated[
        bool,
        typer.Option(
            "--server", help="Serve the sample through a local copy of the vendor's API until Ctrl-C."
        ),
    ] = False,
    port: Annotated[
        int | None, typer.Option(help="Port for --server. The default is any free port.", show_default=False)
    ] = None,
    provider: Annotated[str, typer.Option(help="The vendor whose API --server copies: fmp or sec.")] = "fmp",
) -> None:
    """Load the sample data and query it.

    Prints market caps and factors, and compares them with files that are read for each date.

    The demo can be repeated: a second run adds no rows. The exit code is 0 only if the lake contains every
    record of the sample and both ways give the same market caps.

    With --server, the demo uses no lake. It answers as FMP does, so that `fetch` works without a key. With
    `--provider sec` it answers as SEC does, so that `fetch --provider sec` works without a network.

    Example: factorlab-lake demo
    """
    output = options(ctx).output
    output.check_report()
    sample = sample or _packaged_sample()
    _check_sample(sample)
    if server:
        _serve(provider, sample, port or 0, output)
        return
    for name, is_set in {"--port": port is not None, "--provider": provider != "fmp"}.items():
        if is_set:
            raise typer.BadParameter("only together with --server", param_hint=name)
    lake = open_lake(ctx, create=None)
    _check_only_sample(lake, sample)
    printer = DemoPrinter(output)
    complete = _fill(lake, sample, printer)
    agree = _query(lake, lake_path(ctx), sample, printer)
    printer.end()
    if not (complete and agree):
        raise typer.Exit(FAULTS)


@dataclass(slots=True)
class DemoPrinter:
    """Print each step of the demo at once, or all steps as one JSON document at the end."""

    output: Output
    document: dict[str, Any] = field(default_factory=dict)

    def report(self, name: str, document: Any, heading: str, lines: Iterable[str]) -> None:
        """Add a report to the document, and print its lines."""
        self.document[name] = document
        if self.output.form is OutputFormat.TABLE:
            self.output.lines([heading, *(f"  {line}" for line in lines), ""])

    def table(self, name: str, frame: pl.DataFrame, heading: str, columns: Sequence[str]) -> None:
        """Add rows to the document, and print them."""
        self.document[name] = records_of(frame)
        if self.output.form is OutputFormat.TABLE:
            self.output.lines([heading])
            self.output.table(display.with_visible_reasons(frame, columns), columns)
            self.output.lines([""])

    def end(self) -> None:
        """Print the JSON document if ``--json`` is set."""
        if self.output.form is OutputFormat.JSON:
            self.output.document(self.document, [])


def _packaged_sample() -> Path:
    """Return the sample in the wheel, or in a checkout the repository's sample."""
    package = Path(fl.__file__).parent
    installed = package / "sample"
    return installed if installed.is_dir() else package.parent / "data" / "sample"


def _check_sample(sample: Path) -> None:
    for part in ("splits.csv", *_CACHES):
        if not (sample / part).exists():
            raise NotFound(
                f"No sample data: {sample / part} is missing; install the package again, or use "
                "--sample DIR.",
                path=str(sample / part),
            )


def _check_only_sample(lake: Lake, sample: Path) -> None:
    """Refuse a lake that contains other data: the demo must not mix the sample with a user's data."""
    fetches = lake.session.frame(
        "SELECT fetch_id FROM data_fetch_log WHERE endpoint NOT IN ('load:splits.csv', 'load:profiles.csv') "
        "UNION SELECT fetch_id FROM price_data"
    )
    stored = set(fetches["fetch_id"])
    from factorlab_lake.ingest.legacy_cache import reader

    caches = [path for path in sample.iterdir() if path.is_dir()] if stored else []
    expected = {reader.read(f, stored).fetch_id for cache in caches for f in reader.scan(cache) if not f.skip}
    if stored - expected:
        raise InvalidInput(
            f"{lake.path} contains data that is not in the sample; use another lake for the demo: "
            "--lake PATH.",
            path=str(lake.path),
        )


def _files(sample: Path) -> dict[str, Path]:
    """Return the file of each table that is loaded; a sample of one's own may lack the profiles."""
    files = {"splits": sample / "splits.csv", "company_profiles": sample / "profiles.csv"}
    return {table: file for table, file in files.items() if file.exists()}


def _fill(lake: Lake, sample: Path, printer: DemoPrinter) -> bool:
    """Load and migrate the sample, compare the lake with it, and return whether the lake is complete."""
    loaded = {table: load_rows(lake, table, file) for table, file in _files(sample).items()}
    printer.report("load", loaded, f"Lake at {lake.path}", map(display.load_line, loaded.values()))
    for cache in _CACHES:
        migrated = lake.migrate(sample / cache)
        lines = migrated.lines()
        printer.report(f"migrate_{cache}", document_of(migrated), f"Migrating {sample / cache}", lines)
    complete = True
    for cache in _CACHES:
        report = lake.validate(sample / cache)
        lines, heading = report.lines(), f"Comparing {sample / cache} with the lake"
        printer.report(f"validate_{cache}", document_of(report), heading, lines)
        complete = complete and report.clean
    return complete


def _query(lake: Lake, path: Path, sample: Path, printer: DemoPrinter) -> bool:
    """Query market caps and factors, and return whether the old way gives the same market caps."""
    caps, comparison = compare_with_old_way(path, sample / _CACHES[-1], _SYMBOLS, **_DATES)
    printer.table("market_caps", caps, "Market caps at the last twelve month ends, from one query", CAPS)
    printer.table("factors", lake.factors(_SYMBOLS, **_DATES), "Factors at the same dates", FACTORS)
    printer.report("race", asdict(comparison), "The same market caps, the old way", comparison.lines())
    return comparison.agree


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compare the times of the lake and of the old way; ``agree`` is true if all answers agree to 1e-9."""

    answers: int
    first_run_s: float
    warm_run_s: float
    old_way_s: float
    agree: bool

    def lines(self) -> Iterator[str]:
        """Yield the times as lines of text."""
        yield f"files read per date   {self.old_way_s:.3f} s"
        yield f"one query, first run  {self._with_ratio(self.first_run_s)}; this opens the lake too"
        yield f"one query, warm run   {self._with_ratio(self.warm_run_s)}"
        yield f"the {self.answers} answers of both {'agree to 1e-9' if self.agree else 'DISAGREE'}"

    def _with_ratio(self, seconds: float) -> str:
        return f"{seconds:.3f} s, {self.old_way_s / seconds:.1f} times as fast"


def compare_with_old_way(
    lake_path: Path, cache: Path, symbols: Sequence[str], **dates: Any
) -> tuple[pl.DataFrame, Comparison]:
    """Return market caps from one query of the lake, compared with files that are read for each date."""
    times = [time.perf_counter()]
    from factorlab_lake.legacy.old_way import market_caps as old_way_market_caps

    lake = fl.open(lake_path, create=False)
    caps = lake.market_caps(symbols, **dates)
    times.append(time.perf_counter())
    lake.result_cache.clear()  # the warm run must compute the answers again
    lake.market_caps(symbols, **dates)
    times.append(time.perf_counter())
    old = old_way_market_caps(cache, symbols, caps["date"].to_list())
    times.append(time.perf_counter())
    new = caps.select("symbol", "date", "market_cap").rows()
    agree = len(old) == len(new) and all(map(_equal, old, new))
    first_run, warm_run, old_way = (b - a for a, b in pairwise(times))
    return caps, Comparison(len(new), first_run, warm_run, old_way, agree)


def _equal(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    if old[:2] != new[:2] or None in (old[2], new[2]):
        return old == new
    return math.isclose(old[2], new[2], rel_tol=1e-9)


def _serve(provider: str, sample: Path, port: int, output: Output) -> None:
    servers = {"fmp": serve_sample, "sec": serve_filings}
    if provider not in servers:
        raise typer.BadParameter(f"{provider!r}; expected fmp or sec", param_hint="--provider")
    servers[provider](sample, port=port, output=output)


def serve_filings(sample: Path, *, port: int, output: Output) -> None:
    """Print how to use the server, then serve the filings of a sample as SEC does until Ctrl-C or SIGTERM."""
    from factorlab_lake.providers.loopback_server import serve
    from factorlab_lake.providers.sec.sample_server import SecSampleServer, documents_of, symbols_of

    documents = documents_of(sample / "sec")
    symbols = symbols_of(documents)
    if not symbols:
        raise NotFound(f"{sample / 'sec'} has no filings of SEC; expected submissions_CIK##########.json.gz.")

    def announce(url: str) -> None:
        agent = "'Your Name you@example.com'"
        lines = [
            f"A fake SEC server with the sample's filings at {url}",
            "In another terminal:",
            f"  export SEC_BASE_URL={url} SEC_FILES_URL={url} SEC_USER_AGENT={agent}",
            f"  factorlab-lake --lake data/fetched fetch --provider sec {' '.join(symbols)}",
            "Press Ctrl-C to stop it.",
        ]
        output.document({"url": url, "symbols": symbols}, lines)

    serve(SecSampleServer(documents, port=port), announce)


def serve_sample(sample: Path, *, port: int, output: Output) -> None:
    """Print how to use the server, then serve the newer cache of a sample until Ctrl-C or SIGTERM."""
    from factorlab_lake.providers.fmp.sample_server import SampleServer
    from factorlab_lake.providers.loopback_server import serve

    dataset = _dataset(sample)
    server = SampleServer(dataset, port=port)

    def announce(url: str) -> None:
        document = {
            "url": url,
            "key": server.key,
            "symbols": dataset.symbols,
            "today": dataset.today.isoformat(),
        }
        output.document(document, _server_lines(url, server.key, dataset))

    serve(server, announce)


def _dataset(sample: Path) -> SampleDataset:
    from factorlab_lake.ingest.legacy_cache import reader
    from factorlab_lake.providers.fmp.sample_server import SampleDataset

    answers = [reader.read(file) for file in reader.scan(sample / _CACHES[-1]) if not file.skip]
    rows = {table: _csv_rows(file) for table, file in _files(sample).items()}
    return SampleDataset.from_cache(
        answers,
        rows["splits"],
        profiles=map(_profile, rows.get("company_profiles", [])),
    )


def _csv_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def _profile(row: dict[str, str]) -> dict[str, Any]:
    """Return the fields of a profile with the values that have a text, and flags as booleans."""
    flags = {"true": True, "false": False}
    return {name: flags.get(value, value) for name, value in row.items() if value}


def _server_lines(url: str, key: str, dataset: SampleDataset) -> list[str]:
    return [
        f"A fake FMP server with the sample data as of {dataset.today} at {url} (/stable and /api/v3)",
        "In another terminal:",
        f"  export FMP_BASE_URL={url} FMP_API_KEY={key}",
        f"  factorlab-lake --lake data/fetched fetch {' '.join(dataset.symbols)}",
        "Press Ctrl-C to stop it.",
    ]
