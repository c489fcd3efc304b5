"""The rule of availability: from which day on a filing may be used, in every question alike."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE, to_rule
from factorlab_lake.errors import InvalidInput
from factorlab_lake.functions.sql_placeholders import effective_basis, effective_date
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.settings.models import settings
from tests.support import copy_of, run_python
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters

CASES = LakeBuilder()

# Wednesday 2021-01-27, 18:03 in New York: after the close. For each rule the first day of use.
EVENING = "2021-01-27 18:03:06"
FROM_EVENING = {
    "close": "2021-01-28",
    "same_day": "2021-01-27",
    0: "2021-01-27",
    1: "2021-01-28",
    2: "2021-01-29",
}
DAYS = [f"2021-01-{day}" for day in (26, 27, 28, 29, 30)]


def _year(symbol: str, **last: Any) -> None:
    """Add four quarters of 2020 with all three statements, the last of them filed as said."""
    for kind, item in (
        ("income", "revenue"),
        ("balance_sheet", "totalAssets"),
        ("cash_flow", "operatingCashFlow"),
    ):
        records = quarters(YEAR_2020, **{item: (1, 2, 3, 4), "weightedAverageShsOut": (10, 10, 10, 20)})
        records[-1] = filing(YEAR_2020[-1], "Q4", **{item: 4, "weightedAverageShsOut": 20} | last)
        CASES.statements(symbol, kind, records)


_year("LATE", filed=EVENING)
_year("DATED", filed="2021-01-27", acceptedDate=...)  # only the filing's day is known
_year("UNKNOWN", acceptedDate=..., fillingDate=...)  # 75 days after the end of 2020: 2021-03-16
CASES.closes("LATE", dict.fromkeys(DAYS, 2.0))
CASES.row(
    "shares_outstanding",
    symbol="COUNTED",
    source="cover_page",
    as_of_date=date(2021, 1, 15),
    shares=7.0,
    accepted_at=datetime(2021, 1, 28, 1, 3, 6, tzinfo=UTC),  # 20:03 in New York on the 27th
    split_basis_date=date(2021, 1, 27),
)
# A quarter told twice on one evening, and again a month later.
CASES.statements("TWICE", "income", [filing("2020-12-31", filed="2021-01-27 18:00:00", revenue=1)])
CASES.statements("TWICE", "income", [filing("2020-12-31", filed="2021-01-27 19:00:00", revenue=2)])
CASES.statements("TWICE", "income", [filing("2020-12-31", filed="2021-02-26 19:00:00", revenue=3)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("rule"))


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Remove all settings, and run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("FACTORLAB_")]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield
    settings.cache_clear()


def _reopened(lake: Lake, rule: Any) -> Lake:
    return fl.open(lake.path, create=False, availability=rule)


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(("rule", "first"), FROM_EVENING.items())
def test_an_evening_filing_is_used_from_the_day_of_the_rule_on(made: Lake, rule: Any, first: str) -> None:
    """Every query uses a filing accepted at 18:03 from the same day on, that of the rule."""
    lake = _reopened(made, rule)
    used = [date.fromisoformat(day) >= date.fromisoformat(first) for day in DAYS]
    ends = [date(2020, 12, 31) if late else date(2020, 9, 30) for late in used]
    assert lake.ttm("LATE", DAYS)["revenue"].to_list() == [10 if late else None for late in used]
    caps = lake.market_caps("LATE", DAYS)
    assert caps["market_cap"].to_list() == [40 if late else 20 for late in used]
    assert lake.factors("LATE", DAYS)["fiscal_date"].to_list() == ends
    counts = lake.sql(
        "SELECT date FROM shares_as_of(['COUNTED'], $days) ORDER BY date",
        days=[date.fromisoformat(d) for d in DAYS],
    )
    assert [day.isoformat() for day in counts["date"]] == [
        day for day, u in zip(DAYS, used, strict=True) if u
    ]
    for day, late in zip(DAYS, used, strict=True):
        known = lake.statements("LATE", "2020-12-01", as_of=day)
        assert known["statement_type"].to_list() == (["balance_sheet", "cash_flow", "income"] if late else [])
        assert known["available_date"].cast(str).to_list() == [first] * known.height


@pytest.mark.parametrize(
    ("rule", "first"), [("close", "2021-01-28"), ("same_day", "2021-01-27"), (3, "2021-01-30")]
)
def test_without_an_acceptance_the_days_count_from_the_filing_date(made: Lake, rule: Any, first: str) -> None:
    """A filing date alone is used itself under same_day, and is where a lag starts."""
    result = _reopened(made, rule).statements("DATED", "2020-12-01")
    assert result["availability_basis"].unique().to_list() == ["filing_date"]
    assert result["available_date"].cast(str).unique().to_list() == [first]


@pytest.mark.parametrize("rule", ["close", "same_day", 5])
def test_an_estimate_is_the_same_under_every_rule(made: Lake, rule: Any) -> None:
    """Where nothing is known of the filing there is no day to count from: the estimate stays."""
    result = _reopened(made, rule).statements("UNKNOWN", "2020-12-01")
    assert result["availability_basis"].unique().to_list() == ["estimated"]
    assert result["available_date"].cast(str).unique().to_list() == ["2021-03-16"]


def test_the_rule_leaves_the_versions_as_they_are(made: Lake) -> None:
    """Number, kind and order of versions follow the acceptances; the newest available one is known."""
    versions = ["version", "change_kind", "accepted_at", "metrics"]
    stored = made.statements("TWICE").select(versions)
    assert stored["version"].to_list() == [1, 2, 3]
    for rule in ("same_day", 2):
        assert _reopened(made, rule).statements("TWICE").select(versions).equals(stored)
    known = [
        _reopened(made, rule).statements("TWICE", as_of=day)["version"].to_list()
        for rule, day in (
            ("same_day", "2021-01-26"),
            ("same_day", "2021-01-27"),
            (2, "2021-02-27"),
            (2, "2021-02-28"),
        )
    ]
    # The second row is of the same filing: a vendor's revision counts from the day it was first seen.
    assert stored["change_kind"].to_list() == ["original", "vendor_revision", "restatement"]
    assert known == [[], [1], [1], [3]]


def test_the_stored_rule_costs_nothing() -> None:
    """Under ``close`` a view adds only the floor of the first fetch; other rules touch no other table."""
    changed = {
        name
        for name, spec in TABLES.items()
        if to_rule("close").select(spec) != to_rule("same_day").select(spec)
    }
    assert changed == {"income_statements", "balance_sheets", "cash_flows", "shares_outstanding"}
    for spec in TABLES.values():
        stored = {column.name: f'"{column.name}"' for column in spec.columns}
        if spec.name in ("splits", "dividends"):  # older lakes have one event a day, without its number
            stored["event"] = 'coalesce("event", 1) AS "event"'
        if spec.name in changed:  # content that was first seen later counts from that day
            stored["available_date"] = f"{effective_date(spec, None)} AS available_date"
            stored["availability_basis"] = f"{effective_basis(spec, None)} AS availability_basis"
        others = [f'"{column}" AS "{other}"' for other, column in spec.other_names]
        assert to_rule("close").select(spec) == ", ".join([*stored.values(), *others])
        assert CLOSE.table_view(spec, Path(), []) == to_rule(4).table_view(spec, Path(), [])


def test_an_earlier_snapshot_keeps_the_rule(made: Lake) -> None:
    """`at` looks back in the lake's time; it does not change what counts as public."""
    lake = _reopened(made, "same_day")
    then = lake.at(lake.snapshot.id)
    assert then.availability == "same_day"
    assert then.ttm("LATE", "2021-01-27")["fiscal_date"].to_list() == [date(2020, 12, 31)]


