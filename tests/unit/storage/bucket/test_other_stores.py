"""Test what can be tested of Google Cloud Storage and Azure without one: addresses, options and errors."""

from __future__ import annotations

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import TargetFailed
from factorlab_lake.storage.bucket_path import BucketPath, bucket_path, options_of

_CLOSED = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("address", "variable", "options"),
    [
        (
            "s3://bucket/a/lake",
            "AWS_ENDPOINT_URL",
            {"conditional_put": "etag", "aws_conditional_put": "etag"},
        ),
        ("gs://bucket/a/lake", "", {}),
        ("az://container/a/lake", "AZURE_ENDPOINT", {}),
    ],
)
def test_an_address_becomes_the_options_of_its_store(
    address: str, variable: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delta and polars get the conditions of S3, and leave to use plain HTTP for a server that has no TLS."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    path = bucket_path(address)
    assert (str(path), BucketPath(*path.parts).key) == (address, "a/lake")
    assert options_of(path) == options
    if variable:
        monkeypatch.setenv(variable, _CLOSED)
        assert options_of(path) == options | {"allow_http": "true"}


def test_an_azure_store_that_does_not_answer_names_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the variables of Azure and no key."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "czNjcmV0")
    monkeypatch.setenv("AZURE_ENDPOINT", _CLOSED)
    with pytest.raises(TargetFailed, match="AZURE_STORAGE_ACCOUNT_NAME") as failed:
        fl.open("az://container/lake", create=False)
    assert "AWS_" not in str(failed.value)
    assert "czNjcmV0" not in str(failed.value)
