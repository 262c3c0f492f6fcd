"""Staff look at single sessions and keep notes; nothing is rejected, and outcomes stay hidden until unblinded."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from pact_site.roles import Role
from survey.domain.review import Filter, a_page, add_note, chosen_sessions, queue
from survey.domain.study_states import unblind_study
from survey.domain.trial_runs import begin_trial
from survey.enums import Page, PanelName
from survey.models import AuditEntry, Participant, QualityFlag, SessionNote, Study, SurveySession
from survey.views import review
from tests.factories import make_session, make_study
from tests.staff import make_staff, note_login, sign_in
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
LIST_QUERIES = 13  # three of them the log's
SESSION_QUERIES = 17  # three of them the log's


def finished(study: Study, *flags: str) -> SurveySession:
    """Make a session that is complete, with flags, without walking through the pages."""
    session = make_session(study)
    SurveySession.objects.filter(pk=session.pk).update(
        status="complete", outcome="complete", finished_at=timezone.now(), position=len(session.plan)
    )
    QualityFlag.objects.bulk_create(QualityFlag(session=session, name=name, value=1) for name in flags)
    session.refresh_from_db()
    return session


def pks(study: Study, **chosen: object) -> list[int]:
    return [one.pk for one in chosen_sessions(study, Filter(**chosen))]  # type: ignore[arg-type]


def test_filters_choose_what_they_say() -> None:
    study = make_study()
    plain, fast, slow = finished(study), finished(study, "too_fast"), finished(study, "declined", "too_fast")
    landed = make_session(study, "IN")
    trial = begin_trial(study, "BR")
    other = finished(make_study("s2"))
    add_note(fast, "read", is_settled=False, by="ada")
    assert pks(study) == [landed.pk, slow.pk, fast.pk, plain.pk]
    assert pks(study, flag="any") == [slow.pk, fast.pk]
    assert pks(study, flag="none", status="complete") == [plain.pk]
    assert pks(study, flag="declined") == [slow.pk]
    assert pks(study, country="IN") == pks(study, locale="en-IN") == [landed.pk]
    assert pks(study, note="any") == [fast.pk]
    assert pks(study, kind="test") == [trial.pk]
    assert pks(study, kind="simulated") == []
    today = timezone.now().date()
    assert len(pks(study, since=today, until=today)) == 4
    assert pks(study, until=today - timedelta(days=1)) == []
    assert pks(other.arm.study) == [other.pk]


def test_pages_follow_each_other_without_a_gap() -> None:
    study = make_study()
    made = [finished(study).pk for _ in range(5)]
    sessions = chosen_sessions(study, Filter())
    first = a_page(sessions, before=None, size=2)
    second = a_page(sessions, before=first[1].pk, size=2)
    assert [one.pk for one in first[:2]] + [one.pk for one in second] == made[::-1]


def test_list_and_session_cost_the_same_queries_however_many(django_assert_num_queries: object) -> None:
    study = make_study()
    client = sign_in()
    for _ in range(3):
        session = finished(study, "too_fast", "declined")
        add_note(session, "a", is_settled=False, by="ada")
    with django_assert_num_queries(LIST_QUERIES):  # type: ignore[operator]
        assert client.get(reverse("survey:review", args=["s1"])).status_code == 200
    with django_assert_num_queries(SESSION_QUERIES):  # type: ignore[operator]
        client.get(reverse("survey:review_session", args=["s1", session.pk]))


def test_list_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "ROWS_A_READ", 2)
    study = make_study()
    plain, fast, noted = finished(study), finished(study, "too_fast", "declined"), finished(study, "too_fast")
    settled = finished(study, "too_fast")
    add_note(noted, "read", is_settled=False, by="ada")
    add_note(settled, "", is_settled=True, by="ada")
    client = sign_in()

    def read(query: str = "") -> list[list[str]]:
        reply = client.get(reverse("survey:review_csv", args=["s1"]) + query)
        assert (reply.status_code, reply["Content-Type"]) == (200, "text/csv; charset=utf-8")
        return list(csv.reader(io.StringIO(reply.getvalue().decode(), newline="")))

    def row(one: SurveySession, flags: str, notes: str) -> list[str]:
        landed = one.landed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return [str(one), landed, "BR", one.locale, "complete", str(len(one.plan)), flags, notes]

    header = list(review.CSV_COLUMNS)
    assert read() == [
        header,
        row(settled, "too_fast", "settled"),
        row(noted, "too_fast", "noted"),
        row(fast, "declined too_fast", ""),
        row(plain, "", ""),
    ]
    assert read("?flag=none") == [header, row(plain, "", "")]
    assert read("?country=IN") == [header]
    page = client.get(reverse("survey:review", args=["s1"]) + "?flag=any").content.decode()
    assert f'{reverse("survey:review_csv", args=["s1"])}?flag=any" download' in page


def test_session_page_tells_its_story_and_hides_what_was_answered() -> None:
    study = make_study(panel=PanelName.PROLIFIC)
    walker = Walker(make_session(study, person="p" * 24))
    walker.walk_to(Page.SCENARIO)
    walker.post(personal="culture", norm="preference")
    walker.session.refresh_from_db()
    client = sign_in()
    address = reverse("survey:review_session", args=["s1", walker.session.pk])
    page = client.get(address).content.decode()
    for said in ("Landed", "yes to version 1 in pt-BR", "Comprehension check 1", "passed, try 1", "Scenario "):
        assert said in page
    assert "Outcomes of this study are not shown before it is unblinded" in page
    assert "Follow the culture" not in page
    assert "p" * 24 not in page
    assert walker.session.token not in page
    unblind_study(study, by="ada", reason="collection is over")
    assert "Follow the culture" in client.get(address).content.decode()


def test_assistants_never_read_single_answers() -> None:
    study = make_study()
    unblind_study(study, by="ada", reason="over")
    session = finished(study)
    client = sign_in(Role.ASSISTANT)
    page = client.get(reverse("survey:review_session", args=["s1", session.pk])).content.decode()
    assert "Your role does not show what single people answered." in page
    assert sign_in_as(Role.VIEWER).get(reverse("survey:review", args=["s1"])).status_code == 403


def sign_in_as(role: Role) -> Client:
    return sign_in(role, name=f"a {role}")


def test_queue_goes_from_the_oldest_on_until_nobody_waits() -> None:
    study = make_study()
    first, clean, second = finished(study, "too_fast"), finished(study), finished(study, "declined")
    client = sign_in()
    assert list(queue(study).order_by("pk")) == [first, second]
    page = client.get(reverse("survey:review_queue", args=["s1"]), follow=True)
    assert page.context["session"] == first
    assert page.context["neighbours"] == (None, second.pk)
    note = reverse("survey:review_note", args=["s1", first.pk])
    page = client.post(note, {"settled": "1", "queue": "1", "text": "slow line"}, follow=True)
    assert page.context["session"] == second
    note = reverse("survey:review_note", args=["s1", second.pk])
    client.post(note, {"text": "asked a colleague", "queue": "1", "keep": "1"})
    assert list(queue(study)) == [second]
    client.post(note, {"settled": "1", "queue": "1"})
    assert "Nobody waits for a look." in (
        client.get(reverse("survey:review_queue", args=["s1"]), follow=True).content.decode()
    )
    assert SurveySession.objects.filter(status="complete").count() == 3
    assert clean.notes.count() == 0
    acts = AuditEntry.objects.filter(act="survey:review_note").order_by("number")
    assert [one.details.get("text") for one in acts] == ["slow line", "asked a colleague", None]


def test_notes_are_kept_as_they_were() -> None:
    session = finished(make_study())
    add_note(session, "one", is_settled=False, by="ada")
    for spoil in (lambda: SessionNote.objects.update(text="two"), lambda: SessionNote.objects.all().delete()):
        with pytest.raises(IntegrityError, match="only added"), transaction.atomic():
            spoil()


def test_empty_note_is_none() -> None:
    session = finished(make_study())
    page = sign_in().post(reverse("survey:review_note", args=["s1", session.pk]), {"text": " "}, follow=True)
    assert "Nothing was written down" in page.content.decode()
    assert not SessionNote.objects.exists()


def test_session_of_another_study_is_not_found() -> None:
    make_study()
    other = finished(make_study("s2"))
    assert sign_in().get(reverse("survey:review_session", args=["s1", other.pk])).status_code == 404


def test_test_run_is_shown_as_one() -> None:
    study = make_study()
    session = begin_trial(study, "BR")
    page = sign_in().get(reverse("survey:review_session", args=["s1", session.pk])).content.decode()
    assert "<strong>Test run.</strong>" in page


def test_approving_from_review_asks_who_one_is_before_anything_is_shown(client: Client) -> None:
    study = make_study(panel=PanelName.PROLIFIC)
    ada = make_staff("ada")
    client.force_login(ada)
    note_login(client, ada, minutes_ago=60)
    page = client.get(reverse("survey:review", args=[study.code])).content.decode()
    address = reverse("survey:reconciliation_confirm", args=[study.code])
    assert f'action="{address}"' in page
    for name in ("reconciliation_confirm", "reconciliation_act"):
        held = client.post(reverse(f"survey:{name}", args=[study.code]), {"verb": "approve", "all": "1"})
        assert held["Location"].startswith("/account/confirm/?next="), name


def test_empty_list_leads_to_simulated_sessions_where_there_are_some() -> None:
    study = make_study()
    client = sign_in()
    address = reverse("survey:review", args=[study.code])
    assert "Nobody has come in yet" in client.get(address).content.decode()
    session = make_session(study)
    session.participant.is_simulated = True
    session.participant.save()
    page = client.get(address).content.decode()
    assert "No real person has come in yet" in page
    assert 'href="?kind=simulated"' in page
    assert str(session) in client.get(f"{address}?kind=simulated").content.decode()


def test_queue_is_rehearsed_with_simulated_sessions_alone() -> None:
    study = make_study()
    simulated, real = finished(study, "too_fast"), finished(study, "too_fast")
    Participant.objects.filter(pk=simulated.participant_id).update(is_simulated=True)
    client = sign_in()
    page = client.get(reverse("survey:review", args=[study.code]), {"kind": "simulated"}).content.decode()
    assert "Rehearse with the 1 flagged" in page
    queue = reverse("survey:review_queue", args=[study.code])
    for kind, found in (("simulated", simulated), ("", real)):
        address = reverse("survey:review_session", args=[study.code, found.pk])
        assert client.get(queue, {"kind": kind})["Location"] == f"{address}?queue=1"
