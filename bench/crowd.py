"""Participants on bad lines: the simulated walk, over a client that loses, repeats and contradicts what is sent."""

from __future__ import annotations

import random
import re
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from threading import Event, Thread
from typing import cast
from urllib.parse import urlencode

import httpx2

from bench.harm import BROKEN, Seen
from survey.crowd import read_world
from survey.domain.instruments import load_instrument
from survey.domain.studies import create_study, launch_study
from survey.domain.translations import override_texts
from survey.enums import PanelName, Question
from survey.instruments.loader import SHIPPED, read_instrument
from survey.models import QuotaCell, Study
from survey.panels.simulated import PARAMETER, issue_ticket
from survey.simulation import Person, Planted, draw_person, take_survey

STUDY = "chaos"
RUSH, RUSH_PLACES = "US", 5  # this arm's participants all come first and at once, to one cell
PATIENCE = 120.0  # seconds that a participant presses reload before they give up
OTHER = {"culture": "preference", "preference": "culture"}
ADDRESS = re.compile(r"/s/([^/]+)/")


class GaveUp(RuntimeError):
    """A participant did not get through."""


@dataclass
class Sent:
    """What a participant sent for one page of their plan."""

    answers: dict[str, str]
    is_acknowledged: bool = False


@dataclass
class Walker:
    """One participant, and their log."""

    person: Person
    entry: str
    token: str = ""
    sent: dict[int, Sent] = field(default_factory=dict)  # by the position in the plan
    is_finished: bool = False
    trouble: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seen: list[Seen] = field(default_factory=list)  # instead of a page


class BadLine:
    """A client as `take_survey` uses one, on a line that fails at a given rate; its user tries again and again."""

    def __init__(self, client: httpx2.Client, walker: Walker, p_fault: float, is_over: Event) -> None:
        self.client, self.walker, self.p_fault, self.is_over = client, walker, p_fault, is_over
        self.rng = random.Random(f"line of {walker.person.name}")

    def get(self, url: httpx2.URL | str, *, follow_redirects: bool) -> httpx2.Response:
        return self.insist("GET", url, None)

    def post(self, url: httpx2.URL | str, *, data: Mapping[str, str], follow_redirects: bool) -> httpx2.Response:
        position = int(data["stamp"].split(".", 1)[0])
        answers = {name: value for name, value in data.items() if name in Question.values}
        sent = self.walker.sent.setdefault(position, Sent(answers))
        if len(answers) > len(sent.answers):  # asked once more for what was left open
            sent.answers = answers
        if self.rng.random() < self.p_fault:
            self.walker.counts["doubled_forms"] += 1
            twin = Thread(target=self.attempt, args=("POST", url, data))
            twin.start()
            reply = self.insist("POST", url, data)
            twin.join()
        else:
            reply = self.insist("POST", url, data)
        sent.is_acknowledged = reply.status_code == 200
        if sent.is_acknowledged and self.rng.random() < self.p_fault:
            self.walker.counts["contradicted_forms"] += 1
            self.attempt("POST", url, {name: OTHER.get(value, value) for name, value in data.items()})
        return reply

    def insist(self, method: str, url: httpx2.URL | str, data: Mapping[str, str] | None) -> httpx2.Response:
        """Send until a page comes back, as somebody does who presses reload."""
        begun = time.monotonic()
        while time.monotonic() < begun + PATIENCE and not self.is_over.is_set():
            reply = self.attempt(method, url, data)
            if reply is not None and reply.status_code < 500:
                self.walker.slowest = max(self.walker.slowest, time.monotonic() - begun)
                if found := ADDRESS.match(reply.url.path):
                    self.walker.token = found[1]
                return reply
            time.sleep(self.rng.uniform(0.05, 0.3))
        raise GaveUp(f"{method} for {time.monotonic() - begun:.0f} s")

    def attempt(self, method: str, url: httpx2.URL | str, data: Mapping[str, str] | None) -> httpx2.Response | None:
        """Send once; None where the line lost the request or the reply."""
        counts = self.walker.counts
        fate = self.rng.random()
        if fate < self.p_fault / 2:
            counts["lost_requests"] += 1
            return None
        counts["requests"] += 1
        try:
            if fate < self.p_fault:
                counts["lost_replies"] += 1
                with self.client.stream(method, url, data=data, headers={"Connection": "close"}):
                    return None  # gone without a look at the page
            reply = self.client.request(method, url, data=data, follow_redirects=True)
        except httpx2.TransportError:
            counts["broken_connections"] += 1
            if fate >= self.p_fault:  # else the line lost it anyway
                self.walker.seen.append(Seen(time.monotonic(), BROKEN))
            return None
        if reply.status_code >= 500:
            self.walker.seen.append(Seen(time.monotonic(), f"status {reply.status_code}"))
        return reply


class Spread(httpx2.HTTPTransport):
    """Sends each request to any of the web hosts, as a load balancer without stickiness does."""

    def __init__(self, addresses: list[str], seed: str, trust: ssl.SSLContext | None) -> None:
        super().__init__(verify=trust or False)
        self.hosts = [httpx2.URL(address) for address in addresses]
        self.rng = random.Random(f"hosts of {seed}")

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = self.rng.choice(self.hosts)
        request.url = request.url.copy_with(host=host.host, port=host.port)
        return super().handle_request(request)


class Crowd:
    """The study with its small cells, and everybody who takes it."""

    def __init__(
        self, addresses: list[str], n: int, p_fault: float, seed: int, trust: ssl.SSLContext | None = None
    ) -> None:
        self.addresses, self.p_fault, self.trust = addresses, p_fault, trust
        self.is_over = Event()
        self.study = make_study(n)
        self.world = read_world(self.study)
        planted = replace(Planted(), p_drop_out=0.0, p_withdraws=0.0, p_break=0.0, p_double_click=0.0)
        countries = [RUSH] * (n // 5)
        others = cycle(self.study.arms.exclude(country=RUSH).values_list("country", flat=True))
        countries += islice(others, n - len(countries))
        people = [draw_person(f"chaos-{seed}-{i}", country, planted) for i, country in enumerate(countries)]
        self.walkers = [Walker(person, entry_link(person)) for person in people]

    def walk(self, walker: Walker) -> None:
        """Take the survey; whatever comes in between is noted."""
        try:
            spread = Spread(self.addresses, walker.person.name, self.trust)
            with httpx2.Client(base_url=self.addresses[0], timeout=60, transport=spread) as client:
                line = BadLine(client, walker, self.p_fault, self.is_over)
                walker.is_finished = take_survey(
                    cast(httpx2.Client, line), walker.entry, walker.person, self.world
                ).is_finished
        except Exception as error:
            walker.trouble = f"{type(error).__name__}: {error}"


def make_study(n: int) -> Study:
    """Open a study whose cells hold fewer than will come."""
    version = load_instrument(read_instrument(SHIPPED)).version
    study = create_study(
        code=STUDY, title="Chaos", version=version, panel=PanelName.DIRECT, target_per_cell=max(1, n // 40)
    )
    QuotaCell.objects.filter(arm__study=study, arm__country=RUSH).delete()
    QuotaCell.objects.create(arm=study.arms.get(country=RUSH), target=RUSH_PLACES)
    override_texts(study, by="bench", reason="nobody but the crowd sees them")
    launch_study(study)
    return study


def entry_link(person: Person) -> str:
    return f"/join/{STUDY}/{person.country}/?{urlencode({PARAMETER: issue_ticket(person.name)})}"
