"""What is said about snapshots beside them, since a snapshot never changes: pins, and what was vacuumed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeDamaged, NotFound, nearest
from factorlab_lake.storage.layout import Layout, write_atomically

__all__ = ["RETENTION_DAYS", "pin", "pins", "save_pins", "save_vacuumed", "unpin", "vacuumed"]

RETENTION_DAYS = 30.0  # for which vacuum keeps what was the newest snapshot
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def pins(layout: Layout) -> dict[str, int]:
    """Return the names given to snapshots; :class:`LakeDamaged` when the file cannot be read."""
    found: dict[str, int] = _read(layout.pins, {})
    return found


def save_pins(layout: Layout, named: dict[str, int]) -> None:
    """Write down the names; to be called by the one writer."""
    write_atomically(layout.pins, json.dumps(named, sort_keys=True))


def vacuumed(layout: Layout) -> set[int]:
    """Return the snapshots whose files are gone."""
    return set(_read(layout.vacuumed, []))


def save_vacuumed(layout: Layout, gone: set[int]) -> None:
    """Write down whose files are gone, before they go; to be called by the one writer."""
    write_atomically(layout.vacuumed, json.dumps(sorted(gone)))


def pin(layout: Layout, name: str, snapshot_id: int) -> None:
    """Give a snapshot a name; the same name for the same snapshot again changes nothing.

    Raises :class:`InvalidInput` for what is no name, :class:`AlreadyExists` for the name of another
    snapshot and :class:`NotFound` for a snapshot whose files are gone. To be called by the one writer.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no name of a pin; expected a letter, then letters, digits, '.', '_' or '-', "
            "64 at most, such as paper-2026.",
            name=name,
        )
    named = pins(layout)
    if named.get(name, snapshot_id) != snapshot_id:
        raise AlreadyExists(
            f"The pin {name!r} is on snapshot {named[name]}; unpin it first, or take another name.", name=name
        )
    if snapshot_id in vacuumed(layout):
        raise NotFound(f"Snapshot {snapshot_id} was vacuumed: its files are gone.", snapshot=snapshot_id)
    save_pins(layout, named | {name: snapshot_id})


def unpin(layout: Layout, name: str) -> None:
    """Take a name away; :class:`NotFound` when there is none such. To be called by the one writer."""
    named = pins(layout)
    if name not in named:
        raise NotFound(
            f"No pin is called {name!r}; the pins are {', '.join(sorted(named)) or 'none yet'}."
            f"{nearest(str(name), named)}",
            name=name,
        )
    save_pins(layout, {other: snapshot for other, snapshot in named.items() if other != name})


def _read(path: Path, empty: Any) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return empty
    except ValueError:
        found = None
    numbers = found.values() if isinstance(found, dict) else found or ()
    if not isinstance(found, type(empty)) or not all(isinstance(n, int) for n in numbers):
        raise LakeDamaged(
            f"{path} cannot be read; `factorlab-lake repair --from BACKUP` puts it right.", path=str(path)
        )
    return found
