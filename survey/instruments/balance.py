"""Warnings about ``items.csv`` as a whole: enough items of every country, spread evenly. Pure.

An item that stands alone for its country says as much about itself as about the country; the numbers are the
project's own floors, for the respondents' countries and for those that are fielded as close or far.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from math import ceil
from typing import Any

from survey.enums import ActorGender, AgeBucket, Theme
from survey.instruments.findings import Fault, Finding, Rule
from survey.instruments.schema import Definition, Row

FEWEST_OWN = 16  # scenarios set in a respondents' country
FEWEST_NEAR = 5  # scenarios set in a country that is fielded as close or far
FEWEST_CORE = 40  # items that every country judges: about what a rate per country needs to be told from the items'


def check_balance(definition: Definition) -> Iterator[Finding]:
    """Check that each country has enough items, and that its themes, receivers and core items are spread evenly."""
    by_country: dict[str, list[Row]] = defaultdict(list)
    for row in definition.items:
        by_country[row.values.get("scenario_country", "")].append(row)
    for country, own in by_country.items():
        for rule, message in chain(theme_faults(own), cell_faults(own)):
            yield Finding("items.csv", own[0].line, f"scenario_country {country or '?'}", rule, message)
    for rule, message in chain(supply_faults(definition.structure, by_country), core_faults(definition)):
        yield Finding("items.csv", 1, "scenario_country", rule, message)


def supply_faults(structure: Mapping[str, Any], by_country: Mapping[str, list[Row]]) -> Iterator[Fault]:
    arms = structure.get("arms", {})
    near = {country for arm in arms.values() for country in [*arm["close"], *arm["far"]]} - arms.keys()
    for country, fewest in [*((c, FEWEST_OWN) for c in arms), *((c, FEWEST_NEAR) for c in sorted(near))]:
        n = len(by_country.get(country, ()))
        if n < fewest:
            yield Fault(Rule.FEW_ITEMS, f"{country} has {n} items: write {fewest - n} more, for {fewest}")


def core_faults(definition: Definition) -> Iterator[Fault]:
    """Look at the common core, where the instrument's arms draw on one."""
    arms = definition.structure.get("arms", {})
    if not any(arm["items"].get("core") for arm in arms.values()):
        return
    core = Counter(row.values.get("scenario_country", "") for row in definition.items if row.values.get("core") == "1")
    if core.total() < FEWEST_CORE:
        yield Fault(Rule.CORE_BALANCE, f"{core.total()} core items: mark {FEWEST_CORE - core.total()} more")
    counts = {country: core[country] for country in arms}
    if max(counts.values()) - min(counts.values()) > 1:
        spread = ", ".join(f"{n} {country}" for country, n in counts.items())
        yield Fault(Rule.CORE_BALANCE, f"core items are {spread}: mark others until no country is two ahead of another")


def theme_faults(rows: list[Row]) -> Iterator[Fault]:
    counts = Counter(row.values.get("theme", "") for row in rows if row.values.get("theme") in Theme.values)
    most = ceil(len(rows) / len(Theme)) + 1
    for theme, n in counts.items():
        if n > most:
            yield Fault(Rule.THEME_BALANCE, f"{n} of {len(rows)} items are on {theme}: have at most {most}")
    absent = [theme.value for theme in Theme if theme != Theme.OTHER and theme not in counts]
    if len(rows) >= len(Theme) and absent:
        yield Fault(Rule.THEME_BALANCE, f"no item on {', '.join(absent)}: write one, or replace one of a fuller theme")


def cell_faults(rows: list[Row]) -> Iterator[Fault]:
    cells = Counter((row.values.get("receiver_age", ""), row.values.get("receiver_gender", "")) for row in rows)
    counts = {f"{age} {gender}": cells[age.value, gender.value] for age in AgeBucket for gender in ActorGender}
    if max(counts.values()) - min(counts.values()) > 1:
        spread = ", ".join(f"{n} {cell}" for cell, n in counts.items())
        yield Fault(Rule.CELL_BALANCE, f"receivers are {spread}: change some until no cell is two ahead of another")
