"""Explain an answer: list its inputs with their filings and dates, and the arithmetic to check by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import duckdb
import polars as pl
from arro3.core import Table

from factorlab_lake.derive.computation import compute
from factorlab_lake.factors.formulas import FACTORS, Input
from factorlab_lake.factors.sql import figure
from factorlab_lake.functions.sql_placeholders import duckdb_accession
from factorlab_lake.query.explained_rates import with_numbers
from factorlab_lake.query.query_hints import QueryHints, QuerySession, RowFilter
from factorlab_lake.schema import STATEMENT_TABLES, identifier, identifiers, table
from factorlab_lake.schema.derived_tables import READ_FOR_DERIVATION
from factorlab_lake.storage.duckdb_frames import to_polars

__all__ = ["explain_factor", "explain_market_cap"]

# One row per figure: `step` is its input or answer, `sign` its sign in the step's sum.
_COLUMNS: dict[str, Any] = {
    "step": pl.String,
    "value": pl.Float64,
    "sign": pl.Int64,
    "item": pl.String,
    "date": pl.Date,
    "period": pl.String,
    "version": pl.Int64,
    "available_date": pl.Date,
    "accepted_at": pl.Datetime("us", "UTC"),
    "source": pl.String,
    "accession": pl.String,
    "link": pl.String,
    "note": pl.String,
}
# What a user can do about a reason.
_CURES = {"quote_unit_unknown": "load a company profile with the currency of the quotes, such as GBp or GBP"}
_ZERO = "0 stands for a figure that was not reported"
_NAMES = ("accession", "link")  # of a filing
_PAIR = "$symbols::VARCHAR[], $days::DATE[]"
_Row = dict[str, Any]


@dataclass(frozen=True)
class _Evidence:
    """Read the rows of one symbol: from the lake or server, and from the steps of the derived tables."""

    session: QuerySession
    symbol: str
    day: date

    def lake_rows(self, query: str, **params: Any) -> list[_Row]:
        """Run a query of the lake or server."""
        return self.session.frame(query, params, needs=self._hints).to_dicts()

    def step_rows(self, query: str, **params: Any) -> list[_Row]:
        """Run a query of the base rows and of the temporary tables that :func:`compute` creates from them."""
        return to_polars(self._steps, self._steps.sql(query, params=params)).to_dicts()

    def instrument(self) -> _Row:
        """Return how the symbol is quoted on the day; without a profile every value is None."""
        names = ("currency", "quoted_units", "shares_per_receipt")
        query = f"SELECT {', '.join(names)} FROM instruments WHERE symbol = $symbol "
        query += "AND valid_from <= $day::DATE AND valid_to > $day::DATE"
        return next(iter(self.lake_rows(query, symbol=self.symbol, day=self.day)), dict.fromkeys(names))

    @cached_property
    def _hints(self) -> QueryHints:
        rows = RowFilter([self.symbol])
        return QueryHints(dict.fromkeys(READ_FOR_DERIVATION, rows), [self.symbol], short=True)

    @cached_property
    def _steps(self) -> duckdb.DuckDBPyConnection:
        """Compute the symbol's derived tables here: a server stores the tables, but not their steps."""
        con = duckdb.connect(":memory:")
        con.execute("SET TimeZone = 'UTC'")
        for name in READ_FOR_DERIVATION:
            spec = table(name)
            names = identifiers(spec.names())
            query = f"SELECT {names} FROM {identifier(name)} WHERE symbol = $symbol"
            rows = self.session.frame(query, {"symbol": self.symbol}, needs=self._hints)
            columns = ", ".join(f"{identifier(c.name)} {c.types.duckdb}" for c in spec.columns)
            con.execute(f"CREATE TABLE {identifier(name)} ({columns})")
            con.register("base_rows", Table.from_arrow(rows))  # a polars frame itself would need pyarrow
            con.execute(f"INSERT INTO {identifier(name)} SELECT {names} FROM base_rows")
        compute(con, [self.symbol], self._speakers())
        return con

    def _speakers(self) -> list[str]:
        """Return the provider that speaks on the day: first in the order, it does so here too."""
        of_day = "WHERE symbol = $symbol AND valid_from <= $day::DATE AND valid_to > $day::DATE"
        tables = ("fundamentals_history", "share_count_history")
        query = " UNION ".join(f"SELECT statement_provider FROM {name} {of_day}" for name in tables)
        rows = self.lake_rows(query, symbol=self.symbol, day=self.day)
        return [row["statement_provider"] for row in rows if row["statement_provider"]]


