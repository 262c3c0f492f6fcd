"""What staff decide to do at a panel about visits: sorted into what is lawful and what is not, then written down.

Nothing is sent from here: the acts wait in their table for whoever performs them. There is no way to reject anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from survey.domain.acts import plan
from survey.domain.visits import Row, read_rows, with_details
from survey.enums import ActState, PanelName, PanelVerb
from survey.flow.reconciling import SHORTEST_MESSAGE, return_message, why_not
from survey.models import Arm, PanelAct, PanelSubmission, Study
from survey.panels import PANELS, researcher_code

PAYS = (PanelVerb.COMPLETE, PanelVerb.BONUS)  # two ways to pay what somebody is owed: one of them is enough
LONGEST_ADDITION = 500
MOST_BONUS = Decimal(100)
MOST_AT_ONCE = 500  # visits that one order is about


class BadWish(ValueError):
    """What was asked for cannot be done to anybody; the message says why."""


class Wish(NamedTuple):
    """What somebody wants to have done: the verb, and for a bonus the amount, for a request what is added to it."""

    verb: PanelVerb
    amount: Decimal | None = None
    addition: str = ""


class Planned(NamedTuple):
    """What would be done to one visit, or why it would not."""

    row: Row
    obstacle: str
    message: str = ""


def preview(study: Study, wish: Wish, pks: Collection[int]) -> list[Planned]:
    """Say of every chosen visit what would be done."""
    chosen = [row for row in read_rows(study) if row.submission_pk in pks]
    return [_plan_one(row, wish) for row in with_details(chosen)]


def _plan_one(row: Row, wish: Wish) -> Planned:
    obstacle = _obstacle(row, wish.verb)
    message = ""
    if wish.verb == PanelVerb.REQUEST_RETURN and not obstacle:
        answered, expected, failed, _ = row.details
        message = return_message(row.visit, answered=answered, expected=expected, failed=failed)
        message = f"{message} {wish.addition.strip()}".strip()
        obstacle = "" if len(message) >= SHORTEST_MESSAGE else "the message is too short for the panel"
    return Planned(row, obstacle, message)


def _obstacle(row: Row, verb: PanelVerb) -> str:
    if not has_api(row.arm):
        return "this panel takes no orders from here: do it on its website"
    if row.has_act(verb):
        return "it is done or under way already"
    if row.is_owed and any(row.has_act(one) for one in PAYS):
        return "it is being paid in another way already"
    if verb == PanelVerb.REQUEST_RETURN and row.has_act(PanelVerb.APPROVE):
        return "it is being approved"
    return why_not(verb, row.visit)


def order(study: Study, wish: Wish, pks: Collection[int], *, by: User) -> int:
    """Write down what is lawful of a wish, each once however often it is asked for; give the number that is new."""
    check(wish)
    planned = [one for one in preview(study, wish, pks) if not one.obstacle]
    found = PanelSubmission.objects.in_bulk([one.row.submission_pk for one in planned])
    return sum(_order_one(found[one.row.submission_pk], one, wish, by) for one in planned)


def check(wish: Wish) -> None:
    """Refuse a bonus without a sensible amount and an addition that is too long."""
    if wish.verb == PanelVerb.BONUS and not (wish.amount is not None and 0 < wish.amount <= MOST_BONUS):
        raise BadWish(f"a bonus is more than 0 and at most {MOST_BONUS}")
    if len(wish.addition) > LONGEST_ADDITION:
        raise BadWish(f"the addition has more than {LONGEST_ADDITION} characters")


@transaction.atomic
def _order_one(submission: PanelSubmission, planned: Planned, wish: Wish, by: User) -> bool:
    """Write one act down; one that failed is taken up again, with what is asked for now."""
    row = planned.row
    outcome = row.visit.outcome
    message = researcher_code(row.arm, outcome) if wish.verb == PanelVerb.COMPLETE and outcome else planned.message
    amount = wish.amount if wish.verb == PanelVerb.BONUS else None
    currency = row.terms.currency if amount else ""
    if plan(submission, wish.verb, message=message, amount=amount, currency=currency, by=by):
        return True
    failed = PanelAct.objects.filter(submission=submission, verb=wish.verb, state=ActState.FAILED)
    again = {"message": message, "amount": amount, "currency": currency, "by": by, "reference": "", "reply": ""}
    return bool(failed.update(state=ActState.PLANNED, n_tries=0, due_at=timezone.now(), **again))


def has_api(arm: Arm) -> bool:
    """Say whether this site can do anything at an arm's panel."""
    return PANELS[PanelName(arm.panel)].has_api


def clean_pks(rows: Sequence[Row]) -> list[int]:
    """Name the visits that can be approved without a look."""
    return [row.submission_pk for row in rows if row.is_clean and row.submission_pk]
