"""Store pins and the list of vacuumed snapshots beside the snapshots, which never change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeDamaged, NotFound, check_type, nearest
from factorlab_lake.storage import inventory
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.sealed import seal

__all__ = ["RETENTION_DAYS", "pin", "pins", "save_pins", "save_vacuumed", "unpin", "vacuumed"]

RETENTION_DAYS = 30.0  # vacuum retains every snapshot that was the newest one within these days
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def pins(layout: Layout) -> dict[str, int]:
    """Return the snapshot of each pin; raise :class:`LakeDamaged` when the file cannot be read."""
    snapshots: dict[str, int] = _read(layout, layout.pins, {})
    return snapshots


def save_pins(layout: Layout, snapshots: dict[str, int]) -> None:
    """Write the pins; the caller has the writer's lock."""
    write_atomically(layout.pins, seal({"pins": dict(sorted(snapshots.items()))}))


def vacuumed(layout: Layout) -> set[int]:
    """Return the snapshots whose files vacuum deleted."""
    return set(_read(layout, layout.vacuumed, []))


def save_vacuumed(layout: Layout, ids: set[int]) -> None:
    """Write the vacuumed snapshots before their files are deleted; the caller has the writer's lock."""
    write_atomically(layout.vacuumed, seal({"vacuumed": sorted(ids)}))


def pin(layout: Layout, name: str, snapshot_id: int) -> None:
    """Pin a snapshot under a name; repeating it changes nothing. The caller has the writer's lock.

    Raises :class:`InvalidInput` for an invalid name, :class:`AlreadyExists` for the pin of another snapshot,
    and :class:`NotFound` for a vacuumed snapshot.
    """
    check_type(name, str, "name", "a pin such as paper-2026")
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is not a valid pin; expected a letter, then letters, digits, '.', '_' or '-', "
            "64 at most, such as paper-2026.",
            name=name,
        )
    snapshots = pins(layout)
    if snapshots.get(name, snapshot_id) != snapshot_id:
        raise AlreadyExists(
            f"The pin {name!r} is on snapshot {snapshots[name]}; unpin it first, or choose another name.",
            name=name,
        )
    if snapshot_id in vacuumed(layout):
        raise NotFound(f"Snapshot {snapshot_id} was vacuumed: its files are deleted.", snapshot=snapshot_id)
    save_pins(layout, snapshots | {name: snapshot_id})


def unpin(layout: Layout, name: str) -> None:
    """Remove a pin; raise :class:`NotFound` if it does not exist. The caller has the writer's lock."""
    check_type(name, str, "name", "the name of a pin")
    snapshots = pins(layout)
    if name not in snapshots:
        known = f"the pins are {', '.join(sorted(snapshots))}" if snapshots else "there are no pins"
        raise NotFound(
            f"No pin is called {name!r}; {known}.{nearest(str(name), snapshots)}",
            name=name,
        )
    save_pins(layout, {other: snapshot for other, snapshot in snapshots.items() if other != name})


def _read(layout: Layout, path: Path, empty: Any) -> Any:
    """Return the value in a file of references; early programs wrote it without an object around it."""
    try:
        body = inventory.read(layout, path)
    except FileNotFoundError:
        return empty
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get(path.stem), type(empty)):
        body = body[path.stem]
    ids = body.values() if isinstance(body, dict) else body or ()
    if not isinstance(body, type(empty)) or not all(isinstance(i, int) for i in ids):
        raise LakeDamaged(
            f"{path} cannot be read; `factorlab-lake repair --from BACKUP` restores it.", path=str(path)
        )
    return body
