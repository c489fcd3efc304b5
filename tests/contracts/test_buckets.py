"""Test that a lake in a bucket returns the answers of the folder on every case, for every reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.bucket_servers import BUCKET, seaweedfs, variables
from tests.contracts.pair import assert_same_rows
from tests.contracts.questions import QUESTIONS
from tests.contracts.test_made import VINTAGES
from tests.contracts.test_spark import (
    MONTHS,
    REASONS,
    assert_equal_rows,
    every_case,
    every_question,
    every_symbol,
    reasons_in,
)

pytestmark = pytest.mark.slow  # building the lake takes half a minute


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, Lake]]:
    """Return the lake with every case in its folder, and restored to a bucket."""
    lake = every_case(tmp_path_factory.mktemp("cases"))
    with seaweedfs(tmp_path_factory.mktemp("server")) as endpoint, pytest.MonkeyPatch.context() as patch:
        for name, value in variables(endpoint).items():
            patch.setenv(name, value)
        patch.setenv("FACTORLAB_CACHE_FOLDER", str(tmp_path_factory.mktemp("tiles")))
        yield lake, fl.restore(lake.path, f"s3://{BUCKET}/cases")


def test_sql_has_the_rows_of_the_folder(both: tuple[Lake, Lake]) -> None:
    """Functions and tables agree on every case and vintage, read from the objects by SQL."""
    lake, there = both
    for name, question in every_question(every_symbol(lake)).items():
        assert_equal_rows(name, there.sql(question.query), lake.sql(question.query))


@pytest.mark.parametrize("method", ["market_caps", "ttm", "factors"])
def test_methods_have_the_rows_and_every_reason_of_the_folder(both: tuple[Lake, Lake], method: str) -> None:
    """The read index of a bucket returns equal rows in equal order, with each reason for NULL."""
    lake, there = both
    symbols = every_symbol(lake)
    assert there._reader.index is not None
    for vintage in VINTAGES:
        left, right = (getattr(each, method)(symbols, MONTHS, vintage=vintage) for each in (lake, there))
        assert_frame_equal(left, right)
        if vintage == "known":
            assert reasons_in(right) >= REASONS[method]


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_the_rows_of_the_folder(both: tuple[Lake, Lake], name: str) -> None:
    """The questions of the contract of servers are those of a bucket too."""
    lake, there = both
    assert_same_rows(QUESTIONS[name](lake), QUESTIONS[name](there))


def test_one_currency_has_the_rows_of_the_folder(both: tuple[Lake, Lake]) -> None:
    """Converted caps of symbols and of companies are equal."""
    lake, there = both
    symbols = every_symbol(lake)
    for method in ("market_caps", "company_market_caps"):
        left, right = (getattr(of, method)(symbols, "2021-02-01", currency="USD") for of in (lake, there))
        assert_same_rows(left, right)
        assert {"no_exchange_rate", "currency_unknown"} <= set(left["reason"])
