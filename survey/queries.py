"""Reads that more than one caller uses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from survey.models import InstrumentVersion, Item, Text

# Versions never change, so what belongs to one is kept for the process's life.


@lru_cache(maxsize=64)
def text_catalogue(version_id: int, locale: str) -> Mapping[str, str]:
    """Give all texts of a version in a locale by key."""
    return dict(Text.objects.filter(version_id=version_id, locale=locale).values_list("key", "body"))


@lru_cache(maxsize=16)
def item_ids(version_id: int) -> Mapping[str, int]:
    """Give the primary keys of a version's items by code."""
    return dict(Item.objects.filter(version_id=version_id).values_list("code", "pk"))


@lru_cache(maxsize=16)
def version_structure(version_id: int) -> Mapping[str, Any]:
    """Give the ``instrument.yaml`` of a version."""
    structure: Mapping[str, Any] = InstrumentVersion.objects.values_list("structure", flat=True).get(pk=version_id)
    return structure
