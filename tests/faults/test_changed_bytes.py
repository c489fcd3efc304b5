"""Change bytes of a lake's small files: opening or verifying names the file, or nothing depends on the byte.

``FACTORLAB_SOAK_BYTES=2000`` sets the number of changed bytes; the default is small.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeError
from factorlab_lake.lake import Lake
from factorlab_lake.storage import delta
from tests.lake_changes import add_bars
from tests.support import ROOT, SPLITS, THOROUGH, content, copy_of

BYTES = int(os.environ.get("FACTORLAB_SOAK_BYTES", "60" if THOROUGH else "24"))
_NOT_READ = {"write.lock", "backup.lock"}  # locked, never read


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with pins, settings, a checkpoint and vacuumed snapshots."""
    lake = fl.open(tmp_path_factory.mktemp("sound") / "lake")
    lake.load("splits", SPLITS)
    add_bars(lake, "A", "B")
    lake.compact()
    delta.open_table(lake.path / "price_data").create_checkpoint()
    add_bars(lake, "C", "D")
    lake.vacuum(retention_days=0, dry_run=False)
    lake.pin("paper")
    lake.configure(availability="same_day")
    add_bars(lake, "E")
    return lake


def _small_files(root: Path) -> list[Path]:
    logs = [p for p in root.glob("*/_delta_log/*") if p.is_file()]
    index = root / "_lake" / "index"  # tiles have names and checksums of their own tests
    own = [p for p in (root / "_lake").rglob("*") if p.is_file() and index not in p.parents]
    return sorted(p for p in (*logs, *own) if p.name not in _NOT_READ and p.stat().st_size)


def _answers(root: Path) -> dict[str, object]:
    """Return all that a lake answers: identity, settings, history with pins, and each snapshot's rows."""
    lake = fl.open(root, create=False)
    history = lake.history()
    rows = {s.id: content(lake.at(s.id)) for s in history if not s.vacuumed}
    sums = {i: {n: frame.hash_rows().sum() for n, frame in tables.items()} for i, tables in rows.items()}
    return {
        "settings": asdict(lake.settings),
        "history": [(s.id, s.reason, s.time, s.pins, s.vacuumed, s.tables) for s in history],
        "rows": sums,
    }


def _outcome(root: Path, expected: dict[str, object]) -> str:
    """Return how a lake with a changed byte behaves."""
    try:
        if fl.verify(root).findings:
            return "named"
        return "without effect" if _answers(root) == expected else "unseen"
    except LakeError:
        return "named"


def _changes(root: Path, number: int, seed: int) -> Iterator[tuple[Path, bytes]]:
    """Yield files and their content with one byte changed; each file has its turn."""
    dice, files = random.Random(seed), _small_files(root)
    dice.shuffle(files)
    for turn in range(number):
        path = files[turn % len(files)]
        body = bytearray(path.read_bytes())
        body[dice.randrange(len(body))] ^= dice.randrange(1, 256)
        yield path, bytes(body)


def test_every_changed_byte_is_named_or_without_effect(
    sound: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No changed byte of a small file gives another answer that verify calls sound."""
    root = copy_of(sound, tmp_path / "lake").path
    expected, counts, unseen = _answers(root), Counter[str](), []
    for path, changed in _changes(root, BYTES, seed=5):
        before = path.read_bytes()
        path.write_bytes(changed)
        outcome = _outcome(root, expected)
        counts[outcome] += 1
        unseen += [(path, before, changed)] if outcome == "unseen" else []
        path.write_bytes(before)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{BYTES} changed bytes in {len(_small_files(root))} small files: {dict(counts)}\n"
        )
    assert unseen == []
    assert counts["named"] > BYTES * 0.8


def test_two_snapshots_with_exchanged_files_are_named(sound: Lake, tmp_path: Path) -> None:
    """Both files are whole and have their checksums, but each has the name of the other."""
    root = copy_of(sound, tmp_path / "lake").path
    last = len(sound.history())
    one, other = (root / "_lake" / "snapshots" / f"{i:012d}.json" for i in (last - 1, last))
    bodies = one.read_bytes(), other.read_bytes()
    one.write_bytes(bodies[1])
    other.write_bytes(bodies[0])
    with pytest.raises(LakeError, match=r"has the content of snapshot"):
        fl.open(root, create=False)
    assert {f.file for f in fl.verify(root).findings} >= {f"_lake/snapshots/{p.name}" for p in (one, other)}


def test_an_earlier_snapshot_of_another_copy_is_named(sound: Lake, tmp_path: Path) -> None:
    """A snapshot file of a copy that went on by itself has its checksum; the next one's parent tells."""
    copy = copy_of(sound, tmp_path / "copy")
    root = copy_of(sound, tmp_path / "lake").path
    for lake in (fl.open(root), copy):
        add_bars(lake, "MINE" if lake is copy else "THEIRS", "LATER")
    name = f"{len(copy.history()) - 1:012d}.json"
    shutil.copy(copy.path / "_lake" / "snapshots" / name, root / "_lake" / "snapshots" / name)
    with pytest.raises(LakeError, match="is not the snapshot that the next one followed"):
        fl.open(root).at(int(name[:12]))
    assert f"_lake/snapshots/{name}" in {f.file for f in fl.verify(root).findings}


def test_changed_bytes_of_an_upgraded_lake_are_named(tmp_path: Path) -> None:
    """After its first commit by this program, the files of a lake of an early release are covered too."""
    root = tmp_path / "lake"
    zipfile.ZipFile(ROOT / "tests" / "compat" / "lake_0_2.zip").extractall(root)
    add_bars(fl.open(root), "A")
    early = sorted((root / "_lake" / "snapshots").glob("*.json"))[:-1]
    logs = sorted((root / "income_statements" / "_delta_log").glob("*.json"))
    for path in [early[0], early[-1], logs[0], root / "_lake" / "inventory.json"]:
        before = path.read_bytes()
        path.write_bytes(before.replace(b"1", b"3", 1))
        assert path.relative_to(root).as_posix() in {f.file for f in fl.verify(root).findings}
        path.write_bytes(before)
    assert fl.verify(root, deep=True).clean
