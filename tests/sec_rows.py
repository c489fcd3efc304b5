"""Bring Apple's statements and share counts from SEC into a lake, through the lake's own ingest.

The source of ``tests/data/sec/AAPL.json.gz`` is SEC's EDGAR. Figures are as filed, so the split basis of a
row is the New York day on which its filing was accepted, or its filing date.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from factorlab_lake.ingest.fetch_log import coverage_of, log_lines
from factorlab_lake.ingest.merge import merge_rows
from factorlab_lake.lake import Lake
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema import DATASETS, TABLES
from factorlab_lake.schema.spec import STATEMENT_TYPES
from factorlab_lake.storage.delta import polars_schema
from tests.support import ROOT, writing

APPLE = ROOT / "tests" / "data" / "sec" / "AAPL.json.gz"
PROVIDER = "sec"
CIK = "0000320193"
FETCHED = datetime(2026, 2, 27, 22, tzinfo=UTC)

_NEW_YORK = ZoneInfo("America/New_York")
_OF_THE_MERGE = ("version", "change_kind", "recorded_at")  # the merge sets these columns


@cache
def apple() -> dict[str, Any]:
    """Return Apple's file as it is: lists of ``rows``, ``shares``, ``restatements``, and a ``summary``."""
    content: dict[str, Any] = json.loads(gzip.decompress(APPLE.read_bytes()))["AAPL"]
    return content


def land_sec(lake: Lake, *, statements: bool = True, shares: bool = True, until: date | None = None) -> None:
    """Merge Apple's SEC rows into a lake: all of them, or those that were filed by ``until``."""
    datasets: dict[str, pl.DataFrame] = {}
    if statements:
        datasets |= {DATASETS[each]: statement_rows(each, until) for each in STATEMENT_TYPES}
    if shares:
        datasets["shares_outstanding"] = share_rows(until)
    with writing(lake) as tx:
        for name, rows in datasets.items():
            merge_rows(tx, name, rows, FETCHED)
            tx.append("data_fetch_log", _log_line(name, rows))
    lake.refresh()


def _log_line(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the fetch log's line of one table: rules about versions ask which fetches there were."""
    fetch = FetchResult(
        fetch_id=rows["fetch_id"][0],
        dataset=next((d for d, t in DATASETS.items() if t == name), name),
        symbol="AAPL",
        fetched_at=FETCHED,
        provider=PROVIDER,
        endpoint="tests/data/sec/AAPL.json.gz",
        parameters="{}",
        records=rows,
    )
    no_rejects = pl.DataFrame(schema={"fetch_id": pl.String})
    return log_lines([fetch], no_rejects, [coverage_of(rows, name)], FETCHED)


def statement_rows(statement_type: str, until: date | None = None) -> pl.DataFrame:
    """Return the typed rows of one statement type, as a provider's parser would hand them to the merge."""
    name = DATASETS[statement_type]
    return _typed(
        name,
        [
            each["row"]
            | _of_filing(each, statement_type)
            | {
                "fiscal_date": date.fromisoformat(each["fiscal_date"]),
                "fiscal_period": each["fiscal_period"],
                "fiscal_year": each["fiscal_year"],
                "reported_currency": each["currency"],
                "cik": CIK,
                "accepted_date": _accepted_day(each),
                "link": _link(each["accession"]),
            }
            for each in apple()["rows"]
            if each["statement_type"] == statement_type and _is_filed(each, until)
        ],
    )


def share_rows(until: date | None = None) -> pl.DataFrame:
    """Return the typed share counts of cover pages and balance sheets."""
    counts = [each for each in apple()["shares"] if _is_filed(each, until)]
    return _typed(
        "shares_outstanding",
        [
            _of_filing(each, "shares")
            | {
                "as_of_date": date.fromisoformat(each["as_of_date"]),
                "source": each["source"],
                "shares": each["shares"],
            }
            for each in counts
        ],
    )


def _is_filed(each: dict[str, Any], until: date | None) -> bool:
    return until is None or date.fromisoformat(each["filing_date"]) <= until


def _of_filing(each: dict[str, Any], dataset: str) -> dict[str, Any]:
    filed = date.fromisoformat(each["filing_date"])
    accepted = each["accepted_at"]
    return {
        "symbol": "AAPL",
        "accepted_at": datetime.fromisoformat(accepted) if accepted else None,
        "available_date": date.fromisoformat(each["available_date"]),
        "availability_basis": each["basis"],
        "filing_date": filed,
        "split_basis_date": _accepted_day(each) or filed,
        "source_provider": PROVIDER,
        "fetch_id": f"apple-{dataset}-from-sec",
        "fetched_at": FETCHED,
    }


def _accepted_day(each: dict[str, Any]) -> date | None:
    accepted = each["accepted_at"]
    return datetime.fromisoformat(accepted).astimezone(_NEW_YORK).date() if accepted else None


def _link(accession: str) -> str:
    folder = f"{int(CIK)}/{accession.replace('-', '')}"
    return f"https://www.sec.gov/Archives/edgar/data/{folder}/{accession}-index.htm"


def _typed(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {n: t for n, t in polars_schema(TABLES[name]).items() if n not in _OF_THE_MERGE}
    columns = {n: [row.get(n) for row in rows] for n in schema}
    return pl.DataFrame(
        {
            n: pl.Series(
                n, [float(v) if t == pl.Float64 and v is not None else v for v in columns[n]], dtype=t
            )
            for n, t in schema.items()
        }
    )
