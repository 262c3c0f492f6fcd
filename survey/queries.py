"""Reads that more than one caller uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import Count, Q
from django.db.models.functions import Now

from survey.enums import LeaseState
from survey.flow.status import LIVE_FOR
from survey.models import InstrumentVersion, Item, Lease, Text


class ItemFacts(NamedTuple):
    pk: int
    scenario_country: str


# Versions never change, so what belongs to one is kept for the process's life.


@lru_cache(maxsize=64)
def text_catalogue(version_id: int, locale: str) -> Mapping[str, str]:
    """Give all texts of a version in a locale by key."""
    return dict(Text.objects.filter(version_id=version_id, locale=locale).values_list("key", "body"))


@lru_cache(maxsize=16)
def item_facts(version_id: int) -> Mapping[str, ItemFacts]:
    """Give what is needed of a version's items at every turn, by code."""
    rows = Item.objects.filter(version_id=version_id).values_list("code", "pk", "scenario_country")
    return {code: ItemFacts(pk, country) for code, pk, country in rows}


@lru_cache(maxsize=16)
def version_structure(version_id: int) -> Mapping[str, Any]:
    """Give the ``instrument.yaml`` of a version."""
    structure: Mapping[str, Any] = InstrumentVersion.objects.values_list("structure", flat=True).get(pk=version_id)
    return structure


def places_held(study_id: int) -> Counter[tuple[int, str]]:
    """Count a study's quota places by cell and state; a live place counts while its session is not idle."""
    is_live = Q(state=LeaseState.LIVE, session__last_activity_at__gte=Now() - LIVE_FOR)
    held = Lease.objects.filter(Q(state=LeaseState.COMPLETE) | is_live, cell__arm__study=study_id)
    groups = held.values_list("cell_id", "state").annotate(n=Count("pk")).order_by()
    return Counter({(cell_id, state): n for cell_id, state, n in groups})