def test_a_lake_shows_a_rule_that_is_not_the_default(made: Lake) -> None:
    """Who looks at the object sees by which rule it answers."""
    assert (made.availability, "availability" in repr(made)) == ("close", False)
    assert repr(_reopened(made, "same_day")).endswith(", availability='same_day')")
    assert repr(_reopened(made, "2")).endswith(", availability=2)")


def _evening(file: Path) -> list[tuple[str, str]]:
    with duckdb.connect(str(file), read_only=True) as con:
        rows: list[tuple[str, str]] = con.execute(
            "SELECT available_date::VARCHAR, availability FROM income_statements, lake_snapshot "
            "WHERE symbol = 'LATE' AND fiscal_date = '2020-12-31'"
        ).fetchall()
    return rows


def test_an_export_has_the_rule_of_its_lake_and_the_single_file_the_default(
    made: Lake, tmp_path: Path
) -> None:
    """The folder's file is everybody's, so it takes no reader's rule; an export takes it, and says so."""
    lake = _reopened(copy_of(made, tmp_path / "lake"), 2)
    assert _evening(lake.export(tmp_path / "two.duckdb")) == [("2021-01-29", "2")]
    lake.load("splits", {"symbol": ["X"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]})
    assert _evening(lake.path / "lake.duckdb") == [("2021-01-28", "close")]
    assert lake.availability == 2


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("sameday", "Did you mean 'same_day'?"),
        (-1, "-1"),
        ("-1", "'-1'"),
        (366, "0 to 365"),
        (1.5, "1.5"),
        (True, "True"),
        ("", "''"),
        (date(2021, 1, 1), "whole days"),
    ],
)
def test_a_rule_that_is_none_is_refused(tmp_path: Path, rule: Any, said: str) -> None:
    """The error says what was given and what may be, and no lake is made."""
    with pytest.raises(InvalidInput, match="expected 'close', 'same_day' or a lag") as refused:
        fl.open(tmp_path / "lake", availability=rule)
    assert said in str(refused.value)
    assert pickle.loads(pickle.dumps(refused.value)).facts == {"setting": rule}
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(("text", "rule"), [("same_day", "same_day"), ("3", 3), ("", "close")])
@pytest.mark.parametrize("name", ["FACTORLAB_AVAILABILITY", "factorlab_availability"])
def test_the_environment_sets_the_rule(
    unset: None, monkeypatch: pytest.MonkeyPatch, made: Lake, name: str, text: str, rule: Any
) -> None:
    """Without a word at opening the setting holds; a word wins."""
    monkeypatch.setenv(name, text)
    assert fl.open(made.path).availability == rule
    assert fl.open(made.path, availability=9).availability == 9


def test_a_file_does_not_set_the_rule(unset: None, made: Lake) -> None:
    """A ``.env`` file of the working folder cannot change answers; only the environment can."""
    Path(".env").write_text("FACTORLAB_AVAILABILITY=same_day\n")
    assert fl.open(made.path).availability == "close"


def test_a_bad_setting_is_named(unset: None, monkeypatch: pytest.MonkeyPatch, made: Lake) -> None:
    """A slip in the environment is an error that says where to look."""
    monkeypatch.setenv("FACTORLAB_AVAILABILITY", "yesterday")
    with pytest.raises(InvalidInput, match="FACTORLAB_AVAILABILITY is 'yesterday'"):
        fl.open(made.path)


def test_opening_a_lake_loads_no_settings_where_there_are_none(unset: None, made: Lake) -> None:
    """The settings' library is slow to load, so a lake is opened and asked without it."""
    script = (
        "import os, sys; os.chdir(sys.argv[2]); import factorlab_lake as fl; "
        "fl.open(sys.argv[1]).market_caps('LATE', '2021-01-29'); print('pydantic' in sys.modules)"
    )
    done = run_python(script, made.path, Path.cwd())
    assert (done.stdout.strip(), done.stderr) == ("False", "")
