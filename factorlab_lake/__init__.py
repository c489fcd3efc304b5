"""An embedded, point-in-time store of company fundamentals and prices.

>>> import factorlab_lake as fl
>>> lake = fl.open("data/lake")                                      # doctest: +SKIP
>>> lake.market_caps(["AAPL", "MSFT"], "2024-01-31")                 # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factorlab_lake.errors import LakeError
    from factorlab_lake.ingest.policy import FetchPolicy
    from factorlab_lake.store import Lake, restore
    from factorlab_lake.store import open_lake as open
    from factorlab_lake.upkeep import repair, verify

__all__ = ["FetchPolicy", "Lake", "LakeError", "open", "repair", "restore", "verify"]

# Loaded when first used, so that importing the package costs next to nothing.
_HOMES = {
    "FetchPolicy": ("ingest.policy", "FetchPolicy"),
    "Lake": ("store", "Lake"),
    "LakeError": ("errors", "LakeError"),
    "open": ("store", "open_lake"),
    "repair": ("upkeep", "repair"),
    "restore": ("store", "restore"),
    "verify": ("upkeep", "verify"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)
