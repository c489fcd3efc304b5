from __future__ import annotations

from pathlib import Path

from tests.unit.quality.false_alarms import rates


def test_at_most_one_statement_in_a_hundred_has_a_false_alarm(tmp_path: Path) -> None:
    """The sample and Apple's filings of 17 years are correct but for the confirmed faults."""
    measured = list(rates(tmp_path))
    assert [rate.statements > 250 for rate in measured] == [True, True, True]
    assert measured[0].alarms > 0
    for rate in measured:
        assert rate.per_100_statements <= 1, f"{rate.name}: {rate.false_alarms.rows()}"
