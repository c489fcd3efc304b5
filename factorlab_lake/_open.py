"""Open a lake: a path returns a :class:`Lake`, a server's address a :class:`ServerLake`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from factorlab_lake.derive.availability_rule import AvailabilityRule, to_rule
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.maintenance import copy_index
from factorlab_lake.settings import NAMES, configured, warn_of_misspelt
from factorlab_lake.settings.environments import lake_place
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage.bucket_path import is_bucket
from factorlab_lake.storage.lake_paths import is_lake, nearby_lake
from factorlab_lake.storage.lake_settings import Availability

__all__ = ["open_lake", "restore"]


def open_lake(
    path: str | os.PathLike[str] | None = None,
    *,
    create: bool | None = None,
    availability: Availability | None = None,
    sandbox: bool = False,
    env: str | None = None,
    config: str | os.PathLike[str] | None = None,
) -> Lake:
    """Open the lake in a folder; create an empty one where nothing is, unless the path looks mistyped.

    A path looks mistyped if the name of a lake nearby differs by one letter, or if several of its folders do
    not exist. Then :class:`~factorlab_lake.errors.NotFound` names the lake nearby. ``create=True`` creates a
    lake there too, and ``create=False`` never does.

    Without a path, the lake is that of the setting ``FACTORLAB_LAKE``, then of the environment in
    ``config/environments.yaml``, then ``data/lake``. ``env`` is the environment's name (by default
    ``FACTORLAB_ENV``, the only one, or ``development``), and ``config`` another file (``FACTORLAB_CONFIG``).

    An address such as ``postgresql://user@host/database`` opens the lake that was synced to that server: a
    :class:`~factorlab_lake.server_lake.ServerLake`, which has the same query methods.

    ``availability`` sets the first day on which a filing may be used. ``close`` is the day of its acceptance
    if it was accepted by 16:00 in New York, otherwise the next day. ``same_day`` is that day at any hour, as
    in Factor Lab, which looks ahead. A number is a lag in days after the acceptance, or after the filing date
    if the acceptance is unknown. The default is the setting ``FACTORLAB_AVAILABILITY``, then the lake's own
    rule (:meth:`~factorlab_lake.maintenance.Maintenance.configure`), which is ``close`` in a new lake. A
    server has only the rule by which the lake was synced.

    With ``sandbox``, :meth:`~factorlab_lake.lake.Lake.sql` reads the lake's data files and nothing else: no
    other file, no network, no extension; it writes no file, and settings are locked. Use it for SQL that you
    do not trust. All other methods answer as without it. On a server, its role decides instead.

    Exported as ``factorlab_lake.open``. Opening takes no lock: any number of readers and one writer work
    at the same time. Raises :class:`~factorlab_lake.errors.InvalidInput`,
    :class:`~factorlab_lake.errors.NotFound` and :class:`~factorlab_lake.errors.LakeDamaged`.
    """
    _warn_of_misspelt_settings()
    rule = _rule_from_settings() if availability is None else to_rule(availability)
    path = lake_place(path, env=env, config=config)
    if isinstance(path, str) and "://" in path and not is_bucket(path):
        from factorlab_lake.server_lake import open_server_lake

        if sandbox:
            raise InvalidInput(
                "sandbox is for a lake in a folder; on a server, the rights of the role limit its SQL: "
                "open the address as a member of the readers' role, without sandbox."
            )
        server = open_server_lake(path, availability=rule, env=env, config=config)
        return cast("Lake", server)  # it has the same query methods
    folder = layouts.layout_at(path).root
    if is_lake(folder) or create is False or (create is None and _is_mistyped(folder)):
        return Lake(layouts.find(folder), rule=rule, sandbox=sandbox)
    return Lake(layouts.create(folder), rule=rule, sandbox=sandbox)


def restore(path: str | os.PathLike[str], to: str | os.PathLike[str]) -> Lake:
    """Copy a backup to a new folder and open it as a lake; exported as ``factorlab_lake.restore``.

    Each copy is read back and compared. After an interruption, run it again. Raises
    :class:`~factorlab_lake.errors.NotFound` if there is no backup, and otherwise as
    :meth:`~factorlab_lake.maintenance.Maintenance.backup`.
    """
    from factorlab_lake.storage import backup

    backup.restore(path, to)
    copy_index(layouts.find(path), to)
    return open_lake(to, create=False)


def _is_mistyped(folder: Path) -> bool:
    """Return whether an empty lake in this folder would most likely be a mistake."""
    if folder.exists():
        return False  # the user made it for the lake, or creating the lake raises the error that says why
    if (near := nearby_lake(folder, one_typo=True)) is not None:
        return near not in folder.parents  # within a lake too
    return not (folder.parent.exists() or folder.parent.parent.exists())


def _warn_of_misspelt_settings() -> None:
    warn_of_misspelt("FACTORLAB_", NAMES)


def _rule_from_settings() -> AvailabilityRule | None:
    rule = configured("availability")
    return None if rule is None else to_rule(rule, "The setting FACTORLAB_AVAILABILITY")
