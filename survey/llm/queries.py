"""Reads that more than one caller uses: what is left to do, how far a run is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Sum

from survey.enums import ActorGender, Gender, OptionOrder, Question, Status
from survey.llm.design import Shown
from survey.llm.enums import CallOutcome, CellState, RunState
from survey.llm.models import CallTally, Cell, CellTally, Completion, ModelPrice, ModelSpec, ModelStop, Probe, Run
from survey.llm.prompts import Persona
from survey.models import Response, Study, SurveySession
from survey.queries import version_structure


@dataclass(frozen=True)
class Progress:
    """How many cells of one model, or of a whole run, are in each state."""

    name: str
    counts: Mapping[CellState, int]

    @property
    def n_total(self) -> int:
        return sum(self.counts.values())

    @property
    def n_open(self) -> int:
        return self.counts.get(CellState.TODO, 0) + self.counts.get(CellState.LEASED, 0)

    @property
    def n_ended(self) -> int:
        return self.n_total - self.n_open

    def __add__(self, other: Progress) -> Progress:
        states = {*self.counts, *other.counts}
        counts = {state: self.counts.get(state, 0) + other.counts.get(state, 0) for state in states}
        return Progress(self.name, counts)


def run_progress(run: Run) -> list[Progress]:
    """Tell how many cells of each model of a run are in each state, the models by tag."""
    counts: dict[str, dict[CellState, int]] = defaultdict(dict)
    tallies = CellTally.objects.filter(run=run).values_list("spec__tag", "state").annotate(total=Sum("n"))
    for tag, state, n in tallies.order_by("spec__tag").exclude(total=0):
        counts[tag][CellState(state)] = n
    return [Progress(tag, by_state) for tag, by_state in counts.items()]


def runs_progress(runs: Iterable[Run]) -> dict[int, Progress]:
    """Tell how many cells of each of some runs, by its key, are in each state."""
    found = {run.pk: Progress(str(run), {}) for run in runs}
    tallies = CellTally.objects.filter(run__in=list(found)).values_list("run", "state").annotate(total=Sum("n"))
    for run_id, state, n in tallies.order_by().exclude(total=0):
        found[run_id] += Progress("", {CellState(state): n})
    return found


def add_up(parts: Iterable[Progress]) -> Progress:
    """Give the sum over models."""
    return sum(parts, Progress("All models", {}))


def idle_specs(run: Run) -> list[int]:
    """Give the models of a run that have cells to do, may be asked, and have none in anybody's hands."""
    todo = Cell.objects.filter(run=run, spec=OuterRef("pk"), state=CellState.TODO)
    leased = Cell.objects.filter(run=run, spec=OuterRef("pk"), state=CellState.LEASED)
    idle = run.specs.filter(Exists(todo), ~Exists(leased)).exclude(stops__run=run)
    return list(idle.values_list("pk", flat=True))


def has_answered(spec: ModelSpec) -> bool:
    """Tell whether a model has answered anything in the runs that are under way."""
    called = CallTally.objects.filter(run__state=RunState.RUNNING, spec=spec, outcome=CallOutcome.ANSWERED)
    return bool(called.aggregate(total=Sum("n"))["total"])


def running_runs(spec: ModelSpec) -> list[Run]:
    return list(Run.objects.filter(state=RunState.RUNNING, specs=spec))


def next_run(spec_id: int, *, after: int, without: Collection[int] = ()) -> int | None:
    """Give the running run whose turn it is to ask a model: of those that have cells to do for it, still ask it and
    have the highest priority, the next one, round and round.
    """
    todo = Cell.objects.filter(run=OuterRef("pk"), spec=spec_id, state=CellState.TODO)
    asking = Run.objects.filter(~has_stopped(spec_id), state=RunState.RUNNING, specs=spec_id)
    waiting = asking.filter(Exists(todo)).exclude(pk__in=without)
    found = list(waiting.order_by("-priority", "pk").values_list("pk", "priority"))
    ids = [pk for pk, priority in found if priority == found[0][1]]
    return next((pk for pk in ids if pk > after), ids[0] if ids else None)


