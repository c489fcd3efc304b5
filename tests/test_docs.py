"""Test that the documentation is true: its code runs, its links work, its reference is current."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import typer

import factorlab_lake as fl
from docs import generate
from factorlab_lake.cli import app
from factorlab_lake.providers.sec.sample_server import SecSampleServer, documents_of
from tests.code_blocks import blocks, run_page
from tests.fakes.test_fmp_processes import demo_server, ending, printed
from tests.page_programs import own_process
from tests.support import ROOT, SAMPLE
from tests.unit.cli.running import demo_home
from tests.unit.sync.postgres_server import server

DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "reference")
INDEX = (DOCS / "index.md").read_text(encoding="utf-8")
GUIDES = [DOCS / f"{name}.md" for name in re.findall(r"^howto/\w+$", INDEX, flags=re.MULTILINE)]
RUNNING = [*GUIDES, DOCS / "concepts" / "why_numbers_differ.md"]
SERVER = "postgresql://researcher@host/database"
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # it is a group


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the demo has run. All pages run in it, as a reader follows them."""
    folder = tmp_path_factory.mktemp("pages") / "home"
    return Path(shutil.copytree(demo_home(tmp_path_factory)[0], folder))


@pytest.fixture
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make that folder the working directory; polars and rich print as by default."""
    for name in (
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "FACTORLAB_LAKE",
        "POLARS_FMT_MAX_ROWS",
        "POLARS_FMT_MAX_COLS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(shared_home)
    return shared_home


@contextmanager
def _vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the sample as FMP would, and set the address and the key as `demo --server` prints them."""
    with ending(demo_server()) as process:
        lines = printed(process, until="FMP_API_KEY")
        for variable in ("FMP_BASE_URL", "FMP_API_KEY"):
            monkeypatch.setenv(variable, re.findall(rf"{variable}=(\S+)", lines)[0])
        yield


@contextmanager
def _sec(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the sample as SEC would, and set the addresses and the name of the caller."""
    with SecSampleServer(documents_of(SAMPLE / "sec")) as sec:
        monkeypatch.setenv("SEC_USER_AGENT", "Your Name you@example.com")
        for variable in ("SEC_BASE_URL", "SEC_FILES_URL"):
            monkeypatch.setenv(variable, sec.url)
        yield


@contextmanager
def _replacements(page: str) -> Iterator[dict[str, str]]:
    """Give the address of an empty PostgreSQL database where a page shows one."""
    if SERVER not in page:
        yield {}
        return
    with server() as running, running.database() as url:
        yield {SERVER: url}


@pytest.mark.first_cases(3)
@pytest.mark.parametrize("path", [README, *RUNNING], ids=lambda path: path.stem)
def test_the_code_of_a_page_prints_what_is_shown(
    path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test that every Python and console block of a page runs and prints what the page shows.

    The pages run in the order of the index on one lake, so a page fails if an earlier one spoils its figures.
    """
    del home
    text = path.read_text(encoding="utf-8")
    vendor = _sec if "--provider sec" in text else _vendor
    fetching = vendor(monkeypatch) if " fetch " in text else nullcontext()
    with _replacements(text) as replace, fetching, own_process() as programs:
        assert run_page(path, replace, programs) > 0


def test_the_index_lists_every_guide() -> None:
    """A guide that the index leaves out would not run."""
    assert sorted(GUIDES) == [path for path in PAGES if path.parent.name == "howto"]


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.stem)
def test_only_known_kinds_of_blocks_are_left_out(path: Path) -> None:
    """A block that does not run is output, a picture, or a shell command whose own commands exist."""
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.language == "json":  # an entry for another program
            json.loads(block.text)
            continue
        assert block.language in {"python", "console", "text", "sh", "ini", "yaml", "{toctree}"}, block
        if block.language == "sh":
            assert set(re.findall(r"factorlab-lake(?: --lake \S+)? ([a-z]+)", block.text)) <= COMMANDS, block


@pytest.mark.parametrize("name", sorted(path.name for path in generate.REFERENCE.iterdir()))
def test_a_reference_page_is_current(name: str) -> None:
    """Each generated page is as the code describes it; `make docs-reference` writes it again."""
    assert (generate.REFERENCE / name).read_text(encoding="utf-8") == generate.pages()[name]


def test_the_reference_has_all_its_pages() -> None:
    """The folder of the generated pages contains these pages and no other."""
    assert {path.name for path in generate.REFERENCE.iterdir()} == set(generate.pages())


def test_the_reference_lists_every_public_name() -> None:
    """The page of the Python API has each name that the package exports, and each method of a lake."""
    page = generate.pages()["python.md"]
    headings = set(re.findall(r"^##+ (\w+)$", page, flags=re.MULTILINE))
    methods = {name for name in dir(fl.Lake) if not name.startswith("_")}
    assert set(fl.__all__) - {"LakeError"} <= headings
    assert methods - {"aio", "snapshot"} <= headings


def test_the_files_that_pages_name_exist() -> None:
    """Every path of the repository that a page puts in backquotes exists."""
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    named = re.findall(r"`((?:factorlab_lake|tests|docs|benchmarks|notebooks)/[\w./-]*)`", text)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_tests_that_pages_name_exist() -> None:
    """Every test that a page names by its file and function is there."""
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text))
    assert len(named) >= 7
    missing = [
        f"{file}::{name}" for file, name in sorted(named) if f"\ndef {name}(" not in (ROOT / file).read_text()
    ]
    assert missing == []


def test_every_feature_of_the_plan_has_a_page_and_a_test() -> None:
    """Each row of the feature table links to a heading of a page and names a test."""
    table = (
        (DOCS / "factor-lab.md").read_text(encoding="utf-8").partition("## The feature table of the plan")[2]
    )
    rows = re.findall(r"^\| ([\w -]+) \| \[.+\]\((\S+)#(\S+)\) \| `tests/\S+::\w+` \|$", table, re.MULTILINE)
    assert [name for name, _, _ in rows] == [
        "Query monitoring", "Usage analytics", "Freshness", "Trends", "Seasonality",
        "Cross-industry comparison", "Ad-hoc SQL",
    ]  # fmt: skip
    for _, page, anchor in rows:
        headings = re.findall(r"^##+ (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, (page, anchor)
