"""Test the commands on a lake in a bucket: each works, or says why not and what to do instead."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.storage.lake_paths import folder_path
from tests.bucket_servers import BUCKET
from tests.fakes.fmp import FakeFmp, synthetic_dataset
from tests.support import CACHE_2021, SPLITS
from tests.unit.cli.running import run
from tests.unit.cli.test_lake_paths import every_command

_KEY = "k3y-that-nobody-may-see"
_BARS = "symbol,date,close_price,split_basis_date\nY,2020-01-02,2.0,2020-01-02\n"
_ELSEWHERE = {"demo", "mcp", "sync"}  # demo refuses other rows, mcp serves, and sync needs a server


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFmp]:
    """Start a vendor of one company and set it up in the environment."""
    with FakeFmp(synthetic_dataset(["AAA"], start=date(2020, 6, 1)), key=_KEY) as server:
        monkeypatch.setenv("FMP_BASE_URL", server.url)
        monkeypatch.setenv("FMP_API_KEY", _KEY)
        monkeypatch.setenv("FMP_RETRY_WAIT_S", "0")
        yield server


def test_a_lake_in_a_bucket_lives_by_commands_alone(
    address: str, vendor: FakeFmp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting selects the lake, and each step from init to restore has the result of a folder."""
    monkeypatch.setenv("FACTORLAB_LAKE", address)
    (tmp_path / "bars.csv").write_text(_BARS, encoding="utf-8")
    assert run("status", code=1).err.startswith(f"error: No lake at {address}.")
    assert run("init").out == f"lake at {address}, snapshot 0\n"
    assert run("load", "price_data", tmp_path / "bars.csv").out == "price_data: 1 row, snapshot 0 → 1\n"
    assert run("--json", "fetch", "AAA").json["clean"]
    [cap] = run("--json", "caps", "AAA", "--date", "2021-03-31").json
    assert cap["market_cap"] > 0
    assert {row["symbol"] for row in run("--json", "--lake", address, "log").json} >= {"AAA"}
    assert run("verify", "--deep").out.endswith("no faults\n")
    assert "would be deleted" in run("vacuum").out
    run("vacuum", "--delete", "--retention-days", "0")
    assert "price_data" in run("status", "--snapshot", "2").out
    copy = f"{address}-copy"
    run("backup", copy)
    assert run("restore", copy, f"{address}-back").out.startswith(f"lake at {address}-back, snapshot ")
    run("restore", copy, tmp_path / "back")
    in_folder = run("--json", "--lake", tmp_path / "back", "caps", "AAA", "--date", "2021-03-31").json
    assert in_folder == [cap]


def test_a_lost_object_is_exit_code_3_and_repaired_by_a_command(address: str) -> None:
    """`verify` names the lost object, and `repair --from` restores it from a backup in the bucket."""
    run("--lake", address, "init")
    run("--lake", address, "load", "splits", SPLITS)
    run("--lake", address, "backup", f"{address}-copy")
    min(folder_path(address).joinpath("splits").rglob("*.parquet")).unlink()
    assert "splits/" in run("--lake", address, "verify", code=3).out
    run("--lake", address, "repair", "--from", f"{address}-copy")
    assert run("--lake", address, "verify", "--deep").out.endswith("no faults\n")


def test_every_command_works_on_a_lake_in_a_bucket(address: str, tmp_path: Path) -> None:
    """Each command of the program ends with exit code 0; files to write are in a folder."""
    lake = fl.open(address, create=True)
    lake.load("price_data", {"symbol": ["Y"], "date": ["2020-01-02"], "close_price": [2.0],
                             "split_basis_date": ["2020-01-02"]})  # fmt: skip
    cache = tmp_path / "cache" / "balance_sheets"
    cache.mkdir(parents=True)
    file = "GOOG_balance_sheet_annual_limit4_v1.0.json.gz"
    (cache / file).write_bytes((CACHE_2021 / "balance_sheets" / file).read_bytes())
    (tmp_path / "bars.csv").write_text("symbol,ts,close\nY,2020-01-02 10:00,2\n", encoding="utf-8")
    for callback, arguments in every_command(tmp_path).items():
        if callback not in _ELSEWHERE:
            run("--lake", address, callback.replace("_", "-"), *arguments)
    assert "a sync sends rows to a server" in run("--lake", address, "sync", "s3://b/lake", code=1).err
    assert "pass the path of a file" in run("--lake", address, "export", "s3://b/x.duckdb", code=1).err


@pytest.mark.parametrize(
    ("place", "example"),
    [
        ("s3://", "s3://bucket/lake"),
        ("s3:///lake", "s3://bucket/lake"),
        ("s3://research", "s3://bucket/lake"),
        ("gs://research/", "gs://bucket/lake"),
        ("az://research", "az://container/lake"),
        ("s3a://research/lake", "s3://bucket/lake"),
        ("gcs://research/lake", "gs://bucket/lake"),
        ("abfss://research/lake", "az://container/lake"),
        ("s3://research/../lake", "s3://bucket/lake"),
    ],
)
def test_an_incomplete_address_shows_a_complete_one(place: str, example: str) -> None:
    """The error has an example for the same store, also for the names that other programs use."""
    for create in (True, False, None):
        with pytest.raises(InvalidInput, match="address of a lake in a bucket") as refused:
            fl.open(place, create=create)
        assert f"such as {example}: the name" in str(refused.value), refused.value
    assert example in run("--lake", place, "status", code=1).err


@pytest.mark.parametrize("place", ["s3://AKIA1:s3cret@research/lake", "abfss://s3cret@account.net/lake"])
def test_keys_in_an_address_are_refused_and_not_shown(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No message shows what stands before an @, and `config` shows nothing of it."""
    with pytest.raises(InvalidInput, match="pass them in the environment") as refused:
        fl.open(place)
    monkeypatch.setenv("FACTORLAB_LAKE", place)
    assert "s3cret" not in f"{refused.value} {run('config').out}"


def test_config_shows_the_address_of_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address has no secret, so it is shown as it is."""
    monkeypatch.setenv("FACTORLAB_LAKE", "s3://research/lake")
    assert "s3://research/lake" in run("config").out


def test_a_bucket_that_does_not_exist_is_named(address: str) -> None:
    """The error names the bucket, without the text of the protocol."""
    other = f"s3://no-{uuid.uuid4().hex}/lake"
    assert address.startswith(f"s3://{BUCKET}/")
    assert "has no bucket 'no-" in run("--lake", other, "init", code=1).err
