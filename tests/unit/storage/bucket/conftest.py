"""Define the server and the addresses of the tests of lakes in buckets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bucket_servers import BUCKET, moto, seaweedfs, variables


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start SeaweedFS once for all tests."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start moto once for all tests."""
    with moto(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def tile_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for copies of read indexes."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def address(seaweedfs_server: str, tile_cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a new address in the bucket of SeaweedFS, which the environment names."""
    for name, value in variables(seaweedfs_server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FACTORLAB_CACHE_FOLDER", str(tile_cache))
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def moto_address(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a new address in the bucket of moto, which the environment names."""
    for name, value in variables(moto_server).items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
