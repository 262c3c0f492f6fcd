"""What pages report of their use: stored once, from a fixed vocabulary, and never in anybody's way."""

import gzip
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from survey.domain.lifecycle import withdraw
from survey.domain.paradata import MOST_PER_SESSION, Event, append_events
from survey.enums import AskedQuestion, Page, PageEventKind, Status
from survey.models import PageEvent, Study, SurveySession
from tests.factories import make_session
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db

EVENTS = [
    ["page_shown", 0, "narrow"],
    ["first_interaction", 1200, ""],
    ["answer_change", 1250, "personal"],
    ["hidden", 3000, ""],
    ["visible", 9000, ""],
]
RADIO = re.compile(r'<input type="radio" name="([^"]+)"')


def send(walker: Walker, body: object) -> HttpResponse:
    """Post what a beacon posts: text, whatever it holds."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return walker.client.post(f"{walker.url}events/", raw, content_type="text/plain;charset=UTF-8")  # type: ignore[return-value]


def report(walker: Walker, events: object) -> HttpResponse:
    return send(walker, {"stamp": walker.stamp(), "events": events})


def test_report_stores_its_events_on_the_page_of_the_stamp(walker: Walker) -> None:
    reply = report(walker, EVENTS)
    stored = PageEvent.objects.values_list("session", "position", "kind", "at_ms", "detail")
    assert (reply.status_code, reply.content) == (204, b"")
    assert list(stored) == [(walker.session.pk, walker.session.position, *event) for event in EVENTS]


def test_report_sent_after_the_answer_counts_for_the_page_it_left(walker: Walker) -> None:
    stamp, position = walker.stamp(), walker.session.position
    walker.post(stamp, personal="culture", norm="culture")
    assert send(walker, {"stamp": stamp, "events": EVENTS}).status_code == 204
    assert set(PageEvent.objects.values_list("position", flat=True)) == {position}


def test_report_of_the_last_page_is_taken_after_the_end(study: Study) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.DEBRIEF)
    stamp = walker.stamp()
    walker.post(stamp)
    walker.session.refresh_from_db()
    assert walker.session.status == Status.COMPLETE
    assert send(walker, {"stamp": stamp, "events": EVENTS}).status_code == 204
    assert PageEvent.objects.count() == len(EVENTS)


def test_report_sent_twice_is_stored_once(walker: Walker) -> None:
    body = {"stamp": walker.stamp(), "events": EVENTS}
    assert [send(walker, body).status_code for _ in range(2)] == [204, 204]
    assert PageEvent.objects.count() == len(EVENTS)


def test_page_loaded_again_is_shown_once_and_goes_on(walker: Walker) -> None:
    report(walker, [["page_shown", 0, "narrow"], ["hidden", 10, ""]])
    report(walker, [["page_shown", 0, "wide"], ["hidden", 20, ""]])
    stored = PageEvent.objects.values_list("kind", "at_ms", "detail")
    assert list(stored) == [("page_shown", 0, "narrow"), ("hidden", 10, ""), ("hidden", 20, "")]


def test_report_leaves_the_session_as_it_was_and_sets_no_cookie(walker: Walker) -> None:
    before = SurveySession.objects.filter(pk=walker.session.pk).values().get()
    reply = report(walker, EVENTS)
    assert SurveySession.objects.filter(pk=walker.session.pk).values().get() == before
    assert not reply.cookies
    assert "no-store" in reply.headers["Cache-Control"]


def test_report_costs_three_queries(walker: Walker, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    body = {"stamp": walker.stamp(), "events": EVENTS}
    with django_assert_num_queries(3):
        send(walker, body)


@pytest.mark.parametrize("at_ms", [0, 24 * 60 * 60 * 1000])
def test_times_within_a_day_are_stored(walker: Walker, at_ms: int) -> None:
    assert report(walker, [["visible", at_ms, ""]]).status_code == 204
    assert PageEvent.objects.get().at_ms == at_ms


@pytest.mark.parametrize(
    "event",
    [
        ["scrolled", 5, ""],
        [["hidden"], 5, ""],
        [None, 5, ""],
        ["hidden", -1, ""],
        ["hidden", 24 * 60 * 60 * 1000 + 1, ""],
        ["hidden", 1.5, ""],
        ["hidden", True, ""],
        ["hidden", "5", ""],
        ["hidden", None, ""],
        ["hidden", 10**400, ""],
        ["hidden", 5, "personal"],
        ["hidden", 5, None],
        ["first_interaction", 5, "narrow"],
        ["page_shown", 0, ""],
        ["page_shown", 0, "360x740"],
        ["page_shown", 0, ["narrow"]],
        ["answer_change", 5, ""],
        ["answer_change", 5, "narrow"],
        ["answer_change", 5, "consent"],
        ["answer_change", 5, "my name is"],
        ["hidden", 5],
        ["hidden", 5, "", ""],
        {"kind": "hidden", "at_ms": 5, "detail": ""},
        "hidden",
    ],
)
def test_report_with_one_bad_event_is_refused_whole(walker: Walker, event: object) -> None:
    reply = report(walker, [*EVENTS, event])
    assert (reply.status_code, reply.content) == (400, b"")
    assert not PageEvent.objects.exists()


@pytest.mark.parametrize("events", [[], [["hidden", at, ""] for at in range(51)], {}, "hidden", None, 5])
def test_report_needs_one_to_fifty_events(walker: Walker, events: object) -> None:
    assert report(walker, events).status_code == 400
    assert report(walker, [["hidden", at, ""] for at in range(50)]).status_code == 204
    assert PageEvent.objects.count() == 50


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"stamp=x",
        b"[" * 8000,
        b"9" * 8000,
        b'{"stamp": "x", "events": [',
        [],
        "text",
        None,
        {"events": EVENTS},
        {"stamp": None, "events": EVENTS},
        {"stamp": "", "events": EVENTS},
        {"stamp": "9.1700000000000.0.0:forged", "events": EVENTS},
        {"stamp": "\ud800\u0000", "events": EVENTS},
    ],
)
def test_anything_but_a_report_is_refused_with_a_log_line(
    walker: Walker, body: object, caplog: pytest.LogCaptureFixture
) -> None:
    reply = send(walker, body)
    assert (reply.status_code, reply.content) == (400, b"")
    lines = [entry.getMessage() for entry in caplog.records if entry.name == "survey.views.paradata"]
    assert len(lines) == 1
    assert lines[0].startswith(f"session {walker.session.pk}: page events refused: ")
    assert not PageEvent.objects.exists()


def test_report_with_anything_else_in_it_is_refused(walker: Walker) -> None:
    assert send(walker, {"stamp": walker.stamp(), "events": EVENTS, "agent": "x"}).status_code == 400
    assert not PageEvent.objects.exists()


def test_report_longer_than_8_kb_is_refused(walker: Walker) -> None:
    body = json.dumps({"stamp": walker.stamp(), "events": EVENTS}).encode()
    assert send(walker, body.ljust(8 * 1024 + 1)).status_code == 400
    assert not PageEvent.objects.exists()
    assert send(walker, body.ljust(8 * 1024)).status_code == 204
    assert send(walker, body.ljust(300 * 1024)).status_code == 400  # past the site's own limit


def test_stamp_of_another_session_is_refused(walker: Walker, study: Study) -> None:
    other = Walker(make_session(study))
    assert send(walker, {"stamp": other.stamp(), "events": EVENTS}).status_code == 400
    assert not PageEvent.objects.exists()


def test_unknown_token_is_not_found() -> None:
    reply = Client().post("/s/nonsense/events/", "{}", content_type="text/plain")
    assert (reply.status_code, reply.content) == (404, b"")


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_only_posts_are_taken(walker: Walker, method: str) -> None:
    assert getattr(walker.client, method)(f"{walker.url}events/").status_code == 405


def test_nothing_is_stored_of_somebody_who_has_not_consented(study: Study) -> None:
    walker = Walker(make_session(study))
    stamp = walker.stamp()
    assert send(walker, {"stamp": stamp, "events": EVENTS}).status_code == 400
    walker.post(stamp, consent="no")
    assert send(walker, {"stamp": stamp, "events": EVENTS}).status_code == 400
    assert not PageEvent.objects.exists()


def test_nothing_is_stored_of_somebody_who_withdrew(walker: Walker) -> None:
    stamp = walker.stamp()
    withdraw(walker.session, reason="test")
    assert send(walker, {"stamp": stamp, "events": EVENTS}).status_code == 400
    assert not PageEvent.objects.exists()


def test_session_is_full_at_its_limit(walker: Walker) -> None:
    nearly = [Event(PageEventKind.HIDDEN, at) for at in range(MOST_PER_SESSION - 2)]
    append_events(walker.session, position=0, events=nearly)
    assert report(walker, EVENTS).status_code == 204
    assert PageEvent.objects.count() == 500
    assert report(walker, [["hidden", 7, ""]]).status_code == 204
    assert PageEvent.objects.count() == 500


def test_limit_of_one_session_is_not_that_of_another(walker: Walker, study: Study) -> None:
    other = make_session(study)
    append_events(other, position=0, events=[Event(PageEventKind.HIDDEN, at) for at in range(MOST_PER_SESSION)])
    report(walker, EVENTS)
    assert PageEvent.objects.filter(session=walker.session).count() == len(EVENTS)


def test_script_is_on_every_page_after_consent_and_nowhere_else(study: Study) -> None:
    walker = Walker(make_session(study, "IN"))
    asked = set()
    while not walker.session.finished_at:
        page = walker.kind()
        html = walker.client.get(walker.url).content.decode()
        has_consented = page not in {Page.LANGUAGE, Page.CONSENT}
        assert ("paradata.js" in html) is has_consented, page
        assert (f'data-events="{walker.url}events/"' in html) is has_consented, page
        asked |= set(RADIO.findall(html)) if has_consented else set()
        walker.post(**walker.answers(page))
        walker.session.refresh_from_db()
    assert "<script" not in walker.client.get(walker.url).content.decode()
    assert asked == set(AskedQuestion.values)  # a question that is missing there would have its reports refused


def test_script_is_small() -> None:
    assert len(gzip.compress(Path(settings.BASE_DIR, "static", "paradata.js").read_bytes())) < 1_500
