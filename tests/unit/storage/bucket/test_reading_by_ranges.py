"""Test that DuckDB reads the right ranges of objects in a bucket, also from several threads."""

from __future__ import annotations

from io import BytesIO
from threading import Thread

import duckdb
import polars as pl
import pytest

from factorlab_lake.storage.bucket_filesystem import BucketFilesystem
from factorlab_lake.storage.bucket_path import BucketPath
from factorlab_lake.storage.duckdb_frames import show_bucket
from factorlab_lake.storage.lake_paths import folder_path


@pytest.fixture
def objects(moto_address: str) -> BucketPath:
    """Return the folder of some objects."""
    return BucketPath(*folder_path(moto_address).parts)


def _connected(objects: BucketPath) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 4})
    show_bucket(con, folder_path(str(objects)))
    return con


def test_threads_that_read_one_file_get_their_own_ranges(objects: BucketPath) -> None:
    """The row groups of a file, which DuckDB reads from several threads at once, have the right rows."""
    rows, content = pl.DataFrame({"a": range(200_000)}).with_columns(b=pl.col("a") * 3), BytesIO()
    rows.write_parquet(content, row_group_size=2000)
    (objects / "rows.parquet").write_bytes(content.getvalue())
    for _ in range(3):
        sums = "SELECT sum(a), sum(b), count(*) FROM read_parquet(?)"
        answer = _connected(objects).execute(sums, [f"{objects}/rows.parquet"]).fetchone()
        assert answer == (19_999_900_000, 59_999_700_000, 200_000)


def test_a_seek_of_another_thread_moves_no_range(objects: BucketPath) -> None:
    """A thread that reads after its seek gets its range, whatever another thread did in between."""
    (objects / "digits").write_bytes(b"0123456789")
    file = BucketFilesystem("s3").open(f"{objects}/digits")
    assert file.seek(2) == 2
    other: list[bytes] = []

    def read() -> None:
        file.seek(-3, 2)
        other.append(file.read(2))

    thread = Thread(target=read)
    thread.start()
    thread.join()
    assert (file.tell(), file.read(3), other) == (2, b"234", [b"78"])
    assert (file.read(1), file.read(), file.read(4)) == (b"5", b"6789", b"")


def test_sql_reads_patterns_and_texts_and_writes_nothing(objects: BucketPath) -> None:
    """SQL reads all objects of a pattern and the lines of a CSV file, and cannot write to the bucket."""
    con = _connected(objects)
    for n in range(3):
        (objects / f"part{n}.csv").write_bytes(b"a,b\n" + f"{n},x\n".encode() * 5000)
    sums = f"SELECT sum(a), count(*) FROM read_csv('{objects}/part*.csv')"
    assert con.sql(sums).fetchall() == [(15_000, 15_000)]
    (objects / "part0.csv").write_bytes(b"a,b\n7,y\n")
    assert con.sql(f"FROM read_csv('{objects}/part0.csv')").fetchall() == [(7, "y")]
    with pytest.raises(duckdb.Error, match="missing"):
        con.sql(f"FROM read_csv('{objects}/missing.csv')")
    with pytest.raises(duckdb.Error, match="cannot write"):
        con.sql(f"COPY (SELECT 1) TO '{objects}/new.csv'")
    assert not (objects / "new.csv").exists()
