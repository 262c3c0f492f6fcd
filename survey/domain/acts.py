"""What this site does at the panels. Each act is written down first, under a key that keeps it from being done twice.

Completing and approving may be asked for again without harm. A request to return and a bonus may not: when the answer
to one does not come, it stays unconfirmed, for a person to look at, and is never sent again by itself.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from survey.enums import ActState, Outcome, PanelName, PanelVerb
from survey.models import PanelAct, PanelIdentity, PanelSubmission, SurveySession
from survey.panels import PANELS, NotReached, PanelFailure, Refused, Unconfirmed, researcher_code

log = logging.getLogger(__name__)

REPEATABLE = frozenset({PanelVerb.COMPLETE, PanelVerb.APPROVE})
MOST_TRIES = 12
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=1)
LOST_AFTER = timedelta(minutes=10)  # whoever claimed an act so long ago is dead
CHUNK = 200


def plan_completion(session: SurveySession, outcome: Outcome) -> bool:
    """Have this site complete the submission of a session that came to its end, where the arm has a code for that."""
    if not session.arm.panel_settings or not (code := researcher_code(session.arm, outcome)):
        return False
    identity = PanelIdentity.objects.filter(participant=session.participant_id).first()
    if identity is None or identity.panel != session.arm.panel:
        return False
    row = PanelSubmission.objects.filter(
        study=identity.study_id, panel=identity.panel, submission=identity.panel_submission
    ).first()
    return row is not None and plan(row, PanelVerb.COMPLETE, message=code)


def plan(
    row: PanelSubmission,
    verb: PanelVerb,
    *,
    message: str = "",
    amount: Decimal | None = None,
    currency: str = "",
    by: User | None = None,
) -> bool:
    """Write an act down to be done; say whether it is new. One of a kind per submission, whoever asks however often."""
    _, is_new = PanelAct.objects.get_or_create(
        key=f"{verb}:{row.pk}",
        defaults={
            "study_id": row.study_id,
            "submission": row,
            "verb": verb,
            "message": message,
            "amount": amount,
            "currency": currency,
            "by": by,
            "due_at": timezone.now(),
        },
    )
    return is_new


def perform_due() -> int:
    """Do what is due; give the number of acts tried."""
    give_up_lost()
    now = timezone.now()
    due = PanelAct.objects.filter(state=ActState.PLANNED, due_at__lte=now).select_related("submission__arm")
    groups: dict[tuple[int, str], list[PanelAct]] = defaultdict(list)
    for act in due.order_by("due_at", "pk")[:CHUNK]:
        # Approvals go out together; of anything else one act's trouble must not become another's.
        groups[act.submission.arm_id, "" if act.verb == PanelVerb.APPROVE else act.key].append(act)
    return sum(perform(acts) for acts in groups.values())


def perform(acts: Sequence[PanelAct]) -> int:
    """Do acts of one verb at one arm's panel, those that nobody else has claimed."""
    claimed = [act for act in acts if claim(act)]
    if not claimed:
        return 0
    arm, verb = claimed[0].submission.arm, PanelVerb(claimed[0].verb)
    panel = PANELS[PanelName(arm.panel)]
    try:
        if verb == PanelVerb.BONUS:
            prepare(claimed[0])
        panel.perform(arm, verb, claimed)
    except PanelFailure as error:
        settle(claimed, error)
    else:
        change(claimed, state=ActState.CONFIRMED, done_at=timezone.now(), reply="")
    return len(claimed)


def claim(act: PanelAct) -> bool:
    """Take an act on, from whoever else might: it counts as sent from here on, until its answer says otherwise."""
    mine = PanelAct.objects.filter(pk=act.pk, state=ActState.PLANNED)
    act.n_tries += 1
    return bool(mine.update(state=ActState.SENT, due_at=timezone.now(), n_tries=act.n_tries))


def prepare(act: PanelAct) -> None:
    """Set a bonus up, unless it is already: nothing is paid by that, so a lost answer does no harm."""
    if act.reference:
        return
    arm = act.submission.arm
    try:
        act.reference = PANELS[PanelName(arm.panel)].prepare_pay(arm, act)
    except Unconfirmed as error:
        raise NotReached(str(error)) from error
    change([act], reference=act.reference)


def settle(acts: Sequence[PanelAct], error: PanelFailure) -> None:
    """Say what has become of acts that went wrong: to be tried later, unconfirmed, or failed."""
    log.warning("%s of %s panel submission(s) went wrong: %s", acts[0].verb, len(acts), error)
    reply = str(error)[:500]
    if isinstance(error, Refused) and len(acts) > 1:  # one of them may be in the way of the others
        for act in acts:
            change([act], state=ActState.PLANNED)
            perform([act])
    elif isinstance(error, Unconfirmed) and acts[0].verb not in REPEATABLE:
        change(acts, state=ActState.UNCONFIRMED, reply=reply)
    elif isinstance(error, Refused) or acts[0].n_tries >= MOST_TRIES:
        change(acts, state=ActState.FAILED, reply=reply, done_at=timezone.now())
    else:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (acts[0].n_tries - 1))
        change(acts, state=ActState.PLANNED, reply=reply, due_at=timezone.now() + pause)


def change(acts: Iterable[PanelAct], **changes: object) -> None:
    PanelAct.objects.filter(pk__in=[act.pk for act in acts]).update(**changes)


def give_up_lost() -> None:
    """Free the acts of those who died over them: to be tried again if that does no harm, else to be looked at."""
    lost = PanelAct.objects.filter(state=ActState.SENT, due_at__lt=timezone.now() - LOST_AFTER)
    lost.filter(verb__in=REPEATABLE).update(state=ActState.PLANNED)
    lost.update(state=ActState.UNCONFIRMED, reply="nobody knows what became of it")


def confirm_bonuses(row: PanelSubmission, paid: Collection[Decimal]) -> None:
    """Confirm a bonus of which no answer came, if the panel lists it as paid."""
    if paid:
        open_acts = row.acts.filter(verb=PanelVerb.BONUS, state=ActState.UNCONFIRMED, amount__in=paid)
        open_acts.update(state=ActState.CONFIRMED, done_at=timezone.now())


@transaction.atomic
def resolve_unconfirmed(act: PanelAct, *, is_done: bool, by: User) -> bool:
    """Take a person's word for whether an unconfirmed act was done; what was not is sent again."""
    mine = PanelAct.objects.filter(pk=act.pk, state=ActState.UNCONFIRMED)
    if is_done:
        return bool(mine.update(state=ActState.CONFIRMED, done_at=timezone.now(), by=by))
    return bool(mine.update(state=ActState.PLANNED, due_at=timezone.now(), by=by))
