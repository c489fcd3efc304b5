from __future__ import annotations

import re

import pytest

import factorlab_lake as fl
from tests.support import ROOT, run_python

_HEAVY = ("polars", "duckdb", "deltalake", "pydantic", "pandas", "pyarrow", "httpx", "typer", "rich")


def test_importing_the_package_loads_no_heavy_library() -> None:
    """`import factorlab_lake` costs next to nothing: none of the big libraries comes with it."""
    script = f"import sys, factorlab_lake; print([m for m in {_HEAVY!r} if m in sys.modules])"
    done = run_python(script)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_everything_the_package_names_is_there() -> None:
    """Each name of `__all__` leads to an object of that name, or of the method it stands for."""
    public = {name: getattr(fl, name) for name in fl.__all__}
    assert {"Lake", "LakeError", "open"} <= public.keys()
    assert public["Lake"].__name__ == "Lake"
    assert issubclass(public["LakeError"], Exception)


def test_a_name_the_package_does_not_have_is_an_attribute_error() -> None:
    """A misspelt name fails as on any module, naming it."""
    with pytest.raises(AttributeError, match="'opne'"):
        fl.opne  # noqa: B018


def test_the_compose_file_names_a_fixed_image_and_probes_the_server_over_tcp() -> None:
    """The tag has a full version. The probe names a host: the socket answers before the server is ready."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.search(r"image: timescale/timescaledb:\d+\.\d+\.\d+-pg\d+$", text, re.MULTILINE)
    assert "pg_isready -h 127.0.0.1 " in text
