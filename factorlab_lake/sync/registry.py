"""Which target an address means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from factorlab_lake.errors import InvalidInput, MissingExtra
from factorlab_lake.storage.layout import Layout

if TYPE_CHECKING:
    from factorlab_lake.sync.engine import SyncProgress
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = ["script", "sync_to"]

_POSTGRES = ("postgresql", "postgres")


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
    scheme, sign, _ = url.partition("://")
    if not sign or scheme not in _POSTGRES:
        named = f"{scheme}://" if sign else "an address without a scheme"
        raise InvalidInput(
            f"A lake can be synced to postgresql://user@host/database; {named} is none of these.",
            target=named,
        )
    with _extra_required():
        from factorlab_lake.sync.engine import sync
        from factorlab_lake.sync.postgres.target import open_target
    asked = {"ask": password} if callable(password) else {"password": password}
    with open_target(url, **asked) as target:
        return sync(layout, target, deep=deep, repair=repair, progress=progress)


def script() -> str:
    """Return the SQL that a sync to PostgreSQL runs to make its tables and functions, and the roles."""
    with _extra_required():
        from factorlab_lake.sync.postgres import install
    return install.script()


@contextmanager
def _extra_required() -> Iterator[None]:
    """Raise :class:`MissingExtra` in place of the import error of a driver."""
    try:
        yield
    except ImportError as missing:
        raise MissingExtra(
            f"Syncing to PostgreSQL needs {missing.name}; install it with "
            "pip install 'factorlab-lake[postgres]'.",
            extra="postgres",
        ) from None
