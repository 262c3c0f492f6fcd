"""Coming back late, to a server whose clock is wrong, after the panel's time: everyone can go on."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from survey.enums import Page, Status
from survey.models import Response, Study, SurveySession
from survey.views.stamps import Stamp
from tests.factories import make_session
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
ANSWERS = {"personal": "culture", "norm": "preference"}
WELCOME_BACK = "Welcome back. This is the task:"


def walker_away_for(study: Study, away: timedelta, page: Page) -> Walker:
    """Walk to a page and let all that was done there lie back in time."""
    walker = Walker(make_session(study, "GB"))
    walker.walk_to(page)
    if page == Page.SCENARIO:
        walker.post(**ANSWERS)
    SurveySession.objects.update(landed_at=F("landed_at") - away, last_activity_at=F("last_activity_at") - away)
    Response.objects.update(served_at=F("served_at") - away, submitted_at=F("submitted_at") - away)
    return walker


def shown(walker: Walker) -> str:
    return str(walker.client.get(walker.url).content.decode())


def test_who_comes_back_after_more_than_a_day_reads_the_task_once_more(study: Study) -> None:
    walker = walker_away_for(study, timedelta(hours=25), Page.SCENARIO)
    html = shown(walker)
    assert html.index("<h1>") < html.index(WELCOME_BACK) < html.index('class="scenario"')
    assert WELCOME_BACK in walker.post().content.decode()  # and while answers are missing
    walker.post(**ANSWERS)
    assert WELCOME_BACK not in shown(walker)
    gap = Response.objects.order_by("-position")[0].served_at - Response.objects.order_by("position")[0].submitted_at
    assert timedelta(hours=25) <= gap < timedelta(hours=26)  # what the data say of the time away


@pytest.mark.parametrize(
    ("away", "page"), [(timedelta(hours=23), Page.SCENARIO), (timedelta(days=3), Page.INSTRUCTIONS)]
)
def test_reminder_stays_away_where_it_is_not_needed(study: Study, away: timedelta, page: Page) -> None:
    assert WELCOME_BACK not in shown(walker_away_for(study, away, page))


def test_session_of_any_age_goes_on_to_its_end(study: Study) -> None:
    """No panel's limit ends a session here: whoever still has the page open gives their answers."""
    walker = walker_away_for(study, timedelta(days=40), Page.SCENARIO)
    walker.finish()
    assert walker.session.status == Status.COMPLETE
    assert Response.objects.count() == 36


@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=-2)])
def test_page_served_by_a_server_with_another_time_is_stored(study: Study, skew: timedelta) -> None:
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    begun = timezone.now()
    served_at = begun + skew
    walker.post(Stamp(walker.session.position, served_at).sign(walker.session.token), **ANSWERS)
    response = Response.objects.order_by("pk")[0]
    assert begun <= response.submitted_at <= timezone.now()
    assert response.served_at <= response.submitted_at
    if skew < timedelta(0):
        assert abs(response.served_at - served_at) < timedelta(milliseconds=1)
