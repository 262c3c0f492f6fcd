"""How visits end for the panel: the derivation, what the end page leads to, what stays payable."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from survey.domain import lifecycle
from survey.domain.enrolment import enrol
from survey.domain.lifecycle import withdraw
from survey.enums import Outcome, Page, PanelName, Status, StudyState
from survey.flow.outcomes import WHILE_UNDER_WAY, Ended, Rules, estimate_minutes, outcome_of
from survey.flow.status import FINAL
from survey.models import PanelIdentity, PanelSubmission, Study, SurveySession
from survey.panels import PANELS, ActionKind, Identity
from survey.panels.simulated import PARAMETER, issue_ticket
from survey.views.endings import ENDINGS
from tests.factories import get_arm, make_study
from tests.survey.test_flow_pages import Walker

LONG = Rules(minutes=9, review_flags=["too_fast", "attention_failed"])
SHORT = Rules(minutes=4.9, review_flags=["too_fast", "attention_failed"])
CODES = {
    "complete": "CDONE",
    "no_consent": "CNO",
    "failed_attention": "CATT",
    "technical_failure": "CTECH",
    "study_closed": "CSHUT",
    "screened_out": "COUT",
}
LINK = {"PROLIFIC_PID": "p1", "STUDY_ID": "st1", "SESSION_ID": "su1"}


@pytest.mark.parametrize(
    ("ended", "rules", "expected"),
    [
        (Ended(Status.LANDED), LONG, None),
        (Ended(Status.ACTIVE), LONG, None),
        (Ended(Status.ACTIVE, is_overdue=True), LONG, Outcome.TIMED_OUT),
        (Ended(Status.COMPLETE, is_overdue=True), LONG, Outcome.COMPLETE),
        (Ended(Status.COMPLETE, n_attention_failed=1), LONG, Outcome.COMPLETE),
        (Ended(Status.COMPLETE, ["attention_failed"], 1), LONG, Outcome.COMPLETE_FLAGGED),
        (Ended(Status.COMPLETE, ["beyond_quota"]), LONG, Outcome.COMPLETE),
        (Ended(Status.COMPLETE, ["attention_failed"], 2), LONG, Outcome.FAILED_ATTENTION),
        (Ended(Status.COMPLETE, ["attention_failed"], 2), SHORT, Outcome.COMPLETE_FLAGGED),
        (Ended(Status.NO_CONSENT), LONG, Outcome.NO_CONSENT),
        (Ended(Status.SCREENED_OUT), LONG, Outcome.SCREENED_OUT),
        (Ended(Status.SCREENED_OUT, override=Outcome.DUPLICATE), LONG, Outcome.DUPLICATE),
        (Ended(Status.QUOTA_FULL), LONG, Outcome.QUOTA_FULL),
        (Ended(Status.FAILED_COMPREHENSION), LONG, Outcome.FAILED_COMPREHENSION),
        (Ended(Status.WITHDREW), LONG, Outcome.WITHDREW),
        (Ended(Status.ACTIVE, override=Outcome.TECHNICAL_FAILURE), LONG, Outcome.TECHNICAL_FAILURE),
        (Ended(Status.COMPLETE, override=Outcome.TECHNICAL_FAILURE), LONG, Outcome.COMPLETE),
        (Ended(Status.COMPLETE, override=Outcome.DUPLICATE), LONG, Outcome.DUPLICATE),
    ],
)
def test_outcome_follows_from_what_is_stored(ended: Ended, rules: Rules, expected: Outcome | None) -> None:
    assert outcome_of(ended, rules) == expected


@given(st.sampled_from(Status), st.booleans(), st.integers(0, 5), st.none() | st.sampled_from(Outcome))
def test_every_finished_session_has_an_outcome_with_an_ending(
    status: Status, is_overdue: bool, n_failed: int, override: Outcome | None
) -> None:
    found = outcome_of(Ended(status, [], n_failed, is_overdue, override), LONG)
    assert (found is not None) or status not in FINAL
    if status in FINAL and override is None:
        assert found in ENDINGS
        assert found not in WHILE_UNDER_WAY - {Outcome.WITHDREW}  # which is also how a session can end by itself


def test_shipped_surveys_are_longer_than_five_minutes_and_short_ones_are_not() -> None:
    assert estimate_minutes(18) == 9.0
    assert estimate_minutes(8) < 5


@pytest.fixture
def study(db: None, monkeypatch: pytest.MonkeyPatch) -> Study:
    # The tests answer faster than anybody reads.
    monkeypatch.setattr(lifecycle, "version_structure", lambda _: {"exclusions": ["attention_failed"]})
    study = make_study(panel=PanelName.PROLIFIC)
    study.arms.update(exit_codes=CODES)
    return study


def enter(**changes: str) -> tuple[Client, SurveySession]:
    client = Client()
    reply = client.get("/join/s1/GB/", {**LINK, **changes})
    return client, SurveySession.objects.get(token=reply.headers["Location"].split("/")[2])


def end_page(session: SurveySession) -> str:
    return Client().get(f"/s/{session.token}/").content.decode()


def test_one_failed_check_is_complete_and_two_lead_to_a_persons_review(study: Study) -> None:
    for n_failed, outcome, code in [
        (0, Outcome.COMPLETE, "CDONE"),
        (1, Outcome.COMPLETE_FLAGGED, "CDONE"),
        (2, Outcome.FAILED_ATTENTION, "CATT"),
    ]:
        client, session = enter(PROLIFIC_PID=f"p{n_failed}", SESSION_ID=f"su{n_failed}")
        walker = Walker(session, client)
        for _ in range(n_failed):
            walker.walk_to(Page.ATTENTION)
            walker.post(attention="always")
        walker.finish()
        session.refresh_from_db()
        assert (session.status, session.outcome) == (Status.COMPLETE, outcome)
        page = end_page(session)
        assert "Thank you" in page
        assert f"submissions/complete?cc={code}" in page


def test_no_page_before_the_last_holds_a_code(study: Study) -> None:
    client, session = enter()
    walker = Walker(session, client)
    seen = []
    while walker.kind() != Page.DEBRIEF:
        seen.append(client.get(walker.url).content.decode())
        assert walker.post(**walker.answers(walker.kind())).status_code == 303
    seen.append(client.get(walker.url).content.decode())
    assert len(seen) > 20
    assert [code for code in CODES.values() for page in seen if code in page] == []
    walker.post()
    last = end_page(session)
    assert [code for code in CODES.values() if code in last] == ["CDONE"]


def test_withdrawing_after_the_end_leaves_the_pay_as_it_was(study: Study) -> None:
    client, session = enter()
    Walker(session, client).finish()
    session.refresh_from_db()
    withdraw(session, reason="test")
    session.refresh_from_db()
    assert (session.status, session.outcome) == (Status.WITHDREW, Outcome.COMPLETE)
    page = end_page(session)
    assert "You have stopped taking part" in page
    assert "cc=CDONE" in page


def test_technical_failure_leads_back_to_the_panel_and_leaves_the_way_on_open(study: Study) -> None:
    client, session = enter()
    walker = Walker(session, client)
    walker.walk_to(Page.SCENARIO)
    trouble = f"/s/{session.token}/trouble/"
    assert "cc=" not in client.get(trouble).content.decode()
    session.refresh_from_db()
    assert session.outcome == ""
    assert "cc=CTECH" in client.post(trouble).content.decode()
    session.refresh_from_db()
    assert (session.status, session.outcome) == (Status.ACTIVE, Outcome.TECHNICAL_FAILURE)
    walker.finish()
    session.refresh_from_db()
    assert session.outcome == Outcome.COMPLETE
    assert client.get(trouble).status_code == 303
    assert client.get("/s/nonsense/trouble/").status_code == 404


@pytest.mark.parametrize("state", [StudyState.PAUSED, StudyState.CLOSED])
def test_entry_to_a_study_that_is_not_open_leads_back_with_its_code(study: Study, state: StudyState) -> None:
    Study.objects.update(state=state)
    reply = Client().get("/join/s1/GB/", LINK)
    assert reply.status_code == 403
    assert "submissions/complete?cc=CSHUT" in reply.content.decode()
    assert not PanelSubmission.objects.exists()
    study.arms.update(exit_codes={})
    assert "complete?cc" not in Client().get("/join/s1/GB/", LINK).content.decode()


def test_same_person_with_another_submission_has_one_session_and_both_are_recorded(study: Study) -> None:
    client, first = enter()
    _, second = enter(SESSION_ID="su2")
    assert first.pk == second.pk
    rows = PanelSubmission.objects.order_by("pk").values_list("submission", "person", "participant", "panel")
    assert list(rows) == [(name, "p1", first.participant_id, PanelName.PROLIFIC) for name in ("su1", "su2")]
    assert PanelIdentity.objects.get().panel_submission == "su2"  # the former is over at the panel
    Walker(first, client).finish()
    enter(SESSION_ID="su3")
    enter(SESSION_ID="su1")
    assert PanelIdentity.objects.get().panel_submission == "su2"
    assert PanelSubmission.objects.count() == 3


def test_submission_of_somebody_else_is_refused(study: Study) -> None:
    enter()
    assert Client().get("/join/s1/GB/", {**LINK, "PROLIFIC_PID": "p2"}).status_code == 400
    assert PanelIdentity.objects.count() == SurveySession.objects.count() == 1


def test_simulated_and_direct_participants_are_no_panels_submissions(study: Study) -> None:
    Client().get("/join/s1/GB/", {PARAMETER: issue_ticket("one")})
    study.arms.update(panel=PanelName.DIRECT)
    Client().get("/join/s1/GB/")
    assert SurveySession.objects.count() == 2
    assert not PanelSubmission.objects.exists()


def test_outcome_without_code_passes_for_its_next_of_kin_never_for_less(study: Study) -> None:
    arm = get_arm(study, "GB")
    arm.exit_codes = {"complete": "A", "screened_out": "B"}
    enrol(arm, identity=Identity(PanelName.PROLIFIC, "p1", "st1", "su1"))
    exits = {one: PANELS[PanelName.PROLIFIC].exit(arm, one, Identity(PanelName.PROLIFIC)) for one in Outcome}
    assert {one: action.code for one, action in exits.items() if action.code} == {
        Outcome.COMPLETE: "A",
        Outcome.COMPLETE_FLAGGED: "A",
        Outcome.FAILED_ATTENTION: "A",
        Outcome.SCREENED_OUT: "B",
        Outcome.QUOTA_FULL: "B",
        Outcome.INCOMPATIBLE_DEVICE: "B",
    }
    assert {action.kind for one, action in exits.items() if not action.code} == {ActionKind.NONE}
