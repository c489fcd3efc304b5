"""Normalize the raw records of one dataset: typed rows of its table, and rejects with their reasons.

A frame of raw records has, beside the provider's fields, the origin of each record: ``_symbol`` (requested),
``_period`` (requested; may be null), ``_fetch_id``, ``_fetched_at``, ``_provider`` and ``_position``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from factorlab_lake.ingest.availability import availability
from factorlab_lake.ingest.corporate_actions.split_basis import with_split_basis
from factorlab_lake.ingest.parse_values import NEW_YORK, Parsed, json_object, parse, typed_null
from factorlab_lake.providers.records import fields
from factorlab_lake.schema import DATASETS, PERIOD_MONTHS, STATEMENT_TABLES, TableSpec, table
from factorlab_lake.schema.rules import EARLIEST_DATE

__all__ = ["META", "Normalized", "normalize"]

META = ("_symbol", "_period", "_fetch_id", "_fetched_at", "_provider", "_position")
_RATIO_FIELDS = {
    "symbol": "symbol",
    "date": "fiscal_date",
    "period": "fiscal_period",
    "calendarYear": "fiscal_year",
    "fiscalYear": "fiscal_year",
}
_AS_TRADED = ("price_unadjusted",)  # datasets whose amounts include no later split


@dataclass(frozen=True, slots=True)
class Normalized:
    """Hold typed rows (the table's columns without ``recorded_at``) and rejected records."""

    rows: pl.DataFrame
    rejects: pl.DataFrame


def normalize(raw: pl.DataFrame, dataset: str, names: Mapping[str, str] | None = None) -> Normalized:
    """Type, check and complete the raw records of one dataset, column by column.

    ``names`` maps the provider's fields to columns; by default, FMP's field map.
    """
    spec = table(DATASETS[dataset])
    readings = _readings(raw, spec, names or (_RATIO_FIELDS if dataset == "ratios" else fields(dataset)))
    typed = _with_context(_typed(raw, spec, readings))
    checks = [*_unreadable(readings), *_symbol_check(readings), *_checks(typed, spec)]
    bad = typed.select(pl.any_horizontal(c.fails.fill_null(value=False) for c in checks)).to_series()
    # Build the texts for failing records only: for all records they would take longer than everything else.
    rejects = _rejects(raw.filter(bad), typed.filter(bad), checks, dataset)
    complete = _COMPLETE.get(spec.name, _complete_plain)
    good = typed.filter(~bad) if bad.any() else typed
    rows = complete(good.with_columns(_provenance(as_traded=dataset in _AS_TRADED)))
    return Normalized(rows.select(_final(spec)), rejects)


@dataclass(frozen=True, slots=True)
class _Check:
    """Hold the condition under which a record is rejected, and the reason for the reject."""

    fails: pl.Expr
    reason: pl.Expr


def _readings(raw: pl.DataFrame, spec: TableSpec, known: Mapping[str, str]) -> dict[str, tuple[str, Parsed]]:
    """Return ``{field: (column, parsed expression)}`` for the fields that have a column."""
    mapped = {f: known[f] for f in raw.columns if f not in META and known.get(f, "") in spec.names()}
    return {f: (name, parse(raw, f, spec.column(name))) for f, name in mapped.items()}


def _typed(raw: pl.DataFrame, spec: TableSpec, readings: dict[str, tuple[str, Parsed]]) -> pl.DataFrame:
    values: dict[str, list[pl.Expr]] = {}
    for name, parsed in readings.values():
        values.setdefault(name, []).append(parsed.value)
    out = [pl.col(name) for name in META]
    out += [pl.coalesce(several).alias(name) for name, several in values.items()]
    out += [p.bad.alias(f"_bad_{field}") for field, (_, p) in readings.items() if p.bad is not None]
    rest = [f for f in raw.columns if f not in META and f not in readings]
    if spec.name == "price_data" and "label" in rest:
        rest.remove("label")
        out.append(pl.col("label").cast(pl.String).alias("_label"))
    overflow = "metrics" if "metrics" in spec.names() else "extra"
    if overflow in spec.names():
        out.append(json_object(raw, rest).alias(overflow))
    frame = raw.select(out)
    absent = [c for c in spec.columns if c.name not in frame.columns and c.role != "derived"]
    return frame.with_columns(typed_null(c).alias(c.name) for c in absent)


def _unreadable(readings: dict[str, tuple[str, Parsed]]) -> list[_Check]:
    return [
        _Check(
            pl.col(f"_bad_{field}"),
            pl.lit(f"{field}: '")
            + pl.col(f"_raw_{field}").cast(pl.String).str.slice(0, 60)
            + f"' is not {parsed.expected}",
        )
        for field, (_, parsed) in readings.items()
        if parsed.bad is not None
    ]


def _with_context(typed: pl.DataFrame) -> pl.DataFrame:
    """Fill missing symbols, periods and fiscal years from the request and the fiscal date."""
    out = [pl.coalesce("symbol", "_symbol").alias("symbol")]
    if "fiscal_period" in typed.columns:
        out.append(
            pl.coalesce("fiscal_period", pl.when(pl.col("_period") == "annual").then(pl.lit("FY"))).alias(
                "fiscal_period"
            )
        )
        out.append(pl.coalesce("fiscal_year", pl.col("fiscal_date").dt.year()).alias("fiscal_year"))
    if "cik" in typed.columns:
        out.append(
            pl.when(~pl.col("cik").is_in(["0000000000", "null", "0"])).then(pl.col("cik")).alias("cik")
        )
    return typed.with_columns(out)


def _symbol_check(readings: dict[str, tuple[str, Parsed]]) -> list[_Check]:
    """Return the check that a record with a symbol has the requested one."""
    if all(column != "symbol" for column, _ in readings.values()):
        return []
    reason = _format("symbol: '{}' in a response for '{}'", "symbol", "_symbol")
    return [_Check(_cache_symbol("symbol") != _cache_symbol("_symbol"), reason)]


def _checks(typed: pl.DataFrame, spec: TableSpec) -> list[_Check]:
    checks = _day_checks(typed, spec) if spec.time_column else []
    if "fiscal_period" in spec.key:
        period = pl.col("fiscal_period")
        checks.append(_Check(period.is_null(), pl.lit("period: missing")))
        checks.append(
            _Check(
                ~period.is_in(list(PERIOD_MONTHS)),
                _format(f"period: '{{}}' is not one of {', '.join(PERIOD_MONTHS)}", "fiscal_period"),
            )
        )
    if spec.name == "price_data":
        close = pl.col("close_price")
        checks.append(_Check(close.is_null() & ~_unread(typed, "close"), pl.lit("close: missing")))
        checks.append(_Check(close <= 0, _format("close: {} is not positive", "close_price")))
    if spec.name == "splits":
        whole = (pl.col("numerator") > 0) & (pl.col("denominator") > 0)
        checks.append(
            _Check(~whole.fill_null(value=False), pl.lit("numerator, denominator: both must be above 0"))
        )
    return checks


def _day_checks(typed: pl.DataFrame, spec: TableSpec) -> list[_Check]:
    day = pl.col(spec.time_column)
    checks = [
        _Check(day.is_null() & ~_unread(typed, "date"), pl.lit("date: missing")),
        _Check(day < EARLIEST_DATE, _format(f"date: {{}} is before {EARLIEST_DATE:%Y}", spec.time_column)),
    ]
    if spec.name == "price_data" or "fiscal_date" in spec.key:
        tomorrow = pl.col("_fetched_at").dt.date().dt.offset_by("1d")
        checks.append(_Check(day > tomorrow, _format("date: {} is after the fetch", spec.time_column)))
    return checks


def _unread(typed: pl.DataFrame, field: str) -> pl.Expr:
    bad = f"_bad_{field}"
    return pl.col(bad).fill_null(value=False) if bad in typed.columns else pl.lit(value=False)


def _format(text: str, *columns: str) -> pl.Expr:
    return pl.format(text, *(pl.col(c).cast(pl.String) for c in columns))


def _cache_symbol(name: str) -> pl.Expr:
    """Return a symbol as the old cache's file names write it."""
    return pl.col(name).str.to_uppercase().str.replace_all("[/:]", "-")


def _rejects(raw: pl.DataFrame, typed: pl.DataFrame, checks: list[_Check], dataset: str) -> pl.DataFrame:
    names = [c for c in raw.columns if c not in META]
    both = pl.concat([typed, raw.select(pl.col(n).alias(f"_raw_{n}") for n in names)], how="horizontal")
    both = both.rechunk()  # polars 2.1 formats no column with an empty chunk
    reasons = [pl.when(c.fails).then(c.reason) for c in checks]
    return raw.select(
        fetch_id="_fetch_id",
        position=pl.col("_position").cast(pl.Int32),
        symbol="_symbol",
        data_type=pl.lit(DATASETS[dataset]),
        reason=both.select(pl.concat_str(reasons, separator="; ", ignore_nulls=True)).to_series(),
        record=json_object(raw, names),
    )


def _provenance(*, as_traded: bool) -> list[pl.Expr]:
    fetched_on = pl.col("_fetched_at").dt.convert_time_zone(NEW_YORK).dt.date()
    return [
        pl.col("_provider").alias("source_provider"),
        pl.col("_fetch_id").alias("fetch_id"),
        pl.col("_fetched_at").alias("fetched_at"),
        (pl.col("date") if as_traded else fetched_on).alias("split_basis_date"),
    ]


def _complete_statement(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(availability())


def _complete_dated(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(year=pl.col("date").dt.year())


def _complete_bar(rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_split_basis(_complete_dated(rows))
    if "_label" not in rows.columns:
        return rows
    # FMP's v3 repeats the date in words. Store the label only if it differs from the date.
    odd = pl.col("_label") != pl.col("date").dt.strftime("%B %d, %y")
    label = pl.when(odd).then(pl.struct(label="_label").struct.json_encode().str.slice(1))
    more = pl.when(label.is_not_null() & pl.col("extra").is_not_null()).then(
        pl.col("extra").str.head(-1) + ", " + label
    )
    return rows.with_columns(extra=pl.coalesce(more, "{" + label, "extra"))


def _complete_split(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(source=pl.lit("provider"))


def _complete_plain(rows: pl.DataFrame) -> pl.DataFrame:
    return rows


_COMPLETE: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    **dict.fromkeys(STATEMENT_TABLES.values(), _complete_statement),
    "price_data": _complete_bar,
    "vendor_market_caps": _complete_dated,
    "splits": _complete_split,
}


def _final(spec: TableSpec) -> list[str]:
    return [n for n in spec.names() if n not in ("version", "change_kind", "recorded_at")]
