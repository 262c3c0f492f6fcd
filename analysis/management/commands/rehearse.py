"""``manage.py rehearse``: a whole study with planted effects, through the public paths, and what comes out of it."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.crowd import CrowdError, draw_crowd, invite, read_planted, read_world, send
from survey.domain.instruments import load_instrument
from survey.domain.studies import create_study, launch_study
from survey.domain.study_states import close_study
from survey.domain.translations import override_texts
from survey.enums import PanelName
from survey.instruments.loader import SHIPPED, read_instrument
from survey.llm import domain as runs
from survey.llm.demo import DEMO_MODELS
from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec
from survey.llm.providers.simulated import Planted as PlantedModel
from survey.llm.stint import Stint
from survey.models import Study
from survey.simulation import Planted

WHY = "A rehearsal: all of its participants are simulated."
CALLS_AT_ONCE = 50
# Whoever takes the first option blindly answers by no logit: such people would be a fault of the rehearsal.
HONEST = Planted(p_straight_liner=0.0, p_no_consent=0.0, p_drop_out=0.0, p_elsewhere=0.0, p_withdraws=0.0)


class Command(BaseCommand):
    help = (
        "Plant effects, send simulated participants and models through the real pages and runs of a new study, "
        "analyse, and print what was planted beside what was recovered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--participants", type=int, default=100)
        parser.add_argument("--items", type=int, help="items that models are asked; without it all")
        parser.add_argument("--seed", type=int, default=1, help="another seed is another crowd")
        parser.add_argument("--plant", action="append", default=[], metavar="NAME=VALUE", help="such as sd_item=1.5")
        parser.add_argument("--out", type=Path, help="also write the comparison into this CSV file")

    def handle(
        self, *args: Any, participants: int, items: int | None, seed: int, plant: list[str], out: Path | None, **_: Any
    ) -> None:
        try:
            planted = read_planted(plant, HONEST)
        except ValueError as error:
            raise CommandError(str(error)) from error
        study = self.make_study(participants)
        self.send_people(study, planted, participants, seed)
        tags = self.ask_models(study, items)
        close_study(study, by="rehearse", reason=WHY)
        self.compare(study, planted, tags, out)

    def make_study(self, participants: int) -> Study:
        """Make and open a study of its own on the shipped instrument; its data never meet those of another."""
        code = f"rehearsal-{datetime.now():%Y%m%d-%H%M%S}"
        version = load_instrument(read_instrument(SHIPPED)).version
        study = create_study(
            code=code, title="Rehearsal", version=version, panel=PanelName.DIRECT, target_per_cell=participants
        )
        override_texts(study, by="rehearse", reason=WHY)
        launch_study(study, by="rehearse", reason=WHY)
        self.stdout.write(f"study {code} on {version}")
        return study

    def send_people(self, study: Study, planted: Planted, n: int, seed: int) -> None:
        """Send the crowd through the site's pages, in this process."""
        invitations = list(invite(study, draw_crowd(study, planted, n=n, seed=seed), is_timed=False))

        def tell(n_done: int) -> None:
            if n_done % max(1, n // 10) == 0:
                self.stdout.write(f"{n_done}/{n} simulated participants sent")
                self.stdout.flush()

        # Not get_wsgi_application(): it sets Django up anew, which closes every log of this process.
        transport = httpx2.WSGITransport(app=WSGIHandler())
        with httpx2.Client(base_url="https://localhost", transport=transport) as client:
            try:
                send(client, invitations, read_world(study, planted), at_once=1, tell=tell)
            except CrowdError as error:
                raise CommandError(str(error)) from error

    def ask_models(self, study: Study, n_items: int | None) -> list[str]:
        """Run the alignment design on the two simulated models of the demo, as a worker would."""
        specs = [
            ModelSpec.objects.get_or_create(
                tag=f"rehearsal_{tag}",
                defaults={"provider": ProviderName.SIMULATED, "model": tag, "family": "simulated", "parameters": made},
            )[0]
            for tag, made in DEMO_MODELS.items()
        ]
        items = list(study.version.items.order_by("code"))
        step = len(items) // min(n_items or len(items), len(items))  # spread over the scenarios' countries
        run = runs.create_alignment_run(study, specs=specs, items=items[::step][:n_items])
        runs.begin_run(run)
        for spec in specs:
            while Stint(spec, max_in_flight=CALLS_AT_ONCE).work():
                self.stdout.write(f"{spec.tag}: {run.cells.exclude(state='todo').count()} of {run.n_cells} asked")
        runs.finish_run_if_done(run)
        run.refresh_from_db()
        self.stdout.write(f"run {run.pk}: {run.n_cells} questions put to {len(specs)} simulated models, {run.state}")
        return [spec.tag for spec in specs]

    def compare(self, study: Study, planted: Planted, tags: list[str], out: Path | None) -> None:
        from analysis import frames, rehearsal  # the statistics load where they are needed only

        people = rehearsal.recover_people(frames.responses_long(study, complete_only=True), planted)
        specs = ModelSpec.objects.filter(tag__in=tags)
        truth = {spec.tag: PlantedModel.from_parameters(spec.parameters) for spec in specs}
        rows = [*people, *rehearsal.recover_models(frames.completions(study), truth)]
        if out is not None:
            with out.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([rehearsal.Recovered._fields, *rows])
        self.stdout.write(f"{'in logits':44} {'planted':>8} {'recovered':>9}  95% interval")
        for row in rows:
            told = row.reason or f"[{row.ci_low:.2f}, {row.ci_high:.2f}] {'' if row.is_inside else 'outside'}"
            self.stdout.write(f"{row.parameter:44} {row.planted:8.2f} {row.estimate:9.2f}  {told}".rstrip())
        n_inside = sum(row.is_inside for row in rows)
        self.stdout.write(
            f"{n_inside} of {len(rows)} intervals hold what was planted; one in twenty is expected to miss"
        )
