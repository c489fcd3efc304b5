"""Summarise a lake for the head of the report: a verdict, charts, and one row for each symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from factorlab_lake.quality.findings import SEVERITIES
from factorlab_lake.quality.report.drawings import Drawing, bar_list, columns

__all__ = ["VerdictLine", "drawings", "symbol_rows", "verdict"]

_SCORES = (
    ("1", 1.0),
    ("0.8", 0.8),
    ("0.5 to 0.8", 0.5),
    ("0.25 to 0.5", 0.25),
    ("below", 0.0),
)  # lower bounds
_DELAYS = (("up to date", 0), ("1 to 7 days", 7), ("8 to 30 days", 30), ("longer", 10**6))  # upper bounds
_BARS = 7  # in a list of bars
_YEARS = 12  # in the charts of years


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """Hold one line of the verdict: a figure, its text, and how serious it is."""

    figure: str
    text: str
    css: str


def symbol_rows(
    scores: pl.DataFrame, years: pl.DataFrame, datasets: pl.DataFrame, profiles: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per symbol, the lowest score first: quality, age, and what is stored."""
    bars = years.filter(pl.col("dataset") == "price").group_by("symbol").agg(
        pl.col("held").sum().alias("bars"), pl.col("missing").sum().alias("missing_bars"),
        pl.col("last_date").max().alias("last_bar"),
    )  # fmt: skip
    quarters = _quarterly(years).group_by("symbol").agg(
        pl.col("held").sum().alias("quarters"), pl.col("last_date").max().alias("last_quarter")
    )  # fmt: skip
    late = datasets.filter(pl.col("dataset") == "price").select("symbol", "overdue_days")
    rows = scores
    for frame in (bars, quarters, late, profiles):
        rows = rows.join(frame, on="symbol", how="left")
    complete = 100 * pl.col("bars") / (pl.col("bars") + pl.col("missing_bars"))
    return rows.sort("score", "symbol").select(
        "symbol", "score", "errors", "warnings", "bars", complete.alias("complete_%"),
        "last_bar", "overdue_days", "quarters", "last_quarter", "company_name", "sector",
    )  # fmt: skip


def verdict(symbols: pl.DataFrame, years: pl.DataFrame, datasets: pl.DataFrame) -> list[VerdictLine]:
    """Return the lines that say first whether the lake is in order."""
    wrong, odd = (symbols.filter(pl.col(name) > 0).height for name in ("errors", "warnings"))
    late = datasets.filter("overdue").height
    bars = years.filter(pl.col("dataset") == "price")
    stored, missing = (int(bars[name].sum()) for name in ("held", "missing"))
    lines = [
        _counted(wrong, symbols.height, "symbols have errors", "error"),
        _counted(odd, symbols.height, "symbols have warnings", "warning"),
        _counted(late, datasets.height, "datasets are overdue", "warning"),
    ]
    if stored:
        share = stored / (stored + missing)
        css = "good" if missing == 0 else "warning"
        lines.append(VerdictLine(_percent(share), "of the expected days have a bar", css))
    return lines


def _counted(count: int, total: int, text: str, css: str) -> VerdictLine:
    return VerdictLine(f"{count:,} of {total:,}", text, css if count else "good")


def _percent(share: float) -> str:
    """Return a share as a text that is 100 % only if nothing is missing.

    >>> _percent(1.0), _percent(0.99999), _percent(0.5)
    ('100 %', '99.99 %', '50 %')
    """
    return f"{int(share * 10_000) / 100:g} %"


def drawings(
    symbols: pl.DataFrame, years: pl.DataFrame, datasets: pl.DataFrame, findings: pl.DataFrame
) -> list[Drawing]:
    """Return the charts of the summary; none for a lake without data."""
    if symbols.is_empty():
        return []
    prices = datasets.filter(pl.col("dataset") == "price")["overdue_days"]
    return [
        columns("Scores", "symbols by score: 1 has no finding", *_by_bound(symbols["score"])),
        bar_list("Broken rules", "findings by rule, most severe first", _rules(findings)),
        columns("Age of the newest bar", "symbols by how long it is overdue", *_by_delay(prices)),
        _of_years("Bars", "symbols by year", years.filter(pl.col("dataset") == "price")),
        _of_years("Quarterly reports", "symbols by year", _quarterly(years)),
        bar_list("Sectors", "symbols by the sector of their newest profile", _sectors(symbols)),
    ]


def _quarterly(years: pl.DataFrame) -> pl.DataFrame:
    return years.filter(pl.col("dataset") == "income", pl.col("period") == "quarterly")


def _by_bound(scores: pl.Series) -> tuple[list[str], list[tuple[str, list[int]]]]:
    names, counts, rest = [], [], scores
    for name, bound in _SCORES:
        names.append(name)
        counts.append(int((rest >= bound).sum()))
        rest = rest.filter(rest < bound)
    return names, [("", counts)]


def _by_delay(days: pl.Series) -> tuple[list[str], list[tuple[str, list[int]]]]:
    names, counts, rest = [], [], days
    for name, bound in _DELAYS:
        names.append(name)
        counts.append(int((rest <= bound).sum()))
        rest = rest.filter(rest > bound)
    return names, [("", counts)]


def _rules(findings: pl.DataFrame) -> list[tuple[str, int, str]]:
    counts = findings.group_by("severity", "rule").len()
    place = pl.col("severity").replace_strict({name: n for n, name in enumerate(SEVERITIES)})
    most = counts.sort(place, "len", "rule", descending=[False, True, False]).head(_BARS)
    return [(rule.replace("_", " "), count, severity) for severity, rule, count in most.rows()]


def _sectors(symbols: pl.DataFrame) -> list[tuple[str, int, str]]:
    counts = symbols["sector"].fill_null("unknown").value_counts()
    most = counts.sort("count", "sector", descending=[True, False]).head(_BARS)
    return [(name, count, "main") for name, count in most.rows()]


def _of_years(heading: str, note: str, rows: pl.DataFrame) -> Drawing:
    """Return a column for each of the newest years: symbols that are complete, and those with gaps."""
    by_year = rows.group_by("year").agg(
        (pl.col("missing") == 0).sum().alias("complete"), (pl.col("missing") > 0).sum().alias("with gaps")
    ).sort("year").tail(_YEARS)  # fmt: skip
    names: Sequence[str] = [str(year) for year in by_year["year"]]
    series = [(name, by_year[name].to_list()) for name in ("complete", "with gaps")]
    return columns(heading, note, names, series)
