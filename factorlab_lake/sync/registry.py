"""Find sync targets by address scheme, through the entry points ``factorlab_lake.targets``.

The name of an entry point is the address scheme. Its value is a class that implements
:class:`~factorlab_lake.sync.protocol.Connector`. A target with two schemes registers the class twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from factorlab_lake.derive.stored import store_stale
from factorlab_lake.errors import InvalidInput, MissingExtra, nearest
from factorlab_lake.schema.limits import BUCKET_SCHEMES
from factorlab_lake.settings.environment_keys import TARGETS as _GROUP
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import program_version

if TYPE_CHECKING:
    from factorlab_lake.sync.engine import SyncProgress
    from factorlab_lake.sync.protocol import Connector, SessionLimits, TargetSession
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = ["connector", "open_session", "schemes", "script", "sync_to"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def schemes() -> list[str]:
    """Return the address schemes of the installed targets, sorted.

    >>> "postgresql" in schemes()
    True
    """
    return sorted({entry.name for entry in entry_points(group=_GROUP)})


def connector(address: str) -> Connector:
    """Return the connector for an address.

    Raises :class:`InvalidInput` for an unknown scheme, for a scheme that two packages register, and for a
    package that fails to load. The message never repeats the address, which may contain a password.

    >>> connector("mysql://host/database")
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: No installed target handles mysql:// addresses. ...
    """
    match = _SCHEME.match(address)
    scheme = match[1] if match else ""
    entries = {entry.value: entry for entry in entry_points(group=_GROUP) if entry.name == scheme}
    if not entries:
        raise _unknown(scheme)
    if len(entries) > 1:
        raise InvalidInput(
            f"Two installed packages register the target scheme {scheme}://: "
            f"{' and '.join(sorted(entries))}. Uninstall one of them.",
            scheme=scheme,
        )
    return _load(next(iter(entries.values())))


def sync_to(
    layout: Layout,
    url: str,
    *,
    deep: bool = False,
    repair: bool = False,
    password: str | Callable[[], str] | None = None,
    progress: SyncProgress | None = None,
) -> SyncReport:
    """Sync a lake to the target at an address; see :meth:`factorlab_lake.lake.Lake.sync`."""
    target_type = connector(url)
    with _extra_required(target_type):
        from factorlab_lake.sync.engine import sync

        opened = target_type.open_target(url, password=password)
    with opened as target:
        store_stale(layout, program_version=program_version())  # a server answers from the derived tables
        return sync(layout, target, deep=deep, repair=repair, progress=progress)


def open_session(url: str, *, limits: SessionLimits) -> TargetSession:
    """Open a session that runs queries on the target at an address."""
    target_type = connector(url)
    with _extra_required(target_type):
        return target_type.open_session(url, limits=limits)


def script(url: str | None = None) -> str:
    """Return the SQL with which a sync creates the tables, functions and roles of a target.

    ``url`` needs no more than a scheme, such as ``postgresql://``. It may be omitted while only one target is
    installed; else :class:`InvalidInput` is raised.
    """
    if url is None:
        by_value = {entry.value: entry.name for entry in entry_points(group=_GROUP)}
        if len(by_value) > 1:
            raise InvalidInput(f"Several targets are installed; add the scheme of one: {_listed(schemes())}.")
        url = f"{next(iter(by_value.values()), '')}://"
    target_type = connector(url)
    with _extra_required(target_type):
        return target_type.script()


def _load(entry: EntryPoint) -> Connector:
    try:
        make = entry.load()
    except (ImportError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        created: Connector = make()
        return created
    raise InvalidInput(
        f"The target {entry.name}:// cannot be loaded from {entry.value} ({reason}). "
        "Install its package again.",
        scheme=entry.name,
    )


def _unknown(scheme: str) -> InvalidInput:
    if scheme in BUCKET_SCHEMES:
        return InvalidInput(
            f"{scheme}:// is the address of a bucket, and a sync sends rows to a server. "
            f"`factorlab-lake backup {scheme}://bucket/backup` copies a lake to a bucket.",
            scheme=scheme,
        )
    installed = schemes()
    what = f"No installed target handles {scheme}:// addresses." if scheme else "The address has no scheme."
    return InvalidInput(
        f"{what}{nearest(scheme, installed)} Use an address that begins with {_listed(installed)}, "
        "the address of a bucket such as s3://bucket/lake, or the path of a folder to open a lake on disk.",
        scheme=scheme,
    )


def _listed(names: list[str]) -> str:
    """Join schemes for a message.

    >>> _listed(["a", "b", "c"])
    'a://, b:// or c://'
    """
    *first, last = [f"{name}://" for name in names] or ["(none is installed)"]
    return f"{', '.join(first)} or {last}" if first else last


@contextmanager
def _extra_required(target_type: Connector) -> Iterator[None]:
    """Raise :class:`MissingExtra` in place of the import error of a driver."""
    try:
        yield
    except MissingExtra:
        raise
    except ImportError as missing:
        raise MissingExtra(
            f"To use {target_type.name}, this program needs {missing.name}; install it with "
            f"pip install '{target_type.requirement}'.",
            extra=target_type.requirement,
        ) from None
