"""Test the versions of two providers, which follow each other per provider."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from factorlab_lake.providers.protocol import FetchResult
from tests.support import (
    EARLIER,
    answer,
    income,
    landed,
    writing,
)

_KIND = "SELECT version, change_kind FROM income_statements ORDER BY version"
_REVENUE = "SELECT version, revenue FROM income_statements ORDER BY version"
_DAY = timedelta(days=1)


def _served(*fetches: tuple[str, dict[str, Any]]) -> list[FetchResult]:
    """Return answers with one statement each, served by (provider, fields) on successive days."""
    return [
        answer("income", [income("2019-09-28", **fields)], at=EARLIER + day * _DAY, provider=provider)
        for day, (provider, fields) in enumerate(fetches)
    ]


def _versions(*fetches: tuple[str, dict[str, Any]]) -> list[tuple[Any, ...]]:
    rows = landed(_served(*fetches))["income_statements"].sort("version")
    return rows.select("version", "source_provider", "change_kind", "revenue").rows()


def test_another_provider_changes_nothing_of_the_first() -> None:
    """Values of another provider are its own original, and the first provider's content did not return."""
    first, second = ("fmp", {"revenue": 1}), ("other", {"revenue": 2})
    assert _versions(first, second, first, second, ("other", {"revenue": 3})) == [
        (1, "fmp", "original", 1.0),
        (2, "other", "original", 2.0),
        (3, "other", "vendor_revision", 3.0),
    ]


def test_a_provider_that_repeats_the_figures_of_another_has_a_row_of_its_own() -> None:
    """Two providers with equal values have one row each."""
    assert _versions(("fmp", {"revenue": 1}), ("other", {"revenue": 1})) == [
        (1, "fmp", "original", 1.0),
        (2, "other", "original", 1.0),
    ]


def test_a_users_row_stays_the_newest_of_its_filing() -> None:
    """A later fetch of the same filing does not supersede a user's correction; a later filing does."""
    amended: dict[str, Any] = {"revenue": 4, "acceptedDate": "2019-12-01 17:00:00"}
    fetches: list[tuple[str, dict[str, Any]]] = [
        ("fmp", {"revenue": 1}),
        ("file", {"revenue": 2}),
        ("fmp", {"revenue": 3}),
        ("fmp", amended),
    ]
    assert _versions(*fetches) == [
        (1, "fmp", "original", 1.0),
        (2, "fmp", "vendor_revision", 3.0),
        (3, "file", "correction", 2.0),
        (4, "fmp", "restatement", 4.0),
    ]


def test_a_fetch_of_another_provider_confirms_nothing() -> None:
    """X of one provider, X of another, then the first provider's Y between the two: Y is its newest."""
    first, second, third = _served(
        ("fmp", {"revenue": 1}), ("fmp", {"revenue": 2}), ("other", {"revenue": 1})
    )
    rows = landed([first, third, second])["income_statements"].sort("version")
    assert rows["source_provider"].to_list() == ["fmp", "fmp", "other"]
    assert rows["revenue"].to_list() == [1.0, 2.0, 1.0]


def test_revisions_compare_the_versions_of_one_provider(lake: Lake) -> None:
    """The view lists what a provider changed, not how two providers differ."""
    with writing(lake) as tx:
        merge_batch(tx, _served(("fmp", {"revenue": 1}), ("other", {"revenue": 2}), ("fmp", {"revenue": 3})))
    lake.refresh()
    rows = lake.sql("SELECT column_name, old, new, kind FROM revisions")
    assert rows.rows() == [("revenue", "1.0", "3.0", "vendor_revision")]
