"""The paper's two descriptive tables of human answers."""

import pandas as pd

from analysis.stats.paper.coding import (
    follows_culture,
    majority_agreement,
    majority_choice,
    relations,
    themes,
)

QUESTIONS = ("personal", "norm")
GROUPINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("respondent_country",),
    ("country_relation",),
    ("respondent_country", "country_relation"),
    ("scenario_country",),
    ("receiver_age",),
    ("receiver_gender",),
    ("respondent_demo",),
    ("scenario_theme",),
)
SUMMARY_COLUMNS = [
    "grouping",
    "personal_culture_rate",
    "norm_culture_rate",
    "norm_personal_gap",
    "personal_majority_agreement",
    "norm_majority_agreement",
    "n_judgments",
    "n_respondents",
    "n_items",
    "respondent_country",
    "country_relation",
    "scenario_country",
    "receiver_age",
    "receiver_gender",
    "respondent_demo",
    "scenario_theme",
]
SUBGROUP = ("respondent_country", "respondent_demo")
ITEM_FACTS = ("scenario_country", "receiver_demo", "receiver_age", "receiver_gender", "scenario_theme")
PROFILE_COLUMNS = [
    "scenario_item_id",
    "human_culture_rate",
    "n_humans",
    *ITEM_FACTS,
    "human_majority",
    "human_majority_agreement",
    "response_type",
    *SUBGROUP,
]


def coded(human: pd.DataFrame) -> pd.DataFrame:
    """Add relation, theme and the two answers as 0/1 (`personal`, `norm`)."""
    return human.assign(
        country_relation=relations(human["respondent_country"], human["scenario_country"]),
        scenario_theme=themes(human["scenario"]),
        personal=follows_culture(human["human_personal"]),
        norm=follows_culture(human["human_norm"]),
    )


def response_summary(human: pd.DataFrame) -> pd.DataFrame:
    """Summarise coded answers overall and by each of the paper's groupings.

    Notes
    -----
    A culture rate is the share of A; the gap is norm minus personal; the "majority agreement" of a group is
    max(rate, 1 - rate) of its pooled rate. `n_judgments` counts rows, answered or not.
    """
    tables = [_group_summary(human, columns) for columns in GROUPINGS]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _group_summary(human: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    label = "+".join(columns) or "overall"
    groups = human.assign(grouping=label).groupby(["grouping", *columns], dropna=False)
    table = groups.agg(
        personal_culture_rate=("personal", "mean"),
        norm_culture_rate=("norm", "mean"),
        n_judgments=("personal", "size"),
        n_respondents=("respondent_id", "nunique"),
        n_items=("scenario_item_id", "nunique"),
    ).reset_index()
    table["norm_personal_gap"] = table["norm_culture_rate"] - table["personal_culture_rate"]
    for question in QUESTIONS:
        table[f"{question}_majority_agreement"] = majority_agreement(table[f"{question}_culture_rate"])
    return table.reindex(columns=SUMMARY_COLUMNS)


def item_profiles(human: pd.DataFrame) -> pd.DataFrame:
    """Profile every item, per question: first over all respondents, then per respondent country and cell.

    Notes
    -----
    Rows over all respondents have neither country nor cell. Respondents whose country and cell are both
    missing form a subgroup that looks the same; the paper counts it twice, and so does this table.
    """
    keys: tuple[tuple[str, ...], ...] = ((), SUBGROUP)
    tables = [_profiles(human, question, columns) for question in QUESTIONS for columns in keys]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _profiles(human: pd.DataFrame, question: str, columns: tuple[str, ...]) -> pd.DataFrame:
    groups = human[human[question].notna()].groupby(["scenario_item_id", *columns], dropna=False)
    table = groups.agg(human_culture_rate=(question, "mean"), n_humans=(question, "size"))
    for fact in ITEM_FACTS:
        table[fact] = groups[fact].first()
    table = table.reset_index()
    table["human_majority"] = majority_choice(table["human_culture_rate"])
    table["human_majority_agreement"] = majority_agreement(table["human_culture_rate"])
    table["response_type"] = question
    types = {**dict.fromkeys(SUBGROUP, object), "scenario_item_id": human["scenario_item_id"].dtype}
    return table.reindex(columns=PROFILE_COLUMNS).astype(types)


def overall_profiles(profiles: pd.DataFrame) -> pd.DataFrame:
    """Select the rows over all respondents, without the subgroup columns."""
    is_overall = profiles[list(SUBGROUP)].isna().all(axis=1)
    return profiles[is_overall].drop(columns=list(SUBGROUP))


def subgroup_profiles(profiles: pd.DataFrame) -> pd.DataFrame:
    """Select the rows whose respondent country and cell are both known."""
    return profiles[profiles[list(SUBGROUP)].notna().all(axis=1)]
