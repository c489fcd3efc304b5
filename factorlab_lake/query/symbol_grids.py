"""Compute the rows of a SQL function for symbols and dates, and the factors that SQL alone cannot compute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.factors.formulas import FACTORS, Factor
from factorlab_lake.functions.question_texts import factors_of_inputs
from factorlab_lake.query.arguments import one_of
from factorlab_lake.query.caps_in_currency import caps_in
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
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.statement_questions import StatementQuestions, hindsight
from factorlab_lake.query.universes import members, members_within, of_members
from factorlab_lake.schema.derived_tables import VINTAGES
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, END_OF_TIME, PRICE_AGE_LIMIT_DAYS
from factorlab_lake.storage.duckdb_frames import in_order

__all__ = ["SymbolGrids"]

_KEY = ("symbol", "date")
_SHORT = 10_000  # rows up to which planning takes longer than copying the answer twice


class SymbolGrids(StatementQuestions):
    """Answer for each pair of symbol and date, from the read index or by SQL.

    Factors of a price and statements in two currencies, and those of a company with several classes of
    shares, are computed from their inputs.
    """

    def _indexed(
        self, function: str, symbols: list[str], dates: list[date], vintage: str, factors: tuple[Factor, ...]
    ) -> pl.DataFrame | None:
        """Return the answer of a function from a read index; None without one. A subclass can have one."""
        del function, symbols, dates, vintage, factors
        return None

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
        inputs = inputs.join(pairs, on=_KEY, how="semi")
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
            converted = converted.join(own, on=_KEY, how="semi")
            rows = rows.update(converted, on=_KEY, include_nulls=True)
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


def _codes(rows: pl.DataFrame) -> list[str]:
    return rows["currency"].drop_nulls().unique().to_list()
