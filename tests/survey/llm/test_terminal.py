"""A run's progress in a terminal and where there is none."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from survey.llm import domain
from survey.llm.enums import CellState, PersonaSetting
from survey.llm.models import Attempt, ModelSpec, Run
from survey.llm.queries import Progress
from survey.llm.terminal import ProgressLine, bar, bar_line, failure_lines
from survey.llm.watching import Stand, stand
from survey.models import Study


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def watched(study: Study, make_spec: Callable[..., ModelSpec]) -> Stand:
    """A run with six of 24 questions over, money spent and failed calls."""
    specs = [make_spec("one"), make_spec("two")]
    run = domain.create_alignment_run(study, specs=specs, persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    cells = list(run.cells.order_by("pk")[:8])
    for state, found in ((CellState.DONE, cells[:4]), (CellState.REFUSED, cells[4:5]), (CellState.ERROR, cells[5:6])):
        run.cells.filter(pk__in=[cell.pk for cell in found]).update(state=state)
    domain.record_attempts(
        [
            Attempt(cell=cells[0], error_class="RateLimited", status_code=429, message="slow\ndown"),
            Attempt(cell=cells[0], error_class="RateLimited", status_code=429, message="slow\ndown"),
            Attempt(cell=cells[5], error_class="BadRequest", status_code=400, message="too long"),
        ]
    )
    Run.objects.filter(pk=run.pk).update(currency="USD", budget=Decimal(2), spent=Decimal("0.125"))
    run.refresh_from_db()
    return stand(run)


def test_bar_shows_every_state_by_a_mark_of_its_own() -> None:
    counts = {CellState.DONE: 500, CellState.ERROR: 1, CellState.LEASED: 100, CellState.TODO: 399}
    assert bar(Progress("one", counts), 20) == "██████████x░········"
    assert bar(Progress("one", {CellState.DONE: 7}), 8) == "████████"
    assert bar(Progress("one", {}), 4) == "····"
    everything = dict.fromkeys(CellState, 1)
    assert bar(Progress("one", everything), 7) == "█▒?x-░·"


def test_line_in_a_terminal_is_written_over_and_fits(watched: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = Terminal()
    line = ProgressLine(OutputWrapper(out))
    line.show(watched, is_last=False)
    line.show(watched, is_last=True)
    first, second, end = out.getvalue().replace("\n", "\n\r").split("\r")[1:]
    assert first == second.rstrip("\n")
    assert end == ""
    assert first.startswith("[██▒x·")
    assert "] 25 %  6 of 24" in first
    assert len(first.removesuffix("\x1b[K")) < 60


def test_wide_line_tells_pace_money_and_failures(watched: Stand) -> None:
    line = bar_line(watched, 250)
    assert "4 answered, 1 refused, 0 unparsed, 1 error" in line
    assert "0.1250 of 2.00 USD" in line
    assert "2 × 429  1 other failed calls" in line
    assert " a minute  " in line  # the other model has not answered yet: no time left is known
    assert len(bar_line(watched, 30)) <= 30


def test_line_says_for_whom_it_waits_while_the_run_is_open(watched: Stand) -> None:
    ModelSpec.objects.filter(tag="one").update(trouble="no connection: refused")
    run = watched.run
    assert "waiting for one: no connection: refused  0.1250 of" in bar_line(stand(run), 250)
    domain.cancel_run(run)
    run.refresh_from_db()
    assert "waiting" not in bar_line(stand(run), 250)


def test_lines_elsewhere_come_now_and_then(watched: Stand) -> None:
    out = StringIO()
    line = ProgressLine(OutputWrapper(out))
    for _ in range(3):
        line.show(watched, is_last=False)
    line.show(watched, is_last=True)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("6 of 24; ")
    assert "\x1b" not in out.getvalue()


def test_failures_are_named_with_what_the_endpoint_said(watched: Stand) -> None:
    assert list(failure_lines(watched)) == [
        "  1 × one, request not taken: given up (HTTP 400): too long",
        "  2 × one, rate limit: all calls waited (HTTP 429): slow down",
    ]
