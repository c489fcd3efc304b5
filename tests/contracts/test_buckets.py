"""Test that a lake in a bucket returns the answers of the folder on every case, for every reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.bucket_servers import BUCKET, seaweedfs, variables
from tests.contracts.test_made import VINTAGES
from tests.contracts.test_spark import (
    MONTHS,
    REASONS,
    assert_equal_rows,
    every_case,
    every_question,
    every_symbol,
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
            assert _reasons(right) >= REASONS.get(method, set())


def _reasons(rows: pl.DataFrame) -> set[str]:
    texts = {text for name in rows.columns if name.endswith("reason") for text in rows[name].drop_nulls()}
    return {word for text in texts for word in re.findall("[a-z]+(?:_[a-z]+)+", text)}
