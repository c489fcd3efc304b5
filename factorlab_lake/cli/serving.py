"""``demo --server``: the sample data, served as the vendor would have on the day they were taken."""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from factorlab_lake.cli.output import Output

if TYPE_CHECKING:
    from factorlab_lake.fetch.fake_fmp import World

__all__ = ["serve_sample"]


def serve_sample(cache: Path, splits: Path, *, port: int, output: Output) -> None:
    """Serve a cache and its splits until Ctrl-C or SIGTERM, after printing how to ask for them."""
    fake_fmp = import_module("factorlab_lake.fetch.fake_fmp")
    world = _world(cache, splits)
    server = fake_fmp.FakeFmp(world, port=port)

    def announce(url: str) -> None:
        known = {"url": url, "key": server.key, "symbols": world.symbols, "today": world.today.isoformat()}
        output.document(known, _lines(url, server.key, world))

    import_module("factorlab_lake.fetch.fake_fmp.process").serve(server, announce)


def _world(cache: Path, splits: Path) -> World:
    reader = import_module("factorlab_lake.legacy.reader")
    answers = [reader.read(file) for file in reader.scan(cache) if not file.skip]
    with splits.open(encoding="utf-8", newline="") as rows:
        known = list(csv.DictReader(rows))
    world: World = import_module("factorlab_lake.fetch.fake_fmp").cached_world(answers, known)
    return world


def _lines(url: str, key: str, world: World) -> list[str]:
    return [
        f"A fake FMP with the sample data, as of {world.today}, at {url} (/stable and /api/v3)",
        "In another terminal:",
        f"  export FMP_BASE_URL={url} FMP_API_KEY={key}",
        f"  factorlab-lake --lake data/fetched fetch {' '.join(world.symbols)}",
        "Ctrl-C ends it.",
    ]
