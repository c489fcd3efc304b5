"""Find the period and the filing of each row of a table with versions.

Vendors move the end of a period by some days, shift acceptance times by hours, and lose either. So rows of
one length whose ends are near are one period. The filing follows from the accession number or the link, else
from the filing date. All rows of a filing have the acceptance that its first fetch gave.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from factorlab_lake.ingest.availability import availability, impossible_acceptance, public_at
from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema import PERIOD_MONTHS, TableSpec
from factorlab_lake.schema.columns import ACCESSION_PATTERN, FILE_PROVIDER
from factorlab_lake.schema.rules import SAME_FILING_DAYS, SAME_PERIOD_DAYS

__all__ = ["period_key", "with_filings", "with_period_ends"]

_ACCESSION = f"({ACCESSION_PATTERN})"
_LENGTH = "_months"


def period_key(spec: TableSpec) -> list[str]:
    """Return the columns, after :func:`with_period_ends`, that the rows of one period have in common.

    >>> from factorlab_lake.schema import table
    >>> period_key(table("cash_flows")), period_key(table("shares_outstanding"))
    (['symbol', '_months', 'period_end'], ['symbol', 'as_of_date', 'source'])
    """
    if "period_end" in spec.names():
        return ["symbol", _LENGTH, "period_end"]
    return [k for k in spec.key if k != "version"]


def with_period_ends(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Set ``period_end`` of statements: the end that the first of the rows with nearly that end gave."""
    if "period_end" not in spec.names():
        return rows
    months = pl.col("fiscal_period").replace_strict(PERIOD_MONTHS, default=None, return_dtype=pl.Int32)
    rows = rows.with_columns(months.alias(_LENGTH))
    ends = rows.select("symbol", _LENGTH, "fiscal_date").unique().sort("symbol", _LENGTH, "fiscal_date")
    apart = (pl.col("fiscal_date").diff() > pl.duration(days=SAME_PERIOD_DAYS)).over("symbol", _LENGTH)
    ends = ends.with_columns(_group=apart.fill_null(value=True).cum_sum())
    group = ["symbol", _LENGTH, "_group"]
    grouped = rows.drop("period_end", strict=False).join(
        ends, on=["symbol", _LENGTH, "fiscal_date"], how="left", nulls_equal=True, maintain_order="left"
    )
    order = [public_at(spec, pl.col("accepted_at"), pl.col("filing_date")), "fetched_at", "fiscal_date"]
    first = pl.col("fiscal_date").sort_by(order, nulls_last=True).first().over(group)
    near = (pl.col("fiscal_date") - first).abs() <= pl.duration(days=SAME_PERIOD_DAYS)
    end = pl.when(near).then(first).otherwise("fiscal_date")
    return grouped.with_columns(period_end=end).drop("_group")


