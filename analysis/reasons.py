"""Why a number is missing, in words: statistics name columns and levels, readers know people and scenarios. Pure.

What is stored, and its CSV files, keep what the statistics wrote; only what a page shows is worded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from survey.enums import AgeBucket, Country, Relation

FACTORS: Mapping[str, str] = {
    "question": "question",
    "respondent_country": "respondent's country",
    "relation": "relation of the scenario's country",
    "scenario_country": "scenario's country",
    "age_bucket": "respondent's age",
    "gender": "respondent's gender",
    "receiver_age": "receiver's age",
    "receiver_gender": "receiver's gender",
}
QUESTIONS = {"personal": "personal choices", "norm": "norm judgments"}
SCENARIOS = {
    Relation.SAME.value: "scenarios of the own country",
    Relation.CLOSE.value: "scenarios of close countries",
    Relation.FAR.value: "scenarios of far countries",
}
LEVELS: Mapping[str, Mapping[str, str]] = {
    "question": QUESTIONS,
    "relation": SCENARIOS,
    "age_bucket": {bucket: f"{bucket} people" for bucket in AgeBucket.values},
    "gender": {"woman": "women", "man": "men"},
    "receiver_age": {bucket: f"{bucket} receivers" for bucket in AgeBucket.values},
    "receiver_gender": {"female": "female receivers", "male": "male receivers"},
}
SIDES: Mapping[str, str] = {
    **SCENARIOS,
    **QUESTIONS,
    **{f"{name}_follows_culture": words for name, words in QUESTIONS.items()},
    **{f"{bucket}_female": f"{bucket} women" for bucket in AgeBucket.values},
    **{f"{bucket}_male": f"{bucket} men" for bucket in AgeBucket.values},
}
CLUSTERS = {
    "respondent": "respondents",
    "respondent_id": "respondents",
    "item": "items",
    "item_code": "items",
    "scenario country": "countries of scenarios",
    "scenario_country": "countries of scenarios",
    "own|respondent": "respondents in the own-country effect",
    "own|item": "items in the own-country effect",
    "question|respondent": "respondents in the gap",
    "question|item": "items in the gap",
}
SHARE_OF, INTERCEPT = "share_of_", "intercept"
ALIKE, DETERMINED = "all answers are the same: ", "the other columns already determine "
ABOUT_A_SIDE = (
    ALIKE, "no answers: ", "fewer than two respondents: ", "fewer than two items: ",
    "no variation between respondents or items: ",
)  # fmt: skip
FACTOR = "|".join(FACTORS)
NEXT_LEVEL = re.compile(rf", (?=(?:{FACTOR}) )")
ONE_LEVEL = re.compile(rf"({FACTOR}) (.+)", re.DOTALL)
NEXT_COLUMN = re.compile(rf"(?<=\]):(?=(?:{FACTOR})\[)")
ONE_COLUMN = re.compile(rf"({FACTOR})\[(.*)\]", re.DOTALL)
MORE = re.compile(r" and \d+ more$")
LEVELS_OF = re.compile(r"(fewer than two|the differences between) levels of (.+?)( grow without end)?")


def worded(reason: str) -> str:
    """Write the reason for a missing number with the words of the page; what has no codes stays as it is."""
    if reason == f"{ALIKE}in every group":
        return "in every group all answers are the same"
    if found := LEVELS_OF.fullmatch(reason):
        return f"{found[1]} {CLUSTERS.get(found[2], found[2])}{found[3] or ''}"
    if reason.startswith(DETERMINED):
        return f"the other factors already determine {_listed(reason.removeprefix(DETERMINED))}"
    for start in ABOUT_A_SIDE:
        if reason.startswith(start):
            return start + _listed(reason.removeprefix(start))
    return reason


def column(name: str) -> str:
    """Write the name of a regression's column, such as ``question[norm]:relation[far]``."""
    if name == INTERCEPT:
        return "the reference group"
    if name.startswith(SHARE_OF):
        return f"how many of an item's answers are of {_side(name.removeprefix(SHARE_OF))}"
    parts = [ONE_COLUMN.fullmatch(part) for part in NEXT_COLUMN.split(name)]
    return " × ".join(_level(part[1], part[2]) for part in parts if part) if all(parts) else name


def _listed(text: str) -> str:
    """Write a list of groups, columns or sides, of which the first few may be named."""
    more = MORE.search(text)
    groups = text[: more.start()] if more else text
    return "; ".join(map(_group, groups.split("; "))) + (more[0] if more else "")


def _group(text: str) -> str:
    levels = [ONE_LEVEL.fullmatch(level) for level in NEXT_LEVEL.split(text)]
    if all(levels):
        return " × ".join(_level(level[1], level[2]) for level in levels if level)
    if ", " in text and set(text.split(", ")) <= set(SIDES):
        return " × ".join(map(_side, text.split(", ")))
    return column(text) if _side(text) == text else _side(text)


def _side(text: str) -> str:
    return f"people of {_country(text)}" if text in Country else SIDES.get(text, text)


def _level(factor: str, level: str) -> str:
    """Write a level of a factor; one without words of its own keeps its name beside the factor's."""
    if factor == "respondent_country" and level in Country:
        return f"people of {_country(level)}"
    if factor == "scenario_country" and level in Country:
        return f"scenarios set in {_country(level)}"
    return LEVELS.get(factor, {}).get(level) or f"{FACTORS[factor]}: {level}"


def _country(code: str) -> str:
    name = str(Country(code).label)
    return f"the {name}" if name.startswith("United ") else name
