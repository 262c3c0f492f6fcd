"""The named analyses of a study: one snapshot of its data in, tables, facts and warnings out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from analysis import cautions, frames
from analysis.columns import COMPLETIONS, ITEMS, LONG, PARTICIPANTS
from analysis.extract import Selection, snapshot, snapshot_hash, stream_csv
from analysis.paper_columns import HUMAN, PREDICTIONS
from analysis.parameters import Parameters
from analysis.reshape import Excluded, exclude, to_wide
from analysis.stats.agreement import agreement_by
from analysis.stats.alignment import alignment_table
from analysis.stats.own_culture import own_culture_effect
from analysis.stats.paper import paper_tables
from analysis.stats.rates import gap, rates_by
from survey.enums import Question
from survey.llm.enums import DemographicConfig, PreferenceConfig, PromptCondition, RunKind
from survey.models import Study

GROUPINGS = {
    "country": "respondent_country",
    "relation": "relation",
    "theme": "theme",
    "cell": "demographic_cell",
}
AGREEMENT_GROUPINGS = ("overall", "country", "relation")
NOT_GIVEN = "not_given"
WITHIN_CULTURE = ("item_code", "respondent_country")  # people are compared with people of their own country
PAPER_NOTE = "the paper gives no interval"
LIBRARIES = ("numpy", "pandas", "scipy")

Tables = dict[str, pd.DataFrame]
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Data:
    """What an analysis reads, all of one moment."""

    long: pd.DataFrame
    completions: pd.DataFrame
    paper_human: pd.DataFrame
    paper_predictions: pd.DataFrame
    snapshot_hash: str


@dataclass(frozen=True)
class Report:
    snapshot_hash: str
    results: dict[str, Any]
    warnings: list[str]


def compute(study: Study, parameters: Parameters, on_step: OnStep) -> Report:
    """Compute everything; `on_step` is told what comes next."""
    on_step("Reading the data")
    data = read(study, parameters)
    excluded = exclude(data.long, parameters.exclusions)
    answers = excluded.frame[excluded.frame["choice"].notna()]  # a declined question is no answer
    models = _asked(data.completions, parameters)
    on_step("Rates")
    tables: Tables = {"exclusions": excluded.steps, "rates": rates(answers, parameters)}
    on_step("Agreement")
    tables["agreement"] = agreement_tables(answers, parameters)
    on_step("Own-country effect")
    tables["own_culture"] = own_culture(answers, parameters)
    on_step("Alignment")
    tables["alignment"] = alignment(answers, models, parameters)
    on_step("The paper's tables")
    kept = data.paper_human["respondent_id"].isin(excluded.frame["respondent_id"].unique())
    from_paper, why_not = paper_layer(replace(data, paper_human=data.paper_human[kept].reset_index(drop=True)))
    tables |= from_paper
    facts = {**_facts(study, excluded, models, parameters), "why_no_paper_tables": why_not}
    warnings = cautions.collect(answers, models, why_not)
    return Report(data.snapshot_hash, {"facts": facts, "tables": to_json(tables)}, warnings)


def read(study: Study, parameters: Parameters) -> Data:
    """Read all tables as of one moment; the hash is over the whole data, whatever is excluded later."""
    everything = Selection()
    chosen = Selection("no simulated" not in parameters.exclusions, "complete sessions" in parameters.exclusions)
    with snapshot():
        extracts = {table.name: frames.extract(table, study, everything) for table in (LONG, COMPLETIONS)}
        digests = {name: one.sha256 for name, one in extracts.items()}
        for table in (PARTICIPANTS, ITEMS):
            digests[table.name] = hashlib.sha256(b"".join(stream_csv(table, study))).hexdigest()
        return Data(
            extracts["long"].frame,
            extracts["completions"].frame,
            frames.extract(HUMAN, study, chosen).frame,
            frames.extract(PREDICTIONS, study, chosen).frame,
            snapshot_hash(digests),
        )


def rates(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Give the share that follows culture, and the gap norm minus personal, over all and in groups."""
    stated = answers.assign(overall="all")
    wide = to_wide(answers).assign(overall="all")
    parts = []
    for grouping, column in {"overall": "overall", **GROUPINGS}.items():
        for question in Question.values:
            found = rates_by(
                stated[stated["question"] == question],
                value="follows_culture",
                respondent="respondent_id",
                item="item_code",
                by=[column],
                level=parameters.level,
            )
            parts.append(_labelled(found, column, grouping=grouping, measure=question))
        parts.append(_labelled(_gaps(wide, column, parameters.level), column, grouping=grouping, measure="gap"))
    return _stacked(parts, ["grouping", "group", "measure"])


def _gaps(wide: pd.DataFrame, column: str, level: float) -> pd.DataFrame:
    rows = []
    for key, group in wide.groupby(column, dropna=False, observed=True):
        difference = gap(
            group,
            first="norm_follows_culture",
            second="personal_follows_culture",
            respondent="respondent_id",
            item="item_code",
            level=level,
        )
        rows.append({column: key, **asdict(difference)})
    return pd.DataFrame(rows)


def _labelled(frame: pd.DataFrame, column: str, **labels: str) -> pd.DataFrame:
    """Name the group, and what else tells the rows from others, in columns of their own."""
    if frame.empty:
        return frame
    group = frame[column].astype(object).where(frame[column].notna(), NOT_GIVEN).astype(str)
    return frame.drop(columns=column).assign(group=group, **labels)


