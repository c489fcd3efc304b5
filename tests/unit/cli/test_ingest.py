from __future__ import annotations

import json
from pathlib import Path

import pytest

import factorlab_lake as fl
from tests.support import CACHE_2021, CACHE_DIRTY, SPLITS
from tests.unit.cli.running import run, start


def _files(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}


def test_init_creates_a_lake_once(tmp_path: Path) -> None:
    """`init` creates an empty lake; a second time it changes nothing and prints the path."""
    place = tmp_path / "new" / "lake"
    assert run("--json", "--lake", place, "init").json == {"lake": str(place), "snapshot": 0}
    before = _files(place)
    assert str(place) in run("--lake", place, "init").out
    assert _files(place) == before


def test_minute_bars_are_loaded_and_shown_by_day(tmp_path: Path) -> None:
    """The report counts what the load read; the daily bars are those of the library."""
    file, place = tmp_path / "bars.csv", tmp_path / "lake"
    file.write_text("symbol,ts,close\nA,2021-02-06 10:00,2\nA,2021-02-05 10:00,2\nA,2021-02-05 10:00,3\n")
    loaded = run("--json", "--lake", place, "load-bars", file, "--split-basis", "own-day").json
    assert loaded == {"rows": 3, "days": 2, "repeated": 1, "weekend": 1}
    rows = run("--json", "--lake", place, "daily-bars", "--end", "2021-02-05").json
    assert [(row["symbol"], row["date"], row["close_price"]) for row in rows] == [("A", "2021-02-05", 3.0)]
    file.write_text("symbol,ts,close\nA,2021-02-05,2\n")
    refused = run("--lake", place, "load-bars", file, "--split-basis", "own-day", code=1)
    assert "1 row with a date alone" in refused.err


def test_the_lake_comes_from_the_environment(tmp_path: Path) -> None:
    """Without `--lake`, FACTORLAB_LAKE sets the folder."""
    with start("--json", "init", FACTORLAB_LAKE=str(tmp_path / "named")) as running:
        out, err = running.communicate(timeout=60)
    assert (json.loads(out)["lake"], err) == (str(tmp_path / "named"), "")


def test_load_counts_rows_and_names_the_snapshot(tmp_path: Path) -> None:
    """`load` counts the rows and names the snapshot; the same file again is nothing new."""
    lake = tmp_path / "lake"
    first = run("--lake", lake, "--json", "load", "splits", SPLITS).json
    assert first == {"table": "splits", "rows": 4, "snapshot_before": 0, "snapshot_after": 1}
    assert run("--lake", lake, "load", "splits", SPLITS).out == "splits: 4 rows, nothing new\n"


def test_migrate_validate_and_roll_back(tmp_path: Path) -> None:
    """A clean cache is migrated, found complete, and absent after a rollback; each command reports it."""
    lake = ("--lake", tmp_path / "lake", "--json")
    report = run(*lake, "migrate", CACHE_2021).json
    assert (report["files"], report["records"], report["faults"], report["clean"]) == (33, 6865, [], True)
    assert sum(report["new"].values()) + report["equal"] == report["records"]
    result = run(*lake, "validate", CACHE_2021).json
    assert (result["records"], result["equal"], result["missing"], result["clean"]) == (
        6865,
        6865,
        0,
        True,
    )
    undone = run(*lake, "rollback").json
    assert (undone["id"], undone["reason"]) == (report["snapshot_after"] + 1, "rollback to snapshot 0")
    assert run(*lake, "sql", "SELECT count(*) AS n FROM price_data").json == [{"n": 0}]
    lost = run(*lake, "validate", CACHE_2021, code=3).json
    assert (lost["missing"], lost["clean"]) == (6865, False)


def test_a_rollback_restores_the_named_snapshot(own_home: Path) -> None:
    """`rollback --to 1` restores the first snapshot: splits, what follows from them, and nothing else."""
    assert run("rollback", "--to", "1").out == "snapshot 4 → 5: rollback to snapshot 1\n"
    rows = {r["table"]: r["rows"] for r in run("status", "--json").json}
    assert {name for name, count in rows.items() if count} == {
        "splits",
        "split_history",
        "split_events",
        "split_lists",
        "company_history",
        "data_fetch_log",
    }


