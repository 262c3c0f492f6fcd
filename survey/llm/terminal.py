"""A run's progress as text: a bar that is written over in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from django.core.management.base import OutputWrapper

from survey.llm.bars import segments
from survey.llm.enums import CellState
from survey.llm.pace import left_text
from survey.llm.queries import Progress
from survey.llm.watching import Stand

LINE_SECONDS = 5  # between lines where the output is no terminal
BAR_WIDTH = 24
LEAST_BAR_WIDTH = 8
MESSAGE_LENGTH = 200
MARKS = {
    CellState.DONE: "█", CellState.REFUSED: "▒", CellState.UNPARSED: "?", CellState.ERROR: "x",
    CellState.CANCELLED: "-", CellState.LEASED: "░", CellState.TODO: "·",
}  # fmt: skip


class ProgressLine:
    """Shows how a run stands, again and again."""

    def __init__(self, out: OutputWrapper) -> None:
        self.out = out
        self.is_terminal = out.isatty()
        self.shown_at = 0.0

    def show(self, stand: Stand, *, is_last: bool) -> None:
        """Write how far the run is, unless that was just done."""
        now = time.monotonic()
        if not is_last and not self.is_terminal and now - self.shown_at < LINE_SECONDS:
            return
        self.shown_at = now
        if self.is_terminal:
            text = bar_line(stand, shutil.get_terminal_size().columns - 1)
            self.out.write(f"\r{text}\x1b[K", ending="\n" if is_last else "")
            self.out.flush()
        else:
            self.out.write("; ".join(_parts(stand)))


def bar_line(stand: Stand, width: int) -> str:
    """Write a bar and what there is room for behind it, the more important first."""
    head = f"{100 * stand.total.n_ended // max(stand.total.n_total, 1)} %"
    line = f"[{bar(stand.total, min(BAR_WIDTH, max(width // 4, LEAST_BAR_WIDTH)))}] {head}"
    for part in _parts(stand):
        if len(line) + len(part) + 2 <= width:
            line += f"  {part}"
    return line[:width]


def bar(progress: Progress, width: int) -> str:
    """Draw a bar of so many characters; every state that there is has one at least, if there is room for all."""
    parts, text = segments(progress), ""
    for n_after, part in zip(reversed(range(len(parts))), parts, strict=True):
        n = max(1, round((part.x + part.width) * width / 100) - len(text))
        text += MARKS[part.state] * min(n, max(1, width - len(text) - n_after))
    return text[:width].ljust(width, MARKS[CellState.TODO])


def _parts(stand: Stand) -> Iterator[str]:
    yield f"{stand.total.n_ended:,} of {stand.total.n_total:,}"
    if stand.is_open:
        yield f"{stand.rate:,.0f} a minute" + (f", {left_text(stand.left)} left" if stand.left else "")
    elif stand.rate_overall:
        yield f"{stand.rate_overall:,.0f} a minute overall"
    shown = (CellState.DONE, CellState.REFUSED, CellState.UNPARSED, CellState.ERROR)
    yield ", ".join(f"{stand.total.counts.get(state, 0):,} {state.label.lower()}" for state in shown)
    for model in stand.stopped:
        yield f"{model.spec.tag} has stopped"
    for model in stand.models if stand.is_open else ():
        if model.spec.trouble and model.progress.n_open:
            yield f"waiting for {model.spec.tag}: {model.spec.trouble}"
    if stand.run.currency:
        limit = "" if stand.run.budget is None else f" of {stand.run.budget:.2f}"
        yield f"{stand.run.spent:.4f}{limit} {stand.run.currency}"
    if stand.calls.n_limited:
        yield f"{stand.calls.n_limited:,} × 429"
    if stand.calls.n_failed:
        yield f"{stand.calls.n_failed:,} other failed calls"
    if stand.calls.n_cached:
        yield f"{stand.calls.n_cached:,} from the cache"


def stop_lines(stand: Stand) -> Iterator[str]:
    """Say whom the run asks no more, why, and what to do; the others go on."""
    for model in stand.stopped:
        yield (
            f"{model.spec.tag} is asked no more, {model.progress.n_open:,} questions to it are left: {model.stopped} "
            f"In a terminal: run_llm --run {stand.run.pk} --resume."
        )


def failure_lines(stand: Stand) -> Iterator[str]:
    """Name the ways in which calls failed, each with what the endpoint said last."""
    for kind in stand.failures:
        status = f" (HTTP {kind.status_code})" if kind.status_code else ""
        said = f": {' '.join(kind.latest.message.split())[:MESSAGE_LENGTH]}" if kind.latest else ""
        yield f"  {kind.n:,} × {kind.spec.tag}, {kind.label.lower()}{status}{said}"
