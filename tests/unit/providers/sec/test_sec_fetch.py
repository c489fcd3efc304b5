"""Test a fetch from SEC's documents into a lake."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import BadAnswer, EmptyAnswer
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from factorlab_lake.providers.protocol import Call, FetchResult, Request
from factorlab_lake.providers.sec import SecProvider
from tests.contracts.providers import ProviderContract, Subject
from tests.fakes.sec_documents import CIK, SecDocuments, apple, filing_dates, reports_in_order, submissions_by
from tests.sec_lakes import fetched_apple
from tests.sec_rows import FETCHED
from tests.support import THOROUGH, writing

TABLES = ("income_statements", "balance_sheets", "cash_flows", "shares_outstanding")
_OF_THE_STAMP = ("accepted_at", "accepted_date", "available_date", "split_basis_date")
_OF_THE_FETCH = ["fetch_id", "fetched_at", "recorded_at"]


def _provider(documents: SecDocuments | None = None, at: datetime = FETCHED) -> SecProvider:
    return SecProvider(documents or SecDocuments(), clock=lambda: at)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with Apple from SEC."""
    return fetched_apple(tmp_path_factory)


def test_a_fetch_lands_every_version(lake: Lake) -> None:
    """The lake has 247 original statements, 32 restatements and 136 share counts."""
    union = " UNION ALL ".join(f"SELECT change_kind, available_date FROM {name}" for name in TABLES[:3])
    kinds = lake.sql(f"SELECT change_kind, count(*) FROM ({union}) GROUP BY 1 ORDER BY 1").rows()
    assert kinds == [("original", 247), ("restatement", 32)]
    heights = [lake.sql(f"SELECT count(*) FROM {name}").item() for name in TABLES]
    assert heights == [124, 73, 82, 136]


def test_the_lake_has_the_expected_rows(lake: Lake, tmp_path: Path) -> None:
    """Versions, availability and split bases are those of rows that were computed independently."""
    from tests.sec_rows import land_sec

    other = fl.open(tmp_path / "lake")
    land_sec(other)
    for name in TABLES:
        key = ["as_of_date", "source"] if name == "shares_outstanding" else ["fiscal_date", "fiscal_period"]
        columns = [*key, "version", "change_kind", "available_date", "availability_basis", "first_seen_date",
                   "accepted_at", "filing_date", "split_basis_date"]  # fmt: skip
        query = f"SELECT {', '.join(columns)} FROM {name} ORDER BY ALL"
        assert_frame_equal(lake.sql(query), other.sql(query))


def test_refused_counts_are_rejected_records(lake: Lake) -> None:
    """Each refused count is stored with its reason, as SEC published it."""
    rows = lake.sql("SELECT data_type, reason, record FROM rejected_records ORDER BY position").rows()
    assert [(table, why) for table, why, _ in rows] == [
        ("shares_outstanding", "scale: cover page says 861381000")
    ] * 2
    assert [json.loads(text)["shares"] for *_, text in rows] == [899_213, 861_745]


def test_every_figure_names_its_filing(lake: Lake) -> None:
    """A row has the link of its filing, and the accession in ``extra``."""
    row = lake.sql(
        "SELECT link, final_link, extra, mapping, period_start FROM income_statements "
        "WHERE fiscal_date = '2020-09-26' AND fiscal_period = 'FY'"
    ).row(0, named=True)
    assert row["link"].endswith("/320193/000032019320000096/0000320193-20-000096-index.htm")
    assert row["final_link"].endswith("/000032019320000096/aapl-20200926.htm")
    assert json.loads(row["extra"]) == {"accession": "0000320193-20-000096", "form": "10-K"}
    assert (row["mapping"], row["period_start"]) == ("sec-1", date(2019, 9, 29))


def test_quarters_are_derived(lake: Lake) -> None:
    """There are 72 quarters; 18 revenues and 52 operating cash flows are differences."""
    quarters = lake.quarters("AAPL")
    assert quarters["fiscal_date"].n_unique() == 72
    assert quarters["revenue"].count() == 71
    assert quarters["operating_cash_flow"].count() == 70


def test_quality_knows_that_no_filing_has_a_fourth_quarter(lake: Lake) -> None:
    """Quarters that follow from longer periods are no gaps, and each sheet balances."""
    rules = ["quarter_gap", "accounting_identity", "sum_of_quarters", "sum_of_quarters_cash"]
    assert lake.quality(rules=rules).is_empty()
    assert lake.coverage().filter(symbol="AAPL").height > 0


