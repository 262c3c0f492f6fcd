"""``manage.py simulate_participants``: send simulated participants through the real pages over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.crowd import CrowdError, draw_crowd, invite, read_planted, read_world, send
from survey.models import Study
from survey.simulation import write_truth


class Command(BaseCommand):
    help = "Send simulated participants through the survey over HTTP; those who finished before are not sent again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", default="pact-demo")
        parser.add_argument("--n", type=int, default=100, help="participants, spread evenly over the countries")
        parser.add_argument("--base-url", default="http://127.0.0.1:8000")
        parser.add_argument("--seed", type=int, default=1, help="another seed is another crowd")
        parser.add_argument("--at-once", type=int, default=8)
        parser.add_argument(
            "--seconds-per-page",
            type=float,
            default=0.0,
            help="wait about so long on each page, speeders a tenth of it; flags on time then apply to them",
        )
        parser.add_argument("--truth", type=Path, help="write what is planted, a row per person, into this CSV file")
        parser.add_argument(
            "--plant", action="append", default=[], metavar="NAME=VALUE", help="another rate, such as p_speeder=0.1"
        )

    def handle(
        self, *args: Any, study: str, n: int, base_url: str, seed: int, at_once: int, plant: list[str], **options: Any
    ) -> None:
        found = Study.objects.filter(code=study).first()
        if found is None:
            raise CommandError(f"there is no study {study!r}; `manage.py setup_demo` makes pact-demo")
        try:
            planted = read_planted(plant)
        except ValueError as error:
            raise CommandError(str(error)) from error
        seconds = float(options["seconds_per_page"])
        people = draw_crowd(found, planted, n=n, seed=seed)
        if options["truth"] is not None:
            write_truth(people, options["truth"])
        invitations = list(invite(found, people, is_timed=seconds > 0))

        def tell(n_done: int) -> None:
            if n_done % max(1, len(invitations) // 10) == 0:
                self.stdout.write(f"{n_done}/{len(invitations)} simulated participants sent")
                self.stdout.flush()

        world = read_world(found, planted, seconds)
        with httpx2.Client(base_url=base_url, timeout=60) as client:
            try:
                finished = send(client, invitations, world, at_once=at_once, tell=tell)
            except CrowdError as error:
                raise CommandError(str(error)) from error
        done = len(invitations)
        self.stdout.write(
            f"{done} sent, {finished} reached an end, {done - finished} dropped out; {n - done} were there already"
        )
