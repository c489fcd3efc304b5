"""One HTML page about a lake: coverage, freshness, quality, revisions and growth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.quality.coverage import coverage
from factorlab_lake.quality.findings import findings, rule_table, scores
from factorlab_lake.quality.freshness import freshness
from factorlab_lake.quality.queries import sql_text
from factorlab_lake.quality.report import figures
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import files_of, row_counts
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["write"]

_MOST_SYMBOLS = 60  # of a heat map: more are no picture
_MOST_ROWS = 40
_MOST_POINTS = 200  # of the line of growth
_TRADING_DAYS = 250  # of a full year
_QUARTERS = 4


def write(
    layout: Layout, snapshot: Snapshot, session: QuerySession, path: Path, *, now: datetime | None = None
) -> Path:
    """Write the page, whole or not at all, and return its path."""
    moment = now or datetime.now(UTC)
    held = coverage(session)
    found = findings(session)
    counts = row_counts(layout, snapshot)
    parts = {
        "title": escape(f"Lake {layout.root.name}"),
        "subtitle": escape(
            f"snapshot {snapshot.id} of {snapshot.time:%Y-%m-%d %H:%M} UTC; written {moment:%Y-%m-%d %H:%M}"
        ),
        "tiles": _tiles(layout, snapshot, held, counts),
        "quality": _quality(found, held["symbol"].unique().to_list()),
        "coverage": _coverage(held),
        "freshness": _freshness(freshness(session, now=moment)),
        "revisions": _revisions(session),
        "growth": _growth(layout, snapshot),
    }
    text = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    head, *rest = text.split("{{")  # one pass, so that nothing that was filled in is taken for a place
    filled = [parts[name] + after for name, _, after in (piece.partition("}}") for piece in rest)]
    write_atomically(path, head + "".join(filled))
    return path


def _tiles(layout: Layout, snapshot: Snapshot, held: pl.DataFrame, counts: dict[str, int]) -> str:
    size = sum(f.size_bytes for name in TABLES for f in files_of(layout, snapshot, name))
    statements = sum(n for name, n in counts.items() if TABLES[name].partition_by == "fiscal_year")
    return figures.tiles(
        [
            ("symbols", figures.number(held["symbol"].n_unique())),
            ("bars", figures.number(counts["price_data"])),
            ("statements and ratios", figures.number(statements)),
            ("fetches", figures.number(counts["data_fetch_log"])),
            ("rejected records", figures.number(counts["rejected_records"])),
            ("MB in files", figures.number(round(size / 1e6, 1))),
        ]
    )


def _quality(found: pl.DataFrame, symbols: list[str]) -> str:
    by_rule = found.group_by("severity", "rule", "table_name").agg(
        pl.len().alias("findings"), pl.col("symbol").n_unique().alias("symbols")
    )
    told = by_rule.join(rule_table(), on=["rule", "table_name"], how="left", suffix="_of_rule")
    order = pl.col("severity").replace_strict({"error": 0, "warning": 1, "info": 2})
    columns = ["severity", "rule", "table_name", "findings", "symbols", "meaning"]
    rules = told.sort(order, "findings", "rule", descending=[False, True, False]).select(columns)
    worst = scores(found, symbols).filter(pl.col("score") < 1).head(_MOST_ROWS)
    worst = found.head(_MOST_ROWS)
    return (
        figures.table(rules, empty="Every rule is kept.")
        + f"<h3>Lowest scores</h3>{figures.table(worst, empty='Every symbol has the score 1.')}"
        + f"<h3>Findings, most severe first{_of(worst, found)}</h3>"
        + figures.table(worst, empty="There are none.")
    )


def _coverage(held: pl.DataFrame) -> str:
    bars = held.filter(pl.col("dataset") == "price")
    reports = held.filter(pl.col("dataset") == "income", pl.col("period") == "quarterly")
    return (
        '<p class="soft">How many days with bars, and quarters with an income statement, are held of each '
        "year. A red edge marks those with something missing in between.</p>"
        f'<div class="columns"><div><h3>Bars{_shown(bars)}</h3>{_map(bars, _TRADING_DAYS)}</div>'
        f"<div><h3>Quarters{_shown(reports)}</h3>{_map(reports, _QUARTERS)}</div></div>"
    )


def _map(held: pl.DataFrame, full: int) -> str:
    if held.is_empty():
        return '<p class="soft">There are none.</p>'
    missing = held.group_by("symbol").agg(pl.col("missing").sum())
    worst = missing.sort("missing", "symbol", descending=[True, False])
    chosen = worst["symbol"].head(_MOST_SYMBOLS).implode()
    rows = held.filter(pl.col("symbol").is_in(chosen)).join(missing, on="symbol", suffix="_in_all")
    rows = rows.sort("missing_in_all", "symbol", "year", descending=[True, False, False])
    return figures.heat_map(rows, share=_share(full))


def _share(full: int) -> Callable[[dict[str, Any]], float]:
    return lambda row: row["held"] / full


def _shown(held: pl.DataFrame) -> str:
    count = held["symbol"].n_unique()
    return f" ({_MOST_SYMBOLS} of {count:,} symbols: those that miss most)" if count > _MOST_SYMBOLS else ""


def _freshness(fresh: pl.DataFrame) -> str:
    summary = (
        fresh.group_by("dataset", "period")
        .agg(
            pl.len().alias("symbols"),
            pl.col("overdue").sum(),
            pl.col("last_date").min().alias("oldest_last_date"),
            pl.col("last_date").max().alias("newest_last_date"),
            pl.col("fetched_at").min().alias("oldest_fetch"),
            pl.col("fetched_at").max().alias("newest_fetch"),
        )
        .sort("dataset", "period", nulls_last=True)
    )
    late = fresh.filter("overdue").sort("overdue_days", "symbol", descending=[True, False])
    shown = late.drop("overdue").head(_MOST_ROWS)
    return (
        figures.table(summary, empty="Nothing is held.")
        + f"<h3>Overdue for longest{_of(shown, late)}</h3>"
        + figures.table(shown, empty="Nothing is overdue.")
    )


def _revisions(session: QuerySession) -> str:
    summary = session.frame(sql_text("revision_counts"))
    newest = session.frame(sql_text("newest_revisions"), {"most": _MOST_ROWS})
    return (
        figures.table(summary, empty="No value was ever superseded.")
        + ("" if newest.is_empty() else "<h3>The newest</h3>")
        + ("" if newest.is_empty() else figures.table(newest, empty=""))
    )


def _growth(layout: Layout, snapshot: Snapshot) -> str:
    taken = [s for s in snapshots.history(layout) if s.id <= snapshot.id and not s.vacuumed]
    if not taken:
        return '<p class="soft">The lake is empty.</p>'
    step = -(-len(taken) // _MOST_POINTS)
    chosen = taken[::-1][::step][::-1]  # the newest is among them
    counted = [(s, row_counts(layout, s)) for s in chosen]
    chart = figures.growth_chart([(s.time, sum(rows.values())) for s, rows in counted])
    rows = [
        (s.id, s.time, s.reason, sum(n.values()), n["price_data"]) for s, n in counted[: -_MOST_ROWS - 1 : -1]
    ]
    names = ["snapshot", "taken_at", "reason", "rows", "bars"]
    table = figures.table(pl.DataFrame(rows, schema=names, orient="row"), empty="")
    return f'<p class="soft">Rows of all tables after each of {len(taken):,} changes.</p>{chart}{table}'


def _of(shown: pl.DataFrame, every: pl.DataFrame) -> str:
    return f" ({shown.height:,} of {every.height:,})" if shown.height < every.height else ""
