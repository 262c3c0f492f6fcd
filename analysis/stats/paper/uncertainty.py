"""The paper's correlation of human with model agreement over items."""

import numpy as np
import pandas as pd

from analysis.stats.paper.alignment import ITEM, MODEL_KEYS
from analysis.stats.paper.coding import majority_agreement

UNCERTAINTY_COLUMNS = [
    "n_items",
    "mean_model_majority_agreement",
    "mean_model_majority_agreement_low_human_agreement",
    "mean_human_majority_agreement",
    "human_model_agreement_correlation",
    "mean_model_samples_per_item",
    *MODEL_KEYS,
]


def uncertainty_summary(long: pd.DataFrame, overall: pd.DataFrame) -> pd.DataFrame:
    """Correlate the larger side of the human answers with that of the model's answers, item by item.

    Notes
    -----
    The model's answers to an item are those under its personas; without persona there is one answer, the
    larger side is always 1 and the correlation is missing. "Low human agreement" means at or below the
    median item.
    """
    answered = long[long["llm_culture"].notna()]
    items = answered.groupby([*MODEL_KEYS, "scenario_item_id"], dropna=False)["llm_culture"]
    table = items.agg(rate="mean", n_samples="size").reset_index()
    table = table.astype({"scenario_item_id": long["scenario_item_id"].dtype})  # grouping makes numbers of none at all
    table["model_agreement"] = majority_agreement(table["rate"])
    joined = table.merge(overall[[*ITEM, "human_majority_agreement"]], on=ITEM)
    rows = [
        _row(dict(zip(MODEL_KEYS, key, strict=True)), group) for key, group in joined.groupby(MODEL_KEYS, dropna=False)
    ]
    return pd.DataFrame(rows, columns=UNCERTAINTY_COLUMNS)


def _row(key: dict[str, object], group: pd.DataFrame) -> dict[str, object]:
    human, model = group["human_majority_agreement"], group["model_agreement"]
    return {
        "n_items": group["scenario_item_id"].nunique(),
        "mean_model_majority_agreement": model.mean(),
        "mean_model_majority_agreement_low_human_agreement": model[human <= human.median()].mean(),
        "mean_human_majority_agreement": human.mean(),
        "human_model_agreement_correlation": _correlation(human, model),
        "mean_model_samples_per_item": group["n_samples"].mean(),
        **key,
    }


def _correlation(human: pd.Series, model: pd.Series) -> float:
    if len(human) < 2 or human.nunique() == 1 or model.nunique() == 1:
        return float("nan")
    return float(np.corrcoef(human, model)[0, 1])