def explain_market_cap(session: QuerySession, symbol: str, day: date) -> pl.DataFrame:
    """Return the price, share count and splits of one market capitalisation, and their product."""
    evidence = _Evidence(session, symbol, day)
    [cap] = evidence.lake_rows(f"SELECT * FROM market_caps({_PAIR})", symbols=[symbol], days=[day])
    rows: list[_Row] = []
    bases: list[date] = []
    for find in (_price, _shares):
        steps, basis = find(evidence, cap)
        rows += steps
        bases += [basis] if basis else []
    if len(bases) == 2:  # noqa: PLR2004 - the price's and the shares'
        rows += _splits(evidence, *bases)
    numbers = [cap["close_price"], cap["shares_outstanding"], cap["split_factor"]]
    rows.append(_row("split_factor", cap["split_factor"], note="brings the shares to the price's basis"))
    reason = "; ".join(filter(None, [cap["reason"], _CURES.get(cap["reason"])]))
    product = reason or " * ".join(map(repr, numbers))
    if receipt := evidence.instrument()["shares_per_receipt"]:
        rows.append(_row("shares_per_receipt", receipt, note="of which one unit of the symbol stands for"))
        product = reason or f"{product} / {receipt!r}"
    return _frame([*rows, _row("market_cap", cap["market_cap"], date=day, note=product)])


def explain_factor(session: QuerySession, factor: str, symbol: str, day: date) -> pl.DataFrame:
    """Return every figure of one factor, by input, with its statement, and the formula."""
    formula = FACTORS[factor]
    evidence = _Evidence(session, symbol, day)
    query = f"SELECT market_cap, {identifier(factor)} AS value, reasons FROM factors({_PAIR})"
    [answer] = evidence.lake_rows(query, symbols=[symbol], days=[day])
    rows: list[_Row] = []
    for item in formula.inputs:
        if item.statement_type:
            rows += _input(item, _components(evidence, item, day), optional=item not in formula.required)
        else:
            # The cap of the company is that of its only class; a lake with several adds theirs to these rows.
            rows.append(_row(item.name, answer["market_cap"], date=day, note="see explain_market_cap"))
    known = {row["step"]: row["value"] for row in rows}  # the last row of a step is its value
    has_value = answer["value"] is not None
    note = with_numbers(formula, known) if has_value else json.loads(answer["reasons"])[factor]
    rows.append(_row(factor, answer["value"], date=day, item=formula.formula, note=note))
    return _frame(rows)


def _price(evidence: _Evidence, cap: _Row) -> tuple[list[_Row], date | None]:
    if cap["price_date"] is None:
        return [], None
    query = (
        "SELECT close_price, split_basis_date, source_provider FROM price_data "
        "WHERE symbol = $symbol AND date = $day"
    )
    [bar] = evidence.lake_rows(query, symbol=cap["symbol"], day=cap["price_date"])
    where = {"item": "close_price", "date": cap["price_date"], "source": bar["source_provider"]}
    basis: date = bar["split_basis_date"]
    rows = [_row("close_price", bar["close_price"], note=f"counts the splits up to {basis}", **where)]
    instrument = evidence.instrument()
    units = instrument["quoted_units"] or 1
    if cap["close_price"] is not None and units != 1:
        note = f"in {instrument['currency']}, of which the quote has {units} units"
        rows.append(_row("close_price", cap["close_price"], note=note, **where))
    elif cap["close_price"] not in (None, bar["close_price"]):
        rows.append(_row("close_price", cap["close_price"], note="without the vendor's rounding", **where))
    return rows, basis


def _shares(evidence: _Evidence, cap: _Row) -> tuple[list[_Row], date | None]:
    if cap["shares_fiscal_date"] is None:
        return [], None
    source, counted = cap["shares_source"], cap["shares_fiscal_date"]
    [count] = evidence.step_rows(_COUNT, source=source, counted=counted, known=cap["shares_available_date"])
    basis: date = count.pop("split_basis_date")
    note = f"{source}, counts the splits up to {basis}"
    return [_row("shares_outstanding", cap["shares_outstanding"], note=note, **count)], basis


_FILING = f"""coalesce(s.final_link, s.link, s.source_provider) AS source,
    {duckdb_accession("s.final_link", "s.link", "s.extra")} AS accession,
    coalesce(s.link, s.final_link) AS link"""

# The filing of a share count: that of a reported count, or of the statement whose average is its proxy.
_COUNT = f"""
    WITH used AS (
        SELECT symbol, fiscal_date, period, version, available_date FROM share_counts
        WHERE source = $source AND fiscal_date = $counted AND available_date = $known
        ORDER BY version DESC LIMIT 1
    )
    SELECT 'shares' AS item, u.fiscal_date AS date, NULL AS period, u.version, u.available_date,
           c.accepted_at, coalesce(c.link, c.source_provider) AS source,
           {duckdb_accession("c.link", "c.extra")} AS accession, c.link, c.split_basis_date
    FROM used u JOIN shares_outstanding c
      ON c.symbol = u.symbol AND c.as_of_date = u.fiscal_date AND c.source = u.period
     AND c.version = u.version
    UNION ALL
    SELECT 'weighted_average_shares_outstanding', u.fiscal_date, u.period, u.version, u.available_date,
           s.accepted_at, {_FILING}, s.split_basis_date
    FROM used u JOIN income_statements s
      ON s.symbol = u.symbol AND s.fiscal_date = u.fiscal_date AND s.fiscal_period = u.period
     AND s.version = u.version
"""


