"""Every command, in the order in which ``--help`` lists them."""

from __future__ import annotations

from factorlab_lake.cli.app import app
from factorlab_lake.cli.demo import demo
from factorlab_lake.cli.fetching import fetch
from factorlab_lake.cli.grids import caps, explain, factors, lookahead, ttm
from factorlab_lake.cli.ingest import init, load, migrate, rollback, validate
from factorlab_lake.cli.maintain import backup, compact, diff, pin, repair, restore, vacuum, verify
from factorlab_lake.cli.quality import coverage, freshness, quality, report
from factorlab_lake.cli.query import export, history, prices, quarters, ratios, sql, statements, status
from factorlab_lake.cli.sync import sync

__all__ = ["app"]

for command in (
    init,
    demo,
    migrate,
    validate,
    rollback,
    fetch,
    load,
    status,
    history,
    statements,
    quarters,
    prices,
    caps,
    ttm,
    factors,
    ratios,
    explain,
    lookahead,
    sql,
    export,
    sync,
    coverage,
    freshness,
    quality,
    report,
    diff,
    pin,
    compact,
    vacuum,
    verify,
    repair,
    backup,
    restore,
):
    app.command()(command)
