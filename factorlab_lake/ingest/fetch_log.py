"""Write the fetch log, and derive from it the fetch state of each symbol and dataset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from factorlab_lake.ingest.versions import are_distinct
from factorlab_lake.providers.protocol import FetchResult, Period
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, table
from factorlab_lake.schema.rules import QUARTER_DAYS, YEAR_DAYS
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout

__all__ = [
    "USUAL_SPACING_DAYS",
    "DatasetState",
    "FetchState",
    "coverage_of",
    "fetch_state",
    "log_lines",
    "spacings",
]

USUAL_SPACING_DAYS = {"quarterly": QUARTER_DAYS, "annual": YEAR_DAYS}
_LAST_PERIODS = 5  # the reports from which the usual distance is measured

_COVERED = {"fetch_id": pl.String, "keys_landed": pl.Int32, "covered_from": pl.Date, "covered_to": pl.Date}


@dataclass(frozen=True, slots=True)
class DatasetState:
    """Describe the earlier fetches of one dataset and symbol: newest fetch time, first and last date.

    ``requested_from`` is the earliest requested start; ``date.min`` if the full history was requested.
    ``parameters`` are those of the newest fetch, as JSON.
    """

    fetched_at: datetime
    first: date | None
    last: date | None
    requested_from: date
    parameters: str | None = None


@dataclass(frozen=True, slots=True)
class FetchState:
    """Describe the fetches that a lake has from one provider.

    ``states`` is keyed by (symbol, dataset, period), ``spacing_days`` by (symbol, period). ``known`` has the
    symbols with stored rows.
    """

    states: dict[tuple[str, str, str | None], DatasetState]
    spacing_days: dict[tuple[str, str], float]
    known: frozenset[str]

    def of(self, symbol: str, dataset: str, period: Period | None) -> DatasetState | None:
        """Return the state of earlier fetches, or None without any."""
        return self.states.get((symbol, dataset, period))

    def spacing(self, symbol: str, period: Period) -> float:
        """Return the usual days between a company's reports; 91 or 365 when its reports do not show it."""
        return self.spacing_days.get((symbol, period), USUAL_SPACING_DAYS[period])


def fetch_state(layout: Layout, symbols: list[str], provider: str) -> FetchState:
    """Read the fetch state of some symbols and one provider from the newest snapshot."""
    selected, snapshot = pl.Series("symbol", symbols, pl.String), snapshots.latest(layout)
    log = read_files(
        layout, "data_fetch_log", data_files.files_of(layout, snapshot, "data_fetch_log"), selected
    )
    good = log.filter("success", pl.col("provider") == provider)
    statements = next(iter(STATEMENT_TABLES.values()))
    dates = read_files(
        layout,
        statements,
        data_files.prune(data_files.files_of(layout, snapshot, statements), symbols=symbols),
        selected,
        columns=["symbol", "fiscal_period", "fiscal_date"],
    )
    known = good.filter(pl.col("keys_landed") > 0)["symbol"]
    states = _dataset_states(good.with_columns(_request_columns()))
    return FetchState(states, spacings(dates), frozenset(known))


def _request_columns() -> list[pl.Expr]:
    """Return the requested dataset and start of a log row; a cache file's row has only its table name."""
    dataset, start = (pl.col("parameters").str.json_path_match(f"$.{name}") for name in ("dataset", "start"))
    first_of_table = {name: first for first, name in reversed(DATASETS.items())}
    return [
        pl.coalesce(dataset, pl.col("data_type").replace(first_of_table)).alias("dataset"),
        pl.when(dataset.is_null())
        .then("covered_from")
        .otherwise(pl.coalesce(start.str.to_date("%Y-%m-%d"), pl.lit(date.min)))
        .alias("requested_from"),
    ]


def _dataset_states(good: pl.DataFrame) -> dict[tuple[str, str, str | None], DatasetState]:
    dated = pl.col("data_type").is_in(["price_data", "vendor_market_caps"])
    # The old cache labelled prices with periods of its own, such as full_history: they count as none.
    period = pl.when(~dated).then("period")
    rows = good.group_by("symbol", "dataset", period=period).agg(
        pl.col("fetch_date").max(),
        pl.col("covered_from").min(),
        pl.col("covered_to").max(),
        pl.col("requested_from").min(),
        pl.col("parameters").sort_by("fetch_date").last(),
    )
    return {
        (symbol, dataset, period): DatasetState(at, first, last, start or date.max, parameters)
        for symbol, dataset, period, at, first, last, start, parameters in rows.iter_rows()
    }


