"""What Prolific is to the rest of the site: who comes in, how they go back, what its events mean, what to do there.

``panel_settings`` of an arm may hold ``study_id`` (Prolific's id of the arm's study, needed to ask it for submissions),
``token_env`` (the name of the environment variable with the workspace's token), ``researcher_codes`` (a code per
outcome whose actor is the researcher: sessions that end so are completed by this site), ``signed_entry`` (see `jwks`)
and the facts that `survey.panels.lint` checks: ``reward``, ``currency``, ``estimated_minutes``, ``maximum_minutes``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.utils.dateparse import parse_datetime

from survey.enums import Outcome, PanelName, PanelVerb, SubmissionStatus
from survey.models import Arm, PanelAct, PanelEvent
from survey.panels.base import (
    Action,
    ActionKind,
    Identity,
    Panel,
    Refused,
    Reported,
    SetStatus,
    exit_code,
    leave,
    researcher_code,
    setting,
    take,
    text,
)
from survey.panels.prolific import jwks

if TYPE_CHECKING:
    from survey.panels.prolific.client import ProlificClient

COMPLETE_URL = "https://app.prolific.com/submissions/complete"
SUBMISSIONS_URL = "https://app.prolific.com/submissions"
STATUS_EVENT = "submission.status.change"
STATUSES: dict[str, SubmissionStatus] = {
    "RESERVED": SubmissionStatus.RESERVED,
    "ACTIVE": SubmissionStatus.ACTIVE,
    "AWAITING REVIEW": SubmissionStatus.AWAITING_REVIEW,
    "APPROVED": SubmissionStatus.APPROVED,
    "PARTIALLY APPROVED": SubmissionStatus.PARTIALLY_APPROVED,
    "SCREENED OUT": SubmissionStatus.SCREENED_OUT,
    "RETURNED": SubmissionStatus.RETURNED,
    "TIMED OUT": SubmissionStatus.TIMED_OUT,
    "REJECTED": SubmissionStatus.REJECTED,
}
VERIFY = (
    "the code types and actions of the completion codes, on a draft study",
    "that the workspace may complete submissions with codes whose actor is the researcher, if researcher_codes is set",
)
VERIFY_SIGNED = "the names of the signed link's parameter and claim, and the address of the keys"


def read_status(value: object) -> SubmissionStatus:
    """Read Prolific's word for a status, with blanks, dashes or underscores in it."""
    words = str(value or "").upper().replace("_", " ").replace("-", " ")
    return next(
        (ours for theirs, ours in STATUSES.items() if theirs.replace("-", " ") == words), SubmissionStatus.UNKNOWN
    )


class Prolific(Panel):
    has_api = True

    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        identity = Identity(
            PanelName.PROLIFIC,
            person=take(params, "PROLIFIC_PID"),
            study=take(params, "STUDY_ID"),
            submission=take(params, "SESSION_ID"),
        )
        return identity._replace(signature=jwks.check(arm, params))

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        if identity.submission and researcher_code(arm, outcome):
            return Action(ActionKind.SERVER_COMPLETE, SUBMISSIONS_URL)
        code = exit_code(arm, outcome)
        return leave(f"{COMPLETE_URL}?{urlencode({'cc': code})}" if code else "", code)

    def on_event(self, event: PanelEvent) -> Sequence[SetStatus]:
        status = read_status(event.status)
        if event.kind != STATUS_EVENT or status == SubmissionStatus.UNKNOWN:
            return ()
        return (SetStatus(event.subject, event.person, status, event.happened_at),)

    def reconcile(self, arm: Arm) -> Iterator[Reported]:
        study = setting(arm, "study_id")
        if not study:
            raise Refused("panel_settings.study_id is not set: copy the study's id from Prolific")
        with client_of(arm) as client:
            for row in client.submissions(study):
                yield read_submission(row)

    def perform(self, arm: Arm, verb: PanelVerb, acts: Sequence[PanelAct]) -> None:
        with client_of(arm) as client:
            if verb == PanelVerb.APPROVE:
                client.bulk_approve([act.submission.submission for act in acts])
                return
            for act in acts:
                if verb == PanelVerb.COMPLETE:
                    client.complete(act.submission.submission, act.message)
                elif verb == PanelVerb.REQUEST_RETURN:
                    client.request_return(act.submission.submission, act.message)
                else:
                    client.pay_bonus(act.reference)

    def prepare_pay(self, arm: Arm, act: PanelAct) -> str:
        with client_of(arm) as client:
            return client.create_bonus(setting(arm, "study_id"), act.submission.submission, act.amount or Decimal(0))


def client_of(arm: Arm) -> ProlificClient:
    """Load what talks to Prolific when it is talked to: nobody who comes in waits for it."""
    from survey.panels.prolific.client import ProlificClient

    return ProlificClient.of(arm)


def read_submission(row: Mapping[str, Any]) -> Reported:
    """Take from a listed submission what this site has a use for, and nothing else."""
    taken, bonuses = row.get("time_taken"), row.get("bonus_payments")
    return Reported(
        submission=text(row.get("id")),
        person=text(row.get("participant_id") or row.get("participant")),
        status=read_status(row.get("status")),
        started_at=read_time(row.get("started_at")),
        completed_at=read_time(row.get("completed_at")),
        time_taken_s=round(taken) if isinstance(taken, int | float) and taken >= 0 else None,
        code=text(row.get("study_code")),
        bonuses=tuple(Decimal(str(one)) / 100 for one in bonuses or () if isinstance(one, int | float)),
    )


def read_time(value: object) -> datetime | None:
    found = parse_datetime(value) if isinstance(value, str) else None
    return found if found is not None and found.tzinfo is not None else None
