"""``manage.py figures``: the figures of a finished analysis as files for print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.blinding import is_hidden
from analysis.models import AnalysisRun
from analysis.parameters import Parameters
from analysis.results.stored import note_of


class Command(BaseCommand):
    help = "Draw the figures of a finished analysis: PDF, SVG, PNG, the numbers behind each and a description in words."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--analysis", type=int, required=True, help="number of the analysis")
        parser.add_argument("--out", type=Path, required=True, help="folder to write into")

    def handle(self, *args: Any, **options: Any) -> None:
        from analysis.plots.files import frames_of, make_figures, write_figures  # matplotlib is needed here only

        run = AnalysisRun.objects.filter(pk=options["analysis"], state=AnalysisRun.State.DONE).first()
        if run is None:
            raise CommandError(f"there is no finished analysis {options['analysis']}")
        if is_hidden(run):
            raise CommandError("the outcomes of this study are hidden until it is unblinded on its Results page")
        level, note = Parameters.from_json(run.parameters).level, note_of(run.results["facts"])
        made = make_figures(frames_of(run.results["tables"]), level, note)
        for path in write_figures(made, options["out"]):
            self.stdout.write(str(path))
        for name, reason in made.not_made.items():
            self.stderr.write(f"not made: {name}: {reason}")
