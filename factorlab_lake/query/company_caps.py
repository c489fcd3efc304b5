"""Add up the market capitalisations of a company's listed classes."""

from __future__ import annotations

import polars as pl

__all__ = ["CLASSES", "company_caps"]

# Symbols of one CIK, and the days on which the company used both. A symbol without statements has the CIK of
# its profile: the statements of a company may be held under one of its classes alone.
CLASSES = (
    "WITH histories AS ("
    "SELECT symbol, MIN(valid_from) AS used_from, MAX(COALESCE(valid_to, DATE '9999-12-31')) AS used_to "
    "FROM symbol_history GROUP BY symbol), "
    "users AS ("
    "SELECT symbol, cik, used_from, used_to FROM company_symbols UNION ALL "
    "SELECT p.symbol, RIGHT('000000000' || p.cik, 10), "
    "COALESCE(h.used_from, DATE '0001-01-01'), COALESCE(h.used_to, DATE '9999-12-31') "
    "FROM company_profiles p LEFT JOIN histories h ON h.symbol = p.symbol "
    "WHERE LTRIM(p.cik, '0') <> '' AND p.symbol NOT IN (SELECT symbol FROM company_symbols)) "
    "SELECT c.symbol, o.symbol AS class_symbol, c.cik, "
    "CASE WHEN o.used_from > c.used_from THEN o.used_from ELSE c.used_from END AS used_from, "
    "CASE WHEN o.used_to < c.used_to THEN o.used_to ELSE c.used_to END AS used_to "
    "FROM users c JOIN users o ON o.cik = c.cik AND o.symbol <> c.symbol "
    "WHERE c.symbol IN (SELECT unnest($symbols::VARCHAR[])) "
    "AND c.used_from < o.used_to AND o.used_from < c.used_to"
)
_COVER_PAGE = "cover_page"


def company_caps(caps: pl.DataFrame, names: list[str], classes: pl.DataFrame) -> pl.DataFrame:
    """Return a row per row of ``caps`` whose symbol is in ``names``, in their order.

    ``caps`` has the market caps of all these symbols and of their ``classes``, which are the rows of
    :data:`CLASSES`.
    """
    own = caps.filter(pl.col("symbol").is_in(names)).with_row_index("place")
    parts = pl.concat([_itself(own), _others(own, caps, classes)]).sort("place", "class_symbol")
    summed = parts.group_by("place", maintain_order=True).agg(
        company_market_cap=pl.col("market_cap").sum(),
        classes=pl.col("class_symbol").str.join(","),
        several=pl.len() > 1,
        missing=_named("no_cap").str.join("; "),
        uncounted=_named("no_cover_count").str.join("; "),
        currencies=pl.col("currency").n_unique() > 1,
        repeated=pl.col("shares_outstanding").n_unique() < pl.len(),
    )
    rows = own.join(summed, on="place", maintain_order="left")
    several = (
        pl.when(pl.col("missing") != "").then("missing")
        .when(pl.col("uncounted") != "").then("uncounted")
        .when("currencies").then(pl.lit("currencies_differ"))
        .when("repeated").then(pl.lit("one_count_for_several_classes"))
    )  # fmt: skip
    reason = pl.when("several").then(several).otherwise("reason")
    cap = pl.when(reason.is_null()).then("company_market_cap").alias("company_market_cap")
    return rows.select("symbol", "date", cap, "currency", "classes", "company_id", reason.alias("reason"))


def _itself(own: pl.DataFrame) -> pl.DataFrame:
    return own.select("place", pl.col("symbol").alias("class_symbol"), *_OF_CLASS)


def _others(own: pl.DataFrame, caps: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Return the other classes of each row's company on its day."""
    company = pl.lit("cik:") + pl.col("cik")
    used = (pl.col("date") >= pl.col("used_from")) & (pl.col("date") < pl.col("used_to"))
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
    """Return the classes without a cap, each with its reason, or those without a count of their own."""
    symbol = pl.col("class_symbol")
    if reason == "no_cap":
        return (symbol + ": " + pl.col("reason")).filter(pl.col("market_cap").is_null())
    return (symbol + ": " + reason).filter(pl.col("shares_source") != _COVER_PAGE)
