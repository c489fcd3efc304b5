"""Read and write the lake-wide snapshots, which state the table versions that belong together.

Delta commits one table at a time. A change of several tables becomes visible atomically: readers follow the
newest snapshot, which is written last and never changes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from factorlab_lake.errors import InvalidInput, LakeDamaged, LakeError, NotFound, PostCommitWarning
from factorlab_lake.storage import inventory, refs
from factorlab_lake.storage.bucket_path import names_in
from factorlab_lake.storage.layout import Layout, create_atomically, find, write_atomically
from factorlab_lake.storage.sealed import digest_of, seal

__all__ = [
    "Derived",
    "Snapshot",
    "after_commit",
    "assert_parent",
    "at",
    "before_last_run",
    "history",
    "latest",
    "load",
    "newest_id",
    "path_of",
    "program_version",
    "read",
    "read_newest",
    "restore_from_newest",
    "retained",
    "save",
    "save_newest",
    "written_by",
]


@dataclass(frozen=True, slots=True)
class Derived:
    """Describe the stored rows of the derived tables: what computed them, and from which table versions.

    ``digest`` is the hash of the computing SQL. ``pending`` are the symbols whose rows are not stored yet.
    """

    digest: str = ""
    pending: list[str] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Represent a set of table versions with its time, program version and reason.

    ``operation`` groups the snapshots of one long run, such as a migration in many batches. ``digest`` is the
    checksum of the snapshot's file, and ``parent`` the digest of the snapshot before. So two copies of a lake
    that each went on by themselves have different digests from the first such snapshot on. In a history,
    ``pins`` are the snapshot's names, and ``vacuumed`` is true when its files are deleted.
    """

    id: int
    tables: dict[str, int] = field(default_factory=dict)
    created_at: str = ""
    program_version: str = ""
    reason: str = ""
    operation: str = ""
    derived: Derived | None = None
    parent: str = ""
    digest: str = field(default="", compare=False)
    pins: tuple[str, ...] = field(default=(), compare=False)
    vacuumed: bool = field(default=False, compare=False)

    @property
    def time(self) -> datetime:
        """Return the time of the commit (UTC)."""
        return datetime.fromisoformat(self.created_at)


def program_version() -> str:
    """Return the version of this package, which snapshots record."""
    # Imported here: importlib.metadata is slow to import, and only changes need it.
    from importlib.metadata import version

    return version("factorlab-lake")


_EMPTY = Snapshot(id=0, created_at="1970-01-01T00:00:00+00:00", reason="empty lake")


def save(layout: Layout, snapshot: Snapshot) -> Snapshot:
    """Write the snapshot, which commits the change, and return it with its digest.

    Readers that open the lake from now on see it. Raises :class:`FileExistsError` when another writer
    committed a snapshot of this id: a committed snapshot is never replaced. A failure to copy it to
    ``newest.json`` afterwards is a :class:`PostCommitWarning`.
    """
    text = _text(snapshot)
    create_atomically(path_of(layout, snapshot.id), text)
    with after_commit(
        f"the copy of snapshot {snapshot.id} in {layout.newest.name} could not be written",
        "The next change writes it; `factorlab-lake repair` writes it now.",
    ):
        save_newest(layout, snapshot)
    return replace(snapshot, digest=digest_of(text.encode()))


@contextmanager
def after_commit(failure: str, remedy: str) -> Iterator[None]:
    """Turn an error in work that follows a commit into a :class:`PostCommitWarning`.

    An exception would make the caller believe that the change was not committed, and commit it again. That
    holds for every kind of error, so this catches all but an interruption.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the change is in whatever fails afterwards
        cause = " ".join(str(error).split()).removesuffix(".")
        message = f"The change is committed, but {failure}: {cause}. {remedy}"
        warnings.warn(message, PostCommitWarning, stacklevel=3)


def save_newest(layout: Layout, snapshot: Snapshot) -> None:
    """Copy the newest snapshot's file, which detects and repairs its loss."""
    if snapshot.id:
        write_atomically(layout.newest, path_of(layout, snapshot.id).read_text(encoding="utf-8"))


