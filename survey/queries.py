"""Reads that more than one caller uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import Count, Q
from django.db.models.functions import Now

from survey.enums import LeaseState, OptionOrder, Question
from survey.flow.plan import PlanPage
from survey.flow.status import LIVE_FOR, REMIND_AFTER
from survey.flow.wording import Shown, Wording, word_item
from survey.models import Arm, InstrumentVersion, Item, Lease, SurveySession, Text
from survey.statements import Read, ReadSome


class ItemFacts(NamedTuple):
    pk: int
    scenario_country: str
    is_core: bool


# Versions never change, so what belongs to one is kept for the process's life.


@lru_cache(maxsize=64)
def text_catalogue(version_id: int, locale: str) -> Mapping[str, str]:
    """Give all texts of a version in a locale by key."""
    return dict(Text.objects.filter(version_id=version_id, locale=locale).values_list("key", "body"))


@lru_cache(maxsize=16)
def item_facts(version_id: int) -> Mapping[str, ItemFacts]:
    """Give what is needed of a version's items at every turn, by code."""
    rows = Item.objects.filter(version_id=version_id).order_by("pk").values_list("code", *ItemFacts._fields)
    return {code: ItemFacts(*facts) for code, *facts in rows}


@lru_cache(maxsize=16)
def version_structure(version_id: int) -> Mapping[str, Any]:
    """Give the ``instrument.yaml`` of a version."""
    structure: Mapping[str, Any] = InstrumentVersion.objects.values_list("structure", flat=True).get(pk=version_id)
    return structure


@lru_cache(maxsize=4096)
def item_wording(version_id: int, locale: str, code: str) -> Wording:
    """Give an item's words."""
    return word_item(text_catalogue(version_id, locale), code)


@lru_cache(maxsize=4096)
def text_hashes(shown: Shown) -> Mapping[Question, str]:
    """Give the hash of what a page shows for each question."""
    wording = item_wording(shown.version_id, shown.locale, shown.item)
    return {question: wording.digest(question, OptionOrder(shown.option_order)) for question in Question}


# --- A session, at every page ---------------------------------------------------------------------


class Standing(NamedTuple):
    """Where a session stands: what an item's page takes of it, its arm and its study."""

    version_id: int
    locale: str
    status: str
    position: int
    plan: Sequence[PlanPage]
    is_away_long: bool
    contact_email: str
    test_of_id: int | None


SESSION = Read(SurveySession, "arm", "study", where="survey_surveysession.token = %s")
AWAY_LONG = f"survey_surveysession.last_activity_at < now() - interval '{REMIND_AFTER.total_seconds()} s'"
STANDING = ReadSome(SESSION, Standing, is_away_long=AWAY_LONG)  # a time would take as long to read as all the rest


def find_standing(token: str) -> Standing | None:
    """Read where a session stands by the token in its address."""
    return STANDING.first(token)


def find_session(token: str) -> SurveySession:
    """Read a session with its arm and study by the token; `SurveySession.DoesNotExist` for a bad one."""
    session = SESSION.first(token)
    if session is None:
        raise SurveySession.DoesNotExist
    return session


ARM = Read(Arm, "study", where="survey_study.code = %s AND survey_arm.country = %s")


def find_arm(study: str, country: str) -> Arm | None:
    """Read an arm with its study by what stands in an entry link."""
    return ARM.first(study, country)


def places_held(study_id: int) -> Counter[tuple[int, str]]:
    """Count a study's quota places by cell and state; a live place counts while its session is not idle."""
    is_live = Q(state=LeaseState.LIVE, session__last_activity_at__gte=Now() - LIVE_FOR)
    held = Lease.objects.filter(Q(state=LeaseState.COMPLETE) | is_live, cell__arm__study=study_id)
    groups = held.values_list("cell_id", "state").annotate(n=Count("pk")).order_by()
    return Counter({(cell_id, state): n for cell_id, state, n in groups})
