"""The paper's tables once more, from the description of its measures: plain loops over plain rows, slow on purpose.

Shares nothing with `analysis.stats.paper`. A table is a mapping from the values that name a row to its numbers; None
stands for what is missing, on both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

Row = Mapping[str, Any]
Table = dict[tuple[Any, ...], dict[str, Any]]

CLOSE = {
    "Brazil": ("Myanmar", "Singapore"),
    "India": ("Bangladesh", "Nepal", "Pakistan"),
    "South Africa": ("Zimbabwe", "Ethiopia"),
    "United Kingdom": ("Ireland",),
    "United States of America": ("Canada", "Mexico"),
}
QUESTIONS = ("personal", "norm")
SUBGROUP = ("respondent_country", "respondent_demo")


def read(answer: Any) -> int | None:
    """A counts 1 and B counts 0, whatever the case and the blanks around it."""
    word = "" if answer is None else str(answer).strip().upper()
    return {"A": 1, "B": 0}.get(word)


def mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def larger_side(rate: float | None) -> float | None:
    return None if rate is None else max(rate, 1 - rate)


def relation(own: Any, other: Any) -> str:
    if own == other:
        return "same"
    return "close" if other in CLOSE.get(own, ()) else "far"


def by(rows: Iterable[Row], *names: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Group rows by some of their values; a missing value is a group like any other."""

    def key(row: Row) -> tuple[tuple[bool, str, Any], ...]:
        return tuple((row[name] is None, str(row[name]), row[name]) for name in names)

    ordered = sorted(rows, key=lambda row: tuple(part[:2] for part in key(row)))
    return [(tuple(part[2] for part in group), list(found)) for group, found in groupby(ordered, key)]


def distinct(rows: Iterable[Row], name: str) -> int:
    return len({row[name] for row in rows} - {None})


# People


def coded(human: Iterable[Row], theme: Callable[[Any], str]) -> list[Row]:
    return [
        {
            **row,
            "country_relation": relation(row["respondent_country"], row["scenario_country"]),
            "scenario_theme": theme(row["scenario"]),
            **{question: read(row[f"human_{question}"]) for question in QUESTIONS},
        }
        for row in human
    ]


def summary(human: Sequence[Row], *names: str) -> Table:
    """Rates, gap and the larger side of the pooled rate of each group; counts are over all rows."""
    table: Table = {}
    for key, rows in by(human, *names):
        rates = {question: mean(row[question] for row in rows) for question in QUESTIONS}
        table[key] = {
            **{f"{question}_culture_rate": rate for question, rate in rates.items()},
            **{f"{question}_majority_agreement": larger_side(rate) for question, rate in rates.items()},
            "norm_personal_gap": minus(rates["norm"], rates["personal"]),
            "n_judgments": len(rows),
            "n_respondents": distinct(rows, "respondent_id"),
            "n_items": distinct(rows, "scenario_item_id"),
        }
    return table


def profiles(human: Sequence[Row], *names: str) -> Table:
    """Profile each item from those who answered; a tie is a majority for A."""
    table: Table = {}
    for question in QUESTIONS:
        answered = [row for row in human if row[question] is not None]
        for key, rows in by(answered, "scenario_item_id", *names):
            rate = sum(row[question] for row in rows) / len(rows)
            table[(question, *key)] = {
                "human_culture_rate": rate,
                "n_humans": len(rows),
                "human_majority": "A" if rate >= 0.5 else "B",
                "human_majority_agreement": larger_side(rate),
            }
    return table


# Models beside people


def last_answers(predictions: Iterable[Row]) -> list[Row]:
    """Keep the last of repeated askings; rows of neither setting are out."""
    names = ("persona_setting", "model_tag", "persona_country", "persona_demo", "scenario_item_id")
    asked = [row for row in predictions if row["persona_setting"] in ("no_persona", "persona")]
    return list({tuple(row[name] for name in names): row for row in asked}.values())


def stacked(rows: Iterable[Row]) -> list[Row]:
    return [
        {
            **row,
            "response_type": question,
            "choice": row[f"llm_{question}"],
            "culture": read(row[f"llm_{question}"]),
            "allowed": None if read(row[f"llm_{question}"]) is None else 1 - (read(row[f"llm_{question}"]) or 0),
        }
        for row in rows
        for question in QUESTIONS
    ]


