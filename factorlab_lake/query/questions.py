"""Define the query methods of a lake and of a shared server: thin calls of the SQL functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.definitions import chosen_factors
from factorlab_lake.query import lookahead
from factorlab_lake.query.arguments import DateLike, Dates, date_range, one_of, to_dates
from factorlab_lake.query.caps_in_currency import checked_currency
from factorlab_lake.query.explanations import of_one_snapshot
from factorlab_lake.query.frame_columns import checked_columns, chosen_columns
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.symbol_grids import SymbolGrids
from factorlab_lake.query.table_questions import BY_BYTES
from factorlab_lake.schema import identifier, table

__all__ = ["Questions"]

_BAR_KEY = ("symbol", "date")
_STORED = "price_data WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND date BETWEEN $first AND $last"
_ADJUSTED = "adjusted_prices($symbols::VARCHAR[], $first::DATE, $last::DATE)"
_CURRENCY = "(SELECT currency FROM company_profiles f WHERE f.symbol = price_data.symbol) AS currency"


class Questions(SymbolGrids):
    """Offer the queries of a lake as methods that return polars frames; ``to_pandas()`` converts one.

    ``symbols`` is one symbol, several, or ``"all"``. Where a method has ``universe``, it takes the members at
    each date instead: of a universe in the table ``universes``, or of a group such as
    ``"sector:Technology"``, ``"industry:Software"`` or ``"exchange:NASDAQ"``.

    A symbol of which the lake has no data gives a
    :class:`~factorlab_lake.errors.SymbolNotHeldWarning` with the nearest name.
    """

    def _indexed_ratios(self, symbols: list[str], first: date, last: date) -> pl.DataFrame | None:
        """Return the rows of ``ratios`` from a read index; None without one."""
        del symbols, first, last
        return None

    @of_one_snapshot
    def prices(
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        adjusted: bool = False,
        columns: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """Return daily bars between two dates (both included), as stored or adjusted.

        One row per symbol and trading day with the columns of ``price_data``, ordered by symbol and date.
        The values come first, then ``currency`` and the origin of the row. Prices are per share, on the split
        basis of ``split_basis_date``. They are in the unit that ``currency`` names, which may be a minor one,
        such as GBp (pence). Unknown symbols give no rows.

        With ``adjusted``, the columns are those of ``adjusted_prices``. Prices and volume are then per share
        as counted after every split in the lake. ``adjusted_close`` includes dividends too, with both
        factors and its source; where no dividends are held it is adjusted for splits alone, and the reason
        is ``no_dividends_known``. ``columns`` chooses some, such as
        ``["close_price"]``, after symbol and date.
        """
        chosen = checked_columns(columns, "close_price")
        source = f"* FROM {_ADJUSTED}" if adjusted else f"{_stored_columns(chosen)} FROM {_STORED}"
        first, last = date_range(start, end)
        names = self._symbols.names(symbols)
        rows = self._bars(names, first, last, source)
        if adjusted:
            rows = rows.select(chosen_columns(chosen, rows.columns, key=_BAR_KEY, example="close_price"))
        return self._symbols.checked_rows(rows, names)

    def _bars(
        self, names: list[str], first: date, last: date, source: str = f"* FROM {_ADJUSTED}"
    ) -> pl.DataFrame:
        """Return bars in the order of symbols and dates; no warning."""
        # No upper limit of adjusted bars: later dividends adjust earlier ones.
        bars = RowFilter(names, first.isoformat(), None if _ADJUSTED in source else last.isoformat())
        return self._answer(
            ("prices", tuple(names), first, last, source),
            lambda: self.session.frame(
                f"SELECT {source} ORDER BY symbol {BY_BYTES}, date",
                {"symbols": names, "first": first, "last": last},
                needs=QueryHints({"price_data": bars}),
            ),
        )

    @of_one_snapshot
    def market_caps(  # noqa: PLR0913 - all but two by name only
        self,
        symbols: str | Iterable[str] | None = None,
        dates: Dates = None,
        *,
        universe: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        vintage: str = "known",
        currency: str | None = None,
        columns: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """Return market capitalisations as known at each date, in one query.

        One row per symbol and date, in this order. ``market_cap = close_price * shares_outstanding *
        split_factor`` in the currency of the quote, or NULL with a ``reason``. ``dates`` is one date,
        several, or ``start``, ``end`` and ``freq`` (D, B, W for Fridays, ME, QE, YE).

        ``vintage`` selects among the versions of a restated statement: ``known`` (the newest by each date),
        ``first`` (always the first) or ``latest`` (the newest of all, by hindsight). With ``latest`` a share
        count of a day is used from that day on, so ``shares_available_date`` may lie after the date.

        ``currency`` is the ISO code of one currency for all caps. Each is converted at the rate of
        ``fx_rates`` that was published last before its price, in ``exchange_rate`` and
        ``exchange_rate_date``; without one the cap is NULL with ``no_exchange_rate``. ``close_price`` stays
        in ``price_currency``. ``columns`` chooses some, such as ``["market_cap"]``, after symbol and date.
        """
        days = to_dates(dates, start=start, end=end, freq=freq)
        code = None if currency is None else checked_currency(currency)
        chosen = checked_columns(columns, "market_cap")
        rows = self._grid("market_caps", symbols, days, universe=universe, vintage=vintage)
        rows = rows if code is None else self._caps_in(rows, code)
        return rows.select(chosen_columns(chosen, rows.columns, key=_BAR_KEY, example="market_cap"))

    @of_one_snapshot
    def ttm(  # noqa: PLR0913 - all but two by name only
        self,
        symbols: str | Iterable[str] | None = None,
        dates: Dates = None,
        *,
        universe: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        vintage: str = "known",
    ) -> pl.DataFrame:
        """Return trailing-twelve-month flows as known at each date, in ``reported_currency``.

        One row per symbol and date, in this order. Flows are NULL with a ``reason`` where neither four
        consecutive quarters nor the fiscal year are known. ``derivation`` lists the quarters that follow from
        cumulative figures. The arguments are those of :meth:`market_caps`.
        """
        days = to_dates(dates, start=start, end=end, freq=freq)
        return self._grid("ttm", symbols, days, universe=universe, vintage=vintage)

    @of_one_snapshot
    def factors(  # noqa: PLR0913 - all but two by name only
        self,
        symbols: str | Iterable[str] | None = None,
        dates: Dates = None,
        *,
        universe: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        vintage: str = "known",
        factors: Iterable[str] | None = None,
        define: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """Return valuation, profitability, leverage and growth factors as known at each date.

        One row per symbol and date, in this order. A factor that cannot be computed is NULL, and ``reasons``
        has the cause of each, as a JSON object; ``reason`` says why nothing could be computed.
        ``factors/factors.csv`` has the formulas with their sources. The other arguments are those of
        :meth:`market_caps`. An enterprise value has the caps of all classes of the company, as
        ``company_market_caps`` adds them up.

        ``factors`` chooses among them, in its order. ``define`` adds your own after these, each a column:
        arithmetic over ``market_cap``, ``company_market_cap``, ``enterprise_value`` and the inputs that
        ``factor_inputs`` returns, such as ``define={"ev_to_sales": "enterprise_value / revenue"}``. A name in
        both keeps its place in ``factors``. A division by zero gives NULL. Raises
        :class:`~factorlab_lake.errors.InvalidInput` for an unknown name or another expression.
        """
        days = to_dates(dates, start=start, end=end, freq=freq)
        if factors is None and not define:
            return self._grid("factors", symbols, days, universe=universe, vintage=vintage)
        chosen = chosen_factors(factors, define)
        return self._grid("factor_inputs", symbols, days, universe=universe, vintage=vintage, chosen=chosen)

    @of_one_snapshot
    def ratios(
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
    ) -> pl.DataFrame:
        """Return the factors of each fiscal period on the day on which it became available.

        One row per symbol and fiscal period end between two dates (both included), in this order: the rows of
        ``financial_ratios``. ``date``, ``accepted_date``, ``market_cap`` and ``shares_outstanding`` belong to
        that day. Unknown symbols give no rows. A factor of two currencies (``currencies_differ``) or of
        several classes of shares (``several_classes``) is NULL; :meth:`factors` computes it.
        """
        first, last = date_range(start, end)
        names = self._symbols.names(symbols)

        def compute() -> pl.DataFrame:
            rows = self._indexed_ratios(names, first, last)
            if rows is not None:
                return rows
            return self.session.frame(
                "SELECT * FROM ratios($symbols::VARCHAR[], $first::DATE, $last::DATE)",
                {"symbols": names, "first": first, "last": last},
                needs=QueryHints({"price_data": RowFilter(names)}, names),
            )

        return self._symbols.checked_rows(self._answer(("ratios", tuple(names), first, last), compute), names)

    @of_one_snapshot
    def lookahead(
        self, factor: str, symbols: str | Iterable[str], dates: Dates, *, by_cell: bool = False
    ) -> pl.DataFrame:
        """Return how much a factor changes with first filings, and with hindsight.

        One row per vintage (``first``, ``latest``): how many values differ from ``known``, by how much
        relative to it, and ``symbol`` and ``date`` of the largest change. With ``by_cell``, one row per
        symbol and date with all three values. ``factor`` is one of :meth:`factors`, or ``market_cap``.
        """
        one_of(factor, ["market_cap", *FACTORS], "factor")
        names, days = self._symbols.names(symbols), to_dates(dates)
        pairs = lookahead.by_pair(factor, lambda v: self._unchecked("factors", names, days, vintage=v))
        self._symbols.checked_rows(pairs.filter(pl.col("known").is_not_null()), names)
        return pairs if by_cell else lookahead.summary(pairs)


def _stored_columns(chosen: list[str] | None) -> str:
    """Return the list of the chosen columns of stored bars: values before origin."""
    names = table("price_data").names()
    place = names.index("extra")
    known = [*names[:place], "currency", *names[place:]]
    columns = chosen_columns(chosen, known, key=_BAR_KEY, example="close_price")
    return ", ".join(_CURRENCY if name == "currency" else identifier(name) for name in columns)
