"""Validation finds what is not in the lake as the cache has it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from factorlab_lake.ingest.legacy_cache.record_diff import RecordDifference
from factorlab_lake.lake import Lake
from tests.support import CACHE_2019, CACHE_2021, Entry, bar, copy_of, income, writing

_AAPL_DAY = (pl.col("symbol") == "AAPL") & (pl.col("date") == date(2020, 3, 16))
_AAPL_Q = (pl.col("symbol") == "AAPL") & (pl.col("fiscal_date") == date(2020, 6, 27))


def _altered(
    lake: Lake, place: Path, table: str, partition: int, change: pl.Expr | None, **values: pl.Expr
) -> Lake:
    """Return a copy of a lake in which rows of one partition were removed or changed."""
    copied = copy_of(lake, place)
    with writing(copied) as tx:
        rows = tx.read(table, partitions=[partition])
        assert change is None or rows.filter(change).height > 0
        spoilt = rows.filter(~change) if change is not None and not values else rows.with_columns(**values)
        tx.replace(table, spoilt, [partition])
    return copied.refresh()


@pytest.mark.parametrize(("cache", "fixture"), [(CACHE_2019, "lake_2019"), (CACHE_2021, "lake_2021")])
def test_a_migrated_cache_validates_clean(request: pytest.FixtureRequest, cache: Path, fixture: str) -> None:
    """After a migration every record of the cache is found equal."""
    report = request.getfixturevalue(fixture).validate(cache)
    assert report.clean
    assert (report.equal, report.findings) == (report.records, [])
    assert report.records > 2000


def test_both_generations_validate_clean_in_one_lake(lake_both: Lake) -> None:
    """What a later fetch superseded is still found: as an earlier version, or as a revised bar."""
    for cache in (CACHE_2019, CACHE_2021):
        report = lake_both.validate(cache)
        assert report.clean
        assert report.equal == report.records


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close_price", 1.0),
        ("volume", 0.0),
        ("adjusted_close", None),
        ("unadjusted_volume", -1.0),
        ("change_over_time", 9.0),
    ],
)
def test_a_value_changed_in_a_bar_is_found(lake_2021: Lake, tmp_path: Path, column: str, value: Any) -> None:
    """One value of one bar that is not the cache's: the record, the field and both values are named."""
    spoilt = pl.when(_AAPL_DAY).then(pl.lit(value, pl.Float64)).otherwise(column)
    lake = _altered(lake_2021, tmp_path / "lake", "price_data", 2020, _AAPL_DAY, **{column: spoilt})
    report = lake.validate(CACHE_2021)
    assert not report.clean
    assert (report.differs, report.missing, report.equal) == (1, 0, report.records - 1)
    [finding] = report.findings
    assert finding.file == "price_data/AAPL_price_full_history_all_v2.0.json.gz"
    assert finding.kind == "differs"
    assert f"{'nothing' if value is None else value} in the lake" in finding.difference


def test_the_smallest_change_of_a_value_is_found(lake_2021: Lake, tmp_path: Path) -> None:
    """Comparison is by the bits of a number, not by a tolerance."""
    nudged = pl.when(_AAPL_DAY).then(pl.col("close_price") * (1 + 2**-52)).otherwise("close_price")
    lake = _altered(lake_2021, tmp_path / "lake", "price_data", 2020, _AAPL_DAY, close_price=nudged)
    assert lake.validate(CACHE_2021).differs == 1


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("revenue", pl.lit(1.0), "revenue"),
        ("eps", pl.lit(None, pl.Float64), "eps"),
        ("cik", pl.lit("0000000001"), "cik"),
        ("reported_currency", pl.lit("EUR"), "reportedCurrency"),
        ("link", pl.lit(None, pl.String), "link"),
        ("filing_date", pl.lit(date(2020, 1, 1)), "fillingDate"),
        ("accepted_at", pl.col("accepted_at").dt.offset_by("1s"), "acceptedDate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_changed_in_a_statement_is_found(
    lake_2021: Lake, tmp_path: Path, column: str, value: pl.Expr, field: str
) -> None:
    """Items, attributes and times alike: each file that holds the record reports the field that differs."""
    spoilt = pl.when(_AAPL_Q).then(value).otherwise(column)
    lake = _altered(lake_2021, tmp_path / "lake", "income_statements", 2020, _AAPL_Q, **{column: spoilt})
    report = lake.validate(CACHE_2021)
    assert (report.differs, report.missing) == (3, 0)
    assert {finding.kind for finding in report.findings} == {"differs"}
    assert all(finding.difference.startswith(f"{field}: ") for finding in report.findings)
    assert len({finding.file for finding in report.findings}) == 3


@pytest.mark.parametrize(
    ("table", "gone", "records"), [("price_data", _AAPL_DAY, 1), ("income_statements", _AAPL_Q, 3)]
)
def test_a_row_that_is_gone_is_found(
    lake_2021: Lake, tmp_path: Path, table: str, gone: pl.Expr, records: int
) -> None:
    """Every record whose row is no longer there is missing, and no other."""
    lake = _altered(lake_2021, tmp_path / "lake", table, 2020, gone)
    report = lake.validate(CACHE_2021)
    assert (report.differs, report.missing) == (0, records)
    assert {finding.kind for finding in report.findings} == {"missing"}


def test_a_row_moved_to_another_day_or_symbol_is_found(lake_2021: Lake, tmp_path: Path) -> None:
    """The right values under the wrong symbol are as good as lost."""
    moved = pl.when(_AAPL_DAY).then(pl.lit("MSFT")).otherwise("symbol")
    lake = _altered(lake_2021, tmp_path / "lake", "price_data", 2020, _AAPL_DAY, symbol=moved)
    assert lake.validate(CACHE_2021).missing == 1


