"""What one submit may cost, in counts that are the same on every machine; see `bench.profile_submit`."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import Client
from django.urls import get_script_prefix, resolve, reverse, set_script_prefix
from django.utils import timezone

from bench.profile_submit import Count, ask, warm_submit
from pact_site import shortcut
from pact_site.wsgi import application
from survey import queries
from survey.enums import Choice, Locale, OptionOrder, Page, Question, Status
from survey.models import Response, Study, SurveySession
from survey.views import participant, skeletons
from survey.views.stamps import Stamp
from tests.factories import make_session, make_study
from tests.survey.test_flow_pages import Walker

MOST_CALLS = {"POST": 1_020, "GET": 700}  # of Python and C functions, a third more than counted
MOST_BYTES, MOST_PACKED = 8_000, 1_500
STAMPED = re.compile(r'name="stamp" value="[^"]+"')
STAMPED_AS = re.compile(r'name="stamp" value="([^"]+)"')


@pytest.mark.django_db(transaction=True)
def test_a_submit_stays_within_its_budget() -> None:
    walker = Walker(make_session(make_study(), "US"))
    walker.walk_to(Page.SCENARIO)
    posted, shown = warm_submit(application, walker.url)
    assert (posted.status, posted.location, posted.n_statements) == ("303", walker.url, 1)
    assert (shown.status, shown.n_statements) == ("200", 1)
    assert posted.n_calls <= MOST_CALLS["POST"]
    assert shown.n_calls <= MOST_CALLS["GET"]
    assert len(shown.body) <= MOST_BYTES
    assert shown.packed <= MOST_PACKED
    walker.session.refresh_from_db()
    assert Response.objects.filter(session=walker.session).count() == 2 * 3
    connection.close()


@pytest.mark.django_db
@pytest.mark.parametrize("country", ["BR", "IN", "US"])
def test_a_page_filled_in_is_the_page_rendered(study: Study, country: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every item in every form: the page that is filled in is, byte for byte, the one that its template makes."""
    session = make_session(study, country)
    url = f"/s/{session.token}/"
    for status, item, order, questions in forms(session):
        page = {"kind": "scenario", "item": item, "option_order": order, "questions": questions}
        SurveySession.objects.filter(pk=session.pk).update(status=status, plan=[page, page], position=1)
        filled = Client().get(url).content.decode()
        with monkeypatch.context() as patch:
            patch.setattr(participant, "show_at_once", lambda found, token: None)
            rendered = Client().get(url).content.decode()
        assert STAMPED.sub("", filled) == STAMPED.sub("", rendered)
        assert not skeletons.SLOT.search(filled)
        assert session.token in filled
    assert len(skeletons._kept) == 2 * 2 * 2


