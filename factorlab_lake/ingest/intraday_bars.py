"""Load bars within the day, and derive daily bars from them, a few days at a time.

Twenty million minute bars are more than a small machine holds. A load writes its slices to temporary files,
and then merges a group of days at once. So the memory depends on the slices and on the largest day.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from factorlab_lake.errors import InvalidInput, counted
from factorlab_lake.ingest.fetch_log import log_lines
from factorlab_lake.ingest.load_source import LoadSource
from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.run_report import RunReport
from factorlab_lake.schema import table
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.limits import INTRADAY_ROWS_AT_ONCE
from factorlab_lake.schema.market_calendar import half_days
from factorlab_lake.schema.rules import HALF_DAY_CLOSE, MARKET_CLOSE, MARKET_OPEN, MAX_PRICE
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.transaction import Transaction

__all__ = ["BarsOptions", "BarsReport", "daily_bars", "known_time_zone", "load_bars"]

_NAME = "price_bars"
_STAGED = "load-"  # the start of the names of temporary folders
_ALIASES = {
    "symbol": ("ticker",),
    "ts": ("timestamp", "datetime", "time"),
    **{f"{name}_price": (name,) for name in ("open", "high", "low", "close")},
    "volume": (),
}
_PRICES = [name for name in _ALIASES if name.endswith("_price")]
_REQUIRED = ("symbol", "ts", "close_price")
_UTC = pl.Datetime("us", "UTC")
_FRIDAY = 5


@dataclass(frozen=True, slots=True)
class BarsOptions:
    """Describe what the rows of a load do not say themselves.

    ``split_basis`` is the day up to which prices and volumes count splits; None stands for each bar's own
    day, as traded. ``time_zone`` is that of times without an offset.
    """

    split_basis: date | None = None
    time_zone: str = NEW_YORK
    rows_at_once: int = INTRADAY_ROWS_AT_ONCE


@dataclass(slots=True, repr=False)
class BarsReport(RunReport):
    """Report what a load of bars read.

    ``rows`` counts all rows. ``repeated`` counts those with the symbol and start of a later row, which is the
    one that counts, and ``weekend`` those of a Saturday or Sunday in New York.
    """

    rows: int = 0
    days: int = 0
    repeated: int = 0
    weekend: int = 0

    def lines(self) -> list[str]:
        """Return the report in lines for people."""
        lines = [f"{counted(self.rows, 'bar')} of {counted(self.days, 'day')}"]
        if self.repeated:
            lines.append(
                f"{self.repeated:,} repeat the symbol and start of a later row, which is the one used"
            )
        if self.weekend:
            lines.append(f"{self.weekend:,} of a Saturday or Sunday")
        return lines


def load_bars(tx: Transaction, sources: Iterable[Any], options: BarsOptions, now: datetime) -> BarsReport:
    """Merge the bars of some sources into ``price_bars``, all or none; return what was read.

    A loaded bar replaces the stored one of its symbol and start. Equal bars change nothing.
    """
    folder = _staging_folder(tx.layout)
    try:
        staged, digest = _stage(sources, folder, options, now)
        if staged is None:
            return BarsReport()
        counts = staged.group_by("day").len().sort("day").collect(engine="streaming")
        origin = _Origin(digest, now, options.split_basis)
        merged = [
            (part.height, _merge(tx, origin.completed(part))) for part in _parts(staged, counts, options)
        ]
        if any(changed for _, changed in merged):
            _log(tx, origin, counts)
        return _report(counts, sum(rows for rows, _ in merged))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _staging_folder(layout: Layout) -> Path:
    """Return a new folder in the lake, where the disk has room for its bars; for a bucket, the system's."""
    place = layout.identity.parent
    if in_bucket(place) is not None:
        return Path(tempfile.mkdtemp(prefix=f"factorlab-{_STAGED}"))
    for killed in place.glob(f"{_STAGED}*"):  # this writer has the lock, so no other load is running
        shutil.rmtree(killed, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_STAGED, dir=place))


