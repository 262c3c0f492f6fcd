"""How a study's fieldwork stands: counts of sessions, quota places and pages, in a fixed number of queries.

Nothing here reads the table of answers but for the last few: everything follows from where the sessions stand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Count, ExpressionWrapper, IntegerField, Q, TextField
from django.db.models.expressions import Func, Value
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from analysis.kept_counts import Kept, kept
from analysis.translations import LocaleStand, stands
from analysis.watched import EVERYBODY, Watched
from survey.enums import Country, LeaseState, Page, Status
from survey.flow.cells import cell_label, cell_order
from survey.flow.plan import PlannedItem, build_plan
from survey.flow.provenance import statuses_from
from survey.flow.status import FINAL, LIVE_FOR
from survey.models import Arm, QuotaCell, Study, SurveySession
from survey.queries import places_held

N_LAST_ANSWERS = 6
IS_LIVE = Q(status__in=[Status.LANDED, Status.ACTIVE], last_activity_at__gte=Now() - LIVE_FOR)
QUARTERS = (25, 50, 75)
BEFORE_CONSENT = (Status.LANDED, Status.NO_CONSENT)
TURNED_AWAY = (Status.SCREENED_OUT, Status.QUOTA_FULL)
SENT_HOME = (*TURNED_AWAY, Status.FAILED_COMPREHENSION)
NEARLY_FULL = 0.9
# From each of the sessions that were used last, its latest answer: a few look-ups, whatever the number of answers.
LAST_ANSWERS = """
SELECT latest.submitted_at, latest.country, item.code, participant.is_simulated
FROM (
    SELECT answered.submitted_at, answered.item_id, arm.country, session.participant_id
    FROM survey_surveysession session
    JOIN survey_arm arm ON arm.id = session.arm_id
    CROSS JOIN LATERAL (
        SELECT submitted_at, item_id FROM survey_response response
        WHERE response.session_id = session.id ORDER BY submitted_at DESC LIMIT 1
    ) answered
    WHERE arm.study_id = %s AND session.status NOT IN ('landed', 'withdrew')
    ORDER BY session.last_activity_at DESC LIMIT %s
) latest
JOIN survey_item item ON item.id = latest.item_id
JOIN survey_participant participant ON participant.id = latest.participant_id
ORDER BY latest.submitted_at DESC
"""


@dataclass(frozen=True)
class Fill:
    """How far one quota, or a country's quotas together, are filled."""

    label: str
    n_complete: int
    n_live: int
    target: int
    is_open: bool = True

    @property
    def word(self) -> str:
        """Say in a word what stands out about it."""
        if not self.is_open:
            return "closed"
        if self.target and self.n_complete >= self.target:
            return "full"
        return "nearly full" if self.target and self.n_complete >= NEARLY_FULL * self.target else ""


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
    """One step of the funnel: so many came so far, of those who landed and of those who came to the step before."""

    name: str
    n: int
    n_landed: int
    n_before: int

    @property
    def percent(self) -> float:
        return 100 * self.n / self.n_landed if self.n_landed else 0.0

    @property
    def percent_of_before(self) -> float | None:
        return 100 * self.n / self.n_before if self.n_before else None


class PageStop(NamedTuple):
    """How many sessions came to a page, and how many stand there unfinished."""

    page: str
    n_reached: int
    n_stopped: int
    n_live: int

    @property
    def percent_stopped(self) -> float:
        return 100 * self.n_stopped / self.n_reached if self.n_reached else 0.0


class Dropout(NamedTuple):
    """Of those who consented and are not under way any more nor were sent home, how many did not finish."""

    label: str
    key: str
    n_stopped: int
    n: int

    @property
    def percent(self) -> float | None:
        return 100 * self.n_stopped / self.n if self.n else None


class LastAnswer(NamedTuple):
    at: datetime
    country: str
    item: str
    is_simulated: bool


class _Shape(NamedTuple):
    """The pages of a plan, and the place of its first scenario."""

    pages: Sequence[str]
    first_scenario: int


