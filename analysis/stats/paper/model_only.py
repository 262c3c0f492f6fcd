"""The paper's analysis of the models' answers alone: norm against personal, consistency, consensus, regressions."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.stats.paper.coding import follows_culture, majority_agreement, relations
from analysis.stats.paper.logit import Dummies, Terms, covariate_patterns, drop_one, fit
from analysis.stats.paper.predictions import long_predictions, prediction_rows
from analysis.stats.paper.source import PREDICTION_COLUMNS, as_read_from_csv, require_columns

MODEL_ONLY_COLUMNS = (*PREDICTION_COLUMNS, "scenario_country", "receiver_age", "receiver_gender")
LABELS: Mapping[str, str] = {
    "deepseek7b_chat": "DeepSeek",
    "gpt54_mini": "GPT",
    "llama31_8b": "Llama",
    "mistral7b_instruct_v03": "Mistral",
    "olmo2_7b": "OLMo",
    "qwen3_4b": "Qwen",
}
NONE = "none"
PERSONA = ("persona_country", "persona_demo")
MODEL = ["setting", "model", "model_tag"]
TERMS: Terms = {
    "question_type": (Dummies("question", ("response_type",)),),
    "model": (Dummies("model", ("model",)),),
    "persona_country": (Dummies("persona_country", ("persona_country",)),),
    "persona_demographics": (
        Dummies("persona_age", ("persona_age",)),
        Dummies("persona_gender", ("persona_gender",)),
    ),
    "receiver_demographics": (
        Dummies("receiver_age", ("receiver_age",)),
        Dummies("receiver_gender", ("receiver_gender",)),
    ),
    "country_relation": (Dummies("country_relation", ("country_relation",)),),
    "scenario_country": (Dummies("scenario_country", ("scenario_country",)),),
    "question_x_model": (Dummies("question_x_model", ("response_type", "model")),),
    "question_x_persona_country": (Dummies("question_x_persona_country", ("response_type", "persona_country")),),
    "question_x_relation": (Dummies("question_x_relation", ("response_type", "country_relation")),),
}
COVARIATES = sorted({name for term in TERMS.values() for dummies in term for name in dummies.variables})
# The paper's order of the rows; the label of a term is its name, but for the model's.
NEUTRAL_TERMS = ("question_type", "model", "scenario_country", "receiver_demographics", "question_x_model")
PERSONA_TERMS = tuple(TERMS)
ONE_QUESTION = ("model", "persona_country", "persona_demographics", "receiver_demographics", "country_relation")
REGRESSIONS: Mapping[str, tuple[str, str | None, Sequence[str]]] = {
    "no_persona_combined": ("no_persona", None, NEUTRAL_TERMS),
    "persona_combined": ("persona", None, PERSONA_TERMS),
    "persona_personal_only": ("persona", "personal", (*ONE_QUESTION, "scenario_country")),
    "persona_norm_only": ("persona", "norm", (*ONE_QUESTION, "scenario_country")),
    "no_persona_personal_only": ("no_persona", "personal", ("model", "receiver_demographics", "scenario_country")),
    "no_persona_norm_only": ("no_persona", "norm", ("model", "receiver_demographics", "scenario_country")),
}
DEVIANCE_COLUMNS = [
    "model",
    "dropped_factor",
    "nobs",
    "full_deviance",
    "reduced_deviance",
    "drop_one_deviance",
    "full_df_model",
    "reduced_df_model",
    "df_difference",
]


def model_only_tables(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Compute the paper's eight model-only tables, equal to those of its public analysis script.

    Parameters
    ----------
    predictions : DataFrame
        `llm_predictions.csv` with the scenario's country and the receiver's age and gender.

    Returns
    -------
    dict of str to DataFrame
        Tables by the stem of the paper's file names, rows and columns in the paper's order.

    Raises
    ------
    ValueError
        If a column is missing; the message names all of them.

    References
    ----------
    Borah, Augenstein & Mihalcea (2026), "Whose Norms?", section 5 and the analysis script published with it.
    """
    require_columns(predictions, MODEL_ONLY_COLUMNS, "model predictions")
    rows = _described(prediction_rows(as_read_from_csv(predictions), ""))
    long = long_predictions(rows)
    answered = long[long["llm_culture"].notna()]
    personas = answered[answered["setting"] == "persona"]
    consensus = _consensus(answered, ["setting", "response_type"])
    by_model = _consensus(answered, [*MODEL, "response_type"])
    by_setting = _gaps(answered, ["setting"]).drop(columns="culture_gap_norm_minus_personal")
    by_country = _gaps(personas, ["model", "model_tag", "persona_country"])
    return {
        "model_norm_personal_gaps_by_model": _gaps(answered, MODEL),
        "model_norm_personal_gaps_by_setting": by_setting,
        "model_norm_personal_gaps_by_persona_country": by_country.drop(columns="culture_gap_norm_minus_personal"),
        "model_personal_norm_choice_consistency": _consistency(rows),
        "model_item_consensus_all_samples": consensus,
        "model_consensus_by_setting_response": _summarised(consensus, ["setting", "response_type"]),
        "model_consensus_by_model_response": _summarised(by_model, [*MODEL, "response_type"]),
        "model_behavior_regression_drop_one_deviance": (
            _regressions(answered) if len(rows) else pd.DataFrame(columns=DEVIANCE_COLUMNS)
        ),
    }


