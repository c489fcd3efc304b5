"""Test the field maps of the provider."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from factorlab_lake.providers.records import fields, generations
from factorlab_lake.schema import DATASETS, table
from tests.support import CACHE_2019, CACHE_2021, ROOT, entries_of

with (ROOT / "factorlab_lake" / "providers" / "fmp" / "fields.csv").open(encoding="utf-8") as _file:
    _ROWS = list(csv.DictReader(_file))
# Unadjusted bars have the columns of bars.
_TABLES = {"price_unadjusted": "price_data", **DATASETS}
# Only the identity of a company has columns in its profile; the rest changes daily and goes to `extra`.
# A change of symbols makes intervals of symbol_history: of the old symbol and of the new one.
_NO_COLUMN = {
    ("price", "label"),
    *(("symbol_change", name) for name in ("date", "company_name", "old_symbol", "new_symbol")),
    *(("profile", r["column"]) for r in _ROWS if r["dataset"] == "profile" and r["column"] not in
      table("company_profiles").names()),
}  # fmt: skip


@pytest.mark.parametrize("dataset", sorted({r["dataset"] for r in _ROWS} & set(_TABLES)))
def test_every_field_of_the_provider_leads_to_a_column(dataset: str) -> None:
    """A misspelt column would send an item to `extra` silently."""
    known = set(table(_TABLES[dataset]).names())
    lost = [
        r["field"]
        for r in _ROWS
        if r["dataset"] == dataset and r["column"] not in known and (dataset, r["column"]) not in _NO_COLUMN
    ]
    assert lost == []


def test_what_a_profile_keeps_in_columns_identifies_the_company() -> None:
    """The fields of a profile without a column are quotes and addresses, never identity."""
    without = {column for dataset, column in _NO_COLUMN if dataset == "profile"}
    assert without.isdisjoint(
        {"symbol", "cik", "isin", "cusip", "company_name", "currency", "sector", "industry"}
    )


def test_no_field_is_mapped_twice_within_a_generation() -> None:
    """The second of two rows for one field would win silently."""
    places = [(r["dataset"], r["generation"], r["field"]) for r in _ROWS]
    assert len(places) == len(set(places))


def test_no_two_fields_of_a_generation_share_a_column() -> None:
    """Two fields of one record in one column would lose one of the two values."""
    taken: dict[tuple[str, str, str], list[str]] = {}
    for r in _ROWS:
        taken.setdefault((r["dataset"], r["generation"], r["column"]), []).append(r["field"])
    assert {place: names for place, names in taken.items() if len(names) > 1} == {}


def test_both_generations_fill_the_same_columns_with_their_own_names() -> None:
    """The filing date is one column, although each generation has its own field name."""
    assert generations("income") == ["v3", "stable"]
    assert fields("income", "v3")["fillingDate"] == fields("income", "stable")["filingDate"] == "filing_date"


@pytest.mark.parametrize("cache", [CACHE_2019, CACHE_2021], ids=lambda c: c.name)
def test_every_field_of_the_samples_is_known(cache: Path) -> None:
    """Every field of the samples has a column; none goes to `extra`."""
    of_table = {table: dataset for dataset, table in reversed(DATASETS.items())}
    unknown = {
        (path, name)
        for path, envelope in entries_of(cache)
        for record in envelope["data"]
        for name in record
        if name not in fields(of_table[path.split("/")[0]], "v3")
    }
    assert unknown == set()
