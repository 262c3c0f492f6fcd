"""What the texts and descriptors of a release say of it: gathered once, read by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from analysis.disclosure import Disclosure
from analysis.release.choices import Choices
from analysis.release.registered import Registered
from survey.flow.counted import counted
from survey.models import Study

SIMULATED_MARK = "CONTAINS SIMULATED DATA"


@dataclass(frozen=True)
class Earlier:
    """An earlier release of the study."""

    number: str
    day: date
    notes: str
    snapshot_hash: str
    choices: Mapping[str, Any]
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """One release, as its files describe it."""

    study: Study
    number: str
    day: date
    choices: Choices
    code_version: str
    snapshot_hash: str
    disclosure: Disclosure
    n_people: int
    n_simulated: int
    n_left_out: int
    statuses: Mapping[str, int]
    locales: Sequence[str]
    countries: Sequence[str]
    panels: Sequence[str]
    has_models: bool
    has_simulated_models: bool
    earlier: Sequence[Earlier]
    registered: Registered

    @property
    def release_id(self) -> str:
        return f"{self.study.code}-{self.number}"

    @property
    def is_simulated(self) -> bool:
        return bool(self.n_simulated or self.has_simulated_models)

    @property
    def title(self) -> str:
        title = self.choices.title or self.study.title
        return f"{title} ({SIMULATED_MARK})" if self.is_simulated else title

    @property
    def description(self) -> str:
        people = f"Answers of {self.n_people} people in {len(self.countries)} countries" if self.n_people else "Answers"
        simulated = f"; {counted(self.n_simulated, 'respondent')} simulated" if self.n_simulated else ""
        models = "; simulated language models" if self.has_simulated_models else ""
        return (
            f"{self._mark}{people} to two questions about short social situations: what they would do themselves, and"
            " what most people would consider appropriate; each time to follow the local expectation or to allow a"
            " preference"
            f"{'; language models asked the same' if self.has_models else ''}{simulated}{models}."
        )

    @property
    def _mark(self) -> str:
        return f"{SIMULATED_MARK}. " if self.is_simulated else ""

    @property
    def citation(self) -> str:
        authors = "; ".join(f"{a.family}, {a.given}" if a.given else a.family for a in self.choices.authors)
        where = f"https://doi.org/{self.choices.doi}" if self.choices.doi else self.choices.url
        return f"{authors} ({self.day.year}). {self.title} (version {self.number}) [Data set]. {where}"
