"""Answer the methods of Factor Lab's classes from a lake and the old cache side by side."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from factorlab_lake.errors import InvalidInput, LakeError, MissingExtra, printable
from factorlab_lake.legacy.old_cache import CacheLake
from factorlab_lake.legacy.pandas_frames import checked_frames, to_frames
from factorlab_lake.legacy.parallel.answer_diff import diff_answers
from factorlab_lake.legacy.parallel.cache_watch import CacheWatch, answer_ages, lacking_in_cache, newest
from factorlab_lake.legacy.parallel.counters import Alert, Counts, EventCounter
from factorlab_lake.legacy.parallel.forms import FORMS, QuestionForm
from factorlab_lake.legacy.parallel.settings import ParallelSettings, SymbolRouter, parallel_settings
from factorlab_lake.legacy.provider_arguments import RECORD_LIMIT, LakeOrPlace, opened
from factorlab_lake.query.arguments import DateLike, Dates, to_symbols
from factorlab_lake.query.questions import Questions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DataProvider"]

_LOG = logging.getLogger(__name__)
_RETRY_S = 60.0  # a lake that cannot be opened is tried again after this time
_Part = tuple[str, list[str], Any]


class DataProvider:
    """Answer as ``FMPProvider`` and ``DatabaseProvider`` do, from a lake, the old cache, or both.

    ``settings`` select the source of each answer
    (:class:`~factorlab_lake.legacy.parallel.settings.ParallelSettings`; the default is the environment's).
    ``lake`` is an open lake, a path or an address, and overrides the settings. ``alert`` is called with each
    :class:`~factorlab_lake.legacy.parallel.counters.Alert`, which is also logged as a warning. ``frames`` is
    that of ``DatabaseProvider``, pandas or polars.

    The cache's files are read by the rules of a migration and queried by the same code. So the source of an
    answer does not change it, except for data that only one source has. A comparison finds such data;
    ``lake.validate`` tests the rules themselves.

    The cache answers after an error of the lake, and for a symbol that only the cache has the data of. A
    wrong argument raises. A comparison runs before the method returns. It takes the time of a second query,
    and never changes the answer or raises. Thread-safe.

    >>> import tempfile
    >>> import factorlab_lake as fl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     settings = parallel_settings(
    ...         lake=f"{folder}/lake", cache_dir="data/sample/taken_2021-03-31", migration_mode=True
    ...     )
    ...     _ = fl.open(settings.place())  # an empty lake
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
        frames: str = "pandas",
    ) -> None:
        if not isinstance(settings, ParallelSettings | None):
            raise InvalidInput(
                f"settings is {type(settings).__name__}, not ParallelSettings; pass a lake or its path by "
                "name: DataProvider(lake=...)."
            )
        self.settings = settings or parallel_settings()
        self.frames = checked_frames(frames, "DataProvider")
        self._place = lake  # the settings' lake is looked up by the first query: it may need a password
        self._lake = self._place if isinstance(self._place, Questions) else None
        self._cache = CacheLake(self.settings.cache_dir, availability=self._rule)
        self._alert, self._events, self._lock = alert, EventCounter(), threading.Lock()
        self._router = SymbolRouter(self.settings)
        every_s = self.settings.check_cache_s
        self._watch = CacheWatch(self.settings.cache_dir, None if every_s == "off" else every_s)
        self._of_thread = threading.local()
        self._known_rule: Any = None
        self._retry_at = float("-inf")

    def __repr__(self) -> str:
        flags = self.settings.model_dump(include={"use_database", "fallback_to_cache", "migration_mode"})
        return f"DataProvider({', '.join(f'{name}={value}' for name, value in flags.items())})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counts(self) -> Counts:
        """Return the counts of events since this provider was created."""
        return self._events.now()

    @property
    def last_answer(self) -> pl.DataFrame:
        """Return one row per symbol of this thread's last answer, with its source and age.

        Columns: ``symbol``; ``source``, lake or cache; ``fetched_at``, when that source last fetched data
        that the method needs, NULL if it never did; ``age``, the time since then; ``cache_fetched_at``, the
        last fetch in the cache; ``is_behind``, whether the answer lacks it. It compares the cache with the
        lake as often as ``check_cache_s`` allows.
        """
        question, sources = getattr(self._of_thread, "answered", ("", {}))
        needs = FORMS[question].needs if question else ()
        return answer_ages(self._watch, self._opened, sources, needs)

    def close(self) -> None:
        """Remove the cache's temporary copy and close connections; a lake passed in stays open."""
        self.refresh()
        self._cache.close()

    def refresh(self) -> None:
        """Use the lake's newest snapshot from now on; the caller refreshes a lake that was passed in open."""
        with self._lock:
            if isinstance(self._place, Questions):
                return
            close = getattr(self._lake, "close", None)  # only a lake on a server has connections
            self._lake = None
        if close is not None:
            close()

    def uses_database(self, symbol: str) -> bool:
        """Return whether a symbol's queries go to the lake first."""
        return self._router.uses_lake(symbol)

    def get_fundamental_factors(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike,
        end_date: DateLike,
        frequency: str = "daily",
        calculation_frequency: str = "W",
    ) -> dict[str, pd.DataFrame]:
        """Return ``{symbol: frame}`` of factors, as ``FMPProvider.get_fundamental_factors`` does."""
        arguments = {
            "start_date": start_date,
            "end_date": end_date,
            "frequency": frequency,
            "calculation_frequency": calculation_frequency,
        }
        answer: dict[str, pd.DataFrame] = self._query("get_fundamental_factors", symbols, arguments)
        return answer

    def get_prices(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        price_type: str = "close",
    ) -> pd.DataFrame:
        """Return daily prices, one column per symbol, as ``FMPProvider.get_prices`` does."""
        arguments = {"start_date": start_date, "end_date": end_date, "price_type": price_type}
        answer: pd.DataFrame = self._query("get_prices", symbols, arguments)
        return answer

    def batch_fetch_statements(
        self,
        symbols: str | Iterable[str],
        statement_types: str | Iterable[str] | None = None,
        period: str = "quarter",
        limit: int | None = RECORD_LIMIT,
        use_cache: bool = True,  # noqa: FBT001, FBT002 - Factor Lab's own call
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return ``{symbol: {statement type: records}}``, as ``FMPProvider.batch_fetch_statements`` does."""
        arguments = {
            "statement_types": _reusable(statement_types),
            "period": period,
            "limit": limit,
            "use_cache": use_cache,
        }
        answer: dict[str, dict[str, list[dict[str, Any]]]] = self._query(
            "batch_fetch_statements", symbols, arguments
        )
        return answer

    def get_financial_statements(
        self,
        symbol: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        statement_types: str | Iterable[str] | None = None,
        *,
        as_of: DateLike | None = None,
    ) -> Any:
        """Return statements, as ``DatabaseProvider.get_financial_statements`` does."""
        arguments = {
            "start_date": start_date,
            "end_date": end_date,
            "statement_types": _reusable(statement_types),
            "as_of": as_of,
        }
        return self._query("get_financial_statements", symbol, arguments)

    def get_financial_ratios(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
    ) -> Any:
        """Return ratios, as ``DatabaseProvider.get_financial_ratios`` does."""
        arguments = {"start_date": start_date, "end_date": end_date}
        return self._query("get_financial_ratios", symbols, arguments)

    def calculate_market_caps_batch(self, symbols: str | Iterable[str], dates: Dates) -> Any:
        """Return market caps, as ``DatabaseProvider.calculate_market_caps_batch`` does."""
        return self._query("calculate_market_caps_batch", symbols, {"dates": _reusable(dates)})

    def _query(self, question: str, symbols: str | Iterable[str], arguments: dict[str, Any]) -> Any:
        names = to_symbols(symbols)
        parts = self._parts(question, names, arguments)
        from_lake = sum(len(answered) for source, answered, _ in parts if source == "lake")
        self._events.add(questions=1, from_lake=from_lake, from_cache=len(names) - from_lake)
        sources = {symbol: source for source, answered, _ in parts for symbol in answered}
        self._of_thread.answered = question, {symbol: sources[symbol] for symbol in names}
        if self.settings.migration_mode:
            for part in parts:
                self._compare(question, part, arguments)
        answer = parts[0][2] if len(parts) == 1 else FORMS[question].join([p[2] for p in parts], names)
        return to_frames(answer, self.frames) if isinstance(answer, pl.DataFrame) else answer

    def _parts(self, question: str, symbols: list[str], arguments: dict[str, Any]) -> list[_Part]:
        """Return the answers by source: (source, its symbols, answer)."""
        routed = [s for s in symbols if self.uses_database(s)]
        parts = self._from_lake(question, routed, arguments) if routed or not symbols else []
        answered = {s for _, names, _ in parts for s in names}
        rest = [s for s in symbols if s not in answered]
        if rest:
            parts.append(("cache", rest, self._answer("cache", question, rest, arguments)))
        return parts

    def _from_lake(self, question: str, symbols: list[str], arguments: dict[str, Any]) -> list[_Part]:
        """Return the lake's answer, without the symbols that fall back to the cache."""
        try:
            held = self._without_fallback(question, symbols)
            newer = self._newer_in_cache(question, held)
            in_lake = [s for s in held if s not in newer]
            if symbols and not in_lake:
                return []
            return [("lake", in_lake, self._answer("lake", question, in_lake, arguments))]
        except (InvalidInput, MissingExtra):
            raise
        except LakeError as error:
            if not self.settings.fallback_to_cache or not symbols:
                raise
            self._events.add(lake_failed=len(symbols))
            self._report(Alert("lake_failed", question, tuple(symbols), f"{type(error).__name__}: {error}"))
            return []

    def _rule(self) -> Any:
        """Return the availability rule of the lake, which the cache's answers follow; None without a lake."""
        if self._lake is None and time.monotonic() < self._retry_at:
            return self._known_rule
        try:
            self._known_rule = getattr(self._opened(), "availability", None)
        except LakeError:  # the cache answers in its place
            self._retry_at = time.monotonic() + _RETRY_S
        return self._known_rule

    def _newer_in_cache(self, question: str, symbols: list[str]) -> list[str]:
        """Report symbols of which the cache has a later fetch, and return those that it answers for."""
        if not self.settings.cache_dir.is_dir():
            return []
        form = FORMS[question]
        states, checked = self._watch.check(self._opened(), symbols)
        behind = [s for s, state in states.items() if newest(state.ahead, form.needs)]
        if not behind:
            return []
        answered: list[str] = []
        if self.settings.freshest:
            lacking = lacking_in_cache(self._opened(), self._cache.lake(behind), form.needs, behind)
            answered = [s for s in behind if s not in lacking]
        self._events.add(behind_cache=len(behind))
        if not checked.isdisjoint(behind):
            source = "the cache answers" if answered else "the lake answers"
            if 0 < len(answered) < len(behind):
                source = f"the cache answers for {', '.join(answered)}"
            message = f"the cache has later fetches than the lake, and {source}; migrate these symbols"
            self._report(Alert("behind_cache", question, tuple(behind), message))
        return answered

    def _without_fallback(self, question: str, symbols: list[str]) -> list[str]:
        """Return the symbols for the lake: all except those whose data only the cache has."""
        if not self.settings.fallback_to_cache:
            return symbols
        lacking = _lacking(self._opened(), FORMS[question], symbols)
        only_cache = self._cache.held(lacking)
        if only_cache:
            self._events.add(not_in_lake=len(only_cache))
            message = "the lake lacks the rows that the method needs; migrate or fetch these symbols"
            self._report(Alert("not_in_lake", question, tuple(only_cache), message))
        return [s for s in symbols if s not in only_cache]

    def _answer(self, source: str, question: str, symbols: list[str], arguments: dict[str, Any]) -> Any:
        lake = self._opened() if source == "lake" else self._cache.lake(symbols)
        return getattr(FORMS[question].provider()(lake), question)(symbols, **arguments)

    def _opened(self) -> Questions:
        with self._lock:
            if self._lake is None:
                place = self.settings.place() if self._place is None else self._place
                self._lake = opened(place, env=self.settings.env, config=self.settings.config)
            return self._lake

    def _compare(self, question: str, part: _Part, arguments: dict[str, Any]) -> None:
        """Query the other source too and report differences; no error reaches the caller."""
        source, symbols, answer = part
        try:
            self._report_diff(question, (source, self._cache.held(symbols), answer), arguments)
        except Exception as error:  # noqa: BLE001 - no failure of a comparison may cost the answer
            name = type(error).__name__
            message = f"{name}: {error}" if isinstance(error, LakeError) else name
            self._events.add(not_compared=1)
            self._report(Alert("not_compared", question, tuple(symbols), message))

    def _report_diff(self, question: str, part: _Part, arguments: dict[str, Any]) -> None:
        source, symbols, answer = part
        if not symbols:
            return
        other = self._answer("cache" if source == "lake" else "lake", question, symbols, arguments)
        form = FORMS[question]
        rows = [form.rows(a) for a in ((answer, other) if source == "lake" else (other, answer))]
        names = [*symbols, *(s.strip().upper() for s in symbols)]  # rows of a lake have capitals
        lake, cache = (r.filter(r["symbol"].is_in(names)) for r in rows)
        diff = diff_answers(lake, cache, form.keys)
        self._events.add(compared=1, differing=bool(diff))
        if diff:
            self._report(Alert("differs", question, tuple(symbols), str(diff)))

    def _report(self, alert: Alert) -> None:
        _LOG.warning("%s", printable(str(alert)))
        if self._alert is None:
            return
        try:
            self._alert(alert)
        except Exception as error:  # noqa: BLE001 - the hook is the user's: its error must not cost the answer
            self._events.add(alerts_failed=1)
            _LOG.warning("the alert hook raised %s", type(error).__name__)


def _lacking(lake: Questions, form: QuestionForm, symbols: list[str]) -> list[str]:
    """Return the symbols without rows in a table that the method needs; a lake has them in capitals."""
    lacking: set[str] = set()
    capitals = {s: s.strip().upper() for s in symbols}
    for table in form.needs:
        rows = lake.session.frame(
            f"SELECT DISTINCT symbol FROM {table} "  # noqa: S608 - a table name of FORMS
            "WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))",
            {"symbols": list(capitals.values())},
        )
        held = set(rows["symbol"])
        lacking |= {s for s in symbols if capitals[s] not in held}
    return [s for s in symbols if s in lacking]


def _reusable(values: Any) -> Any:
    """Return an iterable as a list, so that both sources can iterate over it."""
    return values if isinstance(values, str) or not isinstance(values, Iterable) else list(values)
