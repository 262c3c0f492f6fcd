"""Let participants in: identity, items, plan, session; or find the session they have already."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone

from survey.enums import OptionOrder, PanelName, Relation, Status, StudyState
from survey.flow.assignment import Candidate, Drawn, draw_items, draw_option_order
from survey.flow.plan import build_plan
from survey.models import Arm, Assignment, Item, PanelIdentity, Participant, StatusChange, SurveySession
from survey.panels import Identity
from survey.queries import item_ids

LIVE_FOR = timedelta(hours=1)  # a session that is idle for longer no longer holds its items


class StudyNotOpen(ValueError):
    """The study takes nobody in now."""


class LoadedItem(NamedTuple):
    """An item that an arm may draw, with the number of its sessions that count."""

    code: str
    scenario_country: str
    load: int


def enrol(arm: Arm, *, identity: Identity) -> SurveySession:
    """Give a participant their session: the one they have, or a new one with items drawn and a plan laid out.

    A session once begun goes on even when the study has paused meanwhile; `StudyNotOpen` for newcomers then.
    """
    try:
        return find_or_begin(arm, identity)
    except IntegrityError:  # the same person came in through another arm at the same moment
        session = find_session(arm, identity)
        if session is None:
            raise
        return session


@transaction.atomic
def find_or_begin(arm: Arm, identity: Identity) -> SurveySession:
    """Find or begin a session under a lock on the arm, so that two who come at once draw on each other's loads."""
    arm = Arm.objects.select_for_update(of=("self",)).select_related("study__version").get(pk=arm.pk)
    session = find_session(arm, identity)
    if session is not None:
        return session
    if arm.study.state != StudyState.LIVE:
        raise StudyNotOpen(arm.study.state)
    participant = register(arm, identity)
    return begin_session(participant, arm)


def find_session(arm: Arm, identity: Identity) -> SurveySession | None:
    if not identity.person:
        return None
    return SurveySession.objects.filter(
        participant__panel_identity__study=arm.study_id,
        participant__panel_identity__panel=identity.panel,
        participant__panel_identity__panel_person=identity.person,
    ).first()


def register(arm: Arm, identity: Identity) -> Participant:
    """Create the participant, with what the panel says of them in its own table."""
    is_simulated = identity.panel == PanelName.SIMULATED
    participant = Participant.objects.create(study=arm.study, is_simulated=is_simulated)
    if identity.person:
        PanelIdentity.objects.create(
            participant=participant,
            study=arm.study,
            panel=identity.panel,
            panel_person=identity.person,
            panel_study=identity.study,
            panel_submission=identity.submission,
        )
    return participant


def begin_session(participant: Participant, arm: Arm, *, seed: int | None = None) -> SurveySession:
    """Draw the items and lay out the plan. The seed is stored: with the loads of that moment it gives the same draw."""
    seed = secrets.randbits(62) if seed is None else seed
    structure = arm.study.version.structure
    drawn = assign_items(arm, seed=seed)
    now = timezone.now()
    session = SurveySession.objects.create(
        participant=participant,
        arm=arm,
        version=arm.study.version,
        token=secrets.token_urlsafe(24),
        locale=arm.locales[0],
        seed=seed,
        option_order=OptionOrder(draw_option_order(seed)),
        plan=build_plan(structure["blocks"], items=[one.code for one in drawn], n_locales=len(arm.locales)),
        landed_at=now,
        last_activity_at=now,
    )
    store_assignments(session, drawn)
    StatusChange.objects.create(session=session, old="", new=Status.LANDED, reason="entry link")
    return session


def assign_items(arm: Arm, *, seed: int) -> list[Drawn]:
    """Draw the least-filled items of each relation within the arm, counting complete and live sessions."""
    arm_structure = arm.study.version.structure["arms"][arm.country]
    countries = {
        Relation.SAME: [arm.country],
        Relation.CLOSE: arm_structure["close"],
        Relation.FAR: arm_structure["far"],
    }
    relation_of = {country: relation for relation, group in countries.items() for country in group}
    candidates: dict[Relation, list[Candidate]] = {relation: [] for relation in Relation}
    for item in items_with_load(arm, list(relation_of)):
        candidates[relation_of[item.scenario_country]].append(Candidate(item.code, item.load))
    n_items = {Relation(name): n for name, n in arm_structure["items"].items()}
    return draw_items(candidates, n_items=n_items, seed=seed)


def items_with_load(arm: Arm, countries: list[str]) -> list[LoadedItem]:
    """Read the arm's possible items with the number of complete or live sessions that hold each."""
    counts = Q(assignments__session__arm=arm) & (
        Q(assignments__session__status=Status.COMPLETE)
        | Q(
            assignments__session__status__in=[Status.LANDED, Status.ACTIVE],
            assignments__session__last_activity_at__gte=timezone.now() - LIVE_FOR,
        )
    )
    items = Item.objects.filter(version=arm.study.version_id, scenario_country__in=countries)
    rows = items.annotate(load=Count("assignments", filter=counts))
    return [LoadedItem(*row) for row in rows.values_list("code", "scenario_country", "load")]


def store_assignments(session: SurveySession, drawn: list[Drawn]) -> None:
    ids = item_ids(session.version_id)
    Assignment.objects.bulk_create(
        Assignment(session=session, item_id=ids[one.code], relation=one.relation, number=number)
        for number, one in enumerate(drawn, start=1)
    )
