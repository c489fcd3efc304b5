"""Write one HTML page about a lake: summary, symbols, quality, coverage, freshness, revisions and growth.

``page.html`` is a Jinja template with autoescape: symbols and messages come from files and vendors. The page
is complete without JavaScript; its script adds search, sorting, paging and the choice of a theme. The content
security policy allows this script and this style sheet by their hashes, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from factorlab_lake.quality import sql_text
from factorlab_lake.quality.coverage import coverage, freshness
from factorlab_lake.quality.findings import SEVERITIES, findings, rule_table, scores
from factorlab_lake.quality.report.figures import HeatMap, heat_map, html_table, number, step_chart
from factorlab_lake.quality.report.overview import drawings, symbol_rows, verdict
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.schema import STORED_TABLES
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import files_of, row_counts
from factorlab_lake.storage.lake_paths import output_path
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["write"]

_MAX_SYMBOLS = 600  # in a heat map; the table of symbols has all of them
_MAX_FINDINGS = 500
_MAX_ROWS = 40  # in a table
_MAX_POINTS = 200  # in the growth chart
_TRADING_DAYS = 250  # of a full year
_QUARTERS = 4
_GENERATOR = b'<meta name="generator" content="factorlab-lake report">'
_HEAD_BYTES = 1_000


def write(
    layout: Layout,
    snapshot: Snapshot,
    session: QuerySession,
    *,
    path: str | os.PathLike[str],
    force: bool = False,
    now: datetime | None = None,
) -> Path:
    """Write the page atomically, and return its path; an earlier page is replaced, also without ``force``."""
    file = output_path(path, force=force or _is_report(path))
    moment = now or datetime.now(UTC)
    years, datasets, faults = coverage(session), freshness(session, now=moment), findings(session)
    parts = {
        "lake": layout.root.name,
        "snapshot": snapshot,
        "written_at": moment,
        "policy": _policy(),
        "tiles": _tiles(layout, snapshot, years),
        **_overview(years, datasets, faults, session.frame(sql_text("newest_profiles"))),
        **_quality(faults, years["symbol"].unique().to_list()),
        **_coverage(years),
        **_freshness(datasets),
        **_revisions(session),
        **_growth(layout, snapshot),
    }
    write_atomically(file, _template().render(parts))
    return file


def _is_report(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a page of this program: a nightly job replaces its own page."""
    with suppress(OSError, TypeError, ValueError):
        if Path(path).is_file():  # reading a device can wait for ever
            with Path(path).open("rb") as file:
                return _GENERATOR in file.read(_HEAD_BYTES)
    return False


