"""Write the fixtures of a release: a small lake, its answers, and a dump of a server that has it.

Run once for a release, with the program of that release::

    python -m tests.compat.make_fixture 0_2

writes ``lake_0_2.zip``, ``answers_0_2.json`` and ``server_0_2.sql.xz`` to this folder. The lake has two
companies of ``data/sample``: statements, prices, splits, profiles and dividends. It has five commits, and the
first has the tag ``first``. ``test_released_lakes.py`` finds the files by their names. A published fixture is
never written again: it stands for lakes that users have.
"""

from __future__ import annotations

import gzip
import json
import lzma
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.query.questions import Questions
from tests.unit.sync.postgres_server import program, server

__all__ = ["QUESTIONS", "answers"]

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "data" / "sample"
SYMBOLS = ("AAPL", "GOOGL")
_FIRST_DAY = "2019-01-01"  # keeps the fixtures small
QUESTIONS = ("market_caps", "ttm", "factors")
# Lines of a dump that other servers refuse: psql's own commands, and a setting of PostgreSQL 17.
_NOT_SQL = re.compile(r"^(\\(un)?restrict .*|SET transaction_timeout .*)\n", re.MULTILINE)


def answers(lake: Questions) -> dict[str, Any]:
    """Return the rows of each question over month ends, as JSON values."""
    days: dict[str, Any] = {"start": "2019-12-31", "end": "2020-10-31", "freq": "ME"}
    return {name: json.loads(getattr(lake, name)(SYMBOLS, **days).write_json()) for name in QUESTIONS}


def main(release: str) -> None:
    """Write the three fixtures of a release."""
    with tempfile.TemporaryDirectory() as place:
        lake = _lake(Path(place))
        first = {t: lake.at("first").sql(f"SELECT count(*) AS n FROM {t}")["n"][0] for t in _FIRST}
        counts = {row["table"]: row["rows"] for row in lake.status().to_dicts()}
        recorded = answers(lake) | {"counts": counts, "at_first": first}
        (HERE / f"answers_{release}.json").write_text(json.dumps(recorded) + "\n", encoding="utf-8")
        _zip(lake.path, HERE / f"lake_{release}.zip")
        (HERE / f"server_{release}.sql.xz").write_bytes(lzma.compress(_dump(lake).encode(), preset=9))


_FIRST = ("income_statements", "price_data", "splits")


def _lake(place: Path) -> Lake:
    """Make the lake in five commits."""
    lake = fl.open(place / "lake")
    lake.migrate(_cache("taken_2019-12-31", place / "earlier", SYMBOLS[:1]))
    lake.pin("first")
    lake.migrate(_cache("taken_2021-03-31", place / "later", SYMBOLS))
    lake.load("splits", SAMPLE / "splits.csv")
    names = {"symbol": list(SYMBOLS), "company_name": ["Apple Inc.", "Alphabet Inc."]}
    lake.load("company_profiles", names | {"currency": ["USD", "USD"]})
    lake.load("dividends", {"symbol": ["AAPL"], "date": ["2020-02-07"], "dividend": [0.77]})
    return lake


def _cache(taken: str, place: Path, symbols: tuple[str, ...]) -> Path:
    """Copy the cached responses of some symbols, with the records since ``_FIRST_DAY``."""
    for symbol in symbols:
        for file in (SAMPLE / taken).glob(f"*/{symbol}_*"):
            entry = json.loads(gzip.decompress(file.read_bytes()))
            records = entry["data"] if isinstance(entry, dict) else entry
            records[:] = [record for record in records if record["date"] >= _FIRST_DAY]
            copy = place / file.relative_to(SAMPLE / taken)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(gzip.compress(json.dumps(entry).encode()))
    return place


def _zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(folder.rglob("*")):
            packed.write(file, file.relative_to(folder))


def _dump(lake: Lake) -> str:
    """Sync the lake to a new server and return its tables, rows and functions as SQL."""
    options = ("--no-owner", "--no-privileges", "--no-comments", "--inserts", "--rows-per-insert=500")
    with server() as running, running.database() as url:
        assert lake.sync(url).clean
        done = subprocess.run([program("pg_dump"), *options, url], capture_output=True, text=True, check=True)
    return _NOT_SQL.sub("", done.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
