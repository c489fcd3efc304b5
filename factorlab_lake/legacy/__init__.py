"""Provide Factor Lab's own classes on top of a lake, and the state of its cache's migration.

>>> from factorlab_lake.legacy import FMPProvider
>>> provider = FMPProvider()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factorlab_lake.legacy.cache_migration_tool import CacheMigrationTool
    from factorlab_lake.legacy.database_provider import DatabaseProvider
    from factorlab_lake.legacy.fmp_provider import FMPProvider
    from factorlab_lake.legacy.old_cache import migration_status
    from factorlab_lake.legacy.parallel.data_provider import DataProvider

__all__ = ["CacheMigrationTool", "DataProvider", "DatabaseProvider", "FMPProvider", "migration_status"]


def __getattr__(name: str) -> Any:
    # Load on first use: an import of the package must load neither DuckDB nor pandas.
    match name:
        case "CacheMigrationTool":
            from factorlab_lake.legacy.cache_migration_tool import CacheMigrationTool

            return CacheMigrationTool
        case "DataProvider":
            from factorlab_lake.legacy.parallel.data_provider import DataProvider

            return DataProvider
        case "DatabaseProvider":
            from factorlab_lake.legacy.database_provider import DatabaseProvider

            return DatabaseProvider
        case "FMPProvider":
            from factorlab_lake.legacy.fmp_provider import FMPProvider

            return FMPProvider
        case "migration_status":
            from factorlab_lake.legacy.old_cache import migration_status

            return migration_status
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
