from __future__ import annotations

from collections import Counter

import pytest

from survey.enums import ActorGender, AgeBucket, Country, Locale, OptionOrder, Question
from survey.llm.design import (
    Design,
    ItemFacts,
    Languages,
    Shown,
    alignment,
    behaviour,
    personas_of,
    yoke,
)
from survey.llm.enums import LocaleSource, Method, PersonaSetting, PromptCondition, RunKind
from survey.llm.prompts import Persona

FIVE = [Country.BR, Country.IN, Country.ZA, Country.GB, Country.US]
ITEMS = [ItemFacts(pk, list(Country)[pk % 18]) for pk in range(96)]
LANGUAGES = Languages("en-US", {"BR": ["pt-BR"], "IN": ["en-IN", "hi-IN"], "US": ["en-US"]})
WOMAN = Persona("BR", "younger", "female")


def test_five_countries_make_twenty_personas_and_nobody() -> None:
    respondents = alignment(FIVE).personas
    assert respondents[0] is None
    assert len(set(respondents)) == 21


@pytest.mark.parametrize(
    ("parts", "n"),
    [
        (["country", "age", "gender"], 20),
        (["country"], 5),
        (["age"], 2),
        (["gender"], 2),
        (["age", "gender"], 4),
        ([], 0),
    ],
)
def test_each_part_of_a_persona_can_stand_alone(parts: list[str], n: int) -> None:
    personas = personas_of(FIVE, parts)
    assert len(set(personas)) == len(personas) == n
    assert all([name for name in ("country", "age", "gender") if getattr(p, name)] == parts for p in personas)


@pytest.mark.parametrize(
    ("settings", "n"), [([PersonaSetting.NO_PERSONA], 1), ([PersonaSetting.PERSONA], 20), (list(PersonaSetting), 21)]
)
def test_cells_are_the_full_crossing_once_each(settings: list[PersonaSetting], n: int) -> None:
    design = alignment(FIVE, settings)
    cells = design.cross(ITEMS, LANGUAGES, seed=1)
    assert len(cells) == len(set(cells)) == 96 * 2 * 2 * n == design.n_cells(ITEMS, LANGUAGES)


def test_behaviour_crosses_conditions_and_configurations() -> None:
    cells = behaviour().cross(ITEMS[:3], LANGUAGES, seed=1)
    assert len(cells) == len(set(cells)) == 3 * 2 * 2 * 3 * 5 == behaviour().n_cells(ITEMS[:3], LANGUAGES)
    assert {cell.question for cell in cells} == {Question.PERSONAL}


def test_samples_are_drawn_k_times_and_other_methods_repeated() -> None:
    design = Design(methods=tuple(Method), n_samples=4, n_repeats=2)
    counts = Counter(cell.method for cell in design.cross(ITEMS[:1], LANGUAGES, seed=1))
    per_repeat = 2 * 2
    assert counts == {
        Method.FIRST_TOKEN: 2 * per_repeat,
        Method.SAMPLE: 4 * per_repeat,
        Method.JSON_CHOICE: 4 * per_repeat,
        Method.VERBALISED: 2 * per_repeat,
    }


@pytest.mark.parametrize(
    ("wanted", "item_country", "persona", "locales"),
    [
        (LocaleSource.SOURCE, "BR", None, ["en-US"]),
        (LocaleSource.ITEM, "BR", None, ["pt-BR"]),
        (LocaleSource.ITEM, "IN", None, ["en-IN", "hi-IN"]),
        (LocaleSource.ITEM, "MM", None, ["en-US"]),
        (LocaleSource.PERSONA, "MM", WOMAN, ["pt-BR"]),
        (LocaleSource.PERSONA, "BR", None, ["en-US"]),
        (LocaleSource.PERSONA, "BR", Persona(age="older"), ["en-US"]),
        (Locale.HI_IN, "BR", WOMAN, ["hi-IN"]),
    ],
)
def test_language_is_the_sources_the_items_the_personas_or_a_named_one(
    wanted: str, item_country: str, persona: Persona | None, locales: list[str]
) -> None:
    assert LANGUAGES.resolve(wanted, item_country, persona) == locales


def test_two_wishes_for_the_same_language_ask_once() -> None:
    design = Design(personas=(WOMAN,), locales=(LocaleSource.SOURCE, LocaleSource.ITEM, LocaleSource.PERSONA))
    items = [ItemFacts(1, "BR"), ItemFacts(2, "US")]
    cells = design.cross(items, LANGUAGES, seed=1)
    assert len(cells) == len(set(cells)) == design.n_cells(items, LANGUAGES)
    assert {cell.locale for cell in cells} == {"en-US", "pt-BR"}
    assert len(cells) == 2 * 2 * 2 * 2


def test_order_of_asking_follows_the_seed() -> None:
    design = alignment(FIVE)
    assert design.cross(ITEMS, LANGUAGES, seed=1) == design.cross(ITEMS, LANGUAGES, seed=1)
    assert design.cross(ITEMS, LANGUAGES, seed=1) != design.cross(ITEMS, LANGUAGES, seed=2)


def test_first_part_of_a_run_is_balanced() -> None:
    part = alignment(FIVE).cross(ITEMS, LANGUAGES, seed=3)[:2000]
    for values in (Question, OptionOrder):
        counts = Counter(value for cell in part for value in cell if value in set(values))
        assert all(900 < counts[value] < 1100 for value in values)
    assert len({cell.item_id for cell in part}) == 96
    assert len({cell.persona for cell in part}) == 21


SHOWN = [
    Shown(7, 4, 11, Question.NORM, OptionOrder.PREFERENCE_FIRST, "hi-IN", WOMAN),
    Shown(7, 4, 11, Question.PERSONAL, OptionOrder.PREFERENCE_FIRST, "hi-IN", WOMAN),
    Shown(9, 5, 12, Question.PERSONAL, OptionOrder.CULTURE_FIRST, "pt-BR", None),
]


def test_yoked_cells_replay_pages_in_their_order() -> None:
    cells = yoke(Design(kind=RunKind.YOKED, personas=(None, WOMAN)), SHOWN)
    replayed = [(c.session_id, c.position, c.item_id, c.question, c.order, c.locale, c.persona) for c in cells]
    page, other, last = (shown[:6] for shown in SHOWN)
    as_tuple = [(p[0], p[1], p[2], p[3], p[4], p[5]) for p in (page, other, last)]
    assert replayed == [
        (*as_tuple[0], None), (*as_tuple[0], WOMAN), (*as_tuple[1], None), (*as_tuple[1], WOMAN), (*as_tuple[2], None),
    ]  # fmt: skip


def test_yoked_cells_cross_only_condition_and_method() -> None:
    design = Design(
        kind=RunKind.YOKED, conditions=tuple(PromptCondition), methods=(Method.SAMPLE,), n_samples=3, paraphrases=(1, 2)
    )
    assert len(set(yoke(design, SHOWN))) == 3 * 2 * 3 * 2


def test_vocabularies_cover_every_persona() -> None:
    assert len(personas_of(Country)) == len(Country) * len(AgeBucket) * len(ActorGender)