@pytest.mark.django_db
@pytest.mark.parametrize("locale", Locale.values)
def test_every_page_filled_in_is_the_page_rendered(study: Study, locale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session(study, "US")
    url = f"/s/{session.token}/"
    n_filled = 0
    for position, status in product(range(len(session.plan)), (Status.LANDED, Status.ACTIVE)):
        SurveySession.objects.filter(pk=session.pk).update(position=position, status=status, locale=locale)
        found = queries.find_standing(session.token)
        assert found is not None
        n_filled += participant.show_at_once(found, session.token) is not None
        filled = Client().get(url).content.decode()
        with monkeypatch.context() as patch:
            patch.setattr(participant, "show_at_once", lambda found, token: None)
            rendered = Client().get(url).content.decode()
        assert STAMPED.sub("", filled) == STAMPED.sub("", rendered)
        stamps = [Stamp.unsign(STAMPED_AS.findall(page)[0], session.token) for page in (filled, rendered)]
        assert stamps[0]._replace(served_at=stamps[1].served_at) == stamps[1]
    kinds = [page["kind"] for page in session.plan]
    assert n_filled == 2 * sum(kind not in {Page.LANGUAGE, Page.COMPREHENSION} for kind in kinds)
    assert len(set(kinds)) >= 7


def forms(session: SurveySession) -> Iterator[tuple[Status, str, OptionOrder, list[str]]]:
    """Vary what a page is: all items in one form, one item in all."""
    codes = list(session.version.items.order_by("code").values_list("code", flat=True))
    both = [Question.PERSONAL.value, Question.NORM.value]
    first = OptionOrder.CULTURE_FIRST
    yield from ((Status.ACTIVE, code, first, both) for code in codes)
    for order, questions in product(OptionOrder, (both, both[::-1])):
        yield Status.ACTIVE, codes[-1], order, questions
        yield Status.LANDED, codes[-1], order, questions


@pytest.mark.django_db
def test_who_comes_back_late_is_reminded_though_others_saw_the_page(study: Study) -> None:
    walker = Walker(make_session(study, "US"))
    walker.walk_to(Page.SCENARIO)
    assert "Welcome back" not in walker.client.get(walker.url).content.decode()
    SurveySession.objects.update(last_activity_at=timezone.now() - timedelta(days=2))
    assert "Welcome back" in walker.client.get(walker.url).content.decode()


@pytest.mark.django_db
def test_a_form_is_drawn_of_the_page_that_was_read(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session goes on between the two reads of whoever sees a form first: others get the form, not the next one."""
    walker = Walker(make_session(study, "US"))
    walker.walk_to(Page.SCENARIO)
    before = walker.client.get(walker.url).content.decode()
    skeletons._kept.clear()
    read = queries.find_session

    def find_late(token: str) -> SurveySession:
        SurveySession.objects.update(position=len(walker.session.plan) - 1, locale=Locale.HI_IN)
        return read(token)

    monkeypatch.setattr(participant, "find_session", find_late)
    after = walker.client.get(walker.url).content.decode()
    assert STAMPED.sub("", after) == STAMPED.sub("", before)


@pytest.mark.django_db
def test_standing_is_what_the_models_say(study: Study) -> None:
    session = make_session(study, "IN")
    found = queries.find_standing(session.token)
    assert found is not None
    arm = queries.find_session(session.token).arm
    stands = found._asdict()
    assert stands.pop("is_away_long") is False
    of_study = {name: stands.pop(name) for name in ("contact_email", "test_of_id")}
    assert stands == {name: getattr(session, name) for name in stands}
    assert of_study == {name: getattr(arm.study, name) for name in of_study}


@pytest.mark.django_db(transaction=True)
def test_what_takes_the_shortcut_is_answered_as_the_whole_site_answers() -> None:
    """Pages, entries, reports, unknown tokens, bad forms, other hosts: status, headers and bodies are the same."""
    study = make_study()
    page = f"/s/{make_session(study, 'US').token}/"
    session = SurveySession.objects.get()
    requests: list[tuple[str, str, dict[str, str] | None]] = [
        ("GET", page, None),
        ("HEAD", page, None),
        ("PUT", page, {}),
        ("POST", page, {"stamp": "forged"}),
        ("GET", "/s/unknown/", None),
        ("POST", f"{page}events/", {"no": "report"}),
        ("GET", f"{page}events/", None),
        ("GET", f"/join/{study.code}/XX/", None),
        ("GET", "/join/nobodys/US/", None),
        ("HEAD", f"/join/{study.code}/US/", None),
    ]
    for method, path, form in requests:
        short, whole = (ask(one, method, path, form) for one in (application, WSGIHandler()))
        assert (short.status, short.location) == (whole.status, whole.location), path
        assert headers_of(short) == headers_of(whole), path
        assert STAMPED.sub("", short.body.decode()) == STAMPED.sub("", whole.body.decode()), path
    assert SurveySession.objects.get() == session
    connection.close()


def headers_of(count: Count) -> dict[str, str]:
    """Give the headers but for what must differ: no page of a participant's varies with a cookie, and its times."""
    return {name: value for name, value in count.headers.items() if name not in {"Vary", "Expires"}}


def test_the_shortcuts_addresses_are_those_that_django_knows() -> None:
    for path in ("/s/a-Token_1/", "/s/a-Token_1/events/", "/join/a-study_1/US/"):
        view, values = shortcut.find(path)
        known = resolve(path, urlconf="pact_site.participant_urls")
        assert (view, tuple(values)) == (known.func, tuple(known.kwargs.values()))
    for path in ("/s/a/stop/", "/s/a b/", "/s/a/\n", "/s/ä/", "/join/a/US", "/studies/", ""):
        assert shortcut.find(path)[0] is None


@pytest.mark.django_db(transaction=True)
def test_the_shortcut_leads_to_https_as_the_site_does(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    url = f"/s/{make_session(make_study(), 'US').token}/"
    count = ask(shortcut.Shortcut(WSGIHandler()), "GET", url)
    assert (count.status, count.location) == ("301", f"https://127.0.0.1{url}")
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_the_first_to_come_by_plain_http_may_name_no_other_site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECURE_SSL_REDIRECT = True
    fresh, url = shortcut.Shortcut(WSGIHandler()), f"/s/{make_session(make_study(), 'US').token}/"
    with monkeypatch.context() as patch:
        patch.setattr("bench.profile_submit.HOST", "elsewhere.example")
        assert ask(fresh, "GET", url).status == "400"
    assert ask(fresh, "GET", url).status == "301"
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_error_past_the_middleware_is_the_sites_error_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(token: str) -> None:
        raise RuntimeError("something nobody thought of")

    url = f"/s/{make_session(make_study(), 'US').token}/"
    monkeypatch.setattr(participant, "find_standing", fail)
    count = ask(application, "GET", url)
    assert (count.status, b"Something went wrong on our side" in count.body) == ("500", True)
    assert "Content-Security-Policy" in count.headers
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_page_is_served_under_the_sites_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"/s/{make_session(make_study(), 'US').token}/"
    monkeypatch.setattr("bench.profile_submit.HOST", "elsewhere.example")
    for each in (application, WSGIHandler()):
        assert ask(each, "GET", url).status == "400"
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_statements_of_the_hot_path_are_planned_once_a_connection() -> None:
    walker = Walker(make_session(make_study(), "US"))
    walker.walk_to(Page.SCENARIO)
    warm_submit(application, walker.url)
    connection.ensure_connection()
    walker.client.get(walker.url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%survey_surveysession%%'")
        assert cursor.fetchone() >= (1,)
    connection.close()


@pytest.mark.django_db
def test_answers_at_once_are_the_answers_of_a_locked_submit(study: Study) -> None:
    """Two sessions with the same items answer alike, one without the item in its stamps."""
    rows = []
    for with_item in (True, False):
        walker = Walker(make_session(study, "US"))
        SurveySession.objects.filter(pk=walker.session.pk).update(option_order="culture_first")
        walker.walk_to(Page.SCENARIO)
        walker.session.refresh_from_db()
        plan = [{**page, "item": "BR01"} if "item" in page else page for page in walker.session.plan]
        SurveySession.objects.filter(pk=walker.session.pk).update(plan=plan)
        stamp = Stamp.unsign(walker.stamp(), walker.session.token)
        assert stamp.shown is not None
        sent = stamp if with_item else stamp._replace(shown=None)
        walker.post(sent.sign(walker.session.token), personal="culture", norm="preference")
        stored = Response.objects.filter(session=walker.session).order_by("question")
        rows.append(list(stored.values_list("item__code", "question", "choice", "locale", "text_hash", "served_at")))
    for mine, its in zip(*rows, strict=True):
        assert mine[:4] == its[:4]
    assert [row[1:3] for row in rows[0]] == [(Question.NORM, Choice.PREFERENCE), (Question.PERSONAL, Choice.CULTURE)]


@pytest.mark.django_db
def test_a_session_at_its_end_takes_no_answers_by_an_old_stamp(study: Study) -> None:
    walker = Walker(make_session(study, "US"))
    walker.walk_to(Page.SCENARIO)
    stamp = walker.stamp()
    walker.client.post(f"{walker.url}stop/")
    reply = walker.post(stamp, personal="culture", norm="culture")
    walker.session.refresh_from_db()
    assert (reply.status_code, walker.session.status) == (303, Status.WITHDREW)
    assert not Response.objects.filter(session=walker.session).exists()


@pytest.mark.django_db
def test_a_stamp_that_names_another_item_is_refused(study: Study) -> None:
    walker = Walker(make_session(study, "US"))
    walker.walk_to(Page.SCENARIO)
    stamp = walker.stamp()
    item = walker.session.plan[walker.session.position]["item"]
    forged = stamp.replace(f".{item}:", f".{'US01' if item != 'US01' else 'US02'}:")
    assert forged != stamp
    walker.post(forged, personal="culture", norm="culture")
    assert not Response.objects.exists()


@pytest.mark.parametrize("prefix", ["/", "/survey/"])
def test_a_pages_address_is_the_one_that_django_knows(prefix: str) -> None:
    begun_with = get_script_prefix()
    try:
        set_script_prefix(prefix)
        assert participant.page_address("a-Token_1") == reverse("survey:page", args=["a-Token_1"])
    finally:
        set_script_prefix(begun_with)


def test_asks_counts_calls() -> None:
    """The budget's own count is no constant: a busier application counts more."""

    def application(n: int):  # type: ignore[no-untyped-def]
        def serve(environ, start):  # type: ignore[no-untyped-def]
            start("200 OK", [])
            return [str(abs(one)).encode() for one in range(n)]

        return serve

    assert ask(application(1000), "GET", "/").n_calls - ask(application(1), "GET", "/").n_calls == 999 * 2
