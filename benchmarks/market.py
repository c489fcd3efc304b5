"""Build a lake of a synthetic market with the package's own ingest; later runs reuse it."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

import factorlab_lake as fl
from benchmarks.bars import bars, symbols, trading_days
from benchmarks.options import Options
from benchmarks.seeded import uniform
from benchmarks.sources import Files
from benchmarks.statements import quarters
from factorlab_lake.derive.computation import scripts_digest
from factorlab_lake.derive.stored import store_stale, transaction
from factorlab_lake.ingest.availability import availability
from factorlab_lake.ingest.merge import merge_rows
from factorlab_lake.schema import STATEMENT_TABLES, TABLES, TableSpec, line_items, table
from factorlab_lake.storage.layout import create, find

__all__ = ["Market", "complete", "files_in", "market", "merge_bars"]

_LAST_YEAR = 2023
_FORMAT = 2  # raise it when the content changes
_SLICE = 640  # symbols per merge, so that a large market takes no more memory than a small one
_PRICES_AT = datetime(2024, 1, 2, 22, tzinfo=UTC)
_STATEMENTS_AT = datetime(2024, 3, 1, 22, tzinfo=UTC)
_SPLIT_EVERY = 10  # one symbol in so many split


@dataclass(frozen=True, slots=True)
class Market:
    """Hold a lake, its content, and the duration of its build."""

    lake: fl.Lake
    symbols: list[str]
    days: list[date]
    building_s: dict[str, float]  # by table, and "compaction"

    @property
    def bars(self) -> int:
        """Return the number of daily bars in the lake."""
        return len(self.symbols) * len(self.days)

    @property
    def statements(self) -> int:
        """Return the number of statements of the three types in the lake."""
        return len(self.symbols) * len({d.year for d in self.days}) * 4 * len(STATEMENT_TABLES)


def files_in(lake: Path) -> Files:
    """Return the paths of the current Parquet files by table, as any reader of Delta tables finds them."""
    return {p.parent.name: sorted(DeltaTable(p.parent).file_uris()) for p in lake.glob("*/_delta_log")}


def market(options: Options) -> Market:
    """Return the market of a size; the first run builds it."""
    size = options.size
    # Other tables or another computation of the derived ones make another lake.
    shape = hashlib.sha256(f"{TABLES!r} {scripts_digest()}".encode()).hexdigest()[:8]
    root = options.work / f"market-{_FORMAT}-{shape}-{size.market_symbols}x{size.market_years}"
    noted = root.with_suffix(".json")
    tickers = symbols(size.market_symbols)
    first = date(_LAST_YEAR + 1 - size.market_years, 1, 2)
    days = trading_days(first, last=date(_LAST_YEAR, 12, 31))
    if options.fresh or not noted.exists():
        shutil.rmtree(root, ignore_errors=True)
        noted.write_text(json.dumps(_make(root, tickers, days)), encoding="utf-8")
    return Market(fl.open(root), tickers, days, json.loads(noted.read_text(encoding="utf-8")))


def _make(root: Path, tickers: list[str], days: list[date]) -> dict[str, float]:
    layout, taken = create(root), dict.fromkeys(("price_data", "splits", *STATEMENT_TABLES.values()), 0.0)
    splits = _splits(tickers)
    facts = quarters(tickers, days[0].year, len({d.year for d in days}), seed=31)
    for first in range(0, len(tickers), _SLICE):
        some = tickers[first : first + _SLICE]
        for name, rows in _slice(some, days, splits, facts, seed=11 + 10 * first):
            started = time.perf_counter()
            reason = f"benchmark {name}"
            with transaction(layout, reason=reason, program_version="benchmark", later=True) as tx:
                merge_rows(tx, name, rows, datetime.now(UTC))
            taken[name] += time.perf_counter() - started
    started = time.perf_counter()
    store_stale(layout, program_version="benchmark")
    taken["derived tables"] = time.perf_counter() - started
    started = time.perf_counter()
    fl.open(root).compact()  # it writes lake.duckdb and the read index too
    return taken | {"compaction": time.perf_counter() - started}


def _slice(
    tickers: list[str], days: list[date], splits: pl.DataFrame, facts: pl.DataFrame, *, seed: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Return the rows of some symbols, table by table; each is made when it is needed."""
    splits, facts = (f.filter(pl.col("symbol").is_in(tickers)) for f in (splits, facts))
    yield "price_data", _bars(bars(tickers, days, seed=seed), splits)
    yield "splits", complete(splits, "splits")
    for kind, name in STATEMENT_TABLES.items():
        yield name, _statements(facts, kind, name)


