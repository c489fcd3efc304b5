"""Fetch many companies from SEC's archives into a new lake, then fetch them again."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import factorlab_lake as fl
from benchmarks.options import Options
from benchmarks.process import ran
from benchmarks.results import Row
from factorlab_lake.providers.loopback_server import ServerResponse
from factorlab_lake.providers.sec import SecProvider
from factorlab_lake.providers.sec.documents import HttpDocuments
from factorlab_lake.providers.sec.endpoints import ARCHIVE_PATHS, TICKERS_PATH
from factorlab_lake.providers.sec.sample_server import SecSampleServer, tickers_of
from factorlab_lake.providers.sec.settings import sec_settings

__all__ = ["again", "fetch", "run"]

_COMPANIES, _FILINGS = 300, 40
_FACTS_AT_LEAST = 8000
_OF_AGAIN = 20
_TASKS = __name__


def run(options: Options) -> Iterator[Row]:
    """Measure a first fetch of made companies through the archives, and a second one.

    A third of the companies is measured with all facts of these filings too.
    """
    companies = min(_COMPANIES, options.size.fetched_symbols)
    yield from _measured(options, companies, _FACTS_AT_LEAST)
    yield from _measured(options, companies // 3, None)


def _measured(options: Options, companies: int, facts_at_least: int | None) -> Iterator[Row]:
    server, facts = _served(companies, facts_at_least)
    with tempfile.TemporaryDirectory(dir=options.work) as folder, server:
        first = ran(f"{_TASKS}:fetch", server.url, f"{folder}/lake", companies)
        server.paths.clear()
        second = ran(f"{_TASKS}:again", server.url, f"{folder}/lake", min(companies, _OF_AGAIN))
    others = {path for path in server.paths if not path.startswith("submissions/")} - {TICKERS_PATH}
    if others or second.answer != min(companies, _OF_AGAIN):
        raise AssertionError(f"a second fetch asked for {sorted(others)}, of {second.answer} companies")
    label, rows = f"SEC, {companies} companies of {facts:,} facts", f"{first.answer:,} statements"
    yield Row(f"{label}: companies a second", "/s", companies / first.call_s, answers=rows)
    yield Row(f"{label}: CPU time of a company", "ms", 1000 * first.cpu_s / companies)
    yield Row(f"{label}: peak memory", "MB", first.peak_mb)


def fetch(url: str, path: str, companies: int) -> int:
    """Fetch all data of the companies into a new lake; return the number of statements."""
    lake = fl.open(path)
    with _provider(url) as sec:
        report = lake.fetch(sec, _symbols(companies))
    assert report.clean, (report.failures[:3], report.stopped)
    return sum(report.new[name] for name in ("income_statements", "balance_sheets", "cash_flows"))


def again(url: str, path: str, companies: int) -> int:
    """Fetch what is new of the companies; return the number of those without a new report."""
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


@dataclass
class _NotingServer(SecSampleServer):
    """Serve documents, and note the paths that were requested."""

    paths: list[str] = field(default_factory=list)

    def response(self, path: str, user_agent: str) -> ServerResponse:
        """Return the response for a path and the name of a caller."""
        self.paths.append(path)
        return super().response(path, user_agent)


def _served(companies: int, facts_at_least: int | None) -> tuple[_NotingServer, int]:
    """Return a server of the archives and submissions, and the number of facts of a company."""
    from tests.fakes.sec_documents import copies, count_facts, zipped  # not in the measured process

    made = list(copies(range(1, companies + 1), _FILINGS, facts_at_least=facts_at_least))
    documents: dict[str, bytes] = {}
    for folder, path in ARCHIVE_PATHS.items():
        file = io.BytesIO()
        zipped(made, folder, file)
        documents[path] = file.getvalue()
    documents |= {p: b for p, b in made if p.startswith("submissions/")}
    facts = count_facts(json.loads(next(body for path, body in made if "companyfacts" in path)))
    return _NotingServer({**documents, TICKERS_PATH: tickers_of(documents)}), facts
