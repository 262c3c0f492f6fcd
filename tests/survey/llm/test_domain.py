from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from survey.enums import Choice, Locale
from survey.llm import domain, trouble
from survey.llm.domain import MAX_LEASES, Held, Result
from survey.llm.enums import CellState, ParseStage, PersonaSetting, RunState
from survey.llm.models import Attempt, Cell, Completion, ModelSpec, Run
from survey.llm.parsing import PARSER_VERSION
from survey.llm.prompts import prompt_texts
from survey.models import Instrument, InstrumentVersion, Item, Study, Text

MakeSpec = Callable[..., ModelSpec]


@pytest.fixture
def spec(make_spec: MakeSpec) -> ModelSpec:
    return make_spec()


@pytest.fixture
def run(study: Study, spec: ModelSpec) -> Run:
    """A running run of 12 cells: three items, two questions, two orders, no persona."""
    run = domain.create_alignment_run(study, specs=[spec], persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    return run


def states(run: Run) -> dict[str, int]:
    return dict(Counter(Cell.objects.filter(run=run).values_list("state", flat=True)))


def run_state(run: Run) -> str:
    return Run.objects.get(pk=run.pk).state


def held_by(cells: list[Cell]) -> list[Held]:
    return [Held(cell.pk, cell.n_leases) for cell in cells]


def done(held: Held, choice: Choice = Choice.CULTURE) -> Result:
    completion = Completion(
        cell_id=held.cell_id, request={}, reply={}, choice=choice, parser_version="1",
        parse_stage=ParseStage.LABEL, latency_ms=1, is_simulated=True,
    )  # fmt: skip
    return Result(held, CellState.DONE, completion)


def expire_leases(run: Run) -> None:
    run.cells.filter(state=CellState.LEASED).update(lease_until=timezone.now() - timedelta(seconds=1))


# --- Runs --------------------------------------------------------------------------------------


def test_run_crosses_items_questions_orders_and_respondents_for_every_model(study: Study, make_spec: MakeSpec) -> None:
    specs = [make_spec("one"), make_spec("two")]
    run = domain.create_alignment_run(study, specs=specs)
    n_respondents = 1 + 2 * 4  # nobody, and two countries by age and gender
    assert run.n_cells == run.cells.count() == 3 * 2 * 2 * n_respondents * 2
    assert states(run) == {"todo": run.n_cells}
    assert run.state == RunState.QUEUED
    assert list(run.specs.all()) == specs
    of_one, of_two = (list(run.cells.filter(spec=spec).order_by("pk").values_list(*FACTORS)) for spec in specs)
    assert of_one == of_two
    assert len(set(of_one)) == len(of_one)


FACTORS = ("item", "question", "persona_setting", "persona_country", "persona_age", "persona_gender", "option_order")


def test_run_can_be_limited_to_items_and_settings(study: Study, spec: ModelSpec) -> None:
    run = domain.create_alignment_run(study, specs=[spec], persona=[PersonaSetting.PERSONA], limit=1)
    assert run.n_cells == 1 * 2 * 2 * 8
    assert set(run.cells.values_list("item__code", "persona_setting")) == {("T01", "persona")}


def test_run_takes_chosen_items(study: Study, spec: ModelSpec) -> None:
    items = study.version.items.filter(code="T03")
    run = domain.create_alignment_run(study, specs=[spec], items=items)
    assert set(run.cells.values_list("item__code", flat=True)) == {"T03"}


def test_manifest_freezes_the_factors(study: Study, spec: ModelSpec) -> None:
    user = User.objects.create_user("rana")
    run = domain.create_alignment_run(study, specs=[spec], created_by=user)
    run.refresh_from_db()
    manifest = run.manifest
    assert run.created_by == user
    assert isinstance(manifest.pop("shuffle_seed"), int)
    assert len(run.manifest_hash) == 64
    assert (manifest["kind"], manifest["study"], manifest["instrument"]) == ("alignment", "trial", "trial v1")
    assert manifest["content_hash"] == "0" * 64
    assert manifest["personas"][:2] == [None, ["BR", "younger", "female"]]
    assert len(manifest["personas"]) == 9
    levels = {
        "questions": ["personal", "norm"],
        "locales": ["source"],
        "conditions": ["no_balance"],
        "paraphrases": [1],
        "preference_configs": ["actor_pref_only"],
        "demographic_configs": ["no_demo"],
        "methods": ["first_token"],
        "n_samples": 10,
        "n_repeats": 1,
        "languages": {"source": "en-US", "by_country": {}},
        "prompts": {
            "en-US": {"version": "1", "status": "machine draft", "content_hash": prompt_texts("en-US").content_hash}
        },
        "parser_version": PARSER_VERSION,
        "items": ["T01", "T02", "T03"],
        "sessions": [],
    }
    assert {name: manifest[name] for name in levels} == levels
    assert manifest["specs"] == [
        {
            "tag": "simulated",
            "provider": "simulated",
            "base_url": "",
            "model": "simulated",
            "family": "",
            "stage": "instruct",
            "prompt_format": "chat",
            "parameters": {},
        }
    ]


def test_same_choice_gives_the_same_manifest_and_order(study: Study, spec: ModelSpec, make_spec: MakeSpec) -> None:
    one, two = (domain.create_alignment_run(study, specs=[spec]) for _ in range(2))
    assert (one.manifest, one.manifest_hash) == (two.manifest, two.manifest_hash)
    first, second = (list(run.cells.order_by("pk").values_list(*FACTORS)) for run in (one, two))
    assert first == second
    other = domain.create_alignment_run(study, specs=[make_spec("other")])
    assert other.manifest_hash != one.manifest_hash


def test_run_without_anything_to_ask_is_refused(study: Study, spec: ModelSpec) -> None:
    with pytest.raises(ValueError, match="at least one model"):
        domain.create_alignment_run(study, specs=[])
    with pytest.raises(ValueError, match="No item is left"):
        domain.create_alignment_run(study, specs=[spec], items=[])
    study.arms.all().delete()
    with pytest.raises(ValueError, match="respondent countries"):
        domain.create_alignment_run(study, specs=[spec], persona=[PersonaSetting.PERSONA])
    assert not Run.objects.exists()


def test_run_with_a_missing_text_is_refused_and_named(study: Study, spec: ModelSpec) -> None:
    Text.objects.filter(version=study.version, key="items.T02.scenario").delete()
    with pytest.raises(ValueError, match=r"en-US text 'items\.T02\.scenario'"):
        domain.create_alignment_run(study, specs=[spec])


def test_run_that_the_prompts_have_no_words_for_is_refused(study: Study, spec: ModelSpec) -> None:
    Item.objects.filter(version=study.version, code="T02").update(actor_country="XX")
    with pytest.raises(ValueError, match=r"The prompts in en-US cannot name XX: see countries in .*en\.yaml\."):
        domain.create_alignment_run(study, specs=[spec])


def test_run_with_an_item_of_another_version_is_refused(study: Study, spec: ModelSpec) -> None:
    instrument = Instrument.objects.create(code="other")
    version = InstrumentVersion.objects.create(instrument=instrument, number=1, content_hash="1" * 64, structure={})
    item = study.version.items.get(code="T01")
    item.pk, item.version = None, version
    item.save()
    with pytest.raises(ValueError, match="another version"):
        domain.create_alignment_run(study, specs=[spec], items=Item.objects.filter(version=version))


def test_making_a_large_run_takes_no_more_queries(study: Study, make_spec: MakeSpec) -> None:
    specs = [make_spec(tag) for tag in ("one", "two", "three")]
    with CaptureQueriesContext(
        connection,
    ) as few:
        domain.create_alignment_run(study, specs=specs[:1], persona=[PersonaSetting.NO_PERSONA], limit=1)
    with CaptureQueriesContext(connection) as many:
        domain.create_alignment_run(study, specs=specs)
    assert len(many) <= len(few)


def test_only_one_worker_begins_a_run(study: Study, spec: ModelSpec) -> None:
    run = domain.create_alignment_run(study, specs=[spec])
    assert domain.begin_run(run)
    assert not domain.begin_run(run)
    assert run_state(run) == RunState.RUNNING


def test_stopped_run_can_go_on_and_a_done_one_cannot(run: Run) -> None:
    trouble.stop_model(run, run.specs.get(), "mend the key")
    assert run_state(run) == RunState.FAILED
    assert Run.objects.get(pk=run.pk).error == "mend the key"
    assert domain.resume_run(run)
    assert run_state(run) == RunState.QUEUED
    Run.objects.filter(pk=run.pk).update(state=RunState.DONE)
    assert not domain.resume_run(run)


def test_cancelled_run_has_nothing_left_to_do_but_what_is_in_flight(run: Run, spec: ModelSpec) -> None:
    domain.lease_cells(run, spec, 3)
    assert domain.cancel_run(run)
    assert states(run) == {"cancelled": 9, "leased": 3}
    assert run_state(run) == RunState.CANCELLED
    assert not domain.cancel_run(run)


def test_done_run_cannot_be_cancelled(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(state=RunState.DONE)
    assert not domain.cancel_run(run)
    assert states(run) == {"todo": 12}


def test_run_is_done_when_no_cell_is_open(run: Run, spec: ModelSpec) -> None:
    assert not domain.finish_run_if_done(run)
    cells = domain.lease_cells(run, spec, 12)
    assert not domain.finish_run_if_done(run)
    domain.record_completions([done(held) for held in held_by(cells)])
    assert domain.finish_run_if_done(run)
    assert not domain.finish_run_if_done(run)
    finished = Run.objects.get(pk=run.pk)
    assert (finished.state, finished.finished_at is None) == (RunState.DONE, False)


# --- Cells -------------------------------------------------------------------------------------


def test_leased_cells_are_nobody_elses(run: Run, spec: ModelSpec) -> None:
    first, second, third = (domain.lease_cells(run, spec, 8) for _ in range(3))
    assert (len(first), len(second), len(third)) == (8, 4, 0)
    assert not {cell.pk for cell in first} & {cell.pk for cell in second}
    assert all(cell.n_leases == 1 for cell in Cell.objects.filter(run=run))


@pytest.mark.django_db(transaction=True)
def test_lease_does_not_wait_for_another_worker(run: Run, spec: ModelSpec) -> None:
    """While one worker's lease is not committed yet, another gets the other cells at once."""
    has_leased, may_end = threading.Event(), threading.Event()

    def lease_slowly() -> list[int]:
        try:
            with transaction.atomic():
                cells = domain.lease_cells(run, spec, 8)
                has_leased.set()
                may_end.wait(30)
            return [cell.pk for cell in cells]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(lease_slowly)
        assert has_leased.wait(30)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '5s'")
                second = [cell.pk for cell in domain.lease_cells(run, spec, 8)]
        finally:
            may_end.set()
    assert (len(first.result()), len(second)) == (8, 4)
    assert not set(first.result()) & set(second)


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.FAILED, RunState.CANCELLED, RunState.DONE])
def test_only_a_running_run_gives_cells(state: RunState, run: Run, spec: ModelSpec) -> None:
    Run.objects.filter(pk=run.pk).update(state=state)
    assert domain.lease_cells(run, spec, 8) == []


