"""Fetch many companies from SEC's archives into a new lake, then fetch them again."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator

import factorlab_lake as fl
from benchmarks.options import Options
from benchmarks.process import ran
from benchmarks.results import Row
from factorlab_lake.providers.sec import SecProvider
from factorlab_lake.providers.sec.documents import HttpDocuments
from factorlab_lake.providers.sec.endpoints import ARCHIVE_PATHS, TICKERS_PATH
from factorlab_lake.providers.sec.sample_server import SecSampleServer, tickers_of
from factorlab_lake.providers.sec.settings import sec_settings

__all__ = ["again", "fetch", "run"]

_COMPANIES, _FILINGS = 300, 40
_TASKS = __name__


def run(options: Options) -> Iterator[Row]:
    """Measure a first fetch of made companies through the archives, and a second one."""
    companies = min(_COMPANIES, options.size.fetched_symbols)
    with tempfile.TemporaryDirectory(dir=options.work) as folder, _served(companies) as server:
        first = ran(f"{_TASKS}:fetch", server.url, f"{folder}/lake", companies)
        second = ran(f"{_TASKS}:again", server.url, f"{folder}/lake", min(companies, 20))
    if second.answer != min(companies, 20):
        raise AssertionError(f"a second fetch took {second.answer} calls")
    label, rows = f"SEC, {companies} companies from archives", f"{first.answer:,} statements"
    yield Row(f"{label}, companies a second", "", companies / first.call_s, answers=rows)
    yield Row(f"{label}, CPU time", "s", first.cpu_s)
    yield Row(f"{label}, peak memory", "MB", first.peak_mb)


def fetch(url: str, path: str, companies: int) -> int:
    """Fetch all data of the companies into a new lake; return the number of statements."""
    lake = fl.open(path)
    with _provider(url) as sec:
        report = lake.fetch(sec, _symbols(companies))
    assert report.clean, (report.failures[:3], report.stopped)
    return sum(report.new[name] for name in ("income_statements", "balance_sheets", "cash_flows"))


def again(url: str, path: str, companies: int) -> int:
    """Fetch what is new of some companies; return the number of calls for documents."""
    policy = fl.FetchPolicy(polling_days=0, restatement_days=0)
    with _provider(url) as sec:
        report = fl.open(path).fetch(sec, _symbols(companies), kinds=["statements"], policy=policy)
    assert {reason for *_, reason in report.short} == {"no new report"}, report
    return len({symbol for symbol, *_ in report.short})


def _symbols(companies: int) -> list[str]:
    return [f"C{number}" for number in range(1, companies + 1)]


def _provider(url: str) -> SecProvider:
    names = {"user_agent": "Benchmark benchmark@example.com", "base_url": url, "files_url": url}
    return SecProvider(HttpDocuments(sec_settings(**names, bulk_from=1)))


def _served(companies: int) -> SecSampleServer:
    """Return a server with the archives, and the submissions of each company."""
    from tests.fakes.sec_documents import copies, zipped  # not in the measured process

    made = list(copies(range(1, companies + 1), _FILINGS))
    documents: dict[str, bytes] = {}
    for folder, path in ARCHIVE_PATHS.items():
        file = io.BytesIO()
        zipped(made, folder, file)
        documents[path] = file.getvalue()
    documents |= {p: b for p, b in made if p.startswith("submissions/")}
    return SecSampleServer({**documents, TICKERS_PATH: tickers_of(documents)})
