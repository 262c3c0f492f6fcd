"""What a planner asks: which effect, how many people and items, how much answers vary. Light: no NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import Sum

from survey.models import Item, QuotaCell, Study

MOST_SIMULATED_ANSWERS = 40_000_000  # over all simulated studies of a question: some minutes


class Kind(StrEnum):
    """What a study shall find."""

    COUNTRIES = "countries"
    OWN_CULTURE = "own_culture"
    DISAGREEMENT = "disagreement"


KIND_TITLES = {
    Kind.COUNTRIES: "a difference between two countries",
    Kind.OWN_CULTURE: "an own-culture effect: the same people at home and elsewhere",
    Kind.DISAGREEMENT: "reliable disagreement about single items",
}


class Bound(NamedTuple):
    """What a number is called, and between what it may lie."""

    label: str
    low: float
    high: float
    is_whole: bool = False


BOUNDS: Mapping[str, Bound] = {
    "effect": Bound("Effect to find, in points", 0.5, 60),
    "people": Bound("People per country (answers per item, for disagreement)", 2, 2000, is_whole=True),
    "items": Bound("Items per person and side (items of the study, for disagreement)", 2, 200, is_whole=True),
    "pool": Bound("Items in all that they are drawn from; 0: nobody shares one", 0, 1000, is_whole=True),
    "mean": Bound("Answers that follow the culture, in %", 5, 95),
    "respondent_sd": Bound("SD between people, in logits", 0, 4),
    "item_sd": Bound("SD between items, in logits", 0, 4),
    "alpha": Bound("Level of significance", 0.0001, 0.2),
    "tests": Bound("Tests of the family, each held to its share of the level", 1, 200, is_whole=True),
    "wanted": Bound("Power, or reliability, that is wanted", 0.5, 0.99),
    "runs": Bound("Studies to simulate at each number of people", 20, 1000, is_whole=True),
    "seed": Bound("Seed", 0, 2**32 - 1, is_whole=True),
}


@dataclass(frozen=True)
class SampleQuestion:
    """One question to the planner; the same question always has the same answers."""

    kind: str = Kind.COUNTRIES
    is_shared: bool = True
    effect: float = 5
    people: int = 50
    items: int = 24
    pool: int = 0
    mean: float = 70
    respondent_sd: float = 0.8
    item_sd: float = 1.0
    alpha: float = 0.05
    tests: int = 1
    wanted: float = 0.8
    runs: int = 200
    seed: int = 1

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": str(self.kind)}

    def as_query(self) -> dict[str, str]:
        """Give the fields of the form; its address is a permanent link."""
        told = {
            name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in self.as_json().items()
        }
        return {**told, "is_shared": "1" if self.is_shared else "0"}

    @property
    def people_tried(self) -> list[int]:
        """List the numbers of people that are simulated: what was asked for, about half and twice as many."""
        most = int(BOUNDS["people"].high)
        return sorted({max(self.people // 2, 2), self.people, min(self.people * 2, most)})


def read_question(data: Mapping[str, str], first: SampleQuestion) -> SampleQuestion:
    """Read the form, with `first` for what it leaves out; `ValueError` says everything that is wrong."""
    values: dict[str, Any] = {}
    wrong = []
    for name, bound in BOUNDS.items():
        text = data.get(name, "").strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            wrong.append(f"{bound.label}: {text[:20]} is no number")
            continue
        if not bound.low <= value <= bound.high or (bound.is_whole and value != int(value)):
            kind = "a whole number" if bound.is_whole else "a number"
            wrong.append(f"{bound.label}: must be {kind} from {bound.low:g} to {bound.high:g}")
            continue
        values[name] = int(value) if bound.is_whole else value
    kind = data.get("kind", first.kind)
    if kind not in set(Kind):
        wrong.append("choose what shall be found")
    if not wrong:
        found = SampleQuestion(**{**first.as_json(), **values, "kind": kind, "is_shared": _flag(data, first)})
        wrong += _together(found)
        if not wrong:
            return found
    raise ValueError("; ".join(wrong))


def _flag(data: Mapping[str, str], first: SampleQuestion) -> bool:
    return data["is_shared"] == "1" if "is_shared" in data else first.is_shared


def _together(question: SampleQuestion) -> list[str]:
    wrong = []
    if question.kind != Kind.DISAGREEMENT and 0 < question.pool < question.items:
        wrong.append("a person cannot judge more items than there are in all")
    n = sum(question.people_tried) * question.items * question.runs * 2
    if n > MOST_SIMULATED_ANSWERS:
        wrong.append(f"{n:,} answers would be simulated: ask for fewer studies, people or items")
    return wrong


def of_study(study: Study) -> SampleQuestion:
    """Take a study's own design: people by its quota cells, items by what each person is given of the core."""
    by_arm = QuotaCell.objects.filter(arm__study=study).values("arm").annotate(wanted=Sum("target"))
    people = [arm["wanted"] for arm in by_arm]
    arms = study.version.structure.get("arms", {})
    given = [arm["items"]["core"] for arm in arms.values() if arm.get("items", {}).get("core")]
    n_core = Item.objects.filter(version=study.version, is_core=True).count()
    first = SampleQuestion()
    items = max(min(given, default=first.items), 2)
    within = int(BOUNDS["people"].low), int(BOUNDS["people"].high)
    n_people = min(max(min((n for n in people if n), default=first.people), within[0]), within[1])
    return SampleQuestion(people=n_people, items=items, pool=n_core if n_core >= items else 0)
