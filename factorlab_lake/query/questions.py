"""Define the query methods of a lake and of a shared server: thin calls of the SQL functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.factors.formulas import FACTORS, Factor
from factorlab_lake.functions.definitions import chosen_factors
from factorlab_lake.functions.question_texts import factors_of_inputs
from factorlab_lake.query import lookahead
from factorlab_lake.query.arguments import DateLike, Dates, date_range, one_of, to_dates
from factorlab_lake.query.caps_in_currency import caps_in, checked_currency
from factorlab_lake.query.company_caps import class_caps, company_caps, with_classes, with_company_caps
from factorlab_lake.query.converted_factors import (
    CURRENCIES,
    DIFFER,
    SEVERAL,
    affected_pairs,
    inputs_query,
    priced,
    with_converted,
    with_part_rates,
)
from factorlab_lake.query.exchange_rates import ExchangeRates, read_rates
from factorlab_lake.query.explained_rates import with_class_caps, with_rates
from factorlab_lake.query.explanations import of_one_snapshot
from factorlab_lake.query.frame_columns import checked_columns, chosen_columns
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.statement_questions import StatementQuestions, hindsight
from factorlab_lake.query.table_questions import BY_BYTES
from factorlab_lake.query.universes import members, members_within, of_members
from factorlab_lake.schema import identifier, table
from factorlab_lake.schema.derived_tables import VINTAGES
from factorlab_lake.schema.rules import (
    BEGINNING_OF_TIME,
    END_OF_TIME,
    PRICE_AGE_LIMIT_DAYS,
)
from factorlab_lake.storage.duckdb_frames import in_order

__all__ = ["Questions"]

_BAR_KEY = ("symbol", "date")
_SHORT = 10_000  # rows up to which planning takes longer than copying the answer twice

_STORED = "price_data WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND date BETWEEN $first AND $last"
_ADJUSTED = "adjusted_prices($symbols::VARCHAR[], $first::DATE, $last::DATE)"
_CURRENCY = "(SELECT currency FROM company_profiles f WHERE f.symbol = price_data.symbol) AS currency"


class Questions(StatementQuestions):
    """Offer the queries of a lake as methods that return polars frames; ``to_pandas()`` converts one.

    ``symbols`` is one symbol, several, or ``"all"``. Where a method has ``universe``, it takes the members at
    each date instead: of a universe in the table ``universes``, or of a group such as
    ``"sector:Technology"``, ``"industry:Software"`` or ``"exchange:NASDAQ"``.

    A symbol of which the lake has no data gives a
    :class:`~factorlab_lake.errors.SymbolNotHeldWarning` with the nearest name.
    """

    def _indexed(
        self, function: str, symbols: list[str], dates: list[date], vintage: str, factors: tuple[Factor, ...]
    ) -> pl.DataFrame | None:
        """Return the answer of a function from a read index; None without one. A subclass can have one."""
        del function, symbols, dates, vintage, factors
        return None

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

        ``factors`` chooses among them. ``define`` adds your own: arithmetic over ``market_cap``,
        ``company_market_cap``, ``enterprise_value`` and the inputs that ``factor_inputs`` returns, such as
        ``define={"ev_to_sales": "enterprise_value / revenue"}``. A division by zero gives NULL. Raises
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

    def _grid(
        self,
        function: str,
        symbols: str | Iterable[str] | None,
        dates: list[date],
        *,
        universe: str | None,
        vintage: str = "known",
        chosen: tuple[Factor, ...] = (),
    ) -> pl.DataFrame:
        if universe is None:
            if symbols is None:
                raise InvalidInput(
                    "Neither symbols nor universe is set; pass symbols such as ['AAPL', 'MSFT'], 'all' for "
                    "every held symbol, or universe='sector:Technology'."
                )
            names = self._symbols.names(symbols)
            answer = self._unchecked(function, names, dates, vintage=vintage, chosen=chosen)
        elif symbols is not None:
            raise InvalidInput("Both symbols and universe are set; pass one of them.", universe=universe)
        else:
            spells = self._members(universe)
            names = members_within(spells, dates)
            answer = self._unchecked(function, names, dates, vintage=vintage, chosen=chosen)
            answer = of_members(answer, spells)
        return self._symbols.checked_grid(answer, names)

    def _converted(
        self, rows: pl.DataFrame, factors: Sequence[Factor], needs: QueryHints, vintage: str
    ) -> pl.DataFrame:
        """Return factors with those computed that the SQL functions cannot compute.

        These are of a price and statements in two currencies, or of a company with several classes of shares.
        """
        factors = priced(factors)
        pairs = affected_pairs(rows, factors, SEVERAL)
        if self._holds_rates():
            pairs = pl.concat([pairs, affected_pairs(rows, factors, DIFFER)]).unique(maintain_order=True)
        if pairs.is_empty():
            return rows
        return with_converted(rows, self._inputs_with_rates(pairs, factors, needs, vintage), factors)

    def _inputs_with_rates(
        self, pairs: pl.DataFrame, factors: Sequence[Factor], needs: QueryHints, vintage: str
    ) -> pl.DataFrame:
        """Return the inputs of some factors for pairs of symbol and date.

        They have the rates to convert them, and the caps of companies with several classes of shares.
        """
        some = {"symbols": pairs["symbol"].unique().to_list(), "dates": pairs["date"].unique().to_list()}
        query = inputs_query(factors, hindsight(vintage))
        inputs = self.session.frame(query, {**some, "vintage": vintage}, needs=needs)
        inputs = inputs.join(pairs, on=_BAR_KEY, how="semi")
        several = inputs.filter(pl.col("company_market_cap_reason").is_not_null())
        inputs = with_company_caps(inputs, self._companies(several, vintage))
        codes = {c for name in CURRENCIES for c in inputs[name].drop_nulls().unique()}
        return with_part_rates(inputs, self._rates(codes))

    def _companies(self, pairs: pl.DataFrame, vintage: str) -> pl.DataFrame:
        """Return the caps of the companies of some symbols and dates, each in the currency of its symbol.

        Classes in other currencies are converted where there are exchange rates.
        """
        names, days = pairs["symbol"].unique().to_list(), pairs["date"].unique().sort().to_list()
        classes = self._classes(names)
        caps = self._unchecked("market_caps", with_classes(names, classes), days, vintage=vintage)
        rows = company_caps(caps, names, classes)
        differing = rows.filter(pl.col("reason") == DIFFER)
        if differing.is_empty() or not self._holds_rates():
            return rows
        for code in _codes(differing):
            own = differing.filter(pl.col("currency") == code)
            converted = company_caps(self._caps_in(caps, code), own["symbol"].unique().to_list(), classes)
            converted = converted.join(own, on=_BAR_KEY, how="semi")
            rows = rows.update(converted, on=_BAR_KEY, include_nulls=True)
        return rows

    def _caps_in(self, caps: pl.DataFrame, code: str) -> pl.DataFrame:
        return caps_in(caps, code, self._rates({code, *_codes(caps)}))

    def _explained(self, rows: pl.DataFrame, factor: str, symbol: str, day: date) -> pl.DataFrame:
        """Return an explanation with the classes of shares and the exchange rates that the factor needs."""
        note = rows["note"][-1]
        if note != SEVERAL and not (note == DIFFER and self._holds_rates()):
            return rows
        chosen = (FACTORS[factor],)
        [answer] = self._unchecked(
            "factor_inputs", [symbol], [day], vintage="known", chosen=chosen
        ).to_dicts()
        pair = pl.DataFrame({"symbol": [symbol], "date": [day]})
        needs = QueryHints({}, [symbol], short=True)
        [inputs] = self._inputs_with_rates(pair, chosen, needs, "known").to_dicts()
        if note == SEVERAL:
            rows = with_class_caps(rows, self._class_caps(symbol, day), inputs)
        return with_rates(rows, FACTORS[factor], answer, inputs)

    def _class_caps(self, symbol: str, day: date) -> pl.DataFrame:
        """Return the cap of each class of a symbol's company, in the currency of the symbol if it can be."""
        classes = self._classes([symbol])
        caps = self._unchecked("market_caps", with_classes([symbol], classes), [day], vintage="known")
        own = caps.filter(pl.col("symbol") == symbol).with_row_index("place")
        parts = class_caps(own, caps, classes)
        [code] = own["currency"]
        if parts["currency"].n_unique() == 1 or code is None or not self._holds_rates():
            return parts
        return class_caps(own, self._caps_in(caps, code), classes)

    def _holds_rates(self) -> bool:
        """Return whether there are exchange rates; a subclass can know it without a query."""
        query = "SELECT base FROM fx_rates LIMIT 1"
        rates = self._answer(("holds rates",), lambda: self.session.frame(query, needs=QueryHints({})))
        return not rates.is_empty()

    def _rates(self, currencies: Iterable[str]) -> ExchangeRates:
        """Return the exchange rates between some currencies."""
        codes = sorted(currencies)
        return ExchangeRates(self._answer(("rates", *codes), lambda: read_rates(self.session, codes)))

    def _members(self, universe: str) -> pl.DataFrame:
        """Return the memberships of a universe."""
        return self._answer(("universe", str(universe)), lambda: members(self.session, universe))

    def _unchecked(
        self,
        function: str,
        names: list[str],
        dates: list[date],
        *,
        vintage: str,
        chosen: tuple[Factor, ...] = (),
    ) -> pl.DataFrame:
        one_of(vintage, VINTAGES, "vintage")
        first = min(dates, default=BEGINNING_OF_TIME)
        if first > BEGINNING_OF_TIME:
            first -= timedelta(days=PRICE_AGE_LIMIT_DAYS)
        query = f"SELECT * FROM {function}($symbols::VARCHAR[], $dates::DATE[]{hindsight(vintage)})"
        if chosen:
            query = factors_of_inputs(chosen, query)
        params = {"symbols": names, "dates": dates}
        bars = RowFilter(names, first.isoformat(), max(dates, default=END_OF_TIME).isoformat())
        needs = QueryHints({"price_data": bars}, names, short=len(names) * len(dates) <= _SHORT)

        def compute() -> pl.DataFrame:
            rows = self._indexed(function, names, dates, vintage, chosen)
            rows = in_order(self.session.frame(query, params, needs=needs), names) if rows is None else rows
            if not (chosen or function == "factors") or rows["reasons"].null_count() == rows.height:
                return rows
            return self._converted(rows, chosen or tuple(FACTORS.values()), needs, vintage)

        return self._answer((function, tuple(names), tuple(dates), vintage, chosen), compute)


def _codes(rows: pl.DataFrame) -> list[str]:
    return rows["currency"].drop_nulls().unique().to_list()


def _stored_columns(chosen: list[str] | None) -> str:
    """Return the list of the chosen columns of stored bars: values before origin."""
    names = table("price_data").names()
    place = names.index("extra")
    known = [*names[:place], "currency", *names[place:]]
    columns = chosen_columns(chosen, known, key=_BAR_KEY, example="close_price")
    return ", ".join(_CURRENCY if name == "currency" else identifier(name) for name in columns)