def _splits(evidence: _Evidence, priced: date, counted: date) -> Iterator[_Row]:
    """Yield each split between the two bases; the splits after the basis of the shares multiply them."""
    query = (
        "SELECT shares_from AS date, ratio, source FROM split_events WHERE symbol = $symbol "
        "AND shares_from > least($priced::DATE, $counted::DATE) "
        "AND shares_from <= greatest($priced::DATE, $counted::DATE) ORDER BY shares_from"
    )
    verb = "multiplies" if counted < priced else "divides"
    for split in evidence.lake_rows(query, symbol=evidence.symbol, priced=priced, counted=counted):
        where = {"item": "ratio", "date": split["date"], "source": split["source"]}
        yield _row("split", split["ratio"], note=f"{verb} the shares", **where)


def _components(evidence: _Evidence, item: Input, day: date) -> list[_Row]:
    """Return the components of one input as known on a day; without any, one row without a date."""
    query = f"""
        SELECT t.component_sign AS sign, t.is_end, t.is_reported, p.derivation, p.reason,
               s.fiscal_date AS date, s.fiscal_period AS period, s.version, s.available_date, s.accepted_at,
               {_FILING},
               s.{identifier(item.column.name)} AS value, {figure(item.column)} AS used,
               CASE WHEN l.symbol IS NULL THEN 1 ELSE l.cumulative_split_factor END AS cumulative_split_factor
        FROM trailing_periods p
        JOIN subjects u ON u.subject = p.subject AND u.vintage = 'known'
        JOIN subject_intervals o ON o.subject = p.subject AND o.valid_from <= $day AND o.valid_to > $day
        LEFT JOIN trailing_statements t ON t.trailing_id = p.trailing_id
        LEFT JOIN statement_versions v ON v.statement_id = t.statement_id
        LEFT JOIN {STATEMENT_TABLES[item.statement_type]} s
          ON s.symbol = v.symbol AND s.fiscal_date = v.fiscal_date AND s.fiscal_period = v.fiscal_period
         AND s.version = v.version
        LEFT JOIN split_history l
          ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date
        WHERE p.statement_type = $kind AND p.years_back = $back AND p.valid_from <= $day AND p.valid_to > $day
        ORDER BY s.fiscal_date, s.fiscal_period, s.version, t.component_sign DESC
    """
    return evidence.step_rows(query, kind=item.statement_type, back=item.years_back, day=day)


def _input(item: Input, components: list[_Row], *, optional: bool) -> list[_Row]:
    """Return a row per statement, then the input's value: their sum, or the share count on today's basis."""
    if item.column.additive != "flow":
        components = [p for p in components if p["is_end"]] or components[:1]
    where = ("sign", "date", "period", "version", "available_date", "accepted_at", "source", *_NAMES)
    rows = [
        _row(item.name, p["value"], item=item.column.name, note=_zero(p), **{n: p[n] for n in where})
        for p in components
        if p["date"] is not None
    ]
    if not rows:
        return [_row(item.name, None, note=components[0]["reason"] if components else "no_statement_known")]
    values = [_usable(item, p) for p in components]
    if optional:
        values = [value or 0.0 for value in values]
    if None in values:
        note = ": ".join(["missing", *dict.fromkeys(filter(None, map(_zero, components)))])
        return [*rows, _row(item.name, None, note=note)]
    if item.column.additive == "flow":
        total = sum(p["sign"] * value for p, value in zip(components, values, strict=True))
        return [*rows, _row(item.name, total, note=components[0]["derivation"] or "sum")]
    if item.column.additive == "shares":
        factor = components[0]["cumulative_split_factor"]
        note = f"on today's split basis: {factor!r} times"
        return [*rows, _row(item.name, values[0] * factor, note=note)]
    return rows


def _usable(item: Input, component: _Row) -> float | None:
    """Return a figure; None for a 0 that means missing, and for the count of a derived quarter."""
    value: float | None = component["used"]
    return None if item.column.additive == "shares" and not component["is_reported"] else value


def _zero(component: _Row) -> str | None:
    """Return the note of a 0 that means missing."""
    return _ZERO if component["used"] is None and component["value"] is not None else None


def _row(step: str, value: float | None, **more: Any) -> _Row:
    return dict.fromkeys(_COLUMNS) | {"step": step, "value": value} | more


def _frame(rows: list[_Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")
