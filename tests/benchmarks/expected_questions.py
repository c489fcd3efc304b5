"""List the questions of the benchmarks, and the peers that answer each."""

from __future__ import annotations

import shutil

from benchmarks.__main__ import NAMES
from benchmarks.spark import ENGINES
from tests.bucket_servers import PROGRAMS

__all__ = ["ANSWERING", "ASKED", "MEASURED", "QUESTIONS"]

PARSING, PANDAS, IMPORTS = "gunzip and parse alone", "pandas to Parquet", "import duckdb, polars"
COPY, BARE = "bare COPY BINARY", "bare httpx"
WRITING = {"", "polars write_parquet", "deltalake write"}
OFF = {"", "ours, index off"}
SERVER_PEERS = {"", "lake", "by hand", "rows not sent"}
PEERS = OFF | {
    "lake.duckdb", "polars over Parquet", "polars in memory", "pandas over Parquet",
    "plain DuckDB ASOF", "DuckDB ASOF, own tables", "ArcticDB",
}  # fmt: skip
GRID_PEERS = PEERS | {"lake.sql"}
ROWS_PEERS = PEERS | {"PostgreSQL", "chDB"}
CAPS_PEERS = ROWS_PEERS | {"bare scan", "lake.sql"}
APPENDING = OFF | {"one more Parquet file", "DuckDB, own tables", "ArcticDB", "PostgreSQL"}
ASKED = {
    "one symbol's year of prices": ROWS_PEERS,
    "one symbol's year of statements": ROWS_PEERS,
    "one symbol's ten years of statements": ROWS_PEERS,
    "market caps 2 x 12": CAPS_PEERS,
    "market caps 5 x 24": CAPS_PEERS,
    "market caps 12 x 24": CAPS_PEERS,
    "ttm 1 x 1": GRID_PEERS,
    "ttm 5 x 9": GRID_PEERS,
    "factors 2 x 12": GRID_PEERS,
    "factors 5 x 24": GRID_PEERS,
    "factors 12 x 24": GRID_PEERS,
    "ratios of 5 symbols": OFF | {"lake.duckdb"},
    "quarters of 2 symbols": OFF | {"lake.duckdb", "polars over Parquet", "polars in memory"},
    "market caps 12 x 1": CAPS_PEERS,
    "ttm 12 x 1": GRID_PEERS,
    "factors 12 x 1": GRID_PEERS,
}
# Operations of the plan, and whether the old way answers them.
OPERATIONS = {
    **{
        f"plan: {kind} of {of}": kind == "statements"
        for of in ("1 symbol, 1 year", "2 symbols, 1 year", "5 symbols, 5 years")
        for kind in ("statements", "ratios")
    },
    **{
        f"plan: {kind} {grid}": True
        for kind in ("market caps", "factors")
        for grid in ("1 x 12", "2 x 12", "5 x 60", "2 x 52")
    },
    **{f"plan: {kind} of 2 symbols, 1 year": False for kind in ("prices", "quarters", "SQL over statements")},
    "plan: market caps 5 x 12": True,
}
PLANNED: dict[str, set[str]] = {}
for name, has_old_way in OPERATIONS.items():
    files = {"files per date"} if has_old_way else set()
    PLANNED[name] = {""} | files
    PLANNED[f"{name}, new process"] = {"", "its imports alone", "polars and numpy alone"} | files
    PLANNED[f"{name}, memory beyond imports"] = {"", "its imports alone"} | files
