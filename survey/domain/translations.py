"""Hold a study back until its texts have come far enough, unless somebody decides otherwise by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from heapq import nsmallest
from typing import NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Q

from survey.flow.provenance import statuses_from
from survey.instruments.visible import ItemPlace, visible_keys
from survey.models import Item, Study, Text, TextOverride

N_NAMED = 5  # keys that a fault names


class NothingToOverride(ValueError):
    """The study's texts are all as far as it asks for."""


class TextFault(NamedTuple):
    """The texts of one locale that participants can see and that are below the study's status."""

    locale: str
    required: str
    n_below: int
    n_stale: int
    first_keys: tuple[str, ...]

    def __str__(self) -> str:
        stale = f" ({self.n_stale} of them stale)" if self.n_stale else ""
        more = ", …" if self.n_below > len(self.first_keys) else ""
        return f"{self.locale}: {self.n_below} below {self.required}{stale}: {', '.join(self.first_keys)}{more}"


def text_faults(study: Study, *, accepted: Collection[str] = ()) -> list[TextFault]:
    """List, by offered locale that is not accepted, the visible texts below the study's status or stale."""
    visible = {locale: keys for locale, keys in visible_by_locale(study).items() if locale not in accepted}
    good = statuses_from(study.required_text_status)
    poor = Text.objects.filter(version=study.version_id, locale__in=visible).exclude(status__in=good, staleness="")
    stale = ArrayAgg("key", filter=~Q(staleness=""), default=[])
    by_locale = poor.order_by("locale").values("locale").annotate(keys=ArrayAgg("key"), stale=stale)  # few rows
    return [
        fault_of(study, locale, poor_keys, visible[locale].intersection(stale_keys))
        for locale, keys, stale_keys in by_locale.values_list("locale", "keys", "stale")
        if (poor_keys := visible[locale].intersection(keys))
    ]


def fault_of(study: Study, locale: str, keys: set[str], stale: set[str]) -> TextFault:
    first = nsmallest(N_NAMED, keys, key=lambda key: (key.startswith("items."), key))
    return TextFault(locale, study.required_text_status, len(keys), len(stale), tuple(first))


def visible_by_locale(study: Study) -> Mapping[str, set[str]]:
    """Give the keys that participants of the study's arms can see in each locale that an arm offers."""
    rows = Item.objects.filter(version=study.version_id).values_list("code", "scenario_country", "is_core")
    items = [ItemPlace(*row) for row in rows.order_by()]
    visible: dict[str, set[str]] = defaultdict(set)
    for arm in study.arms.all():
        keys = visible_keys(study.version.structure, arm.country, items)
        for locale in arm.locales:
            visible[locale] |= keys
    return visible


def open_text_faults(study: Study) -> list[TextFault]:
    """List the faults of the texts that nobody has decided to accept."""
    return text_faults(study, accepted=accepted_locales(study))


def accepted_locales(study: Study) -> set[str]:
    """Give the locales whose texts somebody accepted as they are, for this version and the status asked for."""
    decided = study.text_overrides.filter(version=study.version_id, required_text_status=study.required_text_status)
    return {locale for counts in decided.values_list("counts", flat=True) for locale in counts}


@transaction.atomic
def override_texts(study: Study, *, by: str, reason: str) -> TextOverride:
    """Record somebody's decision to open the study with its texts as they are; `ValueError` without name or reason."""
    by, reason = by.strip(), reason.strip()
    if not by or not reason:
        raise ValueError("an override needs a name and a reason")
    faults = text_faults(study)
    if not faults:
        raise NothingToOverride(f"the texts of {study.code} are all {study.required_text_status} or further")
    return TextOverride.objects.create(
        study=study,
        version=study.version,
        required_text_status=study.required_text_status,
        counts={fault.locale: fault.n_below for fault in faults},
        by=by,
        reason=reason,
    )
