"""Every write of model runs, one verb a function."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from survey.enums import Country
from survey.flow.wording import word_item
from survey.llm.design import Design, Factors
from survey.llm.enums import OPEN_STATES, CellState, DemographicConfig, PersonaSetting, PreferenceConfig, RunState
from survey.llm.models import Attempt, Cell, Completion, ModelSpec, Run
from survey.llm.parsing import PARSER_VERSION
from survey.llm.prompts import template_hash
from survey.models import Item, Study
from survey.queries import text_catalogue

LEASE = timedelta(seconds=60)  # holders renew it long before
MAX_LEASES = 10  # a cell whose holders die this often is taken for the cause
CELL_COLUMNS = (
    "run_id", "spec_id", "item_id", "question", "persona_setting", "persona_country", "persona_age",
    "persona_gender", "option_order", "locale", "condition", "method", "repeat", "paraphrase", "preference_config",
    "demographic_config", "position", "state", "n_leases",
)  # fmt: skip
PLAIN = (1, PreferenceConfig.ACTOR_PREF_ONLY, DemographicConfig.NO_DEMO, 0)


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


@transaction.atomic
def create_alignment_run(
    study: Study,
    *,
    specs: Sequence[ModelSpec],
    persona: Sequence[PersonaSetting] = tuple(PersonaSetting),
    items: Iterable[Item] | None = None,
    limit: int | None = None,
    created_by: AbstractBaseUser | AnonymousUser | None = None,
) -> Run:
    """Make a queued run with all its cells; `ValueError` says why there is nothing to ask."""
    design = Design(countries=[Country(arm.country) for arm in study.arms.order_by("country")], settings=tuple(persona))
    chosen = list(study.version.items.order_by("code") if items is None else items)[:limit]
    _refuse_empty(design, chosen, specs)
    _refuse_unworded(study, design, chosen)
    seed = secrets.randbits(32)
    factors = design.cross([item.pk for item in chosen], seed)
    run = Run.objects.create(
        study=study,
        manifest=_manifest(study, design, chosen, specs, seed),
        n_cells=len(factors) * len(specs),
        created_by_id=created_by.pk if created_by else None,
    )
    run.specs.set(specs)
    _copy_cells(run, design, factors, specs)
    return run


def _refuse_empty(design: Design, items: Sequence[Item], specs: Sequence[ModelSpec]) -> None:
    if not specs:
        raise ValueError("Choose at least one model.")
    if not items:
        raise ValueError("The study's instrument has no items.")
    if not design.respondents:
        raise ValueError("Choose no persona, personas or both; personas need a study with respondent countries.")


def _refuse_unworded(study: Study, design: Design, items: Sequence[Item]) -> None:
    texts = text_catalogue(study.version_id, design.locale)
    for item in items:
        if item.version_id != study.version_id:
            raise ValueError(f"Item {item.code} belongs to another version than the study.")
        try:
            word_item(texts, item.code)
        except KeyError as error:
            raise ValueError(f"The instrument has no {design.locale} text {error}.") from error


def _manifest(
    study: Study, design: Design, items: Sequence[Item], specs: Sequence[ModelSpec], seed: int
) -> dict[str, Any]:
    """Freeze what the run asks, of whom and how, so that it can be told and done again."""
    spec_fields = ("tag", "provider", "base_url", "model", "family", "stage", "parameters")
    return {
        "kind": "alignment",
        "study": study.code,
        "instrument": str(study.version),
        "content_hash": study.version.content_hash,
        **asdict(design),
        "template_hash": template_hash(design.template),
        "parser_version": PARSER_VERSION,
        "items": [item.code for item in items],
        "specs": [{name: getattr(spec, name) for name in spec_fields} for spec in specs],
        "shuffle_seed": seed,
    }


def _copy_cells(run: Run, design: Design, factors: Sequence[Factors], specs: Sequence[ModelSpec]) -> None:
    """Stream the cells into the table (COPY): a run has tens of thousands."""
    columns = ", ".join(CELL_COLUMNS)
    with connection.cursor() as cursor, cursor.copy(f"COPY llm_cell ({columns}) FROM STDIN") as copy:
        for spec in specs:
            for item_id, question, persona, order in factors:
                setting = PersonaSetting.PERSONA if persona else PersonaSetting.NO_PERSONA
                named = persona or ("", "", "")
                fixed = (design.locale, design.template, design.method, design.repeat, *PLAIN, CellState.TODO, 0)
                copy.write_row((run.pk, spec.pk, item_id, question, setting, *named, order, *fixed))


def begin_run(run: Run) -> bool:
    """Set a queued run going; False when somebody else did."""
    return bool(Run.objects.filter(pk=run.pk, state=RunState.QUEUED).update(state=RunState.RUNNING))


def stop_run(run: Run, error: str) -> None:
    """Stop a running run for a reason that a person must mend; what was not asked stays to be asked."""
    Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(state=RunState.FAILED, error=error)


def resume_run(run: Run) -> bool:
    """Queue a stopped run again; False when it was not stopped."""
    return bool(Run.objects.filter(pk=run.pk, state=RunState.FAILED).update(state=RunState.QUEUED, error=""))


def cancel_run(run: Run) -> bool:
    """End a run for good; answers that are under way are still taken. False when it had ended already."""
    unfinished = [RunState.QUEUED, RunState.RUNNING, RunState.FAILED]
    n_runs = Run.objects.filter(pk=run.pk, state__in=unfinished).update(state=RunState.CANCELLED, finished_at=Now())
    Cell.objects.filter(run_id=run.pk, run__state=RunState.CANCELLED, state=CellState.TODO).update(
        state=CellState.CANCELLED
    )
    return bool(n_runs)


def finish_run_if_done(run: Run) -> bool:
    """Close a running run that has no open cell left."""
    if Cell.objects.filter(run_id=run.pk, state__in=OPEN_STATES).exists():
        return False
    running = Run.objects.filter(pk=run.pk, state=RunState.RUNNING)
    return bool(running.update(state=RunState.DONE, finished_at=Now()))


# --- Cells -------------------------------------------------------------------------------------


@transaction.atomic
def lease_cells(run: Run, spec: ModelSpec, n: int) -> list[Cell]:
    """Take up to n cells that are to do, for a minute; nobody else gets the same ones meanwhile."""
    todo = Cell.objects.filter(run_id=run.pk, spec_id=spec.pk, state=CellState.TODO, run__state=RunState.RUNNING)
    cells = list(todo.select_related("item").select_for_update(of=("self",), skip_locked=True).order_by("pk")[:n])
    Cell.objects.filter(pk__in=[cell.pk for cell in cells]).update(
        state=CellState.LEASED, lease_until=Now() + LEASE, n_leases=F("n_leases") + 1
    )
    for cell in cells:
        cell.state, cell.n_leases = CellState.LEASED, cell.n_leases + 1
    return cells


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
            " RETURNING id",
            [*_arrays(result.held for result in ordered), [str(result.state) for result in ordered]],
        )
        ended = {row[0] for row in cursor.fetchall()}
    completions = [r.completion for r in ordered if r.completion and r.held.cell_id in ended]
    Completion.objects.bulk_create(completions, ignore_conflicts=True)
    return ended


def record_attempts(attempts: Iterable[Attempt]) -> None:
    """Store the calls that brought no answer."""
    Attempt.objects.bulk_create(attempts)


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