PLANNED["plan: commit a day of bars of 5 symbols, CPU time"] = {"their ratios"}
IN_A_BUCKET = {
    f"bucket: {name}{index}": {"", "the folder"}
    for name in ("open, cold", "open and first market caps 2 x 12, cold", "market caps 2 x 12")
    for index in ("", ", index off")
}
IN_A_BUCKET |= {
    f"bucket: {what} an open and 2 questions{index}": {""}
    for what in ("requests of", "bytes read by")
    for index in ("", ", index off")
}
GROWN = {"the smaller market", "lake.duckdb", "bare scan"} | OFF
QUESTIONS = (
    ASKED
    | IN_A_BUCKET
    | {
        "bucket: a lake restored to it": {""},
        "migrate, whole process": {"", PARSING, PANDAS},
        "migrate, the call alone": {"", PARSING},
        "validate, whole process": {"", PARSING},
        "migrate again, nothing new": {"", PARSING},
        "migrate, CPU time": {"", PARSING, PANDAS},
        "validate, CPU time": {"", PARSING},
        "migrate again, CPU time": {"", PARSING},
        "migrate, peak memory": {"", PARSING, PANDAS},
        "validate, peak memory": {"", PARSING},
        "migrate again, peak memory": {"", PARSING},
        "import factorlab_lake, fastest": {"", IMPORTS},
        "import factorlab_lake, median": {"", IMPORTS},
        "process to first 24 market caps, fastest": OFF | {IMPORTS},
        "process to first 24 market caps, median": OFF | {IMPORTS},
        "process to first 24 market caps, CPU time, fastest": OFF | {IMPORTS},
        "process to first 24 market caps, CPU time, median": OFF | {IMPORTS},
        "old way, the sample: caps 2 x 12": OFF | {"files per date"},
        "old way, the sample: caps 2 x 12, peak memory": {"", "files per date"},
        "old way: caps 2 x 12": OFF | {"files per date"},
        "old way: caps 2 x 12, peak memory": {"", "files per date"},
        "old way: factors 2 x 12": OFF | {"files per date"},
        "old way: factors 2 x 12, peak memory": {"", "files per date"},
        "old way: factors 2 x 52": OFF | {"files per date"},
        "old way: factors 2 x 52, peak memory": {"", "files per date"},
        **PLANNED,
        "merge bars, 640 symbols at a time": {""},
        "merge statements, a table at a time": {""},
        "compact": {""},
        "market caps 12 x 503": CAPS_PEERS - {"PostgreSQL"},
        "append a day of 12 bars": APPENDING,
        "append a day of 12 bars, the slowest turn": {""},
        "load from a frame": WRITING,
        "load from a frame, CPU time": WRITING,
        "load from a frame, peak memory": WRITING,
        "load from a frame, peak memory beyond the frame": {""},
        "load from a Parquet file": WRITING,
        "load from a Parquet file, CPU time": WRITING,
        "load from a Parquet file, peak memory": WRITING,
        "fetch 6 symbols x 5 datasets, 750 calls a minute": {"", "least the limit allows"},
        "fetch 6 symbols x 5 datasets, no limit": {"", BARE},
        "fetch 6 symbols x 5 datasets, CPU time": {"", BARE},
        "fetch 6 symbols x 5 datasets, peak memory": {"", BARE},
        "SEC, 6 companies of 8,052 facts: companies a second": {""},
        "SEC, 6 companies of 8,052 facts: CPU time of a company": {""},
        "SEC, 6 companies of 8,052 facts: peak memory": {""},
        "SEC, 2 companies of 13,686 facts: companies a second": {""},
        "SEC, 2 companies of 13,686 facts: CPU time of a company": {""},
        "SEC, 2 companies of 13,686 facts: peak memory": {""},
        "server: market caps 12 x 24": SERVER_PEERS,
        "server: market caps 2 x 12": SERVER_PEERS,
        "server: ttm 5 x 24": {"", "lake"},
        "server: factors 5 x 24": {"", "lake"},
        "chunks: market caps 12 x 24": {"", "plain PostgreSQL"},
        "chunks: market caps 2 x 12": {"", "plain PostgreSQL"},
        "chunks: market caps 12 x 1": {"", "plain PostgreSQL"},
        "sync again, bars added at the end": {""},
        "sync again, bars corrected within a year": {""},
        "first load": {"", COPY, "pandas to_sql"},
        "first load, peak memory": {"", COPY},
        "research: screen of one date": {""},
        "research: screen of one date with a sector": {""},
        "research: cross_section of 23 factors, all dates": {""},
        "research: cross_section of 23 factors by industry, all dates": {""},
        "research: industry_stats of 23 factors, all dates": {""},
        "research: trends of all symbols": {""},
        "research: seasonality of all symbols": {""},
        "research: forward_returns of all symbols": {""},
        "quality: load 120 bars": {""},
        "quality: every rule on 120 bars": {""},
        "quality: bar_incomplete": {""},
        "quality: bar_order": {""},
        "quality: bar_spike": {""},
        "quality: bar_without_volume": {""},
        "quality: unapplied_split": {""},
        "quality: listed faults found": {""},
        "quality: confirmed since": {""},
        "quality: others, false alarms among them": {""},
        "scale: append a day of 12 bars": {"", "the smaller market"},
        "minute bars": {""},
        "load of minute bars": {""},
        "load of minute bars, peak memory": {""},
        "daily bars of minute bars": {""},
    }
)
for grid in ("6 x 24", "12 x 24"):
    modes = ("local", "one worker", "two workers")
    QUESTIONS[f"spark: market caps {grid}"] = {f"Sail, {mode}" for mode in modes}
# All symbols of the large market are ten times as many.
LARGER = {f"{kind} 12 x 1": f"{kind} 120 x 1" for kind in ("market caps", "ttm", "factors")}
for name, peers in ASKED.items():
    question = f"scale: {LARGER.get(name, name)}"
    QUESTIONS[question] = GROWN & (peers | {"the smaller market"})
    QUESTIONS[f"{question}, private memory"] = {""}
# TimescaleDB in WebAssembly needs node.
NEEDED = {
    "chunks": shutil.which("node") is not None,
    "spark": ENGINES.is_dir(),
    "bucket": (PROGRAMS / "weed").exists(),
}
MEASURED = tuple(n for n in NAMES if NEEDED.get(n, True))
for left_out in set(NEEDED) - set(MEASURED):
    QUESTIONS = {name: peers for name, peers in QUESTIONS.items() if not name.startswith(f"{left_out}:")}
# Peers that give an answer of their own; the others do a part of the work, or other work.
ANSWERING = (CAPS_PEERS - {"", "bare scan"}) | {"files per date", "lake"}
