"""The cells that a worker asks a model: leased from its runs in turn, each with the most that its call may cost.

What an earlier run was answered to the very same call is found here too, where a run takes such answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from django.utils import timezone

from survey.llm import domain
from survey.llm.domain import Held, Result
from survey.llm.enums import CellState
from survey.llm.models import Cell, Completion, ModelSpec, Run
from survey.llm.pricing import Tokens, cost, likely_tokens, most_tokens
from survey.llm.providers.contract import ChatRequest
from survey.llm.pump import Answered, Job
from survey.llm.queries import current_prices, earlier_answers, next_run
from survey.llm.requests import build_request, limits_answers, read_completion, state_after, stored_reply


class Leased(NamedTuple):
    """Cells of one run: those to be called for, and those whose answer is there."""

    jobs: list[Job]
    known: list[Result]


class Taken(NamedTuple):
    """The most that a call may cost, and the model's overcount in it."""

    most: Tokens
    overcount: float


class Supply:
    """Leases for one stint at one model; knows what was taken from budgets for the calls in flight."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.runs: dict[int, Run] = {}  # those that cells may be held of
        self.price = current_prices([spec], timezone.now().date()).get(spec.pk)
        self.last_run_id = 0
        self._requests: dict[int, ChatRequest] = {}  # of cells that are being leased
        self._taken: dict[int, Taken] = {}  # for cells in flight
        self._answers: dict[int, Completion] = {}  # that earlier runs got to the same calls

    def lease(self, n: int) -> Leased | None:
        """Lease up to n cells of the run whose turn it is; none where all must wait, None where none has any to do."""
        waiting: set[int] = set()  # they gave no cell: their budgets are full, or others have just taken it
        while (run_id := next_run(self.spec.pk, after=self.last_run_id, without=waiting)) is not None:
            self.last_run_id = run_id
            if (run := self._run(run_id)) and (cells := self._cells(run, n)):
                jobs = [self._job(cell) for cell in cells]
                known = [self._known(job) for job in jobs if job.cell_id in self._answers]
                return Leased([job for job in jobs if job.cell_id not in self._answers], known)
            waiting.add(run_id)
        return Leased([], []) if waiting else None

    def _run(self, run_id: int) -> Run | None:
        """Give a run that may be asked; pause one whose money could not be counted."""
        if run_id not in self.runs:
            run = Run.objects.select_related("study").get(pk=run_id)
            if self.price:
                domain.adopt_currency(run, self.price.currency)
            if obstacle := self._obstacle(run):
                domain.pause_run(run, obstacle)
                return None
            self.runs[run_id] = run
        return self.runs[run_id]

    def _obstacle(self, run: Run) -> str:
        if self.price and self.price.currency != run.currency:
            return f"{self.spec.tag} is priced in {self.price.currency} by now, the run counts {run.currency}."
        if self.price and run.budget is not None and not limits_answers(self.spec):
            return f"A budget needs answers of limited length: set max_tokens for {self.spec.tag}."
        return ""

    def _cells(self, run: Run, n: int) -> list[Cell]:
        self._requests, self._answers = {}, {}
        if self.price:
            self.spec.refresh_from_db(fields=["overcount"])
        cells = domain.lease_cells(run, self.spec, n, self._most)
        if not cells and (least := self._least(run)) is not None and domain.pause_without_room(run, least):
            del self.runs[run.pk]  # nothing of it is held
        return cells

    def _least(self, run: Run) -> Decimal | None:
        """Give the most that the next call to the cheapest model still asked may cost; None without a budget."""
        if not Run.objects.filter(pk=run.pk, budget__isnull=False).exists():
            return None
        asked = run.specs.exclude(stops__run=run)
        prices = current_prices(asked, timezone.now().date())
        found = []
        for spec in asked:
            todo = Cell.objects.filter(run=run, spec=spec, state=CellState.TODO).select_related("item")
            if cell := todo.order_by("pk").first():
                body = build_request(spec, cell, run.study.version_id).body
                price = prices.get(spec.pk)
                found.append(cost(price, *most_tokens(body, spec.overcount)) if price else Decimal(0))
        return min(found, default=None)

    def _most(self, cells: Sequence[Cell]) -> list[Decimal]:
        """Give the most that each cell may cost: nothing where there is no price or the answer is there."""
        self._look_up(cells)
        return [self._most_of(cell) for cell in cells]

    def _look_up(self, cells: Sequence[Cell]) -> None:
        """Find the answers that are there, where the run takes them."""
        if cells and (run := self.runs[cells[0].run_id]).reuses_answers:
            by_hash = earlier_answers(run, {self._request(cell).request_hash for cell in cells})
            for cell in cells:
                if answer := by_hash.get(self._request(cell).request_hash):
                    self._answers[cell.pk] = answer

    def _most_of(self, cell: Cell) -> Decimal:
        if self.price is None or cell.pk in self._answers:
            return Decimal(0)
        most = most_tokens(self._request(cell).body, self.spec.overcount)
        self._taken[cell.pk] = Taken(most, self.spec.overcount)
        return cost(self.price, *most)

    def _request(self, cell: Cell) -> ChatRequest:
        if cell.pk not in self._requests:
            self._requests[cell.pk] = build_request(self.spec, cell, self.runs[cell.run_id].study.version_id)
        return self._requests[cell.pk]

    def _job(self, cell: Cell) -> Job:
        request = self._request(cell)
        return Job(cell.pk, cell.n_leases, request, likely_tokens(request.body), cell.n_failed)

    def _known(self, job: Job) -> Result:
        """Take an earlier run's reply as the answer, read by the rules of today."""
        source = self._answers[job.cell_id]
        completion = read_completion(self.spec, Answered(job, stored_reply(source), source.latency_ms))
        completion.cached_from, completion.cost = source, Decimal(0)
        return Result(Held(job.cell_id, job.lease), state_after(completion.parse_stage), completion)

    def charge(self, completion: Completion) -> Decimal | None:
        """Give what an answer costs; the most that it may where the endpoint did not count, None without a price."""
        if self.price is None:
            return None
        most, overcount = self._taken.pop(completion.cell_id)
        counted = (completion.prompt_tokens, completion.completion_tokens)
        found = [limit if n is None else n for n, limit in zip(counted, most, strict=True)]
        overcount *= max(n / limit for n, limit in zip(found, most, strict=True) if limit)
        if overcount > self.spec.overcount:
            self.spec.overcount = overcount
            domain.note_overcount(self.spec, overcount)
        return cost(self.price, *found)
