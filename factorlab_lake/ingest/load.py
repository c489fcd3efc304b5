"""Load a user's rows into a table, from a frame or a file.

A load of any size is one commit. It reads its source in slices, checks all of them, and only then merges the
slices. So the memory depends on the slices and on the largest partition that has changed rows.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Protocol

import polars as pl

from factorlab_lake.errors import InvalidInput, LakeWarning, counted, nearest
from factorlab_lake.ingest.availability import availability
from factorlab_lake.ingest.corporate_actions.adjusted_bars import missing_steps, near_splits, step_texts
from factorlab_lake.ingest.corporate_actions.inferred_splits import INFERRED
from factorlab_lake.ingest.fetch_log import coverage_of, log_lines
from factorlab_lake.ingest.load_checks import RowChecks
from factorlab_lake.ingest.load_conversion import LoadConversion
from factorlab_lake.ingest.load_options import OWN_DAY, LoadOptions
from factorlab_lake.ingest.load_rows import LoadRows
from factorlab_lake.ingest.load_source import LoadSource
from factorlab_lake.ingest.merge import merge_bars, merge_events, merge_rows, observe_unmoved
from factorlab_lake.ingest.parse_values import NEW_YORK, typed_null
from factorlab_lake.ingest.published_rates import reject_two_prices
from factorlab_lake.ingest.told_events import ToldEvents, new_splits
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, TableSpec, table
from factorlab_lake.schema.columns import FILE_PROVIDER, MERGED
from factorlab_lake.storage.transaction import Transaction

__all__ = ["LOADABLE", "LoadProgress", "load"]

LOADABLE = (
    "splits",
    "dividends",
    "company_profiles",
    "price_data",
    "shares_outstanding",
    "symbol_history",
    "universes",
    "fx_rates",
    *STATEMENT_TABLES.values(),
)
# The rows that are read at once, and those that are merged at once: a year of a thousand symbols.
_READ_ROWS, _SLICE_ROWS = 100_000, 260_000


class LoadProgress(Protocol):
    """Define the callback that reports the progress of a load."""

    def __call__(self, *, rows_done: int, rows_total: int | None, step: str) -> None:
        """Report a step and its rows so far. The steps are checking, merging and committing.

        ``rows_total`` is None while a CSV file is checked.
        """


def load(  # noqa: PLR0913 - all but three by name only
    tx: Transaction,
    name: str,
    source: Any,
    *,
    now: datetime | None = None,
    progress: LoadProgress | None = None,
    options: LoadOptions | None = None,
    dry_run: bool = False,
    slice_rows: int = _SLICE_ROWS,
) -> int:
    """Merge the rows of ``source`` into a table and return their number; merge all rows or none.

    Rows that repeat others count once. The splits that a source of prices tells are loaded too, unless the
    lake has them.

    The columns are those of the table, or those of a vendor that ``load_headings.csv`` knows. With
    ``dry_run`` the rows are checked and not merged. Provenance and derived columns are filled in. Raise
    :class:`InvalidInput` for invalid rows, an unknown column or a missing one. A :class:`LakeWarning` says
    what is stored in another way than it was written, and which values of a provider are replaced.
    """
    if name not in LOADABLE:
        known = ", ".join(LOADABLE)
        raise InvalidInput(
            f"Table {name!r} cannot be loaded; expected one of {known}.{nearest(str(name), LOADABLE)}"
        )
    options, report, now = options or LoadOptions(), progress or _no_progress, now or datetime.now(UTC)
    opened = source if isinstance(source, LoadSource) else LoadSource(source, options.decimal)
    reported = ToldEvents()
    with closing(LoadRows(table(name), tx.layout.identity.parent, slice_rows)) as rows:
        read = _converted(opened, table(name), options, min(slice_rows, _READ_ROWS), reported)
        _read(read, rows, RowChecks(table(name), now), opened.height, report)
        if rows.height == 0:
            return 0
        rows.order()  # it finds rows that contradict each other
        if name == "price_data":
            _reject_adjusted(tx, rows)
        if name == "fx_rates":
            reject_two_prices(pl.concat(rows.slices()), tx.read(name))
        command = options.command("splits", opened.path)
        splits = new_splits(tx, reported.splits(now), command, dry_run=dry_run)
        _warn_of_repeats(name, rows.repeated)
        if dry_run:
            return rows.height - rows.repeated
        answer = _answer(rows, name, opened, now)
        if _is_new(answer, tx.read("data_fetch_log"), name):
            _merge(tx, table(name), rows, answer, report)
        if splits.height:
            load(tx, "splits", LoadSource(splits, name=opened.name), now=now)
        report(rows_done=rows.height, rows_total=rows.height, step="committing")
        return rows.height - rows.repeated


def _no_progress(*, rows_done: int, rows_total: int | None, step: str) -> None:
    """Report nothing."""


def _converted(
    source: LoadSource, spec: TableSpec, options: LoadOptions, at_once: int, reported: ToldEvents
) -> Iterator[pl.DataFrame]:
    """Yield the slices of a source with the table's columns, and warn of what was left out.

    ``reported`` receives the events of a source of prices.
    """
    conversion: LoadConversion | None = None
    held: list[pl.DataFrame] = []
    for raw in source.slices(at_once):
        if conversion is None:
            conversion = LoadConversion(
                spec, options, raw.columns, file_symbol=source.symbol, reported=reported
            )
        if conversion.is_long:
            held.append(raw)
        else:
            yield conversion.converted(raw)
    if conversion and held:
        yield conversion.converted(pl.concat(held))
    if reported.dividends:
        text = f"dividends of the source not loaded; `{options.command('dividends', source.path)}` loads them"
        warnings.warn(
            f"{spec.name}: {text} ({counted(reported.dividends, 'row')}).", LakeWarning, stacklevel=4
        )
    for note, count in (conversion.notes if conversion else {}).items():
        warnings.warn(f"{spec.name}: {note} ({counted(count, 'row')}).", LakeWarning, stacklevel=4)


def _read(
    slices: Iterator[pl.DataFrame],
    rows: LoadRows,
    checks: RowChecks,
    height: int | None,
    report: LoadProgress,
) -> None:
    for raw in slices:
        typed = checks.typed(raw)
        if checks.passed:
            rows.add(typed, [c for c in typed.columns if c not in raw.columns])
        report(rows_done=checks.rows, rows_total=height, step="checking")
    checks.raise_faults()
    for note, count in checks.notes.items():
        warnings.warn(f"{checks.spec.name}: {note} ({counted(count, 'row')}).", LakeWarning, stacklevel=4)


def _warn_of_repeats(name: str, count: int) -> None:
    if count:
        repeat = "repeats another one, and is" if count == 1 else "repeat others, and are"
        text = f"{name}: {counted(count, 'row')} {repeat} stored once."
        warnings.warn(text, LakeWarning, stacklevel=4)


def _is_new(answer: FetchResult, log: pl.DataFrame, name: str) -> bool:
    """Return whether the rows differ from the newest ones of their table.

    After A and B, a load of A must bring A back, so it gets an id of its own.
    """
    rows_id = answer.fetch_id
    of_table = log.filter(pl.col("data_type") == name).sort("fetch_date")
    same = of_table.filter(pl.col("fetch_id").str.starts_with(rows_id))
    if same.is_empty():
        return True
    answer.fetch_id = f"{rows_id}-{same.height + 1}"
    return not of_table["fetch_id"][-1].startswith(rows_id)


def _reject_adjusted(tx: Transaction, rows: LoadRows) -> None:
    """Raise :class:`InvalidInput` for adjusted bars on the basis of their own day, by the lake's splits."""
    splits = tx.read("splits", symbols=rows.symbols)
    reported = splits.filter(pl.col("source") != INFERRED, pl.col("retracted_at").is_null())
    if reported.is_empty():
        return
    names = ["symbol", "date", "close_price", "split_basis_date"]
    near = pl.concat(near_splits(some, reported) for some in rows.slices(names))
    steps = missing_steps(near, reported, reported).filter("is_large")
    if steps.height:  # a stored bar may have the step
        stored = near_splits(tx.read("price_data", symbols=steps["symbol"]), reported)
        every = pl.concat([near, stored.join(near, on=["symbol", "date"], how="anti")])
        still = missing_steps(every, reported, reported)
        steps = steps.join(still, on=["symbol", "ex_date"], how="semi")
    if steps.height:
        texts = list(step_texts(steps))
        raise InvalidInput(
            f"{texts[0]}{_more(texts)}: these prices are adjusted for splits, and own-day is the split basis "
            "of prices as traded; pass the day of the download as split_basis. "
            "If there was no split, load a split of 1:1 for its day first.",
            symbol=steps["symbol"][0],
            split_basis=OWN_DAY,
        )


