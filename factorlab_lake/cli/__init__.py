"""Run the lake's methods from the command line: each command has the name of its method, or a short form.

Exit codes: 0 done; 1 a known error, in one line; 2 wrong usage; 3 a check found faults; 130 interrupted;
141 the reader of the output closed the pipe.
"""

from __future__ import annotations

from factorlab_lake.cli.app import app
from factorlab_lake.cli.bars import daily_bars, load_bars
from factorlab_lake.cli.compare import compare
from factorlab_lake.cli.config import config
from factorlab_lake.cli.contents import columns, log, revisions, symbols
from factorlab_lake.cli.demo import demo
from factorlab_lake.cli.ingest import fetch, init, load, migrate, validate
from factorlab_lake.cli.maintain import (
    backup,
    compact,
    configure,
    diff,
    history,
    pin,
    repair,
    restore,
    rollback,
    vacuum,
    verify,
)
from factorlab_lake.cli.mcp import mcp
from factorlab_lake.cli.quality import coverage, freshness, quality, report, status
from factorlab_lake.cli.query import (
    caps,
    explain,
    factors,
    lookahead,
    prices,
    quarters,
    ratios,
    sql,
    statements,
    ttm,
)
from factorlab_lake.cli.research import cross_section, screen, seasonality, trends
from factorlab_lake.cli.sync import export, sync

__all__ = ["app", "main"]

# `--help` lists the commands in this order.
_INGEST = (init, demo, migrate, validate, rollback, fetch, load, load_bars, daily_bars)
_CONTENTS = (status, symbols, columns, history, log, revisions)
_QUERY = (statements, quarters, prices, caps, ttm, factors, ratios, explain, lookahead)
_COMPARE = (compare, sql)
_RESEARCH = (screen, cross_section, trends, seasonality)
_DELIVER = (export, sync, mcp)
_CHECK = (coverage, freshness, quality, report, diff)
_MAINTAIN = (config, configure, pin, compact, vacuum, verify, repair, backup, restore)
for _command in (*_INGEST, *_CONTENTS, *_QUERY, *_COMPARE, *_RESEARCH, *_DELIVER, *_CHECK, *_MAINTAIN):
    app.command()(_command)
# Commands that are shorter than their method are known by the method's name too.
app.command("market-caps", hidden=True)(caps)
app.command("fetch-log", hidden=True)(log)


def main() -> None:
    """Run the program with the arguments of this process."""
    app(prog_name="factorlab-lake")
