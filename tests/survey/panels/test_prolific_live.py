"""Whole stories between the participants' pages and a panel whose network has bad days."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from survey.domain.acts import perform_due, plan, resolve_unconfirmed
from survey.domain.panels import process_events, refresh
from survey.enums import (
    ActState,
    LeaseState,
    Outcome,
    Page,
    PanelVerb,
    Status,
    SubmissionStatus,
)
from survey.models import Lease, PanelAct, PanelEvent, PanelSubmission, QuotaCell
from survey.panels import Refused
from survey.panels.prolific.client import ProlificClient
from tests.survey.panels.conftest import EVENTS, Field, Visit

MESSAGE = "We did not receive any answers of yours, so that we cannot pay for this. " * 2


def complete(field: Field, person: str = "p1") -> Visit:
    visit = field.send(person)
    visit.walker.finish()
    return visit


# --- server-side completion ----------------------------------------------------------------------
def test_complete_answers_are_completed_at_the_panel_and_approved_once(field: Field) -> None:
    visit = complete(field)
    assert visit.session.outcome == Outcome.COMPLETE
    page = visit.client.get(visit.walker.url).content.decode()
    assert "You need not enter a code" in page
    assert "CDONE" not in page
    assert "RDONE" not in page
    assert field.panel.submissions[visit.submission]["status"] == "ACTIVE"
    assert perform_due() == 1
    assert field.panel.submissions[visit.submission]["status"] == "AWAITING REVIEW"
    assert perform_due() == 0
    field.deliver_all()
    assert visit.row.status == SubmissionStatus.AWAITING_REVIEW
    assert plan(visit.row, PanelVerb.APPROVE)
    assert not plan(visit.row, PanelVerb.APPROVE)
    assert perform_due() == 1
    field.deliver_all()
    assert visit.row.status == SubmissionStatus.APPROVED
    assert set(PanelAct.objects.values_list("verb", "state")) == {("complete", "confirmed"), ("approve", "confirmed")}


@pytest.mark.parametrize("kind", ["deaf", "mute", "status"])
def test_completion_survives_a_bad_network(field: Field, kind: str) -> None:
    visit = complete(field)
    field.panel.fail("/transition/", kind, times=3)  # as often as one call tries
    perform_due()
    assert PanelAct.objects.get().state == ActState.PLANNED
    assert perform_due() == 0  # not before its pause is over
    field.work()
    assert PanelAct.objects.get().state == ActState.CONFIRMED
    assert field.panel.submissions[visit.submission]["study_code"] == "RDONE"


def test_completion_that_the_panel_refuses_is_kept_with_its_reason(field: Field) -> None:
    visit = complete(field)
    field.panel.submissions[visit.submission]["status"] = "RETURNED"
    perform_due()
    act = PanelAct.objects.get()
    assert (act.state, act.reply) == (
        ActState.FAILED,
        "Prolific refused (400): a submission that is RETURNED cannot be completed",
    )


def test_outcome_without_a_code_of_the_researcher_takes_its_code_along(field: Field) -> None:
    visit = field.send("p1")
    visit.walker.post(consent="no")
    assert "complete?cc=CNO" in visit.client.get(visit.walker.url).content.decode()
    assert not PanelAct.objects.exists()


def test_timed_out_person_may_still_finish_and_is_completed(field: Field) -> None:
    visit = field.send("p1")
    visit.walker.walk_to(Page.SCENARIO)
    field.panel.move(visit.submission, "TIMED-OUT")
    field.deliver_all()
    assert Lease.objects.get().state == LeaseState.FREED
    assert visit.session.outcome == Outcome.TIMED_OUT
    visit.walker.finish()
    assert (visit.session.status, visit.session.outcome) == (Status.COMPLETE, Outcome.COMPLETE)
    assert Lease.objects.get().state == LeaseState.COMPLETE
    perform_due()
    assert field.panel.submissions[visit.submission]["status"] == "AWAITING REVIEW"


# --- places --------------------------------------------------------------------------------------
def screen(visit: Visit) -> None:
    visit.walker.walk_to(Page.SCREENING)
    visit.walker.post(**visit.walker.answers(Page.SCREENING))


def test_returned_midway_gives_the_place_to_the_next(field: Field) -> None:
    QuotaCell.objects.filter(arm=field.arm).update(target=1)
    first, second = field.send("p1"), field.send("p2")
    screen(first)
    screen(second)
    assert second.session.status == Status.QUOTA_FULL
    field.panel.move(first.submission, "RETURNED")
    field.deliver_all()
    assert first.session.outcome == Outcome.WITHDREW
    assert Lease.objects.get(session=first.session).state == LeaseState.FREED
    third = field.send("p3")
    screen(third)
    assert third.session.status == Status.ACTIVE


def test_person_who_returned_and_comes_with_another_visit_goes_on_under_it(field: Field) -> None:
    first = field.send("p1")
    first.walker.walk_to(Page.SCENARIO)
    field.panel.move(first.submission, "RETURNED")
    field.deliver_all()
    second = field.send("p1")
    assert second.session.pk == first.session.pk
    assert second.session.outcome == ""
    field.panel.move(first.submission, "REJECTED")  # what becomes of the former is no matter
    field.deliver_all()
    second.walker.finish()
    perform_due()
    assert field.panel.submissions[second.submission]["status"] == "AWAITING REVIEW"


# --- events --------------------------------------------------------------------------------------
def test_event_that_is_delivered_often_has_one_effect(field: Field) -> None:
    visit = field.send("p1")
    field.panel.outbox.clear()
    field.panel.move(visit.submission, "RETURNED")
    (delivery,) = field.panel.outbox
    assert [field.post(delivery) for _ in range(3)] == [204, 204, 204]
    assert PanelEvent.objects.count() == 1
    assert process_events() == 1
    assert process_events() == 0
    assert field.post(delivery) == 204
    assert process_events() == 0
    assert PanelEvent.objects.get().person == ""  # not kept longer than needed


def test_events_that_overtake_each_other_leave_the_latest_status(field: Field) -> None:
    visit = field.send("p1")
    for status in ("AWAITING REVIEW", "APPROVED"):
        field.panel.move(visit.submission, status)
    for delivery in reversed(field.panel.outbox):
        assert field.post(delivery) == 204
        process_events()
    assert visit.row.status == SubmissionStatus.APPROVED


def test_events_that_never_come_are_made_up_for_by_looking(field: Field) -> None:
    first, second = field.send("p1"), complete(field, "p2")
    screen(first)
    perform_due()
    field.panel.move(first.submission, "RETURNED")
    field.panel.outbox.clear()
    assert refresh(field.arm) == ("GB", 2, "")
    assert [first.row.status, second.row.status] == [SubmissionStatus.RETURNED, SubmissionStatus.AWAITING_REVIEW]
    assert Lease.objects.get(session=first.session).state == LeaseState.FREED
    assert (second.row.time_taken_s, second.row.code) == (600, "RDONE")
    assert second.row.completed_at is not None


def test_looking_reads_every_page_and_keeps_nothing_it_has_no_use_for(field: Field) -> None:
    for number in range(205):
        field.panel.take_place(field.panel_study, f"q{number}")
    assert refresh(field.arm).n == 205
    assert refresh(field.arm).n == 205
    stored = str(list(PanelSubmission.objects.values()))
    assert "203.0.113.7" not in stored
    assert "1990-01-01" not in stored
    assert PanelSubmission.objects.count() == 205
    assert sum(request.startswith("GET /api/v1/submissions/") for request in field.panel.requests) == 6


def test_visit_that_the_panel_told_of_first_finds_its_participant_on_entry(field: Field) -> None:
    params = field.panel.take_place(field.panel_study, "p1")
    refresh(field.arm)
    visit = field.enter(params)
    assert visit.row.participant_id == visit.session.participant_id
    assert visit.row.entered_at is not None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"X-Prolific-Request-Signature": "bm9uZQ=="}, 401),
        ({"X-Prolific-Request-Signature": "नहीं"}, 401),
        ({"X-Prolific-Request-Timestamp": "1700000000"}, 401),
        ({"X-Prolific-Request-Timestamp": "nan"}, 401),
        ({"X-Prolific-Request-Timestamp": ""}, 401),
        ({"X-Event-ID": ""}, 400),
        ({"X-Event-ID": "x" * 101}, 400),
        ({"X-Timestamp": "soon"}, 400),
        ({}, 204),
    ],
)
def test_event_is_taken_only_with_a_fresh_signature_over_its_bytes(
    field: Field, change: dict[str, str], status: int
) -> None:
    field.send("p1")
    delivery = field.panel.outbox[0]
    assert field.post(delivery._replace(headers={**delivery.headers, **change})) == status
    assert PanelEvent.objects.count() == (status == 204)


def test_event_with_other_bytes_or_an_old_but_well_signed_one_is_refused(field: Field) -> None:
    field.send("p1")
    delivery = field.panel.outbox[0]
    assert field.post(delivery._replace(body=delivery.body + b" ")) == 401
    assert field.post(field.panel.envelope(delivery.body, at=1_700_000_000)) == 401
    assert field.post(field.panel.envelope(b"[]")) == 400
    assert field.post(field.panel.envelope(b"{" * 70_000)) == 413
    assert Client().get(EVENTS).status_code == 405


def test_secrets_can_be_changed_without_a_gap_and_none_means_nobody(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    field.send("p1")
    body = field.panel.outbox[0].body
    field.panel.secret = b"the next one"
    assert field.post(field.panel.envelope(body)) == 401
    monkeypatch.setenv("PROLIFIC_WEBHOOK_SECRET_2", "the next one")
    assert field.post(field.panel.envelope(body)) == 204
    field.panel.secret = b""
    monkeypatch.delenv("PROLIFIC_WEBHOOK_SECRET")
    monkeypatch.setenv("PROLIFIC_WEBHOOK_SECRET_2", "")
    assert field.post(field.panel.envelope(body)) == 401


def test_identifiers_are_in_no_log_line(field: Field, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="survey")
    visit = complete(field, "person-of-the-panel")
    field.panel.submissions[visit.submission]["status"] = "RETURNED"
    perform_due()
    refresh(field.arm)
    field.deliver_all()
    Client().get("/join/s1/GB/", {"PROLIFIC_PID": "other", "STUDY_ID": "x", "SESSION_ID": visit.submission})
    assert caplog.records
    assert "person-of-the-panel" not in caplog.text
    assert visit.submission not in caplog.text


# --- bonuses and returns -------------------------------------------------------------------------
def test_bonus_whose_reply_is_lost_is_not_paid_twice(field: Field) -> None:
    visit = complete(field)
    perform_due()
    field.panel.fail("/bonus-payments/$", "mute")  # setting it up twice pays nothing
    field.panel.fail("/pay/", "mute")
    assert plan(visit.row, PanelVerb.BONUS, amount=Decimal("1.50"), currency="GBP")
    perform_due()
    bonus = PanelAct.objects.get(verb=PanelVerb.BONUS)
    assert bonus.state == ActState.UNCONFIRMED
    field.work()
    assert not plan(visit.row, PanelVerb.BONUS, amount=Decimal("1.50"), currency="GBP")
    field.work()
    assert field.panel.payments == [(visit.submission, 1.5)]
    refresh(field.arm)  # the panel lists what was paid
    bonus.refresh_from_db()
    assert bonus.state == ActState.CONFIRMED


def test_bonus_that_never_reached_the_panel_is_sent_on_a_persons_word(field: Field) -> None:
    visit = complete(field)
    perform_due()
    field.panel.fail("/pay/", "deaf")
    plan(visit.row, PanelVerb.BONUS, amount=Decimal("0.75"))
    perform_due()
    refresh(field.arm)
    bonus = PanelAct.objects.get(verb=PanelVerb.BONUS)
    assert bonus.state == ActState.UNCONFIRMED
    staff = User.objects.create_user("staff")
    assert resolve_unconfirmed(bonus, is_done=False, by=staff)
    assert not resolve_unconfirmed(bonus, is_done=False, by=staff)
    perform_due()
    bonus.refresh_from_db()
    assert (bonus.state, bonus.by) == (ActState.CONFIRMED, staff)
    assert field.panel.payments == [(visit.submission, 0.75)]


def test_act_whose_worker_died_is_repeated_only_if_that_does_no_harm(field: Field) -> None:
    visit = complete(field)
    plan(visit.row, PanelVerb.BONUS, amount=Decimal(1))
    PanelAct.objects.update(state=ActState.SENT, due_at="2020-01-01T00:00Z")
    perform_due()
    states = dict(PanelAct.objects.values_list("verb", "state"))
    assert states == {PanelVerb.COMPLETE: ActState.CONFIRMED, PanelVerb.BONUS: ActState.UNCONFIRMED}
    assert field.panel.payments == []


def test_request_to_return_says_why_at_length_and_is_sent_once(field: Field) -> None:
    visit = field.send("p1")
    plan(visit.row, PanelVerb.REQUEST_RETURN, message="too short")
    perform_due()
    assert PanelAct.objects.get().state == ActState.FAILED
    PanelAct.objects.all().delete()
    field.panel.fail("/request-return/", "mute")
    plan(visit.row, PanelVerb.REQUEST_RETURN, message=MESSAGE)
    perform_due()
    field.work()
    assert PanelAct.objects.get().state == ActState.UNCONFIRMED
    assert field.panel.return_requests == [(visit.submission, MESSAGE)]


def test_one_submission_that_cannot_be_approved_does_not_hold_up_the_others(field: Field) -> None:
    visits = [complete(field, person) for person in ("p1", "p2", "p3")]
    perform_due()
    field.panel.submissions[visits[1].submission]["status"] = "RETURNED"
    for visit in visits:
        plan(visit.row, PanelVerb.APPROVE)
    perform_due()
    states = [PanelAct.objects.get(verb="approve", submission=visit.row).state for visit in visits]
    assert states == [ActState.CONFIRMED, ActState.FAILED, ActState.CONFIRMED]


# --- the client ----------------------------------------------------------------------------------
def test_client_says_what_to_mend(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    field.set(study_id="0" * 24)
    assert refresh(field.arm).error == "Prolific knows no such study, or it is not the token's workspace"
    field.set(study_id="")
    assert "study_id is not set" in refresh(field.arm).error
    field.set(study_id=field.panel_study)
    monkeypatch.setenv("PROLIFIC_API_TOKEN", "wrong")
    assert refresh(field.arm).error == "Prolific does not accept the token in PROLIFIC_API_TOKEN"
    field.set(token_env="SECRET_KEY")
    n = len(field.panel.requests)
    assert "PROLIFIC_…TOKEN" in refresh(field.arm).error
    assert len(field.panel.requests) == n  # no other secret leaves this machine


def test_client_waits_as_long_as_it_is_asked_to(field: Field) -> None:
    field.panel.fail("/submissions/", "status", 429, Retry_After="7")
    field.panel.fail("/submissions/", "status", 503)
    waits: list[float] = []
    with ProlificClient(wait=waits.append) as client:
        assert list(client.submissions(field.panel_study)) == []
    assert waits == [7, 2]


@pytest.mark.parametrize("submission", ["../users/me", "a,100\nb", "a/b", "", "x" * 65])
def test_client_asks_for_nothing_but_the_panels_ids(field: Field, submission: str) -> None:
    n = len(field.panel.requests)
    with ProlificClient() as client, pytest.raises(Refused):
        client.complete(submission, "RDONE")
    assert len(field.panel.requests) == n


def test_events_are_subscribed_to_and_confirmed(field: Field, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prolific_study", "s1", site="https://study.example.org/", subscribe="w1")
    (subscription,) = field.panel.subscriptions.values()
    assert subscription["is_enabled"] is True
    assert subscription["target_url"] == "https://study.example.org/panels/prolific/events/"
    assert "events go to https://study.example.org/panels/prolific/events/" in capsys.readouterr().out
