"""Which designs cannot be asked of which models, and what deserves a second look. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from survey.enums import Country, Locale, TextStatus
from survey.llm.design import Design, ItemFacts, Languages
from survey.llm.enums import Feature, LocaleSource, Method, PromptFormat, RunKind, Stage
from survey.llm.prompts import n_paraphrases, prompt_texts

MAX_CELLS = 2_000_000
MAX_SAMPLES = 1000
LOW_MASS = 0.5
NEEDS: Mapping[Method, Sequence[Feature]] = {
    Method.FIRST_TOKEN: (Feature.LOGPROBS,),
    Method.SAMPLE: (Feature.NEUTRAL,),
    Method.JSON_CHOICE: (Feature.JSON_SCHEMA, Feature.NEUTRAL),
    Method.VERBALISED: (Feature.NEUTRAL,),
}
CHAT_ONLY = (Method.JSON_CHOICE, Method.VERBALISED)


class Target(NamedTuple):
    """A model as far as it matters here; `findings` are its newest probe's, None without a probe that still holds."""

    tag: str
    prompt_format: str
    stage: str
    is_simulated: bool
    findings: Mapping[str, Mapping[str, Any]] | None


def refusals(
    design: Design, targets: Sequence[Target], items: Sequence[ItemFacts], languages: Languages
) -> Iterator[str]:
    """Say in words why a design cannot be asked; nothing where it can."""
    if not targets:
        yield "Choose at least one model."
    if not items and design.kind != RunKind.YOKED:
        yield "No item is left to ask: the study's instrument has none, or none matches the choice."
    if not design.personas:
        yield "Choose no persona, personas or both; personas need a study with respondent countries."
    yield from _level_faults(design)
    for target in targets:
        yield from _target_faults(design, target)
    if items and design.kind != RunKind.YOKED:
        n = design.n_cells(items, languages) * max(len(targets), 1)
        if n > MAX_CELLS:
            yield f"The design makes {n:,} calls; {MAX_CELLS:,} is the most for one run. Leave out levels or items."


def _level_faults(design: Design) -> Iterator[str]:
    named = {
        "question": design.questions,
        "language": design.locales,
        "prompt condition": design.conditions,
        "wording": design.paraphrases,
        "preference configuration": design.preference_configs,
        "demographic configuration": design.demographic_configs,
        "method": design.methods,
    }
    for name, levels in named.items():
        if not levels:
            yield f"Choose at least one {name}."
    if unknown := sorted(set(design.paraphrases) - set(range(1, n_paraphrases() + 1))):
        yield f"There is no wording {', '.join(map(str, unknown))}; the conditions have 1 to {n_paraphrases()}."
    if not 1 <= design.n_samples <= MAX_SAMPLES or not 1 <= design.n_repeats <= MAX_SAMPLES:
        yield f"Samples and repetitions are between 1 and {MAX_SAMPLES}."
    if LocaleSource.PERSONA in design.locales and not any(p and p.country for p in design.personas):
        yield "The language of the persona's country needs personas with a country."


def _target_faults(design: Design, target: Target) -> Iterator[str]:
    for method in design.methods:
        if target.prompt_format == PromptFormat.COMPLETIONS and method in CHAT_ONLY:
            yield f"{target.tag} continues plain text: “{method.label}”, which follows an instruction, cannot be asked."
            continue
        for feature in NEEDS[method]:
            found = (target.findings or {}).get(feature)
            if found is not None and not found["works"]:
                note = f": {found['note']}" if found.get("note") else ""
                yield f"{target.tag} cannot be asked by “{method.label}”. Its probe says no to “{feature.label}”{note}"


def cautions(
    design: Design,
    targets: Iterable[Target],
    items: Iterable[ItemFacts],
    languages: Languages,
    locales: Sequence[str],
) -> Iterator[str]:
    """Say what may be asked but should be known first; `locales` are those that are really asked in."""
    for target in targets:
        yield from _target_cautions(design, target)
    drafts = [locale for locale in locales if prompt_texts(locale).status == TextStatus.MACHINE_DRAFT]
    if drafts:
        yield f"The words around the items are machine drafts in {', '.join(drafts)}."
    if LocaleSource.ITEM in design.locales:
        without = sorted(
            {str(Country(item.country).label) for item in items if item.country not in languages.by_country}
        )
        if without:
            yield f"Items of {', '.join(without)} are asked in {languages.source}, for want of another language."
    if Method.FIRST_TOKEN in design.methods and design.n_repeats > 1:
        yield "Log-probabilities hardly differ between repetitions; they tell how stable the endpoint is."
    if Locale.PT_BR in locales and Method.FIRST_TOKEN in design.methods:
        yield "In Portuguese “A” is also an article: compare first-token results with restricted choices there."


def _target_cautions(design: Design, target: Target) -> Iterator[str]:
    if target.is_simulated:
        yield f"{target.tag} is simulated: its answers are drawn from planted behaviour."
        return
    if target.findings is None:
        yield f"{target.tag} has not been probed since its settings were last changed: what it can do is not known."
    findings = target.findings or {}
    mass = findings.get(Feature.LABEL_MASS, {}).get("value")
    if Method.FIRST_TOKEN in design.methods and mass is not None and mass < LOW_MASS:
        yield f"{target.tag} puts only {mass:.0%} of the first token's probability on the labels."
    at_t = findings.get(Feature.LOGPROBS_AT_T)
    if Method.FIRST_TOKEN in design.methods and at_t is not None and at_t["works"]:
        yield f"{target.tag} sends log-probabilities after the temperature; at temperature 0 they say nothing of T 1."
    samples = findings.get(Feature.TEMPERATURE)
    if Method.SAMPLE in design.methods and samples is not None and not samples["works"]:
        yield f"{target.tag} gave the same answer to every seed at temperature 1: its samples may not be samples."
    if (target.stage == Stage.BASE) != (target.prompt_format == PromptFormat.COMPLETIONS):
        yield f"{target.tag} is a {target.stage} model asked in the format {target.prompt_format}: is that meant?"
