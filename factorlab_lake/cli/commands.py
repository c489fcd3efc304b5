"""Every command, in the order in which ``--help`` lists them."""

from __future__ import annotations

from factorlab_lake.cli.app import app
from factorlab_lake.cli.changing import init, load, migrate, rollback, validate
from factorlab_lake.cli.demo import demo
from factorlab_lake.cli.fetching import fetch
from factorlab_lake.cli.grids import caps, explain, factors, lookahead, ttm
from factorlab_lake.cli.reading import export, history, prices, quarters, ratios, sql, statements, status
from factorlab_lake.cli.sharing import sync
from factorlab_lake.cli.upkeep import backup, compact, diff, pin, repair, restore, vacuum, verify
from factorlab_lake.cli.watching import coverage, freshness, quality, report

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
