"""Tell which symbols the old program has newer files of than the lake has read."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from factorlab_lake.errors import InvalidInput, LakeError
from factorlab_lake.ingest.legacy_cache.reader import CacheFile, read, scan
from factorlab_lake.legacy.old_cache import in_file_names
from factorlab_lake.query.questions import Questions
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES

__all__ = ["CacheWatch", "SymbolState", "answer_ages", "lacking_in_cache", "newest"]

_TABLES = {"price_data": ("price_data",), "financial_statements": tuple(STATEMENT_TABLES.values())}
_DAYS = {"price_data": "date", "financial_statements": "fiscal_date"}
# Tables of which an answer uses rows where the lake has them.
_BESIDE = {
    "splits": "date",
    "dividends": "date",
    "company_profiles": "symbol",
    "shares_outstanding": "as_of_date",
    "symbol_history": "valid_from",
}
_LOGGED = (
    "SELECT fetch_id, symbol, data_type, period, fetch_date, success FROM data_fetch_log "
    "WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))"
)
_Kind = tuple[str, str | None]  # table, and the period of a statement


@dataclass(slots=True)
class SymbolState:
    """Hold when the lake and the cache fetched each kind of data of a symbol; ``ahead``: files not read."""

    lake: dict[_Kind, datetime] = field(default_factory=dict)
    cache: dict[_Kind, datetime] = field(default_factory=dict)
    ahead: dict[_Kind, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class _Checked:
    at: float
    reader: object
    state: SymbolState


class CacheWatch:
    """Compare the digests of the old cache's files with the lake's fetch log, at most every ``every_s``.

    A file counts as ahead if the lake has not read its present bytes, and the fetch in it is later than all
    that the lake has of this kind. The folder is listed once for all symbols; only files that have changed
    since the last look are read. ``every_s`` of None switches the checks off. Thread-safe.
    """

    def __init__(self, folder: Path, every_s: float | None) -> None:
        self._folder, self._every_s = folder, every_s
        self._lock = threading.Lock()
        self._files: dict[str, list[CacheFile]] = {}
        self._listed_at = float("-inf")
        self._checked: dict[str, _Checked] = {}
        self._fetches: dict[str, tuple[tuple[int, int], str, datetime | None]] = {}

    def check(
        self, lake: Questions | None, symbols: Iterable[str]
    ) -> tuple[dict[str, SymbolState], set[str]]:
        """Return the state of each symbol, and those whose state is new; None is a lake out of reach."""
        names = list(dict.fromkeys(symbols))
        if self._every_s is None:
            return {}, set()
        with self._lock:
            now, reader = time.monotonic(), getattr(lake, "snapshot", lake)
            due = [s for s in names if self._is_due(s, now, reader)]
            if due:
                self._list(now)
                logged = {} if lake is None else _logged(lake, due)
                for symbol in due:
                    state = self._state(symbol, logged.get(_in_lake(symbol), []))
                    self._checked[symbol] = _Checked(now, reader, state)
            return {s: self._checked[s].state for s in names}, set(due)

    def _is_due(self, symbol: str, now: float, reader: object) -> bool:
        checked = self._checked.get(symbol)
        return checked is None or checked.reader != reader or now - checked.at >= (self._every_s or 0)

    def _list(self, now: float) -> None:
        if now - self._listed_at < (self._every_s or 0):
            return
        self._files, self._listed_at = {}, now
        try:
            listed = scan(self._folder) if self._folder.is_dir() else []
        except InvalidInput:  # a folder without files of a cache
            return
        for file in listed:
            if file.name is not None and not file.skip:
                self._files.setdefault(file.name.symbol.upper(), []).append(file)

    def _state(self, symbol: str, logged: list[tuple[str, str, str | None, datetime, bool]]) -> SymbolState:
        state = SymbolState()
        known = {row[0] for row in logged}
        for _, table, period, at, success in logged:
            if success:
                kind = _kind(table, period)
                state.lake[kind] = max(at, state.lake.get(kind, at))
        for file in self._files.get(in_file_names(_in_lake(symbol)), []):
            fetch_id, fetched_at = self._fetch(file)
            if fetched_at is None or file.name is None:
                continue
            kind = _kind(DATASETS[file.name.dataset], file.name.period)
            state.cache[kind] = max(fetched_at, state.cache.get(kind, fetched_at))
            if fetch_id not in known and (kind not in state.lake or fetched_at > state.lake[kind]):
                state.ahead[kind] = max(fetched_at, state.ahead.get(kind, fetched_at))
        return state

    def _fetch(self, file: CacheFile) -> tuple[str, datetime | None]:
        """Return the id and the time of the fetch in a file; None for one that cannot be read."""
        place = file.root / file.path
        try:
            stat = place.stat()
        except OSError:  # the old program has replaced or removed it
            return "", None
        stamp = stat.st_mtime_ns, stat.st_size
        seen = self._fetches.get(file.path)
        if seen is None or seen[0] != stamp:
            result = read(file)
            seen = stamp, result.fetch_id, None if result.records is None else result.fetched_at
            self._fetches[file.path] = seen
        return seen[1], seen[2]


def newest(times: dict[_Kind, datetime], needs: Iterable[str]) -> datetime | None:
    """Return the newest time of the tables that a question needs; None without one."""
    tables = {table for name in needs for table in _TABLES.get(name, (name,))}
    return max((at for (table, _), at in times.items() if table in tables), default=None)


def answer_ages(
    watch: CacheWatch, opened: Callable[[], Questions], sources: Mapping[str, str], needs: Iterable[str]
) -> pl.DataFrame:
    """Return the source and the age of the answer about each symbol; see ``DataProvider.last_answer``."""
    needed, now = tuple(needs), datetime.now(UTC)
    try:
        lake = opened() if sources else None
    except LakeError:  # out of reach: the cache has answered
        lake = None
    states = watch.check(lake, sources)[0] if sources else {}
    rows = []
    for symbol, source in sources.items():
        state = states.get(symbol, SymbolState())
        cached = newest(state.cache, needed)
        at = cached if source == "cache" else newest(state.lake, needed)
        is_behind = source != "cache" and newest(state.ahead, needed) is not None
        rows.append((symbol, source, at, None if at is None else now - at, cached, is_behind))
    moment = pl.Datetime("us", "UTC")
    schema = {
        "symbol": pl.String(),
        "source": pl.String(),
        "fetched_at": moment,
        "age": pl.Duration("us"),
        "cache_fetched_at": moment,
        "is_behind": pl.Boolean(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def lacking_in_cache(
    lake: Questions, cache: Questions, needs: Iterable[str], symbols: Iterable[str]
) -> set[str]:
    """Return the symbols of which the lake has data that the cache's files lack.

    Such as splits, or a longer history: an answer without them would be newer and wrong.
    """
    names = [_in_lake(s) for s in symbols]
    rows = " UNION ALL ".join(
        f"SELECT symbol, '{table}' AS part, count(*) AS n, CAST(min({day}) AS VARCHAR) AS first "  # noqa: S608
        f"FROM {table} WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) GROUP BY symbol"
        for table, day in {**{name: _DAYS[name] for name in needs}, **_BESIDE}.items()
    )
    held = {(s, p): (n, d) for s, p, n, d in lake.session.frame(rows, {"symbols": names}).iter_rows()}
    cached = {(s, p): (n, d) for s, p, n, d in cache.session.frame(rows, {"symbols": names}).iter_rows()}
    short = {
        symbol
        for (symbol, part), (n, first) in held.items()
        if (symbol, part) not in cached or cached[symbol, part][0] < n or cached[symbol, part][1] > first
    }
    return {s for s in symbols if _in_lake(s) in short}


def _in_lake(symbol: str) -> str:
    return symbol.strip().upper()


def _kind(table: str, period: str | None) -> _Kind:
    return table, period if table in STATEMENT_TABLES.values() else None


def _logged(
    lake: Questions, symbols: list[str]
) -> dict[str, list[tuple[str, str, str | None, datetime, bool]]]:
    rows: pl.DataFrame = lake.session.frame(_LOGGED, {"symbols": [_in_lake(s) for s in symbols]})
    by_symbol: dict[str, list[tuple[str, str, str | None, datetime, bool]]] = defaultdict(list)
    for fetch_id, symbol, table, period, at, success in rows.iter_rows():
        by_symbol[symbol].append((fetch_id, table, period, at, success))
    return by_symbol
