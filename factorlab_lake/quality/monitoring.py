"""The methods by which a lake is watched over; a :class:`~factorlab_lake.lake.Lake` has them all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from factorlab_lake.query.arguments import to_symbols
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Monitoring"]


class Monitoring:
    """What a lake tells about itself. Each answer is of the lake's snapshot, and nothing of it is stored."""

    _layout: Layout
    snapshot: Snapshot

    @property
    def session(self) -> QuerySession:
        """What answers."""
        raise NotImplementedError

    def held_symbols(self) -> list[str]:
        """Return the symbols with bars or statements in the lake, in order."""
        query = "SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements ORDER BY symbol"
        return self.session.frame(query)["symbol"].to_list()

    def freshness(self, *, now: datetime | None = None) -> pl.DataFrame:
        """Return how fresh what is held is: one row per symbol, dataset and period, ordered so.

        ``first_date``, ``last_date`` (days of bars, ends of fiscal periods), ``fetched_at`` (UTC), and by the
        rules of :meth:`fetch` the day from which newer rows can be there, ``expected_next``, whether that is
        past, ``overdue``, and by how many days. No calendar of holidays is kept: weekdays all count.
        """
        from factorlab_lake.quality.freshness import freshness

        return freshness(self.session, now=now)

    def coverage(self) -> pl.DataFrame:
        """Return what is held of each year: one row per symbol, dataset, period and year, ordered so.

        ``held``: days with bars, or ends of fiscal periods with a statement; ``missing``: those that are not
        there between the first and the last, judged by the days on which most symbols traded, and by the
        company's own rhythm of reports; ``first_date`` and ``last_date`` of the year.
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
        """Return what is wrong, or looks wrong: one row per finding, most severe first, then by rule.

        ``severity`` (error, warning, info), ``rule``, ``table_name``, ``symbol``, ``date`` (trading day, or
        the fiscal period's end), ``fiscal_period`` and ``version`` of statements, ``value``, what was
        ``expected``, and ``detail``. :meth:`quality_rules` tells what each rule means. ``rules`` asks for
        some of them. ``by_symbol`` gives one row per symbol instead, the worst first: a ``score`` from 1 down
        (halved for each rule of severity error that the symbol breaks, times 0.8 for each warning), and how
        many ``errors``, ``warnings`` and ``infos`` there are.

        Raises :class:`~factorlab_lake.errors.InvalidInput` for an unknown rule.
        """
        from factorlab_lake.quality import findings as quality

        wanted = None if symbols is None else to_symbols(symbols)
        found = quality.findings(self.session, symbols=wanted, only=rules)
        if not by_symbol:
            return found
        return quality.scores(found, self.held_symbols() if wanted is None else wanted)

    def quality_rules(self) -> pl.DataFrame:
        """Return the rules of :meth:`quality`: one row per rule and table, with severity and meaning."""
        from factorlab_lake.quality.findings import rule_table

        return rule_table()

    def query_statistics(self) -> pl.DataFrame:
        """Return what the lake was asked: one row per set of tables and functions, the most time first.

        ``questions``, how many ``failed``, ``rows``, and ``median_ms``, ``longest_ms``, ``total_ms`` of their
        time. Noted only while the setting ``FACTORLAB_QUERY_STATISTICS`` is on, in the lake's own folder, and
        without any value: no query's text, symbol, date or figure.
        """
        from factorlab_lake.query.statistics import summary

        return summary(self._layout)

    def report(self, path: str | os.PathLike[str], *, now: datetime | None = None) -> Path:
        """Write one HTML page about the lake, replacing what is there, and return its path.

        Coverage, freshness, quality, revisions, and how the lake grew over its snapshots. The page needs
        nothing else: no script, style or picture from anywhere.
        """
        from factorlab_lake.quality.report import page

        return page.write(self._layout, self.snapshot, self.session, Path(path), now=now)
