"""The life of a survey session: every change of status, in one place."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from survey.domain.acts import plan_completion
from survey.domain.quotas import free_place
from survey.enums import Outcome, Page, Status
from survey.flow.outcomes import Ended, Rules, estimate_minutes, outcome_of
from survey.flow.status import FINAL, may_follow
from survey.models import StatusChange, SurveySession
from survey.queries import version_structure
from survey.statements import insert, run


class IllegalTransition(ValueError):
    """The status may not follow the session's present one."""


def withdraw(session: SurveySession, *, reason: str) -> bool:
    """Take a participant out at their wish: nothing of theirs is in any export from now on."""
    return change_status(session, Status.WITHDREW, reason=reason)


def rules_of(session: SurveySession) -> Rules:
    """Read what the study sets for how its sessions end."""
    n_scenarios = sum(page["kind"] == Page.SCENARIO for page in session.plan)
    return Rules(estimate_minutes(n_scenarios), version_structure(session.version_id)["exclusions"])


def override_of(session: SurveySession) -> Outcome | None:
    """Give what was said of a session that is still under way, such as that it does not work."""
    return Outcome(session.outcome) if session.outcome else None


def outcome_for_panel(session: SurveySession) -> Outcome | None:
    """Give how a session ended for the panel; None while it is under way."""
    return override_of(session) or outcome_of(Ended(Status(session.status)), rules_of(session))


def report_failure(session: SurveySession) -> bool:
    """Note that the survey does not work for somebody: the panel can let them go, and they may still go on."""
    under_way = SurveySession.objects.filter(pk=session.pk, status__in=[Status.LANDED, Status.ACTIVE])
    moved = under_way.update(outcome=Outcome.TECHNICAL_FAILURE)
    if moved:
        session.outcome = Outcome.TECHNICAL_FAILURE
    return bool(moved)


CHANGE_STATUS = """
UPDATE survey_surveysession SET status = %s, finished_at = %s, outcome = %s WHERE id = %s AND status = %s
"""


@transaction.atomic(savepoint=False)
def change_status(session: SurveySession, new: Status, *, reason: str, outcome: Outcome | None = None) -> bool:
    """Move a session to ``new`` unless somebody else moved it meanwhile; say whether it was us.

    The outcome for the panel follows from the status where none is given. It stays as it is when somebody who has
    come to an end withdraws later: what the panel owes them does not change by that.
    """
    old = Status(session.status)
    if not may_follow(old, new):
        raise IllegalTransition(f"{old} → {new}")
    finished_at = timezone.now() if new in FINAL else None
    if old in FINAL:
        outcome = outcome_for_panel(session)
    elif outcome is None:
        outcome = outcome_of(Ended(new, override=override_of(session)), rules_of(session))
    moved = run(CHANGE_STATUS, (new.value, finished_at, outcome.value if outcome else "", session.pk, old.value))
    if moved:
        if new in FINAL and new != Status.COMPLETE:
            free_place(session)
        if outcome is not None and old not in FINAL:
            plan_completion(session, outcome)
        insert(StatusChange, session=session, old=old, new=new, reason=reason)
        session.status, session.finished_at, session.outcome = new, finished_at, outcome or ""
    return bool(moved)
