"""Start S3 servers on free ports of the loopback; `make emulators` installs them in their own environment."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

__all__ = ["BUCKET", "PROGRAMS", "moto", "seaweedfs", "variables"]

PROGRAMS = Path(__file__).parents[1] / ".venv" / "emulators" / "bin"
BUCKET = "lakes"
_START_S = 90.0


def variables(endpoint: str) -> dict[str, str]:
    """Return the variables of the environment by which a program reaches a server."""
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
    return {**keys, "AWS_ENDPOINT_URL": endpoint}


@contextmanager
def seaweedfs(folder: Path) -> Iterator[str]:
    """Start a SeaweedFS server with one bucket, and yield its address."""
    names = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    options = [f"-{_option(name)}={port}" for name, port in ports.items()]
    fixed = "-ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 -s3.port.iceberg=0 -s3.port.lance=0 -master.telemetry=false"
    size = "-volume.max=50 -master.volumeSizeLimitMB=64"
    command = [_program("weed"), "server", f"-dir={folder}", *fixed.split(), *size.split(), *options]
    with _running(command, folder, ports["s3"]) as endpoint:
        yield endpoint


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Start a moto server with one bucket, and yield its address."""
    [port] = _free_ports(1)
    with _running([_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)], folder, port) as endpoint:
        yield endpoint


def _option(name: str) -> str:
    """Return the option for a port, such as s3.port and s3.port.grpc."""
    server, _, protocol = name.partition(".")
    return f"{server}.port.{protocol}" if protocol else f"{server}.port"


def _program(name: str) -> str:
    program = PROGRAMS / name
    if not program.exists():
        pytest.skip(f"{name} is not installed: run `make emulators` for the tests of lakes in buckets")
    return str(program)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[str]:
    endpoint = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        _create_bucket(endpoint, process)
        yield endpoint
    finally:
        process.kill()  # SeaweedFS takes longer than some tests to stop by itself
        process.wait()


def _create_bucket(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    """Create the bucket and write an object, which a server accepts some seconds after its start."""
    deadline = time.monotonic() + _START_S
    for place in (BUCKET, f"{BUCKET}/{uuid.uuid4().hex}"):
        while True:
            request = urllib.request.Request(f"{endpoint}/{place}", b"", method="PUT")
            try:
                with urllib.request.urlopen(request, timeout=5):
                    break
            except (OSError, urllib.error.HTTPError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
