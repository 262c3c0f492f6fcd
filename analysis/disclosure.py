"""How much is published of whom: nobody's age and gender unless enough others share them. Pure.

The rule, in each respondent country and language by itself:

1. A place (country and language) with fewer than k people is not published.
2. People whose age group and gender fewer than k share are published without age and gender.
3. Where these are fewer than k in their place, the smallest of its other groups joins them, until they are k.
4. Age bands are published in an age group and gender only if each band there has k people, else the age group.

Simulated respondents are no people: they neither count nor need cover.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

DEFAULT_K = 5
Place = tuple[str, str]  # country, locale
Group = tuple[str, str]  # age group (empty: in none), gender


class Detail(StrEnum):
    """How much of age and gender is published of a group of people."""

    BAND = "age band and gender"
    GROUP = "age group and gender"
    WITHHELD = "neither age nor gender"


class Traits(NamedTuple):
    """What people can be recognised by; age and gender are empty where they were not asked."""

    country: str
    locale: str
    age_band: str
    age_bucket: str
    gender: str


class Rule(NamedTuple):
    """What is shown of those who told this age band and gender."""

    country: str
    locale: str
    age_band: str
    gender: str
    shows_band: bool
    shows_group: bool


@dataclass(frozen=True)
class Disguise:
    """What a release makes of people: pseudonyms of its own, the sessions it takes, what it tells of them."""

    key: bytes
    statuses: Sequence[str]
    rules: Sequence[Rule] = ()
    left_out: Sequence[Place] = ()


class PlaceReport(NamedTuple):
    """How many people of a place are published with which detail; `smallest` is the smallest class of those alike."""

    country: str
    locale: str
    n: int
    n_by_detail: Mapping[str, int]
    smallest: int


@dataclass(frozen=True)
class Disclosure:
    """What is shown of whom, and the places with too few people to be shown at all."""

    k: int
    rules: Sequence[Rule]
    too_small: Mapping[Place, int]
    places: Sequence[PlaceReport]

    @property
    def n_withheld(self) -> int:
        return sum(place.n_by_detail[Detail.WITHHELD] for place in self.places)


def decide(people: Mapping[Traits, int], k: int = DEFAULT_K) -> Disclosure:
    """Apply the rule to counts of people by what they can be recognised by."""
    by_place: dict[Place, dict[Traits, int]] = defaultdict(dict)
    for traits, n in sorted(people.items()):
        by_place[traits.country, traits.locale][traits] = n
    rules: list[Rule] = []
    places = []
    too_small = {place: total for place, counts in by_place.items() if (total := sum(counts.values())) < k}
    for place, counts in by_place.items():
        if place not in too_small:
            details = _details(counts, k)
            rules += [_rule(traits, details[_group(traits)]) for traits in counts if traits.gender]
            places.append(_report(place, counts, details))
    return Disclosure(k, rules, too_small, places)


def _group(traits: Traits) -> Group:
    return traits.age_bucket, traits.gender


def _details(counts: Mapping[Traits, int], k: int) -> dict[Group, Detail]:
    """Decide on each group of one place."""
    bands: dict[Group, dict[str, int]] = defaultdict(dict)
    for traits, n in counts.items():
        if traits.gender:
            bands[_group(traits)][traits.age_band] = n
    sizes = {group: sum(ages.values()) for group, ages in bands.items()}
    n_unasked = sum(n for traits, n in counts.items() if not traits.gender)
    withheld = {group for group, size in sizes.items() if size < k}
    n_withheld = n_unasked + sum(sizes[group] for group in withheld)
    rest = sorted((group for group in sizes if group not in withheld), key=lambda group: (sizes[group], group))
    while rest and 0 < n_withheld < k:
        withheld.add(joining := rest.pop(0))
        n_withheld += sizes[joining]
    return {
        group: Detail.WITHHELD
        if group in withheld
        else Detail.BAND
        if all(n >= k for n in ages.values())
        else Detail.GROUP
        for group, ages in bands.items()
    }


def _rule(traits: Traits, detail: Detail) -> Rule:
    shows_band, shows_group = detail == Detail.BAND, detail != Detail.WITHHELD
    return Rule(traits.country, traits.locale, traits.age_band, traits.gender, shows_band, shows_group)


def _report(place: Place, counts: Mapping[Traits, int], details: Mapping[Group, Detail]) -> PlaceReport:
    n_by_detail = dict.fromkeys(map(str, Detail), 0)
    classes: dict[tuple[str, str], int] = defaultdict(int)
    for traits, n in counts.items():
        detail = details[_group(traits)] if traits.gender else Detail.WITHHELD
        n_by_detail[detail] += n
        age = {Detail.BAND: traits.age_band, Detail.GROUP: traits.age_bucket, Detail.WITHHELD: ""}[detail]
        classes[age, "" if detail == Detail.WITHHELD else traits.gender] += n
    return PlaceReport(*place, sum(counts.values()), n_by_detail, min(classes.values()))
