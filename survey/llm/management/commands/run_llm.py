"""Start a model run from the command line and, if asked, watch it to its end."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from survey.llm.again import offer
from survey.llm.command_line import (
    add_design_arguments,
    change_limits,
    chosen_experiment,
    offer_lines,
    preview_lines,
)
from survey.llm.demo import DEMO_STUDY, demo_run
from survey.llm.domain import ask_again, create_run, resume_run
from survey.llm.enums import Again, RunState
from survey.llm.forms import Respondents
from survey.llm.models import ModelSpec, Run
from survey.llm.preview import preview
from survey.llm.tasks import launch
from survey.llm.terminal import ProgressLine, failure_lines, stop_lines
from survey.llm.watching import stand
from survey.models import Study

PICK_UP_SECONDS = 60
DEMO_STALL_SECONDS = 180  # a dead worker's cells come back long before
WATCH_SECONDS = 0.5


class Command(BaseCommand):
    help = "Put a study's items to language models, in the background."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options; without --persona or --no-persona the design's respondents are asked."""
        parser.add_argument("--study", default=DEMO_STUDY, help=f"code of the study (default: {DEMO_STUDY})")
        parser.add_argument("--model", action="append", default=[], metavar="TAG", help="may be repeated")
        parser.add_argument("--persona", action="store_true", help="ask as the study's personas")
        parser.add_argument("--no-persona", action="store_true", help="ask without a persona")
        add_design_arguments(parser)
        parser.add_argument("--run", type=int, metavar="N", help="a run that is there, instead of a new one")
        parser.add_argument("--resume", action="store_true", help="with --run: have it go on where it stopped")
        parser.add_argument(
            "--again", action="append", choices=Again.values, metavar="KIND",
            help=f"with --run: ask its {', '.join(Again.values)} again; may be repeated",
        )  # fmt: skip
        parser.add_argument("--wait", action="store_true", help="show the progress until the run ends")
        parser.add_argument(
            "--demo", action="store_true", help="ask two simulated models about the demo study, once, and wait"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["resume"] or options["again"]) and not options["run"]:
            raise CommandError("--resume and --again belong to a run that is there: say which with --run N.")
        run = self._found(options) if options["run"] else self._made(options)
        if run is None:
            return
        if run.state == RunState.QUEUED:
            launch(run.pk)
        names = ", ".join(str(spec) for spec in run.specs.all())
        self.stdout.write(f"Run {run.pk}: {run.n_cells:,} questions to {names}.")
        if options["wait"] or options["demo"]:
            self._watch(run, stall_seconds=DEMO_STALL_SECONDS if options["demo"] else None)

    def _found(self, options: dict[str, Any]) -> Run | None:
        """Take a run that is there, and have it go on where that was asked for."""
        run = Run.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.")
        try:
            change_limits(run, options)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["again"]:
            return self._asked_again(run, [Again(kind) for kind in options["again"]], is_preview=options["preview"])
        if options["resume"] and not resume_run(run):
            state = run.get_state_display().lower()
            raise CommandError(f"Run {run.pk} is {state}: only one that is paused or was stopped can be resumed.")
        run.refresh_from_db()
        return run

    def _asked_again(self, run: Run, kinds: list[Again], *, is_preview: bool) -> Run | None:
        """Say what asking again takes, and do it unless it is only to be shown."""
        self.stdout.write("\n".join(offer_lines(offer(run), kinds)))
        if is_preview:
            return None
        try:
            ask_again(run, kinds)
        except ValueError as error:
            raise CommandError(str(error)) from error
        run.refresh_from_db()
        return run

    def _made(self, options: dict[str, Any]) -> Run | None:
        study = Study.objects.filter(code=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']}.")
        return demo_run(study) if options["demo"] else self._create(study, options)

    def _create(self, study: Study, options: dict[str, Any]) -> Run | None:
        """Make the run that was asked for; show it and make none for a preview."""
        tags = list(dict.fromkeys(options["model"]))
        known = list(ModelSpec.objects.values_list("tag", flat=True))
        if missing := sorted(set(tags) - set(known)):
            raise CommandError(f"There is no model {', '.join(missing)}. Known models: {', '.join(known) or 'none'}.")
        if not tags:
            raise CommandError("Choose at least one model.")
        asked = {Respondents.NOBODY: options["no_persona"], Respondents.FULL: options["persona"]}
        options["asked_as"] = options["asked_as"] or [name.value for name, is_asked in asked.items() if is_asked]
        try:
            experiment, form = chosen_experiment(study.code, tags, options)
            chosen = form.cleaned_data
            reuses = chosen["reuses_answers"]
            if options["preview"]:
                shown = preview(experiment, budget=chosen["budget"], reuses_answers=reuses)
                self.stdout.write("\n".join(preview_lines(shown)))
                return None
            return create_run(
                experiment, budget=chosen["budget"], priority=chosen["priority"] or 0, reuses_answers=reuses
            )
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _watch(self, run: Run, *, stall_seconds: float | None) -> None:
        """Show the progress until the run ends; fail where nobody works on it."""
        line = ProgressLine(self.stdout)
        changed_at, seen = time.monotonic(), -1
        told: set[str] = set()
        while True:
            run.refresh_from_db()
            found = stand(run)
            line.show(found, is_last=not found.is_open)
            for model, text in zip(found.stopped, stop_lines(found), strict=True):
                if model.spec.tag not in told:
                    told.add(model.spec.tag)
                    self.stdout.write(self.style.WARNING(f"\n{text}"))
            if not found.is_open:
                for failure in failure_lines(found):
                    self.stdout.write(failure)
                return self._conclude(run, found.total.n_ended)
            if found.total.n_ended != seen:
                changed_at, seen = time.monotonic(), found.total.n_ended
            limit = PICK_UP_SECONDS if run.state == RunState.QUEUED else stall_seconds
            if limit is not None and time.monotonic() - changed_at > limit:
                raise CommandError(
                    f"Run {run.pk} is {run.get_state_display().lower()}, but no worker has done anything for it in "
                    f"{limit:.0f} s. Start one with: celery -A pact_site worker -B. The run then goes on by itself."
                )
            time.sleep(WATCH_SECONDS)

    def _conclude(self, run: Run, n_ended: int) -> None:
        """Say how a run ended or why it does not go on, and what to do about that."""
        if run.state == RunState.DONE:
            self.stdout.write(self.style.SUCCESS(f"Run {run.pk} is done."))
        elif run.error:
            what = "has paused" if run.state == RunState.PAUSED else "was stopped"
            raise CommandError(
                f"Run {run.pk} {what}: {run.error} It goes on with run_llm --run {run.pk} --resume --wait."
            )
        elif run.state == RunState.PAUSED:
            raise CommandError(
                f"Run {run.pk} was paused by hand; {run.n_cells - n_ended:,} questions are left. It goes on when it is "
                f"resumed: on its page, or with run_llm --run {run.pk} --resume --wait."
            )
        else:
            raise CommandError(
                f"Run {run.pk} was cancelled. Its answers are kept; what is left is asked by a new run only."
            )