def _report(counts: pl.DataFrame, kept: int) -> BarsReport:
    days = counts["day"].cast(pl.String).str.to_date("%Y%m%d")
    weekend = counts.filter(days.dt.weekday() > _FRIDAY)
    rows = int(counts["len"].sum())
    return BarsReport(rows, counts.height, rows - kept, int(weekend["len"].sum()))


def daily_bars(
    files: Iterable[DataFile], read: Callable[[list[DataFile]], pl.DataFrame], *, regular_hours: bool
) -> pl.DataFrame:
    """Return the daily bars of some files of ``price_bars``, in the order of symbols and dates.

    The columns are those that ``price_data`` can load: the first open, the highest high, the lowest low, the
    last close and the sum of the volumes.
    """
    days: dict[int | None, list[DataFile]] = {}
    for file in files:
        days.setdefault(file.partition, []).append(file)
    parts = [_daily(read(of_day), regular_hours=regular_hours) for of_day in days.values()]
    numbers = dict.fromkeys([*_PRICES, "volume"], pl.Float64)
    empty = pl.DataFrame(
        schema={"symbol": pl.String, "date": pl.Date, **numbers, "split_basis_date": pl.Date}
    )
    return pl.concat([empty, *parts]).sort("symbol", "date")


def _daily(bars: pl.DataFrame, *, regular_hours: bool) -> pl.DataFrame:
    if regular_hours:
        close = pl.when(pl.col("date").is_in(half_days())).then(HALF_DAY_CLOSE).otherwise(MARKET_CLOSE)
        clock = pl.col("ts").dt.convert_time_zone(NEW_YORK).dt.time()
        bars = bars.filter((clock >= MARKET_OPEN) & (clock < close))
    return (
        bars.sort("symbol", "ts")
        .group_by("symbol", "date", maintain_order=True)
        .agg(
            pl.col("open_price").drop_nulls().first(),
            pl.col("high_price").max(),
            pl.col("low_price").min(),
            pl.col("close_price").drop_nulls().last(),
            pl.when(pl.col("volume").count() > 0).then(pl.col("volume").sum()),
            pl.col("split_basis_date").last(),
        )
    )


@dataclass(frozen=True, slots=True)
class _Origin:
    """Complete loaded rows with the origin of the load."""

    digest: str
    now: datetime
    split_basis: date | None

    def completed(self, part: pl.DataFrame) -> pl.DataFrame:
        basis = pl.col("date") if self.split_basis is None else pl.lit(self.split_basis)
        now = pl.lit(self.now).cast(_UTC)
        return part.with_columns(
            split_basis_date=basis,
            source_provider=pl.lit(FILE_PROVIDER),
            fetch_id=pl.lit(self.digest),
            fetched_at=now,
            recorded_at=now,
        ).select(table(_NAME).names())


def _stage(
    sources: Iterable[Any], folder: Path, options: BarsOptions, now: datetime
) -> tuple[pl.LazyFrame | None, str]:
    """Write the slices of all sources to files; return a scan of them and a hash of their rows."""
    digest = hashlib.sha256(str(options.split_basis).encode())
    paths: list[Path] = []
    for source in sources:
        opened = LoadSource(source)
        for raw in opened.slices(options.rows_at_once):
            typed = _typed(raw, opened.name, options, now)
            if not typed.is_empty():
                paths.append(folder / f"{len(paths)}.parquet")
                typed.write_parquet(paths[-1], compression="lz4")
                digest.update(str(typed.hash_rows().sum()).encode())
    return (pl.scan_parquet(paths) if paths else None), digest.hexdigest()[:32]


