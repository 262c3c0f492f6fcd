"""Let participants in: identity, items, plan, session; or find the session they have already."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from survey.enums import Device, PanelName, Status, StudyState
from survey.flow.assignment import POOLS, Candidate, draw_items, pool_of, relation_between
from survey.flow.design import Settings, derive_design
from survey.flow.plan import PlannedItem, build_plan
from survey.flow.status import LIVE_FOR
from survey.models import (
    Arm,
    PanelIdentity,
    PanelSubmission,
    Participant,
    StatusChange,
    SurveySession,
)
from survey.panels import Identity, UnknownParticipant
from survey.panels.base import taken_devices
from survey.queries import item_facts, version_structure
from survey.statements import Read, insert, rows, run

RECEIPT_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class StudyNotOpen(ValueError):
    """The study takes nobody in now."""


class DeviceNotTaken(ValueError):
    """The arm takes nobody with a device of this kind."""


class LoadedItem(NamedTuple):
    """An item that an arm may draw, with the number of its sessions that count."""

    code: str
    scenario_country: str
    is_core: bool
    load: int


def enrol(arm: Arm, *, identity: Identity, device: Device | None = None) -> SurveySession:
    """Give a participant their session: the one they have, or a new one with items drawn and a plan laid out.

    A session once begun goes on on any device, even when the study has paused meanwhile; newcomers then meet
    `StudyNotOpen`, or `DeviceNotTaken` where the arm leaves out their kind of device.
    """
    try:
        return find_or_begin(arm, identity, device)
    except IntegrityError:  # the same person came in through another arm at the same moment
        session = find_session(arm, identity)
        if session is None:
            raise
        return session


HELD_ARM = Read(Arm, "study", where="survey_arm.id = %s FOR UPDATE OF survey_arm")


@transaction.atomic
def find_or_begin(arm: Arm, identity: Identity, device: Device | None) -> SurveySession:
    """Find or begin a session under a lock on the arm, so that two who come at once draw on each other's loads."""
    held = HELD_ARM.first(arm.pk)
    if held is None:
        raise StudyNotOpen("its country was removed")
    arm = held
    session = find_session(arm, identity)
    if session is not None:
        note_visit(session.arm, identity, session.participant_id)
        return session
    if arm.study.state != StudyState.LIVE:
        raise StudyNotOpen(arm.study.state)
    if device and device not in taken_devices(arm):
        raise DeviceNotTaken(device)
    participant = register(arm, identity)
    return begin_session(participant, arm)


def find_session(arm: Arm, identity: Identity) -> SurveySession | None:
    if not identity.person:
        return None
    return (
        SurveySession.objects.filter(
            participant__panel_identity__study=arm.study_id,
            participant__panel_identity__panel=identity.panel,
            participant__panel_identity__panel_person=identity.person,
        )
        .select_related("arm")
        .first()
    )


def register(arm: Arm, identity: Identity) -> Participant:
    """Create the participant, with what the panel says of them in its own table."""
    is_simulated = identity.panel == PanelName.SIMULATED
    participant = insert(Participant, study=arm.study, is_simulated=is_simulated)
    if identity.person:
        PanelIdentity.objects.create(
            participant=participant,
            study=arm.study,
            panel=identity.panel,
            panel_person=identity.person,
            panel_study=identity.study,
            panel_submission=identity.submission,
        )
        note_visit(arm, identity, participant.pk)
    return participant


def note_visit(arm: Arm, identity: Identity, participant_id: int) -> None:
    """Record the panel's visit that somebody comes in with; each visit is one person's, a person may have several.

    Whoever comes back with another one while their session is under way, goes on under that: the former is over at the
    panel. With their session at an end, the other one is a duplicate.
    """
    if identity.panel == PanelName.SIMULATED:
        return
    submission, is_new = PanelSubmission.objects.get_or_create(
        study_id=arm.study_id,
        panel=identity.panel,
        submission=identity.submission or identity.person,
        defaults={
            "arm": arm,
            "person": identity.person,
            "participant_id": participant_id,
            "signature": identity.signature,
            "entered_at": timezone.now(),
        },
    )
    if submission.person != identity.person:
        raise UnknownParticipant("the visit in the link is somebody else's")
    if submission.participant_id is None:  # the panel told of it before it came in
        changes = {"participant_id": participant_id, "signature": identity.signature, "entered_at": timezone.now()}
        is_new = bool(PanelSubmission.objects.filter(pk=submission.pk, participant=None).update(**changes))
    if is_new and identity.submission:
        states = [Status.LANDED, Status.ACTIVE]
        under_way = Q(participant__session__status__in=states)
        PanelIdentity.objects.filter(under_way, participant=participant_id).update(panel_submission=identity.submission)
        SurveySession.objects.filter(participant=participant_id, status__in=states).update(outcome="")


