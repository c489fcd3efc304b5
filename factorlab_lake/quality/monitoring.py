"""Define the methods of a :class:`~factorlab_lake.lake.Lake` that check the lake."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from factorlab_lake.errors import check_type
from factorlab_lake.query.arguments import to_symbols
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Monitoring"]


class Monitoring:
    """Check the lake's snapshot: coverage, freshness, quality and statistics. Nothing is stored."""

    _layout: Layout

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that all queries read."""
        raise NotImplementedError

    @property
    def session(self) -> QuerySession:
        """Return the session that runs the queries."""
        raise NotImplementedError

    def held_symbols(self) -> list[str]:
        """Return the symbols with bars or statements in the lake, sorted."""
        query = "SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements ORDER BY symbol"
        return self.session.frame(query)["symbol"].to_list()

    def freshness(self, *, now: datetime | None = None) -> pl.DataFrame:
        """Return the age of the data: one row per symbol, dataset and period, sorted by these columns.

        - ``first_date``, ``last_date``: days of bars, or ends of fiscal periods
        - ``fetched_at``: the newest fetch (UTC)
        - ``expected_next``: the first day on which newer data can exist, by the rules of :meth:`fetch`
        - ``overdue``, ``overdue_days``: whether that day is past, and by how many days

        Trading days are those of the New York Stock Exchange. For a symbol of an exchange abroad, such as
        BARC.L, every weekday counts.
        """
        from factorlab_lake.quality.coverage import freshness

        check_type(now or datetime.now(UTC), datetime, "now", "a datetime with a time zone, or None")
        return freshness(self.session, now=now)

    def coverage(self) -> pl.DataFrame:
        """Return the data of each year: one row per symbol, dataset, period and year, sorted by these.

        - ``held``: days with bars, or ends of fiscal periods with a statement
        - ``missing``: days or reports that are missing between the first and the last
        - ``first_date``, ``last_date``: the first and last of the year

        A bar is missing on a day on which most symbols traded. A report is missing if two reports are further
        apart than the company's own interval.
        """
        from factorlab_lake.quality.coverage import coverage

        return coverage(self.session)

    def quality(
        self,
        symbols: str | Iterable[str] | None = None,
        *,
        rules: Iterable[str] | None = None,
        by_symbol: bool = False,
    ) -> pl.DataFrame:
        """Return faulty and suspicious data: one row per finding, most severe first, then by rule.

        - ``severity``: error, warning or info
        - ``rule``, ``table_name``: the rule; :meth:`quality_rules` returns its meaning
        - ``symbol``, ``date``: the trading day, or the end of the fiscal period
        - ``fiscal_period``, ``version``: of a statement
        - ``value``, ``expected``, ``detail``: the faulty value, the expected one, and an explanation

        ``rules`` selects rules by name. ``by_symbol`` returns one row per symbol instead, lowest score first,
        with the number of ``errors``, ``warnings`` and ``infos``. The ``score`` begins at 1. Each broken rule
        of severity error multiplies it by 0.5, and each of severity warning by 0.8.

        Raises :class:`~factorlab_lake.errors.InvalidInput` for an unknown rule.
        """
        from factorlab_lake.quality import findings as quality

        names = None if symbols is None else to_symbols(symbols)
        pending = self.snapshot.derived.pending if self.snapshot.derived else ()
        rows = quality.findings(self.session, symbols=names, only=rules, pending=pending)
        if not by_symbol:
            return rows
        return quality.scores(rows, self.held_symbols() if names is None else names)

    def quality_rules(self) -> pl.DataFrame:
        """Return the rules of :meth:`quality`: one row per rule and table, with severity and meaning."""
        from factorlab_lake.quality.findings import rule_table

        return rule_table()

    def query_statistics(self) -> pl.DataFrame:
        """Return how often and how long queries ran: one row per set of tables and functions, longest first.

        ``questions`` counts the queries, ``failed`` the failed ones, and ``rows`` their rows. ``median_ms``,
        ``longest_ms`` and ``total_ms`` measure their time.

        Queries are counted only while the setting ``FACTORLAB_QUERY_STATISTICS`` is on. The statistics are
        stored in the lake's folder. They contain no query text, symbol, date or value.
        """
        from factorlab_lake.query.statistics import summary

        return summary(self._layout)

    def report(
        self, path: str | os.PathLike[str], *, force: bool = False, now: datetime | None = None
    ) -> Path:
        """Write an HTML page about the lake atomically, and return its path.

        The page begins with a summary and charts. It has every symbol, quality, coverage, freshness,
        revisions and growth; tables are searched, sorted and paged. It is one file, loads nothing, and is
        complete without JavaScript.

        An earlier page is replaced, any other file only with ``force``. Raises
        :class:`~factorlab_lake.errors.AlreadyExists`, and :class:`~factorlab_lake.errors.InvalidInput` for a
        path within a lake.
        """
        from factorlab_lake.quality.report import page

        return page.write(self._layout, self.snapshot, self.session, path=path, force=force, now=now)
