"""The pages of one session, in order. Pure: a function of the blocks and the items drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, NotRequired, TypedDict

from survey.enums import Page


class PlanPage(TypedDict):
    """One page of a stored plan: a scenario names its item and how it is put, an attention check its number."""

    kind: str
    item: NotRequired[str]
    option_order: NotRequired[str]
    questions: NotRequired[list[str]]
    number: NotRequired[int]


class PlannedItem(NamedTuple):
    """An item as one participant gets it."""

    code: str
    option_order: str
    questions: Sequence[str]


def build_plan(
    blocks: Sequence[str], *, items: Sequence[PlannedItem], n_locales: int, n_attention_checks: int = 0
) -> list[PlanPage]:
    """Lay out the pages: one per item where the blocks say ``scenario``, no language page for a single locale."""
    plan: list[PlanPage] = []
    for block in blocks:
        if block == Page.SCENARIO:
            plan += scenario_pages(items, n_attention_checks)
        elif block != Page.LANGUAGE or n_locales > 1:
            plan.append({"kind": block})
    return plan


def scenario_pages(items: Sequence[PlannedItem], n_attention_checks: int) -> list[PlanPage]:
    """Lay out the items with the attention checks spread evenly among them, none first or last."""
    places = {
        round(number * len(items) / (n_attention_checks + 1)): number for number in range(1, n_attention_checks + 1)
    }
    pages: list[PlanPage] = []
    for index, item in enumerate(items):
        if index in places:
            pages.append({"kind": Page.ATTENTION.value, "number": places[index]})
        pages.append(
            {
                "kind": Page.SCENARIO.value,
                "item": item.code,
                "option_order": str(item.option_order),
                "questions": [str(question) for question in item.questions],
            }
        )
    return pages


def scenario_number(plan: Sequence[PlanPage], position: int) -> int:
    """Count the scenarios up to and with the page at ``position``: 1 for the first."""
    return [page["kind"] for page in plan[: position + 1]].count(Page.SCENARIO)


def n_scenarios(plan: Sequence[PlanPage]) -> int:
    return [page["kind"] for page in plan].count(Page.SCENARIO)
