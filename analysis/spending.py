"""What a study's people cost and how they are paid by the hour, added up by the database.

The *Reconciliation* page goes through every visit; here only sums are read, at any number of visits: three queries,
and one more where a panel pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Aggregate, Count, DurationField, Exists, ExpressionWrapper, F, FloatField, OuterRef, Q, Sum
from django.db.models.functions import Extract

from analysis.kept_counts import kept
from analysis.watched import EVERYBODY, Watched
from survey.domain.panel_totals import PAID_BY_HOUR, ArmTotals, MoneySum, add_up_money, money_of, totals_of
from survey.domain.visits import COUNTED_BY_PANEL, PAID, WITH_CODE, WITHOUT_VISITS
from survey.enums import ActState, Country, PanelVerb, Status, SubmissionStatus
from survey.flow.outcomes import ANSWERED_ALL
from survey.flow.pay import PAY_RULES, hourly_pay
from survey.models import Arm, PanelAct, PanelSubmission, Study, SurveySession
from survey.panels.terms import read_terms

TENTHS = (0.1, 0.5, 0.9)
NOT_PAID_YET = (ActState.PLANNED, ActState.SENT, ActState.UNCONFIRMED)


class Quantile(Aggregate):
    """PostgreSQL's continuous percentile; NULL where there is nothing."""

    function = "percentile_cont"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


class Times(NamedTuple):
    """Minutes from entry to end of the complete sessions: fastest tenth, median, slowest tenth."""

    n: int
    low: float
    median: float
    high: float


class ArmPay(NamedTuple):
    """What one country's people take, earn and cost."""

    country: Country
    times: Times | None
    totals: ArmTotals
    reward: Decimal | None
    n_by_panel: int  # visits whose time the panel tells; 0: pay by the hour goes by our clock
    n_codes: int
    n_paid: int

    @property
    def floor(self) -> Decimal | None:
        rule = PAY_RULES.get(self.totals.currency)
        return rule.floor if rule else None

    @property
    def is_below_floor(self) -> bool:
        return self.totals.hourly is not None and self.floor is not None and self.totals.hourly < self.floor

    @property
    def n_timed(self) -> int:
        """Count the visits or sessions that the pay by the hour is taken from."""
        return self.n_by_panel or (self.times.n if self.times else 0)


@dataclass
class Spending:
    """Pay and times of one study's arms; money is never narrowed to a locale or to days, times are."""

    study: Study
    arms: Sequence[Arm]
    watched: Watched = EVERYBODY

    @cached_property
    def lines(self) -> list[ArmPay]:
        visits, times, bonuses, unmarked = self._visits(), self._times(), self._bonuses(), self._unmarked()
        return [
            self._line(
                arm, {**visits.get(arm.pk, {}), "n_unmarked": unmarked.get(arm.pk, 0)}, times.get(arm.pk), bonuses
            )
            for arm in self.arms
        ]

    @cached_property
    def money(self) -> list[MoneySum]:
        """Add up the countries' money by currency."""
        return add_up_money([line.totals for line in self.lines])

    @property
    def has_panel(self) -> bool:
        return any(arm.panel not in WITHOUT_VISITS for arm in self.arms)

    def _visits(self) -> dict[int, dict[str, Any]]:
        """Count each arm's visits by what the panel says of them."""
        by_status = {f"n_{status}": Count("pk", filter=Q(status=status)) for status in SubmissionStatus}
        timed = Q(status__in=PAID_BY_HOUR, time_taken_s__gt=0)
        groups = (
            PanelSubmission.objects.filter(study=self.study)
            .values("arm_id")
            .annotate(
                n_timed=Count("pk", filter=timed),
                seconds=Quantile("time_taken_s", share="0.5", filter=timed),
                n_codes=Count("pk", filter=~Q(code="") | Q(status__in=WITH_CODE)),
                **by_status,
            )
        )
        return {group["arm_id"]: dict(group) for group in groups.order_by()}

    def _times(self) -> dict[int, Times]:
        """Give how long complete sessions took, by our clock."""
        return kept(self.study, self.watched, "times", read=self._read_times, size=_n_timed).value

    def _read_times(self) -> dict[int, Times]:
        took = ExpressionWrapper(F("finished_at") - F("landed_at"), output_field=DurationField())
        tenths = {f"tenth_{place}": Quantile("minutes", share=str(tenth)) for place, tenth in enumerate(TENTHS)}
        rows = (
            SurveySession.objects.filter(self.watched.condition(), arm__study=self.study, status=Status.COMPLETE)
            .annotate(minutes=Extract(took, "epoch", output_field=FloatField()) / 60.0)
            .values_list("arm_id")
            .annotate(n=Count("pk"), **tenths)
        )
        return {row[0]: Times(*row[1:]) for row in rows.order_by()}

    def _bonuses(self) -> dict[tuple[int, bool], Decimal]:
        """Add up bonuses by arm and by whether they are paid already."""
        acts = PanelAct.objects.filter(study=self.study, verb=PanelVerb.BONUS)
        rows = acts.values_list("submission__arm_id").annotate(
            paid=Sum("amount", filter=Q(state=ActState.CONFIRMED)),
            due=Sum("amount", filter=Q(state__in=NOT_PAID_YET)),
        )
        found = {}
        for arm_id, paid, due in rows.order_by():
            found[arm_id, True], found[arm_id, False] = paid or Decimal(0), due or Decimal(0)
        return found

    def _unmarked(self) -> dict[int, int]:
        """Count by arm who gave all answers and whose reward is neither paid nor under review nor marked as a bonus.

        The panel has not told of them yet, or lets them go unpaid: their reward is owed all the same.
        """
        if not self.has_panel:
            return {}
        visits = PanelSubmission.objects.filter(participant=OuterRef("participant"), status__in=COUNTED_BY_PANEL)
        bonuses = PanelAct.objects.filter(submission__participant=OuterRef("participant"), verb=PanelVerb.BONUS)
        answered = Q(outcome__in=ANSWERED_ALL) | Q(outcome="", status=Status.COMPLETE)
        sessions = SurveySession.objects.filter(
            answered,
            ~Exists(visits),
            ~Exists(bonuses.exclude(state=ActState.FAILED)),
            arm__study=self.study,
            participant__panel_identity__isnull=False,
        ).exclude(participant__panel_identity__panel__in=WITHOUT_VISITS)
        return dict(sessions.values_list("arm_id").annotate(n=Count("pk")).order_by())

    def _line(
        self, arm: Arm, visits: dict[str, Any], times: Times | None, bonuses: dict[tuple[int, bool], Decimal]
    ) -> ArmPay:
        terms = read_terms(arm)
        n = {status: visits.get(f"n_{status}", 0) for status in SubmissionStatus}
        by_panel = visits.get("n_timed", 0)
        seconds = visits.get("seconds") if by_panel else (60 * times.median if times else None)
        hourly = hourly_pay(terms.reward, [round(seconds)] if seconds else [])
        paid, due = (bonuses.get((arm.pk, is_paid), Decimal(0)) for is_paid in (True, False))
        money = money_of(terms, n, n_to_come=visits["n_unmarked"], paid=paid, due=due)
        totals = totals_of(arm, terms, n, money, hourly)
        n_paid = sum(n[status] for status in PAID)
        country = Country(arm.country)
        return ArmPay(country, times, totals, terms.reward, by_panel, visits.get("n_codes", 0), n_paid)


def _n_timed(times: dict[int, Times]) -> int:
    return sum(one.n for one in times.values())
