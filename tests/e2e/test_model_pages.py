"""The pages of models in a browser: a probe, a preview, a start, a completion."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from survey.llm.domain import begin_run, create_alignment_run, record_attempts
from survey.llm.enums import ProviderName, RunState
from survey.llm.models import Attempt, Completion, ModelSpec, Run
from survey.llm.probing import begin_probe, run_probe
from survey.llm.stint import Stint
from tests.e2e.conftest import NewPage
from tests.e2e.test_staff import log_in, look_over
from tests.factories import make_study
from tests.staff import make_staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [360, 1200])
def test_model_pages_are_accessible_fit_and_lead_to_a_run(new_page: NewPage, width: int) -> None:
    study = make_study("e2e")
    make_staff("staff", password="a long pass phrase")
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    run = create_alignment_run(study, specs=[spec], limit=1)
    begin_run(run)
    in_a_thread(lambda: Stint(spec, max_in_flight=4, keep_seat=lambda: True).work())
    in_a_thread(lambda: run_probe(begin_probe(spec)))
    completion = Completion.objects.filter(cell__run=run).latest("pk")
    page = new_page(width=width, bypass_csp=False)
    log_in(page, "/studies/e2e/")
    paths = (
        "/",
        "/models/",
        "/models/one/",
        "/models/one/edit/",
        "/completions/",
        "/completions/?spec=one&text=x",
        "/completions/?question=colour",
        f"/completions/{completion.pk}/",
        f"/{run.pk}/",
    )
    for path in paths:
        page.goto(f"/runs{path}")
        look_over(page, width)
    page.goto("/runs/new/?study=e2e")
    page.get_by_label("one (simulated)").check()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Preview: nothing has been sent yet").wait_for()
    look_over(page, width)
    page.get_by_role("button", name="Start: send").click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    assert Run.objects.count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_run_page_keeps_itself_fresh_and_leaves_its_reader_alone(new_page: NewPage, width: int, scheme: str) -> None:
    study = make_study("e2e")
    make_staff("staff", password="a long pass phrase")
    specs = [ModelSpec.objects.create(tag=tag, provider=ProviderName.SIMULATED, model=tag) for tag in ("one", "two")]
    for spec in specs:
        spec.prices.create(valid_from="2026-01-01", prompt_per_million=1, completion_per_million=1)
    run = create_alignment_run(study, specs=specs, limit=2)
    Run.objects.filter(pk=run.pk).update(budget=2, spent="0.5")
    begin_run(run)
    in_a_thread(lambda: Stint(specs[0], max_in_flight=4, keep_seat=lambda: True).work())
    body = '{"error": {"message": "busy"}}'
    cell = run.cells.filter(spec=specs[1])[0]
    record_attempts([Attempt(cell=cell, error_class="RateLimited", status_code=429, message="busy", body=body)])
    page = new_page(width=width, bypass_csp=False, color_scheme=scheme)
    log_in(page, f"/runs/{run.pk}/")
    page.evaluate("window.isTheSamePage = true")
    page.get_by_text("Cancel…").click()
    page.get_by_text("The reply").click()
    look_over(page, width)
    page.get_by_role("button", name="Pause").focus()
    Run.objects.filter(pk=run.pk).update(spent="0.75")
    page.get_by_text("(37 %)").wait_for()
    assert page.evaluate("document.activeElement.id") == "pause"
    assert page.get_by_role("button", name="Cancel the run for good").is_visible()
    assert page.get_by_text(body).is_visible()
    page.get_by_text("Change the budget").click()
    page.get_by_label("Budget in USD").fill("3.25")
    page.get_by_role("heading", name="Failed calls").click()  # the field loses the focus, and keeps what was typed
    Run.objects.filter(pk=run.pk).update(spent="1")
    page.wait_for_timeout(2500)
    assert page.get_by_label("Budget in USD").input_value() == "3.25"
    assert page.evaluate("window.isTheSamePage") is True
    page.get_by_role("button", name="Change", exact=True).first.click()
    page.get_by_text("The budget is changed.").wait_for()
    page.get_by_role("button", name="Stop updating").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    look_over(page, width)


def test_state_of_a_stopped_run_can_be_read_on_a_phone(new_page: NewPage) -> None:
    make_staff("staff", password="a long pass phrase")
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    run = create_alignment_run(make_study("e2e"), specs=[spec], limit=2)
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    page = new_page(width=360)
    log_in(page, f"/runs/{run.pk}/")
    state = page.get_by_text("Stopped by an error", exact=True)
    assert state.evaluate("one => one.offsetWidth <= one.parentElement.clientWidth")


def test_run_page_works_without_scripts(new_page: NewPage) -> None:
    study = make_study("e2e")
    make_staff("staff", password="a long pass phrase")
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    run = create_alignment_run(study, specs=[spec], limit=1)
    page = new_page(width=360, java_script_enabled=False)
    log_in(page, f"/runs/{run.pk}/")
    assert "Reload the page to see how it goes on." in page.inner_text("main")
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Cancel the run for good").click()
    page.get_by_text("The run is cancelled.").wait_for()


def in_a_thread(act: Callable[[], object]) -> None:
    """Do what needs an event loop of its own, away from Playwright's."""

    def do() -> None:
        act()
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(do).result()
