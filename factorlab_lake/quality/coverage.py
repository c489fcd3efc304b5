"""Which symbols and years a lake holds, and where something is missing in between."""

from __future__ import annotations

import polars as pl

from factorlab_lake.quality.freshness import statement_dates
from factorlab_lake.quality.queries import sql_text
from factorlab_lake.query.query_hints import QuerySession

__all__ = ["coverage"]


def coverage(session: QuerySession) -> pl.DataFrame:
    """Return one row per symbol, dataset, period and year, as ``sql/coverage.sql`` says."""
    return session.frame(sql_text("coverage").replace("{{statement_dates}}", statement_dates()))
