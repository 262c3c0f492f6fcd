"""What makes each family unreliable in these data: found in the data, said in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import pandas as pd

from analysis.families import FamilyKey
from analysis.limits import FEW_IN_CELL, FEW_RESPONDENTS
from analysis.reasons import column
from analysis.reports.drop_one import FIXED, INTERACTIONS
from analysis.reports.inputs import Inputs
from analysis.reports.own_culture import NAMES
from analysis.reports.tables import Tables
from analysis.stats.glm import independent_columns
from analysis.stats.own_culture import pool_rare
from analysis.stats.terms import count_patterns, design
from survey.enums import AgeBucket, OptionOrder, Relation, country_name

FEW_ITEMS = 10
FEW_LEVELS = 5
MANY_UNREAD = 0.05
N_NAMED = 4
Found = Iterator[str]


def collect(inputs: Inputs, tables: Tables, families: Sequence[FamilyKey]) -> dict[str, list[str]]:
    """Give each family's doubts, the gravest first; a family without any is not named."""
    found = {key.value: [told for doubt in DOUBTS[key] for told in doubt(inputs, tables)] for key in families}
    return {key: told for key, told in found.items() if told}


def few_respondents(inputs: Inputs, tables: Tables) -> Found:
    """Name the countries with few people."""
    counts = _people(inputs)["respondent_country"].value_counts()
    few = [f"{country_name(code)} {n}" for code, n in sorted(counts.items()) if 0 < n < FEW_RESPONDENTS]
    if few:
        yield f"Few people: fewer than {FEW_RESPONDENTS} respondents in {named(few)}. Intervals there are approximate."


def small_cells(inputs: Inputs, tables: Tables) -> Found:
    """Name the cells of country, age and gender with few people."""
    sizes = _people(inputs).groupby(["respondent_country", "demographic_cell"], observed=True).size()
    counted = zip(sizes.index.to_frame().to_numpy(), sizes, strict=True)
    small = [f"{country_name(code)}, {cell(who)}: {n}" for (code, who), n in counted if n < FEW_IN_CELL]
    if small:
        yield (
            f"Few people in a cell: {len(small)} of {len(sizes)} cells of country, age and gender hold fewer than "
            f"{FEW_IN_CELL} respondents ({named(small)})."
        )


def one_item(inputs: Inputs, tables: Tables) -> Found:
    """Name the countries whose people judged one item, and those whose scenarios are one item."""
    for place, told in (
        ("respondent_country", "people of {} judged one item only, which stands for all"),
        ("scenario_country", "scenarios in {} are one item only: the country cannot be told from it"),
    ):
        counts = inputs.answers.groupby(place, observed=True)["item_code"].nunique()
        alone = [country_name(code) for code, n in counts.items() if n == 1]
        if alone:
            yield f"One item in a country: {told.format(named(alone))}."


def no_overlap(inputs: Inputs, tables: Tables) -> Found:
    """Name the pairs of countries that judged no common item, or say how few are common to all."""
    answers = inputs.answers
    judged = {
        str(code): set(rows.unique())
        for code, rows in answers.groupby("respondent_country", observed=True)["item_code"]
        if len(rows)
    }
    apart = [
        f"{country_name(one)} and {country_name(other)}"
        for one, other in combinations(sorted(judged), 2)
        if not judged[one] & judged[other]
    ]
    if apart:
        yield f"No common item: {named(apart)} judged different items, so that people and items cannot be told apart."
    elif len(judged) > 1:
        common = set.intersection(*judged.values())
        every = set.union(*judged.values())
        if len(common) < len(every):
            yield (
                f"Countries judged partly different items: {len(common)} of {len(every)} are common to all "
                f"{len(judged)}."
            )


def few_items(inputs: Inputs, tables: Tables) -> Found:
    """Say where the items themselves are few: intervals about new items then rest on little."""
    n = inputs.answers["item_code"].nunique()
    if 0 < n < FEW_ITEMS:
        yield f"Few items: intervals about new items rest on {n} item{'' if n == 1 else 's'}."


def lonely_answers(inputs: Inputs, tables: Tables) -> Found:
    """Count the items with a single answer from a country."""
    sizes = inputs.answers.groupby(["item_code", "respondent_country", "question"], observed=True).size()
    n_lonely = int((sizes == 1).sum())
    if n_lonely:
        yield f"{n_lonely} of {len(sizes)} pairs of item and country have one answer, which says nothing of agreement."


def at_home_and_abroad(inputs: Inputs, tables: Tables) -> Found:
    """Say how many items were judged both at home and elsewhere: only they separate the effect from the items."""
    answers = inputs.answers[inputs.answers["relation"].notna()]
    if answers.empty:
        return
    is_own = answers["relation"].astype(str) == Relation.SAME
    home, away = (set(answers.loc[mask, "item_code"].unique()) for mask in (is_own, ~is_own))
    both, every = home & away, home | away
    if len(both) < len(every):
        yield (
            f"{len(both)} of {len(every)} items were judged both by people at home in them and by others; the rest "
            "bring the items' own differences into the effect."
        )


