"""What staff decide about runs that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analysis.columns import COMPLETIONS
from analysis.extract import Selection
from analysis.frames import extract
from survey.llm import domain, tasks
from survey.llm.again import offer
from survey.llm.domain import Held, Result
from survey.llm.enums import Again, CellState, RunState
from survey.llm.models import Attempt, Cell, Completion, ModelSpec, Reasking, Run
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, answer, fail
from tests.survey.llm.test_domain import done
from tests.survey.llm.test_money import priced_run
from tests.survey.llm.test_work import make_run, reload, states

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")


def test_priority_is_changed_on_the_page(study: Study, make_spec: MakeSpec, admin_client: Client) -> None:
    run = domain.create_alignment_run(study, specs=[make_spec("one")])
    address = reverse("llm:run_priority", args=[run.pk])
    assert "Nothing changed" in admin_client.post(address, {"priority": "101"}, follow=True).content.decode()
    page = admin_client.post(address, {"priority": "7"}, follow=True).content.decode()
    assert (reload(run).priority, 'value="7"' in page) == (7, True)


def refused(held: Held) -> Result:
    return replace(done(held), state=CellState.REFUSED)


# --- Asking again ------------------------------------------------------------------------------


@pytest.fixture
def mixed(study: Study, endpoint_spec: ModelSpec, model_server: ModelServer) -> Run:
    """Give a done run: an error, two refusals, an unread answer and eight answers."""
    refusal = answer("I'm sorry, I can't.")
    model_server.script.extend([fail(400, "no"), refusal, refusal, answer("Perhaps.")])
    run = priced_run(study, endpoint_spec, "5")
    tasks.work(endpoint_spec.pk)
    assert states(run) == {"error": 1, "refused": 2, "unparsed": 1, "done": 8}
    model_server.bodies.clear()
    return run


def test_offer_says_what_asking_again_takes(mixed: Run) -> None:
    run = reload(mixed)
    found = offer(run)
    each = run.spent / 11  # every answer cost the same
    assert [(kind.kind, kind.n_calls, kind.money) for kind in found.kinds] == [
        (Again.ERRORS, 1, each),
        (Again.REFUSALS, 2, 2 * each),
        (Again.UNPARSED, 1, each),
    ]
    assert (found.n_todo, found.room, found.is_short) == (0, 5 - run.spent, False)
    run.budget = run.spent + 3 * each
    assert offer(run).is_short
    run.state = RunState.RUNNING
    assert offer(run).kinds == []


def test_only_what_was_chosen_is_asked_again_and_old_answers_are_kept(mixed: Run, model_server: ModelServer) -> None:
    before = {row.pk: row for row in Completion.objects.all()}
    spent = reload(mixed).spent
    act = domain.ask_again(mixed, [Again.REFUSALS, Again.ERRORS], "rana")
    assert (act.n_cells, act.kinds, act.by) == (3, ["errors", "refusals"], "rana")
    assert (reload(mixed).state, reload(mixed).finished_at) == (RunState.QUEUED, None)
    tasks.start_run.delay(mixed.pk)
    assert (reload(mixed).state, states(mixed)) == (RunState.DONE, {"done": 11, "unparsed": 1})
    assert len(model_server.bodies) == 3
    assert Completion.objects.count() == 11 + 3
    old = Completion.objects.filter(set_aside_by=act)
    assert {(row.parse_stage, row.cell.asking) for row in old} == {("refusal", 1)}
    assert all(row.text == before[row.pk].text for row in old)
    assert Completion.objects.current().count() == 12
    assert reload(mixed).spent == spent + 3 * (before[old[0].pk].cost or 0)
    for row in old:  # another seed, and so another call
        new = Completion.objects.current().get(cell=row.cell)
        assert new.seed != row.seed
        assert new.request_hash != row.request_hash
    failed = Attempt.objects.get().cell
    assert (failed.asking, failed.state) == (0, "done")  # nothing was answered: the same call


def test_answer_to_the_first_asking_does_not_count_after_the_second(study: Study, make_spec: MakeSpec) -> None:
    run = make_run(study, spec := make_spec())
    [cell] = domain.lease_cells(run, spec, 1)
    held = Held(cell.pk, cell.n_leases)
    domain.record_completions([refused(held)])
    domain.pause_run(run)
    domain.ask_again(run, [Again.REFUSALS])
    assert domain.record_completions([done(held)]) == set()
    assert states(run) == {"todo": 12}


def test_run_under_way_or_cancelled_or_without_such_cells_is_not_asked_again(study: Study, make_spec: MakeSpec) -> None:
    run = make_run(study, make_spec())
    with pytest.raises(ValueError, match="Only a run that is done"):
        domain.ask_again(run, [Again.ERRORS])
    domain.pause_run(run)
    with pytest.raises(ValueError, match="nothing of this kind"):
        domain.ask_again(run, list(Again))
    Cell.objects.update(state=CellState.ERROR)
    domain.cancel_run(run)
    with pytest.raises(ValueError, match="Only a run that is done"):
        domain.ask_again(run, [Again.ERRORS])
    assert not Reasking.objects.exists()


def test_run_is_asked_again_on_its_page(
    mixed: Run, admin_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    page = admin_client.get(reverse("llm:run", args=[mixed.pk])).content.decode()
    assert "Answers that could not be read" in page
    assert "of the budget is left" in page
    address = reverse("llm:run_again", args=[mixed.pk])
    assert "Choose what to ask again" in admin_client.post(address, {}, follow=True).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(address, {"kinds": ["refusals", "unparsed"]})
    page = admin_client.get(reverse("llm:run", args=[mixed.pk])).content.decode()
    assert "UTC, admin: 3 questions (refusals, unparsed)" in page
    assert states(mixed) == {"done": 11, "error": 1}


def test_completion_page_shows_the_other_answers(mixed: Run, admin_client: Client) -> None:
    domain.ask_again(mixed, [Again.UNPARSED], "rana")
    tasks.start_run.delay(mixed.pk)
    old = Completion.objects.exclude(set_aside_by=None).get()
    new = Completion.objects.current().get(cell=old.cell)
    pages = [admin_client.get(reverse("llm:completion", args=[row.pk])).content.decode() for row in (old, new)]
    assert "Set aside: the question was asked again" in pages[0]
    assert "this one counts" in pages[0]
    assert "Perhaps." in pages[1]
    assert "UTC by rana" in pages[1]
    assert f"Completion {old.pk}" not in admin_client.get(reverse("llm:completions")).content.decode()


def test_export_takes_the_answers_that_count(mixed: Run, study: Study) -> None:
    domain.ask_again(mixed, [Again.REFUSALS])
    tasks.start_run.delay(mixed.pk)
    frame = extract(COMPLETIONS, study, Selection()).frame
    assert len(frame) == 11
    assert frame["is_latest"].all()
    assert sorted(frame["asking"]) == [0] * 9 + [1] * 2
    assert "refusal" not in set(frame["parse_stage"])