def _more(texts: list[str]) -> str:
    return f", and {len(texts) - 1} more" if len(texts) > 1 else ""


def _warn_of_steps(steps: pl.DataFrame) -> None:
    for is_large, effect in (
        (True, "are taken as adjusted for it"),
        (False, "stay on the basis of their own day, and quality names them (split_without_step)"),
    ):
        texts = list(step_texts(steps.filter(pl.col("is_large") == is_large)))
        if texts:
            warnings.warn(
                f"price_data: {texts[0]}{_more(texts)}: the bars before it {effect}. If they are adjusted, "
                "load them again with the day of their download as split_basis.",
                LakeWarning,
                stacklevel=4,
            )


def _merge(
    tx: Transaction, spec: TableSpec, rows: LoadRows, answer: FetchResult, report: LoadProgress
) -> None:
    covered: list[pl.DataFrame] = []
    replaced: Counter[str] = Counter()

    def completed() -> Iterator[pl.DataFrame]:
        done = 0
        for typed in rows.slices():
            report(rows_done=done, rows_total=rows.height, step="merging")
            complete = _completed(typed, spec, answer)
            replaced.update(_replaced(tx, spec, complete))
            covered.append(coverage_of(complete, spec.name))
            yield complete
            done += typed.height

    log = tx.read("data_fetch_log")
    if spec.name == "price_data":
        key = list(spec.key)
        steps = merge_bars(tx, completed(), answer.fetched_at, log, lambda: pl.concat(rows.slices(key)))
        _warn_of_steps(steps)
    elif spec.has_events:
        _warn_of_steps(merge_events(tx, spec, pl.concat(completed()), answer.fetched_at, log))
    else:  # a table without partitions is rewritten as a whole
        merge_rows(tx, spec.name, pl.concat(completed()), answer.fetched_at, log)
    if spec.name in ("price_data", "splits"):
        observe_unmoved(tx, rows.symbols, log)  # the load itself is no fetch
    coverage = (
        pl.concat(covered)
        .group_by("fetch_id")
        .agg(pl.col("keys_landed").sum(), pl.col("covered_from").min(), pl.col("covered_to").max())
    )
    rejected = pl.DataFrame(schema={"fetch_id": pl.String})
    line = log_lines([answer], rejected, [coverage], answer.fetched_at)
    tx.append("data_fetch_log", line.with_columns(records_fetched=rows.height))
    for provider, count in sorted(replaced.items()):
        text = f"{counted(count, 'row')} of {provider} {'has' if count == 1 else 'have'} other values"
        warnings.warn(f"{spec.name}: {text}; {_effect(spec)}.", LakeWarning, stacklevel=4)


