"""What one submit may cost, in counts that are the same on every machine; see `bench.profile_submit`."""

import re

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import Client

from bench.profile_submit import ask, warm_submit
from survey.enums import Choice, Page, Question, Status
from survey.models import Response, Study, SurveySession
from survey.pages.scenario import ScenarioPage
from survey.views import skeletons
from survey.views.stamps import Stamp
from tests.factories import make_session, make_study
from tests.survey.test_flow_pages import Walker

MOST_CALLS = {"POST": 1_930, "GET": 1_850}  # of Python and C functions, a third more than counted
MOST_BYTES, MOST_PACKED = 8_000, 1_500
SLOTS = re.compile(rf"{skeletons.TOKEN}|{skeletons.STAMP}|{skeletons.HEADING}")


@pytest.fixture
def study() -> Study:
    return make_study()


@pytest.mark.django_db(transaction=True)
def test_a_submit_stays_within_its_budget() -> None:
    walker = Walker(make_session(make_study(), "US"))
    walker.walk_to(Page.SCENARIO)
    posted, shown = warm_submit(get_wsgi_application(), walker.url)
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
    walker = Walker(make_session(study, country), Client())
    walker.walk_to(Page.SCENARIO)
    other = Walker(make_session(study, country), Client())
    other.walk_to(Page.SCENARIO)
    SurveySession.objects.filter(pk=other.session.pk).update(
        plan=walker.session.plan, position=walker.session.position, option_order=walker.session.option_order
    )
    first, filled = (one.client.get(one.url).content.decode() for one in (walker, other))
    assert len(skeletons._kept) == 1
    with monkeypatch.context() as patch:
        patch.setattr(ScenarioPage, "shown", lambda self, turn: None)
        rendered = other.client.get(other.url).content.decode()
    stamp = re.compile(r'name="stamp" value="[^"]+"')
    assert stamp.sub("", filled) == stamp.sub("", rendered)
    assert not SLOTS.search(filled)
    assert walker.session.token in first
    assert walker.session.token not in filled


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


def test_asks_counts_calls() -> None:
    """The budget's own count is no constant: a busier application counts more."""

    def application(n: int):  # type: ignore[no-untyped-def]
        def serve(environ, start):  # type: ignore[no-untyped-def]
            start("200 OK", [])
            return [str(abs(one)).encode() for one in range(n)]

        return serve

    assert ask(application(1000), "GET", "/").n_calls - ask(application(1), "GET", "/").n_calls == 999 * 2
