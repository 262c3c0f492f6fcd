"""The paper's file of model answers, checked cell by cell and turned into our rows of completions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analysis.columns import CELLS, COMPLETIONS
from analysis.imports.judgments import CHOICES, LONGEST_ITEM, LONGEST_PERSON, NAMES, Cells, Checker, Seen, country_code
from analysis.paper_columns import AGES, GENDERS, PREDICTIONS
from survey.enums import Locale, OptionOrder, Question
from survey.llm.enums import (
    DemographicConfig,
    Method,
    PersonaSetting,
    PreferenceConfig,
    PromptCondition,
    RunKind,
    Stage,
)

SETTINGS = tuple(PersonaSetting.values)
# What the file does not say, with the one value that leaves all numbers alone.
SETTING: Mapping[str, str] = {
    "run": "1",
    "run_kind": RunKind.ALIGNMENT.value,
    "model_stage": Stage.INSTRUCT.value,
    "is_simulated": "false",
    "locale": Locale.EN_US.value,
    "option_order": OptionOrder.CULTURE_FIRST.value,
    "condition": PromptCondition.NO_BALANCE.value,
    "paraphrase": "0",
    "preference_config": PreferenceConfig.ACTOR_PREF_ONLY.value,
    "demographic_config": DemographicConfig.NO_DEMO.value,
    "method": Method.SAMPLE.value,  # one choice an asking: a first token would come with its probability
    "repeat": "0",
    "is_latest": "true",
}
KEY = ("persona_setting", "model_tag", "persona_country", "persona_demo", "scenario_item_id")


class Prediction(dict[str, str]):
    """A row of the file after its check; answers that cannot be read are empty."""

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(self[name] for name in KEY)


def prediction(checker: Checker, seen: Seen, line: int, cells: Mapping[str, str]) -> Prediction:
    """Check a row; answers other than A and B count as not read, as in the paper."""
    found = Prediction({name: cells.get(name, "").strip() for name in PREDICTIONS.names})
    checker.named(line, "model_tag", found["model_tag"], LONGEST_PERSON)
    checker.named(line, "scenario_item_id", found["scenario_item_id"], LONGEST_ITEM)
    if found["persona_setting"] not in SETTINGS:
        checker.fault(
            line, "persona_setting", found["persona_setting"], "is no setting", f"Write {' or '.join(SETTINGS)}"
        )
    checker.one_of(line, "persona_demo", found["persona_demo"], CELLS)
    checker.one_of(line, "receiver_age", found["receiver_age"], AGES)
    checker.one_of(line, "receiver_gender", found["receiver_gender"], GENDERS)
    for name in ("persona_country", "scenario_country"):
        if found[name]:
            found[name] = NAMES.get(checker.country(line, name, found[name]), "")
    for question in Question.values:
        letter = found[f"llm_{question}"].upper()
        seen.look_at(letter, checker.file, line, f"llm_{question}")
        found[f"llm_{question}"] = letter if letter in CHOICES else ""
    return found


def prediction_row(found: Prediction) -> Cells:
    return [found[name] or None for name in PREDICTIONS.names]


def completion_rows(found: Prediction, study: str, instrument: str) -> Iterator[Cells]:
    """Give a row per question."""
    age, _, gender = found["persona_demo"].partition("_")
    facts: dict[str, str | None] = {
        **SETTING,
        "study_code": study,
        "instrument": instrument,
        "model_tag": found["model_tag"],
        "model": found["model_tag"],
        "item_code": found["scenario_item_id"],
        "scenario_country": country_code(found["scenario_country"]),
        "persona_setting": found["persona_setting"],
        "persona_country": country_code(found["persona_country"]),
        "persona_age": age or None,
        "persona_gender": gender or None,
    }
    for question in Question.values:
        letter = found[f"llm_{question}"]
        told = {
            "question": question,
            "choice": CHOICES.get(letter),
            "follows_culture": str(int(letter == "A")) if letter else None,
        }
        yield [{**facts, **told}.get(name) for name in COMPLETIONS.names]
