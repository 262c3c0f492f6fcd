"""How a run stands, for whoever watches it in the browser or in a terminal.

Everything here reads a few rows, however many cells the run has; a test counts them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db import connection
from django.db.models import Max, OuterRef, Q, Subquery, Sum
from django.utils import timezone

from survey.llm.enums import CallOutcome, CellState, Failure, RunState
from survey.llm.models import Attempt, CallTally, Cell, Completion, ModelSpec, ModelStop, Pace, Run
from survey.llm.pace import BIN, WINDOWS, Left, Rates, bin_start, rates, time_left
from survey.llm.queries import Progress, add_up, run_progress

N_LATEST = 100  # answers of a model that its latency is taken from
N_SAMPLES = 4
N_FAILURES = 12
ANSWERED = (CellState.DONE, CellState.REFUSED, CellState.UNPARSED)
SAME_QUESTION = (
    "item_id", "question", "persona_setting", "persona_country", "persona_age", "persona_gender", "locale",
    "option_order", "condition", "paraphrase", "preference_config", "demographic_config", "method", "repeat",
    "session_id",
)  # fmt: skip
LATENCIES = """
SELECT asked.spec_id, found.quantiles[1], found.quantiles[2], found.n
FROM unnest(%s::bigint[]) AS asked (spec_id), LATERAL (
    SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY latency_ms) AS quantiles, count(*) AS n
    FROM llm_completion WHERE cached_from_id IS NULL AND set_aside_by_id IS NULL AND cell_id = ANY (ARRAY(
        SELECT id FROM llm_cell WHERE run_id = %s AND llm_cell.spec_id = asked.spec_id AND state = 'done'
        ORDER BY id DESC LIMIT %s
    ))
) AS found
"""


class Latency(NamedTuple):
    """How long a model's latest answers took, in seconds."""

    median: float
    p95: float
    n: int


