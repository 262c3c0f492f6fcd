"""What a family of results is made of, and how its numbers and groups are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analysis.families import HOLDS, FamilyKey
from analysis.figures import Figure, Value, write_value
from analysis.results.stored import Row
from survey.enums import AgeBucket, Country, Relation, Theme, country_name

Write = Callable[[float], str]
QUESTIONS = ("personal", "norm")
SERIES = ("personal choice", "norm judgment")
SHORT_COUNTRIES: Mapping[str, str] = {str(Country.US.label): "United States"}
PEOPLE = {"female": "women", "male": "men"}
NO_ESTIMATE = "not estimable"
COUNTED = (
    ("n", "answer", "answers"), ("n_pairs", "pair", "pairs"), ("n_respondents", "respondent", "respondents"),
    ("n_items", "item", "items"), ("n_sources", "item", "items"),
)  # fmt: skip
ADJUSTMENTS = {
    "holm": "Holm",
    "benjamini_hochberg": "Benjamini–Hochberg",
    "benjamini_yekutieli": "Benjamini–Yekutieli",
    "none": "nothing",
}
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


class Doubts(NamedTuple):
    """What makes a family unreliable in these data, and how many numbers are missing for which reasons."""

    told: Sequence[str] = ()
    n_not_estimable: int = 0
    reasons: Sequence[str] = ()


@dataclass(frozen=True)
class Family:
    """One family of results: what was found and on what it rests, figures, tables, doubts."""

    key: FamilyKey
    finding: str
    basis: str
    panels: Sequence[Panel]
    more_panels: Sequence[Panel]
    tables: Sequence[ShownTable]
    doubts: Doubts
    csv_names: Sequence[str] = ()

    @property
    def title(self) -> str:
        return HOLDS[self.key].title

    @property
    def how(self) -> str:
        return f"analysis/how/{self.key}.html"

    @property
    def figures(self) -> list[Figure]:
        return [figure for panel in (*self.panels, *self.more_panels) for figure in panel.figures]


def value_of(row: Row | None) -> Value:
    return Value(row.get("estimate"), row.get("ci_low"), row.get("ci_high")) if row else Value(None)


def group_label(grouping: str, group: str) -> str:
    """Name a group as people do."""
    if group == "not_given":
        return "Not given"
    if grouping == "country":
        return short_country(group) if group != "all" else "All countries"
    if grouping == "relation":
        return f"{Relation(group).label}" if group == "same" else f"{Relation(group).label} countries"
    if grouping == "theme":
        return Theme(group).label
    if grouping == "cell":
        bucket, _, gender = group.partition("_")
        known = bucket in AgeBucket and gender in PEOPLE
        return f"{AgeBucket(bucket).label} {PEOPLE[gender]}" if known else group
    return "All"


def contrast_label(contrast: str) -> str:
    """Name a contrast of relations, such as ``same - far``, as people do."""
    own, other = re.split(r" [-−] ", contrast)
    return " − ".join(group_label("relation", one).lower() for one in (own, other))


def short_country(code: object) -> str:
    """Name a country where there is little room."""
    name = country_name(code)
    return SHORT_COUNTRIES.get(name, name)


def ordered(grouping: str, groups: Iterable[str]) -> list[str]:
    """Give the groups in their own order, countries by name after all together, what was not given last."""

    def rank(group: str) -> tuple[bool, bool, str]:
        return group == "not_given", group != "all", group_label(grouping, group) if grouping == "country" else ""

    return sorted(dict.fromkeys(groups), key=rank)


def family(
    key: FamilyKey,
    finding: str,
    rows: Sequence[Row],
    panels: Sequence[Panel],
    tables: Sequence[ShownTable],
    basis: str = "",
) -> Family:
    """Put a family together: the first two panels open, the others folded, what is empty left out."""
    missing = [row for row in rows if row["reason"] and row.get("measure") != "majority_agreement_paper"]
    reasons = sorted({row["reason"] for row in missing})
    filled = [panel for panel in panels if panel.figures and any(figure.rows for figure in panel.figures)]
    shown = [table for table in tables if table.rows]
    return Family(key, finding, basis, filled[:2], filled[2:], shown, Doubts((), len(missing), reasons))


def basis(row: Row | None) -> str:
    """Say on how many answers, people and items a number rests."""
    if row is None:
        return ""
    counts = [(row.get(name), one, many) for name, one, many in COUNTED]
    told = [f"{n:,.0f} {one if n == 1 else many}" for n, one, many in counts if n is not None]
    return f"It rests on {listed(told)}." if told else ""


def listed(parts: Sequence[str]) -> str:
    """Write parts as one reads them out: one, two and three."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def cell(row: Row | None, write: Callable[[float], str]) -> str:
    """Write a row's estimate with its interval."""
    return write_value(value_of(row), write)


def number(value: float | None, write: Callable[[float], str]) -> str:
    """Write a number that has no interval."""
    return NO_ESTIMATE if value is None else write(value)


def p_pair(row: Row, stem: str = "p", raw: str = "p_value") -> list[str]:
    """Write a p-value and, beside it, the one adjusted for the number of tests."""
    if row[raw] is not None and f"{stem}_adjusted" not in row:
        return [p_value(row[raw]), "not adjusted then"]  # computed before adjustments were
    return [p_value(row[raw]), p_value(row.get(f"{stem}_adjusted"))]


def adjustment(rows: Sequence[Row], stem: str = "p") -> str:
    """Say how the p-values of a table are adjusted, for its caption."""
    methods = list(dict.fromkeys(row[f"{stem}_adjustment"] for row in rows if row.get(f"{stem}_adjustment")))
    if not methods:
        return ""
    families = list(dict.fromkeys(row[f"{stem}_family"] for row in rows if row.get(f"{stem}_family")))
    told = f"; p adjusted by {', '.join(ADJUSTMENTS[name] for name in methods)}"
    return f"{told} ({', '.join(families)} family of the plan)" if families else told


def p_value(value: float | None) -> str:
    """Write a p value to three places."""
    if value is None:
        return "none"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
