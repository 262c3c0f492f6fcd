"""Which texts a respondent of an arm can come to see. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from survey.enums import Page
from survey.flow.assignment import CORE, relation_between
from survey.flow.wording import ITEM_FIELDS
from survey.instruments.schema import PAGE_KEYS


class ItemPlace(NamedTuple):
    """What decides which arms draw an item."""

    code: str
    scenario_country: str
    is_core: bool


ANYWHERE = ("title",)
# The sections of the page texts that each kind of page shows, or single keys of them.
SHOWN: Mapping[Page, tuple[str, ...]] = {
    Page.LANGUAGE: (),
    Page.CONSENT: ("consent",),
    Page.SCREENING: (
        "screening", "fluency", "age", "gender", "country",
        "demographics.heading", "demographics.age", "demographics.gender", "demographics.country",
    ),
    Page.INSTRUCTIONS: ("instructions",),
    Page.COMPREHENSION: ("comprehension", "instructions"),
    Page.SCENARIO: ("question",),
    Page.ATTENTION: ("attention",),
    Page.DEMOGRAPHICS: ("demographics", "age", "gender", "country"),
    Page.DEBRIEF: ("debrief",),
}  # fmt: skip


def visible_page_keys(structure: Mapping[str, Any]) -> set[str]:
    """List the page texts that the instrument's blocks can show."""
    pages = [Page(name) for name in structure["blocks"]]
    if structure["attention_checks"]:
        pages.append(Page.ATTENTION)
    shown = {*ANYWHERE, *(name for page in pages for name in SHOWN[page])}
    known = [*PAGE_KEYS, *(f"country.{country}" for country in structure["arms"])]
    return {key for key in known if key in shown or key.partition(".")[0] in shown}


def visible_items(structure: Mapping[str, Any], country: str, items: Iterable[ItemPlace]) -> set[str]:
    """List the items that an arm can draw; none for a country that the instrument knows no arm of."""
    arm = structure["arms"].get(country)
    if arm is None:
        return set()
    wanted = arm["items"]
    fielded = {country, *arm["close"], *arm["far"]}
    drawn = set()
    for item in items:
        if item.is_core:
            is_drawn = wanted[CORE] > 0
        else:
            relation = relation_between(structure["arms"], country, item.scenario_country)
            is_drawn = item.scenario_country in fielded and wanted[relation] > 0
        drawn |= {item.code} if is_drawn else set()
    return drawn


def visible_keys(structure: Mapping[str, Any], country: str, items: Iterable[ItemPlace]) -> set[str]:
    """List the keys of all the texts that a respondent of an arm can come to see."""
    codes = visible_items(structure, country, items)
    return visible_page_keys(structure) | {f"items.{code}.{name}" for code in codes for name in ITEM_FIELDS}
