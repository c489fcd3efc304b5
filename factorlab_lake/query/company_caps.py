"""Add up the market capitalisations of a company's listed classes."""

from __future__ import annotations

import json

import polars as pl

__all__ = ["CLASSES", "FIRST_KNOWN", "class_caps", "company_caps", "with_classes", "with_company_caps"]

# The other symbols of each symbol's company, and the days on which the company used both.
CLASSES = (
    "SELECT symbol, class_symbol, cik, used_from, used_to FROM multi_class_symbols "
    "WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))"
)
_OF_CLASSES = "symbol IN (SELECT unnest($symbols::VARCHAR[]))"
# The day from which anything of a symbol is known: a bar, a share count, a statement or its profile.
FIRST_KNOWN = (
    "SELECT symbol AS class_symbol, MIN(known_from) AS known_from FROM ("
    f"SELECT symbol, MIN(date) AS known_from FROM price_data WHERE {_OF_CLASSES} GROUP BY symbol UNION ALL "
    f"SELECT symbol, MIN(valid_from) FROM share_count_history WHERE {_OF_CLASSES} "
    "AND source IS NOT NULL AND (of_vintage = 'known' OR NOT restated) GROUP BY symbol UNION ALL "
    f"SELECT symbol, MIN(valid_from) FROM fundamentals_history WHERE {_OF_CLASSES} "
    "AND income_date IS NOT NULL AND (of_vintage = 'known' OR NOT restated) GROUP BY symbol UNION ALL "
    f"SELECT symbol, MIN(valid_from) FROM profile_history WHERE {_OF_CLASSES} GROUP BY symbol"
    ") AS firsts GROUP BY symbol"
)
_COVER_PAGE = "cover_page"


def company_caps(caps: pl.DataFrame, names: list[str], classes: pl.DataFrame) -> pl.DataFrame:
    """Return a row per row of ``caps`` whose symbol is in ``names``, in their order.

    ``caps`` has the market caps of all these symbols and of their ``classes``, which are the rows of
    :data:`CLASSES` with those of :data:`FIRST_KNOWN`. A class counts from the day on which it is known.
    """
    own = caps.filter(pl.col("symbol").is_in(names)).with_row_index("place")
    parts = class_caps(own, caps, classes)
    summed = parts.group_by("place", maintain_order=True).agg(
        company_market_cap=pl.col("market_cap").sum(),
        classes=pl.col("class_symbol").str.join(","),
        several=pl.len() > 1,
        missing=_named("no_cap").str.join("; "),
        uncounted=_named("no_cover_count").str.join("; "),
        currencies=pl.col("currency").drop_nulls().n_unique() > 1,
        unquoted=_named("currency_unknown").str.join("; "),
        repeated=pl.col("shares_outstanding").n_unique() < pl.len(),
    )
    rows = own.join(summed, on="place", maintain_order="left")
    several = (
        pl.when(pl.col("missing") != "").then("missing")
        .when(pl.col("uncounted") != "").then("uncounted")
        .when("currencies").then(pl.lit("currencies_differ"))
        .when(pl.col("unquoted") != "").then("unquoted")
        .when("repeated").then(pl.lit("one_count_for_several_classes"))
    )  # fmt: skip
    reason = pl.when("several").then(several).otherwise("reason")
    cap = pl.when(reason.is_null()).then("company_market_cap").alias("company_market_cap")
    return rows.select("symbol", "date", cap, "currency", "classes", "company_id", reason.alias("reason"))


def with_company_caps(inputs: pl.DataFrame, companies: pl.DataFrame) -> pl.DataFrame:
    """Return the inputs of factors with the caps of companies that have several classes.

    ``companies`` has the rows of ``company_market_caps`` of these symbols and dates.
    """
    # The reasons of factors are JSON, and a symbol can have any character.
    texts = {r: json.dumps(r, ensure_ascii=False)[1:-1] for r in companies["reason"].drop_nulls().unique()}
    caps = companies.select(
        "symbol", "date", company_cap="company_market_cap",
        company_reason=pl.col("reason").replace_strict(texts, return_dtype=pl.String),
    )  # fmt: skip
    joined = inputs.join(caps, on=["symbol", "date"], how="left", maintain_order="left")
    is_missing = pl.col("company_market_cap_reason").is_not_null()
    completed = joined.with_columns(
        pl.when(is_missing).then("company_cap").otherwise("company_market_cap").alias("company_market_cap"),
        pl.when(is_missing).then("company_reason").alias("company_market_cap_reason"),
    )
    return completed.select(inputs.columns)


def with_classes(names: list[str], classes: pl.DataFrame) -> list[str]:
    """Return symbols and their other classes, each once."""
    return list(dict.fromkeys([*names, *classes["class_symbol"].sort()]))


def class_caps(own: pl.DataFrame, caps: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Return the cap of each class of a row's company, in the order of ``place`` and ``class_symbol``."""
    return pl.concat([_itself(own), _others(own, caps, classes)]).sort("place", "class_symbol")


def _itself(own: pl.DataFrame) -> pl.DataFrame:
    return own.select("place", pl.col("symbol").alias("class_symbol"), *_OF_CLASS)


def _others(own: pl.DataFrame, caps: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Return the other classes of each row's company on its day."""
    company = pl.lit("cik:") + pl.col("cik")
    used = (pl.col("date") >= pl.col("used_from")) & (pl.col("date") < pl.col("used_to"))
    used &= pl.col("date") >= pl.col("known_from")
    pairs = own.select("place", "symbol", "date", "company_id").join(classes, on="symbol").filter(used)
    pairs = pairs.filter(_may_be("company_id", company)).drop("company_id")
    of_class = caps.select("date", "company_id", pl.col("symbol").alias("class_symbol"), *_OF_CLASS)
    pairs = pairs.join(of_class, on=["class_symbol", "date"]).filter(_may_be("company_id", company))
    return pairs.select("place", "class_symbol", *_OF_CLASS)


_OF_CLASS = ("market_cap", "currency", "shares_outstanding", "shares_source", "reason")


def _may_be(name: str, company: pl.Expr) -> pl.Expr:
    """Return whether a company is not known to be another one: a symbol may have passed to one."""
    known = pl.col(name).str.starts_with("cik:").fill_null(value=False)
    return ~known | (pl.col(name) == company)


def _named(reason: str) -> pl.Expr:
    """Return the classes without a cap, a count of their own, or a currency where another has one."""
    symbol, currency = pl.col("class_symbol"), pl.col("currency")
    if reason == "no_cap":
        return (symbol + ": " + pl.col("reason")).filter(pl.col("market_cap").is_null())
    has_fault = {
        "no_cover_count": pl.col("shares_source") != _COVER_PAGE,
        "currency_unknown": currency.is_null() & currency.is_not_null().any(),
    }
    return (symbol + ": " + reason).filter(has_fault[reason])
