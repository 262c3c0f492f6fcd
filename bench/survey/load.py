"""Drive participants for a while and count what was completed in a window of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.survey.client import BrokenConnection, Browser
from bench.survey.flows import Flow, WrongPage
from bench.survey.meters import Meter, Reading

PATIENCE = 60.0  # seconds that a submit may take


@dataclass(frozen=True)
class Load:
    """How many take the survey at once, for how long, and how long each reads a page."""

    at_once: int
    seconds: float
    warm_up: float = 2.0  # seconds before the window, and
    warm_submits: int = 2  # submits that each place has passed by then: consent and demographics
    longest_warm_up: float = 60.0
    think: float = 0.0  # seconds on average, of half to one and a half of it

    @property
    def name(self) -> str:
        return f"{self.at_once}, {self.think:g} s think" if self.think else str(self.at_once)


@dataclass
class Outcome:
    """What came of it: submits that ended in the window, and everything that was acknowledged at all."""

    took: list[float] = field(default_factory=list)  # seconds of each submit that ended in the window
    seconds: float = 0.0
    n_participants: int = 0  # who came to the end within the window
    n_requests: int = 0
    n_bytes: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    n_answers: int = 0  # acknowledged, also outside the window
    reading: Reading | None = None


class Crowd:
    """The places of those who take the survey at once; whoever is through makes place for the next."""

    def __init__(self, load: Load, kind: type[Flow], spec: dict[str, Any], port: int, codes: Iterator[str]) -> None:
        self.load, self.kind, self.spec, self.port, self.codes = load, kind, spec, port, codes
        self.outcome = Outcome()
        self.is_counting = self.is_over = False
        self.submits_of = [0] * load.at_once

    async def run(self, meter: Meter) -> Outcome:
        places = [asyncio.create_task(self.fill(place)) for place in range(self.load.at_once)]
        await self.warm_up()
        begun, before = time.perf_counter(), meter.read()
        self.is_counting = True
        await asyncio.sleep(self.load.seconds)
        self.is_counting = False
        self.outcome.seconds = time.perf_counter() - begun
        self.outcome.reading = meter.read() - before
        self.is_over = True
        await asyncio.gather(*places)
        return self.outcome

    async def warm_up(self) -> None:
        begun = time.perf_counter()
        while (spent := time.perf_counter() - begun) < self.load.longest_warm_up:
            if spent >= self.load.warm_up and min(self.submits_of) >= self.load.warm_submits:
                return
            await asyncio.sleep(0.05)

    async def fill(self, place: int) -> None:
        """Send one participant after another through the survey."""
        rng = random.Random(place)
        await asyncio.sleep(rng.uniform(0, self.load.think))
        while not self.is_over:
            browser = Browser(self.port)
            code = next(self.codes, "")
            if not code:
                self.outcome.errors["nobody is left: more participants must be made beforehand"] += 1
                return
            flow = self.kind(browser, self.spec, code)
            try:
                await asyncio.wait_for(flow.begin(), PATIENCE)
                await self.walk(flow, place, rng)
            except (WrongPage, BrokenConnection, OSError, TimeoutError) as error:
                self.outcome.errors[f"{type(error).__name__}: {error}"[:120]] += 1
                self.submits_of[place] += self.load.warm_submits
                await asyncio.sleep(0.1)
            finally:
                self.outcome.n_answers += flow.n_answers
                browser.close()

    async def walk(self, flow: Flow, place: int, rng: random.Random) -> None:
        browser, outcome = flow.browser, self.outcome
        while not (flow.is_finished or self.is_over):
            if self.load.think:
                await asyncio.sleep(self.load.think * rng.uniform(0.5, 1.5))
            requests, n_bytes = browser.n_requests, browser.n_bytes
            begun = time.perf_counter()
            await asyncio.wait_for(flow.submit(), PATIENCE)
            self.submits_of[place] += 1
            if self.is_counting:
                outcome.took.append(time.perf_counter() - begun)
                outcome.n_requests += browser.n_requests - requests
                outcome.n_bytes += browser.n_bytes - n_bytes
                outcome.n_participants += flow.is_finished
