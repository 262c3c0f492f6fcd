"""The paper's summaries of behaviour runs: decision rates by group, and flips between paired evaluation files."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.paper.source import as_read_from_csv, require_columns, with_common_types

DECISION = "eval_decision"
FOLLOW, ALLOW, UNKNOWN = "FOLLOW_CULTURE", "ALLOW_PREFERENCE", "UNKNOWN"
BREAKDOWNS: Mapping[str, tuple[str, ...]] = {
    "by_pref_config": ("eval_pref_config",),
    "by_demo_config": ("eval_demo_config",),
    "by_scenario_type": ("scenario_type",),
    "by_base_country": ("base_country",),
    "by_actor_gender": ("actor_gender",),
    "by_actor_age": ("actor_age",),
    "by_receiver_gender": ("receiver_gender",),
    "by_receiver_age": ("receiver_age",),
    "by_pref_and_scenario": ("eval_pref_config", "scenario_type"),
    "by_pref_and_country": ("eval_pref_config", "base_country"),
    "by_actor_receiver_gender": ("actor_gender", "receiver_gender"),
    "by_actor_receiver_age": ("actor_age", "receiver_age"),
}
FLIPS: Mapping[str, tuple[str, ...]] = {
    "paired_flip_overall": (),
    "paired_flip_by_pref_config": ("eval_pref_config",),
    "paired_flip_by_scenario_type": ("scenario_type",),
    "paired_flip_by_base_country": ("base_country",),
    "paired_flip_by_pref_and_scenario": ("eval_pref_config", "scenario_type"),
}
PAIRED_BY = (
    "source_row",
    "eval_demo_config",
    "eval_pref_config",
    "scenario_type",
    "actor_country",
    "receiver_country",
    "actor_gender",
    "actor_age",
    "receiver_gender",
    "receiver_age",
)
FAMILIES = ("llama", "qwen", "mistral", "deepseek", "olmo", "gpt")
PARTIAL = ("40k", "80k", "40000", "gpt4o_1000", "gpt4o_mini")
DATASETS: Mapping[str, tuple[str, ...]] = {
    "cultureatlas": ("cultureatlas", "culture_atlas", "culture_persona_atlas"),
    "normad": ("normad",),
}


class Meta(NamedTuple):
    """What is known of an evaluation file as a whole, in the order of the paper's columns."""

    dataset: str
    prompt_condition: str
    model_stage: str
    model_family: str
    eval_model: str
    eval_backend: str
    path: str
    file: str


class Evaluation(NamedTuple):
    """One evaluation file: one model under one prompt condition."""

    meta: Meta
    rows: pd.DataFrame


class PairType(NamedTuple):
    """Which files are compared: one column tells left from right, the others of these must be equal."""

    name: str
    by: str
    left: str
    right: str
    equal: tuple[str, ...]


PAIR_TYPES = (
    PairType(
        "base_vs_instruct", "model_stage", "base", "instruct", ("dataset", "prompt_condition", "model_family")
    ),
    PairType(
        "nobalance_vs_balance", "prompt_condition", "nobalance", "balance", ("dataset", "model_stage", "model_family")
    ),
)  # fmt: skip


def read_meta(path: str, rows: pd.DataFrame) -> Meta | None:
    """Read dataset, condition, stage and family off a file's path and its first row, by the paper's rules.

    None where the path names no known data set; the paper passes over such files.
    """
    file = PurePosixPath(path).name
    model, backend = (_first(rows, name) for name in ("eval_model", "eval_backend"))
    dataset = next((name for name, words in DATASETS.items() if any(word in path.lower() for word in words)), None)
    if dataset is None:
        return None
    named = f"{file} {model}".lower()
    family = next((name for name in FAMILIES if name in named), "unknown")
    return Meta(dataset, _condition(file.lower()), _stage(named), family, model, backend, path, file)


def is_partial(path: str) -> bool:
    """Tell whether a file is one of the older partial runs, which the paper leaves out by their names."""
    name = PurePosixPath(path).name.lower()
    return any(word in name for word in PARTIAL)


def _first(rows: pd.DataFrame, column: str) -> str:
    value = rows[column].iloc[0] if column in rows and len(rows) else ""
    return "" if pd.isna(value) else str(value)