def _described(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the model's label, the persona's age and gender, and how near the scenario is to the persona's country."""
    country, demo = (rows[name].astype(object).where(rows[name].notna(), NONE) for name in PERSONA)
    near = relations(country, rows["scenario_country"])
    return rows.assign(
        model=rows["model_tag"].map(lambda tag: LABELS.get(tag, tag)),
        persona_country=country,
        persona_age=_named(demo, "younger|older"),
        persona_gender=_named(demo, "female|male"),
        country_relation=np.where(rows["setting"] == "persona", near, NONE),
    )


def _named(demo: pd.Series, words: str) -> pd.Series:
    return demo.astype(str).str.extract(f"({words})", expand=False).fillna(NONE).astype(object)


def _gaps(answered: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Put the rates of both questions side by side; a question that nobody answered leaves its cells empty."""
    allowed = 1.0 - answered["llm_culture"]
    groups = answered.assign(allowed=allowed).groupby([*keys, "response_type"])
    rates = groups.agg(allow_rate=("allowed", "mean"), culture_rate=("llm_culture", "mean"), n=("allowed", "size"))
    wide = pd.DataFrame(rates.unstack("response_type"))
    names = [(measure, question) for measure in rates.columns for question in ("norm", "personal")]
    columns = {f"{measure}_{question}": wide.get((measure, question), np.nan) for measure, question in names}
    table = pd.DataFrame(columns, index=wide.index)
    table["allow_gap_personal_minus_norm"] = table["allow_rate_personal"] - table["allow_rate_norm"]
    table["culture_gap_norm_minus_personal"] = table["culture_rate_norm"] - table["culture_rate_personal"]
    return table.reset_index()


def _consistency(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare the two answers of one asking.

    Notes
    -----
    "Agreement" compares the tokens as written, but for their case: ` a` and `A` differ, though both mean A.
    """
    both = rows.assign(**{name: follows_culture(rows[f"llm_{name}"]) for name in ("personal", "norm")})
    both = both[both["personal"].notna() & both["norm"].notna()]
    written = (both[f"llm_{name}"].astype(str).str.upper() for name in ("personal", "norm"))
    is_same = next(written) == next(written)
    groups = both.assign(is_same=is_same.astype(float), apart=(both["personal"] - both["norm"]).abs())
    return (
        groups.groupby(MODEL, dropna=False)
        .agg(
            n=("scenario_item_id", "size"),
            personal_norm_choice_agreement=("is_same", "mean"),
            mean_abs_personal_norm_culture_gap=("apart", "mean"),
        )
        .reset_index()
    )


def _consensus(answered: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    items = answered.groupby([*keys, "scenario_item_id"], dropna=False)["llm_culture"]
    table = items.agg(culture_rate="mean", n_samples="size").reset_index()
    return table.assign(majority_agreement=majority_agreement(table["culture_rate"]))


def _summarised(consensus: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return (
        consensus.groupby(keys, dropna=False)
        .agg(
            n_items=("scenario_item_id", "nunique"),
            mean_majority_agreement=("majority_agreement", "mean"),
            mean_samples_per_item=("n_samples", "mean"),
        )
        .reset_index()
    )


def _regressions(answered: pd.DataFrame) -> pd.DataFrame:
    """Compare the terms by drop-one deviance; without answers every deviance is zero, as in the paper."""
    tables = []
    for name, (setting, question, terms) in REGRESSIONS.items():
        chosen = answered[answered["setting"] == setting]
        chosen = chosen if question is None else chosen[chosen["response_type"] == question]
        patterns = covariate_patterns(chosen, COVARIATES, "llm_culture")
        labels = {"model_family" if term == "model" else term: term for term in terms}
        used = {term: TERMS[term] for term in terms}
        rows = drop_one(name, patterns, used, labels, fit(patterns, used))
        tables.append(rows.assign(nobs=len(chosen)))
    return pd.concat(tables, ignore_index=True)[DEVIANCE_COLUMNS]