def spacings(dates: pl.DataFrame) -> dict[tuple[str, str], float]:
    """Return the median days between each symbol's newest reports, by (symbol, period).

    Some companies report half-years under a quarterly label.
    """
    period = pl.when(pl.col("fiscal_period") == "FY").then(pl.lit("annual")).otherwise(pl.lit("quarterly"))
    newest = (
        dates.select("symbol", "fiscal_date", period=period)
        .unique()
        .sort("fiscal_date")
        .group_by("symbol", "period")
        .agg(pl.col("fiscal_date").tail(_LAST_PERIODS).diff().dt.total_days().median().alias("days"))
    )
    return {(symbol, period): days for symbol, period, days in newest.drop_nulls().iter_rows()}


def coverage_of(rows: pl.DataFrame, name: str, incomplete: pl.Series | None = None) -> pl.DataFrame:
    """Return one row per fetch: number of distinct keys, earliest and latest date of its rows.

    ``incomplete`` has the fetch of each row with an unreadable value. Such a row confirms no earlier content,
    so its key does not count.
    """
    spec = table(name)
    day = pl.col(spec.time_column) if spec.time_column else pl.lit(None, pl.Date)
    keys = spec.told_key
    distinct = pl.len() if are_distinct(rows, ["fetch_id", *keys]) else pl.struct(keys).n_unique()
    lost = pl.Series("fetch_id", [], pl.String) if incomplete is None else incomplete.alias("fetch_id")
    return (
        rows.group_by("fetch_id")
        .agg(keys_landed=distinct, covered_from=day.min(), covered_to=day.max())
        .join(lost.to_frame().group_by("fetch_id").agg(_lost=pl.len()), on="fetch_id", how="left")
        .with_columns(keys_landed=pl.col("keys_landed").cast(pl.Int64) - pl.col("_lost").fill_null(0))
        .drop("_lost")
        .with_columns(pl.col("keys_landed").clip(lower_bound=0))
        .cast(_COVERED)  # type: ignore[arg-type]  # polars takes no dict of type classes by its stubs
    )


def log_lines(
    answers: list[FetchResult], rejected: pl.DataFrame, covered: list[pl.DataFrame], now: datetime
) -> pl.DataFrame:
    """Return the rows of data_fetch_log for some answers: one per fetch.

    ``rejected`` has one row per rejected record, ``covered`` the results of :func:`coverage_of`.
    """
    rows = pl.DataFrame(
        {
            "fetch_id": [f.fetch_id for f in answers],
            "symbol": [f.symbol for f in answers],
            "data_type": [DATASETS.get(f.dataset, f.dataset) for f in answers],
            "period": [f.period for f in answers],
            "fetch_date": [f.fetched_at for f in answers],
            "records_fetched": [f.count for f in answers],
            "api_calls_made": [f.api_calls for f in answers],
            "success": [f.error is None for f in answers],
            "error_message": [f.error or f.short for f in answers],
            "provider": [f.provider for f in answers],
            "endpoint": [f.endpoint for f in answers],
            "parameters": [f.parameters for f in answers],
            "http_status": [f.http_status for f in answers],
            "payload_sha256": [f.payload_sha256 for f in answers],
            "duration_ms": [f.duration_ms for f in answers],
        },
        schema_overrides={
            "period": pl.String,
            "error_message": pl.String,
            "http_status": pl.Int32,
            "payload_sha256": pl.String,
        },
    )
    spans = pl.concat(covered) if covered else pl.DataFrame(schema=_COVERED)
    counts = rejected.group_by("fetch_id").agg(records_rejected=pl.len())
    return (
        rows.join(counts, on="fetch_id", how="left")
        .join(spans, on="fetch_id", how="left")
        .with_columns(pl.col("records_rejected").fill_null(0), recorded_at=pl.lit(now))
    )
