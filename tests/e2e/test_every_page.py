"""Every page of staff, found from the list of addresses: no wider than its window, accessible, light and dark, silent.

A new page is walked without being named here; an address that cannot be is an exception with its reason.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from analysis.choices import usual
from analysis.domain import request_analysis
from analysis.models import Import
from analysis.sample_questions import SampleQuestion
from analysis.simulations import request_simulation
from pact_site.accounts.tokens import make_token
from pact_site.roles import FOR_ANYBODY, Role, Scope
from survey.llm.domain import create_alignment_run
from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec
from survey.models import QualityFlag, SurveySession
from tests.analysis.conftest import make_completion
from tests.analysis.test_import_study import CHOSEN, answers_file, bring_in
from tests.e2e.accessibility import find_breaches
from tests.e2e.conftest import NewPage
from tests.e2e.test_staff import add_visits, ring
from tests.factories import make_session, make_study
from tests.site.test_factors import with_code_app
from tests.staff import make_staff, note_login
from tests.survey.test_flow_pages import Walker

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((360, "light"), (1280, "dark"))
FILES = ("csv", "json", "svg", "zip", "print", "figures", "texts", "_file", "deviations")  # of what is not here
EXCEPTIONS = {
    "account_login": "is login, under the library's name; walked without an account",
    "analysis:result_family": "needs a computed analysis: tests/e2e of the families of results",
    "analysis:export": "a file, and withheld while outcomes are hidden",
    "analysis:result_live": "a part of a page",
    "studies": "leads to home",
    "survey:review_queue": "leads to a session",
    "own_go_on": "shows the form that waits; there is none, so it leads home",
    "mfa_reauthenticate": "asks for a code; whoever has none is led on",
    "mfa_reauthenticate_webauthn": "asks for a passkey; whoever has none is led on",
    "mfa_list_webauthn": "is the account's page under another name",
    "mfa_view_recovery_codes": "walked by whoever has a second factor",
    "mfa_deactivate_totp": "walked by whoever has a second factor",
    "mfa_edit_webauthn": "walked by whoever has a second factor",
    "mfa_remove_webauthn": "walked by whoever has a second factor",
}

# What an address shows of something else, or when it is narrowed.
MORE = (
    "/runs/new/?study=e2e",
    "/studies/e2e/preview/?at=IN+hi-IN",
    "/studies/e2e/preview/IN/hi-IN/comprehension-again/",
    "/studies/e2e/preview/BR/pt-BR/end-complete/",
    "/studies/e2e/reconciliation/?discrepancy=clean&country=US",
    "/studies/e2e/review/?flag=any",
    "/studies/e2e/review/next/",
    "/studies/e2e/setup/countries/IN/",
    "/studies/e2e/translations/hi-IN/",
    "/compare/?a=people:e2e&b=people:others",
    "/studies/others/results/",
    "/studies/others/exports/",
    "/studies/others/items/",
)


def patterns(resolver: URLResolver, space: str = "") -> dict[str, URLPattern]:
    found: dict[str, URLPattern] = {}
    for part in resolver.url_patterns:
        if isinstance(part, URLResolver):
            found |= patterns(part, f"{part.namespace}:" if part.namespace else space)
        elif isinstance(part, URLPattern) and part.name:
            found.setdefault(f"{space}{part.name}", part)
    return found


def staff_patterns() -> dict[str, URLPattern]:
    """Give the addresses of the role matrix; the framework's own pages for raw records and the API are not ours."""
    found = patterns(get_resolver())
    return {
        name: part
        for name, part in found.items()
        if name not in FOR_ANYBODY | EXCEPTIONS.keys() and not name.startswith(("admin:", "api:"))
    }


@pytest.fixture
def samples(tmp_path: Path) -> dict[str, dict[str, object]]:
    """Fill a site; give what stands in addresses, by the beginning of an address's name."""
    staff = make_staff("staff", password="a long pass phrase")  # confirming asks for it
    make_token(staff, "laptop", [Scope.STUDIES, Scope.ANSWERS], timezone.now() + timedelta(days=1))
    study = make_study("e2e")
    for country in ("BR", "US"):
        walked = Walker(make_session(study, country))
        walked.finish()
    QualityFlag.objects.create(session=walked.session, name="declined", value=0.5)
    make_session(study, "IN")
    add_visits(study)
    ring(study)
    imported = bring_in(answers_file(tmp_path), code="others", mapping=CHOSEN)
    wrong = ["answers.csv", 3, "I would", "perhaps", "is no answer that was named", "Name it, or leave the cell empty"]
    faulty = Import.objects.create(kind="answers", name="answers.csv", state="faulty", faults=[wrong] * 3, n_faults=3)
    assert imported.imported.state == "done"
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    run = create_alignment_run(study, specs=[spec], limit=1)
    completion = make_completion(run, spec, study.version.items.order_by("code")[5])
    analysis = request_analysis(study, usual(study.version.structure, include_simulated=True), staff)
    simulation = request_simulation(SampleQuestion())
    item = study.version.items.order_by("code")[0]
    session = SurveySession.objects.filter(arm__study=study).order_by("pk")[0]
    return {
        "": {"code": "e2e", "country": "US", "locale": "en-US", "item": item.code, "tag": "one", "number": 1, "pk": 1},
        "analysis:import": {"pk": faulty.pk},
        "analysis:planning": {"pk": simulation.pk},
        "analysis:result": {"pk": analysis.pk},
        "llm:run": {"pk": run.pk},
        "llm:completion": {"pk": completion.pk},
        "survey:review_session": {"pk": session.pk},
        "survey:preview_page": {"name": "consent"},
    }


