"""What is wrong, or looks wrong, with what a lake holds: the rules put to it, and a score per symbol."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.quality.rule_queries import SEVERITIES, QualityRule, rules
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.schema.quality_rules import PENALTIES

__all__ = ["findings", "rule_table", "scores"]

_SCHEMA = {
    "symbol": pl.String,
    "date": pl.Date,
    "fiscal_period": pl.String,
    "version": pl.Int32,
    "value": pl.Float64,
    "expected": pl.Float64,
    "detail": pl.String,
}
_COLUMNS = ("severity", "rule", "table_name", *_SCHEMA)


def findings(
    session: QuerySession, *, symbols: Collection[str] | None = None, only: Iterable[str] | None = None
) -> pl.DataFrame:
    """Return one row per breach of a rule, most severe first, then by rule, symbol and date."""
    found = [_breaches(session, rule, symbols) for rule in _chosen(only)]
    order = pl.col("severity").replace_strict({name: i for i, name in enumerate(SEVERITIES)})
    return pl.concat(found).sort(order, "rule", "table_name", "symbol", "date", "fiscal_period", "detail")


def rule_table() -> pl.DataFrame:
    """Return the rules: one row per rule and table, with severity and meaning."""
    rows = [(r.name, r.severity, r.table, r.meaning) for r in rules()]
    return pl.DataFrame(rows, schema=["rule", "severity", "table_name", "meaning"], orient="row")


def scores(found: pl.DataFrame, symbols: Iterable[str]) -> pl.DataFrame:
    """Return one row per symbol: its score and how many findings of each severity it has, the worst first.

    1, times 0.5 for each rule of severity error that the symbol breaks, however often, and 0.8 for each
    warning: the penalties of ``data_quality_score``.
    """
    broken = found.group_by("symbol", "severity").agg(pl.len().alias("findings"), pl.col("rule").n_unique())
    score = pl.col("severity").replace_strict(PENALTIES, return_dtype=pl.Float64) ** pl.col("rule")
    counts = [
        pl.col("findings").filter(pl.col("severity") == name).sum().cast(pl.Int64).alias(f"{name}s")
        for name in SEVERITIES
    ]
    by_symbol = broken.group_by("symbol").agg(score.product().alias("score"), *counts)
    every = pl.DataFrame({"symbol": sorted(set(symbols))}, schema={"symbol": pl.String})
    filled = every.join(by_symbol, on="symbol", how="left").with_columns(pl.col("score").fill_null(1.0))
    return filled.with_columns(pl.exclude("symbol").fill_null(0)).sort("score", "symbol")


def _chosen(only: Iterable[str] | None) -> list[QualityRule]:
    if only is None:
        return list(rules())
    wanted = [only] if isinstance(only, str) else list(only)
    known = sorted({rule.name for rule in rules()})
    for name in wanted:
        if name not in known:
            raise InvalidInput(f"No rule is called {name!r}; the rules are {', '.join(known)}."
                               f"{nearest(name, known)}", rule=name)  # fmt: skip
    return [rule for rule in rules() if rule.name in wanted]


def _breaches(session: QuerySession, rule: QualityRule, symbols: Collection[str] | None) -> pl.DataFrame:
    limit, given = "", {}
    if symbols is not None:
        limit, given = " WHERE list_contains($symbols::VARCHAR[], symbol)", {"symbols": list(symbols)}
    rows = session.frame(f"SELECT * FROM ({rule.query}){limit}", given)
    columns = [
        (pl.col(n) if n in rows.columns else pl.lit(None)).cast(kind).alias(n) for n, kind in _SCHEMA.items()
    ]
    said = {"severity": rule.severity, "rule": rule.name, "table_name": rule.table}
    return rows.select(columns).with_columns(**{n: pl.lit(v) for n, v in said.items()}).select(_COLUMNS)
