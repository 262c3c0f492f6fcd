"""``manage.py analyse``: analyse a study in the background, or the paper's files without any database."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from analysis import domain, tasks
from analysis.choices import faults, level_of, usual
from analysis.extract import read_snapshot_hash
from analysis.families import FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import DEFAULTS, Parameters, choose
from analysis.results.stored import note_of
from survey.flow.quality import FLAGS
from survey.models import Study

if TYPE_CHECKING:
    from analysis.plots.people import Frames

POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = "Analyse a study (--study), or the files in a folder (--input, --out) without touching a database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", help="code of the study")
        parser.add_argument("--wait", action="store_true", help="wait until the results are there")
        parser.add_argument("--real-only", action="store_true", help="leave simulated data out")
        parser.add_argument(
            "--input", type=Path, help="folder with the paper's files or exported ones, packed (.gz) or not"
        )
        parser.add_argument(
            "--layer", choices=["paper", "methods"], default="paper", help="which tables to compute from files"
        )
        parser.add_argument(
            "--without-flag",
            action="append",
            default=[],
            choices=FLAGS,
            help="leave out sessions with this quality flag",
        )
        parser.add_argument("--alpha", type=float, help="level of significance (the plan's, or 0.05)")
        parser.add_argument("--sesoi", type=float, help="smallest effect of interest, in points (the plan's, or 5)")
        parser.add_argument("--seed", type=int, help="seed of what is drawn (the plan's, or 1)")
        parser.add_argument(
            "--last-day", type=int, default=0, help="only respondents who came by this day of the study"
        )
        parser.add_argument(
            "--country", action="append", default=[], help="only respondents of this country; repeat it"
        )
        parser.add_argument("--family", action="append", default=[], choices=list(FamilyKey), help="only these results")
        parser.add_argument("--figures", action="store_true", help="draw the figures too, into OUT/figures")
        parser.add_argument("--out", type=Path, help="folder for the tables")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["input"]:
            if not options["out"]:
                raise CommandError("--input needs --out FOLDER for the tables")
            if options["layer"] == "paper":
                self.analyse_papers_files(options["input"], options["out"], figures=options["figures"])
            else:
                self.analyse_files(options)
        elif options["study"]:
            self.analyse_study(options)
        else:
            raise CommandError("name a study (--study CODE) or a folder (--input FOLDER --out FOLDER)")

    def analyse_papers_files(self, source: Path, out: Path, *, figures: bool) -> None:
        """Make what the files allow; say what was made, what was not and why, and fail where a file was bad."""
        from analysis.from_files.paper_folder import analyse_folder, write_tables  # pandas is needed here only

        try:
            found = analyse_folder(source)
            paths = write_tables(found, out) if found.tables else []
        except OSError as error:
            raise CommandError(str(error)) from error
        if figures and found.tables:
            self.draw({f"paper_{name}": table for name, table in found.tables.items()}, out)
        for path in paths:
            self.stdout.write(str(path))
        for reason in found.not_made:
            self.stderr.write(f"not made: {reason}")
        for note in found.notes:
            self.stderr.write(f"note: {note}")
        if found.errors or not paths:
            raise CommandError("\n".join(found.errors) or f"nothing to analyse in {source}")

    def analyse_files(self, options: Mapping[str, Any]) -> None:
        """Compute the report that the site would show of the same data."""
        from analysis.from_files.methods_folder import analyse_folder, write_report

        source, out = options["input"], options["out"]
        try:
            parameters = self.of_files(source, options)
            report = analyse_folder(source, parameters)
            paths = write_report(report, out)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["figures"]:
            from analysis.plots.files import frames_of

            note = note_of(report.results["facts"])
            self.draw(frames_of(report.results["tables"]), out, parameters.level, note)
        for path in paths:
            self.stdout.write(str(path))
        for warning in report.warnings:
            self.stderr.write(f"caution: {warning}")

    def of_files(self, source: Path, options: Mapping[str, Any]) -> Parameters:
        """Begin with the choices of the analysis that a release carries, and change only what was asked for."""
        from analysis.from_files.methods_folder import released_parameters

        first = released_parameters(source) or choose(include_simulated=True)
        added = choose(include_simulated=not options["real_only"], flags=options["without_flag"]).exclusions
        first = replace(first, exclusions=tuple(dict.fromkeys([*first.exclusions, *added])))
        return self.chosen(first, options)

    def draw(self, frames: Frames, out: Path, level: float = DEFAULTS["level"], note: str = "") -> None:
        """Draw what the tables allow."""
        from analysis.plots.files import make_figures, write_figures

        made = make_figures(frames, level, note)
        for path in write_figures(made, out / "figures"):
            self.stdout.write(str(path))
        for name, reason in made.not_made.items():
            self.stderr.write(f"figure not made: {name}: {reason}")

    def chosen(self, first: Parameters, options: Mapping[str, Any]) -> Parameters:
        """Put what was asked for in the place of the usual choices."""
        given: dict[str, Any] = {
            "last_day": options["last_day"],
            "countries": tuple(dict.fromkeys(options["country"])),
            "families": tuple(key for key in FamilyKey if key in options["family"]),
        }
        asked = {name: value for name, value in given.items() if value}
        if options["alpha"] is not None:
            asked["level"] = level_of(options["alpha"])
        if options["sesoi"] is not None:
            asked["sesoi"] = options["sesoi"] / 100
        if options["seed"] is not None:
            asked["seed"] = options["seed"]
        found = replace(first, **asked)
        if wrong := "; ".join(faults(found)):
            raise CommandError(wrong)
        return found

    def analyse_study(self, options: Mapping[str, Any]) -> None:
        """Reuse the analysis of the same data, choices and code where there is one."""
        code = options["study"]
        study = Study.objects.select_related("version").filter(code=code).first()
        if study is None:
            raise CommandError(f"there is no study {code!r}")
        structure = study.version.structure
        first = usual(structure, include_simulated=not options["real_only"])
        if options["without_flag"]:
            flags = dict.fromkeys([*structure["exclusions"], *options["without_flag"]])
            exclusions = choose(include_simulated=not options["real_only"], flags=list(flags)).exclusions
            first = replace(first, exclusions=exclusions)
        parameters = self.chosen(first, options)
        run = domain.find_same(study, parameters.as_json(), read_snapshot_hash(study))
        if run is None:
            run = domain.request_analysis(study, parameters)
            tasks.launch(run.pk)
        if options["wait"]:
            run = self.wait_for(run)
        told = {"analysis": run.pk, "state": run.state, "results": reverse("analysis:result", args=[run.pk])}
        self.stdout.write(json.dumps(told))

    def wait_for(self, run: AnalysisRun) -> AnalysisRun:
        """Tell each step until the analysis is over; a failed one fails the command."""
        told = ""
        while True:
            run = AnalysisRun.objects.defer("results").get(pk=run.pk)
            if run.state not in domain.UNFINISHED:
                break
            if run.step != told:
                told = run.step
                self.stderr.write(f"analysis {run.pk}: {told}")
            time.sleep(POLL_SECONDS)
        if run.state == AnalysisRun.State.FAILED:
            raise CommandError(f"analysis {run.pk} failed: {run.error}")
        return run
