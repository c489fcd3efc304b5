"""Values of a wrong type, and impossible days, in SEC's documents: what becomes of them and of the run."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import FetchFailed
from factorlab_lake.providers.protocol import Call, FetchResult, Request
from factorlab_lake.providers.sec import SecProvider
from factorlab_lake.providers.sec.endpoints import ARCHIVE_PATHS, OFFERS, TICKERS_PATH
from factorlab_lake.providers.sec.profiles import profile_record
from tests.fakes.made_sec_facts import company_documents
from tests.fakes.sec_documents import SecDocuments, zipped
from tests.fakes.sec_server import FakeSec, provider
from tests.support import THOROUGH

_FETCHED = datetime(2021, 1, 4, tzinfo=UTC)
_SUBMISSIONS, _FACTS = "submissions/CIK0000000001.json", "api/xbrl/companyfacts/CIK0000000001.json"
_COVER, _REVENUES = ("dei", "EntityCommonStockSharesOutstanding", "shares"), ("us-gaap", "Revenues", "USD")
_REQUESTS = tuple(Request(d, "MADE", p) for d, offer in OFFERS.items() for p in offer.periods or (None,))
_TABLES = ("income_statements", "balance_sheets", "cash_flows", "shares_outstanding", "company_profiles")
_ODD: list[Any] = [
    None,
    True,
    5,
    -1,
    1e308,
    10**400,
    "",
    "x",
    "2099-01-01",
    "9999-12-31",
    [],
    [1],
    {},
    {"a": 1},
]


def _answers(documents: Mapping[str, Any]) -> dict[tuple[str, str | None], FetchResult]:
    fake = SecDocuments({path: json.dumps(d).encode() for path, d in documents.items()}, MADE="0000000001")
    answers = SecProvider(fake, clock=lambda: _FETCHED).answer(Call(_REQUESTS))
    return {(a.dataset, a.period): a for a in answers}


def _with(column: str, value: Any, place: int = 2) -> dict[str, Any]:
    documents = company_documents(1, "MADE")
    documents[_SUBMISSIONS]["filings"]["recent"][column][place] = value
    return documents


def _with_fact(concept: tuple[str, str, str], **members: Any) -> dict[str, Any]:
    documents = company_documents(1, "MADE")
    taxonomy, tag, unit = concept
    documents[_FACTS]["facts"][taxonomy][tag]["units"][unit][0] |= members
    return documents


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("filingDate", None, "submissions with the filingDate null in row 3; expected a text"),
        ("filingDate", "2020-13", "submissions with the filingDate '2020-13' in row 3; expected YYYY-MM-DD"),
        ("form", None, "submissions with the form null in row 3; expected a text"),
        ("accessionNumber", {}, "submissions with the accessionNumber {} in row 3; expected a text"),
    ],
)  # fmt: skip
def test_a_row_of_submissions_without_its_needed_text_is_named(column: str, value: Any, text: str) -> None:
    """The error of each request of the company has the document, the column, the value and the row."""
    for answer in _answers(_with(column, value)).values():
        assert isinstance(answer.fault, FetchFailed)
        assert (
            answer.error
            == f"{_SUBMISSIONS}: SEC's document has an unexpected form: {text}. Run the command again."
        )


@pytest.mark.parametrize(
    "stamp", [None, 5, [], {}, True, "", "soon", "2020-11-02T18:06+05", "0001-01-01T00:00:00"]
)
def test_an_acceptance_that_is_no_time_counts_as_unknown(stamp: Any) -> None:
    """The filing counts from its filing date, and its counts are on the basis of that day."""
    answer = _answers(_with("acceptanceDateTime", stamp))["shares", None]
    assert answer.records is not None
    columns = answer.records.select("accepted_at", "filing_date", "split_basis_date")
    assert columns.rows()[-1] == (None, "2020-11-02", "2020-11-02")
    assert columns["accepted_at"].null_count() == 1


@pytest.mark.parametrize(("column", "value"), [("reportDate", 5), ("primaryDocument", {}), ("isXBRL", None)])
def test_other_odd_values_of_submissions_count_as_unknown(column: str, value: Any) -> None:
    """The requests are answered as without them."""
    assert {a.fault for key, a in _answers(_with(column, value)).items() if key[1] != "annual"} == {None}


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("accn", None, "dei EntityCommonStockSharesOutstanding in shares: accn is null; expected a text: {"),
        ("form", None, "dei EntityCommonStockSharesOutstanding in shares: form is null; expected a text: {"),
        (
            "filed",
            5,
            "dei EntityCommonStockSharesOutstanding in shares: 5 is no date; expected YYYY-MM-DD: {",
        ),
        ("end", None, " is no date; expected YYYY-MM-DD"),
        ("end", {}, "dei EntityCommonStockSharesOutstanding in shares: unhashable type: 'dict': {"),
    ],
)
def test_a_fact_that_cannot_be_read_is_named(member: str, value: Any, text: str) -> None:
    """Statements and counts of the company fail with the fact; its profile does not."""
    answers = _answers(_with_fact(_COVER, **{member: value}))
    assert answers.pop(("profile", None)).fault is None
    for answer in answers.values():
        assert isinstance(answer.fault, FetchFailed)
        assert f"{_FACTS}: SEC's document has an unexpected form: company facts" in str(answer.error)
        assert text in str(answer.error)


@pytest.mark.parametrize("value", [{}, [1], "1000000", True])
def test_a_value_that_is_no_number_is_a_rejected_record(value: Any, tmp_path: Path) -> None:
    """The lake has its text and the reason, under the table that would have had the figure."""
    shown = json.dumps(value)
    for concept, table in ((_COVER, "shares_outstanding"), (_REVENUES, "income_statements")):
        fake = SecDocuments(
            {p: json.dumps(d).encode() for p, d in _with_fact(concept, val=value).items()}, MADE="0000000001"
        )
        lake = fl.open(tmp_path / table)
        report = lake.fetch(SecProvider(fake, clock=lambda: _FETCHED), ["MADE"])
        assert (report.failures, report.rejected) == ([], 1)
        ((name, reason, record),) = lake.sql("SELECT data_type, reason, record FROM rejected_records").rows()
        assert (name, reason) == (table, f"val: {shown} of {concept[1]} is not a number")
        assert (json.loads(record)["val"], json.loads(record)["filing_date"]) == (value, "2020-05-01")
        assert lake.sql("SELECT count(*) FROM income_statements").item() == 3


def test_a_fact_without_a_value_says_nothing() -> None:
    """A null is neither a figure nor a rejected record."""
    assert _answers(_with_fact(_COVER, val=None))["shares", None].broken == []


@pytest.mark.parametrize(
    ("accepted", "filed", "basis"),
    [
        ("2099-01-01T00:00:00.000Z", "2020-11-02", date(2020, 11, 2)),  # the filing date
        ("1970-01-01T00:00:00.000Z", "2020-11-02", date(2020, 11, 2)),  # before the day of the count
        ("2020-11-02T16:30:00.000Z", "2099-01-01", date(2020, 11, 2)),  # the acceptance
        (None, "2099-01-01", date(2020, 11, 2)),  # the filing date of the facts
        ("2099-01-01T00:00:00.000Z", "2099-01-01", date(2020, 11, 2)),
    ],
)
def test_an_impossible_day_does_not_set_the_split_basis(
    accepted: str | None, filed: str, basis: date, tmp_path: Path
) -> None:
    """The other day of the filing does, and never the day of the fetch."""
    documents = _with("acceptanceDateTime", accepted)
    documents[_SUBMISSIONS]["filings"]["recent"]["filingDate"][2] = filed
    rows = _counts(documents, tmp_path)
    assert [row[1] for row in rows] == [date(2020, 5, 1), date(2020, 8, 3), basis]
    assert [row[2] for row in rows][:2] == [date(2020, 5, 2), date(2020, 8, 4)]
    assert rows[2][2] <= date(2020, 11, 3)


def test_without_any_possible_day_the_split_basis_is_the_day_of_the_count(tmp_path: Path) -> None:
    """A filing of the future in both documents: its count is as of its own day."""
    documents = _with("filingDate", "2031-11-02")
    documents[_SUBMISSIONS]["filings"]["recent"]["acceptanceDateTime"][2] = "2031-11-02T16:30:00.000Z"
    for tags in documents[_FACTS]["facts"].values():
        for facts in (f for concept in tags.values() for f in concept["units"].values()):
            for fact in (f for f in facts if f["filed"] == "2020-11-02"):
                fact["filed"] = "2031-11-02"
    assert _counts(documents, tmp_path)[2][:2] == (date(2020, 9, 30), date(2020, 9, 30))


def test_a_filing_of_the_future_does_not_hide_later_reports() -> None:
    """The newest report is the newest possible one, so that a new report is noticed."""
    documents = _with("acceptanceDateTime", "2099-01-01T00:00:00.000Z", place=0)
    parameters = json.loads(_answers(documents)["shares", None].parameters)
    assert parameters["accession"] == "0000000001-20-000003"


def _counts(documents: Mapping[str, Any], tmp_path: Path) -> list[tuple[Any, ...]]:
    fake = SecDocuments({path: json.dumps(d).encode() for path, d in documents.items()}, MADE="0000000001")
    lake = fl.open(tmp_path / "lake")
    assert lake.fetch(SecProvider(fake, clock=lambda: _FETCHED), ["MADE"], kinds=["shares"]).failures == []
    query = "SELECT as_of_date, split_basis_date, available_date FROM shares_outstanding ORDER BY 1"
    return lake.sql(query).rows()


def test_a_fault_of_the_reader_is_the_failure_of_its_company(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An exception that no rule foresees is reported with the company's document; the others land."""

    def failing(submissions: Mapping[str, Any], symbol: str) -> dict[str, Any]:
        if symbol == "BAD":
            raise ZeroDivisionError("by chance")
        return profile_record(submissions, symbol)

    monkeypatch.setattr("factorlab_lake.providers.sec.company_documents.profile_record", failing)
    lake = fl.open(tmp_path / "lake")
    with _serving(_companies({"BAD": [], "GOOD": []}), archives=False) as sec:
        report = lake.fetch(sec, ["BAD", "GOOD"], kinds=["profiles"])
    ((symbol, _, _, text),) = report.failures
    assert symbol == "BAD"
    assert text.startswith(
        "submissions/CIK0000000001.json: SEC's document has an unexpected form: ZeroDivision"
    )
    assert lake.sql("SELECT symbol FROM company_profiles").rows() == [("GOOD",)]


