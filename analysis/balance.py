"""How evenly a study's items and orders are given out: counts and tests per arm, in a fixed number of queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from statistics import median
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count

from analysis.fieldwork import IS_LIVE
from analysis.stats.balance import Tested, binomial_test, cross_test, dispersion_test
from survey.enums import Country, OptionOrder, Question, Status
from survey.flow.assignment import POOLS, pool_of
from survey.flow.counted import counted
from survey.flow.design import first_question
from survey.models import Arm, Item, Study, SurveySession

FAMILY_LEVEL = 0.05  # that any test of the page raises a false alarm
SHOWN = """
SELECT session.arm_id, page ->> 'item', coalesce(page ->> 'option_order', session.option_order),
    session.status = 'complete', count(*)
FROM survey_surveysession session
JOIN survey_arm arm ON arm.id = session.arm_id
JOIN survey_participant participant ON participant.id = session.participant_id
CROSS JOIN LATERAL jsonb_array_elements(session.plan) shown(page)
WHERE arm.study_id = %s AND page ->> 'item' IS NOT NULL AND (NOT participant.is_simulated OR %s)
    AND (session.status = 'complete'
        OR session.status IN ('landed', 'active') AND session.last_activity_at >= now() - interval '1 hour')
GROUP BY 1, 2, 3, 4
"""


class Spread(NamedTuple):
    """The smallest, the middle and the largest of some counts."""

    low: int
    middle: float
    high: int


class ItemLoad(NamedTuple):
    """How often an item was given out in an arm, by what became of it and by which option stood first."""

    code: str
    pool: str
    n_complete: int
    n_live: int
    n_culture_first: int
    n_preference_first: int

    @property
    def n(self) -> int:
        return self.n_complete + self.n_live


class PoolBalance(NamedTuple):
    """The items of one pool of an arm."""

    pool: str
    loads: Sequence[ItemLoad]
    test: Tested

    @property
    def complete(self) -> Spread:
        return spread([load.n_complete for load in self.loads])

    @property
    def held(self) -> Spread:
        return spread([load.n for load in self.loads])


class Check(NamedTuple):
    """One test of an arm, under the name of what it looks at."""

    name: str
    told: str
    test: Tested


class ArmBalance(NamedTuple):
    country: Country
    n_complete: int
    n_live: int
    pools: Sequence[PoolBalance]
    orders: Sequence[Check]

    @property
    def n(self) -> int:
        return self.n_complete + self.n_live

    @property
    def checks(self) -> list[Check]:
        """Give every test of the arm, those of the pools first."""
        return [Check(f"items: {pool.pool}", counted(len(pool.loads), "item"), pool.test) for pool in self.pools] + [
            *self.orders
        ]


class Balance:
    """What was given out in one study; complete and live sessions count, as they do when items are drawn."""

    def __init__(self, study: Study, *, include_simulated: bool = True) -> None:
        self.study = study
        self.include_simulated = include_simulated

    @cached_property
    def arms(self) -> list[ArmBalance]:
        """Read everything: arms, items, what was shown, sessions."""
        items = list(Item.objects.filter(version=self.study.version_id).order_by("code"))
        shown, sessions = self._shown(), self._sessions()
        arms = sorted(self.study.arms.all(), key=lambda arm: Country(arm.country).label)
        return [self._arm(arm, items, shown[arm.pk], sessions[arm.pk]) for arm in arms]

    @property
    def n_sessions(self) -> int:
        return sum(arm.n for arm in self.arms)

    @property
    def alarm_level(self) -> float:
        """Give the p-value below which a test alarms: the page's level, shared among its tests (Bonferroni)."""
        n_tests = sum(check.test.p is not None for arm in self.arms for check in arm.checks)
        return FAMILY_LEVEL / max(n_tests, 1)

    @property
    def alarms(self) -> list[str]:
        return [
            f"{arm.country.label}, {check.name}"
            for arm in self.arms
            for check in arm.checks
            if check.test.p is not None and check.test.p < self.alarm_level
        ]

    def reading(self, test: Tested) -> str:
        """Say in a few words what a test of the items tells."""
        if test.p is None:
            return "too little to tell"
        if test.p < self.alarm_level:
            return "alarm"
        return "more even than chance" if test.p > 0.5 else "within chance"

    def reading_of_order(self, test: Tested) -> str:
        """Say in a few words what a test of orders tells: they are drawn by chance, one person at a time."""
        return {"more even than chance": "within chance"}.get(self.reading(test), self.reading(test))

    def _shown(self) -> dict[int, Counter[tuple[str, str, bool]]]:
        found: dict[int, Counter[tuple[str, str, bool]]] = defaultdict(Counter)
        with connection.cursor() as cursor:
            cursor.execute(SHOWN, [self.study.pk, self.include_simulated])
            for arm_id, code, order, is_complete, n in cursor.fetchall():
                found[arm_id][code, order, is_complete] += n
        return found

    def _sessions(self) -> dict[int, list[tuple[str, str, bool, int]]]:
        """Count sessions by arm: option order, first question, whether complete."""
        counted = SurveySession.objects.filter(arm__study=self.study)
        if not self.include_simulated:
            counted = counted.filter(participant__is_simulated=False)
        found: dict[int, list[tuple[str, str, bool, int]]] = defaultdict(list)
        complete = counted.filter(status=Status.COMPLETE)
        for rows, is_complete in ((complete, True), (counted.filter(IS_LIVE), False)):
            groups = rows.values_list("arm_id", "option_order", "design_cell").annotate(n=Count("pk")).order_by()
            for arm_id, order, cell, n in groups:
                found[arm_id].append((order, first_question(cell), is_complete, n))
        return found

    def _arm(
        self,
        arm: Arm,
        items: Sequence[Item],
        shown: Counter[tuple[str, str, bool]],
        sessions: Sequence[tuple[str, str, bool, int]],
    ) -> ArmBalance:
        structure = self.study.version.structure
        n_complete = sum(n for _, _, is_complete, n in sessions if is_complete)
        n_live = sum(n for *_, n in sessions) - n_complete
        by_pool: dict[str, list[ItemLoad]] = {pool: [] for pool in POOLS}
        for item in items:
            pool = pool_of(structure["arms"], arm.country, item.scenario_country, is_core=item.is_core)
            if pool is not None:
                by_pool[pool].append(load_of(item.code, pool, shown))
        pools = [
            PoolBalance(pool, loads, dispersion_test([load.n for load in loads], n_complete + n_live))
            for pool, loads in by_pool.items()
            if any(load.n for load in loads)
        ]
        orders = list(self._orders(sessions, [load for pool in pools for load in pool.loads]))
        return ArmBalance(Country(arm.country), n_complete, n_live, pools, orders)

    def _orders(self, sessions: Sequence[tuple[str, str, bool, int]], loads: Sequence[ItemLoad]) -> Iterator[Check]:
        n = sum(row[-1] for row in sessions)
        culture = sum(row[-1] for row in sessions if row[0] == OptionOrder.CULTURE_FIRST)
        yield Check("option order", f"culture first in {culture} of {counted(n, 'session')}", binomial_test(culture, n))
        if self.study.version.structure.get("question_order", "fixed") == "participant":
            personal = sum(row[-1] for row in sessions if row[1] == Question.PERSONAL)
            told = f"personal choice first in {personal} of {counted(n, 'session')}"
            yield Check("question order", told, binomial_test(personal, n))
        pairs = [(load.n_culture_first, load.n_preference_first) for load in loads]
        n_shown = sum(map(sum, pairs))
        told = f"{counted(n_shown, 'showing')} of {counted(sum(any(pair) for pair in pairs), 'item')}"
        yield Check("option order by item", told, cross_test(pairs))


