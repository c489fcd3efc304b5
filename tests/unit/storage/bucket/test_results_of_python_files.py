"""Test that DuckDB ends a query whose files Python reads, although closing such a file waits for the GIL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl

# In a process of its own: two threads that wait for each other never end.
_QUERY = """
import sys, time
from pathlib import Path
from types import SimpleNamespace

import duckdb

from factorlab_lake.storage import bucket_filesystem
from factorlab_lake.storage.duckdb_frames import to_polars

class SlowFile(bucket_filesystem._RangeFile):
    def close(self):
        time.sleep(0 if self.closed else 0.02)
        super().close()

class Folder(bucket_filesystem.BucketFilesystem):
    def _at(self, path):
        file = Path("/" + path.rpartition("://")[2].lstrip("/"))
        read = lambda start, end: file.read_bytes()[start:end]
        return SimpleNamespace(stat=file.stat, name=file.name, parts=file.parts, read_range=read)

    def glob(self, path, **_):
        return [path if "://" in path else f"slow://{path}"]

bucket_filesystem._RangeFile = SlowFile
con = duckdb.connect()
con.register_filesystem(Folder("slow"))
for _ in range(10):
    rows = to_polars(con, con.sql(f"FROM read_parquet({[f'slow://{name}' for name in sys.argv[1:]]})"))
print(rows.height, rows["number"].sum())
"""


def test_closing_a_file_and_reading_its_rows_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Ten results of three files, whose closing is slow, are read to the end."""
    files = [tmp_path / f"{place}.parquet" for place in range(3)]
    for file in files:
        pl.DataFrame({"number": range(100_000)}).write_parquet(file, row_group_size=20_000)
    command = [sys.executable, "-c", _QUERY, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["300000", str(3 * sum(range(100_000)))], done.stderr