def _splits(tickers: list[str]) -> pl.DataFrame:
    """Return one split for every tenth symbol; half lie between both fetches."""
    some = tickers[::_SPLIT_EVERY]
    years = [2024 if i % 2 else 2016 + i // 2 % 7 for i in range(len(some))]
    return pl.DataFrame(
        {
            "symbol": some,
            "date": [date(y, 2, 1) for y in years],
            "numerator": [float(r) for r in (uniform(len(some), 21) * 3).cast(pl.Int32) + 2],
            "denominator": [1.0] * len(some),
            "source": ["provider"] * len(some),
        }
    )


def _bars(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return bars as the vendor served them on the day of the fetch: re-based, rounded to four decimals."""
    ratio = pl.when(pl.col("date") < pl.col("ex")).then(pl.col("numerator")).otherwise(1.0)
    known = splits.filter(pl.col("date") <= _PRICES_AT.date()).select("symbol", "numerator", ex="date")
    rows = rows.join(known, on="symbol", how="left", maintain_order="left").with_columns(ratio=ratio)
    price = {f"{n}_price": (pl.col(n) / pl.col("ratio")).round(4) for n in ("open", "high", "low", "close")}
    ready = rows.with_columns(
        **price,
        volume=pl.col("volume") * pl.col("ratio"),
        unadjusted_volume=pl.col("volume").cast(pl.Float64),
        year=pl.col("date").dt.year(),
    ).with_columns(
        adjusted_close="close_price",
        vwap=((pl.col("high_price") + pl.col("low_price") + pl.col("close_price")) / 3).round(4),
        change=(pl.col("close_price") - pl.col("open_price")).round(4),
        change_percent=((pl.col("close_price") / pl.col("open_price") - 1) * 100).round(4),
        change_over_time=(pl.col("close_price") / pl.col("open_price") - 1).round(8),
    )
    return complete(ready, "price_data")


def _statements(facts: pl.DataFrame, kind: str, name: str) -> pl.DataFrame:
    """Return typed rows of one statement table; items that the facts lack are generated, some left out."""
    columns = [c.name for c in line_items(kind)]
    made_up = {
        n: (pl.col("revenue") * (0.01 + (i % 17) / 20)).round()
        for i, n in enumerate(columns)
        if n not in facts.columns and i % 4
    }
    dated = facts.with_columns(**made_up, reported_currency=pl.lit("USD"))
    ready = dated.with_columns(availability(table(name)))
    return complete(ready, name)


def merge_bars(lake: Path, rows: pl.DataFrame) -> None:
    """Merge complete rows of bars into a lake."""
    with transaction(find(lake), reason="benchmark price_data", program_version="benchmark") as tx:
        merge_rows(tx, "price_data", rows, datetime.now(UTC))


def complete(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add the provenance columns, and leave out those that the merge adds."""
    spec = table(name)
    fetched = _PRICES_AT if name == "price_data" else _STATEMENTS_AT
    basis = pl.col("basis") if "basis" in rows.columns else pl.lit(fetched.date())
    rows = rows.with_columns(
        source_provider=pl.lit("fmp"),
        fetch_id=pl.lit(hashlib.sha256(name.encode()).hexdigest()[:32]),
        fetched_at=pl.lit(fetched).cast(pl.Datetime("us", "UTC")),
        split_basis_date=basis,
    )
    return rows.select(
        _column(rows, spec, n) for n in spec.names() if n not in ("version", "change_kind", "recorded_at")
    )


def _column(rows: pl.DataFrame, spec: TableSpec, name: str) -> pl.Expr:
    column = spec.column(name)
    kind = pl.Datetime("us", "UTC") if column.kind == "timestamp" else getattr(pl, column.types.polars)
    return (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
