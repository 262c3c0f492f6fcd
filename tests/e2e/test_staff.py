"""The researchers' pages in a browser: silent, accessible, no wider than a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User

from survey.llm.domain import create_alignment_run
from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec
from survey.models import Study
from tests.e2e.conftest import NewPage
from tests.factories import make_session, make_study
from tests.survey.test_flow_pages import Walker

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PATHS = [
    "/",
    "/studies/e2e/",
    "/studies/e2e/results/",
    "/studies/e2e/exports/",
    "/studies/e2e/translations/",
    "/studies/e2e/translations/hi-IN/",
    "/studies/e2e/translations/variants/",
    "/runs/",
    "/runs/new/?study=e2e",
    "/runs/{run}/",
    "/runs/models/",
]


@pytest.fixture
def study() -> Study:
    study = make_study("e2e")
    for country in ("BR", "US"):
        Walker(make_session(study, country)).finish()
    make_session(study, "IN")
    return study


@pytest.mark.parametrize("width", [360, 1200])
def test_staff_pages_are_accessible_and_fit(study: Study, new_page: NewPage, width: int) -> None:
    User.objects.create_user("staff", password="a long pass phrase", is_staff=True)
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    run = create_alignment_run(study, specs=[spec], limit=1)
    page = new_page(width=width, bypass_csp=False)
    page.goto("/studies/e2e/")
    assert "/login/" in page.url
    page.get_by_label("User name").fill("staff")
    page.get_by_label("Password").fill("a long pass phrase")
    page.get_by_role("button", name="Log in").click()
    for path in PATHS:
        reply = page.goto(path.format(run=run.pk))
        assert reply is not None
        assert reply.status == 200, path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.evaluate(Axe().axe_script)
        result = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']})")
        assert [(v["id"], v["nodes"][0]["html"]) for v in result["violations"]] == [], path
