"""The models' answers in the paper's form: one row per model, setting, persona, item and question."""

import pandas as pd

from analysis.stats.paper.coding import follows_culture

SETTINGS = ("no_persona", "persona")
ONE_ANSWER = ["setting", "model_tag", "persona_country", "persona_demo", "scenario_item_id"]


def prediction_rows(predictions: pd.DataFrame, prediction_file: str) -> pd.DataFrame:
    """Keep the last answer per model, setting, persona and item; rows of an unknown setting are left out."""
    settings = predictions["persona_setting"]
    parts = [predictions[settings == name].assign(setting=name) for name in SETTINGS]
    rows = pd.concat(parts, ignore_index=True).assign(prediction_file=prediction_file)
    return rows.drop_duplicates(ONE_ANSWER, keep="last", ignore_index=True)


def long_predictions(rows: pd.DataFrame) -> pd.DataFrame:
    """Stack personal and norm answers: `llm_choice` as written, `llm_culture` as 0/1."""
    parts = [
        rows.assign(
            response_type=question,
            llm_choice=rows[f"llm_{question}"].astype(object),
            llm_culture=follows_culture(rows[f"llm_{question}"]),
        )
        for question in ("personal", "norm")
    ]
    return pd.concat(parts, ignore_index=True)


def one_setting(long: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Select the rows asked without a persona, or those asked with one."""
    return long[long["setting"] == setting]
