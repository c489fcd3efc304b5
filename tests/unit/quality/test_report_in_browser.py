"""Test the report of 505 symbols as a reader sees it: in chromium, at two widths, light and dark."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs.invented_market import SYMBOLS, invented_market
from tests.chromium import chromium
from tests.support import made_once
from tests.unit.quality.planted_faults import bars, plant

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

_NOW = datetime(2024, 1, 3, 12, tzinfo=UTC)
_HOSTILE = "<script>alert(1)</script>"
_TABLE = "table.symbols"
_TOOLS = "section#symbols .tools"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of 504 invented companies and one with a hostile symbol."""

    def make(place: Path) -> None:
        lake = invented_market(place / "market", symbols=SYMBOLS[:504], first_year=2023)
        plant(lake, {"price_data": bars(_HOSTILE)})
        lake.report(place / "report.html", now=_NOW)

    return made_once(tmp_path_factory, "report_of_505_symbols", make) / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start chromium once."""
    with chromium() as running:
        yield running


@contextmanager
def _opened(browser: Browser, report: Path, *, width: int = 1366, **options: Any) -> Iterator[Page]:
    """Open the page, and check that neither its script nor the browser reports an error."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("request", lambda request: problems.extend([request.url] * (not request.url.startswith("file:"))))
    page.goto(report.as_uri())
    yield page
    context.close()
    assert problems == []


def _first_column(page: Page, table: str = _TABLE) -> list[str]:
    return page.locator(f"{table} tbody tr td:first-child").all_inner_texts()


def _column(page: Page, name: str) -> list[str]:
    """Return the texts of a column on the page that is shown."""
    place = page.locator(f"{_TABLE} thead th").all_text_contents().index(name) + 1
    return page.locator(f"{_TABLE} tbody tr td:nth-child({place})").all_inner_texts()


def _is_light(page: Page) -> bool:
    return bool(page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(243, 245, 248)")


def _button(page: Page, name: str) -> Locator:
    return page.locator("section#symbols .pages").get_by_role("button", name=name)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1366])
def test_the_page_opens_without_an_error_and_fits_the_screen(
    browser: Browser,
    report: Path,
    width: int,
    theme: str,
    record_property: Callable[[str, object], None],
) -> None:
    """The page fits the width, follows the theme of the system, and its time is printed, never tested."""
    assert report.stat().st_size <= 3_000_000
    started = time.perf_counter()
    with _opened(browser, report, width=width, color_scheme=theme) as page:
        seconds = time.perf_counter() - started
        record_property("page", f"report of 505 symbols: {width} px, {theme}: opened in {seconds:.2f} s")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        light = _is_light(page)
        assert light == (theme == "light")
        assert page.locator("section.summary svg").count() == 6
        small = page.evaluate(
            "[...document.querySelectorAll('main *')].filter((e) => e.textContent.trim() && !e.closest('svg')"
            " && parseFloat(getComputedStyle(e).fontSize) < 12).length"
        )
        assert small == 0
        page.get_by_role("button", name=f"Use the {'dark' if light else 'light'} theme").click()
        assert _is_light(page) != light


def test_paging_reaches_every_symbol(browser: Browser, report: Path) -> None:
    """The pages together have all 505 symbols once; the first and the last page have one way on."""
    with _opened(browser, report) as page:
        assert "505 rows" in page.locator(_TOOLS).inner_text()
        assert _button(page, "Previous").is_disabled()
        symbols = _first_column(page)
        assert len(symbols) == 25
        while _button(page, "Next").is_enabled():
            _button(page, "Next").click()
            symbols += _first_column(page)
        assert sorted(symbols) == sorted([*SYMBOLS[:504], _HOSTILE])
        page.locator(_TOOLS).get_by_role("combobox").select_option("All rows")
        assert sorted(_first_column(page)) == sorted(symbols)


def test_the_search_reaches_every_symbol(browser: Browser, report: Path) -> None:
    """Each symbol is the first cell of a row that a search for it leaves, also in small letters."""
    with _opened(browser, report) as page:
        missed = page.evaluate(
            """(symbols) => {
              const search = document.querySelector("section#symbols input[type=search]");
              return symbols.filter((symbol) => {
                search.value = symbol.toLowerCase();
                search.dispatchEvent(new Event("input"));
                const rows = [...document.querySelectorAll("table.symbols tbody tr")];
                return !rows.some((row) => row.cells[0].textContent === symbol);
              });
            }""",
            [*SYMBOLS[:504], _HOSTILE],
        )
        assert missed == []
        search = page.get_by_label("Search in: Symbols", exact=True)
        search.fill("invented bfe")
        assert _first_column(page) == ["BFE"]
        assert "1 of 505 rows" in page.locator(_TOOLS).inner_text()
        search.fill("no such company")
        assert _first_column(page) == []


def test_each_column_sorts_in_both_directions(browser: Browser, report: Path) -> None:
    """A click sorts numbers as numbers, and a second click turns the order; missing values are last."""
    with _opened(browser, report) as page:
        page.locator(_TOOLS).get_by_role("combobox").select_option("All rows")
        page.set_default_timeout(10_000)
        heads = page.locator(f"{_TABLE} thead")
        heads.get_by_role("button", name="bars", exact=True).click()
        downward = [int(text.replace(",", "")) for text in _column(page, "bars")]
        assert downward == sorted(downward, reverse=True)
        heads.get_by_role("button", name="bars", exact=True).click()
        assert [int(text.replace(",", "")) for text in _column(page, "bars")] == sorted(downward)
        heads.get_by_role("button", name="quarters", exact=True).click()
        assert _column(page, "quarters")[-1] == ""  # the hostile symbol has no statement
        heads.get_by_role("button", name="symbol", exact=True).click()
        assert _first_column(page) == sorted([*SYMBOLS[:504], _HOSTILE])
        assert page.locator(f"{_TABLE} th[aria-sort]").count() == 1


def test_the_keyboard_reaches_the_controls(browser: Browser, report: Path) -> None:
    """Tab comes to the search; Enter sorts and turns pages; focus is visible."""
    with _opened(browser, report) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Go to the summary"
        page.get_by_label("Search in: Symbols", exact=True).focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "scroll paged"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.locator(f"{_TABLE} th").first.get_attribute("aria-sort") == "ascending"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        _button(page, "Next").focus()
        page.keyboard.press("Enter")
        assert "Page 2 of 21" in page.locator("section#symbols .pages").inner_text()


def test_all_is_there_without_javascript(browser: Browser, report: Path) -> None:
    """Without a script the page has all symbols, charts and tables, and no control that does nothing."""
    with _opened(browser, report, width=390, java_script_enabled=False) as page:
        assert len(_first_column(page)) == 505
        assert page.locator("section.summary svg").count() == 6
        assert page.get_by_role("button").count() == 0
        assert page.locator("table.heat").first.is_visible()