def address(name: str, part: URLPattern, samples: dict[str, dict[str, object]]) -> str:
    wanted = part.pattern.converters
    beginnings = sorted((one for one in samples if name.startswith(one)), key=len)
    known = {key: value for one in beginnings for key, value in samples[one].items()}
    missing = wanted.keys() - known.keys() - {"kind", "name", "key"}
    assert not missing, f"{name}: name an example of {', '.join(missing)} in samples"
    fillers = {"kind": "csv", "name": "long.csv" if name == "analysis:export" else "long", "key": "rates"}
    return reverse(name, kwargs={key: {**fillers, **known}[key] for key in wanted})


def pages(client: Client, samples: dict[str, dict[str, object]]) -> list[str]:
    """Give the addresses that answer a look with a whole page: not the acts, files and parts of pages."""
    found, closed = [], []
    for name, part in sorted(staff_patterns().items()):
        path = address(name, part, samples)
        reply = client.get(path)
        is_html = reply.get("Content-Type", "").startswith("text/html")
        is_whole = is_html and not reply.streaming and reply.content.lstrip().lower().startswith(b"<!doctype")
        if reply.status_code == 200 and is_whole:
            found.append(path)
        elif reply.status_code not in (200, 405) and not (reply.status_code == 404 and name.endswith(FILES)):
            closed.append((name, path, reply.status_code, reply.get("Location")))
    assert closed == []
    return found


def enter(page: Page, client: Client) -> None:
    """Let the browser go on as a client who is logged in."""
    page.goto("/login/")
    base = page.evaluate("location.origin")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base}])


def walk(page: Page, paths: list[str], statuses: tuple[int, ...] = (200,)) -> list[object]:
    """Look at each page, narrow in light colours and wide in dark ones, and give what is wrong."""
    wrong: list[object] = []
    for path in paths:
        for at, (width, scheme) in enumerate(LOOKS):
            page.set_viewport_size({"width": width, "height": 740})
            page.emulate_media(color_scheme=scheme)
            if at == 0 and (not (reply := page.goto(path)) or reply.status not in statuses):
                wrong.append((path, "answers otherwise"))
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                wrong.append((path, width, f"is {wide} wide"))
            wrong += [(path, width, scheme, one.rule, one.html[:200]) for one in find_breaches(page)]
    return wrong


def test_every_page_of_staff_fits_and_is_accessible(
    samples: dict[str, dict[str, object]], new_page: NewPage, client: Client
) -> None:
    staff = User.objects.get(username="staff")
    client.force_login(staff)
    note_login(client, staff)
    found = pages(client, samples)
    assert {"/", "/studies/e2e/", "/imports/", "/account/tokens/", "/studies/e2e/alarms/"} <= set(found)
    assert not set(MORE) & set(found)
    page = new_page()
    enter(page, client)
    assert walk(page, [*found, *MORE]) == []


def test_doors_and_refusals_fit_and_are_accessible(browser: Browser, live_server: LiveServer, client: Client) -> None:
    make_study("e2e")
    page = browser.new_page(base_url=live_server.url)  # a refusal is no fault of the page: nobody listens
    assert walk(page, ["/login/", "/withdraw/"]) == []
    client.force_login(make_staff("vera", Role.VIEWER))
    enter(page, client)
    paths = ["/nowhere/", "/studies/e2e/reconciliation/"]  # not there; not allowed
    assert [client.get(path).status_code for path in paths] == [404, 403]
    assert walk(page, paths, (404, 403)) == []
    page.context.close()


def test_pages_of_second_factors_fit_and_are_accessible(new_page: NewPage, client: Client) -> None:
    ada, _ = with_code_app("ada")
    key = Authenticator.objects.create(
        user=ada, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone", "credential": {}, "passwordless": True}
    )
    client.force_login(ada)
    note_login(client, ada, method="mfa")
    names = ("mfa_view_recovery_codes", "mfa_deactivate_totp", "mfa_generate_recovery_codes", "account_reauthenticate")
    paths = ["/account/", *(reverse(name) for name in names)]
    paths += [reverse(name, args=[key.pk]) for name in ("mfa_edit_webauthn", "mfa_remove_webauthn")]
    assert [client.get(path).status_code for path in paths] == [200] * len(paths)
    page = new_page()
    enter(page, client)
    assert walk(page, paths) == []


def test_exceptions_are_addresses_that_exist() -> None:
    assert EXCEPTIONS.keys() <= patterns(get_resolver()).keys()
    assert all(EXCEPTIONS.values())
