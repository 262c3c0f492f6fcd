"""Every write of model runs, one verb a function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone

from survey.llm.enums import OPEN_STATES, Again, CellState, PersonaSetting, RunState
from survey.llm.experiment import Experiment, alignment_experiment
from survey.llm.models import Attempt, Cell, Completion, ModelSpec, ModelStop, Reasking, Run
from survey.llm.pricing import in_words
from survey.llm.prompts import Persona
from survey.llm.queries import current_prices
from survey.llm.requests import limits_answers
from survey.llm.trouble import end_trouble, has_model_to_ask, stop_run_of_stopped_models
from survey.models import Item, Study

NO_ROOM = "had no room for a further call"  # what a run says that its budget has paused
LEASE = timedelta(seconds=60)  # holders renew it long before
MAX_LEASES = 10  # a cell whose holders die this often is taken for the cause
CELL_COLUMNS = (
    "run_id", "spec_id", "item_id", "question", "persona_setting", "persona_country", "persona_age", "persona_gender",
    "locale", "option_order", "condition", "paraphrase", "preference_config", "demographic_config", "method", "repeat",
    "session_id", "position", "state", "n_leases",
)  # fmt: skip


class Held(NamedTuple):
    """A cell and the lease under which it is held; a later lease makes this one void."""

    cell_id: int
    lease: int


@dataclass(frozen=True)
class Result:
    """What ended a held cell; the completion is None where no call brought one."""

    held: Held
    state: CellState
    completion: Completion | None


# --- Runs --------------------------------------------------------------------------------------


def create_alignment_run(
    study: Study,
    *,
    specs: Sequence[ModelSpec],
    persona: Sequence[PersonaSetting] = tuple(PersonaSetting),
    items: Iterable[Item] | None = None,
    limit: int | None = None,
    created_by: AbstractBaseUser | AnonymousUser | None = None,
) -> Run:
    """Make a queued run of the ready alignment design with all its cells; `ValueError` says why it cannot be."""
    return create_run(alignment_experiment(study, specs, persona, items, limit), created_by=created_by)


@transaction.atomic
def create_run(
    experiment: Experiment,
    *,
    budget: Decimal | None = None,
    priority: int = 0,
    reuses_answers: bool = False,
    created_by: AbstractBaseUser | AnonymousUser | None = None,
) -> Run:
    """Make a queued run with all its cells and its frozen manifest; `ValueError` says why it cannot be asked."""
    experiment.check()
    run = Run.objects.create(
        study=experiment.study,
        kind=experiment.design.kind,
        manifest=experiment.manifest,
        manifest_hash=experiment.manifest_hash,
        n_cells=experiment.n_cells,
        budget=budget,
        currency=currency_of(experiment.specs, budget),
        priority=priority,
        reuses_answers=reuses_answers,
        created_by_id=created_by.pk if created_by else None,
    )
    run.specs.set(experiment.specs)
    _copy_cells(run, experiment)
    return run


def currency_of(specs: Sequence[ModelSpec], budget: Decimal | None) -> str:
    """Give the one currency that all prices are in; blank where there is none. `ValueError`: no budget could hold."""
    found = {price.currency for price in current_prices(specs, timezone.now().date()).values()}
    if len(found) > 1:
        raise ValueError(f"The models' prices are in {' and '.join(sorted(found))}: run them one currency at a time.")
    if budget is not None:
        if not found:
            raise ValueError("A budget needs a price: none of these models has one.")
        if endless := [spec.tag for spec in specs if not limits_answers(spec)]:
            raise ValueError(f"A budget needs answers of limited length: set max_tokens for {', '.join(endless)}.")
    return next(iter(found), "")


def _copy_cells(run: Run, experiment: Experiment) -> None:
    """Stream the cells into the table (COPY): a run has tens of thousands and more."""
    columns = ", ".join(CELL_COLUMNS)
    with connection.cursor() as cursor, cursor.copy(f"COPY llm_cell ({columns}) FROM STDIN") as copy:
        for spec in experiment.specs:
            for factors in experiment.factors:
                item_id, question, persona, *rest = factors
                setting = PersonaSetting.PERSONA if persona else PersonaSetting.NO_PERSONA
                named = persona or Persona()
                copy.write_row((run.pk, spec.pk, item_id, question, setting, *named, *rest, CellState.TODO, 0))


def begin_run(run: Run) -> bool:
    """Set a queued run going, with all patience for its models; False when somebody else did."""
    if not Run.objects.filter(pk=run.pk, state=RunState.QUEUED).update(state=RunState.RUNNING):
        return False
    ModelStop.objects.filter(run_id=run.pk).delete()
    for spec in run.specs.exclude(trouble=""):
        end_trouble(spec)
    return True


def pause_run(run: Run, reason: str = "") -> bool:
    """Ask nothing more for now; answers that are under way are still taken. False when it was not under way."""
    under_way = Run.objects.filter(pk=run.pk, state__in=[RunState.QUEUED, RunState.RUNNING])
    return bool(under_way.update(state=RunState.PAUSED, error=reason))


def resume_run(run: Run) -> bool:
    """Queue a run again that is paused or stopped, or has a model that is; False when it was neither."""
    has_stopped_model = Q(Exists(ModelStop.objects.filter(run=OuterRef("pk"))), state=RunState.RUNNING)
    held_up = Run.objects.filter(has_stopped_model | Q(state__in=[RunState.PAUSED, RunState.FAILED]), pk=run.pk)
    return bool(held_up.update(state=RunState.QUEUED, error=""))


@transaction.atomic
def ask_again(run: Run, kinds: Collection[Again], by: str = "") -> Reasking:
    """Queue a run again with its cells of some kinds to do; their answers are set aside, not lost.

    Whoever still held such a cell holds it no more. `ValueError` says why nothing is asked again.
    """
    ended = Run.objects.filter(pk=run.pk, state__in=[RunState.DONE, RunState.PAUSED, RunState.FAILED])
    if not ended.select_for_update(no_key=True).exists():
        raise ValueError("Only a run that is done, paused or was stopped by an error is asked again.")
    states = sorted(kind.state for kind in kinds)
    n_cells = Cell.objects.filter(run_id=run.pk, state__in=states).count()
    if not n_cells:
        raise ValueError("The run has nothing of this kind to ask again.")
    act = Reasking.objects.create(run_id=run.pk, kinds=sorted(kinds), n_cells=n_cells, by=by)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE llm_completion SET set_aside_by_id = %s FROM llm_cell AS cell"
            " WHERE cell.id = cell_id AND cell.run_id = %s AND cell.state = ANY(%s) AND set_aside_by_id IS NULL",
            [act.pk, run.pk, states],
        )
        cursor.execute(
            "UPDATE llm_cell SET state = 'todo', n_leases = n_leases + 1, asking = asking + (state <> 'error')::int,"
            " n_failed = 0 WHERE run_id = %s AND state = ANY(%s)",
            [run.pk, states],
        )
    ended.update(state=RunState.QUEUED, error="", finished_at=None)
    return act


def change_budget(run: Run, budget: Decimal | None) -> None:
    """Set what a run may cost, None for no limit, from the next lease on; `ValueError` says why it could not hold."""
    if budget is not None:
        adopt_currency(run, currency_of(list(run.specs.all()), budget))
    Run.objects.filter(pk=run.pk).update(budget=budget)
    Run.objects.filter(pk=run.pk, state=RunState.PAUSED, error__contains=NO_ROOM).update(error="")  # of the old budget


def change_priority(run: Run, priority: int) -> None:
    """Have a run asked before others that share its models, or after them, from the next lease on."""
    Run.objects.filter(pk=run.pk).update(priority=priority)


def adopt_currency(run: Run, currency: str) -> None:
    """Have a run that was made before there was a price count in the price's currency."""
    if not run.currency and Run.objects.filter(pk=run.pk, currency="").update(currency=currency):
        run.currency = currency


