from __future__ import annotations

from datetime import date

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeDamaged, NotFound
from factorlab_lake.lake import Lake
from tests.support import table_rows, writing


def _bars(*rows: tuple[str, str, float]) -> list[dict[str, object]]:
    return [
        {"symbol": s, "date": date.fromisoformat(d), "close_price": c, "year": int(d[:4])} for s, d, c in rows
    ]


@pytest.fixture
def grown(lake: Lake) -> Lake:
    """Return a lake of three snapshots: two bars; one more; one of the first corrected and one removed."""
    with writing(lake) as tx:
        tx.append(
            "price_data", table_rows("price_data", _bars(("A", "2020-01-02", 1), ("A", "2019-01-02", 2)))
        )
    with writing(lake) as tx:
        tx.append("price_data", table_rows("price_data", _bars(("B", "2020-01-02", 3))))
    with writing(lake) as tx:
        rows = table_rows("price_data", _bars(("A", "2020-01-02", 9), ("C", "2020-01-03", 4)))
        tx.replace("price_data", rows, [2020])
    return lake.refresh()


def test_a_difference_counts_what_was_added_superseded_and_removed(grown: Lake) -> None:
    """The diff counts by table and symbol; a row with the same key and new content is superseded."""
    assert grown.diff(1).rows() == [("price_data", "A", 0, 1, 0), ("price_data", "C", 1, 0, 0)]
    assert grown.diff(2).rows() == [
        ("price_data", "A", 0, 1, 0),
        ("price_data", "B", 0, 0, 1),
        ("price_data", "C", 1, 0, 0),
    ]
    assert grown.diff(1, 2).rows() == [("price_data", "B", 1, 0, 0)]
    assert grown.diff(2, 1).rows() == [("price_data", "B", 0, 0, 1)]
    assert grown.diff(0, 1).rows() == [("price_data", "A", 2, 0, 0)]


def test_a_rewrite_of_the_same_rows_is_no_difference(grown: Lake) -> None:
    """The diff ignores rewritten files with unchanged rows."""
    with writing(grown) as tx:
        tx.replace("price_data", tx.read("price_data", partitions=[2020]), [2020])
    assert grown.refresh().snapshot.id == 4
    assert grown.diff(3).is_empty()
    assert grown.diff(3).columns == ["table", "symbol", "added", "superseded", "removed"]


def test_a_difference_of_real_data_agrees_with_the_rows(lake_both: Lake) -> None:
    """The diff from the empty lake counts all rows of each table and symbol as added."""
    changes = lake_both.diff(0)
    for name in ("price_data", "income_statements", "data_fetch_log"):
        rows = lake_both.sql(
            f"SELECT symbol, count(*) AS n FROM {name} GROUP BY symbol ORDER BY symbol"
        ).rows()
        assert changes.filter(table=name).select("symbol", "added").rows() == rows
    assert changes["removed"].sum() == changes["superseded"].sum() == 0


def test_a_pin_names_a_snapshot(grown: Lake) -> None:
    """`at` accepts a pin, the history shows it, and unpin removes it."""
    grown.at(2).pin("paper-2026")
    grown.pin("now")
    assert grown.at("paper-2026").snapshot.id == 2
    assert [s.pins for s in fl.open(grown.path).history()] == [(), ("paper-2026",), ("now",)]
    assert grown.diff("paper-2026", "now").height == 3
    grown.unpin("paper-2026")
    assert [s.pins for s in grown.history()] == [(), (), ("now",)]
    with pytest.raises(InvalidInput, match="not a time"):
        grown.at("paper-2026")


def test_a_pin_is_not_moved_by_accident(grown: Lake) -> None:
    """Repeating a pin changes nothing; the same name for another snapshot raises."""
    grown.at(2).pin("paper")
    grown.at(2).pin("paper")
    with pytest.raises(AlreadyExists, match="on snapshot 2"):
        grown.pin("paper")
    assert grown.at("paper").snapshot.id == 2


@pytest.mark.parametrize("name", ["", " ", "1", "2026-01-01", "a/b", "x" * 65, "a b", "é"])
def test_what_is_no_name_of_a_pin_is_refused(grown: Lake, name: str) -> None:
    """A name that looks like a time or an id, or is hard to type, raises."""
    with pytest.raises(InvalidInput, match="paper-2026"):
        grown.pin(name)


def test_an_unknown_pin_raises_not_found(grown: Lake) -> None:
    """The error lists the pins and suggests the most similar one."""
    grown.pin("paper")
    with pytest.raises(NotFound, match="Did you mean 'paper'"):
        grown.unpin("papr")


def test_damaged_pins_stop_a_vacuum(grown: Lake) -> None:
    """Unreadable pins raise instead of counting as none: a vacuum would delete pinned snapshots."""
    grown.at(1).pin("paper")
    (grown.path / "_lake" / "pins.json").write_text('{"pap')
    with pytest.raises(LakeDamaged, match=r"pins\.json"):
        grown.vacuum(retention_days=0, dry_run=False)
    assert [f.file for f in grown.verify().findings] == ["_lake/pins.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"paper": "2"}'])
def test_pins_that_cannot_be_read_are_one_clear_error(lake: Lake, text: str) -> None:
    """Any wrong content raises an error with the file and the repair command."""
    (lake.path / "_lake" / "pins.json").write_text(text)
    with pytest.raises(LakeDamaged, match="repair --from BACKUP"):
        lake.history()