def earlier_answers(run: Run, hashes: Collection[str]) -> dict[str, Completion]:
    """Give what other runs were answered to the same calls, the newest answer of each by the hash of its request."""
    found = _answers_to(hashes).exclude(cell__run=run)
    newest = found.order_by("request_hash", "-pk").distinct("request_hash")
    return {completion.request_hash: completion for completion in newest}


def answered_hashes(hashes: Collection[str]) -> set[str]:
    """Tell which calls have been answered."""
    return set(_answers_to(hashes).values_list("request_hash", flat=True))


def _answers_to(hashes: Collection[str]) -> QuerySet[Completion]:
    """Find answers that may stand for others: refusals and unread ones too, no copies, none that was set aside."""
    return Completion.objects.current().filter(request_hash__in=hashes, cached_from=None).exclude(request_hash="")


def are_asking(run_ids: Iterable[int], spec: ModelSpec) -> bool:
    """Tell whether all of some runs are running and still ask a model."""
    ids = list(run_ids)
    return Run.objects.filter(~has_stopped(spec.pk), pk__in=ids, state=RunState.RUNNING).count() == len(ids)


def has_stopped(spec_id: int) -> Exists:
    """Say of a run that it asks a model no more."""
    return Exists(ModelStop.objects.filter(run=OuterRef("pk"), spec=spec_id))


def probe_target(spec: ModelSpec) -> dict[str, Any]:
    """Give what decides how a model is called; a probe holds as long as this stays the same."""
    names = ("provider", "base_url", "model", "prompt_format", "parameters")
    return {name: getattr(spec, name) for name in names}


def current_probes(specs: Iterable[ModelSpec]) -> dict[int, Probe]:
    """Give the newest finished probe of each model by its key, as far as it still holds."""
    by_pk = {spec.pk: spec for spec in specs}
    finished = Probe.objects.filter(spec__in=by_pk, finished_at__isnull=False, error="")
    newest = finished.order_by("spec_id", "-asked_at", "-pk").distinct("spec_id")
    return {probe.spec_id: probe for probe in newest if probe.target == probe_target(by_pk[probe.spec_id])}


def current_findings(specs: Iterable[ModelSpec]) -> dict[int, Mapping[str, Mapping[str, Any]]]:
    return {pk: probe.findings for pk, probe in current_probes(specs).items()}


def current_prices(specs: Iterable[ModelSpec], on: date) -> dict[int, ModelPrice]:
    """Give what each model costs on a day, by its key."""
    valid = ModelPrice.objects.filter(spec__in=list(specs), valid_from__lte=on)
    return {price.spec_id: price for price in valid.order_by("spec_id", "-valid_from").distinct("spec_id")}


def shown_pages(study: Study, *, status: Status, n_sessions: int | None = None) -> list[Shown]:
    """Give every question that sessions answered, as it was put, in the order in which they saw it."""
    sessions = SurveySession.objects.filter(arm__study=study, version=study.version, status=status).order_by("pk")
    sessions = sessions.select_related("arm", "demographics")[:n_sessions]
    buckets = version_structure(study.version_id).get("age_buckets", {})
    by_session = {session.pk: session for session in sessions}
    responses = Response.objects.filter(session__in=by_session).order_by("session", "position")
    pages = [_shown(response, by_session[response.session_id], buckets) for response in responses]
    return sorted(pages, key=lambda page: _place(page, by_session[page.session_id]))


def _shown(response: Response, session: SurveySession, buckets: Mapping[str, str]) -> Shown:
    return Shown(
        session.pk,
        response.position,
        response.item_id,
        Question(response.question),
        OptionOrder(response.option_order),
        response.locale,
        _respondent(session, buckets),
    )


def _place(page: Shown, session: SurveySession) -> tuple[int, int, int]:
    return page.session_id, page.position, session.plan[page.position]["questions"].index(page.question)


def _respondent(session: SurveySession, buckets: Mapping[str, str]) -> Persona:
    """Describe a respondent as a persona, as far as they said and personas can."""
    said = getattr(session, "demographics", None)
    genders = {Gender.WOMAN.value: ActorGender.FEMALE, Gender.MAN.value: ActorGender.MALE}
    age = buckets.get(said.age_band, "") if said else ""
    gender = genders.get(said.gender, "") if said else ""
    return Persona(session.arm.country, age, gender)
