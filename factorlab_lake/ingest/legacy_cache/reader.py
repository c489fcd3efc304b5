"""Read the files of the old cache, in whatever state they are; never write to it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, NotFound, UnreadableFile, check_type, counted
from factorlab_lake.ingest.bounds import check_fields, check_json, gunzip
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import Shapes, check_names, decode, enclosed, frame_of, plain_frame
from factorlab_lake.schema.limits import MAX_FILE_BYTES, MAX_RECORDS
from factorlab_lake.schema.rules import MAX_CLOCK_ERROR_S
from factorlab_lake.storage.lake_paths import input_path

__all__ = ["CacheFile", "CacheName", "identify", "parse_name", "read", "scan"]

_LEFTOVERS = {".lock": "leftover lock", ".tmp": "leftover of an interrupted write"}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_DATASETS = {
    "income_statement": "income",
    "balance_sheet": "balance_sheet",
    "cash_flow": "cash_flow",
    "financial_ratios": "ratios",
    "price": "price",
}
_PATTERN = re.compile(
    rf"^(?P<symbol>.+)_(?P<type>{'|'.join(_DATASETS)})_(?P<period>quarterly|annual|daily|full_history)"
    r"(?:_(?P<rest>.+))?_v(?P<version>\d+(?:\.\d+)*)(?:\.json)?(?:\.gz)?$"
)


@dataclass(frozen=True, slots=True)
class CacheName:
    """Describe the parts of a cache file's name, or of its envelope's key.

    The format is ``{SYMBOL}_{type}_{period}[_{...}]_v{version}.json[.gz]``.
    """

    symbol: str
    dataset: str
    period: str
    version: str


@dataclass(frozen=True, slots=True)
class CacheFile:
    """Describe one file of the cache.

    ``name`` is None if the file name is not that of a cache entry. ``skip`` is the reason to skip the file.
    """

    root: Path
    path: str
    size_bytes: int
    name: CacheName | None
    skip: str = ""

    @property
    def shown(self) -> str:
        """Return the path as text; bytes of a file name that are none, as Linux allows, are escaped."""
        return self.path.encode("utf-8", "backslashreplace").decode()


def parse_name(name: str) -> CacheName | None:
    """Return the parts of a name, or None if it is not the name of a cache entry.

    >>> parse_name("BRK.B_income_statement_quarterly_limit20_v1.0.json.gz")
    CacheName(symbol='BRK.B', dataset='income', period='quarterly', version='1.0')
    """
    match = _PATTERN.match(name)
    if match is None:
        return None
    return CacheName(match["symbol"], _DATASETS[match["type"]], match["period"], match["version"])


def scan(root: str | os.PathLike[str], symbols: list[str] | None = None) -> list[CacheFile]:
    """List the cache's files, ordered by symbol; raise :class:`NotFound` if the folder does not exist."""
    check_type(root, (str, os.PathLike), "cache_dir", "the path of a folder")
    base = input_path(root)
    if not base.is_dir():
        raise NotFound(
            f"No cache folder at {base}; expected the folder that contains price_data/ and the others.",
            path=str(base),
        )
    selected = None if symbols is None else {s.upper().replace("/", "-").replace(":", "-") for s in symbols}
    cache = [
        file
        for file in _walk(base)
        if selected is None or (file.name is not None and file.name.symbol.upper() in selected)
    ]
    if not cache:
        raise InvalidInput(
            f"{base} contains no cache files{' of these symbols' if symbols else ''}.", path=str(base)
        )
    return sorted(cache, key=lambda f: (f.name.symbol if f.name else "", f.path))


def read(
    file: CacheFile,
    known: AbstractSet[str] = frozenset(),
    shapes: Shapes | None = None,
    *,
    admit: Callable[[int], None] = lambda _: None,
) -> FetchResult:
    """Read one cache file; for an unreadable file, return a result with an ``error`` and no records.

    Do not parse a file whose id is in ``known``. ``admit`` gets the size after decompression, and may wait
    until there is memory for it.
    """
    started = time.perf_counter()
    body, lost = _bytes(file)
    digest = hashlib.sha256(body).hexdigest()
    answer = FetchResult(
        fetch_id=_fetch_id(file, digest),
        dataset=file.name.dataset if file.name else "price",
        symbol=file.name.symbol.upper() if file.name else "",
        fetched_at=datetime.fromtimestamp(0, UTC),
        provider="fmp",
        endpoint=f"cache:{file.shown}",
        parameters=json.dumps({"file": file.shown}),
        records=None,
        period=file.name.period if file.name else None,
        payload_sha256=digest,
    )
    if answer.fetch_id in known:
        return answer
    try:
        if lost:
            raise lost
        _open(body, file.name, answer, {} if shapes is None else shapes, admit)
    except UnreadableFile as fault:
        answer.error = str(fault)
    answer.duration_ms = (time.perf_counter() - started) * 1000
    return answer


def identify(file: CacheFile) -> str:
    """Return the ``fetch_id`` under which the fetch log lists the present content of a cache file."""
    return _fetch_id(file, hashlib.sha256(_bytes(file)[0]).hexdigest())


