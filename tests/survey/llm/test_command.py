from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from survey.llm import domain, trouble
from survey.llm.demo import DEMO_MODELS, DEMO_STUDY
from survey.llm.enums import RunState
from survey.llm.management.commands import run_llm
from survey.llm.models import Completion, ModelPrice, ModelSpec, Run
from survey.models import Study

MakeSpec = Callable[..., ModelSpec]
DAY = date(2026, 1, 1)


def run_command(*arguments: str) -> str:
    out = StringIO()
    call_command("run_llm", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def unattended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let nobody work on what is launched; give the runs that were."""
    launched: list[int] = []
    monkeypatch.setattr(run_llm, "launch", launched.append)
    monkeypatch.setattr(run_llm, "WATCH_SECONDS", 0)
    return launched


@pytest.fixture
def demo_study(study: Study) -> Study:
    study.code = DEMO_STUDY
    study.save()
    return study


@pytest.mark.usefixtures("in_process")
def test_command_runs_to_the_end_and_shows_the_progress(study: Study, make_spec: MakeSpec) -> None:
    make_spec("one")
    out = run_command("--study", "trial", "--model", "one", "--wait")
    run = Run.objects.get()
    assert f"Run {run.pk}: 108 questions to one (simulated)." in out
    assert "108 of 108" in out
    assert "108 answered, 0 refused, 0 unparsed, 0 error" in out
    assert f"Run {run.pk} is done." in out


@pytest.mark.parametrize(
    ("arguments", "n_cells"),
    [
        ([], 108),
        (["--no-persona"], 12),
        (["--persona"], 96),
        (["--persona", "--no-persona"], 108),
        (["--no-persona", "--limit-items", "1"], 4),
        (["--no-persona", "--model", "two"], 24),
    ],
)
def test_command_launches_what_was_asked_for(
    arguments: list[str], n_cells: int, study: Study, make_spec: MakeSpec, unattended: list[int]
) -> None:
    make_spec("one")
    make_spec("two")
    run_command("--study", "trial", "--model", "one", *arguments)
    run = Run.objects.get()
    assert (run.n_cells, unattended) == (n_cells, [run.pk])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "absent", "--model", "one"], "There is no study absent"),
        (["--study", "trial", "--model", "absent"], "There is no model absent. Known models: one"),
        (["--study", "trial"], "at least one model"),
        (
            ["--study", "trial", "--model", "one", "--limit-items", "0"],
            "limit: Ensure this value is greater than or equal to 1",
        ),
    ],
)
def test_command_says_what_is_wrong(arguments: list[str], message: str, study: Study, make_spec: MakeSpec) -> None:
    make_spec("one")
    with pytest.raises(CommandError, match=message):
        run_command(*arguments)
    assert not Run.objects.exists()


@pytest.mark.usefixtures("in_process")
def test_demo_makes_its_models_and_one_run_however_often_it_is_called(demo_study: Study) -> None:
    first, second = run_command("--demo"), run_command("--demo")
    run = Run.objects.get()
    assert (run.state, run.n_cells) == (RunState.DONE, 2 * 108)
    assert set(ModelSpec.objects.values_list("tag", "provider")) == {(tag, "simulated") for tag in DEMO_MODELS}
    assert Completion.objects.filter(is_simulated=True).count() == run.n_cells
    assert f"Run {run.pk} is done." in first
    assert f"Run {run.pk} is done." in second


@pytest.mark.usefixtures("in_process")
def test_demo_starts_anew_after_a_cancelled_run(demo_study: Study) -> None:
    run_command("--demo")
    Run.objects.update(state=RunState.CANCELLED)
    run_command("--demo")
    assert sorted(Run.objects.values_list("state", flat=True)) == ["cancelled", "done"]


def test_demo_without_a_worker_fails_and_says_so(
    demo_study: Study, unattended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_llm, "PICK_UP_SECONDS", -1)
    with pytest.raises(CommandError, match="no worker has done anything for it"):
        run_command("--demo")


def test_demo_whose_worker_went_away_fails_and_says_so(
    demo_study: Study, unattended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_llm, "launch", lambda pk: domain.begin_run(Run.objects.get(pk=pk)))
    monkeypatch.setattr(run_llm, "DEMO_STALL_SECONDS", -1)
    with pytest.raises(CommandError, match="is running, but no worker"):
        run_command("--demo")


def begin_and_stop(run: Run) -> None:
    domain.begin_run(run)
    trouble.stop_model(run, run.specs.get(), "mend the key")


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (begin_and_stop, r"was stopped: mend the key.* It goes on with run_llm --run \d+ --resume"),
        (domain.cancel_run, "was cancelled. Its answers are kept"),
        (domain.pause_run, r"paused by hand; 108 questions are left. .* with run_llm --run \d+ --resume --wait"),
        (lambda run: domain.pause_run(run, "Raise it."), r"has paused: Raise it\. It goes on with"),
    ],
)
def test_command_fails_when_the_run_does(
    end: Callable[[Run], Any], message: str, study: Study, make_spec: MakeSpec, unattended: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    make_spec("one")
    monkeypatch.setattr(run_llm, "launch", lambda pk: end(Run.objects.get(pk=pk)))
    with pytest.raises(CommandError, match=message):
        run_command("--study", "trial", "--model", "one", "--wait")


def made_and_paused(make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> Run:
    spec = make_spec("one")
    ModelPrice.objects.create(spec=spec, prompt_per_million=1, completion_per_million=1, currency="USD", valid_from=DAY)
    monkeypatch.setattr(run_llm, "launch", lambda pk: domain.pause_run(Run.objects.get(pk=pk), "Raise it."))
    run_command("--study", "trial", "--model", "one", "--budget", "1")
    return Run.objects.get()


def test_budget_and_priority_of_a_run_that_is_there(
    study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_and_paused(make_spec, monkeypatch)
    monkeypatch.setattr(run_llm, "launch", lambda pk: None)
    run_command("--run", str(run.pk), "--budget", "2.5", "--priority", "3", "--resume")
    run.refresh_from_db()
    assert (run.budget, run.priority, run.state) == (Decimal("2.5"), 3, RunState.QUEUED)
    run_command("--run", str(run.pk))
    run.refresh_from_db()
    assert (run.budget, run.priority) == (Decimal("2.5"), 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "3", "--model", "one"], r"--samples, --model: only for a new run\. Of one that is there"),
        (["--budget", "much", "--priority", "1"], r"budget: Enter a number"),
        (["--budget", "2", "--priority", "101"], r"priority: Ensure this value is less than or equal to 100"),
    ],
)
def test_nothing_else_of_a_run_that_is_there_changes(
    arguments: list[str], message: str, study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_and_paused(make_spec, monkeypatch)
    with pytest.raises(CommandError, match=message):
        run_command("--run", str(run.pk), *arguments, "--resume")
    run.refresh_from_db()
    assert (run.budget, run.priority, run.state) == (Decimal(1), 0, RunState.PAUSED)


def test_preview_shows_what_would_be_sent_and_makes_no_run(
    study: Study, make_spec: MakeSpec, unattended: list[int]
) -> None:
    make_spec("one")
    out = run_command("--study", "trial", "--model", "one", "--no-persona", "--preview")
    assert "12 calls; nothing has been sent." in out
    assert "Read the situation and answer the question." in out
    assert "Preference first ---" in out
    assert (Run.objects.count(), unattended) == (0, [])


def test_factors_are_options_that_may_be_repeated(study: Study, make_spec: MakeSpec, unattended: list[int]) -> None:
    make_spec("one")
    run_command(
        "--study", "trial", "--model", "one", "--design", "behaviour", "--method", "sample", "--samples", "3",
        "--demographics", "age_only", "--wording", "1", "--wording", "2", "--item", "T01", "--priority", "2",
    )  # fmt: skip
    run = Run.objects.get()
    assert (run.kind, run.priority, run.n_cells) == ("behaviour", 2, 2 * 2 * 3 * 1 * 2 * 3)
    assert set(run.cells.values_list("method", "demographic_config", "item__code")) == {("sample", "age_only", "T01")}


@pytest.mark.usefixtures("in_process")
def test_reparsing_reports_what_it_changes_and_keeps_replies(study: Study, make_spec: MakeSpec) -> None:
    make_spec("one")
    run_command("--study", "trial", "--model", "one", "--no-persona")
    run = Run.objects.get()
    row = Completion.objects.filter(cell__run=run).order_by("pk")[0]
    reply, choice = row.reply, row.choice
    Completion.objects.filter(pk=row.pk).update(choice="", parse_stage="unparsed", p_culture=None, parser_version="0")
    run.cells.filter(pk=row.cell_id).update(state="unparsed")

    def reparse(*options: str) -> str:
        out = StringIO()
        call_command("reparse_completions", str(run.pk), *options, stdout=out)
        return out.getvalue()

    said = f"1 would be changed from “unparsed” to “label {choice}”, such as {row.pk}."
    assert said in reparse("--dry-run")
    row.refresh_from_db()
    assert row.choice == ""
    assert said.replace("would be", "were") in reparse()
    row.refresh_from_db()
    assert (row.choice, row.parse_stage, row.reply) == (choice, "label", reply)
    assert row.p_culture is not None
    assert row.cell.state == "done"
    assert "All are read as before." in reparse()


@pytest.mark.usefixtures("in_process")
def test_paused_run_is_resumed_and_watched(study: Study, make_spec: MakeSpec) -> None:
    run = domain.create_alignment_run(study, specs=[make_spec("one")])
    domain.pause_run(run)
    out = run_command("--run", str(run.pk), "--resume", "--wait")
    assert f"Run {run.pk} is done." in out
    with pytest.raises(CommandError, match="is done: only one that is paused"):
        run_command("--run", str(run.pk), "--resume")
    with pytest.raises(CommandError, match="There is no run 4711"):
        run_command("--run", "4711")


@pytest.mark.usefixtures("in_process")
def test_refusals_are_asked_again_after_a_look_at_what_that_takes(study: Study, make_spec: MakeSpec) -> None:
    make_spec("one")
    run_command("--study", "trial", "--model", "one", "--no-persona")
    run = Run.objects.get()
    run.cells.filter(question="norm").update(state="refused")
    arguments = ("--run", str(run.pk), "--again", "refusals", "--again", "errors")
    assert "Refusals: 6 calls" in run_command(*arguments, "--preview")
    assert run.cells.filter(state="refused").count() == 6
    assert f"Run {run.pk} is done." in run_command(*arguments, "--wait")
    assert (run.cells.filter(state="done").count(), Completion.objects.count()) == (12, 18)
    with pytest.raises(CommandError, match="nothing of this kind"):
        run_command(*arguments)
    with pytest.raises(CommandError, match="belong to a run that is there"):
        run_command("--study", "trial", "--model", "one", "--again", "errors")


@pytest.mark.usefixtures("in_process")
def test_answers_already_there_are_taken_where_that_is_asked_for(study: Study, make_spec: MakeSpec) -> None:
    make_spec("one")
    arguments = ("--study", "trial", "--model", "one", "--no-persona")
    run_command(*arguments)
    assert "12 of these calls have been answered in earlier runs" in run_command(*arguments, "--reuse", "--preview")
    run_command(*arguments, "--reuse")
    assert Completion.objects.exclude(cached_from=None).count() == 12