def beside(long: Iterable[Row], people: Table, *subgroup: str) -> list[Row]:
    """Put each answer beside the profile of its item, or of its item in the persona's subgroup."""
    joined: list[Row] = []
    for row in long:
        key = (row["response_type"], row["scenario_item_id"], *(row[name] for name in subgroup))
        if None not in key[1:] and key in people:
            joined.append({**row, **people[key]})
    return joined


def alignment(joined: Iterable[Row], *names: str) -> Table:
    table: Table = {}
    for key, rows in by(joined, "persona_setting", "model_tag", "response_type", *names):
        items = by(rows, "scenario_item_id")
        table[key] = {
            "n_model_rows": len(rows),
            "n_items": len(items),
            "n_humans": sum(row["n_humans"] for row in rows),
            "human_culture_rate": mean(row["human_culture_rate"] for row in rows),
            "model_culture_rate": mean(row["culture"] for row in rows),
            "signed_culture_rate_gap_model_minus_human": mean(
                minus(mean(row["culture"] for row in one), one[0]["human_culture_rate"]) for _, one in items
            ),
            "majority_choice_alignment": mean(float(row["choice"] == row["human_majority"]) for row in rows),
            "distributional_mae": mean(
                None if row["culture"] is None else abs(row["culture"] - row["human_culture_rate"]) for row in rows
            ),
            "mean_human_majority_agreement": mean(row["human_majority_agreement"] for row in rows),
        }
    return table


def uncertainty(long: Iterable[Row], people: Table) -> Table:
    table: Table = {}
    answered = [row for row in long if row["culture"] is not None]
    for key, rows in by(answered, "persona_setting", "model_tag", "response_type"):
        pairs: list[tuple[float, float, int]] = []
        for (item,), one in by(rows, "scenario_item_id"):
            if (key[2], item) in people:
                model = larger_side(sum(row["culture"] for row in one) / len(one)) or 0.0
                pairs.append((people[key[2], item]["human_majority_agreement"], model, len(one)))
        if not pairs:
            continue
        human, models = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        ordered, half = sorted(human), len(human) // 2
        median = ordered[half] if len(human) % 2 else (ordered[half - 1] + ordered[half]) / 2
        table[key] = {
            "n_items": len(pairs),
            "mean_model_majority_agreement": mean(models),
            "mean_model_majority_agreement_low_human_agreement": mean(
                m for h, m in zip(human, models, strict=True) if h <= median
            ),
            "mean_human_majority_agreement": mean(human),
            "human_model_agreement_correlation": pearson(human, models),
            "mean_model_samples_per_item": mean(pair[2] for pair in pairs),
        }
    return table


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    if len(set(x)) < 2 or len(set(y)) < 2:
        return None
    dx, dy = ([value - sum(values) / len(values) for value in values] for values in (x, y))
    return sum(a * b for a, b in zip(dx, dy, strict=True)) / math.sqrt(sum(a * a for a in dx) * sum(b * b for b in dy))


# Models alone


def model_gaps(long: Iterable[Row], *names: str) -> Table:
    table: Table = {}
    answered = [row for row in long if row["culture"] is not None and all(row[name] is not None for name in names)]
    for key, rows in by(answered, *names):
        found: dict[str, Any] = {}
        for question in QUESTIONS:
            asked = [row for row in rows if row["response_type"] == question]
            found[f"culture_rate_{question}"] = mean(row["culture"] for row in asked)
            found[f"allow_rate_{question}"] = mean(row["allowed"] for row in asked)
            found[f"n_{question}"] = len(asked) or None
        found["allow_gap_personal_minus_norm"] = minus(found["allow_rate_personal"], found["allow_rate_norm"])
        table[key] = found
    return table


def consensus(long: Iterable[Row], *names: str) -> Table:
    table: Table = {}
    for key, rows in by([row for row in long if row["culture"] is not None], *names):
        rates = [(len(one), sum(row["culture"] for row in one) / len(one)) for _, one in by(rows, "scenario_item_id")]
        table[key] = {
            "n_items": distinct(rows, "scenario_item_id"),
            "mean_majority_agreement": mean(larger_side(rate) for _, rate in rates),
            "mean_samples_per_item": mean(n for n, _ in rates),
        }
    return table


# Regressions


