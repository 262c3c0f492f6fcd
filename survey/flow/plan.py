"""The pages of one session, in order. Pure: a function of the blocks and the items drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from survey.enums import Page


class PlanPage(TypedDict):
    """One page of a stored plan."""

    kind: str
    item: NotRequired[str]


def build_plan(blocks: Sequence[str], *, items: Sequence[str], n_locales: int) -> list[PlanPage]:
    """Lay out the pages: one per item where the blocks say ``scenario``, no language page for a single locale."""
    plan: list[PlanPage] = []
    for block in blocks:
        if block == Page.SCENARIO:
            plan += [{"kind": Page.SCENARIO.value, "item": code} for code in items]
        elif block != Page.LANGUAGE or n_locales > 1:
            plan.append({"kind": block})
    return plan


def scenario_number(plan: Sequence[PlanPage], position: int) -> int:
    """Count the scenarios up to and with the page at ``position``: 1 for the first."""
    return sum(page["kind"] == Page.SCENARIO for page in plan[: position + 1])


def n_scenarios(plan: Sequence[PlanPage]) -> int:
    return sum(page["kind"] == Page.SCENARIO for page in plan)
