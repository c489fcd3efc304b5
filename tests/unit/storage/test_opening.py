from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeDamaged, NotFound, SchemaMismatch
from factorlab_lake.lake import Lake
from factorlab_lake.storage import layout as layouts
from tests.support import SPLITS, content


def test_opening_makes_an_empty_lake_where_there_is_none(tmp_path: Path) -> None:
    """The first `open` of a new path creates a lake with empty tables at snapshot 0."""
    lake = fl.open(tmp_path / "deep" / "lake")
    assert lake.path == tmp_path / "deep" / "lake"
    assert lake.snapshot.id == 0
    assert lake.history() == []
    assert all(rows.is_empty() for rows in content(lake).values())


def test_opening_again_finds_the_same_lake(lake: Lake) -> None:
    """Rows loaded through one object are visible through the next."""
    lake.load("splits", SPLITS)
    identity = (lake.path / "_lake" / "lake.json").read_bytes()
    again = fl.open(str(lake.path))
    assert again.sql("SELECT count(*) AS n FROM splits").item() == 4
    assert (lake.path / "_lake" / "lake.json").read_bytes() == identity


def test_opening_without_create_refuses_a_place_without_a_lake(tmp_path: Path) -> None:
    """A mistyped path raises and creates nothing."""
    with pytest.raises(NotFound, match="No lake at"):
        fl.open(tmp_path / "lake", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mistyped", ["data/lak", "data/Lake", "data/laek", "dta/lake", "data"])
def test_a_mistyped_path_names_the_lake_nearby(tmp_path: Path, mistyped: str) -> None:
    """Neither the default nor ``create=False`` creates a second lake there; ``create=True`` does."""
    lake = fl.open(tmp_path / "data" / "lake", create=True)
    before = sorted(tmp_path.rglob("*"))
    for create in (None, False):
        if mistyped != "data" or create is False:
            with pytest.raises(NotFound) as caught:
                fl.open(tmp_path / mistyped, create=create)
            assert f"There is one at {lake.path}; did you mean that?" in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    if mistyped != "data":
        assert fl.open(tmp_path / mistyped, create=True).path == tmp_path / mistyped


def test_a_path_with_several_missing_folders_is_not_created(tmp_path: Path) -> None:
    """Most likely the drive is not there, or the first folder is misspelt."""
    for create in (None, False):
        with pytest.raises(NotFound, match="does not exist either"):
            fl.open(tmp_path / "a" / "b" / "lake", create=create)
    assert list(tmp_path.iterdir()) == []
    assert fl.open(tmp_path / "a" / "b" / "lake", create=True).snapshot.id == 0


@pytest.mark.parametrize(
    ("name", "other"),
    [("lake", "lake2"), ("lake2020", "lake2021"), ("lake_eu", "lake_us"), ("limited", "unlimited")],
)
def test_another_name_beside_a_lake_is_no_mistake(tmp_path: Path, name: str, other: str) -> None:
    """Names that differ by a number, a short word or several letters differ on purpose."""
    assert fl.open(tmp_path / name).path != fl.open(tmp_path / other).path


def test_a_leading_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell does not expand it in Python."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fl.open("~/lake").path == tmp_path / "lake"


def test_a_folder_that_may_not_be_read_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no missing lake: creating one there would be wrong."""
    monkeypatch.setattr("os.access", lambda *_: False)
    for create in (None, True, False):
        with pytest.raises(InvalidInput, match="may not be read"):
            fl.open(lake.path, create=create)


def test_a_folder_with_other_things_is_not_made_a_lake(tmp_path: Path) -> None:
    """A folder with other files does not become a lake."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(AlreadyExists, match="not a lake"):
        fl.open(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_not_made_a_lake(tmp_path: Path) -> None:
    """Opening a path that is a file raises and does not change the file."""
    place = tmp_path / "lake"
    place.write_text("not a folder")
    with pytest.raises(AlreadyExists):
        fl.open(place)
    with pytest.raises(NotFound):
        fl.open(place, create=False)
    assert place.read_text() == "not a folder"


def test_creating_over_a_lake_is_refused(lake: Lake) -> None:
    """Creating over an existing lake raises: the lake would lose its id."""
    with pytest.raises(AlreadyExists, match="already"):
        layouts.create(lake.path)


@pytest.mark.parametrize("body", ["", "{", "null", "[]", "{}", '{"format": "one"}'])
@pytest.mark.parametrize("create", [True, False])
def test_a_lake_whose_identity_is_damaged_is_reported_and_left_alone(
    lake: Lake, body: str, *, create: bool
) -> None:
    """A damaged or foreign `lake.json` raises an error with its path, and is not rewritten."""
    identity = lake.path / "_lake" / "lake.json"
    identity.write_text(body)
    with pytest.raises(LakeDamaged) as caught:
        fl.open(lake.path, create=create)
    assert str(lake.path) in str(caught.value)
    assert identity.read_text() == body


def test_a_lake_of_another_format_names_the_program_that_wrote_it(lake: Lake) -> None:
    """A lake of another format is intact, so the error names a version to install, not a repair."""
    lake.load("splits", SPLITS)
    identity, newest = (lake.path / "_lake" / name for name in ("lake.json", "newest.json"))
    identity.write_text('{"format": 999, "lake_id": "x"}')
    newest.write_text('{"program_version": "9.1.0"}')
    with pytest.raises(
        SchemaMismatch, match=r"format 999.*install factorlab-lake 9\.1\.0 or newer"
    ) as caught:
        fl.open(lake.path)
    assert (caught.value.facts["got"], caught.value.facts["written_by"]) == (999, "9.1.0")
    newest.unlink()
    with pytest.raises(SchemaMismatch, match="Program version unknown"):
        fl.open(lake.path)


def test_every_lake_has_an_identity_of_its_own(tmp_path: Path) -> None:
    """Two lakes with the same content have different ids."""
    ids = [
        json.loads((fl.open(tmp_path / name).path / "_lake" / "lake.json").read_text())["lake_id"]
        for name in ("one", "two")
    ]
    assert ids[0] != ids[1]


def test_a_server_address_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsupported address scheme raises; no folder called `mysql:` is created."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="mysql"):
        fl.open("mysql://host/db")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_data_file_is_named_as_damage(lake: Lake) -> None:
    """A query over a missing data file raises instead of returning fewer rows."""
    lake.load("splits", SPLITS)
    for file in (lake.path / "splits").glob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeDamaged):
        fl.open(lake.path).sql("SELECT * FROM splits")


def test_a_lost_table_is_named_as_damage(lake: Lake) -> None:
    """A query over a missing table folder raises."""
    lake.load("splits", SPLITS)
    (lake.path / "splits").rename(lake.path.parent / "elsewhere")
    with pytest.raises(LakeDamaged):
        fl.open(lake.path).sql("SELECT * FROM splits")


def test_a_damaged_snapshot_is_named_as_damage(lake: Lake) -> None:
    """An unreadable newest snapshot raises instead of a silent fallback to an older one."""
    lake.load("splits", SPLITS)
    [file] = (lake.path / "_lake" / "snapshots").glob("*.json")
    file.write_text(file.read_text()[:20])
    with pytest.raises(LakeDamaged, match=file.name):
        fl.open(lake.path)


def test_lost_or_damaged_file_lists_are_derived_anew(lake: Lake) -> None:
    """File lists are a cache: without them queries return the same rows."""
    lake.load("splits", SPLITS)
    before = content(lake)["splits"]
    [kept] = (lake.path / "_lake" / "files").glob("splits-*.json")
    for body in (None, "", '[["part'):
        kept.unlink() if body is None else kept.write_text(body)
        assert content(fl.open(lake.path))["splits"].equals(before)


def test_a_lake_that_was_moved_answers_and_goes_on(lake: Lake, tmp_path: Path) -> None:
    """Reading and writing work after the folder is moved: it contains no absolute path."""
    lake.load("splits", SPLITS)
    before = content(lake)
    (tmp_path / "some where").mkdir()
    moved = fl.open(lake.path.rename(tmp_path / "some where" / "else"), create=False)
    assert content(moved)["splits"].equals(before["splits"])
    moved.load("splits", {"symbol": ["MSFT"], "date": ["2003-02-18"], "numerator": [2], "denominator": [1]})
    assert moved.sql("SELECT count(*) AS n FROM splits").item() == 5
    moved.rollback()
    assert content(moved)["splits"].equals(before["splits"])
    assert not lake.path.exists()


def test_a_lake_can_be_opened_for_a_block_as_one_on_a_server_can(tmp_path: Path) -> None:
    """A ``with`` block works for both lakes, and frees the session's memory at its end."""
    with fl.open(tmp_path / "lake") as lake:
        assert lake.sql("SELECT count(*) AS n FROM price_data")["n"].to_list() == [0]
        kept = weakref.ref(lake.session)
    gc.collect()
    assert kept() is None
    assert lake.prices("AAPL").is_empty()
