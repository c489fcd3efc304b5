"""The demo: the sample caches into a lake, a few questions, and the old way beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import factorlab_lake
from factorlab_lake.cli import display
from factorlab_lake.cli.app import lake_path, open_lake, options
from factorlab_lake.cli.demo_server import serve_sample
from factorlab_lake.cli.error_handling import FAULTS
from factorlab_lake.cli.grids import CAPS, FACTORS
from factorlab_lake.cli.ingest import load_rows
from factorlab_lake.cli.old_way_comparison import race
from factorlab_lake.cli.output import Output, OutputFormat, document_of, records_of
from factorlab_lake.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.lake import Lake

__all__ = ["demo"]

_CACHES = ("taken_2019-12-31", "taken_2021-03-31")
_SYMBOLS = ("AAPL", "GOOGL")
_DATES = {"start": "2020-04-30", "end": "2021-03-31", "freq": "ME"}


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
) -> None:
    """Load the sample data, ask it, and compare with the old way.

    Can be run again: the lake stays, and nothing in it is new the second time. Exit code 0 only when every
    record of the sample is in the lake and both ways give the same answers. With --server it touches no lake,
    but answers as FMP does, so that fetching can be tried without a key.

    Example: factorlab-lake demo
    """
    output = options(ctx).output
    output.check_no_csv()
    sample = sample or _own_sample()
    _check_sample(sample)
    if server:
        serve_sample(sample / _CACHES[-1], sample / "splits.csv", port=port or 0, output=output)
        return
    if port is not None:
        raise typer.BadParameter("only together with --server", param_hint="--port")
    lake = open_lake(ctx, create=True)
    _check_own(lake, sample)
    show = Show(output)
    clean = _fill(lake, sample, show)
    agree = _ask(lake, lake_path(ctx), sample, show)
    show.end()
    if not (clean and agree):
        raise typer.Exit(FAULTS)


@dataclass(slots=True)
class Show:
    """Prints what the demo does as it goes on, or all of it as one JSON document at the end."""

    output: Output
    document: dict[str, Any] = field(default_factory=dict)

    def report(self, name: str, document: Any, heading: str, lines: Iterable[str]) -> None:
        """Take note of a report, and print it."""
        self.document[name] = document
        if self.output.form is OutputFormat.TABLE:
            self.output.lines([heading, *(f"  {line}" for line in lines), ""])

    def table(self, name: str, frame: pl.DataFrame, heading: str, columns: Sequence[str]) -> None:
        """Take note of rows, and print them."""
        self.document[name] = records_of(frame)
        if self.output.form is OutputFormat.TABLE:
            self.output.lines([heading])
            self.output.table(frame, columns)
            self.output.lines([""])

    def end(self) -> None:
        """Print the JSON document, where that was asked for."""
        if self.output.form is OutputFormat.JSON:
            self.output.document(self.document, [])


def _own_sample() -> Path:
    """Return the sample that the wheel contains, or the repository's where the package runs from there."""
    package = Path(factorlab_lake.__file__).parent
    installed = package / "sample"
    return installed if installed.is_dir() else package.parent / "data" / "sample"


def _check_sample(sample: Path) -> None:
    for part in ("splits.csv", *_CACHES):
        if not (sample / part).exists():
            raise NotFound(
                f"No sample data: {sample / part} is missing; install the package again, or give "
                "--sample DIR.",
                path=str(sample / part),
            )


def _check_own(lake: Lake, sample: Path) -> None:
    """Refuse a lake with other data in it, so that the sample never mixes with somebody's own."""
    fetches = lake.sql(
        "SELECT fetch_id FROM data_fetch_log WHERE endpoint <> 'load:splits.csv' "
        "UNION SELECT fetch_id FROM price_data"
    )
    held = set(fetches["fetch_id"])
    from factorlab_lake.ingest.legacy_cache import reader

    caches = [path for path in sample.iterdir() if path.is_dir()] if held else []
    own = {reader.read(f, held).fetch_id for cache in caches for f in reader.scan(cache) if not f.skip}
    if held - own:
        raise InvalidInput(
            f"{lake.path} holds data that is not the sample's; give the demo a lake of its own with "
            "--lake PATH.",
            path=str(lake.path),
        )


def _fill(lake: Lake, sample: Path, show: Show) -> bool:
    """Load and migrate the sample, check that all of it is there, and return whether it is."""
    loaded = load_rows(lake, "splits", sample / "splits.csv")
    show.report("load", loaded, f"Lake at {lake.path}", [display.load_line(loaded)])
    for cache in _CACHES:
        landed = lake.migrate(sample / cache)
        lines = display.migration_lines(landed)
        show.report(f"migrate_{cache}", document_of(landed), f"Migrating {sample / cache}", lines)
    clean = True
    for cache in _CACHES:
        found = lake.validate(sample / cache)
        lines, heading = display.validation_lines(found), f"Comparing {sample / cache} with the lake"
        show.report(f"validate_{cache}", document_of(found), heading, lines)
        clean = clean and found.clean
    return clean


def _ask(lake: Lake, path: Path, sample: Path, show: Show) -> bool:
    """Ask for market caps and factors, and return whether the old way gives the same market caps."""
    caps, result = race(path, sample / _CACHES[-1], _SYMBOLS, **_DATES)
    show.table("market_caps", caps, "Market caps at the last twelve month ends, from one query", CAPS)
    show.table("factors", lake.factors(_SYMBOLS, **_DATES), "Factors at the same dates", FACTORS)
    show.report("race", asdict(result), "The same market caps, the old way", result.lines())
    return result.agree
