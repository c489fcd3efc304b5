"""Test the field cases about the values of records, and about rows that a load must refuse."""

from __future__ import annotations

from pathlib import Path

from tests.field_cases.given import INPUTS, records
from tests.unit.cli.running import run


def test_18_a_folder_name_works_or_is_refused_in_one_line(tmp_path: Path) -> None:
    """No name of the list makes a lake that cannot be read; a refusal writes nothing."""
    for name in records("18_lake_paths.json"):
        lake = tmp_path / name
        done = run("--lake", lake, "migrate", INPUTS / "28_gross_profit_zero", code=None)
        if done.code == 0:
            run("--lake", lake, "market-caps", "ACME", "--date", "2024-05-31")
        else:
            assert (done.code, done.err.strip().count("\n")) == (1, 0), name
            assert not lake.exists()
