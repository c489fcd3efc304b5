"""Define the methods for research, for a lake and for a shared server, over the questions of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from factorlab_lake.query.arguments import DateLike, Dates, one_of, to_date, to_dates
from factorlab_lake.query.explanations import of_one_snapshot
from factorlab_lake.query.frame_columns import checked_columns
from factorlab_lake.query.held_symbols import ALL_SYMBOLS
from factorlab_lake.query.universes import GROUPS, classifications, members_within, of_members
from factorlab_lake.research.cross_sections import checked_share, cross_section, industry_stats
from factorlab_lake.research.expressions import TEXTS, Condition
from factorlab_lake.research.grids import Figures, Universe, figures, grouped
from factorlab_lake.research.history import FigureHistory
from factorlab_lake.research.screening import checked_extras, passing
from factorlab_lake.research.screening import undecided as undecided_rows

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.research.plots.charts import Charts

__all__ = ["Research"]


class Research(FigureHistory):
    """Screen a universe and compare its members, as known at each date.

    ``universe`` is the name of one, as for :class:`~factorlab_lake.query.questions.Questions`, a list of
    symbols, or None for all held symbols.
    """

    @property
    def plot(self) -> Charts:
        """Return the methods that draw charts of this lake's answers: ``lake.plot.market_caps("AAPL", …)``.

        They need the extra ``plot``, and read the snapshot that the lake has now.
        """
        from factorlab_lake.research.plots.charts import Charts

        return Charts(self._at_one_snapshot())

    @of_one_snapshot
    def screen(
        self,
        expression: str,
        date: DateLike,
        *,
        universe: Universe = None,
        columns: Iterable[str] | None = None,
        undecided: bool = False,
    ) -> pl.DataFrame:
        """Return the symbols for which a condition holds, as known at a date's close.

        ``expression`` compares factors, ``market_cap``, ``enterprise_value`` and other inputs of factors,
        such as ``"pe_ratio < 15 and roe > 0.15"``, with arithmetic, ``and``, ``or`` and ``not``. ``sector``,
        ``industry`` and ``exchange`` compare with a text (``sector == 'Energy'``) or several (``in``).

        One row per symbol, ordered by symbol: ``symbol``, ``date``, each figure of the condition, then
        ``columns``. A symbol with a missing figure is only in the answer if the other figures decide.
        ``undecided=True`` returns the others, with ``reasons`` (JSON) of what is missing. Raises
        :class:`~factorlab_lake.errors.InvalidInput` for another expression or an unknown name.
        """
        condition, universe = Condition.of(expression), self._normal(universe)
        extras = checked_extras(checked_columns(columns, "market_cap"))
        names = list(dict.fromkeys([*condition.names, *extras]))
        numbers = figures([name for name in names if name not in TEXTS] or ["market_cap"])
        rows = self._figures(numbers, universe, [to_date(date)], vintage="known")
        if texts := [name for name in names if name in TEXTS]:
            rows = grouped(rows, self._groups(), texts)
        self._symbols.warn_of_missing(universe if isinstance(universe, list) else [])
        select = undecided_rows if undecided else passing
        return select(rows.sort("symbol"), condition, names)

    @of_one_snapshot
    def cross_section(  # noqa: PLR0913 - all but two by name only
        self,
        factor: str | Iterable[str],
        dates: Dates = None,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        universe: Universe = None,
        by: str | None = None,
        define: Mapping[str, str] | None = None,
        vintage: str = "known",
        winsorise: float = 0.05,
    ) -> pl.DataFrame:
        """Return each value of a factor with its place among its peers on the same date.

        One row per factor, date and symbol, in this order. Peers are the members of the universe, or those of
        the same ``sector``, ``industry`` or ``exchange`` (``by``), the symbol itself included. ``factor`` is
        one name or several, of factors, of their inputs, or of ``define``.

        - ``rank``: 1 for the smallest value; equal values share the mean of their ranks
        - ``percentile``: (rank - 0.5) / count, from 0 to 1 (Hazen 1914)
        - ``z_score``: (value - mean) / sample standard deviation
        - ``z_score_winsorised``: the same after values beyond the quantiles ``winsorise`` and
          1 - ``winsorise`` are set to them (Tukey 1962)
        - ``peer_median``, ``peer_count``: over the peers that have a value

        ``reason`` says why the value or a z-score is NULL. The dates are those of :meth:`factors`.
        """
        chosen, share = figures(factor, define), checked_share(winsorise)
        universe = self._normal(universe)
        days = to_dates(dates, start=start, end=end, freq=freq)
        rows = self._grouped_figures(chosen, universe, days, by=by, vintage=vintage)
        self._symbols.warn_of_missing(universe if isinstance(universe, list) else [])
        return cross_section(rows, chosen.names, by=by, winsorise=share)

    @of_one_snapshot
    def industry_stats(  # noqa: PLR0913 - all but two by name only
        self,
        factor: str | Iterable[str],
        dates: Dates = None,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        universe: Universe = None,
        by: str = "industry",
        define: Mapping[str, str] | None = None,
        vintage: str = "known",
    ) -> pl.DataFrame:
        """Return the distribution of a factor in each industry (or sector, exchange) on each date.

        One row per factor, date and group, in this order: median, mean, sample standard deviation, quartiles
        (interpolated linearly), extremes, ``count`` of values, and ``missing``, the number of members
        without one. Symbols without a known group are in the group NULL. The arguments are those of
        :meth:`cross_section`.
        """
        chosen, universe = figures(factor, define), self._normal(universe)
        days = to_dates(dates, start=start, end=end, freq=freq)
        rows = self._grouped_figures(chosen, universe, days, by=one_of(by, GROUPS, "by"), vintage=vintage)
        self._symbols.warn_of_missing(universe if isinstance(universe, list) else [])
        return industry_stats(rows.rename({by: "group"}), chosen.names)

    def _grouped_figures(
        self, chosen: Figures, universe: Universe, days: list[date], *, by: str | None, vintage: str
    ) -> pl.DataFrame:
        if by is not None:
            one_of(by, GROUPS, "by")
        rows = self._figures(chosen, universe, days, vintage=vintage)
        return rows if by is None else grouped(rows, self._groups(), [by])

    def _figures(
        self, chosen: Figures, universe: Universe, days: list[date], *, vintage: str
    ) -> pl.DataFrame:
        """Return the figures of a universe's members at each date, with their reasons."""
        names, spells = self._universe(universe, days)
        answer = self._unchecked("factor_inputs", names, days, vintage=vintage, chosen=chosen.factors)
        return chosen.named(answer if spells is None else of_members(answer, spells))

    def _normal(self, universe: Universe) -> str | list[str] | None:
        """Return a universe of symbols as a list of them, and any other as it is."""
        return universe if universe is None or isinstance(universe, str) else self._symbols.names(universe)

    def _universe(self, universe: Universe, days: list[date]) -> tuple[list[str], pl.DataFrame | None]:
        """Return the symbols of a universe, and when they are members of it; None for always."""
        if universe is None or universe == ALL_SYMBOLS:
            return self._symbols.every, None
        if isinstance(universe, str):
            spells = self._members(universe)
            return members_within(spells, days), spells
        return self._symbols.names(universe), None

    def _groups(self) -> pl.DataFrame:
        return self._answer(("classifications",), lambda: classifications(self.session))
