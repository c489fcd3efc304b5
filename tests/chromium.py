"""Start the chromium of the system for tests; without it they are skipped with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["chromium"]

_ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser, and close it at the end."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip(
            "NOT TESTED in a browser: there is no program `chromium`; on Debian, apt-get install chromium"
        )
    playwright = pytest.importorskip("playwright.sync_api", reason="NOT TESTED in a browser: no playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_ARGUMENTS.split())
        yield browser
        browser.close()
