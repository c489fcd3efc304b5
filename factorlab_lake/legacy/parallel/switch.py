"""Which symbols the lake answers for while it runs beside the old cache: by lists, and by a share."""

from __future__ import annotations

import hashlib

from factorlab_lake.errors import InvalidInput
from factorlab_lake.legacy.parallel.settings import ParallelSettings

__all__ = ["Switch", "share_of"]


class Switch:
    """The choice that some settings make: the same in every process, and kept as the share grows.

    Raises :class:`~factorlab_lake.errors.InvalidInput` for a symbol in both lists.
    """

    def __init__(self, settings: ParallelSettings) -> None:
        self._settings = settings
        self._always = _symbols(settings.database_symbols)
        self._never = _symbols(settings.cache_symbols)
        if both := self._always & self._never:
            raise InvalidInput(
                f"{', '.join(sorted(both))}: in FACTORLAB_DATABASE_SYMBOLS and in FACTORLAB_CACHE_SYMBOLS; "
                "leave each symbol in one of them."
            )

    def to_lake(self, symbol: str) -> bool:
        """Return whether the lake is asked first about a symbol."""
        if not self._settings.use_database or symbol in self._never:
            return False
        return symbol in self._always or share_of(symbol) < self._settings.database_percent


def share_of(symbol: str) -> float:
    """Return a symbol's place from 0 to below 100: the same in every process, spread evenly.

    >>> share_of("AAPL") == share_of("AAPL"), 0 <= share_of("MSFT") < 100
    (True, True)
    """
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:6]) / 2**48 * 100


def _symbols(text: str) -> frozenset[str]:
    return frozenset(s.strip() for s in text.split(",") if s.strip())
