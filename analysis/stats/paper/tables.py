"""All ten tables of the paper's human and alignment section from its two input files."""

import pandas as pd

from analysis.stats.paper.alignment import (
    closest_subgroups,
    combined_summary,
    no_persona_summary,
    persona_item_level,
    persona_summary,
)
from analysis.stats.paper.faults import human_faults, refuse
from analysis.stats.paper.human import (
    coded,
    item_profiles,
    overall_profiles,
    response_summary,
    subgroup_profiles,
)
from analysis.stats.paper.predictions import long_predictions, prediction_rows
from analysis.stats.paper.regression import regression_tables
from analysis.stats.paper.source import (
    HUMAN_COLUMNS,
    PREDICTION_COLUMNS,
    as_read_from_csv,
    require_columns,
    with_common_item_ids,
)
from analysis.stats.paper.uncertainty import uncertainty_summary


def paper_tables(
    human: pd.DataFrame,
    predictions: pd.DataFrame | None,
    *,
    prediction_file: str = "llm_predictions.csv",
) -> dict[str, pd.DataFrame]:
    """Compute the paper's ten tables, equal to those of its public analysis script.

    Parameters
    ----------
    human : DataFrame
        `tidy_human_responses.csv`: one row per respondent and item, answers A or B.
    predictions : DataFrame or None
        `llm_predictions.csv`: one row per model, persona and item. Without predictions the alignment tables
        are empty, with their usual columns.
    prediction_file : str
        What the item-level table names as the source of the predictions.

    Returns
    -------
    dict of str to DataFrame
        Tables by the stem of the paper's file names, rows and columns in the paper's order.

    Raises
    ------
    ValueError
        If a column is missing (the message names all of them), or a respondent has judged an item twice.

    References
    ----------
    Borah, Augenstein & Mihalcea (2026), "Whose Norms?", section 5 and the analysis script published with it.
    """
    require_columns(human, HUMAN_COLUMNS, "human responses")
    refuse(human_faults(human), "human responses")
    if predictions is None:
        predictions = pd.DataFrame(columns=list(PREDICTION_COLUMNS), dtype=object)
    require_columns(predictions, PREDICTION_COLUMNS, "model predictions")
    human, predictions = with_common_item_ids(as_read_from_csv(human), as_read_from_csv(predictions))
    answers = coded(human)
    profiles = item_profiles(answers)
    regression = regression_tables(answers)
    return {
        "human_response_summary": response_summary(answers),
        "human_item_profiles": profiles,
        "human_regression_coefficients": regression.coefficients,
        "human_regression_drop_one_deviance": regression.deviances,
        **_alignment_tables(long_predictions(prediction_rows(predictions, prediction_file)), profiles),
    }


def _alignment_tables(long: pd.DataFrame, profiles: pd.DataFrame) -> dict[str, pd.DataFrame]:
    overall, subgroups = overall_profiles(profiles), subgroup_profiles(profiles)
    no_persona, persona = no_persona_summary(long, overall), persona_summary(long, subgroups)
    return {
        "alignment_no_persona_summary": no_persona,
        "alignment_persona_summary": persona,
        "alignment_combined_summary": combined_summary(no_persona, persona),
        "alignment_no_persona_closest_human_subgroups": closest_subgroups(long, subgroups),
        "alignment_persona_item_level": persona_item_level(long, subgroups),
        "alignment_uncertainty_summary": uncertainty_summary(long, overall),
    }