IDENTITY = Read(PanelIdentity, where="participant_id = %s")


def identity_of(session: SurveySession) -> Identity:
    """Read back whom the panel named at the entry; empty, of the arm's panel, where it named nobody."""
    known = IDENTITY.first(session.participant_id)
    if known is None:
        return Identity(PanelName(session.arm.panel))
    return Identity(PanelName(known.panel), known.panel_person, known.panel_study, known.panel_submission)


def begin_session(participant: Participant, arm: Arm, *, seed: int | None = None) -> SurveySession:
    """Draw the items and lay out the plan. The seed is stored: with the loads of that moment it gives the same draw."""
    seed = secrets.randbits(62) if seed is None else seed
    structure = version_structure(arm.study.version_id)
    settings = Settings(structure["option_order"], structure["question_order"], structure["questions"])
    design = derive_design(assign_items(arm, seed=seed), country=arm.country, settings=settings, seed=seed)
    now = timezone.now()
    session = insert(
        SurveySession,
        participant=participant,
        arm=arm,
        version_id=arm.study.version_id,
        token=secrets.token_urlsafe(24),
        receipt=draw_receipt(),
        locale=arm.locales[0],
        seed=seed,
        option_order=design.option_order,
        design_cell=design.cell,
        plan=build_plan(
            structure["blocks"],
            items=[
                PlannedItem(code, order, design.questions)
                for code, order in zip(design.items, design.option_orders, strict=True)
            ],
            n_locales=len(arm.locales),
            n_attention_checks=len(structure["attention_checks"]),
        ),
        landed_at=now,
        last_activity_at=now,
    )
    store_assignments(session, design.items)
    insert(StatusChange, session=session, old="", new=Status.LANDED, reason="entry link")
    return session


def draw_receipt() -> str:
    """Draw a code that a person can copy by hand: 50 bits in letters and digits that look like no other."""
    return "".join(secrets.choice(RECEIPT_LETTERS) for _ in range(10))


def assign_items(arm: Arm, *, seed: int) -> list[str]:
    """Draw the least-filled core items and items of each relation within the arm."""
    arms = version_structure(arm.study.version_id)["arms"]
    candidates: dict[str, list[Candidate]] = {pool: [] for pool in POOLS}
    for item in items_with_load(arm):
        pool = pool_of(arms, arm.country, item.scenario_country, is_core=item.is_core)
        if pool is not None:
            candidates[pool].append(Candidate(item.code, item.load))
    return draw_items(candidates, n_items=arms[arm.country]["items"], seed=seed)


# By the arm, since a version has many studies; of those under way, whom the panel has not said to be gone.
LOADS = """
SELECT item_id, count(*) FROM survey_assignment
JOIN survey_surveysession ON survey_surveysession.id = survey_assignment.session_id
WHERE arm_id = %s AND (status = 'complete'
    OR (status IN ('landed', 'active') AND last_activity_at >= %s AND outcome = ''))
GROUP BY item_id
"""


def items_with_load(arm: Arm) -> list[LoadedItem]:
    """Give the items with the number of the arm's complete or live sessions that hold each."""
    loads = dict(rows(LOADS, (arm.pk, timezone.now() - LIVE_FOR)))
    facts = item_facts(arm.study.version_id).items()
    return [LoadedItem(code, item.scenario_country, item.is_core, loads.get(item.pk, 0)) for code, item in facts]


ASSIGN = """
INSERT INTO survey_assignment (session_id, item_id, relation, number)
SELECT %s, item_id, relation, number
FROM unnest(%s::bigint[], %s::varchar[]) WITH ORDINALITY AS drawn (item_id, relation, number)
"""


def store_assignments(session: SurveySession, codes: list[str]) -> None:
    facts = item_facts(session.version_id)
    arms = version_structure(session.version_id)["arms"]
    country = session.arm.country
    relations = [relation_between(arms, country, facts[code].scenario_country).value for code in codes]
    run(ASSIGN, (session.pk, [facts[code].pk for code in codes], relations))
