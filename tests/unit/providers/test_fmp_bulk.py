from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import httpx
import polars as pl
import pytest

from factorlab_lake.errors import KeyRefused, NotInPlan
from factorlab_lake.ingest.normalize import normalize
from factorlab_lake.ingest.record_frames import to_frame
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.protocol import Call, FetchResult, Request
from tests.fakes.fmp import FakeFmp, FaultRule, Faults, synthetic_dataset
from tests.fakes.scripted_fmp import KEY, NOW, Script, json_response, provider

_HEADER = '\ufeff"symbol", "date", "period", "revenue",\r\n'
_DATASET = synthetic_dataset(60)
_NAMES = _DATASET.symbols
_START = date(2020, 1, 1)


def _over_http(server: FakeFmp, saves: int = 3) -> FmpProvider:
    settings = fmp_settings(api_key=KEY, base_url=server.url, bulk_saves=saves, retry_wait_s=0, tries=3)
    return FmpProvider(settings, clock=lambda: NOW.replace(year=2021, month=3, day=31))


def _all(fmp: FmpProvider, requests: Sequence[Request]) -> list[FetchResult]:
    return [answer for call in fmp.plan(requests) for answer in fmp.answer(call)]


def _statements(dataset: str = "income") -> list[Request]:
    return [Request(dataset, name, "annual", _START) for name in _NAMES]


def _rows(answers: Sequence[FetchResult], dataset: str, since: date) -> pl.DataFrame:
    """Return the normalised rows of the periods since a day: files contain more periods than requested."""
    rows = normalize(to_frame(answers), dataset).rows.drop("fetch_id", "fetched_at", strict=False)
    if "fiscal_date" in rows.columns:
        rows = rows.filter(pl.col("fiscal_date") >= since)
    return rows.sort(rows.columns[:3])


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    ("dataset", "period"),
    [("income", "annual"), ("income", "quarterly"), ("balance_sheet", "annual"), ("cash_flow", "annual"),
     ("profile", None)],
)  # fmt: skip
def test_files_give_the_rows_that_single_answers_give(dataset: str, period: object) -> None:
    """The values of a company are equal in a single response and in a bulk file."""
    start = None if dataset == "profile" else _START
    requests = [Request(dataset, name, period, start) for name in _NAMES]  # type: ignore[arg-type]
    with FakeFmp(_DATASET, key=KEY) as server:
        with _over_http(server) as fmp:
            files = _all(fmp, requests)
        from_files = len(server.requests)
        with _over_http(server, saves=0) as fmp:
            singly = _all(fmp, requests)
    assert sum(a.api_calls for a in files) == from_files < len(requests) / 2
    assert sum(a.api_calls for a in singly) == len(requests)
    frames = [_rows(answers, dataset, _START) for answers in (files, singly)]
    assert frames[0].equals(frames[1])
    assert set(frames[0]["symbol"]) == set(_NAMES)


def test_files_are_planned_only_where_they_save_calls() -> None:
    """Few symbols, no start, or ratios (which have no file) need single requests."""
    with FakeFmp(_DATASET, key=KEY) as server, _over_http(server) as fmp:
        many = fmp.plan(_statements())
        assert [(len(c.requests), c.calls) for c in many] == [(60, 4)]  # fiscal years 2019 to 2022
        for single in (
            _statements()[:5],
            [Request("income", name, "annual") for name in _NAMES],
            [Request("ratios", name, "annual", _START) for name in _NAMES],
            [Request("price", name, None, _START) for name in _NAMES],
        ):
            assert {len(call.requests) for call in fmp.plan(single)} == {1}
        assert server.requests == []


