"""``manage.py simulate_participants``: send simulated participants through the real pages over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx2
from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.enums import PanelName
from survey.flow.status import FINAL
from survey.models import PanelIdentity, Study, Text
from survey.panels.simulated import PARAMETER, issue_ticket
from survey.queries import version_structure
from survey.simulation import (
    ItemFacts,
    Person,
    Planted,
    UnexpectedPage,
    Walk,
    World,
    draw_person,
    take_survey,
    write_truth,
)


class Invitation(NamedTuple):
    person: Person
    entry: str


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
        planted, seconds = read_planted(plant), float(options["seconds_per_page"])
        people = draw_crowd(found, planted, n=n, seed=seed)
        if options["truth"] is not None:
            write_truth(people, options["truth"])
        invitations = list(invite(found, people, is_timed=seconds > 0))
        world = read_world(found, planted, seconds)
        done, finished = 0, 0
        with httpx2.Client(base_url=base_url, timeout=60) as client, ThreadPoolExecutor(at_once) as pool:
            for walk in pool.map(lambda one: walk_through(client, one, world), invitations):
                done += 1
                finished += walk.is_finished
                if done % max(1, len(invitations) // 10) == 0:
                    self.stdout.write(f"{done}/{len(invitations)} simulated participants sent")
                    self.stdout.flush()
        self.stdout.write(
            f"{done} sent, {finished} reached an end, {done - finished} dropped out; {n - done} were there already"
        )


def read_planted(settings: Sequence[str]) -> Planted:
    """Read rates such as ``p_speeder=0.1``; what is not named stays as it is."""
    known = {field.name for field in fields(Planted) if field.name.startswith("p_")}
    changes: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            changes[name] = float(value)
        except ValueError:
            raise CommandError(f"{setting!r} is not of the form NAME=VALUE") from None
        if name not in known or not 0 <= changes[name] <= 1:
            raise CommandError(f"{setting!r}: the rates are {', '.join(sorted(known))}, each from 0 to 1")
    return replace(Planted(), **changes)


def walk_through(client: httpx2.Client, invitation: Invitation, world: World) -> Walk:
    try:
        return take_survey(client, invitation.entry, invitation.person, world)
    except httpx2.HTTPError as error:
        raise CommandError(f"the site does not answer at {client.base_url}: {error}") from error
    except UnexpectedPage as error:
        raise CommandError(str(error)) from error


def draw_crowd(study: Study, planted: Planted, *, n: int, seed: int) -> list[Person]:
    """Draw a crowd, spread over the study's countries."""
    countries = islice(cycle(study.arms.values_list("country", flat=True)), n)
    return [
        draw_person(f"crowd-{seed}-{number}", country, planted) for number, country in enumerate(countries, start=1)
    ]


def invite(study: Study, people: Iterable[Person], *, is_timed: bool) -> Iterator[Invitation]:
    """Leave out who has come to an end before, or dropped out as they were meant to."""
    known = dict(
        PanelIdentity.objects.filter(study=study, panel=PanelName.SIMULATED).values_list(
            "panel_person", "participant__session__status"
        )
    )
    for person in people:
        status = known.get(person.name)
        if status in FINAL or (status and person.stops_after is not None):
            continue
        ticket = urlencode({PARAMETER: issue_ticket(person.name, is_timed=is_timed)})
        yield Invitation(person, f"/join/{study.code}/{person.country}/?{ticket}")


def read_world(study: Study, planted: Planted | None = None, seconds_per_page: float = 0.0) -> World:
    """Look up the items by their scenario's text, so that planted item effects hold across locales."""
    countries = dict(study.version.items.values_list("code", "scenario_country"))
    rows = Text.objects.filter(version=study.version_id, key__startswith="items.", key__endswith=".scenario")
    items = {}
    for key, body in rows.values_list("key", "body"):
        code = key.split(".")[1]
        items[body] = ItemFacts(code, countries[code])
    arms = version_structure(study.version_id)["arms"]
    close = {country: frozenset(arm["close"]) for country, arm in arms.items()}
    return World(planted or Planted(), items, close, seconds_per_page)