def cancel_run(run: Run) -> bool:
    """End a run for good; answers that are under way are still taken. False when it had ended already."""
    unfinished = [RunState.QUEUED, RunState.RUNNING, RunState.PAUSED, RunState.FAILED]
    n_runs = Run.objects.filter(pk=run.pk, state__in=unfinished).update(state=RunState.CANCELLED, finished_at=Now())
    Cell.objects.filter(run_id=run.pk, run__state=RunState.CANCELLED, state=CellState.TODO).update(
        state=CellState.CANCELLED
    )
    return bool(n_runs)


def finish_run_if_done(run: Run) -> bool:
    """Close a running run that has no open cell left, or none that may be asked; its error says what is left."""
    if has_model_to_ask(run):
        return False
    if Cell.objects.filter(run_id=run.pk, state__in=OPEN_STATES).exists():
        return stop_run_of_stopped_models(run)
    running = Run.objects.filter(pk=run.pk, state=RunState.RUNNING)
    return bool(running.update(state=RunState.DONE, finished_at=Now()))


# --- Cells -------------------------------------------------------------------------------------


def for_nothing(cells: Sequence[Cell]) -> list[Decimal]:
    """Say of calls that they cost nothing."""
    return [Decimal(0)] * len(cells)


@transaction.atomic
def lease_cells(
    run: Run, spec: ModelSpec, n: int, most: Callable[[Sequence[Cell]], Sequence[Decimal]] = for_nothing
) -> list[Cell]:
    """Take up to n cells that are to do, for a minute; nobody else gets the same ones meanwhile.

    `most` gives the most that each call may cost. So much of the run's budget is taken for it, under a lock on the
    run, until its answer is charged or the cell is given back.
    """
    room = _room_in_budget(run)
    todo = Cell.objects.filter(run_id=run.pk, spec_id=spec.pk, state=CellState.TODO, run__state=RunState.RUNNING)
    cells = list(todo.select_related("item").select_for_update(of=("self",), skip_locked=True).order_by("pk")[:n])
    taken = _within(room, list(zip(cells, most(cells), strict=True)))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE llm_cell SET state = 'leased', lease_until = now() + make_interval(secs => %s),"
            " n_leases = n_leases + 1, reserved = taken.reserved"
            " FROM unnest(%s::bigint[], %s::numeric[]) AS taken(cell_id, reserved) WHERE id = taken.cell_id",
            [LEASE.total_seconds(), [cell.pk for cell, _ in taken], [amount for _, amount in taken]],
        )
    for cell, amount in taken:
        cell.state, cell.n_leases, cell.reserved = CellState.LEASED, cell.n_leases + 1, amount
    return [cell for cell, _ in taken]


