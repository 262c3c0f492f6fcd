"""Read stored replies again, with the rules as they are now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from django.db import transaction

from survey.llm.models import Cell, Completion, Run
from survey.llm.parsing import PARSER_VERSION, Reading, read_answer
from survey.llm.requests import ask_of, state_after, stored_reply

BATCH = 500
READ = ("choice", "parse_stage", "p_culture", "label_mass", "parser_version")
N_EXAMPLES = 5
TOLERANCE = 1e-12


class Change(NamedTuple):
    """What was read before and what is read now."""

    old: str
    new: str


class Report(NamedTuple):
    n_read: int
    changes: Counter[Change]
    examples: dict[Change, list[int]]  # some of the completions, by their keys
    n_probabilities: int  # completions whose probability or mass changed

    @property
    def n_changed(self) -> int:
        return sum(self.changes.values())


def reparse(run: Run, *, is_dry: bool) -> Report:
    """Read a run's replies again and keep what is read now, unless it is a dry run; the replies stay as they are."""
    report = Report(0, Counter(), {}, 0)
    rows = Completion.objects.filter(cell__run=run).select_related("cell__item", "cell__spec").order_by("pk")
    version_id = run.study.version_id
    for batch in _batches(rows.iterator(chunk_size=BATCH)):
        readings = [read_answer(ask_of(row.cell.spec, row.cell, version_id), stored_reply(row)) for row in batch]
        report = _reported(report, batch, readings)
        if not is_dry:
            _store(batch, readings)
    return report


def _batches(rows: Iterator[Completion]) -> Iterator[list[Completion]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _reported(report: Report, batch: Sequence[Completion], readings: Sequence[Reading]) -> Report:
    n_probabilities = report.n_probabilities
    for row, reading in zip(batch, readings, strict=True):
        change = Change(f"{row.parse_stage} {row.choice}".strip(), f"{reading.stage} {reading.choice or ''}".strip())
        if change.old != change.new:
            report.changes[change] += 1
            if len(known := report.examples.setdefault(change, [])) < N_EXAMPLES:
                known.append(row.pk)
        n_probabilities += _differ(row.p_culture, reading.p_culture) or _differ(row.label_mass, reading.label_mass)
    return report._replace(n_read=report.n_read + len(batch), n_probabilities=n_probabilities)


def _differ(old: float | None, new: float | None) -> bool:
    return old != new if old is None or new is None else abs(old - new) > TOLERANCE


@transaction.atomic
def _store(batch: Sequence[Completion], readings: Sequence[Reading]) -> None:
    """Write the readings, and the states of the cells that follow from them."""
    cells = []
    for row, reading in zip(batch, readings, strict=True):
        row.choice, row.parse_stage = reading.choice or "", reading.stage
        row.p_culture, row.label_mass, row.parser_version = reading.p_culture, reading.label_mass, PARSER_VERSION
        if row.set_aside_by_id is None:
            row.cell.state = state_after(reading.stage)
            cells.append(row.cell)
    Completion.objects.bulk_update(batch, READ)
    Cell.objects.bulk_update(cells, ["state"])
