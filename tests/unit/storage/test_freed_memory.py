"""Test that libraries return freed memory, and that a process keeps its own options."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from factorlab_lake.storage import freed_memory

_OPTIONS = "_RJEM_MALLOC_CONF"
_SHOWN = """
from factorlab_lake.storage import freed_memory
freed_memory._AT_ONCE += ",confirm_conf:true"
import factorlab_lake.storage.delta
"""


@pytest.mark.parametrize("before", [None, "dirty_decay_ms:7"])
def test_the_options_hold_during_an_import_alone(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the process is afterwards what it was, also after an error."""
    monkeypatch.delenv(_OPTIONS, raising=False)
    if before is not None:
        monkeypatch.setenv(_OPTIONS, before)

    def missing() -> None:
        with freed_memory.returned_at_once():
            assert "dirty_decay_ms:0" in os.environ[_OPTIONS]
            raise ImportError

    with pytest.raises(ImportError):
        missing()
    assert os.environ.get(_OPTIONS) == before


@pytest.mark.skipif(sys.platform != "linux", reason="the library has another allocator elsewhere")
def test_the_delta_library_reads_the_options() -> None:
    """Its allocator confirms the option that returns memory at once."""
    done = subprocess.run(
        [sys.executable, "-c", _SHOWN], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Set conf value: dirty_decay_ms:0" in done.stderr
