"""Whole surveys in a browser: every locale, without JavaScript, by keyboard, on the smallest screen."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from survey.enums import Choice, Locale, Question, Status
from survey.enums import Page as PageName
from survey.models import Response, Study, SurveySession
from tests.e2e.accessibility import find_breaches
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
SMALLEST = 320  # CSS pixels, as WCAG 1.4.10 has it
ORDER = ["H1", "DIV", "FIELDSET", "BUTTON"]
SPACE_TEXT_OUT = """document.querySelectorAll('body *').forEach(one => {
    const spacing = {'line-height': '1.5', 'letter-spacing': '0.12em', 'word-spacing': '0.16em'};
    if (one.tagName === 'P') spacing['margin-bottom'] = '2em';
    for (const [name, value] of Object.entries(spacing)) one.style.setProperty(name, value, 'important');
})"""  # WCAG 1.4.12; through the object model, which the content security policy leaves alone
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
        with page.expect_navigation():  # else the next look may find neither the old page nor the new one
            page.get_by_role("button").first.click()


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
def test_survey_by_keyboard_in_each_locale(study: Study, new_page: NewPage, locale: str) -> None:
    """One walk at the smallest width without a mouse: each kind of page is looked at, also with its errors."""
    page = new_page(width=SMALLEST, locale=locale)
    page.goto(f"/join/e2e/{COUNTRY[locale]}/")
    number, checked, headings = 0, set(), []
    while page.locator("form").count():
        number += page.locator(".scenario").count()
        groups = groups_on(page)
        session = SurveySession.objects.get()
        kind = session.plan[session.position]["kind"]
        if kind not in checked:
            checked.add(kind)
            check_page(page, f"{locale} {kind}")
            if groups:
                check_error_summary(page, groups, f"{locale} {kind}, with errors")
            if kind == PageName.SCENARIO:
                check_pages_beside(page, locale)
        headings.append(page.locator("h1").first.inner_text())
        answer_by_keyboard(page, {name: wish(name, number, locale) for name in groups})
    check_page(page, f"{locale} end")
    check_stored(locale)
    assert page.locator("html").get_attribute("lang") == locale
    assert len(set(headings)) == len(headings)
    assert checked >= {"consent", "screening", "comprehension", "scenario", "attention", "debrief"}


def check_pages_beside(page: Page, locale: str) -> None:
    """Look at the pages of those who want to stop, and come back."""
    here = page.url
    for path in (f"{here}stop/", f"{here}trouble/", "/withdraw/"):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{locale}$", re.IGNORECASE))
        check_page(page, f"{locale} {path}")
    page.goto(here)


def answer_by_keyboard(page: Page, wishes: dict[str, str]) -> None:
    """Go from question to question with Tab, choose with space and arrows, send with Enter."""
    for name, value in wishes.items():
        if page.evaluate("document.activeElement.name") != name:
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") == name
        choose_by_keyboard(page, value)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    with page.expect_navigation():
        page.keyboard.press("Enter")


def choose_by_keyboard(page: Page, value: str) -> None:
    """Select an option of the group that has the focus: space for the first, arrows to the others."""
    page.keyboard.press("Space")
    for _ in range(20):
        if page.evaluate("document.activeElement.value") == value:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no option {value}")


def check_error_summary(page: Page, groups: list[str], where: str) -> None:
    """Send the page without answers: the summary has the focus, its links lead to each question's first option."""
    page.get_by_role("button").first.click()
    expect(page.locator(".summary")).to_be_focused()
    check_page(page, where)
    links = page.locator(".summary a")
    assert links.count() == len(groups), where
    for number in reversed(range(len(groups))):  # ends at the first question
        links.nth(number).focus()
        page.keyboard.press("Enter")
        first = page.locator(f"input[name={groups[number]}]").first
        expect(first).to_be_focused()


def check_page(page: Page, where: str) -> None:
    """Check what a page must hold for everybody: see each function."""
    assert find_breaches(page) == [], where
    check_order(page, where)
    check_fit(page, where)
    page.evaluate(SPACE_TEXT_OUT)
    check_fit(page, f"{where}, with the text spaced out")
    page.evaluate("document.querySelectorAll('*').forEach(one => one.removeAttribute('style'))")