def with_filings(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Add ``_filing``, a number of the filing within its period, and ``_known_at``, when it became public.

    A row whose own acceptance is missing or differs from the filing's gets the availability of the filing. A
    copy that lost its acceptance became public no later than its filing.
    """
    key = period_key(spec)
    rows = rows.sort(
        "fetched_at", "source_provider", "accepted_at", "filing_date", "fetch_id", nulls_last=True
    )
    rows = _numbered(rows.with_columns(**_evidence(rows, spec)), key)
    provider = [*key, "source_provider", "_filing"]
    rows = rows.with_columns(
        _first_known(pl.col(name), provider, [*key, "_filing"]).alias(out)
        for name, out in (("_stamp", "_of_filing"), ("_filed", "_filed"))
    )
    rows = rows.with_columns(public_at(spec, pl.col("_of_filing"), pl.col("_filed")).alias("_known_at"))
    return _with_availability(rows, spec).drop("_stamp", "_filed", "_day", "_identity", "_of_filing")


def _evidence(rows: pl.DataFrame, spec: TableSpec) -> dict[str, pl.Expr]:
    """Return what tells the filing: its acceptance and date where they are possible, and its name."""
    end = pl.col(spec.time_column)
    day = pl.col("accepted_at").dt.convert_time_zone(NEW_YORK).dt.date()
    believed = ~impossible_acceptance(spec)
    filed = pl.when(pl.col("filing_date") > end).then("filing_date")
    near = (day - filed).abs() <= pl.duration(days=SAME_FILING_DAYS)
    names = [pl.col(n).str.extract(_ACCESSION) for n in ("final_link", "link") if n in rows.columns]
    if "extra" in rows.columns:
        names.append(pl.col("extra").str.extract(rf'"accession": ?"{_ACCESSION}"'))
    links = [pl.col(n) for n in ("final_link", "link") if n in rows.columns]
    accession = pl.coalesce(names).str.replace_all("-", "") if names else pl.lit(None, pl.String)
    return {
        "_stamp": pl.when(believed).then("accepted_at"),
        "_filed": filed,
        # Vendors repeat the first filing's date beside the acceptance of its amendment.
        "_day": pl.coalesce(pl.when(believed & ~near).then(day), filed, pl.when(believed).then(day)),
        "_accession": accession,
        "_identity": pl.coalesce(accession, *links),
    }


def _numbered(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Add ``_filing``: rows with one name or nearly one filing date are of one filing.

    Two accession numbers are two filings, also of one day. A row that names nothing is a copy of the filing
    that the provider served before it.
    """
    days = rows.select(*key, "_day").drop_nulls("_day").unique().sort(*key, "_day")
    apart = (pl.col("_day").diff() > pl.duration(days=SAME_FILING_DAYS)).over(key)
    days = days.with_columns(_near=apart.fill_null(value=True).cum_sum())
    rows = rows.join(days, on=[*key, "_day"], how="left", maintain_order="left")
    first = pl.col("_accession").drop_nulls().sort().first().over([*key, "_near"])
    named = pl.when(pl.col("_near").is_not_null()).then(first)
    alone = pl.when(pl.col("_near").is_null()).then("_identity")
    rows = rows.with_columns(_name=pl.coalesce("_accession", named, alone))
    # The number orders filings that nothing else orders, so it follows from their names.
    unnamed = pl.lit(" ") + pl.col("_near").cast(pl.String).str.zfill(9)
    rows = rows.with_columns(_filing=pl.coalesce("_name", unnamed).rank("dense").cast(pl.Int64))
    joined = pl.when(pl.col("_identity").is_not_null()).then(
        pl.col("_filing").drop_nulls().first().over([*key, "_identity"])
    )
    rows = rows.with_columns(_filing=pl.coalesce(joined, "_filing"))
    of_provider = pl.col("_filing").forward_fill().backward_fill().over([*key, "source_provider"])
    rows = rows.with_columns(_filing=of_provider)
    of_all = pl.col("_filing").forward_fill().backward_fill().over(key)
    return rows.with_columns(_filing=of_all.fill_null(0)).drop("_near", "_name", "_accession")


def _first_known(value: pl.Expr, of_provider: list[str], of_filing: list[str]) -> pl.Expr:
    """Return what the first fetch says of a filing: the row's provider, or for a user's row any provider."""
    is_file = pl.col("source_provider") == FILE_PROVIDER
    own = value.drop_nulls().first().over(of_provider)
    of_others = pl.when(~is_file).then(value).drop_nulls().first().over(of_filing)
    return pl.when(is_file).then(pl.coalesce(of_others, own)).otherwise(own)


def _with_availability(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    accepted, filed = pl.col("_of_filing"), pl.col("_filed")
    lost = (
        pl.when(accepted.is_not_null())
        .then(pl.col("accepted_at").ne_missing(accepted))
        .otherwise(filed.is_not_null() & pl.col("filing_date").ne_missing(filed))
    )
    names = [e.meta.output_name() for e in availability(spec)]
    of_filing = rows.with_columns(
        accepted_at="_of_filing", filing_date=pl.coalesce("_filed", "filing_date")
    ).select(availability(spec))
    columns: dict[str, Any] = {
        n: pl.when(lost).then(of_filing[n]).otherwise(pl.col(n)) for n in names if n in spec.names()
    }
    return rows.with_columns(**columns)
