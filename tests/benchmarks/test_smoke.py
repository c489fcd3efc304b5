"""Run the benchmarks at a size too small for meaningful figures. No test asserts a time."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import benchmarks
from benchmarks.__main__ import NAMES, main
from benchmarks.agreement import agreement
from benchmarks.bars import bars, symbols, trading_days
from benchmarks.migration import cache_and_count
from benchmarks.old_cache import write_prices
from benchmarks.options import SIZES, Options
from benchmarks.peers import PEERS as PEER_BY_NAME
from benchmarks.seeded import uniform
from benchmarks.spark import ENGINES
from tests.bucket_servers import PROGRAMS

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


def run_benchmarks(folder: Path, *names: str) -> tuple[str, dict[str, Any]]:
    """Run benchmarks at the smallest size, and return their table and their JSON."""
    printed, file = io.StringIO(), folder / "results.json"
    with contextlib.redirect_stdout(printed):
        code = main([*names, "--size", "smoke", "--work", str(folder / "work"), "--json", str(file)])
    assert code == 0
    return printed.getvalue(), json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Run all benchmarks, and return their table and their JSON."""
    return run_benchmarks(tmp_path_factory.mktemp("benchmarks"), *MEASURED)


@pytest.fixture(scope="module")
def quality(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the benchmark of the quality rules, the shortest one, and return its JSON."""
    return run_benchmarks(tmp_path_factory.mktemp("quality"), "quality")[1]


@pytest.mark.slow
def test_table_has_a_line_for_each_question_and_each_of_its_peers(run: tuple[str, dict[str, Any]]) -> None:
    """Every question is in the printed table once, its peers below it."""
    header, _, *lines = run[0].splitlines()
    assert re.split(r"\s{2,}", header) == [
        "question, and who answers", "figure", "again", "first", "CPU", "memory", "ratio", "ratio again",
        "target", "met/missed", "answers",
    ]  # fmt: skip
    expected = sorted((q, p) for q, peers in QUESTIONS.items() for p in peers)
    new = [r for r in run[1]["rows"] if r["mode"] == "new"]
    assert sorted((r["question"], r["peer"]) for r in new) == expected
    printed: dict[str, set[str]] = {}
    question = ""
    for line in lines:
        name = re.split(r"\s{2,}", line.strip())[0]
        if line.startswith(" "):
            printed[question].add(name)
        else:
            question = name
            assert question not in printed
            printed[question] = set()
    assert printed == {question: peers - {""} for question, peers in QUESTIONS.items()}


@pytest.mark.slow
def test_every_question_is_asked_again(run: tuple[str, dict[str, Any]]) -> None:
    """Each question has both modes, ours and that of each peer that is installed."""
    modes: dict[tuple[str, str], set[str]] = {}
    for row in run[1]["rows"]:
        if row["peer_figure"] is not None or not row["peer"]:
            modes.setdefault((row["question"], row["peer"]), set()).add(row["mode"])
    both = {key for key, of_line in modes.items() if of_line == {"new", "again"}}
    repeated = {*ASKED, "market caps 12 x 503", "old way: factors 2 x 12", "server: ttm 5 x 24"}
    assert both >= {key for key in modes if key[0] in repeated}


@pytest.mark.slow
def test_answers_were_compared(run: tuple[str, dict[str, Any]]) -> None:
    """Every peer with the same query has returned the same rows, or has named the library that is missing."""
    for row in run[1]["rows"]:
        same_question = row["unit"] == "ms" and row["mode"] == "new" and "append" not in row["question"]
        # A process ends after its answer, unseen; `old_way` compares the answers to the plan's questions.
        is_process = row["question"].startswith(("process to first", "plan: "))
        if row["peer"] in ANSWERING and same_question and not is_process:
            verdict, what = row["answers"].split(": ")
            if row["peer_figure"] is None:
                assert verdict == "skipped"
                assert what in ("arcticdb not installed", "chdb-core not installed")
            else:
                assert verdict == "equal"
                assert int(what.replace(",", "")) > 0


@pytest.mark.slow
def test_what_an_answer_takes_is_noted(run: tuple[str, dict[str, Any]]) -> None:
    """Each result has the processor time and the peak memory, ours and the peers'."""
    measured = [r for r in run[1]["rows"] if r["question"] in {*ASKED, "append a day of 12 bars"}]
    assert measured
    for row in measured:
        usages = [row["used"]] if row["peer_figure"] is None else [row["used"], row["their_used"]]
        assert all(used["cpu_ms"] > 0 and used["peak_mb"] > 1 for used in usages)


def test_quality_finds_what_was_spoilt(quality: dict[str, Any]) -> None:
    """The rules report every fault that was planted in synthetic bars, each under its own name."""
    findings = {row["question"]: row for row in quality["rows"] if row["unit"] == "findings"}
    of_all = findings["quality: listed faults found"]
    assert (of_all["limits"][0]["met"], of_all["ours"]) == (True, 4)
    assert (
        findings["quality: unapplied_split"]["answers"] == "1 of 1 listed faults, 0 confirmed since, 0 others"
    )
    [other] = findings["quality: others, false alarms among them"]["details"]["others"]
    assert other[0] == "bar_order"  # the close that was halved is outside of high and low too


def test_json_has_the_facts_of_the_machine(quality: dict[str, Any]) -> None:
    """The results name what figures depend on: processor, memory, versions and the time of the run."""
    machine = quality["machine"]
    assert {"cpu", "cores", "memory_gb", "system", "python", "libraries", "date"} <= machine.keys()
    assert {"duckdb", "polars", "deltalake"} <= machine["libraries"].keys()
    assert datetime.fromisoformat(machine["date"]).tzinfo is not None


@pytest.mark.slow
def test_figures_are_positive_and_ratios_follow_from_them(run: tuple[str, dict[str, Any]]) -> None:
    """Every figure is a positive number, and each ratio compares it with the peer's."""
    for row in run[1]["rows"]:
        assert row["ours"] > 0 or row["unit"] == "findings"
        if row["peer_figure"]:
            rate = row["unit"].endswith("/s")
            larger, smaller = ("peer_figure", "ours") if rate else ("ours", "peer_figure")
            assert row["ratio"] == pytest.approx(row[larger] / row[smaller])


def test_readme_names_every_benchmark_and_every_peer() -> None:
    """Each benchmark has a row in the first table, each peer of the questions one in the second."""
    readme = Path(benchmarks.__file__).with_name("README.md").read_text(encoding="utf-8")
    rows = {line.split(" | ")[0].removeprefix("| ") for line in readme.splitlines() if line.startswith("| ")}
    assert {f"`{name}`" for name in NAMES} <= rows
    assert PEER_BY_NAME.keys() - {"ours"} <= rows


def test_made_data_are_kept(tmp_path: Path) -> None:
    """A run reuses the cache to migrate; ``fresh`` writes it again."""
    once, count = cache_and_count(Options(SIZES["smoke"], tmp_path))
    stray = once / "stray"
    stray.touch()
    assert cache_and_count(Options(SIZES["smoke"], tmp_path)) == (once, count)
    assert stray.exists()
    assert cache_and_count(Options(SIZES["smoke"], tmp_path, fresh=True)) == (once, count)
    assert not stray.exists()


def test_bars_of_a_file_take_the_place_of_made_ones(tmp_path: Path) -> None:
    """A Parquet file of bars becomes a cache with one file per symbol."""
    rows = bars(symbols(2), trading_days(date(2021, 3, 1), count=5), seed=1)
    rows.write_parquet(tmp_path / "bars.parquet")
    cache, count = cache_and_count(Options(SIZES["smoke"], tmp_path, prices=tmp_path / "bars.parquet"))
    assert count == rows.height
    assert len(list(cache.rglob("*.json.gz"))) == 2


@pytest.mark.parametrize(
    ("peer", "fault"),
    [
        ([1.0, 2.0000001], "1 values of market_cap differ"),
        ([1.0, None], "1 values of market_cap differ"),
        ([1.0], "the peer's 1"),
    ],
)
def test_other_answers_stop_the_run(peer: list[float | None], fault: str) -> None:
    """Another value, a missing value or a missing row of a peer stops the run."""
    ours = _caps([1.0, 2.0])
    assert agreement(ours, _caps([1.0, 2.0 + 1e-13]), ["market_cap"]) == "equal: 2"
    with pytest.raises(RuntimeError, match=fault):
        agreement(ours, _caps(peer), ["market_cap"])


def test_two_empty_answers_are_no_agreement() -> None:
    """Two results without any value prove nothing and stop the run."""
    with pytest.raises(RuntimeError, match="No row has a value of market_cap"):
        agreement(_caps([None]), _caps([None]), ["market_cap"])


def test_seeded_numbers_are_those_of_the_published_generator() -> None:
    """SplitMix64, computed here with Python's integers, gives the same numbers."""
    mask, state, expected = 2**64 - 1, 7 * 0x5851F42D, []
    for i in range(1, 4):
        z = (i * 0x9E3779B97F4A7C15 + state) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        expected.append(((z ^ (z >> 31)) >> 11) / 2**53)
    assert uniform(3, 7).to_list() == expected


def test_price_cache_is_as_the_vendor_wrote_it(tmp_path: Path) -> None:
    """A bar has thirteen fields and its date in words. The newest is first; whole numbers stay whole."""
    days = trading_days(date(2021, 3, 1), last=date(2021, 3, 31))
    rows = bars(symbols(2), days, seed=1).with_columns(close=pl.lit(45.0))
    write_prices(tmp_path, rows, datetime(2021, 4, 1, tzinfo=UTC))
    body = gzip.decompress(
        (tmp_path / "price_data" / "S0001_price_full_history_all_v2.0.json.gz").read_bytes()
    )
    envelope = json.loads(body)
    assert envelope["_cache_key"] == "S0001_price_full_history_all_v2.0"
    first = envelope["data"][0]
    assert (first["date"], first["label"]) == ("2021-03-31", "March 31, 21")
    assert list(first) == [
        "date", "open", "high", "low", "close", "adjClose", "volume", "unadjustedVolume",
        "change", "changePercent", "vwap", "label", "changeOverTime",
    ]  # fmt: skip
    assert b'"close":45,' in body
    assert [r["date"] for r in envelope["data"]] == sorted((d.isoformat() for d in days), reverse=True)


def _caps(values: list[float | None]) -> pl.DataFrame:
    dates = [date(2024, 1, 1 + i) for i in range(len(values))]
    return pl.DataFrame(
        {"symbol": ["S"] * len(values), "date": dates, "market_cap": values},
        schema_overrides={"market_cap": pl.Float64},
    )
