from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from factorlab_lake.legacy import old_way
from tests.support import SAMPLE, Entry, bar
from tests.unit.cli.running import Done, run

# Closes and first-filed share counts as the exchanges and SEC's filings have them, in today's shares.
CAPS = {
    ("AAPL", "2020-04-30"): 73.45 * 17660160000,
    ("AAPL", "2020-08-31"): 129.04 * 17250292000,
    ("AAPL", "2021-03-31"): 122.15 * 16935119000,
    ("GOOGL", "2020-04-30"): 1346.70 * 683972000,
    ("GOOGL", "2021-03-31"): 2062.52 * 675222000,
}


def test_the_demo_migrates_and_validates_every_record(demo: tuple[Path, Done]) -> None:
    """The first run prints what each cache contains, what is new and equal, and finds every record."""
    out = demo[1].out
    assert "splits: 4 rows, snapshot 0 → 1" in out
    for files, records in ((11, "2,682"), (33, "6,865")):
        assert re.search(rf"read +{files} files, {records} records in ", out)
        assert re.search(
            rf"compared +{files} files, {records} records in .*\n +equal +{records} records\n", out
        )
    assert "price_data 3,899" in out
    assert out.count("missing   0 records") == 2


def test_the_demo_prints_the_market_caps(demo: tuple[Path, Done]) -> None:
    """The demo prints the market caps of two symbols at twelve month ends, as filings and closes give."""
    lines = demo[1].out.partition("Market caps")[2].partition("Factors")[0].splitlines()
    shown = {(words[0], words[1]): line for line in lines if (words := line.split())[2:]}
    assert len([key for key in shown if key[0] in ("AAPL", "GOOGL")]) == 24
    for key, cap in CAPS.items():
        assert f"{cap / 1e9:,.1f} bn" in shown[key]
        assert "weighted_average_proxy" in shown[key]


def test_the_demo_compares_both_ways(demo: tuple[Path, Done]) -> None:
    """The comparison prints three times, their ratios, and that all 24 answers agree."""
    out = demo[1].out
    assert re.search(r"files read per date +\d+\.\d{3} s\n", out)
    assert re.search(r"one query, first run +\d+\.\d{3} s, \d+\.\d times as fast", out)
    assert re.search(r"one query, warm run +\d+\.\d{3} s, \d+\.\d times as fast\n", out)
    assert "the 24 answers of both agree to 1e-9" in out


def test_the_demo_can_be_repeated(own_home: Path) -> None:
    """A second run adds no snapshot and gives the same answers, here as JSON."""
    again = run("--json", "demo").json
    assert {table: loaded["snapshot_after"] for table, loaded in again["load"].items()} == {
        "splits": 4,
        "company_profiles": 4,
    }
    landed = again["migrate_taken_2021-03-31"]
    assert (landed["files_migrated_before"], landed["records"], landed["new"]) == (33, 0, {})
    assert again["validate_taken_2019-12-31"]["clean"]
    caps = {(r["symbol"], r["date"]): r["market_cap"] for r in again["market_caps"]}
    assert {key: caps[key] for key in CAPS} == pytest.approx(CAPS, rel=1e-9)
    assert len(again["factors"]) == 24
    assert again["race"]["agree"]


def test_the_demo_uses_the_given_lake_and_sample(tmp_path: Path) -> None:
    """The demo uses the folders of `--lake` and `--sample` from any working directory."""
    out = run("--lake", tmp_path / "lake", "demo", "--sample", SAMPLE).out
    assert out.startswith(f"Lake at {tmp_path / 'lake'}\n")
    assert "snapshot  2 → 3" in out


def test_the_demo_refuses_a_lake_with_other_data(tmp_path: Path) -> None:
    """A lake with other data stays unchanged, and one line names the next step."""
    Entry("AAPL", "price", [bar("2020-11-30")]).write(tmp_path / "cache")
    lake = ("--lake", tmp_path / "lake")
    run(*lake, "migrate", tmp_path / "cache")
    done = run(*lake, "demo", "--sample", SAMPLE, code=1)
    assert "contains data that is not in the sample; use another lake for the demo: --lake PATH" in done.err
    assert len(run(*lake, "--json", "history").json) == 1


def test_the_demo_fails_when_the_answers_differ(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one market cap differs by a millionth, the demo reports it and the exit code is 3."""
    right = old_way.market_caps

    def wrong(*arguments: object) -> list[tuple[str, date, float | None]]:
        [*others, (symbol, day, cap)] = right(*arguments)  # type: ignore[arg-type]  # passed on as they came
        assert cap is not None
        return [*others, (symbol, day, cap * (1 + 1e-6))]

    monkeypatch.setattr(old_way, "market_caps", wrong)
    assert "the 24 answers of both DISAGREE" in run("demo", code=3).out


def test_the_demo_fails_when_a_record_is_not_in_the_lake(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a bar is missing in the lake, the exit code is 3."""
    run("rollback", "--to", "2")
    monkeypatch.setattr("factorlab_lake.lake.Lake.migrate", _nothing)
    assert "missing   0 records" not in run("demo", code=3).out.partition("taken_2021-03-31 with the lake")[2]


def _nothing(*_: object, **__: object) -> object:
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationReport

    return MigrationReport()
