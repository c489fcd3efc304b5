"""A lake in other processes: new ones get it and answer; forked ones say what to do instead."""

from __future__ import annotations

import multiprocessing
import pickle
import sys

import pytest

from factorlab_lake.errors import Forked
from factorlab_lake.lake import Lake
from tests.support import run_python


def test_a_lake_can_be_handed_to_new_processes(lake_both: Lake) -> None:
    """Workers that are spawned get the lake as it is and answer as this process does."""
    questions = [(lake_both, symbol, "2020-08-31") for symbol in ("AAPL", "GOOGL")]
    here = [Lake.market_caps(*question) for question in questions]
    assert all(cap["market_cap"][0] is not None for cap in here)
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        there = workers.starmap(Lake.market_caps, questions)
    assert [cap.rows() for cap in there] == [cap.rows() for cap in here]


def test_a_lake_that_was_handed_on_stays_at_its_snapshot_and_rule(lake_both: Lake) -> None:
    """A lake of the past is one of the past elsewhere too."""
    past = lake_both.at(1)
    past.prices("AAPL")
    there: Lake = pickle.loads(pickle.dumps(past))
    assert (there.snapshot, there.availability) == (past.snapshot, past.availability)
    assert there.prices("AAPL").equals(past.prices("AAPL"))


FORKING = """
import multiprocessing, sys
import factorlab_lake as fl

lake = fl.open(sys.argv[1], create=False)
asked_before = sys.argv[2] == "queried"
if asked_before:
    lake.prices("GOOGL")  # another question, as this one would be answered from memory

def bars(symbol):
    try:
        return lake.prices(symbol).height
    except fl.LakeError as fault:
        return type(fault).__name__

with multiprocessing.get_context("fork").Pool(1) as workers:
    print(workers.map_async(bars, ["AAPL"]).get(timeout=60))
"""


@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="only there do processes fork")
@pytest.mark.parametrize("before", ["queried", "new"])
def test_a_forked_process_answers_or_says_why_it_cannot(lake_both: Lake, before: str) -> None:
    """Forked from one that has asked it would wait for threads that are gone, so it says so."""
    done = run_python(FORKING, lake_both.path, before)
    bars = lake_both.prices("AAPL").height
    assert done.stdout.strip() == str([Forked.__name__] if before == "queried" else [bars]), done.stderr
