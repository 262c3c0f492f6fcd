"""Delete what is kept of people: of one at their wish, and of everybody when a study's time for it is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from survey.domain.lifecycle import withdraw
from survey.enums import Status, StudyChangeKind, StudyState, SubmissionStatus
from survey.flow.status import FINAL
from survey.models import (
    CheckAnswer,
    Demographics,
    PageEvent,
    PanelEvent,
    PanelIdentity,
    PanelSubmission,
    QualityFlag,
    Response,
    SessionNote,
    Study,
    SurveySession,
)

OF_A_PERSON = (Response, CheckAnswer, Demographics, PageEvent, QualityFlag, SessionNote)
SETTLED = (
    SubmissionStatus.APPROVED, SubmissionStatus.PARTIALLY_APPROVED, SubmissionStatus.SCREENED_OUT,
    SubmissionStatus.RETURNED, SubmissionStatus.TIMED_OUT, SubmissionStatus.REJECTED,
)  # fmt: skip


class NotYet(ValueError):
    """What stands in the way of an erasure; the message is for whoever asked for it."""


def find_session(study: Study, *, receipt: str = "", person: str = "") -> SurveySession | None:
    """Find somebody's session by their receipt or by the panel's id of them."""
    sessions = SurveySession.objects.filter(arm__study=study)
    if receipt:
        return sessions.filter(receipt="".join(receipt.split()).upper()).first()
    return sessions.filter(participant__panel_identity__panel_person=person).first() if person else None


def take_out(session: SurveySession) -> None:
    """Withdraw a session from everything that is counted, exported and analysed, as a step towards its erasure."""
    if session.status not in FINAL:
        raise NotYet("the session is still under way: it ends with a press of “Stop” or after an hour without activity")
    if session.status not in (Status.WITHDREW, Status.NO_CONSENT):
        withdraw(session, reason="asked for erasure")


def held_of(session: SurveySession) -> dict[str, int]:
    """Count what is kept of a session, by table."""
    held = {model._meta.verbose_name_plural: model.objects.filter(session=session).count() for model in OF_A_PERSON}
    held["panel identities"] = PanelIdentity.objects.filter(participant=session.participant_id).count()
    held["panel submissions"] = PanelSubmission.objects.filter(participant=session.participant_id).count()
    return {str(name): n for name, n in held.items()}


@transaction.atomic
def erase(session: SurveySession) -> dict[str, int]:
    """Delete a withdrawn person's answers, particulars, traces and identifiers; say how many rows, by table.

    What stays: that a session was there, which items it was given, how it ended, and that consent was given under
    which text. None of it tells who it was. `NotYet` while the panel has not settled a submission.
    """
    locked = SurveySession.objects.select_for_update().get(pk=session.pk)
    if locked.status not in (Status.WITHDREW, Status.NO_CONSENT):
        raise NotYet("the session counts: it must be taken out first")
    open_ones = PanelSubmission.objects.filter(participant=locked.participant_id).exclude(status__in=SETTLED)
    if open_ones.exists():
        raise NotYet("the panel has not settled this person's submission: approve it there, then ask again")
    held = held_of(locked)
    for model in OF_A_PERSON:
        model.objects.filter(session=locked).delete()
    PanelIdentity.objects.filter(participant=locked.participant_id).delete()
    PanelSubmission.objects.filter(participant=locked.participant_id).delete()
    return held


def closed_since(study: Study) -> datetime | None:
    """Give since when a study is closed; None while it is not."""
    if study.state != StudyState.CLOSED:
        return None
    return study.changes.filter(kind=StudyChangeKind.STATE).order_by("-at").values_list("at", flat=True).first()


def past_keeping(study: Study, *, identifiers: timedelta | None, paradata: timedelta | None) -> dict[str, QuerySet]:  # type: ignore[type-arg]
    """Give what a closed study has kept for longer than that since it was closed; None keeps for ever.

    Submissions that no panel has settled stay, whatever their age: somebody is still to be paid. Events about a
    submission that stays, of another study too, stay with it.
    """
    closed, now = closed_since(study), timezone.now()
    found: dict[str, QuerySet] = {}  # type: ignore[type-arg]
    if closed and identifiers is not None and closed + identifiers <= now:
        unsettled = PanelSubmission.objects.filter(study=study).exclude(status__in=SETTLED)
        owed = Q(participant__panel_submissions__in=unsettled)
        found["panel identities"] = PanelIdentity.objects.filter(study=study).exclude(owed)
        found["panel submissions"] = PanelSubmission.objects.filter(study=study, status__in=SETTLED)
        staying = PanelSubmission.objects.exclude(study=study, status__in=SETTLED)
        about = staying.filter(panel=OuterRef("panel"), submission=OuterRef("subject"))
        found["panel events"] = PanelEvent.objects.filter(~Exists(about), processed_at__lte=now - identifiers)
    if closed and paradata is not None and closed + paradata <= now:
        found["page events"] = PageEvent.objects.filter(session__arm__study=study)
    return found


@transaction.atomic
def delete_all(found: Iterable[QuerySet]) -> None:  # type: ignore[type-arg]
    """Delete what is past keeping."""
    for rows in found:
        rows.model.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).delete()
