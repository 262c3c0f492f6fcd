"""What a family of results is made of, and how its numbers and groups are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analysis.figures import Figure, Value, write_value
from analysis.results.stored import Row
from survey.enums import AgeBucket, Country, Relation, Theme

Write = Callable[[float], str]
QUESTIONS = ("personal", "norm")
SERIES = ("personal choice", "norm judgment")
SHORT_COUNTRIES = {Country.US: "United States"}
NO_ESTIMATE = "not estimable"
SETTINGS = {"no_persona": "without persona", "persona": "with personas"}


class Panel(NamedTuple):
    """Figures that belong together, under a heading."""

    title: str
    figures: Sequence[Figure]


class ShownTable(NamedTuple):
    """A table as text: the first column names the row."""

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Family:
    """One section of the results page."""

    key: str
    title: str
    finding: str
    panels: Sequence[Panel]
    more_panels: Sequence[Panel]
    tables: Sequence[ShownTable]
    csv_names: Sequence[str]
    n_not_estimable: int
    reasons: Sequence[str]

    @property
    def how(self) -> str:
        return f"analysis/how/{self.key}.html"


def value_of(row: Row | None) -> Value:
    return Value(row.get("estimate"), row.get("ci_low"), row.get("ci_high")) if row else Value(None, None, None)


def group_label(grouping: str, group: str) -> str:
    """Name a group as people do."""
    if group == "not_given":
        return "Not given"
    if grouping == "country":
        return SHORT_COUNTRIES.get(Country(group), Country(group).label) if group != "all" else "All countries"
    if grouping == "relation":
        return f"{Relation(group).label}" if group == "same" else f"{Relation(group).label} countries"
    if grouping == "theme":
        return Theme(group).label
    if grouping == "cell":
        bucket, _, gender = group.partition("_")
        return f"{AgeBucket(bucket).label} {'women' if gender == 'female' else 'men'}"
    return "All"


def ordered(grouping: str, groups: Iterable[str]) -> list[str]:
    """Give the groups in their own order, countries by name after all together, what was not given last."""

    def rank(group: str) -> tuple[bool, bool, str]:
        return group == "not_given", group != "all", group_label(grouping, group) if grouping == "country" else ""

    return sorted(dict.fromkeys(groups), key=rank)


def family(
    key: str, title: str, finding: str, rows: Sequence[Row], panels: Sequence[Panel], tables: Sequence[ShownTable]
) -> Family:
    """Put a family together: the first two panels open, the others folded, what is empty left out."""
    missing = [row for row in rows if row["reason"] and row.get("measure") != "majority_agreement_paper"]
    reasons = sorted({row["reason"] for row in missing})
    filled = [panel for panel in panels if panel.figures and any(figure.rows for figure in panel.figures)]
    shown = [table for table in tables if table.rows]
    return Family(key, title, finding, filled[:2], filled[2:], shown, [key] if rows else [], len(missing), reasons)


def cell(row: Row | None, write: Callable[[float], str]) -> str:
    """Write a row's estimate with its interval."""
    return write_value(value_of(row), write)


def number(value: float | None, write: Callable[[float], str]) -> str:
    """Write a number that has no interval."""
    return NO_ESTIMATE if value is None else write(value)


def p_value(value: float | None) -> str:
    """Write a p value to three places."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