def _condition(file: str) -> str:
    says_not = re.search("nobalance|no_balance|normalsys", file)
    return "balance" if "balance" in file and not says_not else "nobalance"


def _stage(named: str) -> str:
    if "base" in named and not re.search("instruct|chat", named):
        return "base"
    is_tuned = re.search("instruct|chat|gpt4o|gpt-4o", named)
    is_old_name = "last_normalsys" in named and re.search("llama|qwen", named)
    return "instruct" if is_tuned or is_old_name else "unknown"


def behaviour_tables(evaluations: Iterable[Evaluation]) -> dict[str, pd.DataFrame]:
    """Compute the paper's summaries of evaluation files, equal to those of its public script.

    Parameters
    ----------
    evaluations : iterable of Evaluation
        Files in the order of their paths; only `eval_decision` must be there, other columns are used where they are.

    Returns
    -------
    dict of str to DataFrame
        Tables by the stem of the paper's file names, rows and columns in the paper's order; without those whose
        columns no file has, and without flips where no two files pair.

    Raises
    ------
    ValueError
        If a file has no `eval_decision`.

    Notes
    -----
    A decision that is neither FOLLOW_CULTURE nor ALLOW_PREFERENCE counts as unknown; rates are over the valid ones.
    """
    coded = [Evaluation(one.meta, _coded(one)) for one in evaluations]
    tables = {"overall_metrics": _overall(coded), "uncertainty_proxy_by_file": _variability(coded)}
    for name, columns in BREAKDOWNS.items():
        parts = [_breakdown(one, columns) for one in coded]
        tables |= _named(name, parts)
    for name, columns in FLIPS.items():
        parts = [_flips(kind, left, right, columns) for kind, left, right in _pairs(coded)]
        tables |= _named(name, parts)
    return tables


def _named(name: str, parts: Sequence[pd.DataFrame]) -> dict[str, pd.DataFrame]:
    filled = [part for part in parts if len(part)]
    return {name: pd.concat(filled, ignore_index=True)} if filled else {}


def _coded(one: Evaluation) -> pd.DataFrame:
    require_columns(one.rows, [DECISION], one.meta.file)
    rows = as_read_from_csv(one.rows)
    decisions = rows[DECISION].astype(object)
    decisions = decisions.where(decisions.notna(), UNKNOWN).map(lambda word: str(word).upper().strip())
    return rows.assign(follows=decisions == FOLLOW, allows=decisions == ALLOW)


def _rates(counts: pd.DataFrame) -> pd.DataFrame:
    n_valid = counts["follows"] + counts["allows"]
    return pd.DataFrame(
        {
            "n_rows": counts["n_rows"],
            "n_source_items": counts["n_source_items"],
            "n_valid": n_valid,
            "n_follow_culture": counts["follows"],
            "n_allow_preference": counts["allows"],
            "n_unknown_or_other": counts["n_rows"] - n_valid,
            "culture_rate_valid": _share(counts["follows"], n_valid),
            "allow_rate_valid": _share(counts["allows"], n_valid),
            "unknown_rate_all": _share(counts["n_rows"] - n_valid, counts["n_rows"]),
        }
    )


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    return part / whole.where(whole > 0)


