"""Test that SQL reads frames of the caller as tables, for one call and under free names only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.functions.duckdb_functions import FUNCTIONS
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES

_ROWS = pl.DataFrame({"symbol": ["AAPL", "GOOGL"], "day": [date(2020, 12, 31)] * 2, "weight": [0.25, None]})
_CAPS = (
    "SELECT m.symbol, c.market_cap * m.weight AS part FROM mine m "
    "JOIN market_caps(['AAPL', 'GOOGL'], [$day::DATE]) c ON c.symbol = m.symbol AND c.date = m.day ORDER BY 1"
)
_FORMS: dict[str, Callable[[], Any]] = {
    "polars": lambda: _ROWS,
    "pandas": _ROWS.to_pandas,
    "pyarrow": _ROWS.to_arrow,
}


@pytest.fixture(scope="module", params=[False, True], ids=["", "sandbox"])
def opened(request: pytest.FixtureRequest, lake_both: Lake) -> Lake:
    """Return the lake of the sample, with a sandbox and without."""
    return fl.open(lake_both.path, create=False, sandbox=request.param)


@pytest.mark.parametrize("form", _FORMS)
def test_a_frame_is_joined_with_the_lake(opened: Lake, form: str) -> None:
    """Each kind of frame is a table of the query, beside parameters, and gone after it."""
    rows = opened.sql(_CAPS, day=date(2020, 12, 31), frames={"mine": _FORMS[form]()})
    cap = opened.market_caps("AAPL", "2020-12-31")["market_cap"].item()
    assert rows.rows() == [("AAPL", cap * 0.25), ("GOOGL", None)]
    with pytest.raises(InvalidInput, match="No table or function is called 'mine'"):
        opened.sql("FROM mine")


def test_types_of_polars_come_through(opened: Lake) -> None:
    """Categories, lists, and columns without a type or without rows are readable."""
    frame = pl.DataFrame(
        {"kind": pl.Series(["a", "b"], dtype=pl.Categorical), "list": [[1], [2, 3]], "nothing": [None, None]}
    )
    assert opened.sql("SELECT kind, list, nothing FROM mine", frames={"mine": frame}).rows() == frame.rows()
    assert opened.sql("SELECT count(*) AS n FROM mine", frames={"mine": frame.clear()}).item() == 0


@pytest.mark.parametrize("name", ["price_data", "Market_Caps", "fundamentals_history", "split_ratio"])
def test_a_name_that_would_hide_the_lakes_is_refused(opened: Lake, name: str) -> None:
    """A table or function of the lake keeps its name, in any case, before it is used for the first time."""
    name = name if name.lower() in {*TABLES, *FUNCTIONS} else FUNCTIONS[0]
    with pytest.raises(InvalidInput, match=f"'{name}'.*of the lake; choose another name"):
        opened.sql("SELECT 1 AS a", frames={name: _ROWS})
    assert opened.sql("SELECT count(*) AS n FROM price_data").item() > 0


def test_a_name_of_the_session_is_refused(lake_both: Lake) -> None:
    """A table of the user stays what it is, and two names differ by more than their case."""
    lake = fl.open(lake_both.path, create=False)
    lake.sql("CREATE TABLE own AS SELECT 1 AS a; CREATE TEMP VIEW seen AS SELECT 2 AS a")
    for frames in ({"own": _ROWS}, {"SEEN": _ROWS}, {"mine": _ROWS, "Mine": _ROWS}):
        with pytest.raises(InvalidInput, match="would hide the table or function"):
            lake.sql("FROM own", frames=frames)
    assert lake.sql("SELECT o.a + s.a AS a FROM own o, seen s").item() == 3


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({"mine": [1, 2]}, r"frames\['mine'\] is a list; expected a polars or pandas frame"),
        ({"mine": _ROWS.lazy()}, "is a LazyFrame"),
        ({"mine": _ROWS["symbol"]}, "is a Series"),
        ({"mine": pl.DataFrame({"a": [object()]})}, "has objects in its column 'a'"),
        ({"mine": pl.DataFrame()}, "at least one column"),
        ({"my table": _ROWS}, "has the name 'my table'; use letters"),
        ({3: _ROWS}, "expected a name such as 'mine'"),
        ([_ROWS], "expected a dictionary such as"),
    ],
)
@pytest.mark.filterwarnings("ignore::polars.exceptions.PerformanceWarning")
def test_what_is_no_frame_is_refused(lake_both: Lake, frames: Any, message: str) -> None:
    """The error names the argument, and the next query has its result."""
    lake = fl.open(lake_both.path, create=False)
    with pytest.raises(InvalidInput, match=message):
        lake.sql("SELECT 1 AS a", frames=frames)
    assert lake.sql("SELECT count(*) AS n FROM mine", frames={"mine": _ROWS}).item() == 2


def test_a_frame_is_gone_after_an_error_and_is_no_part_of_a_transaction(lake_both: Lake) -> None:
    """A rollback would restore the view of a frame that is freed."""
    lake = fl.open(lake_both.path, create=False)
    with pytest.raises(InvalidInput, match="DuckDB refuses"):
        lake.sql("SELECT nothing FROM mine", frames={"mine": _ROWS})
    for query in ("BEGIN; FROM mine", "PREPARE p AS FROM mine"):
        with pytest.raises(InvalidInput, match="in one call; use two"):
            lake.sql(query, frames={"mine": _ROWS})
    lake.sql("BEGIN; CREATE TABLE own AS SELECT 1 AS a")
    with pytest.raises(InvalidInput, match="within a transaction"):
        lake.sql("FROM mine", frames={"mine": _ROWS})
    assert lake.sql("COMMIT; FROM own").item() == 1
    lake.sql("CREATE TABLE kept AS FROM mine", frames={"mine": _ROWS})
    assert lake.sql("FROM kept").height == 2


def test_an_interrupt_leaves_no_frame(lake_both: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame whose removal was interrupted is removed by the next call."""
    lake = fl.open(lake_both.path, create=False)
    lake.sql("SELECT 1 AS a")
    frames = vars(lake.session._local)["user"].user_sql._frames
    real, interrupts = frames._con, [KeyboardInterrupt()]

    class _Interrupted:
        def __getattr__(self, name: str) -> Any:
            if name == "unregister" and interrupts:
                raise interrupts.pop()
            return getattr(real, name)

    monkeypatch.setattr(frames, "_con", _Interrupted())
    with pytest.raises(KeyboardInterrupt):
        lake.sql("FROM mine", frames={"mine": _ROWS})
    assert lake.sql("SELECT count(*) AS n FROM duckdb_views() WHERE view_name = 'mine'").item() == 0
