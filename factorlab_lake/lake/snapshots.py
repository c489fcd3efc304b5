"""Lake-wide snapshots: which version of each table belongs together.

Delta commits one table at a time. A change that touches several tables becomes visible all at once
because readers follow the newest snapshot, which is written last and never changed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from factorlab_lake.errors import InvalidInput, LakeDamaged, NotFound
from factorlab_lake.lake.layout import Layout, write_atomically

__all__ = ["Snapshot", "at", "history", "latest", "load", "save"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A set of table versions, with when, by which program version and why it came to be.

    ``operation`` groups the snapshots of one long run, such as a migration in many batches.
    """

    id: int
    tables: dict[str, int] = field(default_factory=dict)
    created_at: str = ""
    program_version: str = ""
    reason: str = ""
    operation: str = ""

    @property
    def time(self) -> datetime:
        """When it was taken (UTC)."""
        return datetime.fromisoformat(self.created_at)


_EMPTY = Snapshot(id=0, created_at="1970-01-01T00:00:00+00:00", reason="empty lake")


def save(layout: Layout, snapshot: Snapshot) -> None:
    """Write the snapshot; from this moment on readers that open the lake see it."""
    write_atomically(layout.snapshots / f"{snapshot.id:012d}.json", json.dumps(asdict(snapshot)))


def load(layout: Layout, snapshot_id: int) -> Snapshot:
    """Return the snapshot of that id; :class:`NotFound` when there is none."""
    if snapshot_id == 0:
        return _EMPTY
    path = layout.snapshots / f"{snapshot_id:012d}.json"
    try:
        return Snapshot(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        ids = _ids(layout)
        span = f"{ids[0]} to {ids[-1]}" if ids else "none yet"
        raise NotFound(f"No snapshot {snapshot_id}; there are {span}.", snapshot=snapshot_id) from None
    except (ValueError, TypeError):
        raise LakeDamaged(f"{path} cannot be read; restore it from a backup.", path=str(path)) from None


def latest(layout: Layout) -> Snapshot:
    """Return the newest snapshot, or the empty one."""
    ids = _ids(layout)
    return load(layout, ids[-1]) if ids else _EMPTY


def history(layout: Layout) -> list[Snapshot]:
    """Return all snapshots, oldest first."""
    return [load(layout, snapshot_id) for snapshot_id in _ids(layout)]


def at(layout: Layout, when: int | str | datetime) -> Snapshot:
    """Return a snapshot by id, or the newest one taken at or before an aware time.

    Raises :class:`InvalidInput` for a time without a zone, :class:`NotFound` for an unknown id.
    """
    if isinstance(when, int):
        return load(layout, when)
    moment = _aware(when)
    taken = [s for s in history(layout) if s.time <= moment]
    return taken[-1] if taken else _EMPTY


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
