"""``demo --server``: the sample data, served as the vendor would have on the day they were taken."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from factorlab_lake.cli.output import Output

if TYPE_CHECKING:
    from factorlab_lake.providers.fmp.fake_server import FakeDataset

__all__ = ["serve_sample"]


def serve_sample(cache: Path, splits: Path, *, port: int, output: Output) -> None:
    """Serve a cache and its splits until Ctrl-C or SIGTERM, after printing how to ask for them."""
    from factorlab_lake.providers.fmp import fake_server as fake_fmp
    from factorlab_lake.providers.fmp.fake_server.process import serve

    world = _world(cache, splits)
    server = fake_fmp.FakeFmp(world, port=port)

    def announce(url: str) -> None:
        known = {"url": url, "key": server.key, "symbols": world.symbols, "today": world.today.isoformat()}
        output.document(known, _lines(url, server.key, world))

    serve(server, announce)


def _world(cache: Path, splits: Path) -> FakeDataset:
    from factorlab_lake.ingest.legacy_cache import reader
    from factorlab_lake.providers.fmp.fake_server import dataset_from_cache

    answers = [reader.read(file) for file in reader.scan(cache) if not file.skip]
    with splits.open(encoding="utf-8", newline="") as rows:
        known = list(csv.DictReader(rows))
    return dataset_from_cache(answers, known)


def _lines(url: str, key: str, world: FakeDataset) -> list[str]:
    return [
        f"A fake FMP with the sample data, as of {world.today}, at {url} (/stable and /api/v3)",
        "In another terminal:",
        f"  export FMP_BASE_URL={url} FMP_API_KEY={key}",
        f"  factorlab-lake --lake data/fetched fetch {' '.join(world.symbols)}",
        "Ctrl-C ends it.",
    ]
