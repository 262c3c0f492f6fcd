"""The pages of models in a browser: a probe, a preview, a start, a completion."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from survey.llm.domain import begin_run, create_alignment_run
from survey.llm.enums import ProviderName
from survey.llm.models import Completion, ModelSpec, Run
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
    paths = ("/models/one/", "/models/one/edit/", "/completions/", f"/completions/{completion.pk}/", f"/{run.pk}/")
    for path in paths:
        page.goto(f"/runs{path}")
        look_over(page, width)
    page.goto("/runs/new/?study=e2e")
    page.get_by_label("one (simulated)").check()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Preview: nothing has been sent yet").wait_for()
    look_over(page, width)
    page.get_by_role("button", name="Start: send").click()
    page.get_by_role("heading", name="Run").first.wait_for()
    assert Run.objects.count() == 2


def in_a_thread(act: Callable[[], object]) -> None:
    """Do what needs an event loop of its own, away from Playwright's."""

    def do() -> None:
        act()
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(do).result()
