"""Whole surveys in a browser: every locale, without JavaScript, by keyboard, on the smallest screen."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from survey.enums import Choice, Locale, Question, Status
from survey.enums import Page as PageName
from survey.models import Response, Study, SurveySession
from tests.e2e.conftest import NewPage
from tests.factories import make_study

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

COUNTRY = {"en-US": "US", "en-GB": "GB", "en-ZA": "ZA", "en-IN": "IN", "pt-BR": "BR", "hi-IN": "IN"}
WANTED = {
    "consent": "yes",
    "fluency": "first",
    "age_band": "35-44",
    "gender": "man",
    "comprehension": "both",
}
CHECKS = ("rarely", "often")  # what the attention checks ask to select, in their order


@pytest.fixture
def study() -> Study:
    return make_study("e2e")


def groups_on(page: Page) -> list[str]:
    names = page.locator("input[type=radio]").evaluate_all("inputs => inputs.map(input => input.name)")
    return list(dict.fromkeys(names))


def wish(name: str, number: int, locale: str) -> str:
    """Choose so that every second scenario is answered the other way round."""
    if name == Question.PERSONAL:
        return (Choice.CULTURE if number % 2 else Choice.PREFERENCE).value
    if name == Question.NORM:
        return (Choice.PREFERENCE if number % 2 else Choice.CULTURE).value
    if name == "attention":
        return CHECKS[number >= 9]  # they stand after a third and after two thirds of 16 or 18 scenarios
    return {**WANTED, "locale": locale, "country": COUNTRY[locale]}[name]


def walk(page: Page, entry: str, locale: str) -> Iterator[str]:
    """Take the survey to its end, giving each page's heading before it is answered."""
    page.goto(entry)
    number = 0
    while page.locator("form").count():
        yield page.locator("h1").inner_text()
        number += page.locator(".scenario").count()
        for name in groups_on(page):
            page.locator(f"label:has(input[name={name}][value='{wish(name, number, locale)}'])").click()
        page.get_by_role("button").click()


def check_stored(locale: str) -> None:
    session = SurveySession.objects.get()
    items = [page["item"] for page in session.plan if page["kind"] == PageName.SCENARIO]
    expected = {
        (code, question.value, wish(question.value, number, locale), locale)
        for number, code in enumerate(items, start=1)
        for question in Question
    }
    stored = Response.objects.values_list("item__code", "question", "choice", "locale")
    assert session.status == Status.COMPLETE
    assert len(stored) == len(expected)
    assert set(stored) == expected
    assert session.demographics.age_band == WANTED["age_band"]
    assert session.consent.is_given


@pytest.mark.parametrize("locale", Locale.values)
def test_survey_in_each_locale_stores_every_answer(study: Study, new_page: NewPage, locale: str) -> None:
    page = new_page()
    headings = list(walk(page, f"/join/e2e/{COUNTRY[locale]}/", locale))
    check_stored(locale)
    assert page.locator("html").get_attribute("lang") == locale
    assert len(set(headings)) == len(headings)


def test_survey_without_javascript_stores_every_answer(study: Study, new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/join/e2e/BR/")
    number = 0
    while page.locator("form").count():
        number += page.locator(".scenario").count()
        names = (*WANTED, "country", "attention", "personal", "norm")
        for name in (name for name in names if page.locator(f"[name={name}]").count()):
            page.locator(f"input[name={name}][value='{wish(name, number, 'pt-BR')}']").check()
        page.get_by_role("button").click()
    check_stored("pt-BR")


def test_survey_by_keyboard_alone(study: Study, new_page: NewPage) -> None:
    page = new_page()
    page.goto("/join/e2e/GB/")
    number = 0
    while page.locator("form").count():
        number += page.locator(".scenario").count()
        for name in groups_on(page):
            page.keyboard.press("Tab")
            choose_by_keyboard(page, wish(name, number, "en-GB"))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        with page.expect_navigation():
            page.keyboard.press("Enter")
    session = SurveySession.objects.get()
    assert session.status == Status.COMPLETE
    assert Response.objects.count() == 36


def choose_by_keyboard(page: Page, value: str) -> None:
    """Select an option of the group that has the focus: space for the first, arrows to the others."""
    page.keyboard.press("Space")
    for _ in range(20):
        if page.evaluate("document.activeElement.value") == value:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no option {value}")


@pytest.mark.parametrize("locale", Locale.values)
def test_every_page_is_accessible_and_fits_the_smallest_screen(study: Study, new_page: NewPage, locale: str) -> None:
    page = new_page(width=320)
    checked = set()
    for heading in walk(page, f"/join/e2e/{COUNTRY[locale]}/", locale):
        kind = SurveySession.objects.get().plan[SurveySession.objects.get().position]["kind"]
        if kind in checked:
            continue
        checked.add(kind)
        check_page(page, f"{locale} {heading}")
        if groups_on(page):
            page.get_by_role("button").click()  # nothing chosen: the same page with an error summary
            expect(page.locator(".summary")).to_be_focused()
            check_page(page, f"{locale} {heading}, with errors")
    check_page(page, f"{locale} end")
    assert checked >= {"consent", "screening", "comprehension", "scenario", "attention", "debrief"}


def check_page(page: Page, where: str) -> None:
    """Check for axe violations, sideways scrolling and rows too low for a thumb."""
    page.evaluate(Axe().axe_script)
    result = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']})")
    assert [(v["id"], v["nodes"][0]["html"]) for v in result["violations"]] == [], where
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, where
    heights = page.locator("label, button").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
    assert all(height >= 44 for height in heights), where


def test_back_and_reload_lose_and_double_nothing(study: Study, new_page: NewPage) -> None:
    page = new_page()
    steps = walk(page, "/join/e2e/GB/", "en-GB")
    while Response.objects.count() < 4:
        next(steps)
    heading = page.locator("h1").inner_text()
    page.go_back()
    assert page.locator("h1").inner_text() == heading
    page.reload()
    assert page.locator("h1").inner_text() == heading
    assert Response.objects.count() == 4


def test_second_person_on_the_same_browser_gets_their_own_session(study: Study, new_page: NewPage) -> None:
    page = new_page()
    page.goto("/join/e2e/GB/")
    first = page.url
    page.goto("/join/e2e/GB/")
    assert page.url != first
    assert page.context.cookies() == []
    assert SurveySession.objects.count() == 2
