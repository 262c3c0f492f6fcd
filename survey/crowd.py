"""A crowd of simulated participants for a study: drawn, invited by signed tickets, sent through the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import cycle, islice
from typing import NamedTuple
from urllib.parse import urlencode

import httpx2

from survey.enums import PanelName
from survey.flow.status import FINAL
from survey.models import PanelIdentity, Study, Text
from survey.panels.simulated import PARAMETER, issue_ticket
from survey.queries import version_structure
from survey.simulation import ItemFacts, Person, Planted, UnexpectedPage, Walk, World, draw_person, take_survey


class CrowdError(RuntimeError):
    """The site did not let the crowd through."""


class Invitation(NamedTuple):
    person: Person
    entry: str


def read_planted(settings: Sequence[str], base: Planted | None = None) -> Planted:
    """Read numbers such as ``p_speeder=0.1``; what is not named stays as in `base`. `ValueError` says what is wrong."""
    base = base or Planted()
    known = {field.name for field in fields(Planted) if isinstance(getattr(base, field.name), float)}
    changes: dict[str, float] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{setting!r} is not of the form NAME=VALUE") from None
        is_rate = name.startswith("p_")
        if name not in known or (is_rate and not 0 <= number <= 1) or (name.startswith("sd_") and number < 0):
            told = ", ".join(sorted(known))
            raise ValueError(f"{setting!r}: known are {told}; rates (p_) from 0 to 1, spreads (sd_) from 0")
        changes[name] = number
    return replace(base, **changes)  # type: ignore[arg-type]


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


def send(
    client: httpx2.Client, invitations: Sequence[Invitation], world: World, *, at_once: int, tell: Callable[[int], None]
) -> int:
    """Send everybody through, so many at once; `tell` hears how many are through. Give how many reached an end."""
    finished = 0
    if at_once == 1:  # in the caller's own thread, and so on its database connection
        walks: Iterable[Walk] = (walk_through(client, one, world) for one in invitations)
        for n_done, walk in enumerate(walks, start=1):
            finished += walk.is_finished
            tell(n_done)
        return finished
    with ThreadPoolExecutor(at_once) as pool:
        for n_done, walk in enumerate(pool.map(lambda one: walk_through(client, one, world), invitations), start=1):
            finished += walk.is_finished
            tell(n_done)
    return finished


def walk_through(client: httpx2.Client, invitation: Invitation, world: World) -> Walk:
    """Send one person through; `CrowdError` where the site does not behave as a survey."""
    try:
        return take_survey(client, invitation.entry, invitation.person, world)
    except httpx2.HTTPError as error:
        raise CrowdError(f"the site does not answer at {client.base_url}: {error}") from error
    except UnexpectedPage as error:
        raise CrowdError(str(error)) from error
