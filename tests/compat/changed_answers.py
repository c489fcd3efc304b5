"""What this program answers otherwise than the release that recorded the answers, and by which rule.

The recorded answers stay as the release gave them. Each difference is named here with its right value, so
that a change of an answer without a rule fails.
"""

from __future__ import annotations

from typing import Any

__all__ = ["as_answered_now"]


def _growth(count: int, year_before: int) -> float:
    return (count - year_before) / year_before


# At the end of a fiscal year, the year's own row is the trailing year. Its flows equal the quarters' sums.
_YEAR = {"basis": "fiscal_year"}
# After a first quarter, the trailing year is the year, plus the year to date, less that of the year before.
_AAPL_TO_DATE = {"basis": "year_to_date", "derivation": "2019-09-28 = FY - Q1; 2019-12-28 = Q1"}
_GOOGL_TO_DATE = {"basis": "year_to_date", "derivation": "2019-12-31 = FY - Q1; 2020-03-31 = Q1"}
_GOOGL_2020 = {
    ("GOOGL", "2020-02-29"): _YEAR,
    ("GOOGL", "2020-03-31"): _YEAR,
    ("GOOGL", "2020-04-30"): _GOOGL_TO_DATE,
    ("GOOGL", "2020-05-31"): _GOOGL_TO_DATE,
    ("GOOGL", "2020-06-30"): _GOOGL_TO_DATE,
    ("GOOGL", "2020-07-31"): _GOOGL_TO_DATE,
}
# The rows of two fiscal years have weighted averages to compare. The newest of the four quarters that end a
# year before was not held, so the releases had no share growth.
_GOOGL_GROWTH = {"share_growth": _growth(688_335_000, 695_556_000)}
_CHANGED: dict[str, dict[str, dict[tuple[str, str], dict[str, Any]]]] = {
    "0_1": {
        "ttm": _GOOGL_2020
        | {
            ("AAPL", "2019-12-31"): _YEAR,
            ("AAPL", "2020-01-31"): _AAPL_TO_DATE,
            ("AAPL", "2020-02-29"): _AAPL_TO_DATE,
            ("AAPL", "2020-03-31"): _AAPL_TO_DATE,
            ("AAPL", "2020-04-30"): _AAPL_TO_DATE,
            ("AAPL", "2020-10-31"): _YEAR,
        },
        "factors": {
            ("AAPL", "2019-12-31"): {"share_growth": _growth(4_617_834_000, 4_955_377_000), "reason": None},
            ("GOOGL", "2020-02-29"): _GOOGL_GROWTH,
            ("GOOGL", "2020-03-31"): _GOOGL_GROWTH,
        },
    },
    "0_2": {
        "ttm": _GOOGL_2020 | {("AAPL", "2020-10-31"): _YEAR},
        "factors": {
            ("AAPL", "2020-10-31"): {"share_growth": _growth(17_352_119_000, 18_471_336_000), "reason": None}
        },
    },
}


def as_answered_now(release: str, recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the recorded answers of a release with the changes of this program; each change is one."""
    result = dict(recorded)
    for question, changes in _CHANGED[release].items():
        rows = {(row["symbol"], row["date"]): row for row in recorded[question]}
        for row, change in changes.items():
            assert all(rows[row][column] != value for column, value in change.items())
        result[question] = [row | changes.get(key, {}) for key, row in rows.items()]
    return result
