"""Erasure of one person at their wish, and of identifiers when a study has kept them for long enough."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from analysis.alarms.models import Heartbeat
from analysis.columns import LONG
from analysis.extract import stream_csv
from analysis.live_summary import count_answers
from analysis.models import ItemCount
from analysis.upkeep import run_due
from survey.domain.study_states import close_study
from survey.enums import PanelName, Status, SubmissionStatus
from survey.models import (
    AuditEntry,
    Consent,
    Demographics,
    PageEvent,
    PanelEvent,
    PanelIdentity,
    PanelSubmission,
    Response,
    SessionNote,
    Study,
    SurveySession,
)
from tests.factories import make_session, make_study
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
PERSON = "5f0c61d2e9b3a4c8d7e6f501"


@pytest.fixture
def study() -> Study:
    return make_study(panel=PanelName.PROLIFIC)


@pytest.fixture
def session(study: Study) -> SurveySession:
    """A complete session of somebody whom the panel has paid."""
    walker = Walker(make_session(study, person=PERSON))
    walker.finish()
    PanelSubmission.objects.update_or_create(
        study=study, panel=PanelName.PROLIFIC, submission=PERSON,
        defaults={
            "arm": walker.session.arm, "person": PERSON, "participant": walker.session.participant,
            "status": SubmissionStatus.APPROVED,
        },
    )  # fmt: skip
    PageEvent.objects.create(session=walker.session, position=1, kind="page_shown", at_ms=0)
    SessionNote.objects.create(session=walker.session, text="wrote that she lives in Recife", by="Ana")
    return walker.session


def run(name: str, *args: str, **options: Any) -> str:
    told = StringIO()
    call_command(name, *args, stdout=told, **options)
    return told.getvalue()


def rows_of(session: SurveySession) -> dict[str, int]:
    """Count, in every table that points to the session or its participant, the rows that do."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, attname, confrelid::regclass::text FROM pg_constraint"
            " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f' AND"
            " confrelid IN ('survey_surveysession'::regclass, 'survey_participant'::regclass)"
        )
        for table, column, target in cursor.fetchall():
            key = session.pk if target == "survey_surveysession" else session.participant_id
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [key])
            if n := cursor.fetchone()[0]:
                found[table] = n
    return found


def test_erasure_leaves_nothing_that_tells_of_the_person(study: Study, session: SurveySession) -> None:
    other = Walker(make_session(study, person="somebody else"))
    other.finish()
    count_answers()
    before = rows_of(other.session)
    receipt = f" {session.receipt[:5].lower()} {session.receipt[5:]}"
    run("erase", "s1", "--receipt", receipt, "--by", "Ana")
    assert set(rows_of(session)) == {
        "survey_surveysession", "survey_assignment", "survey_consent", "survey_lease", "survey_statuschange",
    }  # fmt: skip
    assert rows_of(other.session) == before
    assert SurveySession.objects.get(pk=session.pk).status == Status.WITHDREW
    assert Consent.objects.filter(session=session, is_given=True).exists()
    entry = AuditEntry.objects.latest("number")
    assert (entry.by, entry.act, entry.subject) == ("Ana", "erase", {"study": "s1", "session": str(session.pk)})


def test_live_counts_lose_exactly_the_erased_answers(study: Study, session: SurveySession) -> None:
    other = Walker(make_session(study, person="somebody else"))
    other.finish()
    count_answers()
    run("erase", "s1", "--person", PERSON, "--by", "Ana")
    count_answers()
    assert sum(ItemCount.objects.values_list("n", flat=True)) == Response.objects.count() == 32


