"""Serve records on any day and split basis, and with every dataset of FMP's API."""

from __future__ import annotations

import csv
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self

from factorlab_lake.providers.fmp.sample_server.records_by_symbol import (
    Record,
    Records,
    SampleDataset,
    split_factor,
    to_columns,
)
from tests.fakes.fmp.split_basis import to_split_basis

__all__ = ["FakeDataset", "csv_rows"]


@dataclass(frozen=True)
class FakeDataset(SampleDataset):
    """Represent records whose day can be changed: ``stored`` counts every split up to ``basis``.

    Prices and share counts are served on the split basis of ``today``. Datasets do not change: :meth:`at` and
    :meth:`put` return others.
    """

    basis: date

    @staticmethod
    def field_names(dataset: str, generation: str) -> Mapping[str, str]:
        """Return ``{wire field: column}``: the lake's, and ``names.csv`` for datasets the lake does not read.

        >>> FakeDataset.field_names("income", "v3")["fillingDate"]
        'filing_date'
        >>> FakeDataset.field_names("eod", "stable")["adjClose"]
        'adjusted_close'
        """
        return SampleDataset.field_names(dataset, generation) or _further_names(dataset, generation)

    @classmethod
    def of(cls, records: Records, today: date, *, generation: str = "v3", basis: date | None = None) -> Self:
        """Return a dataset of records with the field names of one API generation."""
        stored = {
            (dataset, symbol): to_columns(rows, cls.field_names(dataset, generation), generation)
            for (dataset, symbol), rows in records.items()
        }
        return cls(stored, today, basis or today)

    def at(self, today: date) -> Self:
        """Return the same dataset on another day."""
        return replace(self, today=today)

    def put(self, dataset: str, symbol: str, records: Sequence[Record], *, generation: str = "v3") -> Self:
        """Return a dataset in which these records replace those of one (dataset, symbol)."""
        names = self.field_names(dataset, generation)
        changed = {(dataset, symbol): to_columns(records, names, generation)}
        return replace(self, stored=ChainMap(changed, self.stored))  # type: ignore[arg-type]  # only read

    def records(self, dataset: str, symbol: str) -> list[Record]:
        """Return the records that are public on ``today`` on its split basis, newest first."""
        if dataset == "price_adjusted":
            return [_adjusted(bar) for bar in self.records("price", symbol)]
        if dataset == "eod":
            return self.records("price", symbol)
        records = super().records(dataset, symbol)
        if dataset == "price_unadjusted" or self.today == self.basis:
            return records
        splits = self.stored.get(("split", symbol), ())
        ratio = split_factor(splits, self.basis.isoformat(), self.today.isoformat())
        if ratio != 1:
            records = [to_split_basis(dataset, record, ratio) for record in records]
        return _without_later_dividends(records) if dataset == "price" else records


def csv_rows(file: str) -> list[dict[str, str]]:
    """Return the rows of a data file of this folder."""
    return list(csv.DictReader(Path(__file__).with_name(file).read_text(encoding="utf-8").splitlines()))


@cache
def _further_names(dataset: str, generation: str) -> dict[str, str]:
    rows = (row for row in csv_rows("names.csv") if row["dataset"] == dataset)
    return {row["field"]: row["column"] for row in rows if row["generation"] == generation}


def _without_later_dividends(bars: list[Record]) -> list[Record]:
    """Remove later dividends from the adjusted closes: the newest bar's is equal to its close."""
    newest = next((bar for bar in bars if bar.get("adjusted_close")), None)
    if newest is None:
        return bars
    ratio = newest["close_price"] / newest["adjusted_close"]
    return [
        bar | {"adjusted_close": round(bar["adjusted_close"] * ratio, 4)}
        if bar.get("adjusted_close")
        else bar
        for bar in bars
    ]


def _adjusted(bar: Record) -> Record:
    close = bar["close_price"]
    ratio = bar.get("adjusted_close", close) / close
    prices = ("open_price", "high_price", "low_price", "close_price")
    return bar | {name: round(bar[name] * ratio, 4) for name in prices if bar.get(name) is not None}
