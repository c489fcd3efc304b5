"""Test that the pictures of the gallery are those that its code draws now, and that they are small."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from docs import gallery

PAGE = gallery.FOLDER.with_suffix(".md")
PICTURES = sorted(gallery.FOLDER.iterdir())


def test_the_page_shows_every_picture() -> None:
    """Each picture of the folder is on the page, and each picture of the page is in the folder."""
    shown = re.findall(r"\]\(gallery/([\w.]+)\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == [path.name for path in PICTURES]
    assert [path.name for path in PICTURES if path.stat().st_size >= 300_000] == []


def test_the_screenshots_have_both_widths_and_both_themes() -> None:
    """There are four pictures of the report: 390 and 1366 pixels wide, light and dark."""
    widths = {
        path.stem: struct.unpack(">I", path.read_bytes()[16:20])[0]
        for path in PICTURES
        if path.suffix == ".png"
    }
    assert widths == {
        f"report_{width}_{theme}": width for width in (390, 1366) for theme in ("dark", "light")
    }


def _values(text: str) -> list[str]:
    """Return the texts that name each mark and title of a picture: its values, but no place of a font."""
    return re.findall(r'aria-label="([^"]*)"', text)


@pytest.mark.slow
def test_the_charts_are_current(tmp_path: Path) -> None:
    """The lines of the page draw the stored marks and values; `python -m docs.gallery` writes them again."""
    drawn = gallery.charts(gallery.lakes(tmp_path))
    assert {f"{name}.svg" for name in drawn} == {path.name for path in PICTURES if path.suffix == ".svg"}
    for name, chart in drawn.items():
        stored = (gallery.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        values = _values(stored)
        assert len(values) > 10, name
        assert _values(gallery.svg(chart)) == values, name