def aliased(inputs: Inputs, tables: Tables) -> Found:
    """Name what the other factors already determine, so that no coefficient of it can be estimated."""
    answers = inputs.answers[inputs.answers["relation"].notna()].reset_index(drop=True)
    if answers.empty:
        return
    terms = [*((name,) for name in FIXED), *INTERACTIONS]
    patterns = count_patterns(pool_rare(answers, NAMES), value=NAMES.value, variables=FIXED)
    columns = design(patterns, terms)
    kept = independent_columns(columns.matrix, patterns.trials)
    lost = [column(name) for name, keep in zip(columns.names, kept, strict=True) if not keep]
    if lost:
        yield f"Aliased factors: {named(lost)} cannot be told from other factors in these data."


def few_origins(inputs: Inputs, tables: Tables) -> Found:
    """Say where an effect of the scenario's country rests on few countries."""
    n = inputs.answers["scenario_country"].nunique()
    if 0 < n < FEW_LEVELS:
        yield f"The scenario's country has {n} level{'' if n == 1 else 's'}: how much countries differ is hardly known."


def unread(inputs: Inputs, tables: Tables) -> Found:
    """Name the models of whose answers many could not be read."""
    models = inputs.models
    shares = models["choice"].isna().groupby(models["model_tag"].astype(str)).mean() if len(models) else pd.Series()
    many = [f"{tag} {100 * share:.0f}%" for tag, share in shares.items() if share > MANY_UNREAD]
    if many:
        yield f"Unread answers: refused or not understood were, of {named(many)}; they are left out, not filled in."
    silent = [str(tag) for tag, share in shares.items() if share == 1]
    if silent:
        yield f"Nothing was read from {named(silent)}: no number stands for it."


def one_order(inputs: Inputs, tables: Tables) -> Found:
    """Name the models asked in one order of the options only."""
    models = inputs.models
    if models.empty:
        return
    orders = models.groupby(models["model_tag"].astype(str))["option_order"].nunique()
    alone = [str(tag) for tag, n in orders.items() if n < len(OptionOrder)]
    if alone:
        yield f"One order of options: {named(alone)} saw one only, so that the order's pull stays in the rate."


def few_answers_per_item(inputs: Inputs, tables: Tables) -> Found:
    """Say how many items have too few people to know their rate."""
    sizes = inputs.answers.groupby(["item_code", "question"], observed=True).size()
    n_few = int((sizes < FEW_IN_CELL).sum())
    if n_few:
        yield f"{n_few} of {len(sizes)} pairs of item and question have fewer than {FEW_IN_CELL} people's answers."


def few_pairs(inputs: Inputs, tables: Tables) -> Found:
    """Say where a shift rests on few items."""
    shift = tables.get("shift", pd.DataFrame())
    if len(shift):
        few = shift[(shift["measure"] == "net_shift") & (shift["n_sources"] < FEW_ITEMS)]
        names = sorted(set(few["model_family"].astype(str)))
        if names:
            yield f"Few items: the shift of {named(names)} rests on fewer than {FEW_ITEMS}."


def untested(inputs: Inputs, tables: Tables) -> Found:
    """Name the hypotheses that could not be tested."""
    table = tables.get("plan", pd.DataFrame())
    if len(table):
        names = [str(name).replace("_", " ") for name in table.loc[table["p_value"].isna(), "hypothesis"].unique()]
        if names:
            yield f"Not testable, in whole or in part: {named(names)}."


DOUBTS: Mapping[FamilyKey, Sequence[Callable[[Inputs, Tables], Found]]] = {
    FamilyKey.PLAN: (untested, few_respondents, few_items, no_overlap, unread),
    FamilyKey.RATES: (few_respondents, small_cells, few_items, one_item, no_overlap),
    FamilyKey.AGREEMENT: (lonely_answers, few_respondents, few_items, one_item, no_overlap),
    FamilyKey.OWN_CULTURE: (at_home_and_abroad, few_respondents, few_items, one_item, no_overlap, aliased),
    FamilyKey.EFFECT_SIZES: (small_cells, few_items, one_item, no_overlap, few_origins),
    FamilyKey.VARIANCE: (few_origins, few_respondents, few_items, one_item),
    FamilyKey.DROP_ONE: (aliased, few_origins, few_respondents, few_items, no_overlap),
    FamilyKey.ALIGNMENT: (unread, few_answers_per_item, one_order, few_items),
    FamilyKey.SHIFT: (few_pairs,),
    FamilyKey.PAPER: (aliased, lonely_answers, no_overlap),
}


def _people(inputs: Inputs) -> pd.DataFrame:
    return inputs.answers.drop_duplicates("respondent_id")


def named(names: Sequence[str]) -> str:
    """Name the first few, and say how many more there are; one more is named, which is no longer than to say so."""
    n_more = len(names) - N_NAMED
    return ", ".join(names) if n_more <= 1 else f"{', '.join(names[:N_NAMED])} and {n_more} more"


def cell(code: object) -> str:
    """Name an age group and gender as people do."""
    bucket, _, gender = str(code).partition("_")
    who = {"female": "women", "male": "men"}.get(gender, gender)
    return f"{AgeBucket(bucket).label.lower()} {who}" if bucket in AgeBucket.values else str(code)
