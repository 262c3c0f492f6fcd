"""What asking again would do, before anybody does it: how many calls of each kind, and for how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Avg
from django.utils import timezone

from survey.llm.enums import Again, CellState, RunState
from survey.llm.models import Cell, Completion, ModelPrice, ModelSpec, Run
from survey.llm.pricing import cost, most_tokens
from survey.llm.queries import current_prices, run_progress
from survey.llm.requests import build_request

N_LOOKED_AT = 200  # of a model's answers, for their mean cost
ENDED = (RunState.DONE, RunState.PAUSED, RunState.FAILED)


@dataclass(frozen=True)
class Kind:
    """The cells of one kind; money is None where no price is known."""

    kind: Again
    n_calls: int
    money: Decimal | None


@dataclass(frozen=True)
class Offer:
    """What a run could be asked again."""

    run: Run
    kinds: Sequence[Kind]  # only those that there are
    n_todo: int  # to be asked in any case when the run goes on

    @property
    def room(self) -> Decimal | None:
        """Give what is left of the budget."""
        return None if self.run.budget is None else max(Decimal(0), self.run.budget - self.run.spent)

    @property
    def is_short(self) -> bool:
        """Tell whether all of it would cost more than is left of the budget."""
        return self.room is not None and sum(each.money or 0 for each in self.kinds) > self.room


def offer(run: Run) -> Offer:
    """Count what a run could be asked again; nothing while it is under way or after it was cancelled."""
    if run.state not in ENDED:
        return Offer(run, [], 0)
    specs = {spec.tag: spec for spec in run.specs.all()}
    counts = {specs[part.name]: part.counts for part in run_progress(run)}
    n_by_kind = {kind: {spec: n[kind.state] for spec, n in counts.items() if n.get(kind.state)} for kind in Again}
    concerned = {spec for n_of in n_by_kind.values() for spec in n_of}
    each = _costs(run, concerned)
    kinds = [Kind(kind, sum(n_of.values()), _money(n_of, each)) for kind, n_of in n_by_kind.items() if n_of]
    return Offer(run, kinds, sum(n.get(CellState.TODO, 0) for n in counts.values()))


def _money(n_of: Mapping[ModelSpec, int], each: Mapping[ModelSpec, Decimal]) -> Decimal | None:
    priced = [n * each[spec] for spec, n in n_of.items() if spec in each]
    return sum(priced, Decimal(0)) if priced else None


def _costs(run: Run, specs: set[ModelSpec]) -> dict[ModelSpec, Decimal]:
    """Give what a call to each model with a price costs: as its answers in this run did, else at most."""
    prices = current_prices(specs, timezone.now().date())
    return {spec: _mean_cost(run, spec) or _most(run, spec, prices[spec.pk]) for spec in specs if spec.pk in prices}


def _mean_cost(run: Run, spec: ModelSpec) -> Decimal | None:
    answered = Cell.objects.filter(run=run, spec=spec, state=CellState.DONE)[:N_LOOKED_AT]
    paid = Completion.objects.filter(cell__in=answered, cached_from=None)
    mean: Decimal | None = paid.aggregate(mean=Avg("cost"))["mean"]
    return mean


def _most(run: Run, spec: ModelSpec, price: ModelPrice) -> Decimal:
    cell = Cell.objects.filter(run=run, spec=spec).select_related("item").first()
    assert cell is not None  # noqa: S101  # one is counted  # nosec B101
    return cost(price, *most_tokens(build_request(spec, cell, run.study.version_id).body, spec.overcount))
