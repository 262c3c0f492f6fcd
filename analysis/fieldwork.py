"""How a study's fieldwork stands: counts for the dashboard, in a fixed number of queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import (
    BooleanField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    TextField,
)
from django.db.models.expressions import Func, Value
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from analysis.translations import LocaleStand, stands
from survey.enums import Country, LeaseState, Page, Question, Status
from survey.flow.cells import cell_label, cell_order
from survey.flow.plan import PlannedItem, build_plan
from survey.flow.provenance import statuses_from
from survey.flow.status import FINAL, LIVE_FOR
from survey.models import Arm, QuotaCell, Response, Study, SurveySession
from survey.queries import places_held

N_LAST_ANSWERS = 6
IS_LIVE = Q(status__in=[Status.LANDED, Status.ACTIVE], last_activity_at__gte=Now() - LIVE_FOR)
QUARTERS = (25, 50, 75)
TURNED_AWAY = (Status.SCREENED_OUT, Status.QUOTA_FULL)


@dataclass(frozen=True)
class Fill:
    """How far one quota, or a country's quotas together, are filled."""

    label: str
    n_complete: int
    n_live: int
    target: int


@dataclass(frozen=True)
class CountryFill:
    """One country of the study: its cells, and all its sessions together."""

    country: Country
    total: Fill
    cells: Sequence[Fill]
    n_outside: int
    n_simulated: int

    @property
    def fills(self) -> list[Fill]:
        return [self.total, *self.cells]


class Step(NamedTuple):
    """One step of the funnel."""

    name: str
    n: int
    percent: float


class PageStop(NamedTuple):
    """How many sessions came to a page, and how many stand there unfinished."""

    page: str
    n_reached: int
    n_stopped: int
    n_live: int

    @property
    def percent_stopped(self) -> float:
        return 100 * self.n_stopped / self.n_reached if self.n_reached else 0.0


class LastAnswer(NamedTuple):
    at: datetime
    country: str
    item: str
    is_simulated: bool


class _Group(NamedTuple):
    arm_id: int
    is_simulated: bool
    status: str
    is_live: bool
    n: int


