"""What watching a run shows, and that it reads as little of a large run as of a small one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from survey.llm import domain
from survey.llm.bars import segments
from survey.llm.design import Design
from survey.llm.enums import CellState, Method, PersonaSetting
from survey.llm.experiment import Experiment
from survey.llm.models import Attempt, Completion, ModelSpec, Pace, Run
from survey.llm.pace import Left, Rates, bin_start, left_text, rates, time_left
from survey.llm.queries import Progress
from survey.llm.stint import Stint
from survey.llm.watching import N_LATEST, Calls, samples, stand
from survey.models import Study

MakeSpec = Callable[..., ModelSpec]
NOON = datetime.fromisoformat("2026-11-28T12:00:07+00:00")
HEAVY = ("llm_cell", "llm_completion", "llm_attempt")


def at(minutes: float) -> datetime:
    """Give the ten seconds so many minutes before noon."""
    return bin_start(NOON - timedelta(minutes=minutes))


# --- Pace ----------------------------------------------------------------------------------------


def test_rates_are_of_the_last_minutes_and_of_all() -> None:
    counts = {at(20): 900, at(4): 210, at(0.5): 67}
    found = rates(counts, first=at(60), last=NOON, n=6007, now=NOON)
    # Windows begin with whole ten seconds: the last minute is 67 seconds long here.
    assert found == Rates(67 * 60 / 67, 277 * 60 / 307, 1177 * 60 / 1807, 6007 * 60 / 3607)


def test_rates_of_a_young_run_count_from_its_first_answer() -> None:
    first = bin_start(NOON)  # seven seconds ago
    assert rates({first: 14}, first=first, last=NOON, n=14, now=NOON) == Rates(*[120.0] * 4)
    assert rates({}, first=None, last=NOON, n=0, now=NOON) == Rates(0.0, 0.0, 0.0, 0.0)


def test_time_left_is_a_range_and_that_of_the_slowest_model() -> None:
    fast, slow = Rates(100.0, 50.0, 80.0, 1.0), Rates(10.0, 20.0, 5.0, 1.0)
    assert time_left([(100, fast)]) == Left(1.0, 2.0)
    assert time_left([(100, fast), (100, slow)]) == Left(5.0, 20.0)
    assert time_left([(0, slow), (100, fast)]) == Left(1.0, 2.0)


def test_time_left_is_unknown_where_a_model_is_silent_or_nothing_is_open() -> None:
    fast, silent = Rates(100.0, 50.0, 80.0, 1.0), Rates(0.0, 0.0, 20.0, 9.0)
    assert time_left([(100, fast), (1, silent)]) is None
    assert time_left([(0, fast)]) is None


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (Left(0.001, 0.5), "1 s to 30 s"),
        (Left(4.2, 6.6), "4 min to 7 min"),
        (Left(4.2, 4.4), "about 4 min"),
        (Left(100, 150), "100 min to 2.5 h"),
        (Left(3000, 4320), "2.1 days to 3.0 days"),
    ],
)
def test_time_left_in_words(left: Left, text: str) -> None:
    assert left_text(left) == text


# --- Bars ----------------------------------------------------------------------------------------


def test_bar_is_filled_and_shows_what_is_rare() -> None:
    parts = segments(Progress("one", {CellState.TODO: 9000, CellState.ERROR: 1, CellState.DONE: 40_999}))
    assert [part.state for part in parts] == [CellState.DONE, CellState.ERROR, CellState.TODO]
    assert [part.n for part in parts] == [40_999, 1, 9000]
    assert parts[1].width > 0.7
    assert sum(part.width for part in parts) == pytest.approx(100, abs=0.02)
    assert parts[2].x == pytest.approx(parts[0].width + parts[1].width, abs=0.02)
    assert segments(Progress("none", {})) == []


# --- A run ---------------------------------------------------------------------------------------


def make_run(study: Study, specs: list[ModelSpec], *, n_samples: int = 10) -> Run:
    design = Design(methods=(Method.SAMPLE,), n_samples=n_samples)
    run = domain.create_run(Experiment(study, design, specs, list(study.version.items.all())))
    domain.begin_run(run)
    return run


def ask(run: Run, spec: ModelSpec, n: int) -> None:
    """Answer n cells, a third of them refused, as a worker would."""
    for cell in domain.lease_cells(run, spec, n):
        completion = Completion(
            cell_id=cell.pk, request={}, reply={}, text="A", choice="culture", parser_version="1",
            parse_stage="label", latency_ms=100 + cell.pk % 100, is_simulated=True,
        )  # fmt: skip
        state = CellState.REFUSED if cell.pk % 3 == 0 else CellState.DONE
        domain.record_completions([domain.Result(domain.Held(cell.pk, cell.n_leases), state, completion)])


def test_stand_tells_pace_calls_latency_and_failures(study: Study, make_spec: MakeSpec) -> None:
    specs = [make_spec("one"), make_spec("two")]
    run = domain.create_alignment_run(study, specs=specs, persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    one, two = specs
    Stint(one, max_in_flight=4).work()
    first = Completion.objects.order_by("pk")[0]
    [leased] = domain.lease_cells(run, two, 1)
    copy = Completion(
        cell_id=leased.pk, request={}, reply={}, parser_version="1", parse_stage="label", latency_ms=99_000,
        is_simulated=True, cached_from=first,
    )  # fmt: skip
    domain.record_completions([domain.Result(domain.Held(leased.pk, leased.n_leases), CellState.DONE, copy)])
    cell = run.cells.filter(spec=two, state=CellState.TODO)[0]
    domain.record_attempts(
        [
            Attempt(cell=cell, error_class="RateLimited", status_code=429, message="slow down", body="{}"),
            Attempt(cell=cell, error_class="RateLimited", status_code=429, message="slower"),
            Attempt(cell=cell, error_class="Transient", status_code=503, message="busy"),
        ]
    )
    found = stand(run)
    by_tag = {model.spec.tag: model for model in found.models}
    assert by_tag["one"].calls == Calls(12, 0, 0, 0)
    assert by_tag["two"].calls == Calls(0, 1, 2, 1)
    assert found.calls == Calls(12, 1, 2, 1)
    assert (found.total.n_ended, found.total.n_total) == (13, 24)
    latency = by_tag["one"].latency
    assert latency is not None
    assert latency.n == 12
    assert 0 <= latency.median <= latency.p95 < 60
    assert by_tag["two"].latency is None  # nothing was called
    assert found.rate > by_tag["one"].rates.minute > 0
    assert found.left is not None
    kinds = [(kind.label, kind.status_code, kind.n, kind.latest and kind.latest.message) for kind in found.failures]
    assert kinds == [
        ("Passing failure: tried again", 503, 1, "busy"),
        ("Rate limit: all calls waited", 429, 2, "slower"),
    ]


def test_samples_are_the_latest_questions_with_all_their_answers(study: Study, make_spec: MakeSpec) -> None:
    one, two = specs = [make_spec("one"), make_spec("two")]
    run = make_run(study, specs)
    ask(run, one, 30)
    ask(run, two, 9)
    shown = samples(run, stand(run).models)
    latest = run.cells.filter(spec=two).exclude(state=CellState.TODO).order_by("-pk")[:4]
    assert [sample.cell for sample in shown] == list(latest)
    for sample in shown:
        first, second = sample.answers
        assert first is not None
        assert second is not None
        assert (first.cell.spec, second.cell) == (one, sample.cell)
        factors = ("item", "question", "option_order", "persona_country", "persona_age", "persona_gender", "repeat")
        assert [getattr(first.cell, name) for name in factors] == [getattr(second.cell, name) for name in factors]


def test_watching_a_large_run_reads_as_few_rows_as_a_small_one(
    study: Study, make_spec: MakeSpec, staff_client: Client
) -> None:
    read, queries = [], []
    for tag, n_samples in (("small", 30), ("large", 400)):
        specs = [make_spec(f"{tag}_{i}") for i in range(2)]
        run = make_run(study, specs, n_samples=n_samples)
        for spec in specs:
            ask(run, spec, 250)
        domain.record_attempts(
            Attempt(cell=cell, error_class="Transient", status_code=503) for cell in run.cells.order_by("pk")[:200]
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE llm_cell, llm_completion, llm_attempt, llm_celltally, llm_calltally, llm_pace")
            cursor.execute("SET LOCAL enable_seqscan = off")  # tables as small as these would be read at once
        before = rows_read()
        with CaptureQueriesContext(connection) as captured:
            page = staff_client.get(reverse("llm:run_progress", args=[run.pk]))
        read.append(rows_read() - before)
        queries.append(len(captured))
        assert len(page.context["samples"]) == 4
        assert run.n_cells == 3 * 2 * 2 * n_samples * 2
    assert queries[0] == queries[1] <= 14
    n_latencies = 2 * N_LATEST * 2  # cells and completions, of two models
    assert max(read) <= n_latencies + 100
    assert abs(read[1] - read[0]) <= 50


def rows_read() -> int:
    """Count the rows that this transaction has read of the tables that grow with a run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
            " WHERE relname = ANY(%s)",
            [list(HEAVY)],
        )
        return int(cursor.fetchone()[0])


def test_rates_end_with_the_run(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec()
    run = domain.create_alignment_run(study, specs=[spec], persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    Stint(spec, max_in_flight=4).work()
    domain.finish_run_if_done(run)
    run.refresh_from_db()
    found = stand(run)
    assert (found.rate, found.left) == (0.0, None)
    assert found.rate_overall > 0
    assert timezone.now() > run.created_at


def test_overall_rate_is_of_all_models_from_the_first_answer_to_the_last(study: Study, make_spec: MakeSpec) -> None:
    one, two = specs = [make_spec("one"), make_spec("two")]
    run = make_run(study, specs)
    ask(run, one, 30)
    ask(run, two, 30)
    Pace.objects.filter(spec=one).update(at=NOON - timedelta(minutes=10))
    Pace.objects.filter(spec=two).update(at=NOON - timedelta(seconds=10))
    domain.pause_run(run)
    run.refresh_from_db()
    found = stand(run)
    assert found.rate_overall == pytest.approx(60 / 10)
    assert [model.rates.overall for model in found.models] == pytest.approx([30 * 6, 30 * 6])
