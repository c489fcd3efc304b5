"""Test the commands that adjust stored prices or follow a setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorlab_lake.settings.models import settings
from tests.unit.cli.running import run


def test_adjusted_prices_are_per_newest_share(home: Path) -> None:
    """`prices --adjusted` divides Alphabet's bars by its split of 2022 and shows the factor."""
    arguments = ("prices", "GOOGL", "--start", "2021-03-31", "--adjusted")
    [row] = run("--json", *arguments).json
    assert (row["date"], row["close_price"], row["split_factor"]) == ("2021-03-31", 2062.52 / 20, 0.05)
    assert (row["adjusted_close"], row["adjusted_close_source"]) == (row["close_price"], "provider")
    assert "103.126" in run(*arguments).out
    [stored] = run("--json", "prices", "GOOGL", "--start", "2021-03-31").json
    assert stored["close_price"] == 2062.52


@pytest.mark.parametrize(("rule", "known"), [("close", 0), ("same_day", 2)])
def test_the_availability_rule_comes_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch, rule: str, known: int
) -> None:
    """Apple's filing of 18:06 on 2020-10-29 is known on that day under `same_day` only."""
    monkeypatch.setenv("FACTORLAB_AVAILABILITY", rule)
    settings.cache_clear()
    arguments = ("AAPL", "--start", "2020-09-01", "--type", "income", "--as-of", "2020-10-29")
    assert len(run("--json", "statements", *arguments).json) == known


def test_an_invalid_rule_is_an_error_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in the environment names the setting and its valid values."""
    monkeypatch.setenv("FACTORLAB_AVAILABILITY", "same day")
    settings.cache_clear()
    done = run("status", code=1)
    assert done.err.startswith("error: The setting FACTORLAB_AVAILABILITY is 'same day'; expected 'close'")
    assert done.err.count("\n") == 1
