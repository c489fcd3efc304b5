"""Offer the SQL functions of a lake in a Spark session: the same questions as Spark DataFrames."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, Any

from factorlab_lake.derive.computation import buckets_of
from factorlab_lake.derive.staleness import stale_symbols
from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.functions.shell.spark.spark_texts import (
    VIEWS,
    empty_query,
    question_query,
    relations_in,
    renamed,
    table_query,
    view_query,
)
from factorlab_lake.query.arguments import DateLike, Dates, in_sequence, one_of, to_date, to_dates
from factorlab_lake.query.query_hints import QueryHints
from factorlab_lake.query.snapshot_reader import SnapshotReader
from factorlab_lake.schema import TableSpec, identifiers, literal, table
from factorlab_lake.schema.derived_tables import DERIVED_TABLES, VINTAGES
from factorlab_lake.schema.rules import (
    BEGINNING_OF_TIME,
    END_OF_TIME,
    LAST_DAY,
    PRICE_AGE_LIMIT_DAYS,
    QUARTER_AGE_LIMIT_DAYS,
)
from factorlab_lake.storage.data_files import files_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["READERS", "SparkLake"]

READERS = ("delta", "parquet")
"""How Spark reads a table: as a version of a Delta table, or as the list of that version's files."""


class SparkLake:
    """Represent one snapshot of a lake in a Spark session that the caller started.

    Each method returns a DataFrame, which Spark computes when its rows are needed. Rows have no order. The
    methods have the names, arguments and columns of the SQL functions. Symbols are one, several or ``"all"``;
    dates are one or several.
    """

    def __init__(
        self, session: SparkSession, reader: SnapshotReader, *, location: str | None, read_as: str
    ) -> None:
        one_of(read_as, READERS, "read_as")
        self._session, self._reader, self._read_as = session, reader, read_as
        self._location = str(reader.layout.root) if location is None else location.rstrip("/")
        self._prefix = f"factorlab_lake_{reader.snapshot.id}_{secrets.token_hex(4)}_"
        self._created: set[str] = set()
        self._stale = _stale(reader)

    def __repr__(self) -> str:
        return f"SparkLake({self._location!r}, snapshot={self._reader.snapshot.id})"

    def table(self, name: str) -> DataFrame:
        """Return the rows of a table or view, such as ``price_data`` or ``financial_statements``."""
        if name not in VIEWS:
            table(name)
        return self._run(f"SELECT * FROM {name}")

    def market_caps(
        self,
        symbols: str | Iterable[str],
        dates: Dates,
        *,
        price_age_limit: int = PRICE_AGE_LIMIT_DAYS,
        shares_age_limit: int = QUARTER_AGE_LIMIT_DAYS,
        vintage: str = "known",
    ) -> DataFrame:
        """Return market capitalisations as known at each date: one row per symbol and date.

        Columns, rules and reasons are those of the SQL function ``market_caps``.
        """
        limits = {"price_age_limit": price_age_limit, "shares_age_limit": shares_age_limit}
        return self._grid("market_caps", symbols, dates, vintage=vintage, limits=limits)

    def shares_as_of(
        self, symbols: str | Iterable[str], dates: Dates, *, vintage: str = "known"
    ) -> DataFrame:
        """Return the best share count known at each date: one row per symbol and date with a count."""
        return self._grid("shares_as_of", symbols, dates, vintage=vintage)

    def ttm(
        self,
        symbols: str | Iterable[str],
        dates: Dates,
        *,
        age_limit: int = QUARTER_AGE_LIMIT_DAYS,
        vintage: str = "known",
    ) -> DataFrame:
        """Return the flows of the trailing twelve months as known at each date, in ``reported_currency``.

        One row per symbol and date, with the columns of the SQL function ``ttm``.
        """
        return self._grid("ttm", symbols, dates, vintage=vintage, limits={"age_limit": age_limit})

    def factor_inputs(
        self,
        symbols: str | Iterable[str],
        dates: Dates,
        *,
        age_limit: int = QUARTER_AGE_LIMIT_DAYS,
        vintage: str = "known",
    ) -> DataFrame:
        """Return the figures from which factors are computed: one row per symbol and date."""
        return self._grid("factor_inputs", symbols, dates, vintage=vintage, limits={"age_limit": age_limit})

    def factors(
        self,
        symbols: str | Iterable[str],
        dates: Dates,
        *,
        age_limit: int = QUARTER_AGE_LIMIT_DAYS,
        vintage: str = "known",
    ) -> DataFrame:
        """Return the factors as known at each date: one row per symbol and date.

        ``reasons`` is a JSON object with the cause of each factor that is NULL.
        """
        return self._grid("factors", symbols, dates, vintage=vintage, limits={"age_limit": age_limit})

    def ratios(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
    ) -> DataFrame:
        """Return the factors of each fiscal period on the day on which it became available.

        One row per symbol and fiscal period end between two dates, both included.
        """
        first, last = _range(start_date, end_date)
        names = self._reader.symbols.names(symbols)
        arguments = {"start_date": _day(first), "end_date": _day(last), **_years([])}
        return self._ask("ratios", names, arguments)

    def adjusted_prices(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
    ) -> DataFrame:
        """Return daily bars adjusted for splits and dividends: one row per symbol and trading day.

        Columns, rules and reasons are those of the SQL function ``adjusted_prices``; both dates are included.
        """
        first, last = _range(start_date, end_date)
        names = self._reader.symbols.names(symbols)
        return self._ask("adjusted_prices", names, {"start_date": _day(first), "end_date": _day(last)})

    def revisions(self) -> DataFrame:
        """Return every value that a later fetch or filing replaced: one row per table, key and column.

        ``old`` and ``new`` are texts, in which Spark writes numbers in its own way.
        """
        return self._run("SELECT * FROM revisions")

    def quarters(
        self, symbols: str | Iterable[str], as_of: DateLike | None = None, *, vintage: str = "known"
    ) -> DataFrame:
        """Return the flows of every quarter as known at the close of a day; by default, as known now.

        One row per symbol and quarter end, Q4 included, in ``reported_currency``.
        """
        one_of(vintage, VINTAGES, "vintage")
        day = LAST_DAY if as_of is None else to_date(as_of, "as_of")
        names = self._reader.symbols.names(symbols)
        return self._ask("quarters", names, {"as_of": _day(day), "vintage": literal(vintage)})

    def statements_as_of(self, as_of: DateLike, *, vintage: str = "known") -> DataFrame:
        """Return the statements of every fiscal period as known at the close of a day.

        One row per symbol, provider, statement type and fiscal period; ``metrics`` has all line items (JSON).
        """
        one_of(vintage, VINTAGES, "vintage")
        arguments = {"as_of": _day(to_date(as_of, "as_of")), "vintage": literal(vintage)}
        return self._run(question_query("statements_as_of", arguments))

    def _grid(
        self,
        name: str,
        symbols: str | Iterable[str],
        dates: Dates,
        *,
        vintage: str,
        limits: dict[str, int] | None = None,
    ) -> DataFrame:
        one_of(vintage, VINTAGES, "vintage")
        days, names = to_dates(dates), self._reader.symbols.names(symbols)
        for limit, value in (limits or {}).items():
            check_type(value, int, limit, "a number of days, such as 10")
        arguments = {limit: str(value) for limit, value in (limits or {}).items()}
        arguments |= {"vintage": literal(vintage), **_years(days)}
        return self._ask(name, names, arguments, requested_dates=self._frame("date", days))

    def _ask(
        self, name: str, symbols: list[str], arguments: dict[str, str], **frames: DataFrame
    ) -> DataFrame:
        query = question_query(name, {**_DEFAULTS, **_buckets(symbols), **arguments})
        return self._run(query, requested_symbols=self._frame("symbol", symbols), **frames)

    def _run(self, query: str, **frames: DataFrame) -> DataFrame:
        """Run a query over the lake's tables; its frames are relations that it names."""
        self._create(relations_in(query))
        text = renamed(query, self._prefix)
        if frames:
            text = text.replace("{", "{{").replace("}", "}}")
            for name in frames:
                text = text.replace(name, f"{{{name}}}")
        return self._session.sql(text, **frames)

    def _frame(self, name: str, values: list[Any]) -> DataFrame:
        kind = "string" if name == "symbol" else "date"
        return self._session.createDataFrame([(value,) for value in values], schema=f"{name} {kind}")

    def _create(self, names: Iterable[str]) -> None:
        """Create the views of the tables that a query names, unless they are there."""
        for name in names:
            if name in self._created:
                continue
            if name in VIEWS:
                query = view_query(name)
                self._create(relations_in(query))
                rows = self._session.sql(renamed(query, self._prefix))
            else:
                rows = self._rows(table(name))
            rows.createOrReplaceTempView(self._prefix + name)
            self._created.add(name)

    def _rows(self, spec: TableSpec) -> DataFrame:
        stored = self._stored(spec)
        if stored is None:
            rows = self._session.sql(empty_query(spec))
        else:
            lag = self._reader.rule.lag_days
            query = table_query(spec, set(stored.columns), None if lag is None else str(lag))
            rows = self._session.sql(query.replace("stored_rows", "{stored_rows}"), stored_rows=stored)
        return self._with_computed(spec, rows) if self._stale and spec.name in DERIVED_TABLES else rows

    def _stored(self, spec: TableSpec) -> DataFrame | None:
        """Return the rows of a table in the snapshot; None without any."""
        version = self._reader.snapshot.tables.get(spec.name)
        if version is None:
            return None
        folder = f"{self._location}/{spec.name}"
        read = self._session.read
        if self._read_as == "delta":
            return read.format("delta").option("versionAsOf", version).load(folder)
        parts: dict[int | None, list[str]] = {}
        for file in files_of(self._reader.layout, self._reader.snapshot, spec.name):
            parts.setdefault(file.partition, []).append(f"{folder}/{file.path}")
        rows = [
            self._of_partition(spec, value, read.option("mergeSchema", "true").parquet(*paths))
            for value, paths in parts.items()
        ]
        return reduce(_union, rows) if rows else None

    @staticmethod
    def _of_partition(spec: TableSpec, value: int | None, rows: DataFrame) -> DataFrame:
        """Return the rows of one partition with its column, which the files lack.

        Spark reads it from a folder's name for whole folders alone, and Sail does not.
        """
        if not spec.partition_by:
            return rows
        names = [name for name in rows.columns if name != spec.partition_by]
        number = "NULL" if value is None else str(value)
        return rows.selectExpr(*names, f"CAST({number} AS INT) AS {spec.partition_by}")

    def _with_computed(self, spec: TableSpec, stored: DataFrame) -> DataFrame:
        """Return derived rows; those of symbols whose stored rows are not usable are computed here."""
        names = sorted(self._stale)
        query = f"SELECT {identifiers(spec.names())} FROM {spec.name} WHERE symbol IN (SELECT unnest($names))"
        rows = self._reader.session.frame(query, {"names": names}, needs=QueryHints(symbols=names))
        if rows.is_empty():
            return stored.filter(~stored["symbol"].isin(names))
        computed = self._session.createDataFrame(rows.to_arrow())
        return stored.filter(~stored["symbol"].isin(names)).unionByName(computed)


