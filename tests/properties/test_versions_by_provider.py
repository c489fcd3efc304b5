"""Test that each provider's statements have the versions that they have in a lake of this provider alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema import table
from tests.support import EARLIER, answer, assert_same_content, examples, income, landed

PROVIDERS = ("fmp", "other", "file")
_PERIODS = [("2019-06-29", "Q3"), ("2019-09-28", "Q4")]
_STATEMENT = st.fixed_dictionaries(
    {"revenue": st.sampled_from([1, 2]), "weightedAverageShsOut": st.sampled_from([1000, 4000])},
    optional={"acceptedDate": st.sampled_from(["2019-10-30 18:00:00", "2019-11-30 12:00:00", None])},
)
_FETCH = st.tuples(st.sampled_from(PROVIDERS), st.lists(_STATEMENT, min_size=2, max_size=2))
_TABLE = "income_statements"
_KEY = [k for k in table(_TABLE).key if k != "version"]
_SEQUENCE = [*_KEY, "version", "change_kind", "revenue", "accepted_at", "fetched_at", "fetch_id"]


def _answers(fetches: Sequence[tuple[str, list[dict[str, Any]]]]) -> list[FetchResult]:
    """Return one answer per fetch, on successive days; each has all periods."""
    return [
        answer(
            "income",
            [
                income(*period, eps=..., epsdiluted=..., weightedAverageShsOutDil=..., **fields)
                for period, fields in zip(_PERIODS, contents, strict=True)
            ],
            at=EARLIER + timedelta(days=day),
            provider=provider,
        )
        for day, (provider, contents) in enumerate(fetches)
    ]


def _sequence(content: dict[str, pl.DataFrame], provider: str) -> pl.DataFrame:
    """Return a provider's rows in order, numbered among themselves."""
    rows = content[_TABLE].filter(pl.col("source_provider") == provider).select(_SEQUENCE)
    rows = rows.sort(*_KEY, "version")
    return rows.with_columns(version=pl.int_range(1, pl.len() + 1).over(_KEY))


@examples(12)
@given(st.lists(_FETCH, min_size=2, max_size=5), st.permutations(range(5)))
def test_each_provider_has_the_versions_that_it_has_alone(
    fetches: list[tuple[str, list[dict[str, Any]]]], order: Sequence[int]
) -> None:
    """Any interleaving, order of arrival and repetition gives each provider its own contents and kinds."""
    answers = _answers(fetches)
    together = landed(answers)
    assert_same_content(landed([answers[i] for i in order if i < len(answers)]), together)
    assert_same_content(landed([*answers, *answers]), together)
    for provider in PROVIDERS:
        alone = landed([a for a in answers if a.provider == provider])
        one, other = _sequence(together, provider), _sequence(alone, provider)
        if provider == "file":  # a user's row corrects those of the other providers, in the order of theirs
            one, other = (rows.drop("version", "change_kind").sort(pl.all()) for rows in (one, other))
        assert one.equals(other), provider
    versions = together[_TABLE].group_by(_KEY).agg(pl.col("version").sort(), n=pl.len())
    for numbers, n in versions.select("version", "n").rows():
        assert numbers == list(range(1, n + 1))