def test_the_profile_is_of_the_submissions(lake: Lake) -> None:
    """Name, CIK, exchange, industry and country have columns; the rest is in ``extra``."""
    row = lake.sql("SELECT * FROM company_profiles").row(0, named=True)
    names = ("company_name", "cik", "exchange", "industry", "country", "sector", "currency")
    assert [row[name] for name in names] == [
        "Apple Inc.", CIK, "NASDAQ", "Electronic Computers", "US", None, None,
    ]  # fmt: skip
    assert json.loads(row["extra"])["fiscalYearEnd"] == "0926"


def test_the_log_names_the_company_and_its_newest_report(lake: Lake) -> None:
    """A later fetch can compare the newest accession with the submissions."""
    logged = lake.sql(
        "SELECT DISTINCT parameters::JSON->>'accession', provider FROM data_fetch_log "
        "WHERE data_type <> 'company_profiles'"
    ).rows()
    assert logged == [("0000320193-26-000006", "sec")]


def _merge_steps(lake: Lake, steps: Sequence[Sequence[FetchResult]]) -> dict[str, pl.DataFrame]:
    with writing(lake) as tx:
        for answers in steps:
            merge_batch(tx, answers)
    lake.refresh()
    return {name: _content(lake, name) for name in TABLES}


def _content(lake: Lake, name: str) -> pl.DataFrame:
    key = ("as_of_date", "source") if name == "shares_outstanding" else ("fiscal_date", "fiscal_period")
    return lake.sql(f"SELECT * FROM {name}").sort(*key, "version").drop(_OF_THE_FETCH)


def _history(cuts: Iterable[int]) -> list[list[FetchResult]]:
    """Return the answers of a fetch on the day after each of some filings, by their numbers in order."""
    order = list(reports_in_order())
    requests = [
        Request(dataset, "AAPL", period)
        for dataset, offer in SecProvider(SecDocuments()).datasets.items()
        for period in offer.periods or (None,)
        if dataset != "profile"
    ]
    steps = []
    for cut in cuts:
        documents = SecDocuments(apple(set(order[:cut])))
        filed = filing_dates()[order[cut - 1]]
        at = datetime(filed.year, filed.month, filed.day, 12, tzinfo=UTC) + timedelta(days=1)
        provider = _provider(documents, at if cut < len(order) else FETCHED)
        steps.append([a for call in provider.plan(requests) for a in provider.answer(call)])
    return steps


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)], ids=["in order", "newest first"])
def test_landing_by_and_by_in_any_order_equals_landing_at_once(
    lake: Lake, tmp_path: Path, order: tuple[int, ...]
) -> None:
    """The rows do not depend on how often SEC was read, nor on the order in which the answers land."""
    # Before and after the amendment of 2010, and at the end.
    steps = _history((2, 4, len(filing_dates())))
    landed = _merge_steps(fl.open(tmp_path / "lake"), [steps[place] for place in order])
    for name in TABLES:
        assert_frame_equal(landed[name], _content(lake, name))


def test_landing_filing_by_filing_in_a_random_order_equals_landing_at_once(tmp_path: Path) -> None:
    """A fetch after each filing gives the rows of one fetch after all, in whatever order they arrive."""
    steps = _history(range(1, (len(filing_dates()) if THOROUGH else 6) + 1))
    at_once = _merge_steps(fl.open(tmp_path / "at_once"), steps[-1:])
    mixed = random.Random(7).sample(steps, len(steps))
    assert mixed[-1] is not steps[-1]
    landed = _merge_steps(fl.open(tmp_path / "mixed"), mixed)
    assert 2 in landed["income_statements"]["version"].to_list()
    for name in TABLES:
        assert_frame_equal(landed[name], at_once[name])


@pytest.mark.parametrize("clock", ["mixed"])
def test_rows_are_the_same_on_every_clock(lake: Lake, tmp_path: Path, clock: str) -> None:
    """Only the acceptance of undecided stamps moves, and none becomes early."""
    documents = SecDocuments(apple(submissions=submissions_by(clock)))
    other = fl.open(tmp_path / "lake")
    other.fetch(_provider(documents), "AAPL", kinds=["statements", "shares"])
    for name in TABLES:
        one, two = _content(lake, name), _content(other, name)
        moving = [c for c in one.columns if c in _OF_THE_STAMP]
        assert_frame_equal(one.drop(moving), two.drop(moving))
        later = two["accepted_at"] - one["accepted_at"]
        assert set(later.drop_nulls().dt.total_hours()) <= {0, 4, 5}
        assert (two["available_date"] >= one["available_date"]).all()


