"""Send plain HTTP requests to the fake FMP, and read its responses."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx

from factorlab_lake.providers.records import fields
from tests.fakes.fmp import FakeDataset, FakeFmp, synthetic_dataset

KEY = {"apikey": "demo"}
TODAY = date(2021, 3, 31)
# These companies include some with splits and some with dividends.
SYMBOLS = ["M000", "M001", "M003", "BRK.B"]
STATEMENTS = {
    "income": "income-statement",
    "balance_sheet": "balance-sheet-statement",
    "cash_flow": "cash-flow-statement",
}


@contextmanager
def serving(dataset: FakeDataset | None = None, **options: Any) -> Iterator[tuple[FakeFmp, httpx.Client]]:
    """Start a server and a client that sends its key in the header."""
    with (
        FakeFmp(synthetic_dataset(SYMBOLS) if dataset is None else dataset, **options) as server,
        httpx.Client(base_url=server.url, headers=KEY, timeout=10) as client,
    ):
        yield server, client


def rows_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the rows of a JSON response, without the object that v3 may wrap them in."""
    assert answer.status_code == 200, answer.text
    data = answer.json()
    rows: list[dict[str, Any]] = data["historical"] if isinstance(data, dict) else data
    return rows


def csv_of(answer: httpx.Response) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a CSV response, without FMP's oddities."""
    text = answer.content.decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    return header, rows


def sent_fields(dataset: str, generation: str) -> set[str]:
    """Return the fields of a dataset in the field map."""
    return set(fields(dataset, generation))


def bars(*days_and_closes: tuple[str, float]) -> list[dict[str, Any]]:
    """Return v3 bars with these days and closes."""
    return [{"date": day, "close": close, "volume": 1000} for day, close in days_and_closes]