class _Group(NamedTuple):
    arm_id: int
    locale: str
    is_simulated: bool
    status: str
    is_live: bool
    n_pages: int
    has_language: bool
    position: int
    n: int


class Fieldwork:
    """What the sessions of one study add up to; each part is read when it is first asked for."""

    def __init__(self, study: Study, watched: Watched = EVERYBODY) -> None:
        self.study = study
        self.watched = watched
        self._shapes: dict[tuple[int, bool], _Shape] = {}

    @cached_property
    def arms(self) -> list[Arm]:
        return sorted(self.study.arms.all(), key=lambda arm: Country(arm.country).label)

    @cached_property
    def counted(self) -> Kept[list[_Group]]:
        """Count the sessions by everything that the page tells them apart by: one query, which very many share."""
        return kept(self.study, self.watched, "groups", read=self._count_groups, size=_add_up)

    @property
    def _groups(self) -> list[_Group]:
        return self.counted.value

    def _count_groups(self) -> list[_Group]:
        first = Func("plan", Value("0"), Value("kind"), function="jsonb_extract_path_text", output_field=TextField())
        rows = SurveySession.objects.filter(self.watched.condition(), arm__study=self.study).annotate(
            is_live=_flag(IS_LIVE),
            n_pages=Func("plan", function="jsonb_array_length", output_field=IntegerField()),
            has_language=ExpressionWrapper(Exact(first, Value(Page.LANGUAGE.value)), output_field=BooleanField()),
        )
        fields = ("arm_id", "locale", "participant__is_simulated", "status", "is_live", "n_pages", "has_language")
        groups = rows.values_list(*fields, "position").annotate(n=Count("pk")).order_by("position")
        return [_Group(*group) for group in groups]

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
    def n_missing(self) -> int:
        """Count the completes that are still wanted: what one cell has too many fills no other."""
        cells = (cell for country in self.countries for cell in country.cells)
        return sum(max(0, cell.target - cell.n_complete) for cell in cells)

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
        """Give the quotas by country; places are never narrowed to a locale or to days."""
        cells = defaultdict(list)
        for cell in QuotaCell.objects.filter(arm__study=self.study):
            cells[cell.arm_id].append(cell)
        filled = places_held(self.study.pk)
        arms = [arm for arm in self.arms if self.watched.country in ("", arm.country)]
        return [self._country(arm, cells[arm.pk], filled) for arm in arms]

    def _country(self, arm: Arm, cells: Sequence[QuotaCell], filled: Counter[tuple[int, str]]) -> CountryFill:
        fills = [
            Fill(
                cell_label(cell.age_bucket, cell.gender),
                filled[cell.pk, LeaseState.COMPLETE],
                filled[cell.pk, LeaseState.LIVE],
                cell.target,
                cell.is_open,
            )
            for cell in sorted(cells, key=lambda one: cell_order(one.age_bucket, one.gender))
        ]
        n_complete = self.count(arm_id=arm.pk, status=Status.COMPLETE)
        total = Fill("All", n_complete, self.count(arm_id=arm.pk, is_live=True), sum(fill.target for fill in fills))
        n_simulated = self.count(arm_id=arm.pk, status=Status.COMPLETE, is_simulated=True)
        n_outside = max(0, n_complete - sum(fill.n_complete for fill in fills))
        return CountryFill(Country(arm.country), total, fills, n_outside, n_simulated)

    @cached_property
    def funnel(self) -> list[Step]:
        """Count the sessions that came at least so far; pages count as passed by the plan's position."""
        groups = self._groups
        consented = [g for g in groups if g.status not in BEFORE_CONSENT]
        counts = {
            "Landed": _add_up(groups),
            "Gave consent": _add_up(consented),
            "Admitted": _add_up(g for g in consented if g.status not in TURNED_AWAY),
            "Answered an item": _add_up(g for g in groups if g.position > self._shape(g).first_scenario),
            **{
                f"Passed {share}% of the pages": _add_up(g for g in groups if g.position >= g.n_pages * share / 100)
                for share in QUARTERS
            },
            "Answered everything": _add_up(g for g in groups if g.position >= g.n_pages - 1),
            "Complete": self.n_complete,
        }
        before = [counts["Landed"], *counts.values()]
        return [Step(name, n, counts["Landed"], before[place]) for place, (name, n) in enumerate(counts.items())]

    @cached_property
    def page_stops(self) -> list[PageStop]:
        """Say where unfinished sessions stand, page by page in the order of the instrument."""
        reached: Counter[str] = Counter()
        stopped: Counter[str] = Counter()
        live: Counter[str] = Counter()
        latest: dict[str, int] = {}  # plans differ in length: a page ranks by the latest place it has in any
        for group in self._groups:
            pages = self._shape(group).pages
            for place, page in enumerate(pages[: group.position + 1]):
                reached[page] += group.n
                latest[page] = max(place, latest.get(page, 0))
            if group.status not in FINAL and group.position < len(pages):
                (live if group.is_live else stopped)[pages[group.position]] += group.n
        ranked = sorted(reached, key=lambda page: latest[page])
        return [PageStop(page, reached[page], stopped[page], live[page]) for page in ranked]

    def _shape(self, group: _Group) -> _Shape:
        key = group.n_pages, group.has_language
        if key not in self._shapes:
            self._shapes[key] = self._lay_out(*key)
        return self._shapes[key]

    def _lay_out(self, n_pages: int, has_language: bool) -> _Shape:
        """Name the pages of a plan from its length: every plan follows the instrument's blocks."""
        blocks = self.study.version.structure["blocks"]
        n_locales = 2 if has_language else 1
        n_checks = len(self.study.version.structure["attention_checks"])
        n_items = n_pages - n_checks - len(build_plan(blocks, items=[], n_locales=n_locales))
        items = [PlannedItem(str(number), "", ()) for number in range(1, n_items + 1)]
        plan = build_plan(blocks, items=items, n_locales=n_locales, n_attention_checks=n_checks)
        names = [f"{Page(page['kind']).label} {page.get('item', page.get('number', ''))}".strip() for page in plan]
        first = next((place for place, page in enumerate(plan) if page["kind"] == Page.SCENARIO), len(plan))
        return _Shape(names, first)

    @cached_property
    def dropouts_by_country(self) -> list[Dropout]:
        return [self._dropout(Country(arm.country).label, arm.country, arm_id=arm.pk) for arm in self.arms]

    @cached_property
    def dropouts_by_locale(self) -> list[Dropout]:
        locales = sorted({group.locale for group in self._groups})
        return [self._dropout(locale, locale, locale=locale) for locale in locales]

    def _dropout(self, label: str, key: str, **wanted: Any) -> Dropout:
        over = [
            group
            for group in self._groups
            if not group.is_live
            and group.status not in (*BEFORE_CONSENT, *SENT_HOME)
            and all(getattr(group, name) == value for name, value in wanted.items())
        ]
        return Dropout(label, key, _add_up(g for g in over if g.status != Status.COMPLETE), _add_up(over))

    @cached_property
    def last_answers(self) -> list[LastAnswer]:
        """Give the latest answer of each of those who came by last; who they are is left out."""
        with connection.cursor() as cursor:
            cursor.execute(LAST_ANSWERS, [self.study.pk, N_LAST_ANSWERS])
            rows = cursor.fetchall()
        return [LastAnswer(at, Country(country).label, item, simulated) for at, country, item, simulated in rows]

    @cached_property
    def locales(self) -> list[LocaleStand]:
        return stands(self.study, statuses_from(self.study.required_text_status))

    @property
    def has_drafts(self) -> bool:
        return any(locale.n_drafts for locale in self.locales)


def _flag(condition: Q) -> ExpressionWrapper[Q]:
    return ExpressionWrapper(condition, output_field=BooleanField())


def _add_up(groups: Iterable[_Group]) -> int:
    return sum(group.n for group in groups)