def _room_in_budget(run: Run) -> Decimal | None:
    """Give what is neither spent nor taken for calls in flight, and lock the run; None without a budget, no lock."""
    limited = (
        Run.objects.only("budget", "spent")
        .filter(pk=run.pk, budget__isnull=False)
        .select_for_update(no_key=True)
        .first()
    )
    if limited is None or limited.budget is None:
        return None
    in_flight = Cell.objects.filter(run_id=run.pk, state=CellState.LEASED)
    return limited.budget - limited.spent - (in_flight.aggregate(n=Sum("reserved"))["n"] or 0)


def _within(room: Decimal | None, priced: Sequence[tuple[Cell, Decimal]]) -> list[tuple[Cell, Decimal]]:
    """Give the first cells that there is room for, and those that cost nothing."""
    if room is None:
        return list(priced)
    taken, is_full = [], False
    for cell, amount in priced:
        is_full = is_full or amount > room
        if not amount or not is_full:
            taken.append((cell, amount))
            room -= amount
    return taken


@transaction.atomic
def pause_without_room(run: Run, least: Decimal) -> bool:
    """Pause a run whose budget has no room for its cheapest call, unless what is in flight may yet leave some."""
    room = _room_in_budget(run)
    if room is None or room >= least or Cell.objects.filter(run_id=run.pk, state=CellState.LEASED).exists():
        return False
    budget = Run.objects.values_list("budget", flat=True).get(pk=run.pk) or Decimal(0)
    told = (
        f"The budget of {in_words(budget)} {run.currency} {NO_ROOM}: {in_words(max(room, Decimal(0)))} is left, and the"
        f" next call may cost up to {in_words(least)}. Raise it, then resume the run."
    )
    return pause_run(run, told)


