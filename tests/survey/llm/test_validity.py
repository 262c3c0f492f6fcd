from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from survey.llm.design import Design, ItemFacts, Languages
from survey.llm.enums import LocaleSource, Method, PromptFormat, RunKind, Stage
from survey.llm.prompts import Persona
from survey.llm.validity import Target, cautions, refusals

ITEMS = [ItemFacts(1, "BR"), ItemFacts(2, "MM")]
LANGUAGES = Languages("en-US", {"BR": ["pt-BR"]})
FINE = Target("served", PromptFormat.CHAT, Stage.INSTRUCT, False, {})


def found(feature: str, works: bool, value: Any = None, note: str = "") -> Target:
    return FINE._replace(findings={feature: {"works": works, "value": value, "note": note}})


def refused(design: Design, *targets: Target, items: list[ItemFacts] = ITEMS) -> str:
    return " ".join(refusals(design, targets, items, LANGUAGES))


def warned(design: Design, *targets: Target, locales: tuple[str, ...] = ()) -> str:
    return " ".join(cautions(design, targets, ITEMS, LANGUAGES, locales))


def test_plain_design_is_neither_refused_nor_warned_of() -> None:
    assert refused(Design(), FINE) == warned(Design(), FINE) == ""


@pytest.mark.parametrize(
    ("method", "feature"),
    [
        (Method.FIRST_TOKEN, "logprobs"),
        (Method.SAMPLE, "neutral"),
        (Method.JSON_CHOICE, "json_schema"),
        (Method.VERBALISED, "neutral"),
    ],
)
def test_method_needs_what_the_probe_found(method: Method, feature: str) -> None:
    design = Design(methods=(method,))
    assert refused(design, found(feature, True)) == ""
    said = refused(design, found(feature, False, note="unknown argument"))
    assert said.startswith(f"served cannot be asked by “{method.label}”.")
    assert "unknown argument" in said


@pytest.mark.parametrize("method", Method)
def test_base_models_follow_no_instruction(method: Method) -> None:
    target = FINE._replace(prompt_format=PromptFormat.COMPLETIONS, stage=Stage.BASE)
    is_refused = method in (Method.JSON_CHOICE, Method.VERBALISED)
    assert bool(refused(Design(methods=(method,)), target)) == is_refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"personas": ()}, "Choose no persona"),
        ({"methods": ()}, "Choose at least one method."),
        ({"conditions": ()}, "Choose at least one prompt condition."),
        ({"paraphrases": (1, 4)}, "There is no wording 4"),
        ({"n_samples": 0}, "between 1 and 1000"),
        ({"n_repeats": 1001}, "between 1 and 1000"),
        ({"locales": (LocaleSource.PERSONA,)}, "needs personas with a country"),
        ({"personas": tuple(Persona(age=str(n)) for n in range(300)), "n_repeats": 1000}, "2,400,000 calls"),
    ],
)
def test_levels_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    assert message in refused(replace(Design(), **changes), FINE)


def test_nothing_to_ask_is_refused() -> None:
    assert "at least one model" in refused(Design())
    assert "No item is left" in refused(Design(), FINE, items=[])
    assert refused(Design(kind=RunKind.YOKED), FINE, items=[]) == ""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (FINE._replace(findings=None), "has not been probed"),
        (FINE._replace(is_simulated=True, findings=None), "is simulated"),
        (found("label_mass", False, 0.21), "only 21%"),
        (found("logprobs_at_t", True, 0.4), "after the temperature"),
        (FINE._replace(stage=Stage.BASE), "is that meant?"),
    ],
)
def test_what_should_be_known_first_is_said(target: Target, message: str) -> None:
    assert message in warned(Design(), target)


def test_only_languages_that_are_asked_in_are_warned_of() -> None:
    said = warned(Design(), FINE, locales=("en-US",))
    assert said == "The words around the items are machine drafts in en-US."
    assert "also an article" in warned(Design(), FINE, locales=("pt-BR",))
    assert "Items of Myanmar are asked in en-US" in warned(Design(locales=(LocaleSource.ITEM,)), FINE)
