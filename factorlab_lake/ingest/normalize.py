"""Raw records of one dataset to typed rows of its table, and rejects with their reasons.

Raw frames carry, beside the provider's fields, where each record came from: ``_symbol`` (asked for),
``_period`` (asked for; may be null), ``_fetch_id``, ``_fetched_at``, ``_provider`` and ``_position``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from factorlab_lake.fetch.field_maps import fields
from factorlab_lake.ingest.availability import availability
from factorlab_lake.ingest.parse import NEW_YORK, json_object, parse
from factorlab_lake.schema import STATEMENT_TABLES, TableSpec, table

__all__ = ["DATASETS", "META", "Normalized", "normalize"]

META = ("_symbol", "_period", "_fetch_id", "_fetched_at", "_provider", "_position")
DATASETS = {
    **STATEMENT_TABLES,
    "ratios": "vendor_ratios",
    "price": "price_data",
    "split": "splits",
    "dividend": "dividends",
    "profile": "company_profiles",
}
_PERIODS = ["Q1", "Q2", "Q3", "Q4", "FY"]
_RATIO_FIELDS = {
    "symbol": "symbol",
    "date": "fiscal_date",
    "period": "fiscal_period",
    "calendarYear": "fiscal_year",
    "fiscalYear": "fiscal_year",
}
_EARLIEST = pl.date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Normalized:
    """Typed rows (columns of the table, without ``recorded_at``) and rejected records."""

    rows: pl.DataFrame
    rejects: pl.DataFrame


def normalize(raw: pl.DataFrame, dataset: str) -> Normalized:
    """Type, check and complete the raw records of one dataset; whole columns at a time."""
    spec = table(DATASETS[dataset])
    known = _RATIO_FIELDS if dataset == "ratios" else fields(dataset)
    typed = _typed(raw, spec, known)
    typed = _with_context(typed)
    typed = typed.with_columns(_reason(typed, spec))
    good = typed["_reason"].is_null()
    rejects = _rejects(raw.filter(~good), typed.filter(~good), dataset)
    rows = typed.filter(good).drop("_reason", pl.selectors.starts_with("_fault"))
    complete = _COMPLETE.get(spec.name, _complete_plain)
    return Normalized(complete(rows.with_columns(_provenance())).select(_final(spec)), rejects)


def _typed(raw: pl.DataFrame, spec: TableSpec, known: dict[str, str]) -> pl.DataFrame:
    sources: dict[str, list[str]] = {}
    extra = []
    for field in raw.columns:
        if field in META:
            continue
        name = known.get(field, "")
        if name in spec.names():
            sources.setdefault(name, []).append(field)
        elif name != "label":
            extra.append(field)
    out = [pl.col(name) for name in META]
    for name, wires in sources.items():
        parsed = [parse(raw, wire, spec.column(name)) for wire in wires]
        out.append(pl.coalesce(p.value for p in parsed).alias(name))
        out.extend(
            p.fault.alias(f"_fault{wire}")
            for p, wire in zip(parsed, wires, strict=True)
            if p.fault is not None
        )
    overflow = "metrics" if "metrics" in spec.names() else "extra"
    if overflow in spec.names():
        out.append(json_object(raw, extra).alias(overflow))
    if "label" in known and "label" not in spec.names() and "label" in raw.columns:
        out.append(pl.col("label").cast(pl.String).alias("_label"))
    frame = raw.select(out)
    absent = [c for c in spec.columns if c.name not in frame.columns and c.role != "derived"]
    return frame.with_columns(
        pl.lit(None, getattr(pl, c.types.polars)).alias(c.name) for c in absent if c.kind != "timestamp"
    )


def _with_context(typed: pl.DataFrame) -> pl.DataFrame:
    """Fill what the records leave to their surroundings: symbol, period, fiscal year."""
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


def _reason(typed: pl.DataFrame, spec: TableSpec) -> pl.Expr:
    faults = [pl.col(c) for c in typed.columns if c.startswith("_fault")]
    day = spec.time_column
    checks = [
        _when(
            _mangled("symbol") != _mangled("_symbol"),
            pl.lit("symbol: '") + pl.col("symbol") + "' in an answer for '" + pl.col("_symbol") + "'",
        ),
    ]
    if day:
        missing = pl.col(day).is_null() & pl.all_horizontal(f.is_null() for f in faults)
        checks.append(_when(missing, pl.lit("date: missing")))
        checks.append(_when(pl.col(day) < _EARLIEST, pl.lit("date: before 1900")))
    if spec.name == "price_data" or "fiscal_date" in spec.key:
        late = pl.col(day) > pl.col("_fetched_at").dt.date().dt.offset_by("1d")
        checks.append(_when(late, pl.lit("date: ") + pl.col(day).cast(pl.String) + " is after the fetch"))
    if "fiscal_period" in spec.key:
        period = pl.col("fiscal_period")
        checks.append(_when(period.is_null(), pl.lit("period: missing")))
        checks.append(
            _when(~period.is_in(_PERIODS), pl.lit("period: '") + period + "' is not Q1, Q2, Q3, Q4 or FY")
        )
    if spec.name == "price_data":
        close = pl.col("close_price")
        checks.append(_when(close.is_null(), pl.lit("close: missing")))
        checks.append(_when(close <= 0, pl.lit("close: ") + close.cast(pl.String) + " is not positive"))
    if spec.name == "splits":
        whole = (pl.col("numerator") > 0) & (pl.col("denominator") > 0)
        checks.append(
            _when(~whole.fill_null(value=False), pl.lit("numerator, denominator: both must be above 0"))
        )
    text = pl.concat_str([*faults, *checks], separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text).alias("_reason")


def _when(condition: pl.Expr, text: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(text)


def _mangled(name: str) -> pl.Expr:
    """Symbols as the old cache's file names wrote them."""
    return pl.col(name).str.to_uppercase().str.replace_all("[/:]", "-")


def _rejects(raw: pl.DataFrame, typed: pl.DataFrame, dataset: str) -> pl.DataFrame:
    names = [c for c in raw.columns if c not in META]
    return raw.select(
        fetch_id="_fetch_id",
        position=pl.col("_position").cast(pl.Int32),
        symbol="_symbol",
        data_type=pl.lit(DATASETS[dataset]),
        reason=typed["_reason"],
        record=json_object(raw, names),
    )


def _provenance() -> list[pl.Expr]:
    return [
        pl.col("_provider").alias("source_provider"),
        pl.col("_fetch_id").alias("fetch_id"),
        pl.col("_fetched_at").alias("fetched_at"),
        pl.col("_fetched_at").dt.convert_time_zone(NEW_YORK).dt.date().alias("split_basis_date"),
    ]


def _complete_statement(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(availability())


def _complete_bar(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(year=pl.col("date").dt.year())
    if "_label" not in rows.columns:
        return rows
    # v3 repeats the date in words; kept only where it says something else.
    odd = pl.col("_label") != pl.col("date").dt.strftime("%B %d, %y")
    said = pl.when(odd).then(pl.struct(label="_label").struct.json_encode())
    return rows.with_columns(extra=pl.coalesce("extra", said))


def _complete_split(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(source=pl.lit("provider"))


def _complete_plain(rows: pl.DataFrame) -> pl.DataFrame:
    return rows


_COMPLETE: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    **dict.fromkeys(STATEMENT_TABLES.values(), _complete_statement),
    "price_data": _complete_bar,
    "splits": _complete_split,
}


def _final(spec: TableSpec) -> list[str]:
    return [n for n in spec.names() if n not in ("version", "change_kind", "recorded_at")]