def load_of(code: str, pool: str, shown: Counter[tuple[str, str, bool]]) -> ItemLoad:
    first, second = OptionOrder.CULTURE_FIRST, OptionOrder.PREFERENCE_FIRST
    return ItemLoad(
        code,
        pool,
        n_complete=shown[code, first, True] + shown[code, second, True],
        n_live=shown[code, first, False] + shown[code, second, False],
        n_culture_first=shown[code, first, True] + shown[code, first, False],
        n_preference_first=shown[code, second, True] + shown[code, second, False],
    )


def spread(counts: Sequence[int]) -> Spread:
    return Spread(min(counts, default=0), median(counts) if counts else 0.0, max(counts, default=0))


def item_rows(balance: Balance) -> Iterator[list[Any]]:
    """Give the numbers behind the page, one row per arm and item, header first."""
    yield ["country", "pool", "item_code", "n_complete", "n_live", "n_culture_first", "n_preference_first"]
    for arm in balance.arms:
        for pool in arm.pools:
            for load in pool.loads:
                yield [
                    *(str(arm.country), load.pool, load.code, load.n_complete, load.n_live),
                    *(load.n_culture_first, load.n_preference_first),
                ]


def check_rows(balance: Balance) -> Iterator[list[Any]]:
    """Give every test of the page, header first."""
    yield ["country", "test", "n_sessions", "statistic", "df", "p"]
    for arm in balance.arms:
        for check in arm.checks:
            yield [str(arm.country), check.name, arm.n, *check.test]
