"""The factors of a run as options of a command; the same form checks them as in the browser."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

from django.forms import Form
from django.http import QueryDict

from survey.enums import Country, Locale, Question, Theme
from survey.llm.again import Offer
from survey.llm.domain import change_budget, change_priority
from survey.llm.enums import Again, DemographicConfig, LocaleSource, Method, PreferenceConfig, PromptCondition, RunKind
from survey.llm.experiment import Experiment
from survey.llm.forms import BudgetForm, ExperimentForm, PriorityForm, Respondents, ready_design
from survey.llm.models import Run
from survey.llm.preview import Preview

N_SHOWN = 3
FACTORS = {  # option: field of the form and its levels
    "question": ("questions", Question.values),
    "asked-as": ("respondents", Respondents.values),
    "method": ("methods", Method.values),
    "locale": ("locales", [*LocaleSource.values, *Locale.values]),
    "condition": ("conditions", PromptCondition.values),
    "wording": ("paraphrases", ["1", "2", "3"]),
    "preference": ("preference_configs", PreferenceConfig.values),
    "demographics": ("demographic_configs", DemographicConfig.values),
    "country": ("countries", Country.values),
    "theme": ("themes", Theme.values),
}
NUMBERS = {"samples": "n_samples", "repeats": "n_repeats", "limit-items": "limit", "sessions": "n_sessions",
           "budget": "budget", "priority": "priority"}  # fmt: skip

HELP = {
    "samples": "answers per question, for the methods sample and json_choice",
    "repeats": "repetitions, for the other methods",
    "limit-items": "at most so many items",
    "sessions": "of the design yoked: at most so many sessions",
    "budget": "what the run may cost, in the currency of its models' prices; with --run: from now on",
    "priority": "runs with a higher number are asked first; with --run: from now on",
}
OF_A_NEW_RUN = ("model", "persona", "no-persona", "item", "core", "reuse")
LIMITS: dict[str, tuple[type[Form], Callable[[Run, Any], None]]] = {  # may change while a run is under way
    "budget": (BudgetForm, change_budget),
    "priority": (PriorityForm, change_priority),
}


def add_design_arguments(parser: ArgumentParser) -> None:
    """Declare one option per factor, each of which may be repeated; without it the ready design's levels hold."""
    parser.add_argument("--design", choices=RunKind.values, default=RunKind.ALIGNMENT.value, help="the ready design")
    for name, (_, levels) in FACTORS.items():
        parser.add_argument(f"--{name}", action="append", choices=levels, metavar="LEVEL", help=", ".join(levels))
    for name in NUMBERS:
        parser.add_argument(f"--{name}", metavar="N", help=HELP[name])
    parser.add_argument("--item", action="append", metavar="CODE", help="only this item; may be repeated")
    parser.add_argument("--core", action="store_true", help="only the common core")
    parser.add_argument("--reuse", action="store_true", help="take answers that earlier runs got to the same calls")
    parser.add_argument("--preview", action="store_true", help="show what would be sent, and send nothing")


def chosen_experiment(study: str, tags: list[str], options: dict[str, Any]) -> tuple[Experiment, ExperimentForm]:
    """Give what the options choose; `ValueError` says what is wrong with them."""
    fields = {**ready_design(RunKind(options["design"])), "study": study, "specs": tags}
    for name, (field, _) in FACTORS.items():
        fields[field] = options[name.replace("-", "_")] or fields.get(field, [])
    for name, field in NUMBERS.items():
        given = options[name.replace("-", "_")]
        fields[field] = given if given is not None else fields.get(field, "")
    fields |= {"codes": " ".join(options["item"] or []), "is_core_only": "on" if options["core"] else ""}
    fields["reuses_answers"] = "on" if options["reuse"] else ""
    data = QueryDict(mutable=True)
    for field, value in fields.items():
        data.setlist(field, list(value) if isinstance(value, list | tuple) else [value])
    form = ExperimentForm(data)
    if not form.is_valid():
        raise ValueError(" ".join(f"{name}: {' '.join(map(str, said))}" for name, said in form.errors.items()))
    return form.experiment(), form


def change_limits(run: Run, options: dict[str, Any]) -> None:
    """Give a run that is there another budget or priority; `ValueError` where anything else of it is to change."""
    new_only = [name for name in (*FACTORS, *NUMBERS, *OF_A_NEW_RUN) if name not in LIMITS]
    if strange := [name for name in new_only if options[name.replace("-", "_")]]:
        told = ", ".join(f"--{name}" for name in strange)
        raise ValueError(f"{told}: only for a new run. Of one that is there --budget and --priority can be changed.")
    given = [name for name in LIMITS if options[name] is not None]
    forms = {name: LIMITS[name][0]({name: options[name]}) for name in given}
    for name, form in forms.items():
        if not form.is_valid():
            raise ValueError(f"{name}: {' '.join(map(str, form.errors[name]))}")
    for name, form in forms.items():
        LIMITS[name][1](run, form.cleaned_data[name])


def preview_lines(shown: Preview) -> Iterator[str]:
    """Write a preview for a terminal."""
    yield f"{shown.n_calls:,} calls; nothing has been sent. Manifest {shown.manifest_hash}"
    for each in shown.estimates:
        money = f"about {each.cost:.2f} {each.price.currency}" if each.price else "no price known"
        tokens = f"about {each.prompt_tokens:,} tokens in, at most {each.completion_tokens:,} out"
        yield f"  {each.spec}: {each.n_calls:,} calls, {tokens}, {money}, {each.minutes:,.1f} min at its limits"
    if shown.savings:
        about = "" if shown.savings.is_exact else "about "
        yield f"  {about}{shown.savings.n_calls:,} of these calls have been answered in earlier runs and are not made"
    for warning in shown.warnings:
        yield f"  Note: {warning}"
    for example in shown.examples[:N_SHOWN]:
        for order, prompt in example.prompts:
            yield f"\n--- {example.title}; {example.item}; {order} ---\n{example.settings}\n\n{prompt}"
    if len(shown.examples) > N_SHOWN or shown.n_combinations > N_SHOWN:
        yield f"\n… {N_SHOWN} of {shown.n_combinations} combinations are shown."


def offer_lines(found: Offer, kinds: list[Again]) -> Iterator[str]:
    """Write what asking again would take for a terminal."""
    for each in found.kinds:
        if each.kind in kinds:
            money = "" if each.money is None else f", about {each.money:.2f} {found.run.currency}"
            yield f"{each.kind.label}: {each.n_calls:,} calls{money}"
    if found.n_todo:
        yield f"Still to be asked in any case: {found.n_todo:,}"
    if found.room is not None:
        yield f"Left of the budget: {found.room:.2f} {found.run.currency}"