def test_only_named_symbols_are_migrated_and_validated(tmp_path: Path) -> None:
    """`--symbol` limits both commands and can be repeated."""
    lake = ("--lake", tmp_path / "lake", "--json")
    run(*lake, "migrate", CACHE_2021, "--symbol", "AAPL", "--symbol", "GOOG", "--by-symbol")
    symbols = run(*lake, "sql", "SELECT DISTINCT symbol FROM price_data ORDER BY 1").json
    assert symbols == [{"symbol": "AAPL"}, {"symbol": "GOOG"}]
    assert len(run(*lake, "history").json) == 2
    assert run(*lake, "validate", CACHE_2021, "--symbol", "GOOG").json["clean"]
    assert run(*lake, "validate", CACHE_2021, "--symbol", "GOOGL", code=3).json["missing"] > 0


def test_faults_end_a_migration_with_3_after_the_commit(tmp_path: Path) -> None:
    """Unreadable files and rejected records are listed with place and reason; the others are in the lake."""
    lake = ("--lake", tmp_path / "lake")
    report = run(*lake, "--json", "migrate", CACHE_DIRTY, code=3).json
    faults = {f["file"].rpartition("limit")[2]: f["reason"] for f in report["faults"]}
    assert faults["11_v1.0.json.gz"] == "HTML or XML instead of JSON"
    assert {"file", "position", "reason"} == set(report["rejects"][0])
    assert {f["reason"] for f in report["skipped"]} >= {"leftover lock"}
    assert run(*lake, "--json", "sql", "SELECT count(*) AS n FROM price_data").json[0]["n"] > 6000
    again = run(*lake, "migrate", CACHE_DIRTY, code=3)
    assert "limit11_v1.0.json.gz: HTML or XML instead of JSON" in again.out
    assert "record 3: date: '2020-13-45' is not a date" in again.out
    assert "leftover lock" in again.out


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """`migrate --dry-run` lists faults and rejects and creates no lake; an existing lake stays unchanged."""
    place = tmp_path / "lake"
    done = run("--lake", place, "migrate", CACHE_DIRTY, "--dry-run", code=3)
    assert "HTML or XML instead of JSON" in done.out
    assert "rejects   2 records would be rejected" in done.out
    assert "record 1: date: missing" in done.out
    assert "record 3: date: '2020-13-45' is not a date" in done.out
    assert "record 4" not in done.out  # a revenue of 'n/a' is NULL; key fields alone decide on a record
    assert not place.exists()
    fl.open(place)
    before = _files(place)
    assert run("--lake", place, "--json", "migrate", CACHE_2021, "--dry-run").json["records"] == 6865
    assert _files(place) == before


def test_validation_names_the_records_that_differ(own_home: Path) -> None:
    """A record that differs is named by file, position and field, and the exit code is 3."""
    done = run("validate", "data/sample/dirty_2021-03-31", code=3)
    assert "record 4: revenue: n/a in the file, 91819000000.0 in the lake" in done.out
    findings = run("--json", "validate", "data/sample/dirty_2021-03-31", code=3).json["findings"]
    [finding] = [f for f in findings if f["kind"] == "differs"]
    assert finding["difference"] == "revenue: n/a in the file, 91819000000.0 in the lake"


def test_validation_names_the_records_that_were_rejected(tmp_path: Path) -> None:
    """A rejected record is named by file and position, with the reason, and the exit code is 3."""
    lake = ("--lake", tmp_path / "lake")
    run(*lake, "migrate", CACHE_DIRTY, code=3)
    done = run(*lake, "validate", CACHE_DIRTY, code=3)
    assert "rejected  3 records" in done.out
    assert 'record 4: unread: "revenue":"n/a" cannot be read' in done.out
    findings = run(*lake, "--json", "validate", CACHE_DIRTY, code=3).json["findings"]
    assert [(f["kind"], f["position"]) for f in findings] == [("rejected", n) for n in (1, 3, 4)]


@pytest.mark.parametrize("command", ["migrate", "validate"])
def test_progress_is_shown_only_on_a_terminal(
    command: str, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The progress bar goes to stderr on a terminal; with `--json` or without a terminal there is none."""
    arguments = (command, "data/sample/taken_2019-12-31")
    assert run(*arguments).err == ""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    shown = run(*arguments)
    assert "11/11" in shown.err
    assert "records/s" in shown.err
    assert "11/11" not in shown.out
    assert run("--json", *arguments).err == ""


def test_load_shows_its_progress_only_on_a_terminal(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar of `load` ends with the step that commits; without a terminal there is none."""
    arguments = ("load", "splits", "data/sample/splits.csv")
    assert run(*arguments).err == ""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    shown = run(*arguments)
    assert "committing" in shown.err
    assert "4/4" in shown.err
    assert "committing" not in shown.out
    assert run("--json", *arguments).err == ""