def _typed(raw: pl.DataFrame, name: str, options: BarsOptions, now: datetime) -> pl.DataFrame:
    """Return rows with the columns of the table; raise :class:`InvalidInput` for rows that are no bars."""
    columns = {column: _column_of(raw, column, name) for column in _ALIASES}
    numbers = {
        column: pl.col(source).cast(pl.Float64) if source else pl.lit(None, pl.Float64)
        for column, source in columns.items()
        if column not in ("symbol", "ts")
    }
    try:
        typed = raw.select(
            pl.col(columns["symbol"]).cast(pl.String).alias("symbol"),
            _utc(raw, columns["ts"], options.time_zone).alias("ts"),
            _is_date(raw[columns["ts"]]).alias("is_date"),
            **numbers,
        )
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"{name}: a value cannot be read: {str(error).splitlines()[0]}") from None
    _check(typed, name, options, now)
    typed = typed.drop("is_date")
    days = pl.col("ts").dt.convert_time_zone(NEW_YORK).dt.date()
    number = pl.col("date").dt.year() * 10_000 + pl.col("date").dt.month().cast(pl.Int32) * 100
    return typed.with_columns(date=days).with_columns(day=number + pl.col("date").dt.day())


def _column_of(raw: pl.DataFrame, column: str, name: str) -> str:
    names = {n.lower(): n for n in raw.columns}
    match = next((names[n] for n in (column, *_ALIASES[column]) if n in names), "")
    if not match and column in _REQUIRED:
        known = ", ".join((column, *_ALIASES[column]))
        raise InvalidInput(
            f"{name} has no column {column!r}; got {', '.join(raw.columns)}; expected one of {known}."
        )
    return match


def known_time_zone(name: object) -> str:
    """Return the name of a time zone; raise :class:`InvalidInput` for anything else.

    >>> known_time_zone("Asia/Tokyo")
    'Asia/Tokyo'
    """
    try:
        return ZoneInfo(name).key  # type: ignore[arg-type]  # whatever a caller passes
    except (TypeError, ValueError, AttributeError, OSError, ZoneInfoNotFoundError):
        raise InvalidInput(
            f"time_zone is {name!r}; expected the name of one, such as 'America/New_York'.", value=name
        ) from None


def _utc(raw: pl.DataFrame, column: str, time_zone: str) -> pl.Expr:
    """Return the start of each bar in UTC; a time without an offset is of ``time_zone``."""
    kind, value = raw.schema[column], pl.col(column)
    if isinstance(kind, pl.String):
        has_offset = r"(?:[+-]\d\d:?\d\d|Z)$"
        return (
            pl.when(value.str.contains(has_offset))
            .then(value.str.replace(" ", "T").str.to_datetime("%+", time_unit="us", strict=False))
            .otherwise(
                value.str.to_datetime(time_unit="us", strict=False)
                .dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
                .dt.convert_time_zone("UTC")
            )
        )
    if not isinstance(kind, pl.Datetime):
        raise InvalidInput(
            f"{column} has the type {kind}; expected timestamps or texts such as 2024-01-02 09:30."
        )
    if kind.time_zone is None:
        value = value.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return value.dt.convert_time_zone("UTC").cast(_UTC)


def _is_date(times: pl.Series) -> pl.Expr:
    """Return whether a time is a date alone: a text without a time, or midnight in all rows."""
    if not isinstance(times.dtype, pl.String):
        return pl.lit(value=bool((times.dt.time() == time()).all()))
    if times.str.slice(10).str.contains(r"^[T ]00:00(:00(\.0*)?)?(Z|[+-]\d\d:?\d\d)?$").all():
        return pl.lit(value=True)
    return pl.col(times.name).str.contains(r"^\s*\d{4}-?\d\d-?\d\d\s*$")


