"""What the tests share: caches and records made to order, and a lake's content in a comparable form."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from filelock import FileLock
from hypothesis import settings
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.derive.computation import compute
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.ingest.legacy_cache.reader import read, scan
from factorlab_lake.ingest.normalize import Normalized, normalize
from factorlab_lake.ingest.record_frames import to_frame
from factorlab_lake.lake import Lake
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import frame_of
from factorlab_lake.schema import TABLES, identifiers
from factorlab_lake.schema.derived_tables import DERIVED_TABLES, READ_FOR_DERIVATION
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage.commits import transaction
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.lock import WriterLock
from factorlab_lake.storage.snapshots import Snapshot, program_version
from factorlab_lake.storage.transaction import Transaction

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample"
CACHE_2019 = SAMPLE / "taken_2019-12-31"
CACHE_2021 = SAMPLE / "taken_2021-03-31"
CACHE_DIRTY = SAMPLE / "dirty_2021-03-31"
SPLITS = SAMPLE / "splits.csv"

# `make test-all` sets this: every combination, more kills, all examples. Without it, some cases of each.
THOROUGH = os.environ.get("FACTORLAB_THOROUGH") == "1"
_FEWER_EXAMPLES = 4  # times fewer without THOROUGH

FETCHED = datetime(2021, 3, 31, 22, tzinfo=UTC)
EARLIER = datetime(2019, 12, 31, 22, tzinfo=UTC)
LATER = datetime(2021, 6, 30, 22, tzinfo=UTC)

# These columns differ between two runs over the same data, and no others may.
_OF_THE_RUN = ("recorded_at", "duration_ms")
_FOLDERS = {
    "income": ("income_statements", "income_statement"),
    "balance_sheet": ("balance_sheets", "balance_sheet"),
    "cash_flow": ("cash_flows", "cash_flow"),
    "ratios": ("financial_ratios", "financial_ratios"),
    "price": ("price_data", "price"),
}


@dataclass(frozen=True)
class Entry:
    """One entry of the old cache: the defaults are those of a healthy file, and each can be spoilt."""

    symbol: str
    dataset: str
    data: Any
    cached_at: datetime | float | str | None = FETCHED
    period: str = ""
    limit: int | None = 20
    key: str | None = None
    compress: bool = True
    envelope: dict[str, Any] = field(default_factory=dict)

    @property
    def key_in_name(self) -> str:
        """Return the file name without its extension, as the old cache built it."""
        kind = _FOLDERS[self.dataset][1]
        if self.dataset == "price":
            return f"{self.symbol}_{kind}_{self.period or 'full_history_all'}_v2.0"
        limit = "" if self.limit is None else f"_limit{self.limit}"
        return f"{self.symbol}_{kind}_{self.period or 'quarterly'}{limit}_v1.0"

    @property
    def path(self) -> str:
        """Place inside the cache."""
        ending = ".json.gz" if self.compress else ".json"
        return f"{_FOLDERS[self.dataset][0]}/{self.key_in_name}{ending}"

    def text(self) -> str:
        """Return the envelope as the old cache wrote it, bare ``NaN`` included."""
        at = self.cached_at.timestamp() if isinstance(self.cached_at, datetime) else self.cached_at
        body: dict[str, Any] = {
            "data": self.data,
            "_cache_version": "1.0",
            "_cache_key": self.key_in_name if self.key is None else self.key,
            "_accepted_date": None,
            "_ttl": 3600,
        }
        if at is not None:
            body["_cached_at"] = at
        return json.dumps(body | self.envelope)

    def write(self, root: Path, body: bytes | None = None) -> str:
        """Write the entry (or ``body`` in its place) below ``root`` and return its path inside."""
        place = root / self.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if body is None:
            body = self.text().encode()
            body = gzip.compress(body, mtime=0) if self.compress else body
        place.write_bytes(body)
        return self.path


def income(fiscal_date: str = "2020-09-26", period: str = "Q4", **fields: Any) -> dict[str, Any]:
    """Return an income statement under v3 names; ``fields`` change or add some, ``...`` takes one away.

    A statement that may be fetched at :data:`EARLIER` is accepted before that.
    """
    accepted = "2019-10-30" if "2019-07-01" < fiscal_date < "2019-10-25" else "2020-10-29"
    return _changed(
        {
            "date": fiscal_date,
            "symbol": "AAPL",
            "reportedCurrency": "USD",
            "cik": "0000320193",
            "fillingDate": f"{accepted[:8]}31" if accepted[:4] == "2019" else "2020-10-30",
            "acceptedDate": f"{accepted} 18:06:25",
            "calendarYear": "2020",
            "period": period,
            "revenue": 64698000000,
            "netIncome": 12673000000,
            "eps": 0.74,
            "epsdiluted": 0.73,
            "weightedAverageShsOut": 17057624000,
            "weightedAverageShsOutDil": 17256520000,
        },
        fields,
    )


def bar(date: str, close: float = 100.0, **fields: Any) -> dict[str, Any]:
    """Return a v3 price bar around ``close``; ``fields`` as for :func:`income`."""
    return _changed(
        {
            "date": date,
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "adjClose": close,
            "volume": 1000,
            "unadjustedVolume": 1000,
        },
        fields,
    )


def answer(
    dataset: str,
    records: list[Any],
    *,
    at: datetime = FETCHED,
    period: str = "",
    endpoint: str = "made/for/a/test",
    provider: str = "fmp",
) -> FetchResult:
    """Return what a provider answered about AAPL. Its id follows from what is in it."""
    body = json.dumps([dataset, at.isoformat(), period, endpoint, provider, records], sort_keys=True)
    fetched = FetchResult(
        fetch_id=hashlib.sha256(body.encode()).hexdigest()[:32],
        dataset=dataset,
        symbol="AAPL",
        fetched_at=at,
        provider=provider,
        endpoint=endpoint,
        parameters="{}",
        records=None,
        period=period or ("full_history" if dataset == "price" else "quarterly"),
    )
    fetched.records = frame_of(records, fetched)
    return fetched


def normalized(dataset: str, *answers: FetchResult) -> Normalized:
    """Return the typed rows and the rejects of some answers that are read together."""
    return normalize(to_frame(answers), dataset)


def _changed(record: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (record | fields).items() if value is not ...}


def migrate(lake: Lake, folder: Path, *entries: Entry) -> Any:
    """Write entries as a cache of their own below ``folder``, migrate it, and return the report."""
    return lake.migrate(_written(folder, entries))


def arrive(lake: Lake, folder: Path, *entries: Entry) -> None:
    """Bring entries into the lake as :func:`migrate` does, in less time: without report and single file."""
    cache = _written(folder, entries)
    answers = [read(file) for file in scan(cache)]
    with writing(lake) as tx:
        merge_batch(tx, answers)
    lake.refresh()


def _written(folder: Path, entries: Sequence[Entry]) -> Path:
    cache = folder / f"cache{sum(1 for _ in folder.glob('cache*'))}"
    for entry in entries:
        entry.write(cache)
    return cache


def content(lake: Lake) -> dict[str, pl.DataFrame]:
    """Return every row of every table, in a fixed order, without the times of the run."""
    columns = {name: identifiers(spec.names()) for name, spec in TABLES.items()}
    return {name: _in_order(lake.sql(f"SELECT {names} FROM {name}")) for name, names in columns.items()}


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.drop(_OF_THE_RUN, strict=False)
    return rows.sort(rows.columns, nulls_last=True)


def assert_same_content(
    left: dict[str, pl.DataFrame], right: dict[str, pl.DataFrame], *, but: tuple[str, ...] = ()
) -> None:
    """Fail unless two contents are equal to the last bit. The check ignores the columns in ``but``."""
    assert left.keys() == right.keys()
    for name, frame in left.items():
        rows = frame.drop(but, strict=False), right[name].drop(but, strict=False)
        try:
            assert_frame_equal(*rows, check_exact=True, check_row_order=not but)
        except AssertionError as difference:
            raise AssertionError(f"{name}: {difference}") from None


def without_index(lake: Lake, stale: frozenset[str] | None) -> Lake:
    """Open a lake again that answers by SQL and computes the derived rows of stale symbols (None: of all)."""
    again = fl.open(lake.path, create=False)
    again.session._stale = stale
    again._reader.__dict__["index"] = None
    return again


def assert_derived_rows_are_current(lake: Lake) -> None:
    """Fail unless the stored derived rows may be used and equal those that a session computes again."""
    stored, computing = fl.open(lake.path, create=False), without_index(lake, None)
    assert stored.session._stale == frozenset()
    for name in DERIVED_TABLES:
        assert_frame_equal(*(_in_order(each.sql(f"FROM {name}")) for each in (stored, computing)))


def assert_keys_unique(lake: Lake) -> None:
    """Fail when two rows of a table share the key that its description promises."""
    for name, spec in TABLES.items():
        twice = lake.sql(f"SELECT {', '.join(spec.key)}, count(*) AS n FROM {name} GROUP BY ALL HAVING n > 1")
        assert twice.is_empty(), f"{name}: {twice}"


def table_rows(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows of a table as the lake stores them; a column that is not given has its default, or NULL."""
    frame = pl.DataFrame(rows or None, schema=polars_schema(TABLES[name]))
    return frame.with_columns(
        pl.col(c.name).fill_null(c.default) for c in TABLES[name].columns if c.default is not None
    )


