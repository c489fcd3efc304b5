"""Lake-wide snapshots: which version of each table belongs together.

Delta commits one table at a time. A change that touches several tables becomes visible all at once
because readers follow the newest snapshot, which is written last and never changed.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from factorlab_lake.errors import InvalidInput, LakeDamaged, LakeError, NotFound, PostCommitWarning
from factorlab_lake.storage import refs
from factorlab_lake.storage.layout import Layout, write_atomically

__all__ = [
    "Snapshot",
    "after_commit",
    "at",
    "history",
    "kept",
    "latest",
    "load",
    "note_newest",
    "noted_newest",
    "path_of",
    "program_version",
    "save",
    "stored",
    "written_by",
]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A set of table versions, with when, by which program version and why it came to be.

    ``operation`` groups the snapshots of one long run, such as a migration in many batches. In a history,
    ``pins`` are the names it was given, and ``vacuumed`` says that its files are gone.
    """

    id: int
    tables: dict[str, int] = field(default_factory=dict)
    created_at: str = ""
    program_version: str = ""
    reason: str = ""
    operation: str = ""
    pins: tuple[str, ...] = field(default=(), compare=False)
    vacuumed: bool = field(default=False, compare=False)

    @property
    def time(self) -> datetime:
        """When it was taken (UTC)."""
        return datetime.fromisoformat(self.created_at)


def program_version() -> str:
    """Return the version of this package, as snapshots note it."""
    # Loaded here: what reads the metadata takes a while, and only changes need it.
    from importlib.metadata import version

    return version("factorlab-lake")


_EMPTY = Snapshot(id=0, created_at="1970-01-01T00:00:00+00:00", reason="empty lake")


def save(layout: Layout, snapshot: Snapshot) -> None:
    """Write the snapshot, which commits the change: readers that open the lake from now on see it.

    A failure to copy it to ``newest.json`` afterwards is a :class:`PostCommitWarning`.
    """
    write_atomically(path_of(layout, snapshot.id), _text(snapshot))
    with after_commit(
        f"the copy of snapshot {snapshot.id} in {layout.newest.name} could not be written",
        "The next change writes it; `factorlab-lake repair` writes it now.",
    ):
        note_newest(layout, snapshot)


@contextmanager
def after_commit(failure: str, remedy: str) -> Iterator[None]:
    """Turn an error in work that follows a commit into a :class:`PostCommitWarning`.

    An exception would make the caller believe that the change was not committed, and commit it again.
    """
    try:
        yield
    except (LakeError, OSError) as error:
        message = f"The change is committed, but {failure}: {error} {remedy}"
        warnings.warn(message, PostCommitWarning, stacklevel=3)


def note_newest(layout: Layout, snapshot: Snapshot) -> None:
    """Keep a copy of the newest snapshot, so that the loss of its file is noticed and can be made good."""
    write_atomically(layout.newest, _text(snapshot))


