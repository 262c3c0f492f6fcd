"""A made-up language through every participant page: whatever stands there unmarked is written into the code."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import trans_real

from survey import queries
from survey.enums import Locale, Page
from survey.instruments.schema import placeholders
from survey.models import Study
from survey.pages import base
from survey.queries import text_catalogue
from survey.views import framing, leaving, participant
from tests.factories import SHIPPED_DEFINITION, make_session, make_study
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db

ACCENTS = str.maketrans("aeiouAEIOUcn", "áéíóúÁÉÍÓÚçñ")
PLACEHOLDER = re.compile(r"(\{\w*\}|%\(\w+\)[sd])")
LONGER = 0.4  # how much a translation may grow
# What is the same in every language: codes and addresses, and the languages' own names.
UNTRANSLATED = {*(str(locale.label) for locale in Locale), "testserver/withdraw/", settings.CONTACT_EMAIL, "–"}


def pseudo(text: str) -> str:
    """Accent a text, make it longer and put it into brackets; placeholders stay."""
    parts = PLACEHOLDER.split(text)
    accented = "".join(p if PLACEHOLDER.fullmatch(p) else p.translate(ACCENTS) for p in parts)
    return f"⟦{accented}{'~' * int(len(text) * LONGER)}⟧"


class Strings(HTMLParser):
    """Collects what a reader sees or hears of a page, apart from codes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.hidden += tag in {"script", "style"} or attributes.get("class") == "code"
        names = ("alt", "title", "aria-label", "placeholder")
        self.found += [value for name in names if (value := attributes.get(name))]

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in {"script", "style"} or (tag == "strong" and self.hidden > 0)

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.hidden:
            self.found.append(data.strip())


def outside(string: str) -> str:
    """Give what of a string stands outside of brackets."""
    rest = string
    while (shorter := re.sub(r"⟦[^⟦⟧]*⟧", "", rest)) != rest:
        rest = shorter
    return re.sub(r"[\s–:.,()/0-9]+", " ", rest).strip()


def unmarked(html: str) -> list[str]:
    parser = Strings()
    parser.feed(html)
    return [string for string in parser.found if string not in UNTRANSLATED and outside(string)]


def forget_wordings() -> None:
    """Let the items' words be taken from the catalogue anew: they are kept for a process's life."""
    queries.item_wording.cache_clear()
    queries.text_hashes.cache_clear()


@pytest.fixture
def pseudo_language(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every catalogue, of the instrument and of the pages, speak the made-up language."""
    forget_wordings()
    for module in (queries, base, framing, leaving, participant):
        monkeypatch.setattr(
            module, "text_catalogue", lambda *which: {key: pseudo(b) for key, b in text_catalogue(*which).items()}
        )
    monkeypatch.setattr(trans_real, "gettext", pseudo)  # lazy strings end here as well
    monkeypatch.setattr(translation._trans, "gettext", pseudo)  # type: ignore[attr-defined]
    yield
    forget_wordings()


@pytest.fixture
def study(no_instrument: None) -> Study:
    """Make a study of a version whose words no process holds in the real language yet."""
    return make_study()


def see(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return response.content.decode()


def test_pseudo_language_keeps_the_placeholders() -> None:
    for entry in SHIPPED_DEFINITION.texts["en-US"].entries.values():
        assert placeholders(pseudo(entry.body)) == placeholders(entry.body)
        assert len(pseudo(entry.body)) >= 1.4 * len(entry.body)
    assert pseudo("Situation %(number)d of %(total)d").startswith("⟦Sítúátíóñ %(number)d óf %(total)d")


def test_hard_coded_string_is_found() -> None:
    page = '<h1>⟦Óñé⟧ 1/2</h1><p aria-label="Two">⟦Thréé⟧ and</p><strong class="code">AB</strong><script>x</script>'
    assert unmarked(page) == ["Two", "⟦Thréé⟧ and"]


def test_every_page_of_a_session_speaks_the_pseudo_language(study: Study, pseudo_language: None) -> None:
    walker = Walker(make_session(study, "IN"), Client())
    seen = set()
    while not walker.session.finished_at:
        kind = walker.kind()
        html = see(walker.client, walker.url)
        assert (kind, unmarked(html)) == (kind, [])
        assert not re.search(r"\{\w+\}|%\(", html), "a placeholder was not filled in"
        if kind not in seen and kind not in {Page.INSTRUCTIONS, Page.DEBRIEF}:
            faulty = walker.post().content.decode()  # nothing chosen: the messages
            assert (kind, unmarked(faulty)) == (kind, [])
        seen.add(kind)
        if kind not in {Page.LANGUAGE, Page.CONSENT}:
            assert unmarked(see(walker.client, f"{walker.url}stop/")) == []
        walker.post(**walker.answers(kind))
        walker.session.refresh_from_db()
    assert unmarked(see(walker.client, walker.url)) == []
    assert seen == set(Page) - {Page.DEMOGRAPHICS}


def test_pages_outside_a_session_speak_the_pseudo_language(study: Study, pseudo_language: None) -> None:
    client = Client()
    assert unmarked(see(client, "/s/nothing/", 404)) == []
    assert unmarked(see(client, "/withdraw/")) == []
    assert unmarked(client.post("/withdraw/", {"receipt": "X"}).content.decode()) == []
    study.state = "paused"
    study.save()
    assert unmarked(see(client, f"/join/{study.code}/BR/", 403)) == []


def test_pseudo_language_is_not_offered_to_participants() -> None:
    assert {code for code, _ in settings.LANGUAGES} == {locale.lower() for locale in Locale.values}
    assert not list(Path(settings.BASE_DIR).glob("survey/locale/*pseudo*"))