def _effect(spec: TableSpec) -> str:
    """Return what a load does to rows of a provider that have other values."""
    if spec.has_events:
        return "the loaded rows count, and the provider's stay in the table"
    if spec.name in STATEMENT_TABLES.values():
        return "the loaded rows correct those of the same filing, and no others"
    return "the loaded rows replace them"


def _replaced(tx: Transaction, spec: TableSpec, rows: pl.DataFrame) -> dict[str, int]:
    """Return how many current rows of each provider have other values than the loaded rows of their key."""
    is_statement = spec.name in STATEMENT_TABLES.values()
    if "version" in spec.key and not is_statement:
        return {}  # the rows of each provider are versions of their own
    if not spec.has_symbols:
        return {}  # no provider serves exchange rates
    values, key = [v for v in spec.names("value") if v not in spec.key], spec.told_key
    if is_statement:  # a loaded statement corrects each provider's newest of its period
        key = [k for k in spec.key if k not in ("version", "source_provider")]
    parts = rows[spec.partition_by].unique().to_list() if spec.partition_by else None
    more = ["retracted_at"] if spec.has_events else ["version"] if is_statement else []
    names = [*key, "source_provider", *values, *more]
    stored = tx.read(spec.name, symbols=rows["symbol"], partitions=parts, columns=names)
    if is_statement:
        stored = stored.sort("version").unique([*key, "source_provider"], keep="last").drop("version")
    if spec.has_events:
        stored = stored.filter(pl.col("retracted_at").is_null()).drop("retracted_at")
    if stored.is_empty():
        return {}
    pairs = stored.filter(pl.col("source_provider") != FILE_PROVIDER).join(rows, on=key, suffix="_loaded")
    other = pl.any_horizontal(
        pl.col(f"{v}_loaded").is_not_null() & pl.col(f"{v}_loaded").ne_missing(pl.col(v)) for v in values
    )
    return dict(pairs.filter(other).group_by("source_provider").len().iter_rows())


def _answer(rows: LoadRows, name: str, source: LoadSource, now: datetime) -> FetchResult:
    """Return the load as a fetch result; its id is a hash of the rows, so the same rows are the same load."""
    symbols = rows.symbols
    return FetchResult(
        fetch_id=rows.digest.hexdigest()[:32],
        dataset=next(d for d, t in DATASETS.items() if t == name) if name in DATASETS.values() else name,
        symbol=symbols.item() if symbols.len() == 1 else "",
        fetched_at=now,
        provider=FILE_PROVIDER,
        endpoint=f"load:{source.name}",
        parameters="{}",
        records=None,
    )


def _completed(typed: pl.DataFrame, spec: TableSpec, answer: FetchResult) -> pl.DataFrame:
    """Fill the missing columns: provenance and derived columns by rule, the others with NULL."""
    now = pl.lit(answer.fetched_at).cast(pl.Datetime("us", "UTC"))
    rows = typed.with_columns(
        typed_null(c).alias(c.name) for c in spec.columns if c.name not in typed.columns
    )
    filled: dict[str, pl.Expr] = {
        "source_provider": pl.lit(FILE_PROVIDER),
        "source": pl.lit("file"),
        "fetch_id": pl.lit(answer.fetch_id),
        "fetched_at": now,
        "split_basis_date": now.dt.convert_time_zone(NEW_YORK).dt.date(),
        "year": pl.col(spec.time_column).dt.year() if spec.time_column else pl.lit(None),
        "fiscal_year": pl.col(spec.time_column).dt.year() if spec.time_column else pl.lit(None),
    }
    if "available_date" in spec.names():
        filled |= {e.meta.output_name(): e for e in availability(spec)}
    rows = rows.with_columns(
        pl.coalesce(n, e.cast(rows.schema[n])).alias(n) for n, e in filled.items() if n in rows.columns
    )
    return rows.select([n for n in spec.names() if n not in MERGED])