def renew_leases(held: Iterable[Held]) -> None:
    """Hold cells for another minute, as far as they are still held."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE llm_cell SET lease_until = now() + make_interval(secs => %s)"
            " FROM unnest(%s::bigint[], %s::int[]) AS held(cell_id, lease)"
            " WHERE id = held.cell_id AND n_leases = held.lease AND state = 'leased'",
            [LEASE.total_seconds(), *_arrays(held)],
        )


def release_cells(held: Iterable[Held]) -> None:
    """Give back cells that were not asked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE llm_cell SET state = 'todo', lease_until = NULL"
            " FROM unnest(%s::bigint[], %s::int[]) AS held(cell_id, lease)"
            " WHERE id = held.cell_id AND n_leases = held.lease AND state = 'leased'",
            _arrays(held),
        )


def _arrays(held: Iterable[Held]) -> list[list[int]]:
    """Give the columns of cells in one order for all, so that two workers cannot wait for each other."""
    pairs = sorted(held)
    return [[pair.cell_id for pair in pairs], [pair.lease for pair in pairs]]


@transaction.atomic
def record_completions(results: Sequence[Result]) -> set[int]:
    """Store what came back for cells that nobody leased since; give the ids of the cells that this ended.

    A cell that was freed or whose run stopped meanwhile still takes its answer: it has been paid for.
    """
    ordered = sorted(results, key=lambda result: result.held)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE llm_cell SET state = result.state, lease_until = NULL"
            " FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS result(cell_id, lease, state)"
            " WHERE id = result.cell_id AND n_leases = result.lease AND llm_cell.state IN ('todo', 'leased')"
            " RETURNING id, run_id",
            [*_arrays(result.held for result in ordered), [str(result.state) for result in ordered]],
        )
        ended = dict(cursor.fetchall())
    completions = [r.completion for r in ordered if r.completion and r.held.cell_id in ended]
    Completion.objects.bulk_create(completions, ignore_conflicts=True)
    _charge((ended[completion.cell_id], completion.cost) for completion in completions if completion.cost)
    return set(ended)


def _charge(costs: Iterable[tuple[int, Decimal]]) -> None:
    """Add what answers cost to what their runs have spent, in the transaction that stores them."""
    spent: dict[int, Decimal] = defaultdict(Decimal)
    for run_id, cost in costs:
        spent[run_id] += cost
    for run_id in sorted(spent):
        Run.objects.filter(pk=run_id).update(spent=F("spent") + spent[run_id])


def note_overcount(spec: ModelSpec, ratio: float) -> None:
    """Keep by how much an answer cost more than was taken for it: from now on so much more is taken."""
    ModelSpec.objects.filter(pk=spec.pk, overcount__lt=ratio).update(overcount=ratio)


@transaction.atomic
def record_attempts(attempts: Iterable[Attempt], failed: Mapping[int, int] | None = None) -> None:
    """Store the calls that brought no answer, and by cell how many that count were made by now."""
    Attempt.objects.bulk_create(attempts)
    if failed:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE llm_cell SET n_failed = failed.n FROM unnest(%s::bigint[], %s::int[]) AS failed(cell_id, n)"
                " WHERE id = failed.cell_id AND n_failed < failed.n",
                [sorted(failed), [failed[cell_id] for cell_id in sorted(failed)]],
            )


@transaction.atomic
def free_expired_leases() -> int:
    """Take cells back from holders that died; give up those that keep costing their holders' lives."""
    expired = Cell.objects.filter(state=CellState.LEASED, lease_until__lt=Now())
    cells = list(expired.select_for_update(skip_locked=True).values_list("pk", "n_leases"))
    hopeless = [pk for pk, n_leases in cells if n_leases >= MAX_LEASES]
    record_attempts(
        Attempt(cell_id=pk, error_class="LeaseLost", message=f"{MAX_LEASES} workers died while they held this cell")
        for pk in hopeless
    )
    Cell.objects.filter(pk__in=hopeless).update(state=CellState.ERROR, lease_until=None)
    Cell.objects.filter(pk__in=[pk for pk, _ in cells if pk not in set(hopeless)]).update(
        state=CellState.TODO, lease_until=None
    )
    return len(cells)


def close_cancelled_cells() -> None:
    """Cancel what was given back to runs that were cancelled meanwhile."""
    Cell.objects.filter(state=CellState.TODO, run__state=RunState.CANCELLED).update(state=CellState.CANCELLED)