def test_a_plan_without_files_asks_one_by_one_and_remembers() -> None:
    """A 402 or 403 of a file costs one call; every request is answered, and no file is planned again."""
    rules = [FaultRule("403_exclusive", path="-bulk")]
    with FakeFmp(_DATASET, key=KEY, faults=Faults(rules=rules)) as server, _over_http(server) as fmp:
        answers = _all(fmp, _statements())
        assert [a.fault for a in answers] == [None] * 60
        assert [a.symbol for a in answers] == _NAMES
        assert len(server.requests) == sum(a.api_calls for a in answers) == 61
        assert {len(call.requests) for call in fmp.plan(_statements())} == {1}


def test_a_symbol_in_no_file_is_asked_for_by_name() -> None:
    """It is answered as if there were no files: with its data, or as unknown."""
    requests = [*_statements(), Request("income", "NOPE", "annual", _START)]
    with FakeFmp(_DATASET, key=KEY) as server, _over_http(server) as fmp:
        answers = _all(fmp, requests)
        paths = [seen.path for seen in server.requests if seen.parameters.get("symbol") == "NOPE"]
    assert [a.symbol for a in answers if a.fault] == ["NOPE"]
    assert paths == ["/stable/income-statement"]


def test_a_refused_key_is_not_tried_sixty_times() -> None:
    """Where no other call can succeed, none is made."""
    script = Script(json_response({"Error Message": "Invalid API KEY."}, 401))
    answers = _all(
        provider(script, bulk_saves=3), [Request("income", f"S{i}", "annual", NOW.date()) for i in range(60)]
    )
    assert {type(a.fault) for a in answers} == {KeyRefused}
    assert len(answers) == 60
    assert len(script.calls) == 1


def _file(*lines: str, header: str = _HEADER) -> httpx.Response:
    text = header + "".join(f"{line}\r\n" for line in lines)
    return httpx.Response(200, content=text.encode(), headers={"content-type": "text/csv"})


def _from_file(reply: httpx.Response, *symbols: str) -> list[FetchResult]:
    """Answer requests from a file of one year; the other years' are empty, and names are refused."""

    def vendor(request: httpx.Request) -> httpx.Response:
        if "symbol" in request.url.params:
            return json_response({"Error Message": "Exclusive Endpoint"}, 403)
        return reply if request.url.params.get("year") == "2026" else _file()

    fmp = provider(vendor, bulk_saves=1, tries=2, retry_wait_s=0)
    requests = tuple(Request("income", s, "annual", NOW.date() - timedelta(days=30)) for s in symbols)
    return fmp.answer(Call(requests))


def test_the_traps_of_the_files() -> None:
    """The reader accepts a BOM, an extra comma in the header, duplicate rows and numeric symbols."""
    row = '"600519","2025-12-31","FY","170899152276.34"'
    one, _, _ = _from_file(_file(row, row, '"0005","2025-12-31","FY",""', '"B,C","2025-12-31","FY","7"'),
                           "600519", "0005", "B,C")  # fmt: skip
    assert one.records is not None
    assert one.records.rows(named=True) == [
        {"symbol": "600519", "date": "2025-12-31", "period": "FY", "revenue": "170899152276.34"}
    ]


def test_an_empty_text_is_no_value() -> None:
    """It is null, not zero and not a word."""
    row = '"600519","2025-12-31","FY","1"'
    second = _from_file(_file(row, '"0005","2025-12-31","FY",""', row), "600519", "0005", "X")[1]
    assert second.records is not None
    assert second.records["revenue"].to_list() == [None]


@pytest.mark.parametrize(
    "reply",
    [
        _file('"600519","2025-12-31"'),
        _file('"600519","2025-12-31","FY","1'),
        _file(header="<html>"),
        httpx.Response(200, content=b"\xff\xfe\xff"),
    ],
)
def test_a_file_that_cannot_be_read_is_replaced_by_single_questions(reply: httpx.Response) -> None:
    """A cut or invalid file is requested again, then each symbol; no row of the file is used."""
    answers = _from_file(reply, "600519", "0005", "X")
    assert [type(a.fault) for a in answers] == [NotInPlan] * 3
