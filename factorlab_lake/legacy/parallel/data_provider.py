"""A lake and the old cache side by side, behind the methods of Factor Lab's own classes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

from factorlab_lake.errors import InvalidInput, LakeError, MissingExtra
from factorlab_lake.legacy.parallel.answer_diff import differences
from factorlab_lake.legacy.parallel.cache_lake import CacheLake
from factorlab_lake.legacy.parallel.counters import Alert, Counts, Tally
from factorlab_lake.legacy.parallel.forms import FORMS, QuestionForm
from factorlab_lake.legacy.parallel.settings import ParallelSettings, parallel_settings
from factorlab_lake.legacy.parallel.switch import Switch
from factorlab_lake.legacy.provider_arguments import LakeOrPlace, opened
from factorlab_lake.query.arguments import DateLike, Dates, to_symbols
from factorlab_lake.query.questions import Questions
from factorlab_lake.schema import STATEMENT_TYPES

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["DataProvider"]

_LOG = logging.getLogger(__name__)
_ALL = ("income_statement", "balance_sheet", "cash_flow")
_Part = tuple[str, list[str], Any]


class DataProvider:
    """Answers as ``FMPProvider`` and ``DatabaseProvider`` do, from a lake, the old cache, or some of each.

    ``settings`` choose the source of each answer
    (:class:`~factorlab_lake.legacy.parallel.settings.ParallelSettings`; the default is the environment's).
    ``lake`` is an open lake, a path or an address, and overrides the settings. ``alert`` is called with an
    :class:`~factorlab_lake.legacy.parallel.counters.Alert` where a person may want to look; each alert is
    also logged as a warning.

    The old cache's files are read by the same rules as in a migration and asked the same questions, so an
    answer does not depend on who gave it, but for what only one of them holds. That finds what the lake
    lacks or has otherwise; that the rules themselves lose nothing is what ``lake.validate`` shows.

    A fallback follows an error of the lake (but for a wrong argument, which is raised), or a symbol of which
    it lacks what the question needs and the cache has files. Comparing happens before a method returns, takes
    the time of a second question, and never changes, delays past that or fails the answer. Thread-safe.

    >>> import tempfile
    >>> import factorlab_lake as fl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     settings = parallel_settings(
    ...         lake=f"{folder}/lake", cache_dir="data/sample/taken_2021-03-31", migration_mode=True
    ...     )
    ...     _ = fl.open(settings.lake)  # nothing in it yet
    ...     with DataProvider(settings) as provider:
    ...         caps = provider.calculate_market_caps_batch(["AAPL"], ["2020-12-31"])
    ...         print(f"{caps['market_cap'].item() / 1e9:.1f} bn", provider.counts.not_in_lake)
    2302.5 bn 1
    """

    def __init__(
        self,
        settings: ParallelSettings | None = None,
        *,
        lake: LakeOrPlace | None = None,
        alert: Callable[[Alert], object] | None = None,
    ) -> None:
        self.settings = settings or parallel_settings()
        self._place = self.settings.lake if lake is None else lake
        self._lake = self._place if isinstance(self._place, Questions) else None
        self._cache = CacheLake(self.settings.cache_dir, availability=getattr(lake, "availability", None))
        self._alert, self._tally, self._one = alert, Tally(), threading.Lock()
        self._switch = Switch(self.settings)

    def __repr__(self) -> str:
        chosen = self.settings.model_dump(include={"use_database", "fallback_to_cache", "migration_mode"})
        return f"DataProvider({', '.join(f'{name}={value}' for name, value in chosen.items())})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counts(self) -> Counts:
        """How often what has happened since this provider was made."""
        return self._tally.now()

    def close(self) -> None:
        """Remove what was read of the old cache, and leave the server; a lake that was given stays open."""
        self.refresh()
        self._cache.close()

    def refresh(self) -> None:
        """Ask the lake's newest snapshot from now on; one that was given open is its owner's to refresh."""
        with self._one:
            if isinstance(self._place, Questions):
                return
            leave = getattr(self._lake, "close", None)  # a shared lake's, which holds connections
            self._lake = None
        if leave is not None:
            leave()

    def uses_database(self, symbol: str) -> bool:
        """Return whether the lake is asked first about a symbol."""
        return self._switch.to_lake(symbol)

    def get_fundamental_factors(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike,
        end_date: DateLike,
        frequency: str = "daily",
        calculation_frequency: str = "W",
    ) -> dict[str, pd.DataFrame]:
        """Return ``{symbol: frame}`` of factors, as ``FMPProvider.get_fundamental_factors`` does."""
        given = {
            "start_date": start_date,
            "end_date": end_date,
            "frequency": frequency,
            "calculation_frequency": calculation_frequency,
        }
        found: dict[str, pd.DataFrame] = self._ask("get_fundamental_factors", symbols, given)
        return found

    def get_prices(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        price_type: str = "close",
    ) -> pd.DataFrame:
        """Return daily prices, one column per symbol, as ``FMPProvider.get_prices`` does."""
        given = {"start_date": start_date, "end_date": end_date, "price_type": price_type}
        found: pd.DataFrame = self._ask("get_prices", symbols, given)
        return found

    def batch_fetch_statements(
        self,
        symbols: str | Iterable[str],
        statement_types: str | Iterable[str] = _ALL,
        period: str = "quarterly",
        limit: int | None = None,
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return ``{symbol: {statement type: records}}``, as ``FMPProvider.batch_fetch_statements`` does."""
        given = {"statement_types": _kept(statement_types), "period": period, "limit": limit}
        found: dict[str, dict[str, list[dict[str, Any]]]] = self._ask(
            "batch_fetch_statements", symbols, given
        )
        return found

    def get_financial_statements(
        self,
        symbol: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        statement_types: str | Iterable[str] = STATEMENT_TYPES,
        *,
        as_of: DateLike | None = None,
    ) -> pl.DataFrame:
        """Return statements, as ``DatabaseProvider.get_financial_statements`` does."""
        given = {
            "start_date": start_date,
            "end_date": end_date,
            "statement_types": _kept(statement_types),
            "as_of": as_of,
        }
        found: pl.DataFrame = self._ask("get_financial_statements", symbol, given)
        return found

    def get_financial_ratios(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
    ) -> pl.DataFrame:
        """Return ratios, as ``DatabaseProvider.get_financial_ratios`` does."""
        given = {"start_date": start_date, "end_date": end_date}
        found: pl.DataFrame = self._ask("get_financial_ratios", symbols, given)
        return found

    def calculate_market_caps_batch(self, symbols: str | Iterable[str], dates: Dates) -> pl.DataFrame:
        """Return market caps, as ``DatabaseProvider.calculate_market_caps_batch`` does."""
        found: pl.DataFrame = self._ask("calculate_market_caps_batch", symbols, {"dates": _kept(dates)})
        return found

    def _ask(self, question: str, symbols: str | Iterable[str], given: dict[str, Any]) -> Any:
        wanted = to_symbols(symbols)
        parts = self._parts(question, wanted, given)
        of_lake = sum(len(asked) for side, asked, _ in parts if side == "lake")
        self._tally.add(questions=1, from_lake=of_lake, from_cache=len(wanted) - of_lake)
        if self.settings.migration_mode:
            for part in parts:
                self._compare(question, part, given)
        return parts[0][2] if len(parts) == 1 else FORMS[question].join([p[2] for p in parts], wanted)

    def _parts(self, question: str, wanted: list[str], given: dict[str, Any]) -> list[_Part]:
        """Return who answered about which symbols, and what."""
        mine = [s for s in wanted if self.uses_database(s)]
        parts = self._of_lake(question, mine, given) if mine or not wanted else []
        answered = {s for _, asked, _ in parts for s in asked}
        rest = [s for s in wanted if s not in answered]
        if rest:
            parts.append(("cache", rest, self._answer("cache", question, rest, given)))
        return parts

    def _of_lake(self, question: str, symbols: list[str], given: dict[str, Any]) -> list[_Part]:
        """Ask the lake; what it cannot answer, and the cache may, is left out."""
        try:
            chosen = self._held(question, symbols)
            if symbols and not chosen:
                return []
            return [("lake", chosen, self._answer("lake", question, chosen, given))]
        except (InvalidInput, MissingExtra):
            raise
        except LakeError as fault:
            if not self.settings.fallback_to_cache or not symbols:
                raise
            self._tally.add(lake_failed=len(symbols))
            self._tell(Alert("lake_failed", question, tuple(symbols), f"{type(fault).__name__}: {fault}"))
            return []

    def _held(self, question: str, symbols: list[str]) -> list[str]:
        """Return the symbols to ask the lake about: not those that only the cache knows enough of."""
        if not self.settings.fallback_to_cache:
            return symbols
        lacking = _lacking(self._opened(), FORMS[question], symbols)
        left = self._cache.held(lacking)
        if left:
            self._tally.add(not_in_lake=len(left))
            message = "the lake does not hold what the question needs; migrate or fetch these symbols"
            self._tell(Alert("not_in_lake", question, tuple(left), message))
        return [s for s in symbols if s not in left]

    def _answer(self, side: str, question: str, symbols: list[str], given: dict[str, Any]) -> Any:
        lake = self._opened() if side == "lake" else self._cache.lake(symbols)
        return getattr(FORMS[question].provider()(lake), question)(symbols, **given)

    def _opened(self) -> Questions:
        with self._one:
            if self._lake is None:
                self._lake = opened(self._place)
            return self._lake

    def _compare(self, question: str, part: _Part, given: dict[str, Any]) -> None:
        """Ask the other side too, and note what is other; nothing that happens here reaches the caller."""
        side, symbols, answer = part
        try:
            self._compared(question, (side, self._cache.held(symbols), answer), given)
        except Exception as fault:  # noqa: BLE001 - a comparison, whatever fails in it, must not cost the answer
            said = (
                f"{type(fault).__name__}: {fault}" if isinstance(fault, LakeError) else type(fault).__name__
            )
            self._tally.add(not_compared=1)
            self._tell(Alert("not_compared", question, tuple(symbols), said))

    def _compared(self, question: str, part: _Part, given: dict[str, Any]) -> None:
        side, symbols, answer = part
        if not symbols:
            return
        other = self._answer("cache" if side == "lake" else "lake", question, symbols, given)
        form = FORMS[question]
        rows = [form.rows(a) for a in ((answer, other) if side == "lake" else (other, answer))]
        lake, cache = (r.filter(r["symbol"].is_in(symbols)) for r in rows)
        found = differences(lake, cache, form.keys)
        self._tally.add(compared=1, differing=bool(found))
        if found:
            self._tell(Alert("differs", question, tuple(symbols), str(found)))

    def _tell(self, alert: Alert) -> None:
        _LOG.warning("%s", alert)
        if self._alert is None:
            return
        try:
            self._alert(alert)
        except Exception as fault:  # noqa: BLE001 - the hook is the user's: its fault must not cost the answer
            self._tally.add(alerts_failed=1)
            _LOG.warning("the alert hook raised %s", type(fault).__name__)


def _lacking(lake: Questions, form: QuestionForm, symbols: list[str]) -> list[str]:
    """Return the symbols of which a lake lacks rows in a table that a question needs."""
    lacking: set[str] = set()
    for table in form.needs:
        found = lake.sql(
            f"SELECT DISTINCT symbol FROM {table} "  # noqa: S608 - a name of the table of forms
            "WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))",
            symbols=symbols,
        )
        lacking |= set(symbols) - set(found["symbol"])
    return [s for s in symbols if s in lacking]


def _kept(given: Any) -> Any:
    """Return what can be gone through more than once."""
    return given if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
