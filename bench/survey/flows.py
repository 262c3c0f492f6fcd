"""How a participant goes through each system, as its own pages do it; every page is identified after every submit."""

from __future__ import annotations

import html
import json
import random
import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from bench.survey.client import JSON, Browser, Reply
from bench.survey.spec import COUNTRY, END, GROUPS, N_ITEMS, N_SUBMITS

CHOICES = ("culture", "preference")
ABOUT = {"age_band": "25-34", "gender": "woman", "country": COUNTRY}


class WrongPage(RuntimeError):
    """What came back is not the page that was due."""


class Flow(ABC):
    """One participant at one system."""

    needs_codes: ClassVar[bool] = False  # whether participants exist beforehand

    def __init__(self, browser: Browser, spec: dict[str, Any], code: str) -> None:
        self.browser, self.spec, self.code = browser, spec, code
        self.rng = random.Random(code)
        self.path = ""
        self.page = b""
        self.item = ""
        self.seen: set[str] = set()
        self.n_answers = 0  # to items, acknowledged
        self.step = -1  # of the page that is open: 0 consent, 1 demographics, then the items, debrief, end

    @property
    def is_finished(self) -> bool:
        return self.step == N_SUBMITS

    async def begin(self) -> None:
        await self.enter()
        self.move_on()

    async def submit(self) -> None:
        """Send the open page's answers and receive the next page."""
        answers = self.answers()
        await self.send(answers)
        self.n_answers += len(answers) if "norm" in answers else 0
        self.move_on()

    def answers(self) -> dict[str, str]:
        if self.step == 0:
            return {"consent": "yes"}
        if self.step == 1:
            return ABOUT
        if self.step <= N_ITEMS + 1:
            return {name: self.rng.choice(CHOICES) for name in GROUPS["item"]}
        return {}

    def move_on(self) -> None:
        """Take the next step, and make sure that its page is here, each item for the first time."""
        self.step += 1
        if 2 <= self.step <= N_ITEMS + 1:
            self.item = self.find_item()
            if self.item in self.seen:
                raise WrongPage(f"item {self.item} again")
            self.seen.add(self.item)
        elif (mark := self.mark()) not in self.page:
            raise WrongPage(f"no {mark!r} at step {self.step}: {self.page[:200]!r}")

    def mark(self) -> bytes:
        """Give what only the page of this step has in it; no item."""
        names = {0: "consent", 1: "demographics", N_ITEMS + 2: "debrief"}
        text = self.spec[names[self.step]]["heading"] if self.step in names else END
        return html.escape(text).encode()

    @abstractmethod
    async def enter(self) -> None:
        """Open the first page."""

    @abstractmethod
    async def send(self, answers: dict[str, str]) -> None:
        """Send answers; the next page is then in ``page``."""

    @abstractmethod
    def find_item(self) -> str:
        """Read from the page which item it shows; `WrongPage` where it shows none."""

    async def follow(self, reply: Reply) -> None:
        """Follow a redirect to its page."""
        while reply.status in {302, 303, 307}:
            self.path = "/" + reply.location.removeprefix("http://").partition("/")[2]
            reply = await self.browser.get(self.path)
        self.page = expect(reply, 200).body

    def numbered_item(self, start: bytes, end: bytes) -> str:
        """Read the item by its scenario's text, on a page that also says which situation it is."""
        number = self.step - 1
        text = html.unescape(between(self.page, start, end).decode())
        known: str | None = self.spec["by_scenario"].get(text)
        if known is None or f"Situation {number} of {N_ITEMS}<".encode() not in self.page:
            raise WrongPage(f"not item {number}: {text[:80]!r}")
        return known


class SiteFlow(Flow):
    """PACT Site: the form's hidden fields go back with the answers; a redirect leads to the next page."""

    async def enter(self) -> None:
        await self.follow(await self.browser.get(f"/join/{self.spec['study']}/{COUNTRY}/"))

    async def send(self, answers: dict[str, str]) -> None:
        stamp = between(self.page, b'name="stamp" value="', b'"').decode()
        lang = between(self.page, b'name="lang" value="', b'"').decode()
        await self.follow(expect(await self.browser.post(self.path, {"stamp": stamp, "lang": lang, **answers}), 303))

    def find_item(self) -> str:
        return self.numbered_item(b'<div class="scenario">\n<p>', b"</p>")


class LimitFlow(SiteFlow):
    """The bare application, which has the site's addresses and form."""

    needs_codes = True

    async def enter(self) -> None:
        self.path = f"/s/{self.code}/"
        self.page = expect(await self.browser.get(self.path), 200).body


class OtreeFlow(Flow):
    """oTree: each page posts to its own address, and a redirect leads to the next."""

    needs_codes = True

    async def enter(self) -> None:
        await self.follow(await self.browser.get(f"/InitializeParticipant/{self.code}"))

    async def send(self, answers: dict[str, str]) -> None:
        await self.follow(expect(await self.browser.post(self.path, answers), 302, 303))

    def find_item(self) -> str:
        return self.numbered_item(b"CONTENT BLOCK -->\n              \n<p>", b"</p>")


class PotatoFlow(Flow):
    """Potato: its script saves the answers, asks for the next page, and loads it: three requests."""

    async def enter(self) -> None:
        await self.follow(await self.browser.get(f"/?PROLIFIC_PID={self.code}"))

    async def send(self, answers: dict[str, str]) -> None:
        answers = answers or {"passed": "yes"}
        instance = self.item if "norm" in answers else "__phase_page__"
        labels = {f"{name}:{value}": value for name, value in answers.items()}
        saved = {"instance_id": instance, "annotations": labels, "cleared_schemas": [], "span_annotations": []}
        reply = await self.browser.send("/updateinstance", json.dumps(saved).encode(), JSON)
        if json.loads(expect(reply, 200).body)["status"] != "success":
            raise WrongPage(f"not saved: {reply.body[:200]!r}")
        moved = json.dumps({"action": "next_instance", "instance_id": instance}).encode()
        expect(await self.browser.send("/annotate", moved, JSON, "X-Potato-Navigation: 1\r\n"), 200, 302)
        self.page = expect(await self.browser.get("/"), 200).body
        self.item = ""

    def find_item(self) -> str:
        code = between(self.page, b'name="instance_id" type="hidden" value="', b'"').decode()
        scenario: bytes | None = self.spec["scenario_of"].get(code)
        if scenario is None or scenario not in self.page:
            raise WrongPage(f"not an item: {code!r}")
        return code

    def mark(self) -> bytes:
        return b"Thank You!" if self.step == N_SUBMITS else super().mark()


FLOWS: dict[str, type[Flow]] = {"ours": SiteFlow, "limit": LimitFlow, "otree": OtreeFlow, "potato": PotatoFlow}


def with_index(spec: dict[str, Any]) -> dict[str, Any]:
    """Add to a spec what pages are identified by."""
    plain = {one["code"]: re.split("['\"&<]", one["scenario"])[0].encode() for one in spec["items"]}
    return {**spec, "by_scenario": {one["scenario"]: one["code"] for one in spec["items"]}, "scenario_of": plain}


def expect(reply: Reply, *statuses: int) -> Reply:
    if reply.status not in statuses:
        raise WrongPage(f"status {reply.status}")
    return reply


def between(page: bytes, start: bytes, end: bytes) -> bytes:
    """Give what stands between two marks; `WrongPage` where the first is missing."""
    at = page.find(start)
    if at < 0:
        raise WrongPage(f"no {start!r}: {page[:200]!r}")
    at += len(start)
    return page[at : page.find(end, at)]
