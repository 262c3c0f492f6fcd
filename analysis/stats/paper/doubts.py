"""Which cells of the paper's tables are empty or mean nothing, and why."""

from collections.abc import Mapping

import pandas as pd

ALIASED = 50.0  # standard errors above this belong to columns that only the ridge identifies
COLUMNS = ["table", "row", "column", "reason"]
PERSONAL, NORM = "nobody answered the personal question", "nobody answered the norm question"
UNREAD = "the model gave no readable answer"
UNDECIDED = "no valid decision"
NO_ANSWERS = "no answers: the numbers of this row are no result"
REASONS: Mapping[str, str] = {
    "personal_culture_rate": PERSONAL,
    "norm_culture_rate": NORM,
    "norm_personal_gap": "nobody answered one of the two questions",
    "personal_majority_agreement": PERSONAL,
    "norm_majority_agreement": NORM,
    "model_culture_rate": UNREAD,
    "signed_culture_rate_gap_model_minus_human": UNREAD,
    "distributional_mae": UNREAD,
    "mean_model_majority_agreement_low_human_agreement": "no item",
    "human_model_agreement_correlation": "fewer than two items, or agreement does not vary over them",
    "allow_rate_norm": f"norm question: {UNREAD}",
    "allow_rate_personal": f"personal question: {UNREAD}",
    "culture_rate_norm": f"norm question: {UNREAD}",
    "culture_rate_personal": f"personal question: {UNREAD}",
    "n_norm": f"norm question: {UNREAD}",
    "n_personal": f"personal question: {UNREAD}",
    "allow_gap_personal_minus_norm": f"one of the two questions: {UNREAD}",
    "culture_gap_norm_minus_personal": f"one of the two questions: {UNREAD}",
    "z_value": "the standard error is zero",
    "p_value": "the standard error is zero",
    "culture_rate_valid": UNDECIDED,
    "allow_rate_valid": UNDECIDED,
    "unknown_rate_all": "no rows",
    "n_source_items": "the file has no column source_row",
    "mean_source_decision_entropy": f"{UNDECIDED} about a source row",
    "source_decision_conflict_rate": f"{UNDECIDED} about a source row",
}
ITEM_LEVEL = "alignment_persona_item_level"  # its empty cells are the models' own missing answers


def not_estimable(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """List every empty result (`row` as a spreadsheet counts, the header being row 1) with the reason.

    Coefficients whose standard error is above 50 are listed too: they are numbers, but artefacts of the ridge.
    """
    parts = [_empty(name, table) for name, table in tables.items() if name != ITEM_LEVEL]
    parts += [_aliased(name, table) for name, table in tables.items() if "std_err" in table]
    parts += [_unanswered(name, table) for name, table in tables.items() if "full_deviance" in table]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)


def _empty(name: str, table: pd.DataFrame) -> pd.DataFrame:
    cells = [
        (name, row + 2, column, REASONS[column])
        for column in table.columns
        if column in REASONS
        for row in table[column].isna().to_numpy().nonzero()[0]
    ]
    return pd.DataFrame(cells, columns=COLUMNS)


def _aliased(name: str, table: pd.DataFrame) -> pd.DataFrame:
    reason = f"standard error above {ALIASED:.0f}: aliased or all answers alike, set by the ridge alone"
    rows = (pd.to_numeric(table["std_err"]) > ALIASED).to_numpy().nonzero()[0]
    return pd.DataFrame([(name, row + 2, "coef", reason) for row in rows], columns=COLUMNS)


def _unanswered(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """List the comparisons of nothing; with a single answer a deviance is above zero."""
    rows = (pd.to_numeric(table["full_deviance"]) == 0).to_numpy().nonzero()[0]
    return pd.DataFrame([(name, row + 2, "full_deviance", NO_ANSWERS) for row in rows], columns=COLUMNS)