def _check(rows: pl.DataFrame, name: str, options: BarsOptions, now: datetime) -> None:
    """Raise :class:`InvalidInput` with the number of rows that break each rule."""
    prices = [pl.col(n) for n in _PRICES]
    faults = {
        "without a symbol": pl.col("symbol").is_null() | (pl.col("symbol").str.strip_chars() == ""),
        "without a time that can be read": pl.col("ts").is_null(),
        "with a date alone (load daily bars into price_data)": pl.col("is_date"),
        "of the future": pl.col("ts") > now + timedelta(days=1),
        "without a close": pl.col("close_price").is_null(),
        "with a price that is not positive": pl.any_horizontal(
            ~price.is_between(0, MAX_PRICE, closed="right") for price in prices
        ),
        "whose high is below the low": pl.col("high_price") < pl.col("low_price"),
        "with a negative volume": pl.col("volume") < 0,
        f"after the split basis {options.split_basis}": pl.col("ts").dt.convert_time_zone(NEW_YORK).dt.date()
        > (options.split_basis or date.max),
    }
    counts = rows.select(fault.fill_null(value=False).sum().alias(text) for text, fault in faults.items())
    named = [f"{counted(count, 'row')} {text}" for text, count in counts.row(0, named=True).items() if count]
    if named:
        raise InvalidInput(
            f"{name}: {'; '.join(named)}; nothing was loaded. Correct the rows or leave them out."
        )


def _parts(staged: pl.LazyFrame, counts: pl.DataFrame, options: BarsOptions) -> Iterator[pl.DataFrame]:
    """Yield the rows of groups of whole days, without repeated bars; the last one of a start counts."""
    group: list[int] = []
    height = 0
    for day, rows in [*counts.iter_rows(), (None, 0)]:
        if group and (day is None or height + rows > options.rows_at_once):
            yield _part(staged, group[0], group[-1])
            group, height = [], 0
        group.append(day)
        height += rows


def _part(staged: pl.LazyFrame, first: int, last: int) -> pl.DataFrame:
    zone = ZoneInfo(NEW_YORK)
    start, end = (datetime.strptime(str(day), "%Y%m%d").replace(tzinfo=zone) for day in (first, last))
    in_days = pl.col("ts").is_between(
        start.astimezone(UTC), (end + timedelta(days=1)).astimezone(UTC), closed="left"
    )
    rows = staged.filter(in_days).collect(engine="streaming")
    order = table(_NAME).sort_by
    return (
        rows.with_row_index("place")
        .sort(*order, "place")
        .unique(order, keep="last", maintain_order=True)
        .drop("place")
    )


def _merge(tx: Transaction, rows: pl.DataFrame) -> bool:
    """Merge the rows of some days with those stored; return whether anything changed."""
    spec, days = table(_NAME), rows["day"].unique().to_list()
    stored = tx.read(_NAME, partitions=days)
    if stored.is_empty():
        tx.append(_NAME, rows.sort("day", *spec.sort_by))
        return True
    content = [*spec.key, *spec.names("value"), "split_basis_date"]
    new = rows.join(stored, on=content, how="anti", nulls_equal=True)
    if new.is_empty():
        return False
    kept = stored.join(new, on=list(spec.key), how="anti")
    tx.replace(_NAME, pl.concat([kept, new.select(kept.columns)]), days)
    return True


def _log(tx: Transaction, origin: _Origin, counts: pl.DataFrame) -> None:
    """Write one line of the fetch log, whose key other loads of the same rows count up."""
    log = tx.read("data_fetch_log", columns=["fetch_id"])
    same = log.filter(pl.col("fetch_id").str.starts_with(origin.digest)).height
    answer = FetchResult(
        fetch_id=f"{origin.digest}-{same + 1}" if same else origin.digest,
        dataset=_NAME,
        symbol="",
        fetched_at=origin.now,
        provider=FILE_PROVIDER,
        endpoint="load:price_bars",
        parameters="{}",
        records=None,
    )
    line = log_lines([answer], pl.DataFrame(schema={"fetch_id": pl.String}), [], origin.now)
    tx.append("data_fetch_log", line.with_columns(records_fetched=counts["len"].sum()))
