"""The analysis plan of an instrument: what will be tested, declared before the data are seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeGuard

from survey.enums import Country, Question, Relation

PLAN_FILE = "analysis_plan.yaml"
PLAN_KEY = "analysis_plan"  # where the plan stands in an instrument's structure
EVERY = "each"  # instead of one country, pair or model


class HypothesisFamily(StrEnum):
    """How much hangs on a hypothesis, and so how the p-values of its tests are adjusted."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    EXPLORATORY = "exploratory"


class Adjustment(StrEnum):
    """How the p-values of a family are adjusted for their number."""

    HOLM = "holm"
    BENJAMINI_HOCHBERG = "benjamini_hochberg"
    BENJAMINI_YEKUTIELI = "benjamini_yekutieli"
    NONE = "none"


class Estimand(StrEnum):
    """What a hypothesis is about; the analysis knows how each is estimated."""

    OWN_CULTURE_EFFECT = "own_culture_effect"
    NORM_PERSONAL_GAP = "norm_personal_gap"
    COUNTRY_DIFFERENCE = "country_difference"
    MODEL_RATE_GAP = "model_rate_gap"
    MODEL_OVER_RULE = "model_over_rule"
    BASE_INSTRUCT_SHIFT = "base_instruct_shift"


class Comparisons(StrEnum):
    """A table of the results whose p-values belong to a family."""

    COUNTRY_DIFFERENCES = "country_differences"
    AGREEMENT_ACROSS = "agreement_across"
    PLURALISM = "pluralism"
    OWN_CULTURE = "own_culture"
    EFFECT_SIZES = "effect_sizes"
    DROP_ONE = "drop_one"
    ALIGNMENT_DIFFERENCES = "alignment_differences"
    ORDER_BIAS = "order_bias"
    STEERABILITY = "steerability"
    SHIFT = "shift"


class Setting(NamedTuple):
    """A further key of a hypothesis: the values it may have, and whether it may be left out."""

    values: tuple[str, ...]
    is_required: bool = True


COUNTRIES = tuple(Country.values)
GAP = "gap"  # how far the effect on norm judgments is from that on personal choices: question x relation
QUESTION = Setting(tuple(Question.values))
SETTINGS: Mapping[Estimand, Mapping[str, Setting]] = {
    Estimand.OWN_CULTURE_EFFECT: {
        "question": Setting((*Question.values, GAP)),
        "other": Setting((Relation.CLOSE.value, Relation.FAR.value)),
        "country": Setting(("all", EVERY, *COUNTRIES)),
    },
    Estimand.NORM_PERSONAL_GAP: {"country": Setting(("all", EVERY, *COUNTRIES))},
    Estimand.COUNTRY_DIFFERENCE: {
        "question": QUESTION,
        "first": Setting((EVERY, *COUNTRIES)),
        "second": Setting(COUNTRIES, is_required=False),
    },
    Estimand.MODEL_RATE_GAP: {"question": QUESTION, "persona_setting": Setting(("no_persona", "persona"))},
    Estimand.MODEL_OVER_RULE: {"question": QUESTION, "persona_setting": Setting(("no_persona", "persona"))},
    Estimand.BASE_INSTRUCT_SHIFT: {"condition": Setting(("balance", "no_balance"))},
}
PLAN_KEYS = ("version", "seed", "alpha", "adjustments", "exclusions", "hypotheses")
OPTIONAL_KEYS = ("tables",)
COMMON = ("statement", "estimand", "family", "sesoi")


def placed_faults(
    plan: Mapping[str, Any], exclusions: object, lines: Mapping[str, int]
) -> Iterator[tuple[str, int, str, str]]:
    """Yield file, line, key and sentence of every fault; that of a missing key stands at the nearest key above it."""
    for key, message in plan_faults(plan, exclusions):
        path = f"{PLAN_KEY}.{key}"
        while path and path not in lines:
            path = path.rpartition(".")[0]
        yield PLAN_FILE, lines.get(path, 1), key, message


