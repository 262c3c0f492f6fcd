"""Long to wide; exclusions as named operations, in a fixed order, each with what it took away."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from analysis.columns import ANSWER, ANSWER_CONTEXT, WIDE
from analysis.parameters import FROM, without
from survey.enums import Question, Status
from survey.flow.quality import FLAGS

CONTEXT = [column.name for column in ANSWER_CONTEXT]
VALUES = [column.name for column in ANSWER]


class Excluded(NamedTuple):
    """What is left, and one row per exclusion: its name, respondents and answers before and after."""

    frame: pd.DataFrame
    steps: pd.DataFrame


def without_flag(flag: str) -> Callable[[pd.DataFrame], pd.Series]:
    """Give the operation that keeps the sessions on which a quality flag was not raised."""
    return lambda long: ~long["quality_flags"].fillna("").str.split().map(lambda raised: flag in raised).astype(bool)


EXCLUSIONS: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = {
    "complete sessions": lambda long: long["session_status"] == Status.COMPLETE,
    "no simulated": lambda long: ~long["is_simulated"],
    **{without(flag): without_flag(flag) for flag in FLAGS},
}
STEP_COLUMNS = ["exclusion", "n_respondents_before", "n_respondents_after", "n_answers_before", "n_answers_after"]


def exclude(long: pd.DataFrame, names: Sequence[str], *, last_day: int = 0, countries: Sequence[str] = ()) -> Excluded:
    """Apply exclusions in the order given; each keeps the rows that its name speaks of. Then days, places."""
    if unknown := set(names) - set(EXCLUSIONS):
        raise ValueError(f"unknown exclusions: {', '.join(sorted(unknown))}; known: {', '.join(EXCLUSIONS)}")
    steps = []
    keepers = [(name, EXCLUSIONS[name]) for name in names]
    if last_day:
        keepers.append((f"came by day {last_day}", lambda rows: (rows["study_day"] <= last_day).fillna(False)))
    if countries:
        keepers.append((f"{FROM}{', '.join(countries)}", lambda rows: rows["respondent_country"].isin(countries)))
    for name, keep in keepers:
        kept = long[keep(long)]
        counts = long["respondent_id"].nunique(), kept["respondent_id"].nunique(), len(long), len(kept)
        steps.append((name, *counts))
        long = kept
    return Excluded(long, pd.DataFrame(steps, columns=STEP_COLUMNS))


def to_wide(long: pd.DataFrame) -> pd.DataFrame:
    """Put the two answers of a respondent to an item side by side."""
    key = list(WIDE.key)
    wide = long.drop_duplicates(key)[CONTEXT].reset_index(drop=True)
    for question in Question.values:
        answers = long.loc[long["question"] == question, [*key, *VALUES]]
        renamed = answers.rename(columns={name: f"{question}_{name}" for name in VALUES})
        wide = wide.merge(renamed, on=key, how="left", validate="one_to_one")
    return wide[list(WIDE.names)]
