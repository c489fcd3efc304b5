"""Compare raw records with the lake's rows: equal, different (with the fields), or missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from factorlab_lake.ingest.normalize import META
from factorlab_lake.providers.records import fields
from factorlab_lake.schema import DATASETS, table

__all__ = ["RecordDifference", "diff_records"]

_KEY_FIELDS = {"date", "symbol", "period"}
_NOT_SENT = {"cik": ["0000000000", "null", "0"]}


@dataclass(frozen=True, slots=True)
class RecordDifference:
    """Describe one record that the lake does not have.

    ``kind`` is differs, missing or rejected. ``difference`` lists the fields that differ, or has the reason.
    """

    file: str
    position: int
    kind: str
    difference: str


def diff_records(raw: pl.DataFrame, stored: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """Return one row per record: ``_fetch_id``, ``_position``, ``kind`` and ``difference``.

    ``kind`` is equal, differs or missing; ``difference`` lists the fields that differ. A record is equal if
    some version of its period, or some content of its day, has all of its values. Values that are absent,
    null or NaN in the record are not compared.
    """
    known = (
        fields(dataset)
        if dataset != "ratios"
        else {"calendarYear": "fiscal_year", "fiscalYear": "fiscal_year"}
    )
    checks = [_check(raw, name, known) for name in raw.columns if name not in (*META, *_KEY_FIELDS)]
    compared = [n for n in raw.columns if n not in (*META, *_KEY_FIELDS)]
    overflow = "lake_metrics" if dataset == "ratios" else "lake_extra"
    judged = _with_extras(_pairs(raw, stored, dataset), compared, overflow).select(
        "_row",
        "_fetch_id",
        "_position",
        matched=pl.col("lake_fetch_id").is_not_null(),
        faults=pl.sum_horizontal(c.is_not_null() for c in checks),
        difference=pl.concat_str(checks, separator="; ", ignore_nulls=True),
    )
    best = judged.sort("_row", "faults").unique("_row", keep="first", maintain_order=True)
    equal = pl.when(pl.col("faults") == 0).then(pl.lit("equal")).otherwise(pl.lit("differs"))
    return best.select(
        "_fetch_id",
        "_position",
        kind=pl.when(pl.col("matched")).then(equal).otherwise(pl.lit("missing")),
        difference=pl.when(pl.col("matched"))
        .then("difference")
        .otherwise(pl.lit("the lake has no row of its symbol and date")),
    )


def _pairs(raw: pl.DataFrame, stored: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """Join each record with every row that may come from it; prefix the lake's columns with ``lake_``."""
    day = table(DATASETS[dataset]).time_column
    keys = {"_k_symbol": pl.col("symbol"), "_k_day": pl.col(day).cast(pl.String)}
    if dataset != "price":
        keys["_k_period"] = pl.col("fiscal_period")
    rows = stored.with_columns(**keys).rename({c: f"lake_{c}" for c in stored.columns})
    return raw.with_row_index("_row").with_columns(_keys(raw, dataset)).join(rows, on=list(keys), how="left")


def _keys(raw: pl.DataFrame, dataset: str) -> list[pl.Expr]:
    symbol = (
        pl.coalesce(pl.col("symbol").cast(pl.String), "_symbol")
        if "symbol" in raw.columns
        else pl.col("_symbol")
    )
    day = (
        pl.col("date").cast(pl.String).str.slice(0, 10) if "date" in raw.columns else pl.lit(None, pl.String)
    )
    keys = [symbol.alias("_k_symbol"), day.alias("_k_day")]
    if dataset != "price":
        annual = pl.when(pl.col("_period") == "annual").then(pl.lit("FY"))
        period = pl.coalesce(pl.col("period").cast(pl.String), annual) if "period" in raw.columns else annual
        keys.append(period.alias("_k_period"))
    return keys


def _check(raw: pl.DataFrame, name: str, known: dict[str, str]) -> pl.Expr:
    """Return the text of a difference in one field, or null if it is equal."""
    column = known.get(name)
    if column == "label":
        return _difference(name, pl.col(name).cast(pl.String), pl.coalesce(_extra(name), _label()))
    if column is None:
        stored = _extra(name)
        if raw.schema[name].is_numeric():
            return _difference(name, _number(name), stored.cast(pl.Float64, strict=False))
        return _difference(name, pl.col(name).cast(pl.String), stored)
    differs = _difference(name, *_sides(raw, name, column))
    # A value that cannot be read or is impossible has its text in `extra`.
    return pl.when(~_kept_as_sent(raw, name)).then(differs)


def _kept_as_sent(raw: pl.DataFrame, name: str) -> pl.Expr:
    """Return whether the lake has a field's value, as it was sent, among the values without a column."""
    if raw.schema[name].is_numeric():
        same = _extra(name).cast(pl.Float64, strict=False) == pl.col(name).cast(pl.Float64)
    else:
        same = _extra(name) == pl.col(name).cast(pl.String)
    return same.fill_null(value=False)


def _sides(raw: pl.DataFrame, name: str, column: str) -> tuple[pl.Expr, pl.Expr]:
    sent, lakes = pl.col(name), pl.col(f"lake_{column}")
    if column == "accepted_at":
        local = lakes.dt.convert_time_zone("America/New_York").dt.strftime("%Y-%m-%d %H:%M:%S")
        return sent.cast(pl.String).str.replace("T", " ").str.slice(0, 19), local
    if column == "filing_date":
        return sent.cast(pl.String).str.slice(0, 10), lakes.cast(pl.String)
    if column in ("cik", "reported_currency", "link", "final_link"):
        text = sent.cast(pl.String).str.strip_chars()
        present = ~text.is_in(_NOT_SENT.get(column, [])) & (text != "")
        return pl.when(present).then(text), lakes.cast(pl.String)
    lakes = lakes.cast(pl.Float64)
    if raw.schema[name].is_numeric() or raw.schema[name] == pl.Null:
        return _number(name), lakes
    # Compare a number written as text as a number. Any other text equals nothing in the lake.
    text = sent.cast(pl.String).str.strip_chars()
    number = text.cast(pl.Float64, strict=False).fill_nan(None).cast(pl.String)
    present = ~text.str.to_lowercase().is_in(["", "nan"])
    return pl.when(present).then(pl.coalesce(number, text)), lakes.cast(pl.String)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _extra(name: str) -> pl.Expr:
    return pl.col(f"lake_extra:{name}")


def _with_extras(pairs: pl.DataFrame, names: list[str], column: str) -> pl.DataFrame:
    """Add the members of the lake's JSON as text columns, parsed by Python to keep numbers exact."""
    if not names:
        return pairs
    if column not in pairs.columns or pairs[column].null_count() == pairs.height:
        return pairs.with_columns(pl.lit(None, pl.String).alias(f"lake_extra:{name}") for name in names)
    objects = [json.loads(text) if text else {} for text in pairs[column]]
    return pairs.with_columns(
        pl.Series(f"lake_extra:{name}", [_member(o.get(name)) for o in objects], pl.String) for name in names
    )


def _member(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _label() -> pl.Expr:
    return pl.col("lake_date").dt.strftime("%B %d, %y")


def _difference(name: str, sent: pl.Expr, lakes: pl.Expr) -> pl.Expr:
    value, stored = sent.cast(pl.String), lakes.cast(pl.String).fill_null("nothing")
    text = pl.lit(f"{name}: ") + value + " in the file, " + stored + " in the lake"
    return pl.when(sent.is_not_null() & sent.ne_missing(lakes)).then(text)
