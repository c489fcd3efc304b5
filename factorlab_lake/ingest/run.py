"""Run a fetch: several threads request what is due, and batches are merged and committed.

Committed data is in the fetch log, and the log decides what is due. So a fetch after an interrupted one
resumes there and requests nothing twice.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from factorlab_lake.derive.stored import transaction
from factorlab_lake.errors import EmptyAnswer, FetchFailed, InvalidInput, Unavailable, nearest
from factorlab_lake.ingest.batches import batches, merge_batch
from factorlab_lake.ingest.changes_of_held import (
    SYMBOL_CHANGE,
    relevant,
    request_count,
    with_held,
    with_uses,
)
from factorlab_lake.ingest.corporate_actions.inferred_splits import detect_split
from factorlab_lake.ingest.fetch_log import FetchState, fetch_state
from factorlab_lake.ingest.fetch_report import NOTHING_OF_THIS_KIND, FetchProgress, FetchReport
from factorlab_lake.ingest.plan import DEFAULT, FetchPolicy, due
from factorlab_lake.ingest.row_checks import checked_symbols
from factorlab_lake.providers.protocol import Call, FetchResult, Offer, Provider, Request
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES
from factorlab_lake.schema.quote_units import MINOR_UNIT_EXCHANGES
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.freed_memory import trim_heap
from factorlab_lake.storage.layout import Layout

__all__ = ["DATA_KINDS", "DEFAULT_KINDS", "FetchSpec", "fetch", "plan"]

# The kinds of data that a user can request, and the datasets of each.
DATA_KINDS: dict[str, tuple[str, ...]] = {
    "statements": tuple(STATEMENT_TABLES),
    "ratios": ("ratios",),
    "prices": ("price",),
    "unadjusted_prices": ("price_unadjusted",),
    "splits": ("split",),
    "dividends": ("dividend",),
    "profiles": ("profile",),
    "market_caps": ("market_cap",),
    "shares": ("shares",),
    "symbol_changes": (SYMBOL_CHANGE,),
}
DEFAULT_KINDS = ("profiles", "splits", "prices", "dividends", "statements", "shares", "symbol_changes")

_BATCH_RECORDS, _BATCH_ANSWERS = 60_000, 400
_AHEAD = 12  # calls in progress or finished ahead of the next one in order, per thread


@dataclass(frozen=True, slots=True)
class FetchSpec:
    """Specify a run: its symbols, the kinds of data (see :data:`DATA_KINDS`) and the first day."""

    symbols: Sequence[str]
    kinds: Sequence[str] = DEFAULT_KINDS
    since: date | None = None
    policy: FetchPolicy = DEFAULT

    def offers(self, provider: Provider) -> dict[str, Offer]:
        """Return the datasets to request; raise :class:`InvalidInput` for an unknown or unavailable kind."""
        for name in self.kinds:
            if name not in DATA_KINDS:
                known = ", ".join(DATA_KINDS)
                raise InvalidInput(
                    f"There is no kind of data {name!r}; expected some of {known}.{nearest(name, DATA_KINDS)}"
                )
        datasets = [dataset for name in self.kinds for dataset in DATA_KINDS[name]]
        if tuple(self.kinds) == DEFAULT_KINDS:  # few vendors have all kinds, and the request names none
            datasets = [d for d in datasets if d in provider.datasets] or datasets
        missing = [d for d in datasets if d not in provider.datasets]
        if missing:
            raise InvalidInput(
                f"{provider.name} does not offer {', '.join(missing)}; it offers "
                f"{', '.join(provider.datasets)}.",
                datasets=missing,
            )
        return {dataset: provider.datasets[dataset] for dataset in dict.fromkeys(datasets)}


def plan(layout: Layout, provider: Provider, spec: FetchSpec) -> FetchReport:
    """Return the number and the duration of the calls that are due, without making any."""
    report = _start(layout, provider, spec, datetime.now(UTC)).report
    report.dry_run = True
    return report


def fetch(
    layout: Layout,
    provider: Provider,
    spec: FetchSpec,
    *,
    program_version: str,
    now: datetime | None = None,
    progress: FetchProgress | None = None,
) -> FetchReport:
    """Request everything that is due and merge it; a failed request never stops the others.

    Commit in batches: an interrupted run loses at most its last batch, and memory does not grow with the
    number of symbols. An error that would repeat for every call, such as a refused key, ends the run; the
    results received by then are committed. ``now`` decides what is due.
    """
    started, operation = time.perf_counter(), uuid.uuid4().hex
    run = _start(layout, provider, spec, now or datetime.now(UTC))
    report = run.report
    before = data_files.row_counts(layout, snapshots.latest(layout))
    for batch in batches(run.answers(progress), _BATCH_RECORDS, answers_at_most=_BATCH_ANSWERS):
        run.complete(layout, batch)
        trim_heap()  # the documents that the answers were read from
        with transaction(
            layout,
            reason=f"fetch from {provider.name}: {_where(batch)}",
            program_version=program_version,
            operation=operation,
        ) as tx:
            run.show(progress, "merging")
            report.rejected += merge_batch(tx, _to_commit(batch)).rejected
            for answer in batch:  # the commit computes from the stored rows, and needs the memory
                answer.records = None
            run.show(progress, "committing")
        report.snapshot_after = tx.result.id
    report.accept_empty(run.known)
    with snapshots.after_commit(
        "the new rows could not be counted", "`factorlab-lake verify` names the fault."
    ):
        report.new = data_files.added_rows(before, data_files.row_counts(layout, snapshots.latest(layout)))
    report.seconds = time.perf_counter() - started
    return report


@dataclass(slots=True)
class _Run:
    """Hold the state of one run: the calls that are due, and their results so far."""

    provider: Provider
    state: FetchState
    calls: list[Call]
    report: FetchReport
    known: set[str]
    requested: frozenset[str]
    done: int = 0
    _futures: deque[tuple[Call, Future[list[FetchResult]]]] = field(default_factory=deque)

    def answers(self, progress: FetchProgress | None) -> Iterator[FetchResult]:
        """Make the calls in threads, some ahead of time, and yield the results in the order of the calls."""
        workers = self.provider.calls_at_once
        pool = ThreadPoolExecutor(workers, thread_name_prefix="fetch")
        waiting = deque(self.calls)
        try:
            while (waiting or self._futures) and not self.report.stopped:
                while waiting and len(self._futures) < workers * _AHEAD:
                    call = waiting.popleft()
                    self._futures.append((call, pool.submit(self.provider.answer, call)))
                yield from self._take(*self._futures.popleft(), progress)
        except BaseException:
            # Most likely a keyboard interrupt: a call in progress may wait for minutes until its end.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown(cancel_futures=True)
        yield from self._rest()

    def _take(
        self, call: Call, future: Future[list[FetchResult]], progress: FetchProgress | None
    ) -> Iterator[FetchResult]:
        answers = [_labelled(a, r) for a, r in zip(future.result(), call.requests, strict=True)]
        answers = relevant(answers, self.requested)
        self.done += call.calls
        for answer in answers:
            if isinstance(answer.fault, FetchFailed) and answer.fault.fatal:
                self.report.stopped = str(answer.fault)
            yield answer
        self.show(progress, "fetching")

    def show(self, progress: FetchProgress | None, step: str) -> None:
        """Report the calls and records so far, and the present step."""
        if progress:
            progress(
                calls_done=self.done,
                calls_total=self.report.calls_planned,
                records=self.report.records,
                failures=len(self.report.failures),
                step=step,
            )

    def _rest(self) -> Iterator[FetchResult]:
        """Yield the results of other calls that had finished when one call ended the run."""
        for call, future in self._futures:
            if future.done() and not future.cancelled():
                yield from (
                    _labelled(a, r)
                    for a, r in zip(future.result(), call.requests, strict=True)
                    if not a.error
                )

    def complete(self, layout: Layout, batch: list[FetchResult]) -> None:
        """Fetch the splits of symbols whose new bars hint at one, extend the batch, and update the report.

        Run this before the transaction, so that other writers do not wait for a provider.
        """
        fetched = {a.symbol for a in batch if a.dataset == "split"}
        suspects = detect_split(layout, [a for a in batch if a.symbol in self.state.known])
        if "split" in self.provider.datasets and not self.report.stopped:
            more = [Request("split", s) for s in suspects if s not in fetched]
            for call in self.provider.plan(more):
                answers = self.provider.answer(call)
                batch += [_labelled(a, r) for a, r in zip(answers, call.requests, strict=True)]
        self._accept_empty(batch)
        for answer in batch:
            self.report.note(answer)
        self.report.split_detected += suspects

    def _accept_empty(self, batch: list[FetchResult]) -> None:
        """Clear the error of empty results for symbols of which the provider has other data."""
        self.known.update(a.symbol for a in batch if a.count)
        for answer in batch:
            if isinstance(answer.fault, EmptyAnswer) and answer.symbol in self.known:
                answer.error, answer.short = None, f"empty: {NOTHING_OF_THIS_KIND}"


def _start(layout: Layout, provider: Provider, spec: FetchSpec, now: datetime) -> _Run:
    offers = spec.offers(provider)
    symbols = checked_symbols(spec.symbols)
    state = fetch_state(layout, symbols, provider.name)
    requests = with_uses(layout, due(symbols, offers, state, since=spec.since, now=now, policy=spec.policy))
    requests += _profiles_of_quotes(requests, provider, state, spec.policy, now)
    calls = with_held(layout, provider, requests)
    snapshot, count = snapshots.latest(layout).id, sum(c.calls for c in calls)
    report = FetchReport(
        symbols=len(symbols),
        requests=request_count(requests),
        calls_planned=count,
        planned_s=60 * count / provider.calls_per_minute,
        snapshot_before=snapshot,
        snapshot_after=snapshot,
    )
    return _Run(provider, state, calls, report, set(state.known), frozenset(symbols))


def _profiles_of_quotes(
    requests: list[Request], provider: Provider, state: FetchState, policy: FetchPolicy, now: datetime
) -> list[Request]:
    """Return requests for the profiles that tell whether new prices are in hundredths of a currency."""
    if "profile" not in provider.datasets:
        return []
    with_profile = {r.symbol for r in requests if r.dataset == "profile"}
    priced = dict.fromkeys(r.symbol for r in requests if DATASETS[r.dataset] == "price_data")
    unknown = [s for s in priced if s.endswith(tuple(MINOR_UNIT_EXCHANGES)) and s not in with_profile]
    offers = {"profile": provider.datasets["profile"]}
    return list(due(unknown, offers, state, since=None, now=now, policy=policy))


def _to_commit(batch: list[FetchResult]) -> list[FetchResult]:
    """Return the results without a fatal error: after a refused key, for example, a request is still due.

    If the provider served none of the batch, return nothing: the snapshot would contain only failed
    connections, and each repetition of the command would add another one.
    """
    results = [a for a in batch if a.fault is None or not a.fault.fatal]
    return [] if all(isinstance(a.fault, Unavailable) for a in results) else results


def _labelled(answer: FetchResult, request: Request) -> FetchResult:
    """Add the request to the result's parameters, so that the fetch log decides what is due next."""
    request_fields = {"dataset": request.dataset, "start": request.start, "end": request.end}
    present = {name: str(value) for name, value in request_fields.items() if value is not None}
    answer.parameters = json.dumps(json.loads(answer.parameters or "{}") | present)
    return answer


def _where(batch: list[FetchResult]) -> str:
    symbols = list(dict.fromkeys(a.symbol for a in batch))
    return symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols, {symbols[0]} to {symbols[-1]}"