def check_order(page: Page, where: str) -> None:
    """What is read out first also stands first: heading, scenario, questions, button."""
    blocks = page.locator("h1, .scenario, fieldset, main button").evaluate_all(
        "all => all.map(one => [one.tagName, one.getBoundingClientRect().top])"
    )
    order = [ORDER.index(tag) for tag, _ in blocks]
    tops = [top for _, top in blocks]
    assert order == sorted(order), where
    assert tops == sorted(tops), where
    assert page.locator("[tabindex]:not([tabindex='-1']):not([tabindex='0'])").count() == 0, where


def check_fit(page: Page, where: str) -> None:
    """Nothing runs out of its box or off the screen, and every row is high enough for a thumb."""
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALLEST, where
    cut = page.locator("h1, h2, p, legend, label, label span, button, a, li").evaluate_all(
        "all => all.filter(a => a.clientWidth > 1 && a.scrollWidth > a.clientWidth + 1).map(a => a.innerText)"
    )
    assert cut == [], where
    rows = page.locator("label:not(.field), button, .button")
    heights = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
    assert all(height >= 44 for height in heights), where


def test_survey_without_javascript_stores_every_answer(study: Study, new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/join/e2e/BR/")
    number = 0
    while page.locator("form").count():
        number += page.locator(".scenario").count()
        names = (*WANTED, "country", "attention", "personal", "norm")
        for name in (name for name in names if page.locator(f"[name={name}]").count()):
            page.locator(f"input[name={name}][value='{wish(name, number, 'pt-BR')}']").check()
        with page.expect_navigation():  # else the next look may find neither the old page nor the new one
            page.get_by_role("button").first.click()
    check_stored("pt-BR")


def test_back_and_reload_lose_and_double_nothing(study: Study, new_page: NewPage) -> None:
    page = new_page()
    steps = walk(page, "/join/e2e/GB/", "en-GB")
    while Response.objects.count() < 4:
        next(steps)
    heading = page.locator("h1").inner_text()
    page.go_back()
    assert page.locator("h1").inner_text() == heading
    assert page.locator("input:checked").count() == 0, "the browser put in what was chosen on the page before"
    page.reload()
    assert page.locator("h1").inner_text() == heading
    assert Response.objects.count() == 4


def test_buttons_keep_an_outline_in_forced_colours(study: Study, new_page: NewPage) -> None:
    """High contrast takes backgrounds and shadows away: what is a button then shows by its border alone."""
    page = new_page(forced_colors="active")
    page.goto("/join/e2e/GB/")
    here = page.url
    list(zip(range(3), walk(page, here, "en-GB"), strict=False))  # beyond consent
    for path in ("", "stop/", "trouble/"):
        page.goto(f"{here}{path}")
        for button in page.locator("button, .button").all():
            style = button.evaluate(
                "one => (s => [s.borderTopWidth, s.borderTopColor, s.backgroundColor])(getComputedStyle(one))"
            )
            assert style[0] == "2px"
            assert style[1] != style[2], "the border has the background's colour"


def test_language_chosen_by_mistake_is_left_by_a_button_in_the_others(study: Study, new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/join/e2e/IN/")
    for locale, other in (("hi-IN", "Choose your language"), ("en-IN", "अपनी भाषा चुनें")):
        page.locator(f"input[value='{locale}']").check()
        page.get_by_role("button").click()
        assert page.locator("html").get_attribute("lang") == locale
        with page.expect_navigation():
            page.get_by_role("button", name=other).click()
    expect(page.locator("input[value='hi-IN']")).to_be_visible()


def test_second_person_on_the_same_browser_gets_their_own_session(study: Study, new_page: NewPage) -> None:
    page = new_page()
    page.goto("/join/e2e/GB/")
    first = page.url
    page.goto("/join/e2e/GB/")
    assert page.url != first
    assert page.context.cookies() == []
    assert SurveySession.objects.count() == 2
