"""Everything that a study's dashboard shows, each part read when it is first asked for: a fixed number of queries."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone

from analysis.fieldwork import Fieldwork, Step
from analysis.kept_counts import kept
from analysis.live_summary import Outcome, live_outcomes
from analysis.model_runs import ModelRuns, model_runs
from analysis.pace import Projection, by_day, project
from analysis.quality import Share
from analysis.spending import Spending
from analysis.watched import EVERYBODY, Watched
from survey.enums import PanelName, Status, StudyState
from survey.flow.quality import FLAGS, limit_of
from survey.models import QualityFlag, Study, SurveySession


class FlagCount(NamedTuple):
    """One flag on how many of the complete sessions."""

    name: str
    label: str
    limit: str
    share: Share
    is_exclusion: bool


class Cost(NamedTuple):
    """Money of one currency: to participants and to models, and what it may come to."""

    currency: str
    people: Decimal
    models: Decimal
    budget: Decimal | None

    @property
    def total(self) -> Decimal:
        return self.people + self.models

    @property
    def percent(self) -> float | None:
        return float(100 * self.total / self.budget) if self.budget else None


class StudyStand:
    """One study as its dashboard shows it, of the sessions that a watcher chose."""

    def __init__(self, study: Study, watched: Watched = EVERYBODY) -> None:
        self.study = study
        self.watched = watched
        self.whole = Fieldwork(study)
        self.work = self.whole if watched == EVERYBODY else Fieldwork(study, watched)
        self.now = timezone.now()

    @cached_property
    def spending(self) -> Spending:
        return Spending(self.study, self.whole.arms, self.watched)

    @property
    def has_times(self) -> bool:
        return any(line.times or line.totals.hourly for line in self.spending.lines)

    @cached_property
    def runs(self) -> ModelRuns:
        return model_runs(self.study)

    @cached_property
    def completes_by_hour(self) -> dict[datetime, int]:
        """Count the chosen sessions that were completed, by hour; one query."""
        return kept(self.study, self.watched, "hours", read=self._count_hours, size=lambda n: sum(n.values())).value

    def _count_hours(self) -> dict[datetime, int]:
        complete = SurveySession.objects.filter(
            self.watched.condition(), arm__study=self.study, status=Status.COMPLETE
        ).annotate(hour=TruncHour("finished_at"))
        return dict(complete.values_list("hour").annotate(n=Count("pk")).order_by("hour"))

    @property
    def days(self) -> list[tuple[date, int]]:
        return by_day(self.completes_by_hour)

    @cached_property
    def projection(self) -> Projection | None:
        """Project when the targets are reached; only of a whole study that takes people in."""
        if self.study.state != StudyState.LIVE or self.watched != EVERYBODY or self.study.launched_at is None:
            return None
        missing = self.whole.n_missing
        return project(self.completes_by_hour, n_missing=missing, now=self.now, since=self.study.launched_at)

    @cached_property
    def funnel(self) -> list[Step]:
        """Give the steps up to the last page, and where a panel sent people, the two at the panel."""
        steps = list(self.work.funnel)
        arms = [arm.pk for arm in self.whole.arms if arm.panel not in (PanelName.DIRECT, PanelName.SIMULATED)]
        if not arms or self.watched != EVERYBODY:  # a panel's visits are known by country alone
            return steps
        n_codes = sum(line.n_codes for line in self.spending.lines)
        n_paid = sum(line.n_paid for line in self.spending.lines)
        n_ended = sum(self.whole.count(arm_id=arm, status=Status.COMPLETE) for arm in arms)
        n_landed = steps[0].n
        return [
            *steps,
            Step("Code used at the panel", n_codes, n_landed, n_ended),
            Step("Approved there", n_paid, n_landed, n_codes),
        ]

    @cached_property
    def flags(self) -> list[FlagCount]:
        """Count the flags that the instrument sets a limit for; one query."""
        raised = QualityFlag.objects.filter(
            self.watched.condition("session__"), session__arm__study=self.study, session__status=Status.COMPLETE
        )
        counts = dict(raised.values_list("name").annotate(n=Count("pk")).order_by())
        structure, n_complete = self.study.version.structure, self.work.n_complete
        return [
            FlagCount(
                name,
                flag.label,
                limit_of(flag, structure["flags"][name]),
                Share(counts.get(name, 0), n_complete),
                name in structure["exclusions"],
            )
            for name, flag in FLAGS.items()
            if name in structure["flags"]
        ]

    @cached_property
    def costs(self) -> list[Cost]:
        """Add up what people and models cost so far by currency; a budget where all parts of it have one."""
        people = {one.currency: one for one in self.spending.money if one.currency}
        models = self.runs.money
        costs = []
        for currency in sorted({*people, *models}):
            paid = people.get(currency)
            asked = models.get(currency)
            budgets = [part.budget for part in (paid, asked) if part is not None]
            known = [budget for budget in budgets if budget is not None]
            costs.append(
                Cost(
                    currency,
                    paid.spent + paid.committed if paid else Decimal(0),
                    asked.spent if asked else Decimal(0),
                    sum(known, Decimal(0)) if len(known) == len(budgets) else None,
                )
            )
        return costs

    @property
    def are_outcomes_simulated(self) -> bool:
        """Tell whose answers the outcomes are: real people's as soon as there are any."""
        return not self.whole.n_real

    @property
    def are_outcomes_shown(self) -> bool:
        return self.are_outcomes_simulated or self.study.unblinded_at is not None

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """Give what people answered so far; nothing while the study hides it."""
        return live_outcomes(self.study, simulated=self.are_outcomes_simulated) if self.are_outcomes_shown else []
