"""Read Delta tables with another engine and write each as an Arrow file.

Usage: `python read_with.py ENGINE TARGET TABLE_FOLDER…`. The test runs it in the environment of the engines,
which lacks factorlab-lake: an engine sees the folder as any other program does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

Reader: TypeAlias = Callable[[str], pa.Table]


def _sail() -> Reader:
    """Start Sail's Spark Connect server on loopback and return a reader through Spark's own client."""
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")

    def read(folder: str) -> pa.Table:
        if (
            not server.running
        ):  # the reference keeps it alive: without one it stops, and the client waits forever
            raise RuntimeError("Sail's server stopped.")
        return session.read.format("delta").load(folder).toArrow()

    return read


def _daft() -> Reader:
    import daft

    return lambda folder: daft.read_deltalake(folder).to_arrow()


def _chdb() -> Reader:
    import chdb

    def read(folder: str) -> pa.Table:
        os.chdir(folder)  # chDB refuses files outside the working folder
        query = f"SELECT * FROM deltaLakeLocal('{folder}') SETTINGS output_format_arrow_string_as_string=1"
        return pa.ipc.open_file(pa.py_buffer(chdb.query(query, "Arrow").bytes())).read_all()

    return read


def _polars() -> Reader:
    import polars as pl

    return lambda folder: pl.read_delta(folder).to_arrow(compat_level=pl.CompatLevel.oldest())


def _pyarrow() -> Reader:
    """Let delta-rs list the files of the newest version; pyarrow reads them."""
    from deltalake import DeltaTable

    return lambda folder: DeltaTable(folder).to_pyarrow_table()


READERS: dict[str, Callable[[], Reader]] = {
    "sail": _sail,
    "daft": _daft,
    "chdb": _chdb,
    "polars": _polars,
    "pyarrow": _pyarrow,
}


def main(engine: str, target: str, *folders: str) -> None:
    """Write `TARGET/<table>.arrow` for each folder."""
    read = READERS[engine]()
    for folder in folders:
        rows: Any = read(folder)
        with pa.ipc.new_file(Path(target) / f"{Path(folder).name}.arrow", rows.schema) as file:
            file.write_table(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # the files are closed; Sail's and pyarrow's threads can hang or abort an ordinary exit