def test_a_superseded_bar_that_is_gone_is_found(lake_both: Lake, tmp_path: Path) -> None:
    """The older cache needs its revised bars: the current ones do not stand in for them."""
    lake = _altered(
        lake_both, tmp_path / "lake", "price_revisions", 2018, pl.col("date") == date(2018, 8, 31)
    )
    assert lake.validate(CACHE_2021).clean
    assert lake.validate(CACHE_2019).differs == 1


def test_an_item_without_a_column_is_compared_too(lake: Lake, cache: Path) -> None:
    """What went into `extra` or `metrics` counts like everything else."""
    Entry("AAPL", "income", [income(novelty=1.5)]).write(cache)
    Entry("AAPL", "ratios", [{"date": "2020-09-26", "period": "FY", "currentRatio": 1.36}]).write(cache)
    lake.migrate(cache)
    assert lake.validate(cache).clean
    Entry("AAPL", "income", [income(novelty=1.75)]).write(cache)
    Entry("AAPL", "ratios", [{"date": "2020-09-26", "period": "FY", "currentRatio": 1.37}]).write(cache)
    report = lake.validate(cache)
    assert sorted(finding.difference for finding in report.findings) == [
        "currentRatio: 1.37 in the file, 1.36 in the lake", "novelty: 1.75 in the file, 1.5 in the lake",
    ]  # fmt: skip


def test_ratios_of_full_precision_are_equal_to_themselves(lake: Lake, cache: Path) -> None:
    """Ratios come with seventeen digits; kept as JSON and compared by value, each is found equal."""
    values = [95.55946146081419, 94.73057619299429, 99.47677585792401, 1 / 3, 1.5e-05, 3e100]
    ratios = {f"ratio{i}": value for i, value in enumerate(values)}
    Entry("AAPL", "ratios", [{"date": "2020-09-26", "period": "FY"} | ratios]).write(cache)
    lake.migrate(cache)
    assert json.loads(lake.sql("SELECT metrics FROM vendor_ratios").item()) == ratios
    assert lake.validate(cache).findings == []


def test_a_label_that_differs_is_found(lake: Lake, cache: Path) -> None:
    """The date in words is compared, although it is stored only where it says something else."""
    Entry("AAPL", "price", [bar("2021-03-30", label="March 30, 21"), bar("2021-03-29", label="odd")]).write(
        cache
    )
    lake.migrate(cache)
    assert lake.validate(cache).clean
    Entry("AAPL", "price", [bar("2021-03-30", label="odd"), bar("2021-03-29", label="March 29, 21")]).write(
        cache
    )
    assert lake.validate(cache).differs == 2


def test_a_cache_that_was_never_migrated_is_all_missing(lake: Lake) -> None:
    """An empty lake has none of the records; findings are listed up to a limit, counts are complete."""
    report = lake.validate(CACHE_2019)
    assert (report.equal, report.differs, report.missing) == (0, 0, 2682)
    assert 0 < len(report.findings) <= 1000
    assert isinstance(report.findings[0], RecordDifference)


def test_a_record_that_is_no_object_was_rejected(lake: Lake, cache: Path) -> None:
    """What could not land is in rejected_records, and validation does not call the cache clean."""
    entry = Entry("AAPL", "income", [7, income()])
    entry.write(cache)
    lake.migrate(cache)
    report = lake.validate(cache)
    assert (report.records, report.equal, report.missing, report.rejected) == (2, 1, 0, 1)
    assert [(f.file, f.position, f.kind) for f in report.findings] == [(entry.path, 0, "rejected")]
    assert not report.clean


def test_a_rejected_record_has_its_reason(lake: Lake, cache: Path) -> None:
    """A period that is none is the provider's fault: validation repeats why the record was rejected."""
    entry = Entry("AAPL", "income", [income("2020-06-27", "Q3"), income(period="Q5")])
    entry.write(cache)
    assert lake.validate(cache).missing == 2  # before the migration nothing was rejected
    lake.migrate(cache)
    report = lake.validate(cache)
    assert (report.equal, report.differs, report.missing, report.rejected) == (1, 0, 0, 1)
    [finding] = report.findings
    [reason] = lake.sql("SELECT reason FROM rejected_records")["reason"]
    assert (finding.file, finding.position, finding.kind) == (entry.path, 1, "rejected")
    assert finding.difference == reason
    assert reason.startswith("period: 'Q5' is not one of")


def test_a_file_of_nothing_but_junk_was_rejected_too(lake: Lake, cache: Path) -> None:
    """Records that are no objects are counted also where there is no other record in the batch."""
    Entry("AAPL", "income", [7, "x"]).write(cache)
    report = lake.migrate(cache)
    assert (report.records, report.rejected) == (2, 2)
    assert lake.validate(cache).rejected == 2


def test_validation_writes_nothing(lake_2021: Lake) -> None:
    """Validation does not change the lake's history or files."""
    before = {p: p.stat().st_mtime_ns for p in lake_2021.path.rglob("*")}
    lake_2021.validate(CACHE_2019)
    assert {p: p.stat().st_mtime_ns for p in lake_2021.path.rglob("*")} == before


def test_an_earlier_state_can_be_validated(lake_both: Lake) -> None:
    """A lake at an earlier snapshot is compared as it was then."""
    earlier = lake_both.at(1)
    assert earlier.validate(CACHE_2019).clean
    assert not earlier.validate(CACHE_2021).clean