def _union(first: DataFrame, second: DataFrame) -> DataFrame:
    return first.unionByName(second, allowMissingColumns=True)


_DEFAULTS = {
    "price_age_limit": str(PRICE_AGE_LIMIT_DAYS),
    "shares_age_limit": str(QUARTER_AGE_LIMIT_DAYS),
    "age_limit": str(QUARTER_AGE_LIMIT_DAYS),
    "vintage": literal("known"),
}


def _stale(reader: SnapshotReader) -> frozenset[str]:
    """Return the symbols whose stored derived rows are not usable; raise where those of all are not."""
    stale = stale_symbols(reader.layout, reader.snapshot, reader.rule, reader.providers)
    if stale is None:
        raise InvalidInput(
            f"Snapshot {reader.snapshot.id} has no derived rows of the availability rule "
            f"{reader.rule.setting!r} that this version can use, and Spark cannot compute them; open the "
            "newest snapshot with the lake's own rule, or run `factorlab-lake repair` first.",
            snapshot=reader.snapshot.id,
        )
    return stale


def _buckets(symbols: list[str]) -> dict[str, str]:
    """Return the numbers of the buckets with rows of some symbols: Spark opens only their files."""
    return {
        f"buckets_of_{name}": ", ".join(map(str, sorted(buckets_of(symbols, spec)))) or "-1"
        for name, spec in DERIVED_TABLES.items()
        if spec.buckets
    }


def _years(days: list[date]) -> dict[str, str]:
    """Return the years whose bars can answer for some days; without days, all years."""
    first, last = min(days, default=BEGINNING_OF_TIME), max(days, default=END_OF_TIME)
    earliest = first.year if first.timetuple().tm_yday > PRICE_AGE_LIMIT_DAYS else first.year - 1
    return {"first_year": str(earliest), "last_year": str(last.year)}


def _range(start: DateLike | None, end: DateLike | None) -> tuple[date, date]:
    first = BEGINNING_OF_TIME if start is None else to_date(start, "start_date")
    last = END_OF_TIME if end is None else to_date(end, "end_date")
    return in_sequence(first, last)


def _day(day: date) -> str:
    return f"DATE '{day.isoformat()}'"
