"""What brings a vendor's data into a lake, as methods of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from factorlab_lake.lake.layout import Layout
from factorlab_lake.lake.snapshots import program_version
from factorlab_lake.query.arguments import DateLike, to_date, to_symbols

if TYPE_CHECKING:
    from factorlab_lake.fetch.provider import Provider
    from factorlab_lake.ingest.fetch_report import FetchProgress, FetchReport
    from factorlab_lake.ingest.policy import FetchPolicy

__all__ = ["Intake"]


class Intake:
    """Fetching, for :class:`~factorlab_lake.store.Lake`."""

    _layout: Layout

    def fetch(
        self,
        provider: str | Provider,
        symbols: str | Iterable[str],
        *,
        what: Iterable[str] | None = None,
        since: DateLike | None = None,
        policy: FetchPolicy | None = None,
        progress: FetchProgress | None = None,
    ) -> FetchReport:
        """Ask a provider for what the lake does not hold yet of some symbols, and land it.

        ``provider`` is a name, such as ``fmp``, or a provider. ``what`` is some of statements, ratios,
        prices, unadjusted_prices, splits, dividends, profiles and market_caps (the provider's own, to compare
        with); the usual ones are profiles, splits, prices, dividends and statements. Without ``since``, all
        there is of symbols that are new to the lake, and of others what is newer than what it holds.
        ``policy`` says how often restatements are looked for.

        Can be cut off and run again: what has landed is not asked for twice. One request that fails never
        stops the others; the report lists it with the reason, as typed in :mod:`factorlab_lake.errors`.
        Raises :class:`~factorlab_lake.errors.InvalidInput` for an unknown provider, symbol or ``what``.
        """
        self._writable("fetch")
        runs, wanted = import_module("factorlab_lake.ingest.fetch_run"), _wanted(symbols, what, since, policy)
        with _provider(provider) as asked:
            report: FetchReport = runs.fetch(
                self._layout, asked, wanted, program_version=program_version(), progress=progress
            )
        self._changed()
        return report

    def plan_fetch(
        self,
        provider: str | Provider,
        symbols: str | Iterable[str],
        *,
        what: Iterable[str] | None = None,
        since: DateLike | None = None,
        policy: FetchPolicy | None = None,
    ) -> FetchReport:
        """Return how many calls :meth:`fetch` would make and how long they take, without making any."""
        runs, wanted = import_module("factorlab_lake.ingest.fetch_run"), _wanted(symbols, what, since, policy)
        with _provider(provider) as asked:
            report: FetchReport = runs.plan(self._layout, asked, wanted)
        return report

    def _changed(self) -> None:
        raise NotImplementedError

    def _writable(self, verb: str) -> None:
        raise NotImplementedError


def _wanted(
    symbols: str | Iterable[str],
    what: Iterable[str] | None,
    since: DateLike | None,
    policy: FetchPolicy | None,
) -> Any:
    runs = import_module("factorlab_lake.ingest.fetch_run")
    return runs.Wanted(
        to_symbols(symbols),
        runs.USUAL if what is None else [what] if isinstance(what, str) else list(what),
        None if since is None else to_date(since, "since"),
        policy or runs.DEFAULT,
    )


@contextmanager
def _provider(given: str | Provider) -> Iterator[Provider]:
    """Give the provider of a name for the time of a run; one that was given stays its owner's."""
    if not isinstance(given, str):
        yield given
        return
    found: Provider = import_module("factorlab_lake.fetch.registry").provider(given)
    try:
        yield found
    finally:
        found.close()