@dataclass(frozen=True)
class Calls:
    """What came of calling one model, or all models, of a run."""

    n_answered: int = 0
    n_cached: int = 0
    n_limited: int = 0
    n_failed: int = 0  # otherwise than by a rate limit

    def __add__(self, other: Calls) -> Calls:
        return Calls(*(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.n_answered, self.n_cached, self.n_limited, self.n_failed


@dataclass(frozen=True)
class ModelStand:
    """How far one model of a run is."""

    spec: ModelSpec
    progress: Progress
    calls: Calls
    rates: Rates
    latency: Latency | None
    left: Left | None
    stopped: str = ""  # why it is asked no more; blank: it may be


class Ends(NamedTuple):
    """When a model's first and latest cell ended, and why it is asked no more."""

    first: datetime | None
    latest: datetime | None
    stopped: str


class FailureKind(NamedTuple):
    """One way in which calls to a model failed, with the latest of them."""

    spec: ModelSpec
    kind: str
    status_code: int | None
    n: int
    latest: Attempt | None  # None when its cell has been deleted since

    @property
    def label(self) -> str:
        return Failure(self.kind).label if self.kind in Failure.values else self.kind


@dataclass(frozen=True)
class Sample:
    """One question as several models answered it."""

    cell: Cell
    answers: Sequence[Completion | None]  # in the order of the models


@dataclass(frozen=True)
class Stand:
    """How far a run is."""

    run: Run
    models: Sequence[ModelStand]
    total: Progress
    calls: Calls
    rate: float  # questions that ended a minute, lately
    rate_overall: float
    left: Left | None
    failures: Sequence[FailureKind]

    @property
    def is_open(self) -> bool:
        return self.run.state in (RunState.QUEUED, RunState.RUNNING)

    @property
    def stopped(self) -> Sequence[ModelStand]:
        """Give the models that are asked no more though questions to them are left, as long as the run may go on.

        A run that waits for a worker was resumed: it will ask them all.
        """
        others = (RunState.QUEUED, RunState.FAILED, RunState.CANCELLED, RunState.DONE)
        return [m for m in self.models if m.stopped and m.progress.n_open and self.run.state not in others]

    @property
    def spent_share(self) -> float | None:
        """Give what part of the budget is spent; None without a budget."""
        return float(self.run.spent / self.run.budget) if self.run.budget else None


def stand(run: Run) -> Stand:
    """Read how far a run is, in seven queries."""
    now = timezone.now()
    specs = list(run.specs.all())
    ends = _ends(run)
    progress = {part.name: part for part in run_progress(run)}
    calls, failures = _calls(run, specs)
    paces, latencies = _paces(run, now), _latencies(run, [spec.pk for spec in specs])
    is_open = run.state in (RunState.QUEUED, RunState.RUNNING)
    models = []
    for spec in specs:
        part = progress.get(spec.tag, Progress(spec.tag, {}))
        first, latest, stopped = ends[spec.pk]
        last = now if is_open and part.n_open else (latest or now) + BIN
        n_ended = part.n_ended - part.counts.get(CellState.CANCELLED, 0)
        found = rates(paces[spec.pk], first=first, last=last, n=n_ended, now=now)
        left = time_left([(part.n_open, found)]) if is_open and not stopped else None
        models.append(ModelStand(spec, part, calls[spec.pk], found, latencies.get(spec.pk), left, stopped))
    return Stand(
        run,
        models,
        add_up(model.progress for model in models),
        sum((model.calls for model in models), Calls()),
        rate=sum(model.rates.minute for model in models) if is_open else 0.0,
        rate_overall=_overall(ends.values(), models, None if not is_open else now),
        left=time_left((m.progress.n_open, m.rates) for m in models if not m.stopped) if is_open else None,
        failures=failures,
    )


def _overall(ends: Iterable[Ends], models: Sequence[ModelStand], now: datetime | None) -> float:
    """Give the rate of all models together, from the first answer of any to the latest, or to now."""
    times = [(first, latest) for first, latest, _ in ends if first and latest]
    if not times:
        return 0.0
    last = now or max(latest for _, latest in times) + BIN
    n_ended = sum(m.progress.n_ended - m.progress.counts.get(CellState.CANCELLED, 0) for m in models)
    return rates({}, first=min(first for first, _ in times), last=last, n=n_ended, now=last).overall


def _ends(run: Run) -> Mapping[int, Ends]:
    """Give the ten seconds in which each model's first and latest cell ended, and why it is asked no more."""
    paced = Pace.objects.filter(run=run, spec=OuterRef("pk")).order_by("at")
    first, latest = Subquery(paced.values("at")[:1]), Subquery(paced.reverse().values("at")[:1])
    stops = ModelStop.objects.filter(run=run, spec=OuterRef("pk")).values("reason")
    found = run.specs.annotate(first_at=first, latest_at=latest, stopped=Subquery(stops))
    rows = found.values_list("pk", "first_at", "latest_at", "stopped")
    return {pk: Ends(first_at, latest_at, stopped or "") for pk, first_at, latest_at, stopped in rows}


def _paces(run: Run, now: datetime) -> Mapping[int, Mapping[datetime, int]]:
    """Count what ended in each ten seconds of the longest window, by model."""
    paces: dict[int, dict[datetime, int]] = defaultdict(dict)
    recent = Pace.objects.filter(run=run, spec__in=run.specs.all(), at__gte=bin_start(now) - WINDOWS[-1])
    for spec_id, at, n in recent.values_list("spec", "at").annotate(total=Sum("n")).order_by():
        paces[spec_id][at] = n
    return paces


def _calls(run: Run, specs: Sequence[ModelSpec]) -> tuple[Mapping[int, Calls], list[FailureKind]]:
    """Sort what came of the calls into answers, rate limits and other failures; the failures latest first."""
    by_pk = {spec.pk: spec for spec in specs}
    calls: dict[int, Calls] = defaultdict(Calls)
    found: list[tuple[int, FailureKind]] = []
    kinds = CallTally.objects.filter(run=run).values_list("spec", "outcome", "status_code")
    for spec_id, outcome, status, n, latest in kinds.annotate(total=Sum("n"), latest=Max("latest_attempt")).order_by():
        calls[spec_id] += Calls(
            n_answered=n * (outcome == CallOutcome.ANSWERED),
            n_cached=n * (outcome == CallOutcome.CACHED),
            n_limited=n * (outcome == Failure.RATE_LIMITED),
            n_failed=n * (outcome not in (*CallOutcome, Failure.RATE_LIMITED)),
        )
        if outcome not in CallOutcome.values:
            found.append((latest or 0, FailureKind(by_pk[spec_id], outcome, status, n, None)))
    shown = sorted(found, key=lambda kind: kind[0], reverse=True)[:N_FAILURES]
    attempts = Attempt.objects.select_related("cell__item").in_bulk([latest for latest, _ in shown]) if shown else {}
    return calls, [kind._replace(latest=attempts.get(latest)) for latest, kind in shown]


def _latencies(run: Run, spec_ids: Sequence[int]) -> Mapping[int, Latency]:
    with connection.cursor() as cursor:
        cursor.execute(LATENCIES, [list(spec_ids), run.pk, N_LATEST])
        rows = cursor.fetchall()
    return {spec_id: Latency(median / 1000, p95 / 1000, n) for spec_id, median, p95, n in rows if n}


def samples(run: Run, models: Sequence[ModelStand]) -> list[Sample]:
    """Give some of the latest questions that the slowest model answered, each with every model's answer to it.

    All models are asked in the same order, so what the slowest has answered the others mostly have too.
    """
    slowest = min((m for m in models if m.progress.n_ended), key=lambda m: m.progress.n_ended, default=None)
    if slowest is None:
        return []
    of_states = [
        Cell.objects.filter(run=run, spec=slowest.spec, state=state).order_by("-pk")[:N_SAMPLES] for state in ANSWERED
    ]
    cells = list(of_states[0].union(*of_states[1:], all=True).order_by("-pk")[:N_SAMPLES])
    if not cells:
        return []
    specs = [model.spec.pk for model in models]
    same = (Q(**{name: getattr(cell, name) for name in SAME_QUESTION}) for cell in cells)
    asked = Cell.objects.filter(reduce(or_, same), run=run, spec__in=specs).select_related("item").in_bulk()
    current = Completion.objects.current().filter(cell__in=list(asked)).defer("request", "reply")
    answers = {row.cell_id: row for row in current}
    by_place = {_place(cell): answers.get(pk) for pk, cell in asked.items()}
    return [Sample(asked[cell.pk], [by_place.get((spec, *_place(cell)[1:])) for spec in specs]) for cell in cells]


def _place(cell: Cell) -> tuple[object, ...]:
    """Give whom a cell asks, and everything that makes up its question."""
    return (cell.spec_id, *(getattr(cell, name) for name in SAME_QUESTION))