class TestContract(ProviderContract):
    """Run the suite of all providers on Apple under two symbols."""

    @pytest.fixture
    def subject(self) -> Subject:
        """Return the provider of the sample."""
        documents = SecDocuments(None, AAPL=CIK, APC=CIK)
        return Subject(_provider(documents), ("AAPL", "APC"), "NONE", (date(2012, 1, 1), date(2026, 1, 1)))


def test_a_company_is_read_once_for_all_its_symbols() -> None:
    """Two symbols of one company, and a request by its Central Index Key, read each document once."""
    documents = SecDocuments(None, AAPL=CIK, APC=CIK)
    provider = _provider(documents)
    symbols = ("AAPL", "APC", "CIK0000320193")
    calls = provider.plan([Request(d, s) for s in symbols for d in ("shares", "profile")])
    answers = [answer for call in calls for answer in provider.answer(call)]
    assert [a.count for a in answers] == [138, 1] * 3
    assert documents.paths == [
        f"submissions/CIK{CIK}.json",
        f"submissions/CIK{CIK}-submissions-001.json",
        f"api/xbrl/companyfacts/CIK{CIK}.json",
    ]


@pytest.mark.parametrize("symbol", ["BRK.B", "BRK/B", "brk-b"])
def test_a_class_of_shares_is_looked_up_as_sec_writes_it(symbol: str) -> None:
    """SEC writes a class with a dash, vendors with a dot or a slash."""
    documents = SecDocuments()
    documents.symbols = {"BRK-B": CIK}
    (answer,) = _provider(documents).answer(Call((Request("profile", symbol),)))
    assert (answer.symbol, answer.count) == (symbol, 1)


def test_a_report_without_facts_is_named() -> None:
    """A filing is in the submissions before its facts: the answer is short until they are there."""
    order = list(reports_in_order())
    documents = SecDocuments(apple(set(order[:-1])))
    (answer,) = _provider(documents).answer(Call((Request("income", "AAPL", "quarterly"),)))
    assert answer.short == "the facts of 0000320193-26-000006 (10-Q of 2026-01-30) are not there yet"
    (answer,) = _provider().answer(Call((Request("income", "AAPL", "quarterly"),)))
    assert answer.short is None


def test_a_company_without_facts_has_a_profile_only() -> None:
    """A company without tagged reports is no unknown company."""
    documents = SecDocuments({k: v for k, v in apple().items() if "facts" not in k})
    requests = (Request("income", "AAPL", "annual"), Request("profile", "AAPL"))
    income, profile = _provider(documents).answer(Call(requests))
    assert (type(income.fault), profile.count) == (EmptyAnswer, 1)


@pytest.mark.parametrize(
    "body", [b"<html>blocked</html>", b'{"facts": {"us-gaap"', b"[]", b'{"facts": {"us-gaap": 7}}']
)
def test_a_body_that_is_no_document_is_a_fault(body: bytes) -> None:
    """A page of a block, a cut text or another form gives no rows and a typed error."""
    documents = SecDocuments(apple() | {f"api/xbrl/companyfacts/CIK{CIK}.json": body})
    (answer,) = _provider(documents).answer(Call((Request("income", "AAPL", "annual"),)))
    assert isinstance(answer.fault, BadAnswer)
    assert answer.records is None


def test_a_fault_is_the_answer_to_all_requests_of_a_company() -> None:
    """The facts that cannot be read are requested once in a run, and again in the next one."""
    documents = SecDocuments(apple() | {f"api/xbrl/companyfacts/CIK{CIK}.json": b"<html>"})
    provider = _provider(documents)
    requests = [Request(d, "AAPL", p) for d in ("income", "cash_flow") for p in ("quarterly", "annual")]
    for _ in range(2):
        (call,) = provider.plan([*requests, Request("profile", "AAPL")])
        documents.paths.clear()
        answers = provider.answer(call)
        assert [type(a.fault) for a in answers] == [BadAnswer] * 4 + [type(None)]
        assert [path for path in documents.paths if "facts" in path] == [
            f"api/xbrl/companyfacts/CIK{CIK}.json"
        ]
