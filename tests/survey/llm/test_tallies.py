"""What the database counts of cells and calls. That the states' tallies equal a recount holds after every test here."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from survey.llm import domain
from survey.llm.domain import MAX_LEASES, Held, Result
from survey.llm.enums import CellState, ParseStage, PersonaSetting
from survey.llm.models import Attempt, CallTally, Cell, CellTally, Completion, ModelSpec, Pace, Run
from survey.llm.queries import add_up, run_progress
from survey.models import Study

MakeSpec = Callable[..., ModelSpec]


@pytest.fixture
def run(study: Study, make_spec: MakeSpec) -> Run:
    """A running run of 12 cells for each of two models."""
    specs = [make_spec("one"), make_spec("two")]
    run = domain.create_alignment_run(study, specs=specs, persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    return run


def lease(run: Run, n: int, tag: str = "one") -> list[Held]:
    cells = domain.lease_cells(run, run.specs.get(tag=tag), n)
    return [Held(cell.pk, cell.n_leases) for cell in cells]


def answered(held: Held, state: CellState = CellState.DONE, cached_from: Completion | None = None) -> Result:
    completion = Completion(
        cell_id=held.cell_id, request={}, reply={}, choice="culture", parser_version="1", cached_from=cached_from,
        parse_stage=ParseStage.LABEL, latency_ms=1, is_simulated=True,
    )  # fmt: skip
    return Result(held, state, completion)


def tallied(run: Run, tag: str = "one") -> dict[str, int]:
    """Give what is tallied, after comparing it with the cells."""
    kept = CellTally.objects.filter(run=run, spec__tag=tag)
    found = dict(kept.values_list("state").annotate(total=Sum("n")).exclude(total=0))
    assert found == dict(Counter(Cell.objects.filter(run=run, spec__tag=tag).values_list("state", flat=True)))
    return found


def test_tallies_follow_a_cell_through_its_life(run: Run) -> None:
    assert tallied(run) == {"todo": 12}
    held = lease(run, 6)
    assert tallied(run) == {"todo": 6, "leased": 6}
    domain.renew_leases(held)
    domain.release_cells(held[5:])
    assert tallied(run) == {"todo": 7, "leased": 5}
    refused, unparsed = answered(held[1], CellState.REFUSED), answered(held[2], CellState.UNPARSED)
    domain.record_completions([answered(held[0]), refused, unparsed, Result(held[3], CellState.ERROR, None)])
    assert tallied(run) == {"todo": 7, "leased": 1, "done": 1, "refused": 1, "unparsed": 1, "error": 1}
    domain.record_completions([answered(held[0])])  # void: it has ended
    Cell.objects.filter(state=CellState.LEASED).update(lease_until=timezone.now() - timedelta(seconds=1))
    domain.free_expired_leases()
    assert tallied(run) == {"todo": 8, "done": 1, "refused": 1, "unparsed": 1, "error": 1}
    domain.cancel_run(run)
    assert tallied(run) == {"cancelled": 8, "done": 1, "refused": 1, "unparsed": 1, "error": 1}
    assert tallied(run, "two") == {"cancelled": 12}


def test_hopeless_and_freed_cells_are_tallied_together(run: Run) -> None:
    held = lease(run, 3)
    Cell.objects.filter(pk=held[0].cell_id).update(n_leases=MAX_LEASES)
    Cell.objects.filter(state=CellState.LEASED).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert domain.free_expired_leases() == 3
    assert tallied(run) == {"todo": 11, "error": 1}
    assert list(CallTally.objects.values_list("outcome", "n")) == [("LeaseLost", 1)]


def test_reading_again_moves_the_tallies(run: Run) -> None:
    domain.record_completions([answered(held) for held in lease(run, 2)])
    refusal = {"choices": [{"message": {"content": "I cannot answer that."}, "finish_reason": "stop"}]}
    Completion.objects.update(reply=refusal)
    call_command("reparse_completions", str(run.pk))
    assert tallied(run) == {"todo": 10, "refused": 2}


def test_cells_that_are_deleted_are_not_counted_and_the_run_can_be(run: Run) -> None:
    domain.record_completions([answered(held) for held in lease(run, 4)])
    Cell.objects.filter(pk__in=run.cells.filter(spec__tag="one").order_by("pk")[:5].values("pk")).delete()
    assert tallied(run) == {"todo": 7}
    run.delete()
    assert not CellTally.objects.exists()
    assert not Cell.objects.exists()


def test_progress_comes_from_the_tallies_and_reads_no_cell(run: Run) -> None:
    domain.record_completions([answered(held) for held in lease(run, 5)])
    with CaptureQueriesContext(connection) as captured:
        total = add_up(run_progress(run))
    assert (total.n_total, total.n_ended, total.n_open) == (24, 5, 19)
    assert [query["sql"] for query in captured if 'llm_cell"' in query["sql"]] == []


def test_calls_are_counted_by_what_came_of_them(run: Run) -> None:
    held = lease(run, 4)
    domain.record_completions([answered(each) for each in held[:2]])
    first = Completion.objects.order_by("pk")[0]
    domain.record_completions([answered(held[2], cached_from=first)])
    limited = [Attempt(cell_id=held[3].cell_id, error_class="RateLimited", status_code=429) for _ in range(3)]
    domain.record_attempts([*limited, Attempt(cell_id=held[3].cell_id, error_class="Transient", message="reset")])
    domain.record_attempts([Attempt(cell_id=held[3].cell_id, error_class="RateLimited", status_code=429)])
    counted = CallTally.objects.filter(run=run, spec__tag="one").order_by("outcome")
    assert list(counted.values_list("outcome", "status_code", "n")) == [
        ("RateLimited", 429, 4), ("Transient", None, 1), ("answered", None, 2), ("cached", None, 1),
    ]  # fmt: skip
    latest = Attempt.objects.filter(error_class="RateLimited").latest("pk")
    assert counted.get(outcome="RateLimited").latest_attempt == latest.pk


def test_pace_counts_what_ended_and_nothing_that_only_moved(run: Run) -> None:
    held = lease(run, 6)
    domain.release_cells(held[5:])
    domain.record_completions([*map(answered, held[:3]), Result(held[3], CellState.ERROR, None)])
    Cell.objects.filter(pk=held[0].cell_id).update(state=CellState.REFUSED)  # read again
    domain.cancel_run(run)
    assert Pace.objects.filter(spec__tag="one").aggregate(n=Sum("n")) == {"n": 4}
    assert not Pace.objects.filter(spec__tag="two").exists()
    assert all(pace.at.second % 10 == 0 and pace.at.microsecond == 0 for pace in Pace.objects.all())


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_count_that_another_worker_holds(run: Run) -> None:
    """Two transactions count the same states at once: each in rows of its own, and the sums are right."""
    has_leased, may_end = threading.Event(), threading.Event()

    def lease_slowly() -> None:
        try:
            with transaction.atomic():
                lease(run, 5)
                has_leased.set()
                assert may_end.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as executor:
        slow = executor.submit(lease_slowly)
        assert has_leased.wait(30)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '5s'")
                domain.record_completions([answered(held) for held in lease(run, 4)])
        finally:
            may_end.set()
        slow.result()
    assert tallied(run) == {"todo": 3, "leased": 5, "done": 4}
    domain.cancel_run(run)
    assert tallied(run) == {"cancelled": 3, "leased": 5, "done": 4}
