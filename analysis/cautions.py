"""What makes the numbers of an analysis unreliable, in sentences for its reader."""

from collections.abc import Iterator

import pandas as pd

from analysis.limits import FEW_IN_CELL, FEW_RESPONDENTS
from analysis.parameters import Parameters
from analysis.plan import Plan
from survey.enums import country_name

FEW_ANSWERS = 2


def collect(answers: pd.DataFrame, models: pd.DataFrame, why_no_paper_tables: str) -> list[str]:
    """Give all cautions, the gravest first."""
    if answers.empty:
        return ["No answers remain after the exclusions: nothing about people can be estimated yet."]
    respondents = answers.drop_duplicates("respondent_id")
    found = [
        *_simulated(respondents, models),
        *_few_respondents(respondents),
        *_small_cells(respondents),
        *_overlap(answers),
        *_lonely_items(answers),
        *_unread(models),
    ]
    if why_no_paper_tables:
        found.append(f"The paper's tables could not be computed: {why_no_paper_tables}.")
    return found


def chosen(parameters: Parameters, plan: Plan | None) -> Iterator[str]:
    """Say where an analysis was asked for with other choices than the plan's, or of part of the data."""
    if parameters.last_day:
        yield f"Only people who came by day {parameters.last_day} of the study are counted."
    if parameters.countries:
        yield f"Only people of these countries are counted: {', '.join(map(country_name, parameters.countries))}."
    if plan is not None and parameters.alpha != plan.alpha:
        yield (
            f"Intervals and tables use a level of {parameters.alpha:g}; the plan declares {plan.alpha:g}, and the "
            "verdicts on its hypotheses keep to that."
        )


def _simulated(respondents: pd.DataFrame, models: pd.DataFrame) -> list[str]:
    n_people, n = int(respondents["is_simulated"].sum()), len(respondents)
    found = []
    if n_people:
        found.append(f"{n_people} of {n} respondents are simulated: these numbers say nothing about people.")
    tags = models[["model_tag", "is_simulated"]].drop_duplicates()
    if n_models := int(tags["is_simulated"].sum()):
        found.append(f"{n_models} of {len(tags)} models are simulated: their rows say nothing about real models.")
    return found


def _few_respondents(respondents: pd.DataFrame) -> list[str]:
    counts = respondents["respondent_country"].value_counts()
    few = [f"{country_name(str(code))} {n}" for code, n in sorted(counts.items()) if 0 < n < FEW_RESPONDENTS]
    if not few:
        return []
    return [f"Fewer than {FEW_RESPONDENTS} respondents: {', '.join(few)}. Their intervals are wide and approximate."]


def _small_cells(respondents: pd.DataFrame) -> list[str]:
    sizes = respondents.groupby(["respondent_country", "demographic_cell"], observed=True).size()
    n_small = int((sizes < FEW_IN_CELL).sum())
    if not n_small:
        return []
    return [
        f"{n_small} of {len(sizes)} cells of country, age and gender hold fewer than {FEW_IN_CELL} respondents: "
        "read demographic differences as provisional."
    ]


def _overlap(answers: pd.DataFrame) -> list[str]:
    n_countries = answers["respondent_country"].nunique()
    if n_countries < 2:
        return []
    by_item = answers.groupby("item_code", observed=True)["respondent_country"].nunique()
    n_shared = int((by_item == n_countries).sum())
    if n_shared:
        return [
            f"{n_shared} of {len(by_item)} items were judged in all {n_countries} countries: "
            "differences between countries are partly differences between items."
        ]
    return [
        "No item was judged in every country: differences between countries cannot be told from differences "
        "between items."
    ]


def _lonely_items(answers: pd.DataFrame) -> list[str]:
    sizes = answers.groupby(["item_code", "respondent_country", "question"], observed=True).size()
    n_lonely = int((sizes < FEW_ANSWERS).sum())
    if not n_lonely:
        return []
    return [f"{n_lonely} of {len(sizes)} pairs of item and country have one answer only and tell nothing of agreement."]


def _unread(models: pd.DataFrame) -> list[str]:
    n_unread = int(models["choice"].isna().sum())
    if not n_unread:
        return []
    share = 100 * n_unread / len(models)
    return [f"{share:.1f}% of the model answers were refusals or could not be read; they are left out, not filled in."]
