from __future__ import annotations

from pathlib import Path

import pytest

import factorlab_lake as fl
from tests.support import SPLITS
from tests.unit.cli.running import run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Create a lake of two snapshots, both with splits."""
    lake = fl.open(tmp_path / "lake")
    lake.load("splits", SPLITS)
    lake.load("splits", {"symbol": ["X"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]})
    return lake.path


def test_diff_counts_by_table_and_symbol(place: Path) -> None:
    """`diff` prints one row for the data of the second snapshot."""
    rows = run("--lake", place, "--json", "diff", "1", "2").json
    assert {"table": "splits", "symbol": "X", "added": 1, "superseded": 0, "removed": 0} in rows
    assert "No snapshot 9" in run("--lake", place, "diff", "9", code=1).err


def test_settings_are_changed_and_shown(place: Path) -> None:
    """`configure` prints all settings after the change; a wrong value is one line."""
    lake = ("--lake", place)
    assert run(*lake, "configure").out == "availability: close\nprovider_order: file, fmp, sec\n"
    changed = run(*lake, "--json", "configure", "--availability", "3", "--provider-order", "sec, file").json
    assert changed == {"availability": 3, "provider_order": ["sec", "file"]}
    assert run(*lake, "configure").out == "availability: 3\nprovider_order: sec, file\n"
    assert fl.open(place).availability == 3
    assert "availability is 'closed'" in run(*lake, "configure", "--availability", "closed", code=1).err


def test_a_pin_is_set_shown_used_and_removed(place: Path) -> None:
    """`history` shows the pin, `--snapshot` accepts it, and `--remove` removes it."""
    lake = ("--lake", place)
    assert run(*lake, "pin", "paper", "--snapshot", "1").out == "snapshot 1 is pinned as paper\n"
    assert "paper" in run(*lake, "history").out
    assert [row["pins"] for row in run(*lake, "--json", "history").json] == ["paper", ""]
    count = run(*lake, "--json", "sql", "SELECT count(*) AS n FROM splits", "--snapshot", "paper").json
    assert count == [{"n": 4}]
    run(*lake, "pin", "paper", "--remove")
    assert "paper" not in run(*lake, "history").out


def test_compact_and_vacuum_report_what_they_do(place: Path) -> None:
    """A vacuum deletes nothing without `--delete`, and the history shows vacuumed snapshots."""
    lake = ("--lake", place)
    done = run(*lake, "--json", "compact").json
    assert {"table": "splits", "partition": None, "files": 2} in done["partitions"]
    assert run(*lake, "compact").out == "nothing to compact\n"
    planned = run(*lake, "vacuum", "--retention-days", "0").out
    assert "would be deleted; use --delete to delete them" in planned
    assert "snapshots removed: 1, 2; kept: 3" in planned
    deleted = run(*lake, "--json", "vacuum", "--retention-days", "0", "--delete").json
    assert (deleted["snapshots"], deleted["kept"], deleted["dry_run"]) == ([1, 2], [3], False)
    assert deleted["size_bytes"] == sum(f["size_bytes"] for f in deleted["files"])
    assert [row["vacuumed"] for row in run(*lake, "--json", "history").json] == [True, True, False]
    assert "was vacuumed" in run(*lake, "status", "--snapshot", "1", code=1).err


def test_verify_names_a_damaged_file_and_repair_restores_it(place: Path, tmp_path: Path) -> None:
    """A flipped byte is found by file; `repair` needs a backup to restore it."""
    lake = ("--lake", place)
    run(*lake, "backup", tmp_path / "backup")
    assert run(*lake, "verify").out.endswith("no faults\n")
    file = next((place / "splits").glob("*.parquet"))
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(body)
    assert f"splits/{file.name}: does not have the checksum" in run(*lake, "verify", code=3).out
    [finding] = run(*lake, "--json", "verify", "--deep", code=3).json["findings"]
    assert (finding["file"], finding["kind"]) == (f"splits/{file.name}", "data")
    assert run(*lake, "--json", "repair", code=3).json["repaired"] == []
    repaired = run(*lake, "--json", "repair", "--from", tmp_path / "backup").json
    assert (repaired["clean"], repaired["repaired"][0]["file"]) == (True, f"splits/{file.name}")
    assert run(*lake, "--json", "verify").json["clean"]


def test_a_lake_too_damaged_to_open_is_verified_and_repaired(place: Path, tmp_path: Path) -> None:
    """A truncated newest snapshot is one line for other commands, 3 for `verify`, and repaired."""
    lake = ("--lake", place)
    run(*lake, "backup", tmp_path / "backup")
    snapshot = place / "_lake" / "snapshots" / "000000000002.json"
    snapshot.write_text(snapshot.read_text()[:20])
    refused = run(*lake, "status", code=1)
    assert refused.err.count("\n") == 1
    assert f"{snapshot} cannot be read; `factorlab-lake repair --from BACKUP`" in refused.err
    assert "_lake/snapshots/000000000002.json: cannot be read" in run(*lake, "verify", code=3).out
    run(*lake, "repair", "--from", tmp_path / "backup")
    assert run(*lake, "--json", "status").json


def test_a_backup_is_restored(place: Path, tmp_path: Path) -> None:
    """`backup` reports what it copied, `restore` where the lake is; an existing folder is refused."""
    backup, restored = tmp_path / "backup", tmp_path / "restored"
    first = run("--lake", place, "--json", "backup", backup).json
    assert (first["snapshot"], first["files_there"]) == (2, 0)
    assert "0 files of 0 bytes copied" in run("--lake", place, "backup", backup).out
    assert run("--json", "restore", backup, restored).json == {"lake": str(restored), "snapshot": 2}
    assert run("--lake", restored, "--json", "verify", "--deep").json["clean"]
    assert "choose an empty or a new folder" in run("restore", backup, place, code=1).err


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    "arguments", [("compact",), ("vacuum",), ("verify",), ("repair",), ("backup", "b"), ("pin", "x")]
)
def test_reports_refuse_csv(place: Path, arguments: tuple[str, ...]) -> None:
    """A command that prints a report refuses `--csv` before it changes anything."""
    assert "--json" in run("--lake", place, "--csv", *arguments, code=2).err
    assert len(fl.open(place).history()) == 2