def deviance(rows: Sequence[Row], terms: Iterable[Sequence[str]]) -> tuple[float, int]:
    """Fit the ridge logit row by row and give its deviance and the rank of its design less one."""
    columns = [np.ones(len(rows))]
    for names in terms:
        labels = [":".join("NA" if row[name] is None else str(row[name]) for name in names) for row in rows]
        columns += [np.array([float(label == level) for label in labels]) for level in sorted(set(labels))[1:]]
    x, y = np.column_stack(columns), np.array([float(row["outcome"]) for row in rows])
    ridge = np.array([0.0] + [1e-6] * (len(columns) - 1))
    beta = np.zeros(len(columns))
    for _ in range(300):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        weights = np.sqrt(np.maximum(p * (1 - p), 1e-9))
        # One Newton step as a least-squares problem: the weighted working residuals, and the ridge as further rows.
        above, below = x * weights[:, None], np.diag(np.sqrt(ridge))
        target = np.concatenate([(y - p) / weights, -np.sqrt(ridge) * beta])
        step = np.linalg.lstsq(np.vstack([above, below]), target, rcond=None)[0]
        beta = beta + step * min(1.0, 5 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    p = np.clip(1 / (1 + np.exp(-np.clip(x @ beta, -35, 35))), 1e-12, 1 - 1e-12)
    return float(-2 * np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))), max(int(np.linalg.matrix_rank(x)) - 1, 0)


def drop_one(rows: Sequence[Row], terms: Mapping[str, Sequence[Sequence[str]]]) -> Table:
    """Drop each factor in turn, its interactions stay."""
    full, df = deviance(rows, [one for term in terms.values() for one in term])
    table: Table = {}
    for dropped in terms:
        kept = [one for name, term in terms.items() if name != dropped for one in term]
        reduced, reduced_df = deviance(rows, kept)
        table[(dropped,)] = {
            "full_deviance": full,
            "reduced_deviance": reduced,
            "full_df_model": df,
            "reduced_df_model": reduced_df,
        }
    return table


# Behaviour runs


def decision_rates(rows: Sequence[Row], *names: str) -> Table:
    table: Table = {}
    for key, group in by(rows, *names):
        words = [row["decision"] for row in group]
        follow, allow = words.count("FOLLOW_CULTURE"), words.count("ALLOW_PREFERENCE")
        valid = follow + allow
        table[key] = {
            "n_rows": len(words),
            "n_source_items": distinct(group, "source_row"),
            "n_valid": valid,
            "n_follow_culture": follow,
            "n_allow_preference": allow,
            "n_unknown_or_other": len(words) - valid,
            "culture_rate_valid": follow / valid if valid else None,
            "allow_rate_valid": allow / valid if valid else None,
            "unknown_rate_all": (len(words) - valid) / len(words),
        }
    return table


def entropy(rows: Sequence[Row]) -> dict[str, float | None]:
    values = []
    for (source,), group in by(rows, "source_row"):
        words = [row["decision"] for row in group if row["decision"] in ("FOLLOW_CULTURE", "ALLOW_PREFERENCE")]
        if words and source is not None:
            shares = [words.count(word) / len(words) for word in set(words)]
            values.append(-sum(share * math.log2(share) for share in shares))
    return {
        "mean_source_decision_entropy": mean(values),
        "source_decision_conflict_rate": mean(float(value > 0) for value in values),
    }


def flips(left: Sequence[Row], right: Sequence[Row], keys: Sequence[str], *names: str) -> Table:
    """Pair every row with every row of the other file that is alike in all keys, where both decided."""
    valid = ("FOLLOW_CULTURE", "ALLOW_PREFERENCE")
    pairs = [
        {**one, "to": other["decision"]}
        for one in left
        for other in right
        if one["decision"] in valid and other["decision"] in valid and all(one[key] == other[key] for key in keys)
    ]
    table: Table = {}
    for key, group in by(pairs, *names):
        moves = [(row["decision"] == valid[1], row["to"] == valid[1]) for row in group]
        before, after = (sum(move[side] for move in moves) / len(moves) for side in (0, 1))
        table[key] = {
            "n_paired": len(moves),
            "left_allow_rate": before,
            "right_allow_rate": after,
            "allow_rate_delta_right_minus_left": after - before,
            "flip_pos_culture_to_preference": moves.count((False, True)) / len(moves),
            "flip_neg_preference_to_culture": moves.count((True, False)) / len(moves),
            "flip_zero_same_decision": sum(a == b for a, b in moves) / len(moves),
        }
    return table
