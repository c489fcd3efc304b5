"""Give Factor Lab's cache methods their meaning on a lake: fetch, statistics, or nothing to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from factorlab_lake.errors import LakeWarning
from factorlab_lake.legacy.provider_arguments import (
    RATIOS,
    checked_key,
    default_lake,
    record_kinds,
    spellings,
)
from factorlab_lake.query.arguments import to_symbols
from factorlab_lake.query.questions import Questions
from factorlab_lake.query.result_cache import shared_results

if TYPE_CHECKING:
    from factorlab_lake.ingest.fetch_report import FetchReport
    from factorlab_lake.providers.fmp.settings import FmpSettings

__all__ = ["CacheMethods"]

_WITH_PRICES = ("profiles", "splits", "prices", "dividends")
_COUNT = """
SELECT count(*) AS n
FROM (SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements) AS held
"""


class CacheMethods:
    """Offer the methods by which Factor Lab's code manages its file cache.

    A lake is no cache: what it stores neither expires nor is fetched again because a process ends. So
    :meth:`warm_cache` and :meth:`smart_preload_cache` fetch, :meth:`get_cache_stats` and
    :meth:`get_cache_memory_usage` report, :meth:`clear_cache` forgets answers in memory, and the others have
    nothing to do. Each of those says so with a :class:`~factorlab_lake.errors.LakeWarning`.
    """

    _lake: Questions | None

    _key: SecretStr

    @property
    def lake(self) -> Questions:
        """Return the lake that answers; the default lake is opened by the first use."""
        if self._lake is None:
            self._lake = default_lake()
        return self._lake

    @property
    def api_key(self) -> str:
        """Return the provider's key, that of ``FMP_API_KEY`` by default; empty without one."""
        own = self._key.get_secret_value()
        key = None if own else self._settings().api_key
        return own if key is None else key.get_secret_value()

    @api_key.setter
    def api_key(self, key: str | None) -> None:
        self._key = SecretStr(checked_key(key))

    def warm_cache(
        self,
        symbols: str | Iterable[str],
        statement_types: str | Iterable[str] | None = None,
        include_prices: bool = True,  # noqa: FBT001, FBT002 - Factor Lab's own call
    ) -> FetchReport | None:
        """Fetch what is new of some symbols from FMP, commit it, and return the report of the fetch.

        Statements are fetched if ``statement_types`` has any of them, and the provider's ratios if it has
        financial_ratios; None is all four. With ``include_prices``, also bars, splits, dividends and
        profiles. The key is the provider's or that of ``FMP_API_KEY``. Without one nothing is fetched: the
        method warns and returns None. The default lake is created where there is none.
        """
        kinds = record_kinds(statement_types).values()
        fetched = [*(_WITH_PRICES if include_prices else ())]
        fetched += ["statements"] if any(kind != RATIOS for kind in kinds) else []
        fetched += ["ratios"] if RATIOS in kinds else []
        return self._fetch(symbols, fetched)

    def smart_preload_cache(
        self, symbols: str | Iterable[str] = (), *args: object, **kwargs: object
    ) -> FetchReport | None:
        """Fetch the symbols of which the lake has no data; return the report, or None if it has all of them.

        The key is that of :meth:`warm_cache`. Other arguments have no effect.
        """
        del args, kwargs
        names = spellings(self._lake_to_fill() if self.api_key else self.lake, symbols)
        absent = [name.strip().upper() for name, symbol in names.items() if symbol is None]
        return self._fetch(absent, [*_WITH_PRICES, "statements"]) if absent else None

    def get_cache_stats(self) -> dict[str, Any]:
        """Return statistics of the lake and of the answers in memory.

        ``lake`` is its place, ``symbols`` the number of symbols with bars or statements, ``rows`` the rows of
        each table, and ``size_bytes`` the size of all tables. ``memory`` is :meth:`get_cache_memory_usage`.
        """
        status = self.lake.status()  # type: ignore[attr-defined]  # each kind of lake has it
        symbols = self.lake.session.frame(_COUNT)["n"].item()
        rows = dict(status.select("table", "rows").iter_rows())
        return {
            "lake": repr(self.lake),
            "symbols": symbols,
            "rows": rows,
            "size_bytes": int(status["size_bytes"].sum()),
            "memory": self.get_cache_memory_usage(),
        }

    def get_cache_memory_usage(self) -> dict[str, int]:
        """Return the memory of the answers that this process repeats without a query, and their use.

        ``size_bytes`` and ``limit_bytes`` (``FACTORLAB_RESULT_CACHE_MB``), ``hits`` and ``misses``.
        """
        cache = shared_results()
        return {
            "size_bytes": cache.size_bytes,
            "limit_bytes": cache.limit_bytes,
            "hits": cache.hits,
            "misses": cache.misses,
        }

    def clear_cache(self, symbol: str | None = None, statement_type: str | None = None) -> None:
        """Forget all answers in memory, and warn: the rows of the lake stay, whatever is named.

        ``lake.rollback()`` undoes the last change of a lake.
        """
        del symbol, statement_type
        shared_results().clear()
        _warn(
            "clear_cache forgot the answers in memory; the rows of the lake stay. rollback() undoes a change."
        )

    def preload_cache_from_results(self, *args: object, **kwargs: object) -> int:
        """Return 0 and warn: results came from the lake, so there is nothing to put into it."""
        del args, kwargs
        return _nothing("preload_cache_from_results", "the lake has these results already")

    def optimize_cache_settings(self, *args: object, **kwargs: object) -> dict[str, int]:
        """Warn that there is nothing to optimise, and return :meth:`get_cache_memory_usage`."""
        del args, kwargs
        _nothing("optimize_cache_settings", "FACTORLAB_RESULT_CACHE_MB sets the memory for repeated answers")
        return self.get_cache_memory_usage()

    def clear_old_price_cache(self, *args: object, **kwargs: object) -> int:
        """Return 0 and warn: a lake has no old price files; vacuum removes files that no snapshot needs."""
        del args, kwargs
        return _nothing("clear_old_price_cache", "a lake has no old price files, and vacuum() removes files")

    def migrate_price_cache(self, *args: object, **kwargs: object) -> int:
        """Return 0 and warn: ``lake.migrate(folder)`` reads price files of every version."""
        del args, kwargs
        return _nothing("migrate_price_cache", "lake.migrate(folder) reads price files of every version")

    def _fetch(self, symbols: str | Iterable[str], kinds: list[str]) -> FetchReport | None:
        from factorlab_lake.providers.fmp import FmpProvider

        names = [name.strip().upper() for name in to_symbols(symbols)]
        if not self.api_key:
            _warn(
                "Nothing was fetched: there is no key. Set FMP_API_KEY, or pass FMPProvider(api_key=...).",
                stacklevel=4,
            )
            return None
        lake: Any = self._lake_to_fill()
        with FmpProvider(self._settings()) as source:
            report: FetchReport = lake.fetch(source, names, kinds=kinds)
        if not report.clean:
            reasons = [f"{symbol} {dataset}: {text}" for symbol, dataset, _, text in report.failures[:3]]
            _warn(f"The fetch is incomplete: {'; '.join(filter(None, [*reasons, report.stopped]))}", 4)
        return report

    def _settings(self) -> FmpSettings:
        from factorlab_lake.providers.fmp.settings import fmp_settings

        own = self._key.get_secret_value()
        return fmp_settings(api_key=own) if own else fmp_settings()

    def _lake_to_fill(self) -> Questions:
        """Return the lake; create the default one where there is none."""
        if self._lake is None:
            self._lake = default_lake(create=True)
        return self._lake


def _nothing(method: str, why: str) -> int:
    """Warn that a method of Factor Lab's cache has nothing to do on a lake; return 0, the work done."""
    _warn(f"{method} does nothing on a lake: {why}.", stacklevel=4)
    return 0


def _warn(text: str, stacklevel: int = 3) -> None:
    warnings.warn(text, LakeWarning, stacklevel=stacklevel)