def _policy() -> str:
    """Return the content security policy: the page's own style sheet and script, and nothing else."""
    texts = {name: files(__package__).joinpath(f"page.{name}").read_text("utf-8") for name in ("css", "js")}
    hashes = {name: _hash(text) for name, text in texts.items()}
    return (
        f"default-src 'none'; style-src '{hashes['css']}'; script-src '{hashes['js']}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _template() -> jinja2.Template:
    """Load the template. A name that it uses and ``write`` does not pass is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html")


def _tiles(layout: Layout, snapshot: Snapshot, years: pl.DataFrame) -> list[tuple[str, str]]:
    counts = row_counts(layout, snapshot)
    size = sum(f.size_bytes for name in counts for f in files_of(layout, snapshot, name))
    statements = sum(n for name, n in counts.items() if STORED_TABLES[name].partition_by == "fiscal_year")
    return [
        ("symbols", number(years["symbol"].n_unique())),
        ("bars", number(counts["price_data"])),
        ("statements and ratios", number(statements)),
        ("fetches", number(counts["data_fetch_log"])),
        ("rejected records", number(counts["rejected_records"])),
        ("MB in files", number(round(size / 1e6, 1))),
    ]


def _overview(
    years: pl.DataFrame, datasets: pl.DataFrame, faults: pl.DataFrame, profiles: pl.DataFrame
) -> dict[str, Any]:
    names = years["symbol"].unique().to_list()
    symbols = symbol_rows(scores(faults, names), years, datasets, profiles)
    return {
        "verdict": verdict(symbols, years, datasets),
        "drawings": drawings(symbols, years, datasets, faults),
        "symbols": html_table(symbols),
    }


def _quality(rows: pl.DataFrame, symbols: list[str]) -> dict[str, Any]:
    by_rule = rows.group_by("severity", "rule", "table_name").agg(
        pl.len().alias("findings"), pl.col("symbol").n_unique().alias("symbols")
    )
    explained = by_rule.join(rule_table(), on=["rule", "table_name"], how="left", suffix="_of_rule")
    order = pl.col("severity").replace_strict({name: place for place, name in enumerate(SEVERITIES)})
    columns = ["severity", "rule", "table_name", "findings", "symbols", "meaning"]
    summary = explained.sort(order, "findings", "rule", descending=[False, True, False]).select(columns)
    lowest = scores(rows, symbols).filter(pl.col("score") < 1).head(_MAX_ROWS)
    return {
        "broken_rules": html_table(summary),
        "lowest_scores": html_table(lowest),
        "findings": html_table(rows.head(_MAX_FINDINGS)),
        "findings_part": _part(min(rows.height, _MAX_FINDINGS), rows.height),
    }


def _coverage(years: pl.DataFrame) -> dict[str, Any]:
    bars = years.filter(pl.col("dataset") == "price")
    reports = years.filter(pl.col("dataset") == "income", pl.col("period") == "quarterly")
    return {
        "bars": _most_incomplete(bars, _TRADING_DAYS),
        "bars_part": _symbols_part(bars),
        "quarters": _most_incomplete(reports, _QUARTERS),
        "quarters_part": _symbols_part(reports),
    }


def _most_incomplete(years: pl.DataFrame, full: int) -> HeatMap:
    """Return the heat map of the symbols that miss most."""
    missing = years.group_by("symbol").agg(pl.col("missing").sum())
    sorted_symbols = missing.sort("missing", "symbol", descending=[True, False])["symbol"]
    symbols = sorted_symbols.head(_MAX_SYMBOLS).implode()
    rows = years.filter(pl.col("symbol").is_in(symbols)).join(missing, on="symbol", suffix="_of_symbol")
    rows = rows.sort("missing_of_symbol", "symbol", "year", descending=[True, False, False])
    return heat_map(rows, full=full)


def _symbols_part(years: pl.DataFrame) -> str:
    count = years["symbol"].n_unique()
    return f" ({_MAX_SYMBOLS} of {count:,} symbols, most incomplete first)" if count > _MAX_SYMBOLS else ""


def _freshness(datasets: pl.DataFrame) -> dict[str, Any]:
    summary = (
        datasets.group_by("dataset", "period")
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
    late = datasets.filter("overdue").sort("overdue_days", "symbol", descending=[True, False]).drop("overdue")
    return {
        "datasets": html_table(summary),
        "overdue": html_table(late.head(_MAX_ROWS)),
        "overdue_part": _part(min(late.height, _MAX_ROWS), late.height),
    }


def _revisions(session: QuerySession) -> dict[str, Any]:
    return {
        "revisions": html_table(session.frame(sql_text("revision_counts"))),
        "newest_revisions": html_table(session.frame(sql_text("newest_revisions"), {"most": _MAX_ROWS})),
    }


def _growth(layout: Layout, snapshot: Snapshot) -> dict[str, Any]:
    history = [s for s in snapshots.history(layout) if s.id <= snapshot.id and not s.vacuumed]
    if not history:
        return {"growth": None, "snapshots": None, "snapshot_count": 0}
    step = -(-len(history) // _MAX_POINTS)
    selected = history[::-1][::step][::-1]  # from the end, so that the newest is always among them
    counts = [(s, row_counts(layout, s)) for s in selected]
    rows = [
        (s.id, s.time, s.reason, sum(n.values()), n["price_data"]) for s, n in counts[: -_MAX_ROWS - 1 : -1]
    ]
    names = ["snapshot", "time", "reason", "rows", "bars"]
    return {
        "growth": step_chart([(s.time, sum(n.values())) for s, n in counts]),
        "snapshots": html_table(pl.DataFrame(rows, schema=names, orient="row")),
        "snapshot_count": len(history),
    }


def _part(shown: int, total: int) -> str:
    return f" ({shown:,} of {total:,})" if shown < total else ""