def _bytes(file: CacheFile) -> tuple[bytes, UnreadableFile | None]:
    """Return the content, or its first part if it is over the limit, and why it cannot be read."""
    try:
        with (file.root / file.path).open("rb") as opened:
            body = opened.read(MAX_FILE_BYTES + 1)
            size = os.fstat(opened.fileno()).st_size
    except OSError as fault:
        return b"", UnreadableFile(f"cannot be opened ({fault.strerror})")
    if len(body) <= MAX_FILE_BYTES:
        return body, None
    # The size is part of what is hashed, so that a file that changes is read again.
    return body + b"%d" % size, UnreadableFile(f"{size:,} bytes, more than {MAX_FILE_BYTES:,}")


def _fetch_id(file: CacheFile, digest: str) -> str:
    """Return the id of a cache file: a hash of its path and content."""
    return hashlib.sha256(f"{file.shown}\0{digest}".encode()).hexdigest()[:32]


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _walk(base: Path) -> Iterator[CacheFile]:
    for path in sorted(p for p in base.rglob("*") if p.is_file()):
        inside = path.relative_to(base)
        skip = _LEFTOVERS.get(path.suffix, "")
        if inside.parts[0] == "metadata":
            skip = "bookkeeping of the old cache"
        name = parse_name(path.name) if not skip and _is_text(path.name) else None
        yield CacheFile(base, inside.as_posix(), path.stat().st_size, name, skip)


def _open(
    body: bytes, name: CacheName | None, answer: FetchResult, shapes: Shapes, admit: Callable[[int], None]
) -> None:
    if name is None:
        raise UnreadableFile("not named like a cache file (SYMBOL_income_statement_…json)")
    text = _decompress(body)
    check_json(text)
    check_fields(text, shapes.get(name.dataset, ()))
    admit(len(text))
    envelope, records = _fast(text, name.dataset, shapes) or _careful(text, answer)
    with _unreadable():
        check_names(records)
    answer.fetched_at = _fetched_at(envelope.get("_cached_at"))
    answer.symbol = _symbol(envelope.get("_cache_key"), name).upper()
    answer.records = records


@contextmanager
def _unreadable() -> Iterator[None]:
    try:
        yield
    except ValueError as fault:
        raise UnreadableFile(str(fault)) from None


def _decompress(body: bytes) -> bytes:
    if not body:
        raise UnreadableFile("empty file")
    if body[:2] != b"\x1f\x8b":
        return body
    return gunzip(body)


def _fast(text: bytes, dataset: str, shapes: Shapes) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Read a well-formed envelope with the vectorised reader; return None for any other content."""
    parts = enclosed(text, "data")
    records = None if parts is None else plain_frame(parts[1], dataset, shapes)
    return None if parts is None or records is None else (parts[0], records)


def _careful(text: bytes, answer: FetchResult) -> tuple[dict[str, Any], pl.DataFrame]:
    """Read what the fast reader rejects: bare NaN, mixed records, cached frames.

    Raise :class:`UnreadableFile` with the reason for anything else.
    """
    with _unreadable():
        envelope = decode(text)
    if isinstance(envelope, dict) and "Error Message" in envelope:
        raise UnreadableFile(f"an error of the vendor saved as data: {str(envelope['Error Message'])[:80]}")
    if not isinstance(envelope, dict) or "data" not in envelope:
        raise UnreadableFile("no envelope with 'data'")
    return envelope, frame_of(_records(envelope["data"]), answer)


def _records(data: Any) -> list[Any]:
    if isinstance(data, dict) and data.get("_type") == "DataFrame":
        return _frame_records(data)
    if isinstance(data, dict) and "Error Message" in data:
        raise UnreadableFile(f"an error of the vendor saved as data: {str(data['Error Message'])[:80]}")
    if not isinstance(data, list):
        raise UnreadableFile(f"'data' is {type(data).__name__}, not a list of records")
    if len(data) > MAX_RECORDS:
        raise UnreadableFile(f"{len(data):,} records, more than {MAX_RECORDS:,}")
    return data


def _frame_records(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a cached pandas frame as records; the index replaces a missing ``date``."""
    try:
        columns, rows, index = list(data["columns"]), list(data["data"]), list(data["index"])
        records = [dict(zip(columns, row, strict=True)) for row in rows]
    except (KeyError, TypeError, ValueError) as fault:
        raise UnreadableFile(f"a cached DataFrame with inconsistent parts ({fault})") from None
    if not all(isinstance(c, str) for c in columns):
        raise UnreadableFile("a cached DataFrame with a column name that is not text")
    if len(index) != len(records):
        raise UnreadableFile(
            f"a cached DataFrame of {counted(len(records), 'row')} with an index of {len(index):,}"
        )
    if "date" in columns:
        return records
    return [{"date": str(i)[:10]} | r for i, r in zip(index, records, strict=True)]


def _fetched_at(epoch: Any) -> datetime:
    try:
        moment = datetime.fromtimestamp(float(epoch), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        moment = None
    if moment is None or not _EARLIEST <= moment <= datetime.now(UTC) + timedelta(seconds=MAX_CLOCK_ERROR_S):
        raise UnreadableFile(
            f"_cached_at is {epoch!r}: without a valid fetch time the split basis is unknown"
        )
    return moment


def _symbol(key: Any, name: CacheName) -> str:
    parsed = parse_name(key) if isinstance(key, str) else None
    if parsed is None:
        return name.symbol
    if parsed.symbol.upper() != name.symbol.upper() or parsed.dataset != name.dataset:
        raise UnreadableFile(
            f"its key is for {parsed.symbol} {parsed.dataset}, its name for {name.symbol} {name.dataset}"
        )
    return parsed.symbol
