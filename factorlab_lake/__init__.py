"""Store company fundamentals and prices in an embedded, point-in-time lake.

>>> import factorlab_lake as fl
>>> lake = fl.open("data/lake")                                      # doctest: +SKIP
>>> lake.market_caps(["AAPL", "MSFT"], "2024-01-31")                 # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factorlab_lake._open import open_lake as open
    from factorlab_lake._open import restore
    from factorlab_lake.errors import LakeError
    from factorlab_lake.ingest.plan import FetchPolicy
    from factorlab_lake.lake import Lake
    from factorlab_lake.maintenance import repair, verify

__all__ = ["FetchPolicy", "Lake", "LakeError", "open", "repair", "restore", "verify"]


def __getattr__(name: str) -> Any:  # noqa: PLR0911 - one return per public name
    # Loaded on first use: importing the package loads neither DuckDB nor polars.
    match name:
        case "FetchPolicy":
            from factorlab_lake.ingest.plan import FetchPolicy

            return FetchPolicy
        case "Lake":
            from factorlab_lake.lake import Lake

            return Lake
        case "LakeError":
            from factorlab_lake.errors import LakeError

            return LakeError
        case "open":
            from factorlab_lake._open import open_lake

            return open_lake
        case "restore":
            from factorlab_lake._open import restore

            return restore
        case "repair":
            from factorlab_lake.maintenance import repair

            return repair
        case "verify":
            from factorlab_lake.maintenance import verify

            return verify
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
