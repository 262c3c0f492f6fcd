"""Every family of results, the overview and the planning page in a browser: accessible, and nothing is cut off."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from analysis.families import FamilyKey
from analysis.parameters import choose
from analysis.reports import compute
from tests.analysis.conftest import fill, fill_behaviour, make_study, store, with_plan
from tests.e2e.conftest import NewPage
from tests.e2e.test_every_page import LOOKS
from tests.e2e.test_staff import log_in, look_over
from tests.staff import make_staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LONG_CODE = "a-study-whose-code-makes-long-names-of-models"
# Text that leaves its figure, or lies over another text.
MISPLACED = """() => [...document.querySelectorAll("svg.figure")].flatMap(svg => {
  const whole = svg.viewBox.baseVal;
  const shown = [...svg.querySelectorAll("text")].filter(text => text.checkVisibility());
  const texts = shown.map(text => [text.textContent, text.getBBox()]);
  const out = texts.filter(([, b]) => b.x < whole.x - 1 || b.x + b.width > whole.x + whole.width + 1);
  const over = texts.flatMap(([told, a], i) => texts.slice(i + 1).filter(([, b]) =>
    Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) > 1 &&
    Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y) > 3).map(([other]) => `${told} / ${other}`));
  return [...out.map(([told]) => told), ...over];
})"""


def open_all(page: Page) -> None:
    """Open what is folded away, so that it is looked at too."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


def test_result_pages_are_accessible_and_fit(new_page: NewPage) -> None:
    make_staff("staff", password="a long pass phrase")
    made = make_study(LONG_CODE)
    for step in (with_plan, fill, fill_behaviour):
        step(made)
    run = store(made, compute(made.study, choose(include_simulated=True), lambda step: None))
    families = [reverse("analysis:result_family", args=[run.pk, key]) for key in FamilyKey]
    others = [reverse("analysis:result", args=[run.pk]), reverse("analysis:study_results", args=[LONG_CODE])]
    page = new_page(bypass_csp=True)  # axe comes in as a script
    log_in(page, others[0])
    for address in (*families, *others, f"{reverse('analysis:planning')}?study={LONG_CODE}"):
        reply = page.goto(address)
        assert reply is not None
        assert reply.status == 200, address
        open_all(page)
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 740})
            page.emulate_media(color_scheme=scheme)
            look_over(page, width)
            assert page.evaluate(MISPLACED) == [], address
    page.goto(families[[*FamilyKey].index(FamilyKey.SHIFT)])
    assert page.locator("svg.figure").count() == 1  # base and instruct models stand in it
    page.emulate_media(media="print")
    assert page.get_by_role("navigation", name="Families of results").count() == 0
    assert page.get_by_role("button").count() == 0
    assert page.locator("details table").last.is_visible()
