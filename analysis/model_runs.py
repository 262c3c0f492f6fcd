"""How a study's model runs stand, for the dashboard: two queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from survey.llm.enums import OPEN_STATES, CellState, ProviderName, RunState
from survey.llm.models import CellTally, Run
from survey.models import Study

N_SHOWN = 5
READ = CellState.DONE
UNREAD = (CellState.REFUSED, CellState.UNPARSED)


@dataclass(frozen=True)
class RunStand:
    """One run and its cells by state."""

    run: Run
    counts: Counter[str]

    @property
    def state(self) -> str:
        return RunState(self.run.state).label

    @property
    def n_cells(self) -> int:
        return sum(self.counts.values())

    @property
    def n_ended(self) -> int:
        return self.n_cells - sum(self.counts[state] for state in OPEN_STATES)

    @property
    def n_unread(self) -> int:
        return sum(self.counts[state] for state in UNREAD)

    @property
    def n_errors(self) -> int:
        return self.counts[CellState.ERROR]


class RunMoney(NamedTuple):
    """What a study's runs of one currency cost so far; a budget where each of them has one."""

    spent: Decimal
    budget: Decimal | None


class ModelRuns(NamedTuple):
    """The latest runs, and the model answers and costs of the whole study."""

    shown: Sequence[RunStand]
    n_runs: int
    n_real: int
    n_simulated: int
    money: Mapping[str, RunMoney]  # by currency; runs without a price are not among it

    @property
    def n_answers(self) -> int:
        return self.n_real + self.n_simulated


def model_runs(study: Study) -> ModelRuns:
    """Read how far each run is."""
    runs = list(Run.objects.filter(study=study).order_by("-created_at"))
    counts: dict[int, Counter[str]] = {run.pk: Counter() for run in runs}
    answers: Counter[bool] = Counter()
    rows = CellTally.objects.filter(run__study=study).values_list("run_id", "spec__provider", "state", "n")
    for run_id, provider, state, n in rows:
        counts.setdefault(run_id, Counter())[state] += n
        if state in (READ, *UNREAD):
            answers[provider == ProviderName.SIMULATED] += n
    shown = [RunStand(run, counts[run.pk]) for run in runs[:N_SHOWN]]
    return ModelRuns(shown, len(runs), answers[False], answers[True], _money(runs))


def _money(runs: Sequence[Run]) -> dict[str, RunMoney]:
    money = {}
    for currency in sorted({run.currency for run in runs if run.currency}):
        priced = [run for run in runs if run.currency == currency]
        budgets = [run.budget for run in priced if run.budget is not None]
        budget = sum(budgets, Decimal(0)) if len(budgets) == len(priced) else None
        money[currency] = RunMoney(sum((run.spent for run in priced), Decimal(0)), budget)
    return money
