"""Answers collected elsewhere: which column says what, chosen by a person, guessed before. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from analysis.imports.faults import Faults
from analysis.imports.judgments import LONGEST_ITEM, LONGEST_PERSON, Checker, Judgment, country_code
from analysis.paper_columns import AGES, GENDERS
from survey.csv_reader import begins_a_formula
from survey.enums import Gender, Locale, Question

OLDER_FROM = 45  # years, as in the shipped instrument
AGE_WORDS = {"younger": "younger", "young": "younger", "older": "older", "old": "older"}
GENDER_WORDS = {
    "female": "female", "woman": "female", "f": "female", "w": "female",
    "male": "male", "man": "male", "m": "male",
    "another": Gender.ANOTHER.value, "other": Gender.ANOTHER.value, "diverse": Gender.ANOTHER.value,
    "undisclosed": Gender.UNDISCLOSED.value, "prefer not to say": Gender.UNDISCLOSED.value,
}  # fmt: skip
QUESTION_WORDS = {"personal": "personal", "norm": "norm", "self": "personal", "social": "norm"}
BAND = re.compile(r"(\d{1,3})\D*")
LOCALES = tuple(Locale.values)
MOST_KNOWN = 10_000


class Role(NamedTuple):
    """Something that a column may say, and the names by which such columns are known."""

    name: str
    label: str
    known_as: tuple[str, ...]
    is_needed: bool = False


ROLES = (
    Role("respondent", "Respondent", ("respondent_id", "respondent", "participant", "participant_id", "subject"), True),
    Role("country", "Respondent's country", ("respondent_country", "country")),
    Role("item", "Item", ("item_code", "scenario_item_id", "item", "item_id", "scenario_id"), True),
    Role("scenario_country", "Where the scenario plays", ("scenario_country", "item_country")),
    Role("scenario", "Text of the scenario", ("scenario", "scenario_text")),
    Role("personal", "Personal choice", ("human_personal", "personal", "personal_choice")),
    Role("norm", "Norm judgment", ("human_norm", "norm", "norm_choice")),
    Role("question", "Which question (one answer a row)", ("question", "response_type")),
    Role("answer", "Answer (one answer a row)", ("choice", "answer", "response")),
    Role("age", "Age, in years or groups", ("respondent_age_bucket", "age_bucket", "age_band", "age")),
    Role("gender", "Gender", ("respondent_gender", "gender", "sex")),
    Role("locale", "Language", ("locale", "language")),
    Role("receiver_age", "Receiver's age group", ("receiver_age",)),
    Role("receiver_gender", "Receiver's gender", ("receiver_gender",)),
)
LABELS = {role.name: role.label for role in ROLES}


@dataclass(frozen=True)
class ColumnMap:
    """Which column says what; what no column says may be the same for all rows."""

    columns: Mapping[str, str]
    all_country: str = ""
    all_scenario_country: str = ""
    all_locale: str = Locale.EN_US.value
    culture: tuple[str, ...] = ("A", "culture", "1")
    preference: tuple[str, ...] = ("B", "preference", "0")

    @property
    def is_long(self) -> bool:
        """Tell whether each row holds one answer."""
        return "answer" in self.columns

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ColumnMap:
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        words = {name: tuple(stored[name]) for name in ("culture", "preference") if name in stored}
        return cls(**{**values, **words})

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "culture": list(self.culture), "preference": list(self.preference)}


def guess(header: Sequence[str]) -> ColumnMap:
    """Guess from the names of the columns."""
    by_name = {name.strip().lower(): name for name in reversed(header)}
    columns = {}
    for role in ROLES:
        found = next((by_name[name] for name in role.known_as if name in by_name), None)
        if found is not None:
            columns[role.name] = found
    if "personal" in columns or "norm" in columns:
        columns = {name: column for name, column in columns.items() if name not in ("question", "answer")}
    return ColumnMap(columns)


def mapping_faults(mapping: ColumnMap, header: Sequence[str], file: str) -> Faults:
    """Say what the choice of columns lacks."""
    faults, columns = Faults(), mapping.columns

    def add(role: str, what: str, mend: str) -> None:
        faults.add(file, 1, columns.get(role, ""), None, what, mend)

    for role in ROLES:
        if role.is_needed and role.name not in columns:
            add(role.name, f"no column says: {role.label.lower()}", "Choose one")
    for role_name, column in columns.items():
        if role_name not in LABELS:
            add(role_name, f"{role_name} is nothing that a column can say", f"Choose among {', '.join(LABELS)}")
        elif column not in header:
            add(role_name, "is no column of the file", f"Choose one of: {', '.join(header)}")
    if mapping.is_long != ("question" in columns):
        add("answer", "question and answer go together", "Choose both, or neither")
    if not mapping.is_long and not {"personal", "norm"} & set(columns):
        add("personal", "no column holds answers", "Choose the columns of both questions, or question and answer")
    for role_name, value in (("country", mapping.all_country), ("scenario_country", mapping.all_scenario_country)):
        if role_name not in columns and country_code(value) is None:
            add(role_name, f"no column says: {LABELS[role_name].lower()}", "Choose one, or a country for all rows")
    if mapping.all_locale not in LOCALES:
        add("locale", f"{mapping.all_locale} is no language of this site", f"Choose among {', '.join(LOCALES)}")
    if both := {_word(one) for one in mapping.culture} & {_word(one) for one in mapping.preference}:
        add("answer", f"{', '.join(sorted(both))} stands for both choices", "Name each code once")
    return faults


class Reader:
    """Reads rows by a mapping."""

    def __init__(self, mapping: ColumnMap, checker: Checker) -> None:
        self.mapping, self.checker = mapping, checker
        self.asked = [question for question in Question.values if question in mapping.columns]
        self.letters = {_word(one): "A" for one in mapping.culture} | {_word(one): "B" for one in mapping.preference}
        own = ("respondent", "personal", "norm", "question", "answer")
        self.shared = [column for role, column in mapping.columns.items() if role not in own]
        self.known: dict[tuple[str, ...], Judgment] = {}

    def judgment(self, line: int, cells: Mapping[str, str]) -> Judgment:
        """Check a row; what is wrong with it is noted."""
        answers = self._answers(line, cells)
        shared = self._shared(line, cells)
        return Judgment(
            self.checker.named(line, "respondent", self._cell(cells, "respondent"), LONGEST_PERSON),
            *shared[1:9],
            answers.get("personal", ""),
            answers.get("norm", ""),
            shared.locale,
        )

    def _shared(self, line: int, cells: Mapping[str, str]) -> Judgment:
        """Check what many rows share, who is alike and judges the same item, once; what is wrong at every row."""
        key = tuple([cells[column] for column in self.shared])
        found = self.known.get(key)
        if found is None:
            before = self.checker.faults.n
            found = self._check_shared(line, cells)
            if self.checker.faults.n == before and len(self.known) < MOST_KNOWN:
                self.known[key] = found
        return found

    def _check_shared(self, line: int, cells: Mapping[str, str]) -> Judgment:
        checker, mapping = self.checker, self.mapping
        return Judgment(
            respondent="",
            country=checker.country(line, "country", self._cell(cells, "country", mapping.all_country)),
            age=self._age(line, self._cell(cells, "age")),
            gender=self._word_of(line, "gender", self._cell(cells, "gender"), GENDER_WORDS),
            item=checker.named(line, "item", self._cell(cells, "item"), LONGEST_ITEM),
            scenario=self._text(line, self._cell(cells, "scenario")),
            scenario_country=checker.country(
                line, "scenario_country", self._cell(cells, "scenario_country", mapping.all_scenario_country)
            ),
            receiver_age=checker.one_of(line, "receiver_age", self._cell(cells, "receiver_age"), AGES),
            receiver_gender=checker.one_of(line, "receiver_gender", self._cell(cells, "receiver_gender"), GENDERS),
            personal="",
            norm="",
            locale=checker.one_of(line, "locale", self._cell(cells, "locale", mapping.all_locale), LOCALES)
            or mapping.all_locale,
        )

    def _cell(self, cells: Mapping[str, str], role: str, otherwise: str = "") -> str:
        column = self.mapping.columns.get(role)
        return cells[column] if column is not None else otherwise

    def _answers(self, line: int, cells: Mapping[str, str]) -> dict[str, str]:
        if self.mapping.is_long:
            question = self._word_of(line, "question", self._cell(cells, "question"), QUESTION_WORDS, is_needed=True)
            return {question: self._letter(line, "answer", self._cell(cells, "answer"))}
        return {question: self._letter(line, question, self._cell(cells, question)) for question in self.asked}

    def _letter(self, line: int, role: str, value: str) -> str:
        if value in self.letters:
            return self.letters[value]
        word = _word(value)
        if word and word not in self.letters:
            codes = ", ".join([*self.mapping.culture, *self.mapping.preference])
            mend = f"Write one of {codes}, name the codes of this file, or leave the cell empty where nobody answered"
            self.checker.fault(line, role, value, "is no answer", mend)
        return self.letters.get(word, "")

    def _age(self, line: int, value: str) -> str:
        """Take groups as they are; put years, or the beginning of a band, into one of them."""
        word = _word(value)
        if not word or word in AGE_WORDS:
            return AGE_WORDS.get(word, "")
        years = BAND.match(word)
        if years is None:
            self.checker.fault(line, "age", value, "is no age", "Write years, a band such as 25-34, younger or older")
            return ""
        return "older" if int(years[1]) >= OLDER_FROM else "younger"

    def _word_of(self, line: int, role: str, value: str, words: Mapping[str, str], *, is_needed: bool = False) -> str:
        word = _word(value)
        if word not in words and (word or is_needed):
            known = ", ".join(dict.fromkeys(words.values()))
            self.checker.fault(line, role, value, "is not among the words known", f"Write one of {known}")
        return words.get(word, "")

    def _text(self, line: int, value: str) -> str:
        if begins_a_formula(value):
            self.checker.fault(line, "scenario", value, "begins like a formula", "Take the first character away")
        return value


def _word(value: str) -> str:
    return value.strip().lower()
