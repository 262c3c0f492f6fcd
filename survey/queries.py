"""Reads that more than one caller uses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from survey.models import InstrumentVersion, Item, Text


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