def _stacked(parts: list[pd.DataFrame], first: list[str]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=[*first, "estimate", "ci_low", "ci_high", "n", "reason"])
    stacked = pd.concat(filled, ignore_index=True)
    return stacked[[*first, *(name for name in stacked.columns if name not in first)]]


def agreement_tables(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Give agreement within countries, over all and in groups, with the paper's measure beside."""
    parts = []
    stated = answers.assign(overall="all")
    columns = {"overall": "overall", **GROUPINGS}
    for grouping in AGREEMENT_GROUPINGS:
        column = columns[grouping]
        for question in Question.values:
            asked = stated[stated["question"] == question]
            found = agreement_by(
                asked,
                value="follows_culture",
                respondent="respondent_id",
                item=WITHIN_CULTURE,
                by=[column],
                level=parameters.level,
            )
            both = (found, _paper_agreement(asked, column))
            parts += [_labelled(part, column, grouping=grouping, question=question) for part in both]
    return _stacked(parts, ["grouping", "group", "question", "measure"])


def _paper_agreement(asked: pd.DataFrame, column: str) -> pd.DataFrame:
    """Give the size of the larger side of a group's pooled answers, which the paper calls agreement."""
    groups = asked.groupby(column, dropna=False, observed=True)
    counts = groups.agg(
        rate=("follows_culture", "mean"),
        n=("follows_culture", "size"),
        n_respondents=("respondent_id", "nunique"),
        n_items=("item_code", "nunique"),
    )
    counts["estimate"] = np.maximum(counts["rate"], 1 - counts["rate"])
    return counts.drop(columns="rate").reset_index().assign(measure="majority_agreement_paper", reason=PAPER_NOTE)


def own_culture(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Compare scenarios of one's own country with close and far ones."""
    return own_culture_effect(
        answers,
        value="follows_culture",
        respondent="respondent_id",
        item="item_code",
        question="question",
        country="respondent_country",
        relation="relation",
        level=parameters.level,
    )


def alignment(answers: pd.DataFrame, models: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Compare each model, question and persona setting with people; answers to both orders count alike."""
    return alignment_table(
        answers,
        models,
        item="item_code",
        question="question",
        human_value="follows_culture",
        model_value="follows_culture",
        by=["model_tag", "persona_setting"],
        seed=parameters.seed,
        n_resamples=parameters.n_resamples,
        level=parameters.level,
    )


def paper_layer(data: Data) -> tuple[Tables, str]:
    """Give the paper's tables under the names of its files, or the reason why there are none."""
    if data.paper_human.empty:
        return {}, "there are no human answers yet"
    predictions = None if data.paper_predictions.empty else data.paper_predictions
    try:
        tables = paper_tables(data.paper_human, predictions)
    except (ValueError, np.linalg.LinAlgError) as error:
        return {}, str(error)
    return {f"paper_{name}": table for name, table in tables.items()}, ""


def _asked(completions: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Keep the newest answers that stand beside people's, without simulated models where simulated data are excluded.

    These are the answers of alignment runs to the item as people read it, in one language and by one method a model:
    the first of the vocabulary that was asked.
    """
    kept = completions[completions["is_latest"]]
    as_people = {
        "run_kind": RunKind.ALIGNMENT,
        "condition": PromptCondition.NO_BALANCE,
        "preference_config": PreferenceConfig.ACTOR_PREF_ONLY,
        "demographic_config": DemographicConfig.NO_DEMO,
    }
    for name, level in as_people.items():
        kept = kept[kept[name] == level]
    named = kept[["persona_country", "persona_age", "persona_gender"]].notna().sum(axis=1)
    kept = kept[named.isin([0, 3])]
    for name in ("method", "locale"):
        rank = kept[name].cat.codes
        kept = kept[rank == rank.groupby(kept["model_tag"], observed=True).transform("min")]
    return kept[~kept["is_simulated"]] if "no simulated" in parameters.exclusions else kept


def _facts(study: Study, excluded: Excluded, models: pd.DataFrame, parameters: Parameters) -> dict[str, Any]:
    answers = excluded.frame
    respondents = answers.drop_duplicates("respondent_id")
    by_country = respondents["respondent_country"].value_counts()
    return {
        "study": study.code,
        "instrument": str(study.version),
        "content_hash": study.version.content_hash,
        "n_respondents": len(respondents),
        "n_simulated_respondents": int(respondents["is_simulated"].sum()),
        "n_answers": int(answers["choice"].notna().sum()),
        "n_declined": int(answers["choice"].isna().sum()),
        "n_items": int(answers["item_code"].nunique()),
        "n_respondents_by_country": {str(k): int(n) for k, n in sorted(by_country.items()) if n},
        "models": [_model_facts(str(tag), rows) for tag, rows in models.groupby("model_tag", observed=True)],
        "parameters": parameters.as_json(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _model_facts(tag: str, rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "tag": tag,
        "is_simulated": bool(rows["is_simulated"].any()),
        "n_answers": len(rows),
        "n_unread": int(rows["choice"].isna().sum()),
    }


def to_json(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, list[Any]]]:
    """Write each table as its columns and rows; a missing number is null."""
    return {
        name: {
            "columns": [str(column) for column in table.columns],
            "rows": table.astype(object).where(table.notna(), None).to_numpy().tolist(),
        }
        for name, table in tables.items()
    }
