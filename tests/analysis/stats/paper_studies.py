"""Random data sets of the paper's form, and odd ones: silent, tied, alone, of countries that nobody knows."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Made = tuple[list[dict[str, Any]], ...]  # rows of people, rows of models
OWN = ["Brazil", "India", "South Africa", "United Kingdom", "United States of America", "Narnia", None]
PLACES = [*OWN[:6], "Myanmar", "Nepal", "Canada", "Iran"]
CELLS = ["younger_female", "younger_male", "older_female", "older_male"]
ANSWER_COLUMNS = ("human_personal", "human_norm")
ANSWERS = ["A", "B", "A", "B", " a", "b ", "?", None]
# A theme by the paper's keywords is the subject of another test; each of these texts has one keyword or none.
THEMES = {"A meal": "food_hospitality", "They bow": "greetings_respect", "A gift": "gift_giving", "Nothing": "other"}


def an_item(draw: random.Random, code: str) -> dict[str, Any]:
    age, gender = draw.choice(["younger", "older"]), draw.choice(["female", "male"])
    return {
        "scenario_item_id": code,
        "scenario_country": draw.choice(PLACES),
        "scenario": draw.choice([*THEMES, None]),
        "receiver_age": age,
        "receiver_gender": gender,
        "receiver_demo": f"{age}_{gender}",
    }


def a_person(draw: random.Random, code: str) -> dict[str, Any]:
    cell = draw.choice(CELLS)
    age, gender = cell.split("_")
    is_known = draw.random() < 0.8
    return {
        "respondent_id": code,
        "respondent_country": draw.choice(OWN),
        "respondent_age_bucket": age,
        "respondent_gender": gender if is_known else None,
        "respondent_demo": cell if is_known else None,
    }


def a_study(draw: random.Random, n_people: int, n_items: int, n_models: int) -> Made:
    """Make people, some of whom pass over items, and models, one of which may never answer, some asked again."""
    items = [an_item(draw, f"i{number}") for number in range(n_items)]
    human = [
        {**person, **item, "human_personal": draw.choice(ANSWERS), "human_norm": draw.choice(ANSWERS)}
        for person in (a_person(draw, f"p{number}") for number in range(n_people))
        for item in items
        if draw.random() < 0.7
    ]
    predictions = []
    for number in range(n_models):
        words = [None, "no idea"] if draw.random() < 0.2 else ANSWERS
        personas = [(None, None), *((draw.choice(OWN[:6]), draw.choice(CELLS)) for _ in range(3))]
        for country, demo in personas:
            asked = [item for item in items for _ in range(draw.choice([0, 1, 1, 1, 2]))]
            predictions += [
                {
                    "model_tag": f"m{number}",
                    "persona_setting": "persona" if country else "no_persona",
                    "persona_country": country,
                    "persona_demo": demo,
                    **{name: item[name] for name in item if name != "scenario"},
                    "llm_personal": draw.choice(words),
                    "llm_norm": draw.choice(words),
                }
                for item in asked
            ]
    draw.shuffle(human)
    draw.shuffle(predictions)
    return human, predictions


def every(rows: list[dict[str, Any]], **values: Any) -> list[dict[str, Any]]:
    return [{**row, **values} for row in rows]


def with_a_silent_model(study: Made) -> Made:
    """Let the first model never answer, with words or without any."""
    words = {"llm_personal": None, "llm_norm": "I cannot say"}
    return study[0], [{**row, **words} if row["model_tag"] == "m0" else row for row in study[1]]


def with_ties(study: Made) -> Made:
    """Let each item be judged by a person and by one who says the opposite of both answers, alike in all else."""
    turned = {"A": "B", "B": "A"}
    human = [{**row, "human_personal": "A", "human_norm": "B"} for row in study[0]]
    others = [
        {**row, "respondent_id": f"{row['respondent_id']}x", **{name: turned[row[name]] for name in ANSWER_COLUMNS}}
        for row in human
    ]
    return [*human, *others], study[1]


def with_single_answers(study: Made) -> Made:
    """Let one person judge each item, and answer one of its questions."""
    first = {row["scenario_item_id"]: row for row in study[0]}
    answers = [("A", None), (None, "B"), ("B", None), (None, "A")]
    human = [{**row, **dict(zip(ANSWER_COLUMNS, answers[n % 4], strict=True))} for n, row in enumerate(first.values())]
    return human, study[1]


ODD: Mapping[str, Callable[[Made], Made]] = {
    "nobody tells their gender": lambda made: (
        every(made[0], respondent_gender="Prefer not to say", respondent_demo=None), made[1]
    ),
    "all genders empty": lambda made: (every(made[0], respondent_gender=None, respondent_demo=None), made[1]),
    "a cell of its own for who does not tell": lambda made: (
        every(made[0], respondent_gender="Prefer not to say", respondent_demo="older_Prefer not to say"), made[1]
    ),
    "the norm question silent": lambda made: (every(made[0], human_norm=None), made[1]),
    "the personal question silent": lambda made: (every(made[0], human_personal="?"), made[1]),
    "models silent on norms": lambda made: (made[0], every(made[1], llm_norm=None)),
    "all people of unknown countries": lambda made: (every(made[0], respondent_country="Narnia"), made[1]),
    "all scenarios in unknown countries": lambda made: (
        every(made[0], scenario_country="Atlantis"), every(made[1], scenario_country="Atlantis")
    ),
    "no countries at all": lambda made: (every(made[0], respondent_country=None, scenario_country=None), made[1]),
    "a model that never answers": with_a_silent_model,
    "models that never answer": lambda made: (made[0], every(made[1], llm_personal="", llm_norm="no idea")),
    "models asked about no item": lambda made: (made[0], every(made[1], scenario_item_id=None)),
    "nothing but ties": with_ties,
    "single answers": with_single_answers,
    "all answers alike": lambda made: (
        every(made[0], human_personal="A", human_norm="A"), every(made[1], llm_personal="A", llm_norm="A")
    ),
    "nobody answers anything": lambda made: (every(made[0], human_personal=None, human_norm=""), made[1]),
}  # fmt: skip
