"""Opens lakes: a path gives a :class:`Lake`, the address of a server a :class:`ServerLake`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from factorlab_lake.lake import Lake
from factorlab_lake.query.availability_rule import CLOSE, Availability, AvailabilityRule, to_rule
from factorlab_lake.settings import configured
from factorlab_lake.storage import layout as layouts

__all__ = ["open_lake", "restore"]


def open_lake(
    path: str | os.PathLike[str] = "data/lake",
    *,
    create: bool = True,
    availability: Availability | None = None,
) -> Lake:
    """Open the lake in a folder; make an empty one when there is none, unless ``create`` is false.

    An address such as ``postgresql://user@host/database`` opens the lake that was synced to that server: a
    :class:`~factorlab_lake.server_lake.ServerLake`, which answers the same questions.

    ``availability`` says from which day on a filing may be used: ``close`` (the day of its acceptance when
    accepted by 16:00 in New York, else the next), ``same_day`` (that day whatever the hour, as Factor Lab
    had it, which looks ahead), or a lag in whole days after the acceptance, or after the filing date where
    that is all that is known. Without it, the setting ``FACTORLAB_AVAILABILITY``, else ``close``.

    Exported as ``factorlab_lake.open``. Opening takes no lock: any number of readers and one writer work
    at the same time. Raises :class:`~factorlab_lake.errors.InvalidInput`,
    :class:`~factorlab_lake.errors.NotFound` and :class:`~factorlab_lake.errors.LakeDamaged`.
    """
    rule = _rule_set() if availability is None else to_rule(availability)
    if isinstance(path, str) and "://" in path:
        from factorlab_lake.server_lake import open_server_lake

        return cast("Lake", open_server_lake(path, availability=rule))  # it has the same query methods
    if create and not (Path(path) / "_lake" / "lake.json").exists():
        return Lake(layouts.create(path), availability=rule)
    return Lake(layouts.find(path), availability=rule)


def restore(path: str | os.PathLike[str], to: str | os.PathLike[str]) -> Lake:
    """Make a lake of a backup in a new folder, and open it; exported as ``factorlab_lake.restore``.

    What is written is read back and compared. Cut off, it can be run again. Raises
    :class:`~factorlab_lake.errors.NotFound` where there is no backup, and as
    :meth:`~factorlab_lake.maintenance.Maintenance.backup`.
    """
    from factorlab_lake.storage import backup

    backup.restore(path, to)
    return open_lake(to, create=False)


def _rule_set() -> AvailabilityRule:
    rule = configured("availability")
    return CLOSE if rule is None else to_rule(rule, "The setting FACTORLAB_AVAILABILITY")