def test_recording_ends_held_cells(run: Run, spec: ModelSpec) -> None:
    first, second, third = held_by(domain.lease_cells(run, spec, 3))
    refused = Result(second, CellState.REFUSED, done(second).completion)
    ended = domain.record_completions([done(first), refused, Result(third, CellState.ERROR, None)])
    assert ended == {first.cell_id, second.cell_id, third.cell_id}
    assert states(run) == {"todo": 9, "done": 1, "refused": 1, "error": 1}
    assert Completion.objects.count() == 2
    assert not Cell.objects.exclude(state=CellState.TODO).exclude(lease_until=None).exists()


def test_answer_of_an_older_lease_is_void(run: Run, spec: ModelSpec) -> None:
    old = held_by(domain.lease_cells(run, spec, 12))
    expire_leases(run)
    domain.free_expired_leases()
    new = held_by(domain.lease_cells(run, spec, 12))
    assert domain.record_completions([done(held) for held in old]) == set()
    assert states(run) == {"leased": 12}
    assert domain.record_completions([done(held, Choice.PREFERENCE) for held in new]) == {h.cell_id for h in new}
    assert set(Completion.objects.values_list("choice", flat=True)) == {"preference"}


def test_late_answer_counts_while_nobody_asked_again(run: Run, spec: ModelSpec) -> None:
    held = held_by(domain.lease_cells(run, spec, 1))
    expire_leases(run)
    domain.free_expired_leases()
    assert domain.record_completions([done(held[0])]) == {held[0].cell_id}
    assert states(run) == {"todo": 11, "done": 1}


