"""Compute market caps as Factor Lab did: read the two files of a symbol again for each of its dates.

The demo and the benchmarks compare with this baseline: it has the same answers and the same availability
rule, at its own cost. It uses no code of the lake. Answers are right only for one cache of one day, because
its prices and share counts then have one split basis.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from glob import escape
from pathlib import Path
from typing import Any

from factorlab_lake.errors import NotFound

__all__ = ["market_caps"]

_CLOSE = time(16)  # New York; the cache's acceptance times are New York wall time


def market_caps(
    cache_dir: str | Path, symbols: Iterable[str], dates: Iterable[date]
) -> list[tuple[str, date, float | None]]:
    """Return sorted (symbol, date, market cap or None): the close times the weighted average of shares.

    The close is that of the last bar on or before the date; the shares are those of the newest quarter
    whose statement was accepted by the date's close. Raises :class:`NotFound` for a symbol without files.
    """
    days = sorted(set(dates))
    answers = []
    for symbol in sorted(set(symbols)):
        prices = _newest_file(cache_dir, "price_data", f"{_in_file_names(symbol)}_price_full_history_")
        income = _newest_file(
            cache_dir, "income_statements", f"{_in_file_names(symbol)}_income_statement_quarterly_"
        )
        answers += [(symbol, day, _market_cap(prices, income, day)) for day in days]
    return answers


def _market_cap(prices: Path, income: Path, day: date) -> float | None:
    """Return one market cap the old way: read both files in full to find one bar and one quarter."""
    bars = [b for b in _read(prices) if b["date"] <= day.isoformat()]
    quarters = [q for q in _read(income) if _available(q) <= day]
    if not bars or not quarters:
        return None
    close = max(bars, key=_day)["close"]
    shares = max(quarters, key=_day)["weightedAverageShsOut"]
    return float(close) * float(shares) if close and shares else None


def _available(statement: dict[str, Any]) -> date:
    """Return the first day on whose close a statement was available."""
    end = date.fromisoformat(statement["date"])
    if statement.get("acceptedDate"):
        accepted = datetime.fromisoformat(statement["acceptedDate"])
        if accepted.date() > end:
            return accepted.date() + timedelta(days=accepted.time() > _CLOSE)
    if statement.get("fillingDate") and (filed := date.fromisoformat(statement["fillingDate"])) > end:
        return filed + timedelta(days=1)
    return end + timedelta(days=75)


def _read(path: Path) -> list[dict[str, Any]]:
    body = path.read_bytes()
    records: list[dict[str, Any]] = json.loads(gzip.decompress(body) if path.suffix == ".gz" else body)[
        "data"
    ]
    return records


def _newest_file(cache_dir: str | Path, folder: str, start: str) -> Path:
    """Return the file with the longest history: that of the largest request limit."""
    paths = list((Path(cache_dir) / folder).glob(f"{escape(start)}*.json*"))
    paths = [p for p in paths if p.suffix in (".gz", ".json")]
    if not paths:
        raise NotFound(f"{Path(cache_dir) / folder} has no file {start}*.", path=str(cache_dir))
    return max(paths, key=_limit)


def _limit(path: Path) -> int:
    limit = re.search(r"_limit(\d+)_", path.name)
    return int(limit[1]) if limit else 0


def _in_file_names(symbol: str) -> str:
    return symbol.upper().replace("/", "-").replace(":", "-")


def _day(record: dict[str, Any]) -> str:
    day: str = record["date"]
    return day
