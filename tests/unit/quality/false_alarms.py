"""Print how often ``quality`` is wrong about real statements: ``python -m tests.unit.quality.false_alarms``.

An alarm is a finding of severity error or warning. It is false unless it is one of :data:`CONFIRMED`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.sec_rows import land_sec
from tests.support import CACHE_2019, CACHE_2021, SPLITS

__all__ = ["Rate", "main", "rates"]

# No going concern has a zero here: the caches were written with 0 for a missing value.
_NEVER_ZERO = (
    "depreciation_and_amortization",
    "total_liabilities",
    "weighted_average_shares_outstanding",
    "net_cash_provided_by_operating_activities",
)

CONFIRMED = (
    # The class C distribution of 2014-04-03 is in no list of splits of the sample.
    (pl.col("rule") == "unapplied_split") & (pl.col("symbol") == "GOOG")
) | (
    (pl.col("rule") == "zero_for_missing")
    & pl.any_horizontal(pl.col("detail").str.contains(n) for n in _NEVER_ZERO)
)


@dataclass(frozen=True)
class Rate:
    """Count the alarms about one lake."""

    name: str
    statements: int
    alarms: int
    false_alarms: pl.DataFrame

    @property
    def per_100_statements(self) -> float:
        """Return the false alarms per hundred statements."""
        return 100 * self.false_alarms.height / self.statements


def rates(folder: Path) -> Iterator[Rate]:
    """Yield the rates of the samples and of Apple's filings; the lakes are made below ``folder``."""
    sample = fl.open(folder / "sample")
    for cache in (CACHE_2019, CACHE_2021):
        sample.migrate(cache)
    sample.load("splits", SPLITS)
    yield _rate("both caches of the sample", sample)
    filings = fl.open(folder / "filings")
    land_sec(filings)
    yield _rate("Apple's filings", filings)
    filings.load("splits", SPLITS)
    yield _rate("Apple's filings, with splits", filings)


def _rate(name: str, lake: Lake) -> Rate:
    alarms = lake.quality().filter(pl.col("severity").is_in(["error", "warning"]))
    count = lake.sql("SELECT count(*) AS n FROM financial_statements")["n"][0]
    return Rate(name, count, alarms.height, alarms.filter(~CONFIRMED))


def main() -> None:
    """Print one line per lake, and each false alarm."""
    with tempfile.TemporaryDirectory() as folder:
        for rate in rates(Path(folder)):
            sys.stdout.write(
                f"{rate.name}: {rate.statements} statements, {rate.alarms} alarms, "
                f"{rate.false_alarms.height} false, {rate.per_100_statements:.2f} per 100 statements\n"
            )
            for row in rate.false_alarms.rows():
                sys.stdout.write(f"  {row}\n")


if __name__ == "__main__":
    main()
