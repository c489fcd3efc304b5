"""Write the pictures of the gallery: `python -m docs.gallery` draws them into docs/gallery."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import factorlab_lake as fl
from docs.invented_market import invented_market
from factorlab_lake.providers.sec.sample_server import SecSampleServer, documents_of

__all__ = ["FOLDER", "charts", "lakes", "svg"]

FOLDER = Path(__file__).parent / "gallery"
_SAMPLE = Path(__file__).parent.parent / "data" / "sample"
_BROWSER = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
_SIZES = {390: 844, 1366: 1300}  # width and height of the screenshots in pixels
_PICTURE = re.compile(r"```python\n(.+)\n```\n\n!\[.+\]\(gallery/(\w+)\.svg\)")


def lakes(place: Path) -> dict[str, fl.Lake]:
    """Make the lakes of the pictures: the sample of two caches, Apple's filings, and invented companies."""
    sample = fl.open(place / "sample")
    for cache in ("taken_2019-12-31", "taken_2021-03-31"):
        sample.migrate(_SAMPLE / cache)
    sample.load("splits", _SAMPLE / "splits.csv")
    sample.load("company_profiles", {"symbol": ["AAPL", "GOOG", "GOOGL"], "currency": ["USD"] * 3})
    sec = fl.open(place / "sec")
    with SecSampleServer(documents_of(_SAMPLE / "sec")) as server:
        address = {"SEC_BASE_URL": server.url, "SEC_FILES_URL": server.url}
        with mock.patch.dict(os.environ, address | {"SEC_USER_AGENT": "Your Name you@example.com"}):
            sec.fetch("sec", ["AAPL"])
    return {"lake": sample, "filings": sec, "invented": invented_market(place / "invented")}


def charts(made: dict[str, fl.Lake]) -> dict[str, Any]:
    """Return each chart of the page by its name: what the line above the picture returns."""
    page = FOLDER.with_suffix(".md").read_text("utf-8")
    lines = {name: code for code, name in _PICTURE.findall(page)}
    return {name: eval(code, dict(made)) for name, code in lines.items()}  # noqa: S307 - the page's own code


def svg(chart: Any) -> str:
    """Return a chart as SVG, with places to a tenth of a pixel, and the same text in every process."""
    import vl_convert

    text = re.sub(r"gradient_\d+", "gradient", vl_convert.vegalite_to_svg(chart.to_dict()))
    return re.sub(r' (?:transform|d)="[^"]+"', lambda of: re.sub(r"(\.\d)\d+", r"\1", of[0]), text) + "\n"


def screenshots(lake: fl.Lake, folder: Path, program: str) -> None:
    """Write pictures of the report of 505 symbols: two widths, light and dark."""
    from playwright.sync_api import sync_playwright

    page_file = lake.report(folder / "lake.html", now=datetime(2024, 1, 3, 12, tzinfo=UTC))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_BROWSER.split())
        for width, height in _SIZES.items():
            for theme in ("light", "dark"):
                size = {"width": width, "height": height}
                page = browser.new_page(viewport=size, color_scheme=theme)  # type: ignore[arg-type]  # a literal
                page.goto(page_file.as_uri())
                page.screenshot(path=FOLDER / f"report_{width}_{theme}.png")
        browser.close()


def main() -> None:
    """Write the charts; with `--report` also the screenshots, which need the program chromium."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        made = lakes(Path(place))
        for name, chart in charts(made).items():
            (FOLDER / f"{name}.svg").write_text(svg(chart), "utf-8")
            sys.stdout.write(f"wrote {name}.svg\n")
        program = shutil.which("chromium")
        if "--report" in sys.argv and program:
            screenshots(made["invented"], Path(place), program)


if __name__ == "__main__":
    main()
