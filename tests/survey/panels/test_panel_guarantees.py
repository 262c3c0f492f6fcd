"""What holds between this site and a panel: nothing lost, nothing done twice, nobody rejected, nobody named."""

from decimal import Decimal

import pytest
from celery import current_app
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client

from survey.domain import fixes
from survey.domain.acts import perform_due, plan
from survey.domain.panels import process_events, refresh
from survey.enums import ActState, PanelVerb, Status, SubmissionStatus
from survey.models import PanelAct, PanelEvent, PanelIdentity, PanelSubmission
from survey.views import panel_events
from tests.survey.panels.conftest import EVENTS, Field
from tests.survey.panels.test_prolific_live import complete
from tests.survey.panels.test_signed_links import join


# --- the inbox -----------------------------------------------------------------------------------
def test_event_that_cannot_be_stored_is_not_answered_as_taken(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    field.send("p1")
    delivery = field.panel.outbox[0]

    def fail(*args: object, **facts: object) -> bool:
        raise DatabaseError("away")

    with monkeypatch.context() as broken:
        broken.setattr(panel_events, "receive_event", fail)
        client = Client(raise_request_exception=False)
        headers = {name.lower(): value for name, value in delivery.headers.items()}
        reply = client.post(EVENTS, delivery.body, content_type="application/json", headers=headers)
    assert reply.status_code >= 500
    assert field.post(delivery) == 204  # the panel sends it again
    assert PanelEvent.objects.count() == 1


def test_event_is_stored_when_it_is_answered_and_acted_on_later(field: Field) -> None:
    visit = field.send("p1")
    field.panel.outbox.clear()
    field.panel.move(visit.submission, "RETURNED")
    assert field.post(field.panel.outbox[0]) == 204
    assert PanelEvent.objects.get().processed_at is None
    assert visit.row.status == SubmissionStatus.UNKNOWN
    assert process_events() == 1
    assert visit.row.status == SubmissionStatus.RETURNED


def test_event_about_somebody_unknown_changes_nothing_and_the_list_tells_of_them(field: Field) -> None:
    params = field.panel.take_place(field.panel_study, "p1")
    field.deliver_all()
    assert not PanelSubmission.objects.exists()
    assert not PanelEvent.objects.filter(processed_at=None).exists()
    refresh(field.arm)
    row = PanelSubmission.objects.get()
    assert (row.submission, row.status) == (params["SESSION_ID"], SubmissionStatus.ACTIVE)


def test_event_older_than_a_look_at_the_list_changes_nothing(field: Field) -> None:
    visit = field.send("p1")
    late = field.panel.outbox.pop()
    field.panel.move(visit.submission, "RETURNED")
    field.panel.outbox.clear()
    refresh(field.arm)
    assert field.post(late) == 204
    process_events()
    assert visit.row.status == SubmissionStatus.RETURNED


def test_beat_knows_both_tasks_of_the_panels_and_looks_within_ten_minutes() -> None:
    entries = {entry["task"]: float(str(entry["schedule"])) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    current_app.loader.import_default_modules()
    assert {"survey.tasks.work_with_panels", "survey.tasks.ask_panels"} <= set(current_app.tasks)
    assert entries["survey.tasks.work_with_panels"] <= 60
    assert entries["survey.tasks.ask_panels"] <= 600


# --- acts ----------------------------------------------------------------------------------------
def test_completion_whose_reply_is_lost_is_asked_again_and_happens_once(field: Field) -> None:
    visit = complete(field)
    field.panel.outbox.clear()
    field.panel.fail("/transition/", "mute")
    perform_due()
    asked = f"POST /api/v1/submissions/{visit.submission}/transition/"
    assert field.panel.requests.count(asked) == 2
    assert len(field.panel.outbox) == 1  # one change of status
    assert PanelAct.objects.get().state == ActState.CONFIRMED


def test_approvals_go_out_in_one_request(field: Field) -> None:
    visits = [complete(field, f"p{n}") for n in range(3)]
    perform_due()
    for visit in visits:
        plan(visit.row, PanelVerb.APPROVE)
    assert perform_due() == 3
    assert field.panel.requests.count("POST /api/v1/submissions/bulk-approve/") == 1
    assert {row["status"] for row in field.panel.submissions.values()} == {"APPROVED"}


def test_what_staff_order_on_the_reconciliation_page_is_sent_by_the_task(field: Field) -> None:
    visit = complete(field)
    perform_due()
    field.deliver_all()
    staff = User.objects.create_user("staff")
    wish = fixes.Wish(PanelVerb.APPROVE)
    assert fixes.order(field.study, wish, [visit.row.pk], by=staff) == 1
    assert fixes.order(field.study, wish, [visit.row.pk], by=staff) == 0
    assert perform_due() == 1
    act = PanelAct.objects.get(verb=PanelVerb.APPROVE)
    assert (act.state, act.by) == (ActState.CONFIRMED, staff)
    assert field.panel.submissions[visit.submission]["status"] == "APPROVED"


def test_bonus_without_an_answer_stands_on_the_review_list(field: Field) -> None:
    visit = complete(field)
    perform_due()
    field.panel.fail("/pay/", "mute")
    plan(visit.row, PanelVerb.BONUS, amount=Decimal("1.50"), currency="GBP")
    perform_due()
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    found = client.get(f"/studies/{field.study.code}/reconciliation/")
    assert [act.verb for _, act in found.context["unsure"]] == [PanelVerb.BONUS]


def test_nobody_is_rejected_by_any_act_or_request(field: Field) -> None:
    assert {str(verb) for verb in PanelVerb} == {"complete", "approve", "request_return", "bonus"}
    visit = field.send("p1")
    field.panel.move(visit.submission, "REJECTED")  # by a person, at the panel
    field.deliver_all()
    assert visit.session.status == Status.LANDED
    visit.walker.finish()
    assert visit.session.status == Status.COMPLETE  # whatever the panel did, the answers are taken
    perform_due()
    assert field.panel.requests
    assert not any("reject" in request.lower() for request in field.panel.requests)


# --- names ---------------------------------------------------------------------------------------
def test_link_under_a_key_nobody_published_is_refused(field: Field) -> None:
    field.set(signed_entry={"mode": "required"})
    link = field.panel.take_place(field.panel_study, "p1")
    assert join(link, field.panel.sign(link)) == 303
    field.panel.keys["k9"] = field.panel.keys["k1"]
    unknown = field.panel.sign(link, kid="k9")
    del field.panel.keys["k9"]
    assert join(link, unknown) == 400


def test_admin_shows_no_record_that_names_persons_at_the_panel(field: Field) -> None:
    registered = set(admin.site._registry)
    assert not registered & {PanelIdentity, PanelSubmission, PanelEvent, PanelAct}
    visit = field.send("person-of-the-panel")
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    for page in ("", f"{visit.session.pk}/change/"):
        shown = client.get(f"/admin/survey/surveysession/{page}")
        assert shown.status_code == 200
        assert b"person-of-the-panel" not in shown.content
        assert visit.submission.encode() not in shown.content
