"""Normalize the raw records of one dataset: typed rows of its table, and rejects with their reasons.

A frame of raw records has, beside the provider's fields, the origin of each record: ``_symbol`` (requested),
``_period`` (requested; may be null), ``_fetch_id``, ``_fetched_at``, ``_provider`` and ``_position``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from factorlab_lake.ingest.availability import availability
from factorlab_lake.ingest.contradictions import contradicted
from factorlab_lake.ingest.corporate_actions.split_basis import with_split_basis
from factorlab_lake.ingest.parse_values import NEW_YORK, Parsed, json_object, parse, typed_null
from factorlab_lake.ingest.row_checks import (
    RowFault,
    currency_spellings,
    impossible_values,
    needed_columns,
    row_faults,
)
from factorlab_lake.providers.records import fields, generations
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, TableSpec, table
from factorlab_lake.schema.columns import MERGED
from factorlab_lake.storage.delta import polars_schema

__all__ = ["META", "REJECTS", "Normalized", "normalize"]

META = ("_symbol", "_period", "_fetch_id", "_fetched_at", "_provider", "_mapping", "_position")
_RATIO_FIELDS = {
    "symbol": "symbol",
    "date": "fiscal_date",
    "period": "fiscal_period",
    "calendarYear": "fiscal_year",
    "fiscalYear": "fiscal_year",
}
REJECTS = pl.Schema({n: t for n, t in polars_schema(table("rejected_records")).items() if n != "recorded_at"})
_AS_TRADED = ("price_unadjusted",)  # datasets whose amounts include no later split


@dataclass(frozen=True, slots=True)
class Normalized:
    """Hold typed rows (the table's columns without ``recorded_at``) and rejected records.

    ``unread`` has the records of rows that lack a value because it could not be read or is impossible. Its
    columns are those of the rejects, for the case that another copy is stored. The row's key follows, each
    name after ``_row_``; ``_row_text`` is the text of what has no column.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    unread: pl.DataFrame


def normalize(raw: pl.DataFrame, dataset: str, names: Mapping[str, str] | None = None) -> Normalized:
    """Type, check and complete the raw records of one dataset, column by column.

    ``names`` maps the provider's fields to columns; by default, FMP's field map. A record that lacks its key
    is rejected. Any other value that cannot be read, or is impossible, is NULL, and its text goes to
    ``extra``.
    """
    spec = table(DATASETS[dataset])
    if names is None and "mapping" in spec.names():
        raw = raw.with_columns(_mapping=pl.coalesce("_mapping", _generation(raw, dataset)))
    if names is None:
        raw = _with_own_fields(raw, dataset)
    known = names or (_RATIO_FIELDS if dataset == "ratios" else fields(dataset))
    readings = _readings(raw, spec, known)
    typed = _with_believable(raw, _with_context(_typed(raw, spec, readings)), spec, readings)
    faults = [*_unreadable(readings, spec), *_symbol_faults(readings), *_row_faults(typed, spec, readings)]
    bad = typed.select(pl.any_horizontal(f.fails.fill_null(value=False) for f in faults)).to_series()
    # Build the texts for failing records only: for all records they would take longer than everything else.
    rejects = [_rejects(raw.filter(bad), typed.filter(bad), _named(faults, known), dataset)]
    if bad.any():
        raw, typed = raw.filter(~bad), typed.filter(~bad)
    if (losing := (why := contradicted(typed, spec)).is_not_null()).any():
        typed_losing = typed.with_columns(why.alias("_why")).filter(losing)
        rejects.append(_rejects(raw.filter(losing), typed_losing, [_contradiction(spec)], dataset))
        raw, typed = raw.filter(~losing), typed.filter(~losing)
    complete = _COMPLETE.get(spec.name, _complete_plain)
    stated = ["split_basis_date"] if "split_basis_date" in typed.columns else []
    rows = complete(typed.with_columns(_provenance(stated, as_traded=dataset in _AS_TRADED)), spec)
    unread = _unread_records(raw.filter(typed["_unread"].is_not_null()), rows, spec, dataset)
    return Normalized(rows.select(_final(spec)), pl.concat(rejects), unread)


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
    if spec.name == "price_data" and "label" in raw.columns:
        out.append(pl.col("label").cast(pl.String).alias("_label"))
    if "mapping" in spec.names():
        out.append(pl.col("_mapping").alias("mapping"))
    frame = raw.select(out).with_columns(fetched_at="_fetched_at")
    absent = [c for c in spec.columns if c.name not in frame.columns and c.role != "derived"]
    return frame.with_columns(typed_null(c).alias(c.name) for c in absent)


def _generation(raw: pl.DataFrame, dataset: str) -> pl.Expr:
    """Return the FMP generation of each record: the one that alone has some of its fields."""
    own = {g: set(fields(dataset, g)) for g in generations(dataset)}
    detected: list[pl.Expr] = [pl.lit(None, pl.String)]
    for generation, names in own.items():
        others = set().union(*(o for g, o in own.items() if g != generation))
        alone = [pl.col(f).is_not_null() for f in raw.columns if f in names - others]
        if alone:
            detected.append(pl.when(pl.any_horizontal(alone)).then(pl.lit(generation)))
    return pl.coalesce(detected)


def _with_own_fields(raw: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """Move values whose field means another column in v3, such as ``exchange``, to their field in stable."""
    old, new = fields(dataset, "v3"), fields(dataset, "stable")
    moved = [f for f in raw.columns if f in old and new.get(f, old[f]) != old[f]]
    if not moved:
        return raw
    is_old = (_generation(raw, dataset) == "v3").fill_null(value=False)
    out = [pl.when(~is_old).then(pl.col(field)).alias(field) for field in moved]
    for field in moved:
        name = next(n for n, column in new.items() if column == old[field])
        before = [pl.col(name)] if name in raw.columns else []
        out.append(pl.coalesce(*before, pl.when(is_old).then(pl.col(field))).alias(name))
    return raw.with_columns(out)


def _with_context(typed: pl.DataFrame) -> pl.DataFrame:
    """Fill missing symbols and periods from the request; a symbol has one spelling, in capitals."""
    out = [pl.coalesce("symbol", "_symbol").str.to_uppercase().alias("symbol")]
    if "fiscal_period" in typed.columns:
        annual = pl.when(pl.col("_period") == "annual").then(pl.lit("FY"))
        out.append(pl.coalesce("fiscal_period", annual).alias("fiscal_period"))
    if "cik" in typed.columns:
        out.append(
            pl.when(~pl.col("cik").is_in(["0000000000", "null", "0"])).then(pl.col("cik")).alias("cik")
        )
    return typed.with_columns(out)


def _with_believable(
    raw: pl.DataFrame, typed: pl.DataFrame, spec: TableSpec, readings: dict[str, tuple[str, Parsed]]
) -> pl.DataFrame:
    """Replace impossible values by NULL, and put the text of these and of unreadable ones into ``extra``."""
    impossible = impossible_values(spec, [name for name, _ in readings.values()])
    doubts = _doubts(readings, impossible, needed_columns(spec))
    marks = typed.select(condition.alias(field) for field, condition in doubts.items())
    doubtful = [field for field in marks.columns if marks[field].any()]
    names = {readings[field][0] for field in doubtful} & impossible.keys()
    typed = typed.with_columns(pl.when(~impossible[n]).then(pl.col(n)).alias(n) for n in sorted(names))
    sent = raw.with_columns(pl.when(marks[field]).then(pl.col(field)).alias(field) for field in doubtful)
    typed = typed.with_columns(sent.with_columns(_unread=json_object(sent, doubtful))["_unread"])
    if "fiscal_year" in typed.columns:
        typed = typed.with_columns(pl.coalesce("fiscal_year", pl.col("fiscal_date").dt.year()))
    overflow = "metrics" if "metrics" in spec.names() else "extra"
    if overflow not in spec.names():
        return typed
    respelt = _respelt(typed, readings)
    typed = typed.with_columns(currency_spellings(typed.columns).values())
    for field in respelt.columns:  # the text as it was sent stays in the row too
        marked = respelt[field] | marks[field] if field in doubtful else respelt[field]
        sent = sent.with_columns(pl.when(marked).then(raw[field]).alias(field))
    doubtful = [*doubtful, *(field for field in respelt.columns if field not in doubtful)]
    rest = [f for f in raw.columns if f not in META and f not in readings]
    if spec.name == "price_data" and "label" in rest:
        rest.remove("label")
    members = sent.with_columns(json_object(sent, [*rest, *doubtful]).alias("_members"))["_members"]
    return typed.with_columns(members.alias(overflow))


def _respelt(typed: pl.DataFrame, readings: dict[str, tuple[str, Parsed]]) -> pl.DataFrame:
    """Return for each field of a currency that has another spelling in some record, in which ones."""
    spellings = currency_spellings(typed.columns)
    changed = typed.select(
        (spellings[name] != pl.col(name)).fill_null(value=False).alias(field)
        for field, (name, _) in readings.items()
        if name in spellings
    )
    return changed.select(field for field in changed.columns if changed[field].any())


def _doubts(
    readings: dict[str, tuple[str, Parsed]], impossible: dict[str, pl.Expr], needed: list[str]
) -> dict[str, pl.Expr]:
    """Return the condition under which a field's value is not stored, by field; its record is stored."""
    doubts: dict[str, pl.Expr] = {}
    for field, (name, parsed) in readings.items():
        unread = [pl.col(f"_bad_{field}")] if parsed.bad is not None else []
        conditions = unread + ([impossible[name]] if name in impossible else [])
        if conditions and name not in needed:
            doubts[field] = pl.any_horizontal(c.fill_null(value=False) for c in conditions)
    return doubts


def _unreadable(readings: dict[str, tuple[str, Parsed]], spec: TableSpec) -> list[RowFault]:
    """Return the faults of the fields without which a record is rejected."""
    return [
        RowFault(
            name,
            pl.col(f"_bad_{field}"),
            pl.lit("'")
            + pl.col(f"_raw_{field}").cast(pl.String).str.slice(0, 60)
            + f"' is not {parsed.expected}",
        )
        for field, (name, parsed) in readings.items()
        if parsed.bad is not None and name in needed_columns(spec)
    ]


def _symbol_faults(readings: dict[str, tuple[str, Parsed]]) -> list[RowFault]:
    """Return the check that a record with a symbol has the requested one."""
    if all(column != "symbol" for column, _ in readings.values()):
        return []
    problem = pl.format("'{}' in a response for '{}'", "symbol", "_symbol")
    return [RowFault("symbol", _cache_symbol("symbol") != _cache_symbol("_symbol"), problem)]


def _row_faults(
    typed: pl.DataFrame, spec: TableSpec, readings: dict[str, tuple[str, Parsed]]
) -> list[RowFault]:
    unread = {
        name: pl.col(f"_bad_{field}") for field, (name, parsed) in readings.items() if parsed.bad is not None
    }
    return list(row_faults(spec, typed.columns, unread))


def _named(faults: list[RowFault], known: Mapping[str, str]) -> list[RowFault]:
    """Return the faults under the names of the provider's fields."""
    field_of = {column: field for field, column in reversed(list(known.items()))}
    return [
        RowFault(", ".join(field_of.get(c, c) for c in f.column.split(", ")), f.fails, f.problem)
        for f in faults
    ]


def _contradiction(spec: TableSpec) -> RowFault:
    key = " and ".join(spec.told_key)
    text = f"another record of the response has the same {key} and "
    return RowFault("contradiction", pl.lit(value=True), pl.lit(text) + pl.col("_why"))


def _unread_records(raw: pl.DataFrame, rows: pl.DataFrame, spec: TableSpec, dataset: str) -> pl.DataFrame:
    """Return the records with a value that is not stored, as ``Normalized.unread``."""
    rows = rows.filter(pl.col("_unread").is_not_null())
    text = (
        pl.col("_unread").str.strip_chars("{}") + " cannot be read or is impossible; another copy is stored"
    )
    overflow = next((n for n in ("extra", "metrics") if n in spec.names()), None)
    key = {f"_row_{name}": rows[name] for name in spec.told_key}
    return _rejects(raw, rows, [RowFault("unread", pl.lit(value=True), text)], dataset).with_columns(
        **key, _row_text=rows[overflow] if overflow else pl.lit(None, pl.String)
    )


def _cache_symbol(name: str) -> pl.Expr:
    """Return a symbol as the old cache's file names write it."""
    return pl.col(name).str.to_uppercase().str.replace_all("[/:]", "-")


def _rejects(raw: pl.DataFrame, typed: pl.DataFrame, faults: list[RowFault], dataset: str) -> pl.DataFrame:
    if raw.is_empty():  # the expressions of some hundred columns take long to build
        return pl.DataFrame(schema=REJECTS)
    names = [c for c in raw.columns if c not in META]
    both = pl.concat([typed, raw.select(pl.col(n).alias(f"_raw_{n}") for n in names)], how="horizontal")
    both = both.rechunk()  # polars 2.1 formats no column with an empty chunk
    reasons = [f.reason() for f in faults]
    return raw.select(
        fetch_id="_fetch_id",
        position=pl.col("_position").cast(pl.Int32),
        symbol="_symbol",
        data_type=pl.lit(DATASETS[dataset]),
        reason=both.with_columns(_reason=pl.concat_str(reasons, separator="; ", ignore_nulls=True))[
            "_reason"
        ],
        record=json_object(raw, names),
    )


def _provenance(stated: list[str], *, as_traded: bool) -> list[pl.Expr]:
    """Return the origin of the rows. A provider whose figures are as filed states their split basis."""
    fetched_on = pl.col("_fetched_at").dt.convert_time_zone(NEW_YORK).dt.date()
    return [
        pl.col("_provider").alias("source_provider"),
        pl.col("_fetch_id").alias("fetch_id"),
        pl.col("_fetched_at").alias("fetched_at"),
        pl.coalesce(*stated, "date" if as_traded else fetched_on).alias("split_basis_date"),
    ]


def _complete_published(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    return rows.with_columns(availability(spec))


def _complete_dated(rows: pl.DataFrame, _spec: TableSpec) -> pl.DataFrame:
    return rows.with_columns(year=pl.col("date").dt.year())


def _complete_bar(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    rows = with_split_basis(_complete_dated(rows, spec)).with_columns(stated_basis_date=pl.lit(None, pl.Date))
    if "_label" not in rows.columns:
        return rows
    # FMP's v3 repeats the date in words. Store the label only if it differs from the date.
    odd = pl.col("_label") != pl.col("date").dt.strftime("%B %d, %y")
    label = pl.when(odd).then(pl.struct(label="_label").struct.json_encode().str.slice(1))
    more = pl.when(label.is_not_null() & pl.col("extra").is_not_null()).then(
        pl.col("extra").str.head(-1) + ", " + label
    )
    return rows.with_columns(extra=pl.coalesce(more, "{" + label, "extra"))


def _complete_sourced(rows: pl.DataFrame, _spec: TableSpec) -> pl.DataFrame:
    return rows.with_columns(source=pl.lit("provider"))


def _complete_plain(rows: pl.DataFrame, _spec: TableSpec) -> pl.DataFrame:
    return rows


_COMPLETE: dict[str, Callable[[pl.DataFrame, TableSpec], pl.DataFrame]] = {
    **dict.fromkeys(STATEMENT_TABLES.values(), _complete_published),
    "shares_outstanding": _complete_published,
    "price_data": _complete_bar,
    "vendor_market_caps": _complete_dated,
    "splits": _complete_sourced,
    "symbol_history": _complete_sourced,
}


def _final(spec: TableSpec) -> list[str]:
    return [n for n in spec.names() if n not in MERGED]
