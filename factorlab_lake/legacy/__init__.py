"""Factor Lab's side: its file cache read and moved into a lake, and its own classes served from one.

>>> from factorlab_lake.legacy import FMPProvider
>>> provider = FMPProvider("data/lake")                                     # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factorlab_lake.legacy.database import DatabaseProvider
    from factorlab_lake.legacy.parallel import DataProvider
    from factorlab_lake.legacy.progress import migration_status
    from factorlab_lake.legacy.provider import FMPProvider

__all__ = ["DataProvider", "DatabaseProvider", "FMPProvider", "migration_status"]

# Loaded when first used, so that reading the cache costs neither DuckDB's import nor pandas'.
_HOMES = {
    "DataProvider": "parallel",
    "DatabaseProvider": "database",
    "FMPProvider": "provider",
    "migration_status": "progress",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
