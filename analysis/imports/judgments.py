"""Judgments as the paper's file has them, checked cell by cell and turned into our long rows. Pure.

What such files do not say is left empty in the long table; the analysis fills it with the values that leave all
numbers alone (`analysis.imports.gaps`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from analysis.columns import LONG
from analysis.imports.faults import LONGEST_VALUE, Faults
from analysis.paper_columns import AGES, GENDERS, HUMAN
from survey.csv_reader import begins_a_formula
from survey.enums import Choice, Country, Locale, Question, Relation, Status

CODES: Mapping[str, str] = {str(country.label): country.value for country in Country}
# What people also write; read whatever its case.
ALSO = {
    "united states": "US",
    "usa": "US",
    "u.s.a.": "US",
    "u.s.": "US",
    "uk": "GB",
    "u.k.": "GB",
    "great britain": "GB",
}
READ = {name.casefold(): code for name, code in CODES.items()} | ALSO
NAMES: Mapping[str, str] = {code: name for name, code in CODES.items()}
OWN_GENDERS = {"female": "woman", "male": "man", "": None}
CHOICES = {"A": Choice.CULTURE.value, "B": Choice.PREFERENCE.value}
LONGEST_ITEM, LONGEST_PERSON = 40, 64
N_UNREAD = 5  # answers that cannot be read, told with their place
PERSONAL, NORM = Question.PERSONAL.value, Question.NORM.value
AT_RESPONDENT, AT_QUESTION, AT_CHOICE, AT_FOLLOWS = (
    LONG.names.index(name) for name in ("respondent_id", "question", "choice", "follows_culture")
)
AT_PERSON, AT_PERSONAL, AT_NORM = (
    HUMAN.names.index(name) for name in ("respondent_id", "human_personal", "human_norm")
)
COUNTRY_MEND = "Write the country's name as the paper does, such as 'United Kingdom', or its ISO code, such as GB"

Cells = list[str | None]


class Judgment(NamedTuple):
    """One row of the paper's file after its check, countries as codes; an answer that was not given is empty."""

    respondent: str
    country: str
    age: str
    gender: str
    item: str
    scenario: str
    scenario_country: str
    receiver_age: str
    receiver_gender: str
    personal: str
    norm: str
    locale: str = Locale.EN_US.value


@dataclass
class Seen:
    """What must not change from row to row: where an item plays, and who a respondent is."""

    items: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    countries: set[str] = field(default_factory=set)
    locales: set[str] = field(default_factory=set)
    n_unread: int = 0  # answers that are neither A nor B
    unread: list[str] = field(default_factory=list)  # where the first of them stand
    n_silent: int = 0  # rows without either answer
    n_partial: int = 0  # rows without one of the two answers, which may stand in a row of its own

    def look_at(self, letter: str, file: str, line: int, column: str) -> None:
        """Count an answer that is neither A nor B, and say where the first ones stand."""
        if letter and letter not in CHOICES:
            self.n_unread += 1
            if len(self.unread) < N_UNREAD:
                self.unread.append(f"{file}, line {line}, {column}: {letter[:LONGEST_VALUE]!r}")


def country_code(text: str) -> str | None:
    """Give the code of a country that is named or coded; None for one that the site does not know."""
    stripped = text.strip()
    return READ.get(stripped.casefold()) or (stripped.upper() if stripped.upper() in NAMES else None)


class Checker:
    """Checks the cells of one file's rows; the names of the columns are those of the file, for the report."""

    def __init__(self, file: str, columns: Mapping[str, str], faults: Faults) -> None:
        self.file, self.columns, self.faults = file, columns, faults

    def fault(self, line: int, role: str, value: str | None, what: str, mend: str) -> None:
        self.faults.add(self.file, line, self.columns.get(role, role), value, what, mend)

    def named(self, line: int, role: str, value: str, longest: int) -> str:
        """Check a name that must be there and not be too long."""
        name = value.strip()
        if not name:
            self.fault(line, role, value, "is empty", "Every row needs one")
        elif len(name) > longest:
            self.fault(line, role, value, f"is longer than {longest} characters", "Use shorter codes")
        elif begins_a_formula(name):
            self.fault(line, role, value, "begins like a formula", "Take the first character away")
        return name

    def country(self, line: int, role: str, value: str) -> str:
        code = country_code(value)
        if code is None:
            self.fault(line, role, value, "is no country of this site" if value.strip() else "is empty", COUNTRY_MEND)
        return code or ""

    def one_of(self, line: int, role: str, value: str, levels: tuple[str, ...]) -> str:
        level = value.strip()
        if level and level not in levels:
            self.fault(
                line, role, value, "is not among its codes", f"Write {', '.join(levels)}, or leave the cell empty"
            )
        return level


def check_item(checker: Checker, seen: Seen, line: int, judgment: Judgment) -> None:
    """Hold an item against the row in which it came first."""
    facts = (judgment.scenario_country, judgment.receiver_age, judgment.receiver_gender)
    first, known = seen.items.setdefault(judgment.item, (line, facts))
    if known != facts:
        what = f"is another item than on line {first}: {' '.join(known)} there, {' '.join(facts)} here"
        checker.fault(line, "item", judgment.item, what, "Give each item one country and one receiver")
    seen.countries.add(judgment.country)
    seen.locales.add(judgment.locale)
    if judgment.scenario and judgment.item not in seen.texts:
        seen.texts[judgment.item] = judgment.scenario


