"""Build a small market whose figures are simple numbers: ten companies in three sectors."""

from __future__ import annotations

from pathlib import Path

from factorlab_lake.lake import Lake
from tests.unit.query.lake_builder import LakeBuilder, filing, quarters

__all__ = ["COMPANIES", "EQUITY", "INCOME", "SECTOR_OF", "build"]

COMPANIES = [f"C{number}" for number in range(10)]
INCOME = [2.0, -1.0, 4.0, 4.0, 8.0, 0.5, 3.0, 40.0, 1.0, 6.0]  # a quarter's net income
EQUITY = [10.0, 20.0, 30.0, 0.0, 16.0, 10.0, 24.0, 80.0, -5.0, 12.0]
SECTOR_OF = dict(zip(COMPANIES, ["Energy"] * 4 + ["Technology"] * 5, strict=False)) | {"C9": None}
_ENDS = ("2019-09-30", "2019-12-31", "2020-03-31", "2020-06-30")


def build(place: Path) -> Lake:
    """Return a lake in which all is known by 2020-07-31; C9 has no sector, and NONE no statement."""
    cases = LakeBuilder()
    for name, income, equity in zip(COMPANIES, INCOME, EQUITY, strict=True):
        items = {"netIncome": income, "revenue": 100, "weightedAverageShsOut": 10}
        cases.statements(name, "income", quarters(_ENDS, **{item: [v] * 4 for item, v in items.items()}))
        cases.statements(
            name,
            "balance_sheet",
            [filing("2020-06-30", "Q2", totalStockholdersEquity=equity or None, totalAssets=100)],
        )
        cases.closes(name, {"2020-07-31": 5.0, "2020-08-31": 6.0})
        sector = SECTOR_OF[name]
        profile = {"currency": "USD", "sector": sector, "fetched_at": "2020-07-01T12:00:00Z"}
        cases.row("company_profiles", symbol=name, **profile)
    cases.closes("NONE", {"2020-07-31": 5.0, "2020-08-31": 6.0})
    return cases.build(place)
