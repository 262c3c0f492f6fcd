"""How many people of each country have judged each item: a small map, from the counts that are kept up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Max, Q

from analysis.models import ItemCount
from survey.enums import Country
from survey.models import Item, Study

STEP_X, STEP_Y, LABEL_WIDTH = 5.0, 16.0, 34.0
LEVELS = (0, 1, 5, 15, 30)  # from so many people on a field takes the next shade


class Shade(NamedTuple):
    """All fields of one shade as one path, so that hundreds of items stay light."""

    name: str
    path: str
    label: str


class Row(NamedTuple):
    country: Country
    y: float
    counts: Sequence[int]

    @property
    def text_y(self) -> float:
        return self.y + 11


class Fewest(NamedTuple):
    """Where an item has the fewest answers in a country, of those that were judged there at all."""

    country: Country
    item: str
    n: int
    median: int
    n_without: int


@dataclass(frozen=True)
class ItemHealth:
    """Items by country: people who judged them, complete sessions before exclusions."""

    items: Sequence[str]
    rows: Sequence[Row]
    shades: Sequence[Shade]
    is_simulated: bool

    @property
    def width(self) -> float:
        return LABEL_WIDTH + STEP_X * len(self.items)

    @property
    def height(self) -> float:
        return STEP_Y * len(self.rows)

    @property
    def has_answers(self) -> bool:
        return any(any(row.counts) for row in self.rows)

    @property
    def fewest(self) -> list[Fewest]:
        found = []
        for row in self.rows:
            judged = sorted((n, item) for n, item in zip(row.counts, self.items, strict=True) if n)
            if judged:
                middle = judged[len(judged) // 2][0]
                found.append(Fewest(row.country, judged[0][1], judged[0][0], middle, len(row.counts) - len(judged)))
        return found

    @property
    def description(self) -> str:
        told = [f"{f.country.label}: median {f.median}, fewest {f.n} ({f.item})" for f in self.fewest]
        return "; ".join(told) + "." if told else "No item has answers yet."

    @property
    def table(self) -> list[list[str | int]]:
        """Give one row per item: its code, and its people by country."""
        return [[item, *(row.counts[at] for row in self.rows)] for at, item in enumerate(self.items)]


def read_item_health(study: Study, countries: Sequence[Country]) -> ItemHealth:
    """Read the people per item and country, real ones where there are any; two queries."""
    items = list(Item.objects.filter(version=study.version_id).order_by("code").values_list("pk", "code"))
    # Both questions of an item come with one page: the larger count is that of its people.
    groups = ItemCount.objects.filter(study=study, n__gt=0).values_list("item_id", "country")
    real, simulated = Max("n", filter=Q(is_simulated=False)), Max("n", filter=Q(is_simulated=True))
    found = {(item, country): by for item, country, *by in groups.annotate(real=real, simulated=simulated).order_by()}
    is_simulated = not any(by[0] for by in found.values())
    rows = [
        Row(country, STEP_Y * place, [found.get((pk, country), (0, 0))[is_simulated] or 0 for pk, _ in items])
        for place, country in enumerate(countries)
    ]
    return ItemHealth([code for _, code in items], rows, _shades(rows), is_simulated and bool(found))


def _shades(rows: Sequence[Row]) -> list[Shade]:
    ends = [*LEVELS[1:], None]
    shades = []
    for level, (start, end) in enumerate(zip(LEVELS, ends, strict=True)):
        fields = [
            f"M{LABEL_WIDTH + STEP_X * at:g} {row.y + 1:g}h4v{STEP_Y - 2:g}h-4z"
            for row in rows
            for at, n in enumerate(row.counts)
            if n >= start and (end is None or n < end)
        ]
        label = "nobody" if end == 1 else f"{start} or more" if end is None else f"{start} to {end - 1}"
        shades.append(Shade(f"h{level}", "".join(fields), label))
    return shades
