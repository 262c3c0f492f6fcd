"""Derive every respondent's design anew from an export: seed and assigned items give the orders that were shown.

It reads the exported files alone, so that whoever has the data can check the randomisation without the site.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from analysis.participant_columns import PARTICIPANTS
from survey.flow.design import Design, Settings, derive_design

Row = Mapping[str, str]
MISSING = PARTICIPANTS.missing_as


class Mismatch(NamedTuple):
    """Something that does not follow from the seed."""

    respondent_id: str
    what: str
    stored: str
    derived: str


@dataclass
class Checked:
    """How many respondents and answers were checked, how many respondents could not be, and what was found."""

    n_respondents: int = 0
    n_answers: int = 0
    n_unchecked: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)


def check_designs(participants: Iterable[Row], answers: Iterable[Row]) -> Checked:
    """Compare what is stored of each respondent, and of each of their answers, with what their seed gives."""
    answers_of: dict[str, list[Row]] = defaultdict(list)
    for answer in answers:
        answers_of[answer["respondent_id"]].append(answer)
    checked = Checked()
    for row in participants:
        given = answers_of.pop(row["respondent_id"], [])
        if row["design_cell"] == MISSING:
            checked.n_unchecked += 1
            continue
        design = design_of(row)
        checked.n_respondents += 1
        checked.n_answers += len(given)
        checked.mismatches += respondent_mismatches(row, design)
        for answer in given:
            checked.mismatches += answer_mismatches(answer, design)
    checked.mismatches += [Mismatch(one, "respondent", "has answers", "is no participant") for one in answers_of]
    return checked


def design_of(row: Row) -> Design:
    """Derive a respondent's design; the stored order of the items is not used."""
    settings = Settings(
        row["option_order_setting"], row["question_order_setting"], row["instrument_questions"].split(" ")
    )
    codes = [] if row["assigned_items"] == MISSING else row["assigned_items"].split(" ")
    return derive_design(codes, country=row["respondent_country"], settings=settings, seed=int(row["seed"]))


def respondent_mismatches(row: Row, design: Design) -> Iterator[Mismatch]:
    derived = {
        "option_order": str(design.option_order),
        "design_cell": design.cell,
        "assigned_items": " ".join(design.items) or MISSING,
        "item_option_orders": " ".join(design.option_orders) or MISSING,
        "question_order": " ".join(design.questions),
    }
    for name, value in derived.items():
        if row[name] != value:
            yield Mismatch(row["respondent_id"], name, row[name], value)


def answer_mismatches(answer: Row, design: Design) -> Iterator[Mismatch]:
    """Check where an answer's item stood, and which option stood first on its page."""
    code = answer["item_code"]
    if code not in design.items:
        yield Mismatch(answer["respondent_id"], f"answer to {code}", "answered", "not assigned")
        return
    place = design.items.index(code)
    derived = {"item_number": str(place + 1), "option_order": str(design.option_orders[place])}
    for name, value in derived.items():
        if answer[name] != value:
            yield Mismatch(answer["respondent_id"], f"{name} of {code}, {answer['question']}", answer[name], value)