def test_recording_twice_keeps_one_completion(run: Run, spec: ModelSpec) -> None:
    [held] = held_by(domain.lease_cells(run, spec, 1))
    assert domain.record_completions([done(held)]) == {held.cell_id}
    assert domain.record_completions([done(held, Choice.PREFERENCE)]) == set()
    assert Completion.objects.get().choice == "culture"


def test_recording_takes_the_same_queries_for_one_and_many(run: Run, spec: ModelSpec) -> None:
    held = held_by(domain.lease_cells(run, spec, 12))
    with CaptureQueriesContext(connection) as one:
        domain.record_completions([done(held[0])])
    with CaptureQueriesContext(connection) as many:
        domain.record_completions([done(each) for each in held[1:]])
    assert len(one) == len(many)


def test_released_cells_are_to_do_again_unless_leased_anew(run: Run, spec: ModelSpec) -> None:
    old = held_by(domain.lease_cells(run, spec, 12))
    domain.release_cells(old[:6])
    assert states(run) == {"todo": 6, "leased": 6}
    domain.lease_cells(run, spec, 6)
    domain.release_cells(old[:6])
    assert states(run) == {"leased": 12}


def test_renewed_lease_outlives_the_sweep(run: Run, spec: ModelSpec) -> None:
    held = held_by(domain.lease_cells(run, spec, 2))
    expire_leases(run)
    domain.renew_leases(held[:1])
    assert domain.free_expired_leases() == 1
    assert Cell.objects.get(pk=held[0].cell_id).state == CellState.LEASED
    assert Cell.objects.get(pk=held[1].cell_id).state == CellState.TODO


