from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import WriteFailed
from factorlab_lake.lake import Lake
from tests.unit.quality.cases import ROWS
from tests.unit.quality.planted import bars, plant

NOW = datetime(2021, 4, 1, 12, tzinfo=UTC)
_EMPTY = {"meta", "link", "img", "br", "circle", "line", "path"}


class _Checker(HTMLParser):
    """Reads a page, and notes what it links to and whether its elements close as they should."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in _EMPTY or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _read(path: Path) -> _Checker:
    page = _Checker()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def written(lake_2021: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sample, which took the place of what was there."""
    path = tmp_path_factory.mktemp("page") / "lake.html"
    path.write_text("old")
    assert lake_2021.report(path, now=NOW) == path
    return path


def test_the_page_shows_every_part(lake_2021: Lake, written: Path) -> None:
    """Coverage, freshness, quality, revisions and growth of the sample, with its symbols and figures."""
    page = _read(written)
    text = " ".join(page.text)
    for part in ("Coverage", "Freshness", "Quality", "Revisions", "Growth", "AAPL", "GOOGL", "2015"):
        assert part in text
    assert f"{lake_2021.prices(['AAPL', 'GOOG', 'GOOGL']).height:,}" in text
    assert {"svg", "table"} <= page.names


def test_the_page_needs_nothing_else(written: Path) -> None:
    """No script, no link, no address: it is the same without a network."""
    page = _read(written)
    assert page.links == []
    assert page.names.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert not re.search(r"https?:|url\(|@import", written.read_text())


def test_findings_and_gaps_are_on_the_page(lake: Lake, tmp_path: Path) -> None:
    """What quality finds is told with its meaning, and years with gaps are marked."""
    plant(lake, ROWS)
    path = lake.report(tmp_path / "lake.html", now=NOW)
    text = path.read_text()
    assert "UNADJUSTED" in text
    assert "like a split of 2:1" in text
    assert "box-shadow" in text
    assert "<h3>Bars</h3>" in text  # few enough symbols to show them all


def test_names_are_text_and_no_code(lake: Lake, tmp_path: Path) -> None:
    """A symbol, like a reason, is shown as it is, whatever it spells."""
    plant(lake, {"price_data": bars("<script>alert(1)</script>{{title}}")})
    page = _read(lake.report(tmp_path / "lake.html", now=NOW))
    assert "script" not in page.names
    assert any("<script>alert(1)</script>{{title}}" in text for text in page.text)


def test_an_empty_lake_has_a_page(lake: Lake, tmp_path: Path) -> None:
    """It says that there is nothing."""
    assert "Nothing is held." in " ".join(_read(lake.report(tmp_path / "lake.html")).text)


def test_a_page_takes_the_place_of_the_one_before(written: Path) -> None:
    """What was there is replaced; nothing else is left in the folder."""
    assert written.read_text().startswith("<!DOCTYPE html>")
    assert list(written.parent.iterdir()) == [written]


def test_an_earlier_snapshot_has_the_page_of_its_time(lake: Lake, tmp_path: Path) -> None:
    """The page of a lake at a snapshot tells of that snapshot, and grows no further."""
    plant(lake, {"price_data": bars("FIRST")})
    plant(lake, {"splits": [{"symbol": "SECOND", "date": datetime(2021, 1, 1, tzinfo=UTC).date()}]})
    text = fl.open(lake.path).at(1).report(tmp_path / "lake.html", now=NOW).read_text()
    assert "snapshot 1 of" in text
    assert "SECOND" not in text


def test_a_page_that_cannot_be_written_is_one_clear_error(lake: Lake, tmp_path: Path) -> None:
    """A folder that is not there, and a folder in the file's place, are told with what to do."""
    with pytest.raises(WriteFailed, match="Make its folder first"):
        lake.report(tmp_path / "nowhere" / "lake.html", now=NOW)
    with pytest.raises(WriteFailed, match="give the path of a file"):
        lake.report(tmp_path, now=NOW)