class Fieldwork:
    """What the sessions of one study add up to; each part is read when it is first asked for."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.sessions = SurveySession.objects.filter(arm__study=study)

    @cached_property
    def arms(self) -> list[Arm]:
        return sorted(self.study.arms.all(), key=lambda arm: Country(arm.country).label)

    @cached_property
    def _groups(self) -> list[_Group]:
        rows = self.sessions.annotate(is_live=_flag(IS_LIVE)).values_list(
            "arm_id", "participant__is_simulated", "status", "is_live"
        )
        return [_Group(*row) for row in rows.annotate(n=Count("pk")).order_by()]

    def count(self, **wanted: Any) -> int:
        """Count the sessions whose group has these values."""
        return sum(g.n for g in self._groups if all(getattr(g, name) == value for name, value in wanted.items()))

    @property
    def n_complete(self) -> int:
        return self.count(status=Status.COMPLETE)

    @property
    def n_target(self) -> int:
        return sum(fill.total.target for fill in self.countries)

    @property
    def n_landed(self) -> int:
        return self.count()

    @property
    def n_live(self) -> int:
        return self.count(is_live=True)

    @property
    def n_simulated(self) -> int:
        return self.count(is_simulated=True)

    @property
    def n_real(self) -> int:
        return self.count(is_simulated=False)

    @cached_property
    def countries(self) -> list[CountryFill]:
        cells = defaultdict(list)
        for cell in QuotaCell.objects.filter(arm__study=self.study):
            cells[cell.arm_id].append(cell)
        filled = places_held(self.study.pk)
        return [self._country(arm, cells[arm.pk], filled) for arm in self.arms]

    def _country(self, arm: Arm, cells: Sequence[QuotaCell], filled: Counter[tuple[int, str]]) -> CountryFill:
        fills = [
            Fill(
                cell_label(cell.age_bucket, cell.gender),
                filled[cell.pk, LeaseState.COMPLETE],
                filled[cell.pk, LeaseState.LIVE],
                cell.target,
            )
            for cell in sorted(cells, key=lambda one: cell_order(one.age_bucket, one.gender))
        ]
        n_complete = self.count(arm_id=arm.pk, status=Status.COMPLETE)
        total = Fill("All", n_complete, self.count(arm_id=arm.pk, is_live=True), sum(fill.target for fill in fills))
        n_simulated = self.count(arm_id=arm.pk, status=Status.COMPLETE, is_simulated=True)
        n_outside = n_complete - sum(fill.n_complete for fill in fills)
        return CountryFill(Country(arm.country), total, fills, n_outside, n_simulated)

    @cached_property
    def funnel(self) -> list[Step]:
        """Count the sessions that came at least so far; pages count as passed by the plan's position."""
        n_pages = Func("plan", function="jsonb_array_length", output_field=IntegerField())
        reached = {
            f"quarter_{share}": Count("pk", filter=Q(position__gte=F("n_pages") * share / 100.0)) for share in QUARTERS
        }
        answered = Exists(Response.objects.filter(session=OuterRef("pk")))
        counts = self.sessions.annotate(n_pages=n_pages, has_answered=answered).aggregate(
            landed=Count("pk"),
            consented=Count("pk", filter=Q(consent__is_given=True)),
            admitted=Count("pk", filter=Q(consent__is_given=True) & ~Q(status__in=TURNED_AWAY)),
            started=Count("pk", filter=Q(has_answered=True)),
            finished=Count("pk", filter=Q(position__gte=F("n_pages") - 1)),
            complete=Count("pk", filter=Q(status=Status.COMPLETE)),
            **reached,
        )
        names = {
            "landed": "Landed",
            "consented": "Gave consent",
            "admitted": "Admitted",
            "started": "Answered an item",
            **{f"quarter_{share}": f"Passed {share}% of the pages" for share in QUARTERS},
            "finished": "Answered everything",
            "complete": "Complete",
        }
        n_landed = counts["landed"]
        return [
            Step(name, counts[key], 100 * counts[key] / n_landed if n_landed else 0.0) for key, name in names.items()
        ]

    @cached_property
    def page_stops(self) -> list[PageStop]:
        """Say where unfinished sessions stand, page by page in the order of the instrument."""
        reached: Counter[str] = Counter()
        stopped: Counter[str] = Counter()
        live: Counter[str] = Counter()
        latest: dict[str, int] = {}  # plans differ in length: a page ranks by the latest place it has in any
        for n_pages, has_language, position, status, is_live, n in self._standings():
            pages = self._pages(n_pages, has_language)
            for place, page in enumerate(pages[: position + 1]):
                reached[page] += n
                latest[page] = max(place, latest.get(page, 0))
            if status not in FINAL and position < len(pages):
                (live if is_live else stopped)[pages[position]] += n
        ranked = sorted(reached, key=lambda page: latest[page])
        return [PageStop(page, reached[page], stopped[page], live[page]) for page in ranked]

    def _standings(self) -> QuerySet[SurveySession, tuple[int, bool, int, str, bool, int]]:
        n_pages = Func("plan", function="jsonb_array_length", output_field=IntegerField())
        first = Func("plan", Value("0"), Value("kind"), function="jsonb_extract_path_text", output_field=TextField())
        standings = self.sessions.annotate(
            n_pages=n_pages,
            has_language=ExpressionWrapper(Exact(first, Value(Page.LANGUAGE.value)), output_field=BooleanField()),
            is_live=_flag(IS_LIVE),
        ).values_list("n_pages", "has_language", "position", "status", "is_live")
        return standings.annotate(n=Count("pk")).order_by("position")

    def _pages(self, n_pages: int, has_language: bool) -> list[str]:
        """Name the pages of a plan from its shape: every plan follows the instrument's blocks."""
        blocks = self.study.version.structure["blocks"]
        n_locales = 2 if has_language else 1
        n_checks = len(self.study.version.structure["attention_checks"])
        n_items = n_pages - n_checks - len(build_plan(blocks, items=[], n_locales=n_locales))
        items = [PlannedItem(str(number), "", ()) for number in range(1, n_items + 1)]
        plan = build_plan(blocks, items=items, n_locales=n_locales, n_attention_checks=n_checks)
        return [f"{Page(page['kind']).label} {page.get('item', page.get('number', ''))}".strip() for page in plan]

    @cached_property
    def last_answers(self) -> list[LastAnswer]:
        """Give the latest answers, one per page; who answered is left out."""
        latest = Response.objects.filter(session__arm__study=self.study, question=Question.PERSONAL)
        rows = latest.order_by("-submitted_at").values_list(
            "submitted_at", "session__arm__country", "item__code", "session__participant__is_simulated"
        )[:N_LAST_ANSWERS]
        return [LastAnswer(at, Country(country).label, item, simulated) for at, country, item, simulated in rows]

    @cached_property
    def locales(self) -> list[LocaleStand]:
        return stands(self.study, statuses_from(self.study.required_text_status))

    @property
    def has_drafts(self) -> bool:
        return any(locale.n_drafts for locale in self.locales)


def _flag(condition: Q) -> ExpressionWrapper[Q]:
    return ExpressionWrapper(condition, output_field=BooleanField())
