"""Test which clock an acceptance time of SEC is on."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import pytest

from factorlab_lake.providers.sec import acceptance
from factorlab_lake.providers.sec.acceptance import acceptance_times
from factorlab_lake.providers.sec.submissions import filings, older_pages
from tests.fakes.sec_documents import sample, submissions_by

_EVENING_Z = ("2020-10-29T22:06:25.000Z", date(2020, 10, 30), "10-K")
_EVENING_N = ("2020-10-29T18:06:25.000Z", date(2020, 10, 30), "10-K")
_EITHER = ("2020-11-05T16:10:00.000Z", date(2020, 11, 5), "8-K")


def test_the_filing_date_decides_the_clock() -> None:
    """An evening filing has the date of the next business day on one of the two clocks only."""
    accepted = datetime.fromisoformat("2020-10-29 18:06:25")
    assert acceptance_times([_EVENING_Z]) == [accepted]
    assert acceptance_times([_EVENING_N]) == [accepted]


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ((_EVENING_Z, _EVENING_Z), 11),
        ((_EVENING_N, _EVENING_Z), 16),
        ((_EVENING_Z, _EVENING_N), 16),
        ((_EVENING_N, _EVENING_N), 16),
    ],
)
def test_an_undecided_stamp_is_utc_only_between_two_that_are(
    around: tuple[tuple[str, date, str], tuple[str, date, str]], expected: int
) -> None:
    """New York's clock is the later reading, so no filing counts before it was public."""
    newer, older = around
    times = acceptance_times([newer, _EITHER, older])
    assert times[1] == datetime.fromisoformat(f"2020-11-05 {expected}:10")


def test_the_head_of_a_file_is_new_yorks_clock_until_a_stamp_decides() -> None:
    """Nothing is newer than the head, so the newest undecided filing is never early."""
    times = acceptance_times([_EITHER, _EVENING_Z, _EVENING_Z])
    assert times[0] == datetime.fromisoformat("2020-11-05 16:10")


def test_ownership_forms_keep_their_day_in_the_evening() -> None:
    """Forms 3, 4, 5 and 144 of 21:00 have that day as filing date; other forms the next business day."""
    stamp = "2020-11-06T21:00:00.000Z"
    own, other = (stamp, date(2020, 11, 6), "4"), (stamp, date(2020, 11, 9), "8-K")
    assert acceptance_times([own, other]) == [datetime.fromisoformat("2020-11-06 21:00")] * 2


def test_the_sample_decides_as_counted() -> None:
    """Both readings are possible for 879 of Apple's 1,005 stamps, New York's for 114, UTC for 5."""
    recent = sample("submissions")["filings"]["recent"]
    counts: Counter[tuple[bool, bool]] = Counter()
    columns = zip(recent["acceptanceDateTime"], recent["filingDate"], recent["form"], strict=True)
    for text, filed, form in columns:
        clock, day = datetime.fromisoformat(text[:19]), date.fromisoformat(filed)
        same_day = form.removesuffix("/A") in {"3", "4", "5", "144"}
        readings = (acceptance._from_utc(clock), clock)
        as_utc, as_local = (acceptance._is_possible(r, day, same_day=same_day) for r in readings)
        counts[as_utc, as_local] += 1
    assert counts == {(True, True): 879, (False, True): 114, (True, False): 5, (False, False): 7}


@pytest.mark.parametrize("clock", ["N", "Z", "mixed"])
def test_no_clock_makes_a_filing_early(clock: str) -> None:
    """On any clock a filing is accepted at its true time, or up to five hours later where undecided."""
    truth = {key: each.accepted for key, each in filings([sample("submissions")]).items()}
    late: Counter[int] = Counter()
    for accession, filing in filings([submissions_by(clock)]).items():
        accepted = truth[accession]
        assert filing.accepted is not None
        assert accepted is not None
        late[(filing.accepted - accepted).seconds // 3600 if filing.accepted >= accepted else -1] += 1
    assert set(late) <= {0, 4, 5}
    if clock == "N":
        assert set(late) == {0}
    assert late[0] > 900


def test_older_pages_are_files_with_a_clock_of_their_own() -> None:
    """A page of older filings has the bare columns; what the first page has already is not read twice."""
    main = sample("submissions")
    assert older_pages(main) == ["CIK0000320193-submissions-001.json"]
    recent = main["filings"]["recent"]
    cut = 300
    first = {"filings": {"recent": {name: column[:cut] for name, column in recent.items()}}}
    older = {name: column[cut - 1 :] for name, column in recent.items()}
    both = filings([first, older])
    assert both.keys() == filings([main]).keys()
    # Two stamps at the cut may lose the decided neighbours that made them UTC.
    assert all(both[a].accepted >= f.accepted for a, f in filings([main]).items())  # type: ignore[operator]  # all have one


@pytest.mark.parametrize(
    "page",
    [{"filings": []}, {"filings": {"recent": {}}}, {"accessionNumber": ["1"], "filingDate": [], "form": []}],
)
def test_a_page_of_another_form_is_refused(page: dict[str, object]) -> None:
    """A document that is no page of filings is an error, not a company without filings."""
    with pytest.raises(ValueError, match="submissions"):
        filings([page])
