"""A participant's way through the pages: one answer each, nothing lost, nothing twice."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from survey.enums import Choice, Page, Question, Status
from survey.models import Consent, Demographics, Response, StatusChange, Study, SurveySession
from tests.factories import make_session

pytestmark = pytest.mark.django_db

STAMP = re.compile(r'name="stamp" value="([^"]+)"')
ANSWERS = {
    Page.LANGUAGE: {"locale": "hi-IN"},
    Page.CONSENT: {"consent": "yes"},
    Page.SCREENING: {"country": "", "fluency": "fluent", "age_band": "25-34", "gender": "woman"},
    Page.INSTRUCTIONS: {},
    Page.COMPREHENSION: {"comprehension": "both"},
    Page.SCENARIO: {"personal": "culture", "norm": "preference"},
    Page.ATTENTION: {"attention": ""},
    Page.DEBRIEF: {},
}


class Walker:
    """A browser on one session."""

    def __init__(self, session: SurveySession, client: Client | None = None) -> None:
        self.session = session
        self.client = client or Client(enforce_csrf_checks=True)
        self.url = f"/s/{session.token}/"

    def kind(self) -> Page:
        self.session.refresh_from_db()
        return Page(self.session.plan[self.session.position]["kind"])

    def stamp(self) -> str:
        match = STAMP.search(self.client.get(self.url).content.decode())
        assert match, "the page has no form"
        return match[1]

    def post(self, stamp: str | None = None, **answers: str):  # type: ignore[no-untyped-def]
        return self.client.post(self.url, {"stamp": stamp or self.stamp(), **answers})

    def answers(self, page: Page) -> dict[str, str]:
        """Answer as somebody who belongs in the arm and reads what is asked."""
        answers = dict(ANSWERS[page])
        if page == Page.SCREENING:
            answers["country"] = self.session.arm.country
        elif page == Page.ATTENTION:
            structure = self.session.version.structure
            answers["attention"] = structure["attention_checks"][self.session.plan[self.session.position]["number"] - 1]
        return answers

    def walk_to(self, page: Page) -> None:
        while self.kind() != page:
            assert self.post(**self.answers(self.kind())).status_code == 303

    def finish(self) -> None:
        self.walk_to(Page.DEBRIEF)
        self.post()
        self.session.refresh_from_db()


def test_walk_stores_every_answer_with_what_was_shown(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.finish()
    session = walker.session
    responses = Response.objects.filter(session=session).select_related("item")
    items = [page["item"] for page in session.plan if page["kind"] == Page.SCENARIO]
    assert session.status == Status.COMPLETE
    assert session.finished_at is not None
    assert {(r.item.code, r.question, r.choice) for r in responses} == {
        *((code, Question.PERSONAL, Choice.CULTURE) for code in items),
        *((code, Question.NORM, Choice.PREFERENCE) for code in items),
    }
    assert len(responses) == 32
    assert len({r.text_hash for r in responses}) == 32
    assert {(r.option_order, r.locale) for r in responses} == {(session.option_order, "pt-BR")}
    assert all(r.served_at <= r.submitted_at for r in responses)
    assert {r.position for r in responses} == {i for i, page in enumerate(session.plan) if "item" in page}
    assert Demographics.objects.get(session=session).age_band == "25-34"
    assert [change.new for change in StatusChange.objects.filter(session=session)] == [
        Status.LANDED, Status.ACTIVE, Status.COMPLETE,
    ]  # fmt: skip


def test_double_submit_stores_one_answer_and_moves_one_page(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    position = walker.session.position
    stamp = walker.stamp()
    first = walker.post(stamp, personal="culture", norm="culture")
    second = walker.post(stamp, personal="preference", norm="preference")
    walker.session.refresh_from_db()
    assert (first.status_code, second.status_code) == (303, 303)
    assert second.headers["Location"] == walker.url
    assert walker.session.position == position + 1
    assert set(Response.objects.values_list("choice", flat=True)) == {Choice.CULTURE}


def test_language_may_be_chosen_again_until_somebody_consents_in_one(study: Study) -> None:
    walker = Walker(make_session(study, "IN"))
    walker.walk_to(Page.CONSENT)  # in Hindi
    in_hindi = walker.stamp()
    assert walker.post(again="language").status_code == 303
    assert walker.kind() == Page.LANGUAGE
    walker.post(locale="en-IN")
    assert walker.post(in_hindi, lang="hi-IN", consent="yes").status_code == 303  # a tab that was left open
    assert not Consent.objects.exists()
    assert walker.post(lang="en-IN", consent="yes").status_code == 303
    assert Consent.objects.get().locale == "en-IN"
    walker.post(again="language")
    assert walker.kind() == Page.SCREENING  # no way back from there


def test_country_with_one_language_offers_no_other(study: Study) -> None:
    walker = Walker(make_session(study, "BR"))
    assert 'name="again"' not in walker.client.get(walker.url).content.decode()
    assert walker.post(again="language").status_code == 422
    assert walker.kind() == Page.CONSENT


@pytest.mark.django_db(transaction=True)
def test_simultaneous_submits_store_one_answer(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    position = walker.session.position
    stamp = walker.stamp()

    def submit(choice: str) -> int:
        try:
            return int(Client().post(walker.url, {"stamp": stamp, "personal": choice, "norm": choice}).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(submit, ["culture", "preference"] * 4))
    walker.session.refresh_from_db()
    assert codes == [303] * 8
    assert walker.session.position == position + 1
    assert Response.objects.count() == 2
    assert len(set(Response.objects.values_list("choice", flat=True))) == 1


def test_stale_tab_leads_to_where_the_session_stands(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    stale = walker.stamp()
    walker.post(personal="culture", norm="culture")
    walker.post(personal="culture", norm="culture")
    position = walker.session.position + 2
    reply = walker.post(stale, personal="preference", norm="preference")
    walker.session.refresh_from_db()
    assert reply.status_code == 303
    assert walker.session.position == position
    assert Response.objects.count() == 4


def test_reload_shows_the_same_page_and_changes_nothing(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    strip = re.compile(rb'value="[^"]+:[^"]+"')
    first, second = (strip.sub(b"", walker.client.get(walker.url).content) for _ in range(2))
    assert first == second


def test_second_device_goes_on_where_the_first_stood(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    other = Walker(walker.session, Client())
    assert other.post(personal="culture", norm="culture").status_code == 303
    assert Response.objects.count() == 2


def test_missing_answer_is_asked_for_and_keeps_the_given_one(study: Study) -> None:
    walker = Walker(make_session(study, "GB"))
    walker.walk_to(Page.SCENARIO)
    reply = walker.post(personal="preference")
    html = reply.content.decode()
    assert reply.status_code == 422
    assert "<title>Error:" in html
    assert "There is a problem" in html
    assert '<a href="#norm-1">Select what most people would consider appropriate</a>' in html
    assert re.search(r'value="preference" checked', html)
    assert not Response.objects.exists()


def test_option_that_was_not_offered_counts_as_none(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    assert walker.post(personal="culture", norm="'; DROP TABLE").status_code == 422
    assert not Response.objects.exists()


@pytest.mark.parametrize("stamp", ["", "3.1700000000000", "0.1700000000000:forged", "x" * 5000])
def test_forged_stamp_changes_nothing_and_leads_back(study: Study, stamp: str) -> None:
    walker = Walker(make_session(study))
    reply = walker.client.post(walker.url, {"stamp": stamp, "consent": "yes"})
    walker.session.refresh_from_db()
    assert (reply.status_code, reply.headers["Location"]) == (303, walker.url)
    assert walker.session.position == 0


def test_stamp_of_another_session_is_refused(study: Study) -> None:
    mine, other = Walker(make_session(study)), Walker(make_session(study))
    mine.post(other.stamp(), consent="yes")
    mine.session.refresh_from_db()
    assert mine.session.position == 0


def test_refused_consent_ends_the_session_without_answers(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.post(consent="no")
    walker.session.refresh_from_db()
    assert walker.session.status == Status.NO_CONSENT
    assert Consent.objects.get(session=walker.session).is_given is False
    assert "Nenhuma resposta sua foi guardada" in walker.client.get(walker.url).content.decode()
    assert walker.client.post(walker.url, {"stamp": "x"}).status_code == 303


def test_consent_keeps_what_was_shown(study: Study) -> None:
    one, two = Walker(make_session(study, "GB")), Walker(make_session(study, "US"))
    for walker in (one, two):
        walker.post(consent="yes")
    hashes = {c.locale: c.text_hash for c in Consent.objects.all()}
    assert set(hashes) == {"en-GB", "en-US"}
    assert hashes["en-GB"] != hashes["en-US"]  # anonymised, anonymized


def test_language_choice_holds_for_all_that_follows(study: Study) -> None:
    walker = Walker(make_session(study, "IN"))
    assert walker.kind() == Page.LANGUAGE
    walker.post(locale="hi-IN")
    html = walker.client.get(walker.url).content.decode()
    assert '<html lang="hi-IN">' in html
    assert "आगे बढ़ें" in html
    walker.finish()
    assert set(Response.objects.values_list("locale", flat=True)) == {"hi-IN"}


def test_countries_stand_in_the_order_of_the_readers_alphabet(study: Study) -> None:
    walker = Walker(make_session(study, "BR"))
    walker.post(consent="yes")
    html = walker.client.get(walker.url).content.decode()
    listed = ["África do Sul", "Brasil", "Estados Unidos", "Índia", "Reino Unido", "Outro país", "Prefiro não informar"]
    assert sorted(listed, key=html.index) == listed


def test_finished_session_shows_its_end_however_often(study: Study) -> None:
    walker = Walker(make_session(study, "US"))
    walker.finish()
    for _ in range(2):
        assert "All your answers are stored." in walker.client.get(walker.url).content.decode()
    assert StatusChange.objects.filter(new=Status.COMPLETE).count() == 1


def test_language_page_asks_in_every_language_it_offers(study: Study) -> None:
    html = Client().get("/join/s1/IN/", follow=True).content.decode()
    assert '<h1 class="asks"><span lang="en-IN">Choose your language</span><br>' in html
    assert '<span lang="hi-IN">अपनी भाषा चुनें</span></h1>' in html


def test_unknown_token_gets_a_clear_page_in_the_readers_language() -> None:
    reply = Client().get("/s/nonsense/", headers={"accept-language": "pt-BR"})
    assert reply.status_code == 404
    assert "Esta página não foi encontrada" in reply.content.decode()
    assert Client().post("/s/nonsense/", {"stamp": "x"}).status_code == 404


def test_participant_pages_set_no_cookie_and_are_not_kept(study: Study) -> None:
    walker = Walker(make_session(study))
    reply = walker.client.get(walker.url)
    assert not reply.cookies
    assert "no-store" in reply.headers["Cache-Control"]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Referrer-Policy"] == "same-origin"  # the address is the key: no other site reads it
    assert not walker.post(consent="yes").cookies


@pytest.mark.parametrize(
    "page", [Page.CONSENT, Page.SCREENING, Page.INSTRUCTIONS, Page.SCENARIO, Page.ATTENTION, Page.DEBRIEF]
)
def test_queries_per_page_are_few(study: Study, page: Page, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    Walker(make_session(study)).finish()  # fills the caches of the version
    walker = Walker(make_session(study))
    walker.walk_to(page)
    stamp, answers = walker.stamp(), walker.answers(page)
    with django_assert_num_queries(1):
        walker.client.get(walker.url)
    # savepoint and release of the test's transaction; lock, insert(s), update
    expected = {
        Page.CONSENT: 7,
        Page.SCREENING: 9,
        Page.INSTRUCTIONS: 4,
        Page.SCENARIO: 1,  # without a lock of its own
        Page.ATTENTION: 5,
        Page.DEBRIEF: 11,
    }
    with django_assert_num_queries(expected[page]):
        walker.client.post(walker.url, {"stamp": stamp, **answers})