def demographic_cell(judgment: Judgment) -> str | None:
    return f"{judgment.age}_{judgment.gender}" if judgment.age and judgment.gender in GENDERS else None


def shared_of(judgment: Judgment) -> Judgment:
    """Give what all people share who are alike and judge the same item, in half the time of `_replace`."""
    return Judgment("", *judgment[1:9], "", "", judgment.locale)


def long_rows(judgment: Judgment, study: str, instrument: str) -> Iterator[Cells]:
    """Give a row of the long table per question that was answered."""
    whole = _of_answer(study, instrument, shared_of(judgment))
    for question, letter in ((PERSONAL, judgment.personal), (NORM, judgment.norm)):
        if letter:
            cells = list(whole)
            cells[AT_RESPONDENT] = judgment.respondent
            cells[AT_QUESTION] = question
            cells[AT_CHOICE] = CHOICES[letter]
            cells[AT_FOLLOWS] = "1" if letter == "A" else "0"
            yield cells


@lru_cache(maxsize=10_000)
def _of_answer(study: str, instrument: str, judgment: Judgment) -> tuple[str | None, ...]:
    """Give the cells that all people share who are alike and judge the same item."""
    own, place = NAMES[judgment.country], NAMES[judgment.scenario_country]
    facts: dict[str, str | None] = {
        "study_code": study,
        "instrument": instrument,
        "is_simulated": "false",
        "respondent_country": judgment.country,
        "session_status": Status.COMPLETE.value,
        "age_bucket": judgment.age or None,
        "gender": OWN_GENDERS.get(judgment.gender, judgment.gender),
        "demographic_cell": demographic_cell(judgment),
        "item_code": judgment.item,
        "relation": Relation(_relation()(own, place)).value,
        "scenario_country": judgment.scenario_country,
        "theme": _theme(judgment.scenario),
        "receiver_age": judgment.receiver_age or None,
        "receiver_gender": judgment.receiver_gender or None,
        "locale": judgment.locale,
    }
    return tuple(facts.get(name) for name in LONG.names)


def human_row(judgment: Judgment) -> Cells:
    """Give the row of the paper's file."""
    cells = list(_of_human(shared_of(judgment)))
    cells[AT_PERSON], cells[AT_PERSONAL], cells[AT_NORM] = (
        judgment.respondent or None, judgment.personal or None, judgment.norm or None,
    )  # fmt: skip
    return cells


@lru_cache(maxsize=10_000)
def _of_human(judgment: Judgment) -> tuple[str | None, ...]:
    """Give the cells of the paper's row that all people share who are alike and judge the same item."""
    receiver = f"{judgment.receiver_age}_{judgment.receiver_gender}"
    values = {
        "respondent_country": NAMES[judgment.country],
        "respondent_age_bucket": judgment.age,
        "respondent_gender": judgment.gender if judgment.gender in GENDERS else "",
        "respondent_demo": demographic_cell(judgment),
        "scenario_item_id": judgment.item,
        "scenario": judgment.scenario,
        "scenario_country": NAMES[judgment.scenario_country],
        "receiver_age": judgment.receiver_age,
        "receiver_gender": judgment.receiver_gender,
        "receiver_demo": receiver if judgment.receiver_age and judgment.receiver_gender else "",
    }
    return tuple(values.get(name) or None for name in HUMAN.names)


def paper_judgment(checker: Checker, seen: Seen, line: int, cells: Mapping[str, str]) -> Judgment:
    """Check a row of the paper's file; answers other than A and B count as not given, as in the paper."""
    letters = {}
    for question in (PERSONAL, NORM):
        letter = cells[f"human_{question}"].strip().upper()
        seen.look_at(letter, checker.file, line, f"human_{question}")
        letters[question] = letter if letter in CHOICES else ""
    return Judgment(
        respondent=checker.named(line, "respondent_id", cells["respondent_id"], LONGEST_PERSON),
        country=checker.country(line, "respondent_country", cells["respondent_country"]),
        age=checker.one_of(line, "respondent_age_bucket", cells["respondent_age_bucket"], AGES),
        gender=checker.one_of(line, "respondent_gender", cells["respondent_gender"], GENDERS),
        item=checker.named(line, "scenario_item_id", cells["scenario_item_id"], LONGEST_ITEM),
        scenario=cells["scenario"],
        scenario_country=checker.country(line, "scenario_country", cells["scenario_country"]),
        receiver_age=checker.one_of(line, "receiver_age", cells["receiver_age"], AGES),
        receiver_gender=checker.one_of(line, "receiver_gender", cells["receiver_gender"], GENDERS),
        **letters,
    )


@lru_cache(maxsize=1)
def _relation() -> Callable[[str, str], str]:
    from analysis.stats.paper.coding import relation  # loads pandas, which the web process must not

    return relation


@lru_cache(maxsize=10_000)
def _theme(text: str) -> str:
    from analysis.stats.paper.coding import theme

    return theme(text)