@pytest.mark.parametrize("archives", [False, True], ids=["single", "archives"])
@pytest.mark.parametrize("seed", range(4 if THOROUGH else 1))
def test_good_companies_land_beside_any_bad_ones(seed: int, tmp_path: Path, *, archives: bool) -> None:
    """A run with random values in the documents of others ends, and a good company has all its rows."""
    chance = random.Random(seed)  # a fixed seed, not for secrets
    plan = {"GOOD1": 0} | {f"BAD{n}": chance.randint(1, 3) for n in range(24)} | {"GOOD2": 0}
    companies = {symbol: [chance.random() for _ in range(2 * count)] for symbol, count in plan.items()}
    lake = fl.open(tmp_path / "lake")
    with _serving(_companies(companies), archives=archives) as sec:
        report = lake.fetch(sec, list(companies))
    assert report.failures
    assert all(
        f"CIK{list(plan).index(symbol) + 1:010d}.json" in text for symbol, _, _, text in report.failures
    )
    for symbol in ("GOOD1", "GOOD2"):
        counts = [lake.sql(f"SELECT count(*) FROM {t} WHERE symbol = '{symbol}'").item() for t in _TABLES]
        assert counts == [3, 3, 3, 3, 1]


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 8))
def test_no_document_makes_the_provider_raise(seed: int) -> None:
    """Each request has records or an error of the documented tree, whatever the values are."""
    chance = random.Random(1000 + seed)
    for _ in range(50):
        documents = company_documents(1, "MADE")
        for _ in range(chance.randint(1, 3)):
            _replace(documents, chance.random(), chance.random())
        for answer in _answers(documents).values():
            assert (answer.records is None) == isinstance(answer.fault, FetchFailed)


