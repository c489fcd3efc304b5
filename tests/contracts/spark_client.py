"""Ask a lake in a Spark session and write each answer as an Arrow file, or run the code of a page there.

Usage: `python spark_client.py ENGINES questions LAKE TARGET`, with the questions as JSON on stdin, or
`python spark_client.py ENGINES page PAGE FOLDER`. ``ENGINES`` is the folder of packages with pysail and
Spark's client, which the package's own environment lacks. The session is Sail's, in the mode that
``SAIL_MODE`` names, or that of the server in ``FACTORLAB_TEST_SPARK_REMOTE``. With
``FACTORLAB_TEST_SPARK_JVM`` it is of Spark itself, in a JVM of its own that reads the files of a snapshot.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import factorlab_lake as fl
from factorlab_lake.functions.shell.spark import register
from tests.code_blocks import run_page
from tests.page_programs import own_process

_JVM = bool(os.environ.get("FACTORLAB_TEST_SPARK_JVM"))


def _server() -> tuple[str, Any]:
    """Return the address of a server, and what keeps it alive; of a JVM, how many threads it has."""
    if _JVM:
        return "local[2]", None
    server, address = None, os.environ.get("FACTORLAB_TEST_SPARK_REMOTE")
    if not address:
        from pysail.spark import SparkConnectServer

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        address = f"sc://127.0.0.1:{server.listening_address[1]}"
    return address, server


def answer(address: str, lake: str, target: str) -> None:
    """Write `TARGET/<name>.arrow` for each question: its name, method and arguments."""
    import pyarrow as pa
    from pyspark.sql import SparkSession

    if _JVM:
        # Texts of this length take longer to compile than their few rows to compute.
        few = {"spark.sql.shuffle.partitions": "1", "spark.ui.enabled": "false"}
        few |= {"spark.sql.codegen.wholeStage": "false", "spark.sql.adaptive.enabled": "false"}
        local = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        session = SparkSession.builder.master(address).config(map={**few, **local}).getOrCreate()
    else:
        session = SparkSession.builder.remote(address).getOrCreate()
    read_as = os.environ.get("FACTORLAB_TEST_SPARK_READ_AS", "parquet" if _JVM else "delta")
    answers = register(session, fl.open(lake), read_as=read_as)
    for name, method, arguments in json.load(sys.stdin):
        rows = getattr(answers, method)(**arguments).toArrow()
        with pa.ipc.new_file(Path(target) / f"{name}.arrow", rows.schema) as file:
            file.write_table(rows)


def check(address: str, page: str, folder: str) -> None:
    """Run a page's code blocks in a folder, with the address of the server for the one that it shows."""
    os.chdir(folder)
    with own_process() as programs:
        assert run_page(Path(page), {"sc://localhost:50051": address}, programs) > 0


def main(engines: str, task: str, source: str, folder: str) -> None:
    """Run a task with a server."""
    sys.path.append(engines)  # last: what both environments have is the package's own
    warnings.simplefilter("ignore")  # those of Spark's client about pandas
    address, server = _server()
    {"questions": answer, "page": check}[task](address, source, folder)
    del server  # without a reference it would have stopped, and the client would have waited forever


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # the files are closed; Sail's threads can hang an ordinary exit