def writing(lake: Lake, *, timeout_s: float = 60.0) -> AbstractContextManager[Transaction]:
    """Open a transaction on a lake, below its public methods."""
    layout = layouts.find(lake.path)
    return transaction(layout, reason="test", program_version=program_version(), timeout_s=timeout_s)


@dataclass(slots=True)
class MemoryTransaction(Transaction):
    """A transaction on tables in memory. A merge runs the same code in a tenth of the time."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)

    def read(
        self,
        name: str,
        *,
        partitions: list[int] | None = None,
        symbols: pl.Series | None = None,
        columns: list[str] | None = None,
    ) -> pl.DataFrame:
        """Return a table's rows, of some partitions, symbols and columns."""
        rows = self.tables.get(name, table_rows(name, []))
        if partitions is not None and TABLES[name].partition_by:
            rows = rows.filter(pl.col(TABLES[name].partition_by).is_in(partitions))
        rows = rows if symbols is None else rows.filter(pl.col("symbol").is_in(symbols.implode()))
        return rows if columns is None else rows.select(columns)

    def append(self, name: str, frame: pl.DataFrame) -> None:
        """Add rows to a table."""
        schema = polars_schema(TABLES[name])
        added = frame.select(pl.col(column).cast(kind) for column, kind in schema.items())
        self.tables[name] = pl.concat([self.read(name), added])

    def replace(self, name: str, frame: pl.DataFrame, partitions: list[int]) -> None:
        """Replace the rows of partitions, or all rows."""
        by = TABLES[name].partition_by
        self.tables[name] = (
            self.read(name).filter(~pl.col(by).is_in(partitions)) if by else table_rows(name, [])
        )
        self.append(name, frame)

    def content(self) -> dict[str, pl.DataFrame]:
        """Return every row of every table as :func:`content` does."""
        return {name: _in_order(self.read(name)) for name in TABLES}