def _replace(documents: dict[str, Any], where: float, what: float) -> None:
    """Replace one value of the documents, chosen by two numbers between 0 and 1."""
    places = [place for document in documents.values() for place in _places(document)]
    container, key = places[int(where * len(places))]
    container[key] = copy.deepcopy(_ODD[int(what * len(_ODD))])


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, member in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(member, dict | list):
            yield from _places(member)


def _companies(numbers: Mapping[str, list[float]]) -> dict[str, bytes]:
    """Return the documents of some companies by path, each with as many odd values as pairs of numbers."""
    out: dict[str, bytes] = {}
    for cik, (symbol, pairs) in enumerate(numbers.items(), start=1):
        documents = company_documents(cik, symbol)
        for where, what in zip(pairs[::2], pairs[1::2], strict=True):
            _replace(documents, where, what)
        out |= {path: json.dumps(document).encode() for path, document in documents.items()}
    rows = {str(n): {"cik_str": n, "ticker": s, "title": s} for n, s in enumerate(numbers, start=1)}
    return out | {TICKERS_PATH: json.dumps(rows).encode()}


@contextmanager
def _serving(documents: dict[str, bytes], *, archives: bool) -> Iterator[SecProvider]:
    """Serve the documents one by one, or within SEC's archives alone."""
    served = dict(documents)
    if archives:
        served = {TICKERS_PATH: documents[TICKERS_PATH]}
        for folder, path in ARCHIVE_PATHS.items():
            file = io.BytesIO()
            zipped(documents.items(), folder, file)
            served[path] = file.getvalue()
    with FakeSec(served) as server, provider(server, bulk_from=int(archives), calls_per_second=10) as sec:
        yield sec
