"""Simulated participants: planted behaviour, and a walker that takes the survey over HTTP as a browser would.

What they answer follows a crossed-effects logit with known parameters (`Planted`), so that an analysis of their
answers has a truth to be compared with; how they behave (speeding, leaving, coming back …) is planted as well. They
enter with signed tickets and are marked as simulated for good.

Their times are real: whoever is to need time for a page waits it out before sending the form, at a pace of their own.
"""

from __future__ import annotations

import csv
import math
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import httpx2

from survey.enums import AgeBand, Choice, Gender, Question, Relation

MAX_PAGES = 200  # a walk that is longer goes in circles
SPEEDERS_PACE = 0.1  # of the time that others take for a page
SD_PACE = 0.25  # of the logarithm of the others' paces


@dataclass(frozen=True)
class Planted:
    """The truth behind the answers, in logits of following the culture; positive follows more."""

    intercept: float = 0.8
    country: Mapping[str, float] = field(
        default_factory=lambda: {"BR": -0.5, "IN": 0.4, "ZA": -0.2, "GB": 0.1, "US": 0.2}
    )
    relation: Mapping[Relation, float] = field(
        default_factory=lambda: {Relation.SAME: -0.5, Relation.CLOSE: 0.0, Relation.FAR: 0.2}
    )
    norm: float = 0.4  # norm judgments against personal choices
    first_option: float = 0.15  # pull of whatever option stands first
    sd_person: float = 0.8
    sd_item: float = 1.0
    p_no_consent: float = 0.03
    p_elsewhere: float = 0.02  # does not live where the panel said
    p_inattentive: float = 0.05  # fails attention checks, and the comprehension check half of the time
    p_declines: float = 0.01  # leaves a question open, also when asked again
    p_drop_out: float = 0.06
    p_hindi: float = 0.3
    p_speeder: float = 0.04  # takes a tenth of the time; shows only where the walk takes time
    p_straight_liner: float = 0.03  # always takes whatever option stands first
    p_break: float = 0.05  # leaves after a few pages and comes back by the entry link
    p_double_click: float = 0.05  # sends every form twice
    p_withdraws: float = 0.02  # stops by the page's own link, so that no answer counts


class ItemFacts(NamedTuple):
    """What a simulated participant may know of the item that they see."""

    code: str
    scenario_country: str


class Person(NamedTuple):
    """One simulated participant, wholly drawn from their name."""

    name: str
    country: str
    tendency: float
    age_band: str
    gender: str
    consents: bool
    is_elsewhere: bool
    is_attentive: bool
    stops_after: int | None
    reads_hindi: bool
    pace: float
    is_speeder: bool
    is_straight_liner: bool
    breaks_after: int | None
    is_double_clicker: bool
    withdraws_after: int | None


def draw_person(name: str, country: str, planted: Planted) -> Person:
    """Draw who somebody is and how they behave; another rate of one kind leaves the other kinds as they are."""
    rng = random.Random(f"person {name}")
    conduct = {kind: random.Random(f"{kind} {name}") for kind in ("pace", "speeder", "line", "break", "click", "stop")}
    is_speeder = conduct["speeder"].random() < planted.p_speeder
    bands = [band.value for band in AgeBand if band not in {AgeBand.UNDISCLOSED, AgeBand.UNDER_18}]
    genders = [Gender.WOMAN, Gender.MAN, Gender.ANOTHER, Gender.UNDISCLOSED]
    return Person(
        name=name,
        country=country,
        tendency=rng.gauss(0, planted.sd_person),
        age_band=rng.choices(bands, [18, 26, 20, 15, 12, 9])[0],
        gender=rng.choices(genders, [48, 48, 2, 2])[0].value,
        consents=rng.random() >= planted.p_no_consent,
        is_elsewhere=rng.random() < planted.p_elsewhere,
        is_attentive=rng.random() >= planted.p_inattentive,
        stops_after=rng.randrange(2, 18) if rng.random() < planted.p_drop_out else None,
        reads_hindi=rng.random() < planted.p_hindi,
        pace=SPEEDERS_PACE if is_speeder else math.exp(conduct["pace"].gauss(0, SD_PACE)),
        is_speeder=is_speeder,
        is_straight_liner=conduct["line"].random() < planted.p_straight_liner,
        breaks_after=conduct["break"].randrange(5, 16) if conduct["break"].random() < planted.p_break else None,
        is_double_clicker=conduct["click"].random() < planted.p_double_click,
        withdraws_after=conduct["stop"].randrange(6, 16) if conduct["stop"].random() < planted.p_withdraws else None,
    )