def restore_from_newest(layout: Layout, snapshot_id: int) -> None:
    """Write the file of the newest snapshot again, from its copy; repair calls this for a damaged file."""
    write_atomically(path_of(layout, snapshot_id), layout.newest.read_text(encoding="utf-8"))


def read_newest(layout: Layout) -> Snapshot | None:
    """Return the copy of the newest snapshot, or None if it does not exist.

    After a writer died it may be one snapshot older. Raises :class:`LakeDamaged` when it cannot be read.
    """
    try:
        return _read_file(layout, layout.newest)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError):
        raise LakeDamaged(
            f"{layout.newest} cannot be read; `factorlab-lake repair` rewrites it.",
            path=str(layout.newest),
        ) from None


def _text(snapshot: Snapshot) -> str:
    facts = ("pins", "vacuumed", "digest")
    return seal({name: value for name, value in asdict(snapshot).items() if name not in facts})


def _read_file(layout: Layout, path: Path) -> Snapshot:
    body = inventory.read(layout, path)
    derived = body.pop("derived", None)
    read_derived = None if derived is None else Derived(**derived)
    snapshot = Snapshot(**body, derived=read_derived, digest=digest_of(path.read_bytes()))
    _assert_types(snapshot)
    return snapshot


def _assert_types(snapshot: Snapshot) -> None:
    """Raise ``TypeError`` or ``ValueError`` for JSON of another form; its reader calls the file damaged."""
    texts: list[Any] = [snapshot.created_at, snapshot.program_version, snapshot.reason, snapshot.operation]
    numbers: list[Any] = [snapshot.id, *snapshot.tables.values()]
    texts.append(snapshot.parent)
    if snapshot.derived is not None:
        numbers += snapshot.derived.inputs.values()
        texts += [snapshot.derived.digest, *snapshot.derived.pending]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text has another type")
    if any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in numbers):
        raise TypeError("a number has another type")
    if snapshot.time.tzinfo is None:
        raise ValueError("the time has no zone")


def path_of(layout: Layout, snapshot_id: int) -> Path:
    """Return the file of a snapshot."""
    return layout.snapshots / f"{snapshot_id:012d}.json"


def load(layout: Layout, snapshot_id: int) -> Snapshot:
    """Return the snapshot of an id; raise :class:`NotFound` if it does not exist or was vacuumed."""
    if snapshot_id in refs.vacuumed(layout):
        raise NotFound(
            f"Snapshot {snapshot_id} was vacuumed: its files are deleted. `factorlab-lake history` lists "
            "the retained ones; a pin retains a snapshot for good.",
            snapshot=snapshot_id,
        )
    snapshot = read(layout, snapshot_id)
    assert_parent(layout, snapshot)
    return snapshot


def read(layout: Layout, snapshot_id: int) -> Snapshot:
    """Return a snapshot as it was written, even if it was vacuumed since; raises as :func:`load`."""
    if snapshot_id == 0:
        return _EMPTY
    path = path_of(layout, snapshot_id)
    try:
        snapshot = _read_file(layout, path)
    except FileNotFoundError:
        ids = _ids(layout)
        span = f"{ids[0]} to {ids[-1]}" if ids else "none"
        raise NotFound(f"No snapshot {snapshot_id}; there are {span}.", snapshot=snapshot_id) from None
    except (ValueError, TypeError, AttributeError):
        raise _damaged(path, "cannot be read") from None
    if snapshot.id != snapshot_id:
        raise _damaged(path, f"has the content of snapshot {snapshot.id}")
    return snapshot


def _damaged(path: Path, damage: str) -> LakeDamaged:
    return LakeDamaged(f"{path} {damage}; `factorlab-lake repair --from BACKUP` repairs it.", path=str(path))


