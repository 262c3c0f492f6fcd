"""What a study's visits add up to, country by country: pay, money, returns, screen-outs. Pure: rows in, sums out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from survey.domain.visits import Row
from survey.enums import Country, Discrepancy, PanelName, SubmissionStatus
from survey.flow.pay import hourly_pay, judge_pay
from survey.flow.reconciling import APPROVED_BY_ITSELF_DAYS, SOON_DAYS, is_waiting
from survey.models import Arm
from survey.panels.terms import Terms, read_terms

PAID_BY_HOUR = frozenset({SubmissionStatus.APPROVED, SubmissionStatus.AWAITING_REVIEW})


class ArmTotals(NamedTuple):
    """One country's visits added up; money in its currency, without the panel's fee; None: not known."""

    country: str
    panel: str
    currency: str
    n_visits: int
    n_waiting: int
    n_returned: int
    spent: Decimal | None
    committed: Decimal | None
    budget: Decimal | None
    hourly: Decimal | None
    judgement: str
    slots_left: int | None

    @property
    def percent_returned(self) -> float | None:
        return 100 * self.n_returned / self.n_visits if self.n_visits else None

    @property
    def is_over_budget(self) -> bool:
        return bool(self.budget is not None and self.spent is not None and self._all > self.budget)

    @property
    def _all(self) -> Decimal:
        return (self.spent or Decimal(0)) + (self.committed or Decimal(0))

    @property
    def is_underpaid(self) -> bool:
        return self.judgement.startswith("below")


class Money(NamedTuple):
    """What one country's visits have cost, and what is still to be paid; None: not known."""

    spent: Decimal | None
    committed: Decimal | None


class MoneySum(NamedTuple):
    """Money in one currency over all countries; a budget only where every country has one."""

    currency: str
    spent: Decimal
    committed: Decimal
    budget: Decimal | None


def add_up_arms(arms: Sequence[Arm], rows: Sequence[Row]) -> list[ArmTotals]:
    """Add up the visits of each arm."""
    return [_add_up(arm, read_terms(arm), [row for row in rows if row.arm.pk == arm.pk]) for arm in arms]


def _add_up(arm: Arm, terms: Terms, rows: Sequence[Row]) -> ArmTotals:
    n = Counter(row.visit.panel_status for row in rows)
    times = [row.panel_seconds for row in rows if row.panel_seconds and row.visit.panel_status in PAID_BY_HOUR]
    return totals_of(arm, terms, n, _money(terms, n, rows), hourly_pay(terms.reward, times))


def totals_of(
    arm: Arm, terms: Terms, n: Mapping[SubmissionStatus, int], money: Money, hourly: Decimal | None
) -> ArmTotals:
    """Put together what is told of one country, from how many of its visits have each status."""
    slots = terms.screen_out_slots
    return ArmTotals(
        country=Country(arm.country).label,
        panel=PanelName(arm.panel).label,
        currency=terms.currency,
        n_visits=sum(n.values()) - n[SubmissionStatus.UNKNOWN],
        n_waiting=n[SubmissionStatus.AWAITING_REVIEW],
        n_returned=n[SubmissionStatus.RETURNED],
        spent=money.spent,
        committed=money.committed,
        budget=terms.budget,
        hourly=hourly,
        judgement=judge_pay(hourly, terms.currency),
        slots_left=None if slots is None else max(0, slots - n[SubmissionStatus.SCREENED_OUT]),
    )


def _money(terms: Terms, n: Counter[SubmissionStatus], rows: Sequence[Row]) -> Money:
    """Add up what the rows say one by one; the dashboard has the database count the same."""
    due = sum((row.bonus_due or Decimal(0) for row in rows), Decimal(0))
    paid = sum((row.bonus_paid for row in rows), Decimal(0))
    return money_of(terms, n, n_to_come=sum(row.is_reward_to_come for row in rows), paid=paid, due=due)


def money_of(terms: Terms, n: Mapping[SubmissionStatus, int], *, n_to_come: int, paid: Decimal, due: Decimal) -> Money:
    """Say what a country's visits have cost and still will, by the panel's word of them, rewards to come and bonuses.

    Parts of a reward are not known here and left out.
    """
    if terms.reward is None:
        return Money(None, None)
    n_out = n[SubmissionStatus.SCREENED_OUT]
    committed = terms.reward * (n[SubmissionStatus.AWAITING_REVIEW] + n_to_come) + due
    if n_out and terms.screen_out_reward is None:
        return Money(None, committed)
    spent = terms.reward * n[SubmissionStatus.APPROVED] + (terms.screen_out_reward or Decimal(0)) * n_out + paid
    return Money(spent, committed)


def add_up_money(totals: Sequence[ArmTotals]) -> list[MoneySum]:
    """Add up the countries' money by currency; countries without a reward set do not count."""
    sums = []
    for currency in sorted({one.currency for one in totals}):
        known = [one for one in totals if one.currency == currency and one.spent is not None]
        if known:
            budgets = [one.budget for one in known if one.budget is not None]
            budget = sum(budgets, Decimal(0)) if len(budgets) == len(known) else None
            spent = sum((one.spent or Decimal(0) for one in known), Decimal(0))
            committed = sum((one.committed or Decimal(0) for one in known), Decimal(0))
            sums.append(MoneySum(currency, spent, committed, budget))
    return sums


def count_discrepancies(rows: Sequence[Row]) -> list[tuple[Discrepancy, int]]:
    """Count the visits of each discrepancy, in the order of the vocabulary."""
    n = Counter(found for row in rows for found in row.discrepancies)
    return [(found, n[found]) for found in Discrepancy]


def count_soon_approved(rows: Sequence[Row]) -> int:
    """Count what Prolific will approve by itself within days because nobody has reviewed it."""
    limit = APPROVED_BY_ITSELF_DAYS - SOON_DAYS
    return sum(
        row.arm.panel == PanelName.PROLIFIC and is_waiting(row.visit) and (row.visit.waiting_days or 0) > limit
        for row in rows
    )
