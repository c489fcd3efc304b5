"""Companies of SEC's archives are read one at a time from disk."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import BadAnswer, LakeWarning
from factorlab_lake.providers.protocol import Request
from factorlab_lake.providers.sec.archives import Archive
from factorlab_lake.providers.sec.endpoints import ARCHIVE_PATHS
from tests.fakes.sec_documents import copies, zipped
from tests.fakes.sec_server import FakeSec, provider, with_tickers

_COMPANIES = range(1, 4)


@pytest.fixture(scope="module")
def documents() -> dict[str, bytes]:
    """Return the documents of some companies, by themselves and in archives."""
    single = dict(copies(_COMPANIES, filings_each=3))
    archives = {}
    for folder, path in ARCHIVE_PATHS.items():
        file = io.BytesIO()
        zipped(single.items(), folder, file)
        archives[path] = file.getvalue()
    return {**with_tickers(single), **archives}


def _requests(number: int) -> list[Request]:
    return [Request(d, f"C{number}") for d in ("shares", "profile")]


def test_many_companies_take_two_downloads(
    documents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No company is requested by itself, the rows are the same, and the archives are deleted at the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    symbols = [f"C{number}" for number in _COMPANIES]
    counts = []
    with FakeSec(documents) as server:
        for bulk_from in (3, 0):
            lake = fl.open(tmp_path / str(bulk_from))
            with provider(server, bulk_from=bulk_from) as sec:
                report = lake.fetch(sec, symbols, kinds=["shares", "profiles"])
            assert report.clean
            counts.append(report.new)
            if bulk_from:
                paths = [path for path in server.paths if not path.startswith("files/")]
                assert sorted(paths) == sorted(ARCHIVE_PATHS.values())
    assert counts[0] == counts[1]
    assert counts[0]["shares_outstanding"] > 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_few_companies_and_later_fetches_use_no_archive(documents: dict[str, bytes]) -> None:
    """Two companies are requested by themselves; so is one whose reports the lake has."""
    with FakeSec(documents) as server, provider(server, bulk_from=3) as sec:
        assert [call.calls for call in sec.plan([*_requests(1), *_requests(2)])] == [2, 2]
        later = [Request("shares", f"C{number}", last_parameters="{}") for number in _COMPANIES]
        assert [call.calls for call in sec.plan(later)] == [2, 2, 2]
        assert [call.calls for call in sec.plan([r for n in _COMPANIES for r in _requests(n)])] == [1, 1, 1]


def test_a_company_that_the_archive_lacks_is_requested(documents: dict[str, bytes]) -> None:
    """A company that is newer than the last night's archive has its own documents."""
    more = {**documents, **dict(copies([9], filings_each=3))}
    with FakeSec(with_tickers({p: b for p, b in more.items() if p.endswith(".json")}) | more) as server:
        server.documents = {**server.documents, "files/company_tickers.json": _tickers(more)}
        with provider(server, bulk_from=1) as sec:
            (call,) = sec.plan(_requests(9))
            assert [a.fault for a in sec.answer(call)] == [None, None]
        assert "submissions/CIK0000000009.json" in server.paths


def _tickers(documents: dict[str, bytes]) -> bytes:
    single = {p: b for p, b in documents.items() if p.startswith("submissions/") and p.endswith(".json")}
    return with_tickers(single)["files/company_tickers.json"]


def test_archives_that_are_not_served_are_replaced_by_requests(documents: dict[str, bytes]) -> None:
    """A warning says so, and the run goes on company by company."""
    single = {path: body for path, body in documents.items() if not path.endswith(".zip")}
    with FakeSec(single) as server, provider(server, bulk_from=3) as sec:
        calls = sec.plan([r for n in _COMPANIES for r in _requests(n)])
        with pytest.warns(LakeWarning, match="Each company is requested by itself"):
            answers = [a for call in calls for a in sec.answer(call)]
    assert [a.fault for a in answers] == [None] * 6


def _archive(folder: Path, change: Callable[[bytes], bytes] = bytes, **options: int) -> Path:
    file = folder / "archive.zip"
    with zipfile.ZipFile(file, "w", options.get("method", zipfile.ZIP_DEFLATED)) as archive:
        archive.writestr("CIK0000000001.json", b"{}" * 100)
        archive.writestr("readme.txt", b"no company")
        archive.writestr("CIK0000000001-submissions-002.json", b"{}")
        archive.comment = b"made each night"
    file.write_bytes(change(file.read_bytes()))
    return file


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_documents_are_read_by_name(tmp_path: Path, method: int) -> None:
    """Other files of the archive are passed over; a name that it does not have gives None."""
    archive = Archive(_archive(tmp_path, method=method))
    assert len(archive) == 2
    assert archive.read("CIK0000000001.json") == b"{}" * 100
    assert archive.read("CIK0000000001-submissions-002.json") == b"{}"
    assert archive.read("CIK0000000001-submissions-001.json") is None
    assert archive.read("CIK0000000002.json") is None
    assert archive.read("readme.txt") is None


def test_an_archive_of_many_members_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 65,535 members, as SEC's archives have, are listed in the form for large files."""
    file = tmp_path / "many.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(1, 66_000):
            archive.writestr(zipfile.ZipInfo(f"CIK{number:010d}.json"), b"%d" % number)
    read = Archive(file)
    assert (len(read), read.read("CIK0000065999.json")) == (65_999, b"65999")


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"<html>blocked</html>",
        lambda body: body[:-40],
        lambda body: body[len(body) // 2 :],
        lambda body: body.replace(b"PK\x01\x02", b"PK\x00\x00"),
    ],
)
def test_a_damaged_archive_is_a_typed_error(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """A page of a block, and a download that ended early, are no archive."""
    with pytest.raises(BadAnswer, match="is damaged"):
        Archive(_archive(tmp_path, change))


def test_a_damaged_member_is_a_typed_error(tmp_path: Path) -> None:
    """The checksum of a member is compared."""
    file = _archive(tmp_path, lambda body: body.replace(b"{}", b"[]", 1), method=zipfile.ZIP_STORED)
    with pytest.raises(BadAnswer, match="checksum"):
        Archive(file).read("CIK0000000001.json")
