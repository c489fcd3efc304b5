"""Read cached answers into records by dataset and symbol, and select those public on a day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, cached_property
from math import prod
from typing import Any, Self

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.providers.fmp.sample_server.computed_records import profile_of, ratios_of
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import fields, ratio_names
from factorlab_lake.schema import table

__all__ = ["Record", "Records", "SampleDataset", "split_factor", "split_power", "to_columns", "to_wire"]

Record = dict[str, Any]
Records = Mapping[tuple[str, str], Sequence[Record]]

_STATEMENTS = ("income", "balance_sheet", "cash_flow")
_FACTS = "company_facts"  # no dataset of the vendor: what the profiles have beside the figures of the bars
_UNMAPPED = "\0"  # begins the key of fields without a column; only their own API generation sends them


@dataclass(frozen=True)
class SampleDataset:
    """Represent the records that a server answers from, seen on the day ``today``.

    ``stored`` has the lake's names of datasets and columns, and is keyed by (dataset, symbol). All records
    count the splits up to ``today``. Of several records of one period, the server sends the one accepted
    last.
    """

    stored: Records = field(repr=False)
    today: date

    @staticmethod
    def field_names(dataset: str, generation: str) -> Mapping[str, str]:
        """Return ``{wire field: column}`` of a dataset in one API generation."""
        return ratio_names(generation) if dataset == "ratios" else fields(dataset, generation)

    @classmethod
    def of(cls, records: Records, today: date, *, generation: str = "v3") -> Self:
        """Return a dataset of records with the field names of one API generation.

        >>> bars = [{"date": "2021-03-31", "close": 122.15}]
        >>> dataset = SampleDataset.of({("price", "AAPL"): bars}, date(2021, 3, 31))
        >>> dataset.records("price", "AAPL")
        [{'date': '2021-03-31', 'close_price': 122.15}]
        """
        stored = {
            (dataset, symbol): to_columns(rows, cls.field_names(dataset, generation), generation)
            for (dataset, symbol), rows in records.items()
        }
        return cls(stored, today)

    @classmethod
    def from_cache(
        cls,
        answers: Iterable[FetchResult],
        splits: Iterable[Mapping[str, Any]] = (),
        *,
        profiles: Iterable[Mapping[str, Any]] = (),
        generation: str = "v3",
    ) -> Self:
        """Return the records of cached answers on the day of the newest answer.

        ``splits`` have symbol, date, numerator and denominator; ``profiles`` have the symbol and columns of
        ``company_profiles``, for symbols without a cached profile. Answers overlap, because the cache stores
        a quarter once per limit; the answer fetched last wins. All answers must have one split basis. Raises
        :class:`InvalidInput` when no answer has records.
        """
        records: dict[tuple[str, str], dict[Any, Record]] = {}
        newest: datetime | None = None
        for answer in sorted(answers, key=lambda answer: answer.fetched_at):
            if answer.records is not None:
                newest = answer.fetched_at
                records.setdefault((answer.dataset, answer.symbol), {}).update(_by_period(answer.records))
        if newest is None:
            raise InvalidInput("No answer with records to serve; pass those of a healthy cache.")
        for split in splits:
            records.setdefault(("split", str(split["symbol"])), {})[split["date"]] = _split(split)
        plain = {key: list(rows.values()) for key, rows in records.items()}
        dataset = cls.of(plain, newest.date(), generation=generation)
        known = {(_FACTS, str(facts["symbol"])): [dict(facts)] for facts in profiles}
        held = {key: facts for key, facts in known.items() if dataset.knows(key[1])}
        return replace(dataset, stored={**dataset.stored, **held})

    @cached_property
    def symbols(self) -> list[str]:
        """List the symbols that have records, sorted."""
        return sorted(self._symbols)

    def knows(self, symbol: str) -> bool:
        """Return whether a symbol has records."""
        return symbol in self._symbols

    @cached_property
    def _symbols(self) -> set[str]:
        return {symbol for _, symbol in self.stored}

    def records(self, dataset: str, symbol: str) -> list[Record]:
        """Return the records that are public on ``today``, newest first.

        Ratios and profiles that the cache lacks are computed from its statements and bars.
        """
        if dataset == "price_unadjusted":
            splits, today = self.stored.get(("split", symbol), ()), self.today.isoformat()
            return [_as_traded(bar, splits, today) for bar in self.records("price", symbol)]
        if dataset in ("ratios", "profile") and (dataset, symbol) not in self.stored:
            return self._computed(dataset, symbol)
        return self._public(dataset, symbol)

    def _computed(self, dataset: str, symbol: str) -> list[Record]:
        bars = self._public("price", symbol)
        if dataset == "ratios":
            statements = {name: self._public(name, symbol) for name in _STATEMENTS}
            return ratios_of(statements, bars)
        [facts] = self.stored.get((_FACTS, symbol), ()) or [{}]
        return profile_of(facts, self._public("income", symbol), bars)

    def _public(self, dataset: str, symbol: str) -> list[Record]:
        newest: dict[Any, Record] = {}
        today = self.today.isoformat()
        for record in sorted(self.stored.get((dataset, symbol), ()), key=_public_at):
            if _public_at(record)[:10] <= today:
                newest[_day(record), record.get("fiscal_period")] = record
        return sorted(newest.values(), key=_day, reverse=True)


def split_factor(splits: Sequence[Record], since: str, until: str) -> float:
    """Return the number of shares on the day ``until`` that one share on the day ``since`` has become.

    >>> split_factor([{"date": "2020-08-31", "numerator": 4, "denominator": 1}], "2020-08-28", "2020-08-31")
    4.0
    """
    if since > until:
        return 1 / split_factor(splits, until, since)
    return prod((s["numerator"] / s["denominator"] for s in splits if since < s["date"] <= until), start=1.0)


def to_columns(records: Iterable[Record], names: Mapping[str, str], generation: str) -> list[Record]:
    """Return records under the lake's columns; fields without a column stay for their own generation."""
    return [_in_columns(record, names, generation) for record in records]


