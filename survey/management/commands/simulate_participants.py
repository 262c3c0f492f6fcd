"""``manage.py simulate_participants``: send simulated participants through the real pages over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
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

    def handle(self, *args: Any, study: str, n: int, base_url: str, seed: int, at_once: int, **options: Any) -> None:
        found = Study.objects.filter(code=study).first()
        if found is None:
            raise CommandError(f"there is no study {study!r}; `manage.py setup_demo` makes pact-demo")
        invitations = list(invite(found, n=n, seed=seed))
        world = read_world(found)
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


def walk_through(client: httpx2.Client, invitation: Invitation, world: World) -> Walk:
    try:
        return take_survey(client, invitation.entry, invitation.person, world)
    except httpx2.HTTPError as error:
        raise CommandError(f"the site does not answer at {client.base_url}: {error}") from error
    except UnexpectedPage as error:
        raise CommandError(str(error)) from error


def invite(study: Study, *, n: int, seed: int) -> Iterator[Invitation]:
    """Draw the crowd and leave out who has come to an end before, or dropped out as they were meant to."""
    known = dict(
        PanelIdentity.objects.filter(study=study, panel=PanelName.SIMULATED).values_list(
            "panel_person", "participant__session__status"
        )
    )
    countries = cycle(study.arms.values_list("country", flat=True))
    for number, country in enumerate(islice(countries, n), start=1):
        person = draw_person(f"crowd-{seed}-{number}", country, Planted())
        status = known.get(person.name)
        if status in FINAL or (status and person.stops_after is not None):
            continue
        ticket = urlencode({PARAMETER: issue_ticket(person.name)})
        yield Invitation(person, f"/join/{study.code}/{country}/?{ticket}")


def read_world(study: Study) -> World:
    """Look up the items by their scenario's text, so that planted item effects hold across locales."""
    countries = dict(study.version.items.values_list("code", "scenario_country"))
    rows = Text.objects.filter(version=study.version_id, key__startswith="items.", key__endswith=".scenario")
    items = {}
    for key, body in rows.values_list("key", "body"):
        code = key.split(".")[1]
        items[body] = ItemFacts(code, countries[code])
    arms = version_structure(study.version_id)["arms"]
    close = {country: frozenset(arm["close"]) for country, arm in arms.items()}
    return World(Planted(), items, close)
