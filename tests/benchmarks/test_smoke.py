"""Run the benchmarks at a size too small for meaningful figures. No test asserts a time."""

from __future__ import annotations

import contextlib
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import benchmarks
from benchmarks.__main__ import NAMES, main
from benchmarks.peers import PEERS as PEER_BY_NAME
from tests.benchmarks.expected_questions import ANSWERING, ASKED, MEASURED, QUESTIONS


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