def plan_faults(plan: Mapping[str, Any], exclusions: object) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a plan: the dotted key and a sentence; ``exclusions`` are the instrument's own."""
    for key in plan:
        if key not in (*PLAN_KEYS, *OPTIONAL_KEYS):
            yield key, f"unknown key; known are {', '.join((*PLAN_KEYS, *OPTIONAL_KEYS))}"
    missing = [key for key in PLAN_KEYS if key not in plan]
    for key in missing:
        yield key, "missing"
    if missing:
        return
    if not isinstance(plan["version"], str):
        yield "version", "must be a text (in quotes if it looks like a number)"
    if not _is_whole(plan["seed"]) or plan["seed"] < 0:
        yield "seed", "must be a whole number from 0"
    if not _is_number(plan["alpha"]) or not 0 < plan["alpha"] < 1:
        yield "alpha", "must be a number between 0 and 1"
    yield from _adjustment_faults(plan["adjustments"])
    yield from _table_faults(plan.get("tables", {}), plan["adjustments"])
    if plan["exclusions"] != exclusions:
        yield "exclusions", "must be those of instrument.yaml, in the same order"
    hypotheses = plan["hypotheses"]
    if not isinstance(hypotheses, Mapping) or not hypotheses:
        yield "hypotheses", "must be a mapping of names to hypotheses"
        return
    for name, hypothesis in hypotheses.items():
        yield from _hypothesis_faults(f"hypotheses.{name}", hypothesis)


def _adjustment_faults(adjustments: object) -> Iterator[tuple[str, str]]:
    families = [family.value for family in HypothesisFamily]
    if not isinstance(adjustments, Mapping) or set(adjustments) != set(families):
        yield "adjustments", f"must give one for each of {', '.join(families)}"
        return
    known = [adjustment.value for adjustment in Adjustment]
    for family, adjustment in adjustments.items():
        if adjustment not in known:
            yield f"adjustments.{family}", f"unknown adjustment {adjustment!r}; known are {', '.join(known)}"
    if adjustments[HypothesisFamily.PRIMARY] == Adjustment.NONE:
        yield "adjustments.primary", "primary tests must be adjusted for their number"


def _table_faults(tables: object, adjustments: object) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the families of tables, of which each must be adjusted somehow."""
    if not isinstance(tables, Mapping):
        yield "tables", "must be a mapping of tables to families"
        return
    families, known = [family.value for family in HypothesisFamily], [table.value for table in Comparisons]
    for table, family in tables.items():
        if table not in known:
            yield f"tables.{table}", f"unknown table; known are {', '.join(known)}"
        elif family not in families:
            yield f"tables.{table}", f"must be one of {', '.join(families)}"
        elif isinstance(adjustments, Mapping) and adjustments.get(family) == Adjustment.NONE:
            yield f"tables.{table}", f"the p-values of {family} tests are not adjusted; those of tables must be"


def _hypothesis_faults(key: str, hypothesis: object) -> Iterator[tuple[str, str]]:
    if not isinstance(hypothesis, Mapping):
        yield key, f"must be a mapping with {', '.join(COMMON)}"
        return
    statement, estimand, sesoi = (hypothesis.get(name) for name in ("statement", "estimand", "sesoi"))
    if not isinstance(statement, str) or not statement.strip():
        yield f"{key}.statement", "must say in a sentence what is expected"
    if hypothesis.get("family") not in list(HypothesisFamily):
        yield f"{key}.family", f"must be one of {', '.join(HypothesisFamily)}"
    if not _is_number(sesoi) or not 0 < sesoi < 1:
        yield f"{key}.sesoi", "must be the smallest effect of interest, a number between 0 and 1 (0.05 is 5 points)"
    if estimand not in list(Estimand):
        yield f"{key}.estimand", f"must be one of {', '.join(Estimand)}"
        return
    settings = SETTINGS[Estimand(str(estimand))]
    for name in hypothesis:
        if name not in (*COMMON, *settings):
            yield f"{key}.{name}", f"unknown key of {estimand}; known are {', '.join((*COMMON, *settings))}"
    for name, setting in settings.items():
        value = hypothesis.get(name)
        if value is None and setting.is_required:
            yield f"{key}.{name}", "missing"
        elif value is not None and value not in setting.values:
            yield f"{key}.{name}", f"{value!r} is none of {', '.join(setting.values)}"
    if estimand == Estimand.COUNTRY_DIFFERENCE and (hypothesis.get("first") == EVERY) == ("second" in hypothesis):
        yield f"{key}.second", "names the other country; with first: each there is none"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