def write_truth(people: Iterable[Person], path: Path) -> None:
    """Write what was planted, one row per person; an empty page number means that they never do it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Person._fields)
        writer.writerows(people)


def item_effect(code: str, planted: Planted) -> float:
    return random.Random(f"item {code}").gauss(0, planted.sd_item)


@dataclass(frozen=True)
class World:
    """What the walkers know: the planted truth, the items by the scenario's text, each country's relations."""

    planted: Planted
    items: Mapping[str, ItemFacts]
    close: Mapping[str, frozenset[str]]
    seconds_per_page: float = 0.0  # of somebody of the usual pace; 0: nobody waits

    def relation(self, country: str, scenario_country: str) -> Relation:
        if scenario_country == country:
            return Relation.SAME
        return Relation.CLOSE if scenario_country in self.close.get(country, frozenset()) else Relation.FAR

    def p_culture(self, person: Person, item: ItemFacts, question: Question, *, culture_is_first: bool) -> float:
        """Give the planted probability that a person follows the culture on an item."""
        truth = self.planted
        logit = truth.intercept + truth.country.get(person.country, 0.0) + person.tendency
        logit += truth.relation[self.relation(person.country, item.scenario_country)] + item_effect(item.code, truth)
        logit += truth.norm if question == Question.NORM else 0.0
        logit += truth.first_option if culture_is_first else -truth.first_option
        return 1 / (1 + math.exp(-logit))


class PageReader(HTMLParser):
    """Read from a page what a participant needs: its form, its options, its scenario."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.has_form = False
        self.hidden: dict[str, str] = {}
        self.options: dict[str, list[str]] = {}
        self.labels: dict[str, str] = {}
        self.legend = ""
        self.scenario = ""
        self.stop_link = ""
        self._in_scenario = False
        self._in = ""
        self._option = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.has_form = True
        elif tag == "input" and values.get("type") == "hidden":
            self.hidden[values["name"]] = values["value"]
        elif tag == "input" and values.get("type") == "radio":
            self.options.setdefault(values["name"], []).append(values["value"])
            self._option = values["value"]
        elif tag == "a" and values.get("href", "").endswith("/stop/"):
            self.stop_link = values["href"]
        elif tag == "div":
            self._in_scenario = values.get("class") == "scenario"
        elif tag in {"legend", "span"} or (tag == "p" and self._in_scenario and not self.scenario):
            self._in = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""
        elif tag == "div":
            self._in_scenario = False

    def handle_data(self, data: str) -> None:
        if self._in == "p":
            self.scenario += data
        elif self._in == "legend":
            self.legend = data
        elif self._in == "span":
            self.labels[self._option] = data

    def asked_for(self) -> str:
        """Give the option that the question itself asks to select, as an attention check does."""
        return next((value for value, label in self.labels.items() if f"“{label}”" in self.legend), "")


class Walk(NamedTuple):
    """How a walk ended: the pages passed, and whether the end page was reached."""

    n_pages: int
    is_finished: bool


class UnexpectedPage(RuntimeError):
    """The site answered with something that is no page of the survey."""


def choose(person: Person, page: PageReader, world: World, rng: random.Random) -> dict[str, str]:
    """Answer a page as the person would."""
    answers = {}
    for name, values in page.options.items():
        if name not in Question.values:
            answers[name] = tell(person, page, name, values, rng)
        elif person.is_straight_liner:
            answers[name] = values[0]
        elif rng.random() >= world.planted.p_declines or "declined" in values:
            item = world.items[page.scenario]
            p = world.p_culture(person, item, Question(name), culture_is_first=values[0] == Choice.CULTURE)
            answers[name] = (Choice.CULTURE if rng.random() < p else Choice.PREFERENCE).value
            if values[-1] == "declined" and rng.random() < 0.5:
                answers[name] = "declined"
    return answers


def tell(person: Person, page: PageReader, name: str, values: list[str], rng: random.Random) -> str:
    """Answer a question about oneself or a check."""
    wishes = {
        "consent": "yes" if person.consents else "no",
        "locale": values[-1] if person.reads_hindi else values[0],
        "age_band": person.age_band,
        "gender": person.gender,
        "country": "other" if person.is_elsewhere else person.country,
        "fluency": "fluent",
        "comprehension": "both" if person.is_attentive or rng.random() < 0.5 else "facts",
        "attention": page.asked_for() if person.is_attentive else values[0],
    }
    return wishes[name]


def take_survey(client: httpx2.Client, entry: str, person: Person, world: World) -> Walk:
    """Walk the pages from the entry link to the end, or to where the person drops out."""
    rng = random.Random(f"answers {person.name}")
    reply = client.get(entry, follow_redirects=True)
    for n_pages in range(MAX_PAGES):
        page = read_page(reply)
        if not page.has_form:
            return Walk(n_pages, is_finished=True)
        if is_due(person.stops_after, n_pages):
            return Walk(n_pages, is_finished=False)
        if is_due(person.withdraws_after, n_pages) and page.stop_link:
            client.post(reply.url.join(page.stop_link), data=page.hidden, follow_redirects=True)
            return Walk(n_pages, is_finished=True)
        time.sleep(world.seconds_per_page * person.pace)
        if n_pages == person.breaks_after:
            reply = come_back(client, entry, reply)
            page = read_page(reply)
        data = {**page.hidden, **choose(person, page, world, rng)}
        for _ in range(2 if person.is_double_clicker else 1):
            answer = client.post(reply.url, data=data, follow_redirects=True)
        reply = answer
    raise UnexpectedPage(f"{person.name} still walks after {MAX_PAGES} pages")


def is_due(after: int | None, n_pages: int) -> bool:
    return after is not None and n_pages >= after


def read_page(reply: httpx2.Response) -> PageReader:
    if reply.status_code not in {200, 422}:  # 422 is the page again, with what is missing
        raise UnexpectedPage(f"{reply.url.path} answered {reply.status_code}")
    return PageReader(reply.text)


def come_back(client: httpx2.Client, entry: str, left: httpx2.Response) -> httpx2.Response:
    """Enter again by the link, as after a break; whoever comes back must find the session they left."""
    reply = client.get(entry, follow_redirects=True)
    if reply.url.path != left.url.path:
        raise UnexpectedPage(f"the entry link led back to {reply.url.path} instead of {left.url.path}")
    return reply
