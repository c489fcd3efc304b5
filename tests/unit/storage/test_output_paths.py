"""Test that no command writes a file over another one, or within a lake."""

from __future__ import annotations

from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeError
from factorlab_lake.lake import Lake
from factorlab_lake.quality.report import page
from tests.support import SPLITS
from tests.unit.cli.running import run


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def held(lake: Lake) -> Lake:
    """Return a lake with splits."""
    lake.load("splits", SPLITS)
    return lake


@pytest.mark.parametrize("inside", ["_lake/lake.json", "new.html", "splits/new", "link", "ring"])
@pytest.mark.parametrize("method", ["report", "export"])
def test_nothing_is_written_within_a_lake(held: Lake, tmp_path: Path, inside: str, method: str) -> None:
    """Also with force, through a link, and into another lake than the one that is read."""
    (tmp_path / "link").symlink_to(held.path / "_lake" / "lake.json")
    (tmp_path / "ring").symlink_to(held.path / "new")
    target = tmp_path / inside if inside in ("link", "ring") else held.path / inside
    for lake in (held, fl.open(tmp_path / "elsewhere")):
        before = _files(tmp_path)
        for force in (False, True):
            with pytest.raises(InvalidInput, match="within the lake"):
                getattr(lake, method)(target, force=force)
        assert _files(tmp_path) == before


@pytest.mark.parametrize("command", ["report", "export"])
def test_a_file_of_the_user_is_replaced_only_with_force(held: Lake, tmp_path: Path, command: str) -> None:
    """Without the option the file stays as it is; with it, the new file takes its place."""
    thesis = tmp_path / "thesis"
    thesis.write_text("years of work")
    done = run("--lake", held.path, command, thesis, code=1)
    assert "--force" in done.err
    assert done.err.count("\n") == 1
    assert thesis.read_text() == "years of work"
    run("--lake", held.path, command, thesis, "--force")
    assert b"years of work" not in thesis.read_bytes()


def test_an_earlier_report_is_replaced(held: Lake, tmp_path: Path) -> None:
    """A nightly job writes the same file again."""
    first = held.report(tmp_path / "lake.html").read_text()
    held.load("splits", {"symbol": ["Y"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]})
    assert held.report(str(tmp_path / "lake.html")).read_text() != first


@pytest.mark.parametrize("method", ["report", "export"])
@pytest.mark.parametrize("target", ["", ".", "/dev/null", "a\x00b", "s3://bucket/x", "n" * 300, None, 3.5])
def test_what_is_no_file_is_refused(held: Lake, method: str, target: str) -> None:
    """A folder, a device, an address or an impossible name is refused with an error of the package."""
    with pytest.raises(LakeError):
        getattr(held, method)(target, force=True)


def test_an_interrupted_report_leaves_the_earlier_one(
    held: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is complete before it takes the place of the earlier one."""
    first = held.report(tmp_path / "lake.html").read_bytes()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "_growth", interrupted)
    with pytest.raises(KeyboardInterrupt):
        held.report(tmp_path / "lake.html")
    assert _files(tmp_path)[str(tmp_path / "lake.html")] == first


def test_copies_within_another_lake_are_refused(held: Lake, tmp_path: Path) -> None:
    """A vacuum of the other lake would delete the files of the copy."""
    other = fl.open(tmp_path / "elsewhere")
    held.backup(tmp_path / "backup")
    before = _files(tmp_path)
    for copy in (held.backup, lambda to: fl.restore(tmp_path / "backup", to)):
        with pytest.raises(InvalidInput, match="inside the lake"):
            copy(other.path / "splits" / "copy")
    with pytest.raises(AlreadyExists):
        held.backup(other.path)
    assert _files(tmp_path) == before
