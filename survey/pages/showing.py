"""Every page that a participant of an arm can meet, shown by the same classes and templates, with nothing stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils import timezone

from survey.enums import OptionOrder, Page, Status
from survey.flow.assignment import POOLS, pool_of
from survey.flow.plan import PlannedItem, PlanPage, build_plan
from survey.models import Arm, Item, SurveySession

AGAIN = "again"  # of the comprehension check: how it looks after a wrong answer


class Shown(NamedTuple):
    """One page to show: its name in the address, what it is, and its place in a plan."""

    name: str
    label: str
    plan: Sequence[PlanPage] = ()
    position: int = 0
    is_again: bool = False

    @property
    def kind(self) -> Page:
        return Page(self.plan[self.position]["kind"])


def fielded_items(arm: Arm) -> list[str]:
    """Give the codes of the items that the arm may draw, pool by pool."""
    arms = arm.study.version.structure["arms"]
    rows = Item.objects.filter(version=arm.study.version_id).order_by("code")
    found = [
        (pool, code)
        for code, country, is_core in rows.values_list("code", "scenario_country", "is_core")
        if (pool := pool_of(arms, arm.country, country, is_core=is_core)) is not None
    ]
    return [code for _, code in sorted(found, key=lambda one: (POOLS.index(one[0]), one[1]))]


def shown_pages(arm: Arm, order: OptionOrder = OptionOrder.CULTURE_FIRST) -> list[Shown]:
    """List the pages of an arm in the order of its blocks, with a page for every item that it may draw."""
    structure = arm.study.version.structure
    codes = fielded_items(arm)
    n_drawn = sum(structure["arms"][arm.country]["items"].values())
    pages: list[Shown] = []
    for position, page in enumerate(plan := lay_out(arm, codes[:n_drawn], order)):
        kind = Page(page["kind"])
        if kind == Page.SCENARIO:
            continue
        number = page.get("number")
        name = f"{kind}-{number}" if number else kind.value
        pages.append(Shown(name, f"{kind.label} {number or ''}".rstrip(), plan, position))
        if kind == Page.COMPREHENSION:
            pages.append(Shown(f"{name}-{AGAIN}", f"{kind.label}, wrong answer", plan, position, is_again=True))
    return [*pages, *(scenario_page(arm, code, codes, n_drawn, order) for code in codes)]


def scenario_page(arm: Arm, code: str, codes: Sequence[str], n_drawn: int, order: OptionOrder) -> Shown:
    """Put an item first among as many as a participant gets."""
    others = [other for other in codes if other != code]
    plan = lay_out(arm, [code, *others[: n_drawn - 1]], order)
    position = next(at for at, page in enumerate(plan) if page["kind"] == Page.SCENARIO)
    return Shown(f"scenario-{code}", f"Scenario {code}", plan, position)


def lay_out(arm: Arm, codes: Sequence[str], order: OptionOrder) -> list[PlanPage]:
    structure: Mapping[str, Any] = arm.study.version.structure
    return build_plan(
        structure["blocks"],
        items=[PlannedItem(code, order, structure["questions"]) for code in codes],
        n_locales=len(arm.locales),
        n_attention_checks=len(structure["attention_checks"]),
    )


def unstored_session(arm: Arm, locale: str, shown: Shown) -> SurveySession:
    """Make a session that stands at a page and is never saved."""
    now = timezone.now()
    return SurveySession(
        arm=arm,
        version=arm.study.version,
        locale=locale,
        plan=list(shown.plan),
        position=shown.position,
        status=Status.ACTIVE,
        landed_at=now,
        last_activity_at=now,
    )