def _counts(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    groups = rows.groupby(list(columns), dropna=False)
    counts = groups.agg(n_rows=("follows", "size"), follows=("follows", "sum"), allows=("allows", "sum"))
    has_source = "source_row" in rows
    return counts.assign(n_source_items=groups["source_row"].nunique() if has_source else np.nan)


def _breakdown(one: Evaluation, columns: Sequence[str]) -> pd.DataFrame:
    present = [name for name in columns if name in one.rows]
    if not present or one.rows.empty:
        return pd.DataFrame()
    table = _rates(_counts(one.rows, present)).reset_index()
    facts = {name: value for name, value in one.meta._asdict().items() if name != "path"}
    return pd.concat([_repeated({"path": one.meta.path, **facts}, table.index), table], axis=1)


def _repeated(facts: Mapping[str, str], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame({name: [value] * len(index) for name, value in facts.items()}, index=index, dtype=object)


def _overall(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    counted = []
    for one in evaluations:
        has_source = "source_row" in one.rows
        counts = {
            "n_rows": len(one.rows),
            "follows": int(one.rows["follows"].sum()),
            "allows": int(one.rows["allows"].sum()),
            "n_source_items": one.rows["source_row"].nunique() if has_source else np.nan,
        }
        counted.append(counts)
    rates = _rates(pd.DataFrame(counted)) if counted else pd.DataFrame()
    facts = pd.DataFrame([one.meta._asdict() for one in evaluations])
    spread = pd.DataFrame([_entropy(one.rows) for one in evaluations])
    return pd.concat([facts, rates, spread], axis=1)


def _variability(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    return pd.DataFrame([{**one.meta._asdict(), **_entropy(one.rows)} for one in evaluations])


def _entropy(rows: pd.DataFrame) -> dict[str, float]:
    """Average the entropy (bits) of the valid decisions about one source row; a conflict is more than none."""
    entropies = np.array([])
    if "source_row" in rows:
        counts = rows.groupby("source_row")[["follows", "allows"]].sum()
        counts = counts[counts.sum(axis=1) > 0]
        share = (counts["follows"] / counts.sum(axis=1)).to_numpy(float)
        parts = [np.where(p > 0, -p * np.log2(np.where(p > 0, p, 1.0)), 0.0) for p in (share, 1.0 - share)]
        entropies = parts[0] + parts[1]
    return {
        "mean_source_decision_entropy": float(entropies.mean()) if len(entropies) else float("nan"),
        "source_decision_conflict_rate": float((entropies > 0).mean()) if len(entropies) else float("nan"),
    }


def _pairs(evaluations: Sequence[Evaluation]) -> list[tuple[PairType, Evaluation, Evaluation]]:
    return [
        (kind, left, right)
        for kind in PAIR_TYPES
        for left in evaluations
        for right in evaluations
        if getattr(left.meta, kind.by) == kind.left
        and getattr(right.meta, kind.by) == kind.right
        and all(getattr(left.meta, name) == getattr(right.meta, name) for name in kind.equal)
    ]


def _flips(kind: PairType, left: Evaluation, right: Evaluation, columns: Sequence[str]) -> pd.DataFrame:
    """Compare the same rows in two files, where both decisions are valid; what is there twice pairs with all."""
    paired = _paired(left.rows, right.rows)
    if paired.empty:
        return pd.DataFrame()
    present = [name for name in columns if name in paired]
    measures = {
        "left_allow_rate": paired["allows_left"],
        "right_allow_rate": paired["allows_right"],
        "flip_pos_culture_to_preference": ~paired["allows_left"] & paired["allows_right"],
        "flip_neg_preference_to_culture": paired["allows_left"] & ~paired["allows_right"],
        "flip_zero_same_decision": paired["allows_left"] == paired["allows_right"],
    }
    coded = paired[present].assign(**{name: values.astype(float) for name, values in measures.items()})
    groups = coded.groupby(present, dropna=False) if present else coded.groupby(np.zeros(len(coded), dtype=int))
    table = groups[list(measures)].mean()
    table.insert(0, "n_paired", groups.size())
    change = table["right_allow_rate"] - table["left_allow_rate"]
    table.insert(3, "allow_rate_delta_right_minus_left", change)
    table = table.reset_index(drop=not present)
    facts = {
        "pair_type": kind.name,
        "dataset": left.meta.dataset,
        "model_family": left.meta.model_family,
        "left_prompt_condition": left.meta.prompt_condition,
        "right_prompt_condition": right.meta.prompt_condition,
        "left_model_stage": left.meta.model_stage,
        "right_model_stage": right.meta.model_stage,
        "left_path": left.meta.path,
        "right_path": right.meta.path,
    }
    return pd.concat([_repeated(facts, table.index), table], axis=1)


def _paired(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in PAIRED_BY if name in left and name in right]
    if not keys:
        return pd.DataFrame()
    valid = (rows.loc[rows["follows"] | rows["allows"], [*keys, "allows"]] for rows in (left, right))
    before, after = with_common_types(next(valid), next(valid), keys)
    return before.merge(after, on=keys, suffixes=("_left", "_right"))