def memory_transaction() -> MemoryTransaction:
    """Return a transaction on an empty lake in memory."""
    layout = Layout(Path("nowhere"))
    return MemoryTransaction(layout, Snapshot(id=0), "test", WriterLock(layout.lock, None))


def landed(answers: Sequence[FetchResult], *, together: bool = False) -> dict[str, pl.DataFrame]:
    """Return what a lake would hold after these answers had arrived one after the other, or in one batch."""
    tx = memory_transaction()
    for batch in [answers] if together else [[each] for each in answers]:
        merge_batch(tx, batch)
    return tx.content()


def derived_steps(lake: Lake, symbols: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """Compute the derived tables of some symbols of a lake, and return a connection that shows each step."""
    con = duckdb.connect()
    for name in READ_FOR_DERIVATION:
        rows = lake.sql(f"SELECT * FROM {name} WHERE symbol IN (SELECT unnest($symbols))", symbols=symbols)
        con.register(name, rows)
    compute(con, symbols, lake.settings.provider_order)
    return con


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that all workers of a test run share. The first worker that needs it fills it."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    place, done = shared / name, shared / f"{name}.done"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            make(place)
            done.touch()
    return place


def copy_of(lake: Lake, place: Path) -> Lake:
    """Return a copy of a lake that a test may change."""
    return fl.open(shutil.copytree(lake.path, place), create=False)


def entries_of(cache: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every file of a healthy cache as (path inside, decoded envelope), by means of its own."""
    for path in sorted(cache.rglob("*.json.gz")):
        yield path.relative_to(cache).as_posix(), json.loads(gzip.decompress(path.read_bytes()))


def examples(count: int) -> settings:
    """Return hypothesis settings for a number of examples; a run that is not thorough tries a quarter.

    ``HYPOTHESIS_SCALE`` multiplies the full number.
    """
    scale = os.environ.get("HYPOTHESIS_SCALE")
    if scale is None and not THOROUGH:
        return settings(max_examples=min(count, max(2, count // _FEWER_EXAMPLES)))
    return settings(max_examples=count * int(scale or 1))


def slow_after(count: int, cases: Iterable[Any]) -> list[Any]:
    """Mark all cases of a test but the first as slow: ``make test`` runs ``count``, ``make test-all`` all."""
    every = list(cases)
    return every[:count] + [pytest.param(case, marks=pytest.mark.slow) for case in every[count:]]


def run_python(script: str, *arguments: object, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a script in a new Python process and return its exit code and output."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