def to_wire(records: Iterable[Record], names: Mapping[str, str], generation: str) -> list[Record]:
    """Return records as an API generation sends them; columns without a field there are left out."""
    unmapped = _UNMAPPED + generation
    return [
        {name: record[column] for name, column in names.items() if column in record}
        | record.get(unmapped, {})
        for record in records
    ]


def _in_columns(sent: Record, names: Mapping[str, str], generation: str) -> Record:
    record = {names[name]: _number(value) for name, value in sent.items() if name in names}
    unmapped = {name: value for name, value in sent.items() if name not in names}
    return record | {_UNMAPPED + generation: unmapped} if unmapped else record


def _number(value: Any) -> Any:
    """Write a number as FMP does: a whole one without a point (a frame adds it), and NaN as null."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def _by_period(records: pl.DataFrame) -> dict[Any, Record]:
    rows = records.iter_rows(named=True)
    sent = ({k: v for k, v in row.items() if v is not None and not k.startswith("_")} for row in rows)
    return {(record.get("date"), record.get("period")): record for record in sent}


def _split(split: Mapping[str, Any]) -> Record:
    return {
        "symbol": str(split["symbol"]),
        "date": str(split["date"]),
        "numerator": float(split["numerator"]),
        "denominator": float(split["denominator"]),
    }


def _day(record: Record) -> str:
    return str(record.get("fiscal_date") or record.get("date") or "")


def _public_at(record: Record) -> str:
    return str(record.get("accepted_at") or record.get("filing_date") or _day(record))


def _as_traded(bar: Record, splits: Sequence[Record], today: str) -> Record:
    """Return a bar as it traded on its own day, without the splits after it."""
    ratio = split_factor(splits, bar["date"], today)
    adjusted = {name: power for name, power in _price_powers().items() if bar.get(name) is not None}
    return bar | {
        name: round(bar[name] / ratio) if power > 0 else round(bar[name] * ratio, 4)
        for name, power in adjusted.items()
    }


@cache
def _price_powers() -> dict[str, int]:
    """Return the power of a split's ratio by which each column of a bar changes."""
    columns = table("price_data").columns
    # FMP counts the unadjusted volume on the basis of its own day for good.
    powers = {c.name: split_power(c.unit) for c in columns if c.name != "unadjusted_volume"}
    return {name: power for name, power in powers.items() if power}


def split_power(unit: str) -> int:
    """Return the power of a split's ratio by which figures of a unit change: 0 for most units.

    >>> split_power("shares"), split_power("quote_currency_per_share"), split_power("fraction")
    (1, -1, 0)
    """
    return 1 if unit == "shares" else -1 if unit.endswith("_per_share") else 0