def assert_parent(layout: Layout, snapshot: Snapshot) -> None:
    """Raise :class:`LakeDamaged` when the next snapshot was committed after another one of this id.

    That is the file of a copy of the lake, which its checksum alone cannot tell.
    """
    if not path_of(layout, snapshot.id + 1).exists():
        return
    parent = read(layout, snapshot.id + 1).parent
    if parent and snapshot.id and parent != snapshot.digest:
        raise _damaged(path_of(layout, snapshot.id), "is not the snapshot that the next one followed")


def latest(layout: Layout) -> Snapshot:
    """Return the newest snapshot, or the empty one; raise :class:`LakeDamaged` when its file is lost.

    Falling back to the snapshot before would show old rows, and the next writer would undo the lost commit.
    """
    copy = None
    with suppress(LakeDamaged):  # verify reports an unreadable copy; readers do not need it
        copy = read_newest(layout)  # read before the folder: a writer may commit between the two reads
    ids = _ids(layout)
    newest = ids[-1] if ids else 0
    if copy is not None and copy.id > newest:
        path = path_of(layout, copy.id)
        raise LakeDamaged(f"{path} is missing; `factorlab-lake repair` repairs it.", path=str(path))
    return read(layout, newest)


def history(layout: Layout) -> list[Snapshot]:
    """Return all snapshots, oldest first, with their pins, including the vacuumed ones."""
    vacuumed, pins = refs.vacuumed(layout), refs.pins(layout)
    return [
        replace(
            read(layout, i),
            pins=tuple(sorted(n for n, of in pins.items() if of == i)),
            vacuumed=i in vacuumed,
        )
        for i in _ids(layout)
    ]


def before_last_run(layout: Layout) -> int:
    """Return the id of the snapshot before the last run; a run can commit several snapshots."""
    taken = history(layout)
    if not taken:
        raise InvalidInput("The lake has no snapshot to roll back.")
    return min(s.id for s in taken if s.operation == taken[-1].operation) - 1


def written_by(table_folder: Path) -> str:
    """Return the program version that committed the newest version of a table; empty if it is unknown."""
    name = table_folder.name
    try:
        commits = [s for s in history(find(table_folder.parent)) if name in s.tables]
    except (OSError, LakeError):
        return ""
    newest = [s for s in commits if s.tables[name] == commits[-1].tables[name]]
    return newest[0].program_version if newest else ""


def retained(layout: Layout) -> list[Snapshot]:
    """Return the snapshots that were not vacuumed, oldest first."""
    return [s for s in history(layout) if not s.vacuumed]


def at(layout: Layout, when: int | str | datetime) -> Snapshot:
    """Return a snapshot by its id, by a pin, or as the newest one at an aware time.

    Raises :class:`InvalidInput` for a time without a zone, and :class:`NotFound` for an unknown or vacuumed
    snapshot.
    """
    if isinstance(when, int):
        return load(layout, when)
    pins = refs.pins(layout)
    if isinstance(when, str) and when in pins:
        return load(layout, pins[when])
    moment = _aware(when)
    ids = [s.id for s in history(layout) if s.time <= moment]
    return load(layout, ids[-1]) if ids else _EMPTY


def _aware(when: str | datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(when) if isinstance(when, str) else when
    except ValueError:
        raise InvalidInput(
            f"{when!r} is not a time; expected one such as 2026-01-01T00:00:00Z, a snapshot id or a pin.",
            when=when,
        ) from None
    if getattr(moment, "tzinfo", None) is None:  # a plain date has none either
        raise InvalidInput(
            f"{when!r} has no time zone; expected one such as 2026-01-01T00:00:00Z.",
            when=str(when),
        )
    return moment.astimezone(UTC)


def newest_id(layout: Layout) -> int:
    """Return the number of the newest snapshot file, or 0, whether it can be read or not."""
    return max(_ids(layout), default=0)


def _ids(layout: Layout) -> list[int]:
    names = names_in(layout.snapshots)
    return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())
