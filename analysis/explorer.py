"""Items and what was answered to them: one map of all items by country, one page per item. No answer is read again.

People's numbers come from the item counts that the live summary keeps; models' from their stored readings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import QuerySet

from analysis.figures import Figure, FigureRow, Value, draw, share_scale
from analysis.models import ItemCount
from analysis.stats.live_counts import wilson_95
from survey.enums import Country, Question, Theme
from survey.llm.models import Completion
from survey.models import Item, Study, Text

N_SAMPLES = 8
N_SHADES = 5
SERIES = ("personal choice", "norm judgment")
FEW = 5  # answers below which a share is drawn pale
TEXT_PARTS = {  # an item's texts in the order in which a participant reads them, and what each is
    "scenario": "Situation",
    "expectation": "What is expected",
    "preference": "What is preferred",
    "choice_culture": "Answer that follows the culture",
    "choice_preference": "Answer that allows the preference",
    "actor": "Who the question is about",
}


class Answers(NamedTuple):
    """Different people's answers to a question of one item: how many, and how many follow the culture."""

    n: int
    n_culture: int

    @property
    def rate(self) -> float | None:
        return self.n_culture / self.n if self.n else None

    @property
    def shown(self) -> Value:
        low, high = wilson_95(self.n_culture, self.n) or (None, None)
        return Value(self.rate, low, high)


NOBODY = Answers(0, 0)
Counts = Mapping[tuple[int, str, str], Answers]  # by item, country and question


@dataclass(frozen=True)
class Spot:
    """One field of the map."""

    answers: Answers
    are_outcomes_shown: bool

    @property
    def text(self) -> str:
        if not self.answers.n:
            return "–"
        return f"{100 * (self.answers.rate or 0):.0f}%" if self.are_outcomes_shown else f"{self.answers.n}"

    @property
    def shade(self) -> str:
        """Give the class of the field's ground: from few to all who follow the culture; pale where answers are few."""
        if not self.are_outcomes_shown or not self.answers.n:
            return "none"
        level = min(N_SHADES - 1, int((self.answers.rate or 0) * N_SHADES))
        return f"s{level}{' few' if self.answers.n < FEW else ''}"


@dataclass(frozen=True)
class MapRow:
    item: Item
    spots: Sequence[Spot]

    @property
    def n(self) -> int:
        return sum(spot.answers.n for spot in self.spots)


def read_counts(study: Study, *, simulated: bool, items: Iterable[Item] | None = None) -> Counts:
    """Read the counts of a study's items, of real or of simulated people."""
    counts = ItemCount.objects.filter(study=study, is_simulated=simulated)
    if items is not None:
        counts = counts.filter(item__in=items)
    rows = counts.values_list("item_id", "country", "question", "n", "n_culture")
    return {(item, country, question): Answers(n, culture) for item, country, question, n, culture in rows}


class Counted(NamedTuple):
    """Whose answers are among a study's counts. Simulated people step back before real ones."""

    real: bool
    simulated: bool

    @property
    def is_simulated(self) -> bool:
        return not self.real

    @property
    def steps_back(self) -> bool:
        return self.real and self.simulated


def who_is_counted(study: Study) -> Counted:
    """Tell whose answers are among the counts."""
    kinds = set(ItemCount.objects.filter(study=study, n__gt=0).values_list("is_simulated", flat=True).distinct())
    return Counted(False in kinds, True in kinds)


def chosen_items(study: Study, *, theme: str = "", scenario: str = "", core: bool = False) -> QuerySet[Item]:
    """Give the items of a study's version, filtered."""
    items = Item.objects.filter(version=study.version_id).order_by("code")
    if theme in Theme.values:
        items = items.filter(theme=theme)
    if scenario in Country.values:
        items = items.filter(scenario_country=scenario)
    return items.filter(is_core=True) if core else items


def draw_map(
    items: Iterable[Item], countries: Sequence[Country], question: Question, counts: Counts, *, shown: bool
) -> list[MapRow]:
    """Lay out all items by country, for one question."""
    return [
        MapRow(item, [Spot(counts.get((item.pk, c, question), NOBODY), shown) for c in countries]) for item in items
    ]


class PeopleLine(NamedTuple):
    """One country's answers to an item, by question."""

    country: Country
    answers: Sequence[Answers]


def people_lines(item: Item, countries: Sequence[Country], counts: Counts) -> list[PeopleLine]:
    """Give each country's answers to an item, in the order of the questions."""
    return [
        PeopleLine(country, [counts.get((item.pk, country, question), NOBODY) for question in Question])
        for country in countries
    ]


def any_of(line: PeopleLine) -> bool:
    """Tell whether anybody of a country answered."""
    return any(each.n for each in line.answers)


def people_figure(item: Item, countries: Sequence[Country], counts: Counts, note: str) -> Figure:
    """Draw the share that follows the culture by country and question, with intervals over people."""
    lines = people_lines(item, countries, counts)
    rows = [FigureRow(one.country.label, [each.shown for each in one.answers]) for one in lines if any_of(one)]
    return draw(
        f"item_{item.code}", "Share that follows the culture", rows, series=SERIES, scale=share_scale(), note=note
    )


def sample_completions(study: Study, item: Item) -> list[Completion]:
    """Give some answers as they came: of different models first.

    They are nearly always found among the first repeats: all answers need not be put in order for them.
    """
    of_item = Completion.objects.filter(cell__item=item, cell__run__study=study, set_aside_by=None)
    in_order = of_item.select_related("cell__spec").order_by("cell__repeat", "-cell__persona_setting", "pk")
    first = list(in_order.filter(cell__repeat=0)[:N_SAMPLES])
    return first if len(first) == N_SAMPLES else list(in_order[:N_SAMPLES])


def item_texts(item: Item) -> dict[str, list[tuple[str, Text]]]:
    """Give an item's texts by locale, each behind what it is, in the order in which a participant reads them."""
    found = Text.objects.filter(version=item.version_id, key__startswith=f"items.{item.code}.")
    order = {part: place for place, part in enumerate(TEXT_PARTS)}
    by_locale: dict[str, list[tuple[str, Text]]] = defaultdict(list)
    for text in sorted(found, key=lambda text: (text.locale, order.get(part_of(text), len(order)))):
        by_locale[text.locale].append((TEXT_PARTS.get(part_of(text), part_of(text)), text))
    return dict(by_locale)


def part_of(text: Text) -> str:
    """Name the part of its item that a text is."""
    return text.key.rpartition(".")[2]
