"""Test that names and texts of others control no terminal that shows a log, and add no line to it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from factorlab_lake.errors import LakeWarning
from factorlab_lake.legacy import DataProvider
from factorlab_lake.legacy.parallel.counters import Alert
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.providers.redaction import watch

_HOSTILE = "AAA\x1b[2J\nINFO all is well\u202e"
_ESCAPED = r"AAA\x1b[2J\nINFO all is well\u202e"


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Yield the lines that a handler of all logs writes, warnings among them."""
    written: list[str] = []

    class _Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler, root = _Handler(logging.DEBUG), logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
    yield written
    logging.captureWarnings(capture=False)
    root.removeHandler(handler)


def test_a_symbol_in_an_alert_is_escaped(lines: list[str], tmp_path: Path) -> None:
    """The log of parallel running has one line for a failure, whatever the symbol is called."""
    settings = parallel_settings(lake=tmp_path / "lake", cache_dir=tmp_path / "cache")
    with DataProvider(settings) as provider:
        provider._report(Alert("differs", "get_prices", (_HOSTILE,), _HOSTILE))
    assert lines == [f"differs in get_prices about {_ESCAPED}: {_ESCAPED}"]


def test_a_warning_is_escaped(lines: list[str]) -> None:
    """A warning of this package can name a file or a vendor."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"Rows of {_HOSTILE}.", LakeWarning, stacklevel=1)
    assert f"Rows of {_ESCAPED}." in "".join(lines)
    assert "\x1b" not in "".join(lines)


def test_a_line_of_the_http_library_is_escaped(lines: list[str]) -> None:
    """A server chooses its headers, with a key in the request or without one."""
    watch("")
    logging.getLogger("httpx").warning("HTTP Request: %s", _HOSTILE)
    assert lines == [f"HTTP Request: {_ESCAPED}"]
