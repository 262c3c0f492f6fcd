"""Models beside people."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.reports.inputs import Inputs
from analysis.reports.multiplicity import adjusted
from analysis.reports.tables import Made, OnStep
from analysis.stats.alignment import Columns, alignment_table, difference_table, groups
from analysis.stats.calibration import calibration_table
from analysis.stats.ceilings import ceiling_table
from analysis.stats.steering import STEER_COLUMNS, order_bias, steerability
from survey.enums import OptionOrder
from survey.instruments.plan import Comparisons
from survey.llm.enums import Method, PersonaSetting

EXACT = (Method.FIRST_TOKEN, Method.VERBALISED)  # these give a probability, the others one choice a sample
SETTING = ("model_tag", "persona_setting", "method")
COLUMNS = Columns(
    item="item_code",
    question="question",
    respondent="respondent_id",
    human_value="follows_culture",
    model_value="p_follows_culture",
    by=SETTING,
    order="option_order",
    probability="is_probability",
)
CEILING_DRAWS = 200  # of the bootstrap, whose cost is counted in these
PERSONA = {"persona_country": "respondent_country", "persona_cell": "demographic_cell"}
GROUP = list(PERSONA)
COMPARED: dict[Comparisons, tuple[str, ...]] = {
    Comparisons.ALIGNMENT_DIFFERENCES: ("measure",),
    Comparisons.ORDER_BIAS: (),
    Comparisons.STEERABILITY: ("measure",),
}
ITEM_COLUMNS = ["item_code", "question", *SETTING, "human_rate", "n_human", "model_rate", "n_model"]


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Alignment")
    answers, models, parameters = inputs.answers, with_probabilities(inputs.models), inputs.parameters
    level, seed = parameters.level, parameters.seed
    tables = {
        "alignment": alignment_table(answers, models, COLUMNS, seed=seed, level=level),
        "alignment_differences": difference_table(answers, models, COLUMNS, model="model_tag", level=level),
        "alignment_items": item_rates(answers, models),
        "calibration": calibration_table(answers, models, COLUMNS, level=level),
        "order_bias": order_bias(
            models,
            item="item_code",
            order="option_order",
            first=OptionOrder.CULTURE_FIRST,
            second=OptionOrder.PREFERENCE_FIRST,
            value="p_follows_culture",
            by=["question", *SETTING],
            level=level,
        ),
        "steerability": steering(answers, models, level),
    }
    on_step("Noise ceilings")
    n_resamples = min(parameters.n_resamples, CEILING_DRAWS)
    for table, within in COMPARED.items():
        tables[table] = adjusted(tables[table], inputs, table, within)
    tables["ceilings"] = ceiling_table(answers, models, COLUMNS, seed=seed, n_resamples=n_resamples, level=level)
    return Made(tables)


def with_probabilities(models: pd.DataFrame) -> pd.DataFrame:
    """Add what counts as a model's answer: its probability where the method gives one, else its choice."""
    is_exact = models["method"].isin(EXACT)
    answer = models["follows_culture"].astype("float64").where(~is_exact, models["p_culture"])
    return models.assign(p_follows_culture=answer, is_probability=is_exact)


def item_rates(answers: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Give both sides' rates and numbers of answers, item by item."""
    parts = [
        pd.DataFrame(
            {
                "item_code": group.items,
                **group.labels,
                "human_rate": group.pairs.human_rate,
                "n_human": group.pairs.n_human.astype(int),
                "model_rate": group.pairs.model_rate,
                "n_model": group.pairs.n_model.astype(int),
            }
        )
        for group in groups(answers, models, COLUMNS)
        if group.pairs.n_items
    ]
    return pd.concat(parts, ignore_index=True)[ITEM_COLUMNS] if parts else pd.DataFrame(columns=ITEM_COLUMNS)


def steering(answers: pd.DataFrame, models: pd.DataFrame, level: float) -> pd.DataFrame:
    """Ask of every model and question whether its personas move as people of their country, age and gender do."""
    personas = models[models["persona_setting"] == PersonaSetting.PERSONA]
    personas = personas.assign(
        persona_country=personas["persona_country"].astype(str),
        persona_cell=personas["persona_age"].astype(str) + "_" + personas["persona_gender"].astype(str),
    )
    people = answers[answers["demographic_cell"].notna()]
    people = people.assign(**{mine: people[theirs].astype(str) for mine, theirs in PERSONA.items()})
    by = ["question", "model_tag", "method"]
    parts = []
    for key, rows in personas.groupby(by, observed=True):
        labels: Any = dict(zip(by, key, strict=True))
        asked = people[people["question"] == labels["question"]]
        found = steerability(
            asked[["item_code", "respondent_id", "follows_culture", *GROUP]],
            rows,
            item="item_code",
            respondent="respondent_id",
            human_value="follows_culture",
            model_value="p_follows_culture",
            group=GROUP,
            order="option_order",
            is_exact=labels["method"] in EXACT,
            level=level,
        )
        parts.append(found.assign(**labels)[[*by, *STEER_COLUMNS]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*by, *STEER_COLUMNS])