def noted_newest(layout: Layout) -> Snapshot | None:
    """Return the copy of the newest snapshot; None where there is none.

    A writer that died may have left the one before. Raises :class:`LakeDamaged` when it cannot be read.
    """
    try:
        return Snapshot(**json.loads(layout.newest.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise LakeDamaged(
            f"{layout.newest} cannot be read; `factorlab-lake repair` writes it anew.",
            path=str(layout.newest),
        ) from None


def _text(snapshot: Snapshot) -> str:
    body = {name: value for name, value in asdict(snapshot).items() if name not in ("pins", "vacuumed")}
    return json.dumps(body)


def path_of(layout: Layout, snapshot_id: int) -> Path:
    """Return the file of a snapshot."""
    return layout.snapshots / f"{snapshot_id:012d}.json"


def load(layout: Layout, snapshot_id: int) -> Snapshot:
    """Return the snapshot of that id; :class:`NotFound` when there is none, or its files are gone."""
    if snapshot_id in refs.vacuumed(layout):
        raise NotFound(
            f"Snapshot {snapshot_id} was vacuumed: its files are gone. `factorlab-lake history` lists what "
            "is kept; a pin keeps a snapshot for good.",
            snapshot=snapshot_id,
        )
    return stored(layout, snapshot_id)


def stored(layout: Layout, snapshot_id: int) -> Snapshot:
    """Return a snapshot as it was written, also when its files are gone since; raises as :func:`load`."""
    if snapshot_id == 0:
        return _EMPTY
    path = path_of(layout, snapshot_id)
    try:
        return Snapshot(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        ids = _ids(layout)
        span = f"{ids[0]} to {ids[-1]}" if ids else "none yet"
        raise NotFound(f"No snapshot {snapshot_id}; there are {span}.", snapshot=snapshot_id) from None
    except (ValueError, TypeError):
        raise LakeDamaged(
            f"{path} cannot be read; `factorlab-lake repair --from BACKUP` puts it right.", path=str(path)
        ) from None


def latest(layout: Layout) -> Snapshot:
    """Return the newest snapshot, or the empty one; :class:`LakeDamaged` when its file was lost.

    The one before it would be an answer too, but a wrong one, and a writer would undo what came after.
    """
    noted = None
    with suppress(LakeDamaged):  # a copy that cannot be read is told by verify, and hinders nobody
        noted = noted_newest(layout)  # before the folder is read, since a writer may be at work
    ids = _ids(layout)
    newest = ids[-1] if ids else 0
    if noted is not None and noted.id > newest:
        path = path_of(layout, noted.id)
        raise LakeDamaged(f"{path} is missing; `factorlab-lake repair` puts it right.", path=str(path))
    return stored(layout, newest)


def history(layout: Layout) -> list[Snapshot]:
    """Return all snapshots, oldest first, with their pins, and with those whose files are gone."""
    gone, pins = refs.vacuumed(layout), refs.pins(layout)
    return [
        replace(
            stored(layout, i), pins=tuple(sorted(n for n, of in pins.items() if of == i)), vacuumed=i in gone
        )
        for i in _ids(layout)
    ]


def written_by(table_folder: Path) -> str:
    """Return the program version that committed the newest version of a table; empty if it is unknown."""
    name = table_folder.name
    try:
        commits = [s for s in history(Layout(table_folder.parent)) if name in s.tables]
    except (OSError, LakeDamaged, NotFound):
        return ""
    newest = [s for s in commits if s.tables[name] == commits[-1].tables[name]]
    return newest[0].program_version if newest else ""


def kept(layout: Layout) -> list[Snapshot]:
    """Return the snapshots whose files are there, oldest first."""
    return [s for s in history(layout) if not s.vacuumed]


def at(layout: Layout, when: int | str | datetime) -> Snapshot:
    """Return a snapshot by id or the name of a pin, or the newest one taken at or before an aware time.

    Raises :class:`InvalidInput` for a time without a zone, :class:`NotFound` for an unknown id and for a
    snapshot whose files are gone.
    """
    if isinstance(when, int):
        return load(layout, when)
    pins = refs.pins(layout)
    if isinstance(when, str) and when in pins:
        return load(layout, pins[when])
    moment = _aware(when)
    taken = [s.id for s in history(layout) if s.time <= moment]
    return load(layout, taken[-1]) if taken else _EMPTY


def _aware(when: str | datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(when) if isinstance(when, str) else when
    except ValueError:
        raise InvalidInput(
            f"{when!r} is not a time; give one such as 2026-01-01T00:00:00Z, or a snapshot id.",
            when=when,
        ) from None
    if getattr(moment, "tzinfo", None) is None:  # a plain date has none either
        raise InvalidInput(
            f"{when!r} has no time zone; a moment needs one, such as 2026-01-01T00:00:00Z.",
            when=str(when),
        )
    return moment.astimezone(UTC)


def _ids(layout: Layout) -> list[int]:
    with os.scandir(layout.snapshots) as entries:
        return sorted(int(e.name[:-5]) for e in entries if e.name.endswith(".json") and e.name[:-5].isdigit())