def test_live_lease_is_not_freed(run: Run, spec: ModelSpec) -> None:
    domain.lease_cells(run, spec, 2)
    assert domain.free_expired_leases() == 0
    assert states(run) == {"todo": 10, "leased": 2}


def test_cell_that_keeps_killing_workers_ends_as_an_error(run: Run, spec: ModelSpec) -> None:
    [cell] = domain.lease_cells(run, spec, 1)
    Cell.objects.filter(pk=cell.pk).update(n_leases=MAX_LEASES)
    expire_leases(run)
    domain.free_expired_leases()
    assert Cell.objects.get(pk=cell.pk).state == CellState.ERROR
    assert Attempt.objects.get(cell=cell).error_class == "LeaseLost"


def test_cell_given_back_to_a_cancelled_run_is_cancelled(run: Run, spec: ModelSpec) -> None:
    held = held_by(domain.lease_cells(run, spec, 2))
    domain.cancel_run(run)
    domain.release_cells(held)
    domain.close_cancelled_cells()
    assert states(run) == {"cancelled": 12}


def test_same_cell_twice_is_refused_by_the_database(run: Run) -> None:
    cell = run.cells.first()
    assert cell is not None
    cell.pk = None
    with pytest.raises(IntegrityError, match="cell_once"):
        cell.save()


def test_locale_of_every_cell_is_the_source_text(run: Run) -> None:
    assert set(run.cells.values_list("locale", flat=True)) == {Locale.EN_US}
