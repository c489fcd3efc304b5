from __future__ import annotations

from pathlib import Path

import factorlab_lake as fl
from tests.unit.cli.running import run
from tests.unit.quality.all_cases import EXPECTED, ROWS
from tests.unit.quality.planted_faults import plant


def test_the_commands_print_the_rows_of_the_methods(home: Path) -> None:
    """Each command prints the rows that the method of its name returns."""
    lake = fl.open("data/lake")
    assert len(run("coverage", "--json").json) == lake.coverage().height
    assert len(run("freshness", "--json").json) == lake.freshness().height
    assert len(run("quality", "--json", code=3).json) == lake.quality().height
    assert len(run("quality", "--rules", "--json").json) == lake.quality_rules().height
    scored = run("quality", "--by-symbol", "--json", code=3).json  # GOOG's, see the tests of the rules
    assert [r["symbol"] for r in scored] == ["GOOG", "AAPL", "GOOGL"]


def test_only_missing_or_overdue_rows_can_be_shown(home: Path) -> None:
    """The options select incomplete years and overdue datasets; the old sample is overdue everywhere."""
    assert all(row["missing"] for row in run("coverage", "--missing", "--json").json)
    rows = run("freshness", "--overdue", "--json").json
    assert rows
    assert all(row["overdue"] for row in rows)


def test_errors_found_make_exit_code_3(tmp_path: Path) -> None:
    """A finding of severity error is exit code 3; warnings alone are 0."""
    lake = plant(fl.open(tmp_path / "lake"), ROWS)
    rows = run("--lake", lake.path, "quality", "--rule", "bar_spike", "--json", code=3).json
    assert {row["symbol"] for row in rows} == {symbol for symbol, _ in EXPECTED["bar_spike"]}
    assert run("--lake", lake.path, "quality", "--by-symbol", code=3).out
    assert run("--lake", lake.path, "quality", "--rule", "bar_gap", code=0).out


def test_a_report_prints_its_path_and_size(home: Path, tmp_path: Path) -> None:
    """The page is written, and `--csv` is refused because there are no rows."""
    done = run("report", tmp_path / "lake.html", "--json").json
    assert done["size_bytes"] == (tmp_path / "lake.html").stat().st_size
    assert "use --json" in run("report", tmp_path / "lake.html", "--csv", code=2).err