def test_dry_run_says_what_is_kept_and_touches_nothing(study: Study, session: SurveySession) -> None:
    before = rows_of(session)
    told = run("erase", "s1", "--receipt", session.receipt, "--dry-run")
    assert "responses: 32 would be deleted" in told
    code = told.partition("respondent_id in exports: ")[2].split("\n")[0]
    lines = b"".join(stream_csv(LONG, study)).decode().splitlines()
    (theirs,) = {row["respondent_id"] for row in csv.DictReader(lines)}
    assert code == theirs  # so that somebody can be given their own answers
    assert "panel identities: 1 would be deleted" in told
    assert rows_of(session) == before
    assert SurveySession.objects.get(pk=session.pk).status == Status.COMPLETE


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("nowhere", "--receipt", "X"), "no study nowhere"),
        (("s1", "--receipt", "NOBODY"), "nobody in this study"),
        (("s1", "--person", "nobody"), "nobody in this study"),
    ],
)
def test_unknown_people_are_told_of(session: SurveySession, args: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("erase", *args)


def test_somebody_must_answer_for_it(session: SurveySession) -> None:
    with pytest.raises(CommandError, match="--by NAME"):
        run("erase", "s1", "--receipt", session.receipt)
    assert Response.objects.count() == 32


def test_unpaid_person_is_not_erased_but_counts_no_longer(session: SurveySession) -> None:
    PanelSubmission.objects.update(status=SubmissionStatus.AWAITING_REVIEW)
    with pytest.raises(CommandError, match="approve it there"):
        run("erase", "s1", "--receipt", session.receipt, "--by", "Ana")
    assert SurveySession.objects.get(pk=session.pk).status == Status.WITHDREW
    assert Response.objects.filter(session=session).count() == 32
    PanelSubmission.objects.update(status=SubmissionStatus.APPROVED)
    run("erase", "s1", "--receipt", session.receipt, "--by", "Ana")
    assert not Response.objects.filter(session=session).exists()


def test_session_under_way_is_not_erased(study: Study) -> None:
    session = make_session(study, person=PERSON)
    with pytest.raises(CommandError, match="still under way"):
        run("erase", "s1", "--person", PERSON, "--by", "Ana")
    assert SurveySession.objects.get(pk=session.pk).status == Status.LANDED


def close_days_ago(study: Study, days: int) -> None:
    close_study(study)
    study.changes.update(at=timezone.now() - timedelta(days=days))


def test_retention_says_so_where_no_study_is_closed(study: Study) -> None:
    assert run("retention", "--identifiers-days", "90", "--dry-run") == "no study is closed: nothing to delete\n"


def test_person_whose_id_cannot_be_read_is_not_said_to_be_unknown(
    session: SurveySession, settings: LazySettings
) -> None:
    settings.IDENTIFIER_KEYS = ["another"]
    with pytest.raises(CommandError, match=r"IDENTIFIER_KEYS has no key [0-9a-f]{8}: put the key"):
        run("erase", "s1", "--person", PERSON, "--dry-run")
    with pytest.raises(CommandError, match="nobody in this study has this code"):
        run("erase", "s1", "--receipt", "NOBODY", "--dry-run")


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([], "say how long to keep what: --identifiers-days N, --paradata-days N, or both"),
        (["--identifiers-days", "-1"], "argument --identifiers-days: -1 is no number of days"),
    ],
)
def test_retention_wants_days_and_no_negative_ones(study: Study, days: list[str], message: str) -> None:
    close_study(study)
    with pytest.raises(CommandError, match=message):
        run("retention", *days, "--dry-run")


def test_retention_deletes_identifiers_after_their_time_and_keeps_the_answers(
    study: Study, session: SurveySession
) -> None:
    close_days_ago(study, 91)
    waits = run("retention", "--identifiers-days", "92", "--dry-run")
    assert waits == "s1: not closed for so long, nothing to delete\n"
    args = ("--identifiers-days", "90", "--paradata-days", "400")
    assert "s1: 1 panel identities would be deleted" in run("retention", *args, "--dry-run")
    assert PanelIdentity.objects.count() == 1
    run("retention", *args)
    assert (PanelIdentity.objects.count(), PanelSubmission.objects.count()) == (0, 0)
    assert (Response.objects.count(), Demographics.objects.count(), PageEvent.objects.count()) == (32, 1, 1)
    assert AuditEntry.objects.latest("number").act == "retention"
    entries = AuditEntry.objects.count()
    run("retention", *args)
    assert AuditEntry.objects.count() == entries  # nothing to do, nothing to log
    run("retention", "--paradata-days", "90")
    assert PageEvent.objects.count() == 0


def test_every_night_deletes_only_where_days_are_set(
    study: Study, session: SurveySession, settings: LazySettings
) -> None:
    close_days_ago(study, 91)
    kept = []
    for days in (None, "92", "90"):
        settings.RETENTION_IDENTIFIERS_DAYS = days
        Heartbeat.objects.all().delete()  # another night
        assert run_due() == []
        kept.append((PanelIdentity.objects.count(), PageEvent.objects.count()))
    assert kept == [(1, 1), (1, 1), (0, 1)]


@pytest.mark.parametrize("days", [None, 89])
def test_retention_waits_until_a_study_is_closed_for_so_long(
    study: Study, session: SurveySession, days: int | None
) -> None:
    if days is not None:
        close_days_ago(study, days)
    told = run("retention", "s1", "--identifiers-days", "90")
    assert PanelIdentity.objects.count() == PanelSubmission.objects.count() == 1
    assert ("not a closed study" in told) == (days is None)


def test_retention_keeps_the_panels_events_about_other_studies(study: Study, session: SurveySession) -> None:
    ours = PanelSubmission.objects.get()
    other = make_study("s2").arms.get(country="GB")
    PanelSubmission.objects.create(study=other.study, arm=other, panel=ours.panel, submission="theirs", person="p2")
    long_ago = timezone.now() - timedelta(days=95)
    for subject in (ours.submission, "theirs", "of nobody here"):
        PanelEvent.objects.create(
            panel=ours.panel, event_id=subject, kind="k", subject=subject, happened_at=long_ago, processed_at=long_ago
        )
    close_days_ago(study, 91)
    run("retention", "--identifiers-days", "90")
    assert [event.subject for event in PanelEvent.objects.all()] == ["theirs"]
    assert [one.submission for one in PanelSubmission.objects.all()] == ["theirs"]


def test_retention_keeps_whom_the_panel_has_not_settled(study: Study, session: SurveySession) -> None:
    PanelSubmission.objects.update(status=SubmissionStatus.AWAITING_REVIEW)
    close_days_ago(study, 91)
    run("retention", "--identifiers-days", "90")
    assert PanelIdentity.objects.count() == PanelSubmission.objects.count() == 1
