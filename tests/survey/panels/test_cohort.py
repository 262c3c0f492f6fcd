"""A simulated cohort that the panel sends: every visit ends at the panel as it was planted, and the two sides agree."""

import random
import re
from collections import Counter
from urllib.parse import urlencode

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db.models import Q
from pytest_django.live_server_helper import LiveServer

from survey.crowd import read_world
from survey.domain.acts import perform_due
from survey.domain.fixes import Wish, clean_pks, order
from survey.domain.visits import read_rows
from survey.enums import LeaseState, Outcome, PanelVerb, Status
from survey.models import Lease, QuotaCell, Response, SurveySession
from survey.simulation import Person, Planted, draw_person, take_survey
from tests.survey.panels.conftest import Field

PLANTED = Planted(
    p_no_consent=0.1, p_drop_out=0.2, p_inattentive=0.15, p_double_click=0.2, p_break=0.2, p_withdraws=0.1
)
N = 24
PLACES = 4


def visit(field: Field, site: LiveServer, person: Person) -> str:
    """Walk one person from the panel's link to where they end, and do at the panel what they then do there."""
    params = field.panel.take_place(field.panel_study, person.name)
    entry, submission = f"/join/s1/GB/?{urlencode(params)}", params["SESSION_ID"]
    with httpx2.Client(base_url=site.url, timeout=60) as client:
        walk = take_survey(client, entry, person, read_world(field.study, PLANTED))
        end = client.get(entry, follow_redirects=True).text
    if code := re.search(r"submissions/complete\?cc=(\w+)", end):
        field.panel.enter_code(submission, code[1])
    elif not walk.is_finished:  # half of those who drop out say so, the others' time runs out
        field.panel.move(submission, "RETURNED" if len(person.name) % 2 else "TIMED-OUT")
    return submission


def deliver_in_disorder(field: Field) -> None:
    """Let every event come twice, in any order."""
    events = [*field.panel.outbox, *field.panel.outbox]
    random.Random(1).shuffle(events)
    field.panel.outbox = events
    field.deliver_all()


@pytest.mark.django_db(transaction=True)
def test_cohort_ends_at_the_panel_as_it_was_planted(field: Field, live_server: LiveServer) -> None:
    QuotaCell.objects.filter(arm=field.arm).update(target=PLACES, over_target=1)
    people = {f"panel-{number}": draw_person(f"panel-{number}", "GB", PLANTED) for number in range(N)}
    visits = {visit(field, live_server, person): person for person in people.values()}
    while perform_due():
        pass
    deliver_in_disorder(field)

    sessions = {
        session.participant.panel_identity.panel_person: session
        for session in SurveySession.objects.select_related("participant__panel_identity")
    }
    assert sessions.keys() == people.keys()
    for submission, person in visits.items():
        session, there = sessions[person.name], field.panel.submissions[submission]
        if session.status == Status.COMPLETE:
            assert person.consents
            assert person.stops_after is None
            assert (there["status"], there["study_code"]) == ("AWAITING REVIEW", "RDONE")
            assert Response.objects.filter(session=session).count() == 36
        elif not person.consents:
            assert (session.status, there["study_code"]) == (Status.NO_CONSENT, "CNO")
        elif there["status"] in {"RETURNED", "TIMED-OUT"}:
            assert session.outcome in {Outcome.WITHDREW, Outcome.TIMED_OUT}
            assert not Lease.objects.filter(session=session).exclude(state=LeaseState.FREED).exists()
    ends = Counter(session.status for session in sessions.values())
    assert ends[Status.COMPLETE] >= 8
    assert ends[Status.NO_CONSENT] == sum(not person.consents for person in people.values())
    held = Counter(Lease.objects.filter(~Q(state=LeaseState.FREED)).values_list("cell", flat=True))
    assert max(held.values()) <= PLACES + 1

    rows = read_rows(field.study)
    complete = [row for row in rows if row.status == Status.COMPLETE]
    assert [row.advices for row in complete if row.advices] == []
    clean = clean_pks(rows)
    order(field.study, Wish(PanelVerb.APPROVE), clean, by=User.objects.create_user("ada"))
    while perform_due():
        pass
    approved = {key for key, row in field.panel.submissions.items() if row["status"] == "APPROVED"}
    flagged = [row for row in complete if row.visit.outcome != Outcome.COMPLETE]
    assert len(approved) == len(clean) == len(complete) - len(flagged)
    assert not {row["status"] for row in field.panel.submissions.values()} & {"REJECTED"}
