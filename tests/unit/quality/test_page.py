from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, WriteFailed
from factorlab_lake.lake import Lake
from tests.unit.quality.all_cases import ROWS
from tests.unit.quality.planted_faults import bars, plant, statements

NOW = datetime(2021, 4, 1, 12, tzinfo=UTC)
_EMPTY = {"meta", "link", "img", "br", "circle", "line", "path"}
_HOSTILE = "<script>alert(1)</script>{{ title }}{% raw %}"
_QUOTED = "\"O'X\" & <b onmouseover='x'>"


class _Checker(HTMLParser):
    """Read a page; collect its elements, attributes, links and texts; check that elements are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.titles: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.policy = ""
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.scripts += tag == "script"
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value or "" for name, value in attrs if name == "title"]
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"] or ""
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
    """Write the page of the sample over an older file."""
    path = tmp_path_factory.mktemp("page") / "lake.html"
    path.write_text("old")
    assert lake_2021.report(path, now=NOW, force=True) == path
    return path


def test_the_page_shows_every_part(lake_2021: Lake, written: Path) -> None:
    """The page has every section, the symbols and years of the sample, and the number of its bars."""
    page = _read(written)
    text = " ".join(page.text)
    for part in ("Coverage", "Freshness", "Quality", "Revisions", "Growth", "AAPL", "GOOGL", "2015"):
        assert part in text
    assert f"{lake_2021.prices(['AAPL', 'GOOG', 'GOOGL']).height:,}" in text
    assert {"svg", "table"} <= page.names


def test_the_page_loads_nothing(written: Path) -> None:
    """The page links only to its own parts and has no address, so it looks the same without a network."""
    page = _read(written)
    assert {link[:1] for link in page.links} == {"#"}
    assert page.names.isdisjoint({"link", "img", "iframe", "object"})
    assert not re.search(r"https?:|url\(|@import", written.read_text())


def test_the_policy_allows_the_own_script_and_style_alone(written: Path) -> None:
    """The content security policy has the hashes of the one script and the one style sheet of the page."""
    text, policy = written.read_text(encoding="utf-8"), _read(written).policy
    for tag in ("script", "style"):
        [own] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert _read(written).attributes.isdisjoint({"style", "onclick", "onload"})


def test_every_symbol_has_a_row_with_its_figures(lake_2021: Lake, written: Path) -> None:
    """The table of symbols shows the score, the bars and the last days, also without a script."""
    table = written.read_text().partition('class="data symbols"')[2].partition("</table>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", table)]
    names = re.findall(r"<th[^>]*>(.*?)</th>", table)
    shown = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
    scores = dict(lake_2021.quality(by_symbol=True).select("symbol", "score").rows())
    assert set(shown) == {"AAPL", "GOOG", "GOOGL"}
    for symbol, row in shown.items():
        bars = lake_2021.prices(symbol)
        assert row["score"] == f"{scores[symbol]:.4g}"
        assert (row["bars"], row["last bar"]) == (f"{bars.height:,}", str(bars["date"].max()))


def test_the_summary_comes_first(lake_2021: Lake, written: Path) -> None:
    """Before all tables the page counts faulty symbols and overdue datasets, and draws charts."""
    head = written.read_text().partition("<table")[0]
    faulty = lake_2021.quality(by_symbol=True).filter(pl.col("errors") > 0).height
    late = lake_2021.freshness(now=NOW)["overdue"]
    assert f"<b>{faulty} of 3</b> symbols have errors" in head
    assert f"<b>{late.sum()} of {late.len()}</b> datasets are overdue" in head
    assert head.count("<svg") == 6
    years = lake_2021.coverage().filter(pl.col("dataset") == "price", pl.col("year") == 2020)
    whole, gaps = (years.filter(of).height for of in (pl.col("missing") == 0, pl.col("missing") > 0))
    assert f"2020: {whole} complete, {gaps} with gaps" in head


def test_findings_and_gaps_are_on_the_page(lake: Lake, tmp_path: Path) -> None:
    """The page explains findings, and marks years with gaps."""
    plant(lake, ROWS)
    path = lake.report(tmp_path / "lake.html", now=NOW)
    text = path.read_text()
    assert "UNADJUSTED" in text
    assert "like a split of 2:1" in text
    assert 'class="cell incomplete h' in text
    assert "<h3>Bars</h3>" in text  # few enough symbols to show all of them


def test_lowest_scores_are_one_row_per_symbol(lake: Lake, tmp_path: Path) -> None:
    """The table of scores begins with the lowest score and its symbol, not with a finding."""
    plant(lake, ROWS)
    scores = lake.quality(by_symbol=True).filter(pl.col("score") < 1)
    text = lake.report(tmp_path / "lake.html", now=NOW).read_text()
    table = text.partition("<h3>Lowest scores</h3>")[2].partition("</table>")[0]
    assert re.findall(r"<th(?: [^>]*)?>(.*?)</th>", table) == scores.columns
    rows = re.findall(r"<tr><td>(.*?)</td><td class=\"number\">(.*?)</td>", table)
    assert rows == [
        (symbol, f"{score:.4g}") for symbol, score in scores.select("symbol", "score").head(40).rows()
    ]


def _assert_own_script(page: _Checker) -> None:
    """Check that the page's own script is the only one, and that no attribute runs another."""
    assert page.scripts == 1
    assert "alert" not in (script := page.text[-2]), script
    assert {name for name in page.attributes if name.startswith("on")} == set()


