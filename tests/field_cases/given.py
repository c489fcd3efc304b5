"""Bring the inputs of the field cases into a lake, each on the way that its line of INDEX.md names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl

from factorlab_lake.lake import Lake
from factorlab_lake.providers.fmp import FmpProvider
from tests.fakes.scripted_fmp import Time, json_response, provider

__all__ = ["INPUTS", "BarRow", "bars", "fetch", "index_lines", "one", "records", "served", "text_file"]

INPUTS = Path(__file__).parent / "inputs"

BarRow = tuple[str, str, float]  # symbol, date, close


def index_lines() -> list[str]:
    """Return the inputs that INDEX.md lists, without a closing slash."""
    text = (INPUTS / "INDEX.md").read_text(encoding="utf-8")
    names = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    return [name.rstrip("/") for name in names if name[0].isdigit()]


def bars(*rows: BarRow, basis: str) -> pl.DataFrame:
    """Return bars for ``load price_data``, all on one split basis."""
    return pl.DataFrame(rows, schema=["symbol", "date", "close_price"], orient="row").with_columns(
        split_basis_date=pl.lit(basis)
    )


def text_file(folder: Path, name: str, text: str) -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


class _RealTime(Time):
    """Tell the time of day as it is: the order of a fetch and a load matters."""

    def clock(self) -> datetime:
        return datetime.now(UTC)


def served(answers: dict[str, Any], **settings: Any) -> FmpProvider:
    """Return a provider whose vendor answers each endpoint with some rows, and the others with none.

    A key of ``answers`` is a part of the endpoint's path.
    """

    def answer(request: httpx.Request) -> httpx.Response:
        lists = [rows for part, rows in answers.items() if part in request.url.path]
        return json_response(lists[0] if lists else [])

    return provider(answer, _RealTime(), **settings)


def fetch(lake: Lake, symbols: Sequence[str], kinds: Sequence[str], answers: dict[str, Any]) -> Any:
    """Fetch some kinds of data from a vendor that answers with these rows, and return the report."""
    return lake.fetch(served(answers), symbols, kinds=kinds)


def one(answer: pl.DataFrame) -> dict[str, Any]:
    """Return the one row of an answer."""
    (row,) = answer.to_dicts()
    return row


def records(name: str) -> Any:
    """Return the content of a JSON input."""
    return json.loads((INPUTS / name).read_text(encoding="utf-8"))
