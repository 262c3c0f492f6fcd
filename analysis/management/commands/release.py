"""``manage.py release STUDY --number 1.0.0 --out FOLDER``: make a frozen, de-identified folder to publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis import releases
from analysis.disclosure import DEFAULT_K
from analysis.models import Release
from analysis.release.build import ReleaseRefused, told
from analysis.release.choices import Choices, Licence, Sessions, Simulated, SmallPlaces
from analysis.signs_of_life import signs_of_life
from survey.models import Study

LATEST, NONE = "latest", "none"


class Command(BaseCommand):
    help = "Make a release of a study: frozen files with pseudonyms of their own, descriptors, checksums."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="code of the study")
        parser.add_argument("--out", type=Path, required=True, help="folder to make; it must not hold anything")
        parser.add_argument("--number", required=True, help="such as 1.0.0; each number once")
        parser.add_argument("--author", action="append", default=[], dest="authors", help='"Family, Given <ORCID>"')
        parser.add_argument("--title", default="", help="the study's title unless given")
        parser.add_argument("--url", default="", help="where the data will stand")
        parser.add_argument("--doi", default="", help="reserve it first, so that it stands in the files")
        parser.add_argument("--licence", choices=[str(one) for one in Licence], default=str(Licence.CC_BY))
        parser.add_argument("--simulated", choices=[str(s) for s in Simulated], default=str(Simulated.LEAVE_OUT))
        parser.add_argument("--sessions", choices=[str(one) for one in Sessions], default=str(Sessions.COMPLETE))
        parser.add_argument("--k", type=int, default=DEFAULT_K, help="how many people at least share what is shown")
        parser.add_argument(
            "--small-places",
            choices=[str(one) for one in SmallPlaces],
            default=str(SmallPlaces.REFUSE),
            help="a country and language with fewer than k people",
        )
        parser.add_argument("--analysis", default=LATEST, help="number of an analysis, latest, or none")
        parser.add_argument("--ethics", help="ethics approval, for the methods; the study's unless given")
        parser.add_argument("--notes", default="", help="what is new, for CHANGES.md")

    def handle(self, *args: Any, study: str, out: Path, number: str, **options: Any) -> None:
        found = Study.objects.filter(code=study).first()
        if found is None:
            raise CommandError(f"there is no study {study!r}")
        try:
            choices = self.choose(found, number, options)
            release = releases.request_release(found, number, choices)
            self.make(release, out)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error

    def choose(self, study: Study, number: str, options: dict[str, Any]) -> Choices:
        """Read the choices, with the analysis that was meant by its number."""
        wanted = options.pop("analysis")
        made = Release.objects.filter(study=study, number=number, state=Release.State.DONE).first()
        if options["ethics"] is None:
            options["ethics"] = made.choices["ethics"] if made else study.ethics_reference
        choices = Choices.read(options)
        if wanted == NONE:
            return choices
        if wanted != LATEST:
            return Choices.read({**options, "analysis": wanted})
        run_id = made.choices["analysis"] if made else getattr(releases.find_analysis(study, choices), "pk", None)
        if run_id is None:
            raise ReleaseRefused(
                "no finished analysis goes with these data and choices: compute one"
                f" (manage.py analyse --study {study.code} --wait), or say --analysis none"
            )
        return Choices.read({**options, "analysis": run_id})

    def make(self, release: Release, out: Path) -> None:
        """Make a new release, or an old one once more: the same bytes, or nothing."""
        if release.state == Release.State.DONE:
            built = releases.make(release, out, self.tell)
            self.stdout.write(f"{out}: {release} once more, SHA256SUMS {built.checksum}")
            return
        taken = releases.begin(release.pk)
        if taken is None:
            raise ReleaseRefused(f"{release} is being made already")
        progress = releases.Progress(taken)

        def tell(step: str) -> None:
            progress.note(step)
            self.tell(step)

        try:
            with signs_of_life(taken, progress.write):
                built = releases.make(taken, out, tell)
        except BaseException as error:
            releases.fail(taken, f"{type(error).__name__}: {error}")
            raise
        if not releases.finish(taken, built):
            raise ReleaseRefused(
                f"{out} is made, but {release} was given to somebody else meanwhile: compare SHA256SUMS"
            )
        for line in told(built.report):
            self.stdout.write(line)
        self.stdout.write(f"{out}: {release}, {built.report['n_files']} files, SHA256SUMS {built.checksum}")

    def tell(self, step: str) -> None:
        self.stderr.write(f"{step} …")
