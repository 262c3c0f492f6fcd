"""The paper's comparison of model answers with the human item profiles."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.stats.paper.human import SUBGROUP
from analysis.stats.paper.predictions import one_setting

Floats = npt.NDArray[np.float64]

MEASURES = [
    "n_model_rows",
    "n_items",
    "n_humans",
    "human_culture_rate",
    "model_culture_rate",
    "signed_culture_rate_gap_model_minus_human",
    "majority_choice_alignment",
    "distributional_mae",
    "mean_human_majority_agreement",
]
MODEL_KEYS = ["setting", "model_tag", "response_type"]
PERSONA = ["persona_country", "persona_demo"]
ITEM = ["scenario_item_id", "response_type"]
RANK = "rank_for_model_response_type"
PREDICTED = [*MODEL_KEYS, *PERSONA, "scenario_item_id", "llm_choice", "llm_culture"]
PROFILED = ["human_culture_rate", "n_humans", "human_majority", "human_majority_agreement"]


def no_persona_summary(long: pd.DataFrame, overall: pd.DataFrame) -> pd.DataFrame:
    """Compare each model's answers without persona with all respondents, best majority match first."""
    joined = _slim(one_setting(long, "no_persona")).merge(overall[[*ITEM, *PROFILED]], on=ITEM)
    table = _summary(joined, MODEL_KEYS)
    order = ["response_type", "majority_choice_alignment", "distributional_mae"]
    return table.sort_values(order, ascending=[True, False, True], ignore_index=True)


def persona_summary(long: pd.DataFrame, subgroups: pd.DataFrame) -> pd.DataFrame:
    """Compare each model's answers under a persona with the respondents that persona stands for."""
    asked = _slim(one_setting(long, "persona"))
    profiled = subgroups[[*ITEM, *SUBGROUP, *PROFILED]]
    joined = asked.merge(profiled, left_on=[*ITEM, *PERSONA], right_on=[*ITEM, *SUBGROUP])
    table = _summary(joined, [*MODEL_KEYS, *PERSONA])
    return table.sort_values(["response_type", "model_tag", *PERSONA], ignore_index=True)


def persona_item_level(long: pd.DataFrame, subgroups: pd.DataFrame) -> pd.DataFrame:
    """Put every persona answer beside its subgroup's item profile.

    Notes
    -----
    Columns both tables have come twice, as `name_x` (predictions) and `name_y` (profiles), as in the
    paper's file.
    """
    asked = one_setting(long, "persona").astype(dict.fromkeys(PERSONA, object))
    return asked.merge(subgroups, left_on=[*ITEM, *PERSONA], right_on=[*ITEM, *SUBGROUP])


def combined_summary(no_persona: pd.DataFrame, persona: pd.DataFrame) -> pd.DataFrame:
    """Stack both summaries; rows without persona have no persona country and cell."""
    columns = [*MEASURES, *MODEL_KEYS, *PERSONA]
    tables = [table.reindex(columns=columns).astype(dict.fromkeys(PERSONA, object)) for table in (no_persona, persona)]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def closest_subgroups(long: pd.DataFrame, subgroups: pd.DataFrame) -> pd.DataFrame:
    """Rank the human subgroups by closeness to each model's answers without persona."""
    asked = _slim(one_setting(long, "no_persona")).drop(columns=PERSONA)
    joined = asked.merge(subgroups[[*ITEM, *SUBGROUP, *PROFILED]], on=ITEM)
    table = _summary(joined, [*MODEL_KEYS, *SUBGROUP])
    order = ["model_tag", "response_type", "majority_choice_alignment", "distributional_mae"]
    table = table.sort_values(order, ascending=[True, True, False, True], ignore_index=True)
    table[RANK] = table.groupby(["model_tag", "response_type"]).cumcount() + 1  # none without a tag, as in the paper
    return table


def _slim(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[PREDICTED].astype(dict.fromkeys(PERSONA, object))


def _summary(joined: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Compute the paper's measures per group.

    Notes
    -----
    Majority match is over all rows (a missing answer, or one not written "A" or "B", is a mismatch); the
    mean absolute error is over answered rows; the signed gap is averaged over items; `n_humans` is summed
    over rows, so that a respondent counts as often as a model row meets them.
    """
    if joined.empty:
        return pd.DataFrame(columns=[*MEASURES, *keys])
    number = joined.groupby(keys, dropna=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    rows, starts = joined.iloc[order], np.flatnonzero(np.diff(number[order], prepend=-1))
    first = rows.iloc[starts]
    table = pd.DataFrame({name: first[name].to_numpy() for name in keys})
    model, human = rows["llm_culture"].to_numpy(float), rows["human_culture_rate"].to_numpy(float)
    matches = (rows["llm_choice"] == rows["human_majority"]).to_numpy().astype(float)
    table["n_model_rows"] = np.diff(starts, append=len(rows))
    table["n_items"] = rows["scenario_item_id"].groupby(number[order]).nunique().to_numpy()
    table["n_humans"] = np.add.reduceat(rows["n_humans"].to_numpy(), starts)
    table["human_culture_rate"] = _means(human, starts)
    table["model_culture_rate"] = _means(model, starts)
    table["signed_culture_rate_gap_model_minus_human"] = _item_gaps(rows, number[order])
    table["majority_choice_alignment"] = _means(matches, starts)
    table["distributional_mae"] = _means(np.abs(model - human), starts)
    table["mean_human_majority_agreement"] = _means(rows["human_majority_agreement"].to_numpy(float), starts)
    return table[[*MEASURES, *keys]]


def _item_gaps(rows: pd.DataFrame, number: npt.NDArray[np.integer]) -> Floats:
    items = rows.groupby([number, rows["scenario_item_id"]], dropna=False)
    gaps = items["llm_culture"].mean() - items["human_culture_rate"].first()
    return gaps.groupby(level=0).mean().to_numpy(float)


def _means(values: Floats, starts: npt.NDArray[np.intp]) -> Floats:
    """Average each run of rows without its missing values, adding in NumPy's order.

    The tables are sorted by these means, so sums must not depend on a different order of additions.
    """
    return np.array([_mean(part) for part in np.split(values, starts[1:])])


def _mean(values: Floats) -> float:
    known = ~np.isnan(values)
    return float(np.where(known, values, 0.0).sum() / known.sum()) if known.any() else float("nan")