@pytest.mark.parametrize("symbol", [_HOSTILE, _QUOTED])
def test_symbols_are_escaped(lake: Lake, tmp_path: Path, symbol: str) -> None:
    """Tags, quotes, ampersands and template syntax in a symbol are escaped in cells and tooltips."""
    plant(lake, {"price_data": bars(symbol)})
    page = _read(lake.report(tmp_path / "lake.html", now=NOW))
    _assert_own_script(page)
    assert symbol in page.text
    assert any(title.startswith(f"{symbol} 2020: ") for title in page.titles)


@pytest.mark.parametrize("text", [_HOSTILE, _QUOTED])
def test_messages_and_folder_names_are_escaped(tmp_path: Path, text: str) -> None:
    """The detail of a finding and the name of the lake's folder are escaped."""
    name = text.replace("/", "-")
    lake = fl.open(tmp_path / re.sub(r"[%*?\[\]\\]", "-", name))
    [row] = statements("income", "A", ends=[date(2020, 3, 31)])
    plant(lake, {"income_statements": [row | {"extra": json.dumps({"otherExpenses": text})}]})
    path = lake.report(tmp_path / "page.html", now=NOW)
    page = _read(path)
    _assert_own_script(page)
    assert f"otherExpenses: {text}" in page.text
    assert page.text.count(f"Lake {lake.path.name}") == 2
    assert text not in path.read_text()


def test_an_empty_lake_has_a_page(lake: Lake, tmp_path: Path) -> None:
    """The page of an empty lake states that there is no data."""
    assert "The lake has no data." in " ".join(_read(lake.report(tmp_path / "lake.html")).text)


def test_a_page_replaces_an_older_file(written: Path) -> None:
    """The older file is replaced, and no temporary file remains in the folder."""
    assert written.read_text().startswith("<!DOCTYPE html>")
    assert list(written.parent.iterdir()) == [written]


def test_an_earlier_snapshot_has_the_page_of_its_time(lake: Lake, tmp_path: Path) -> None:
    """The page of a lake at an earlier snapshot does not show later data."""
    plant(lake, {"price_data": bars("FIRST")})
    plant(lake, {"splits": [{"symbol": "SECOND", "date": datetime(2021, 1, 1, tzinfo=UTC).date()}]})
    text = fl.open(lake.path).at(1).report(tmp_path / "lake.html", now=NOW).read_text()
    assert "snapshot 1 of" in text
    assert "SECOND" not in text


def test_a_page_that_cannot_be_written_is_one_clear_error(lake: Lake, tmp_path: Path) -> None:
    """A missing folder, or a folder at the file's path, raises an error with the next step."""
    with pytest.raises(WriteFailed, match="Create its folder first"):
        lake.report(tmp_path / "nowhere" / "lake.html", now=NOW)
    with pytest.raises(InvalidInput, match="choose the path of a file"):
        lake.report(tmp_path, now=NOW)
