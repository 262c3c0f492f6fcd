"""What is wrong in the paper's files, with which no table can be made, and what is odd, over which the paper reads."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from analysis.stats.paper.behaviour import ALLOW, DECISION, FOLLOW, PAIRED_BY, UNKNOWN
from analysis.stats.paper.coding import CHOICE_CODES, RELATIONS
from analysis.stats.paper.predictions import ONE_ANSWER, SETTINGS

N_SHOWN = 5
JUDGMENT = ["respondent_id", "scenario_item_id"]
GENDERS = ("female", "male")
OF_NO_GROUP = (
    "respondent_country",
    "respondent_age_bucket",
    "respondent_gender",
    "respondent_demo",
    "scenario_country",
)


class Fault(NamedTuple):
    """Rows (labels of the frame's index) in which a column holds what it should not."""

    column: str
    rows: Sequence[object]
    text: str
    is_fatal: bool = False

    def __str__(self) -> str:
        return f"{where(self.rows)}, column {self.column}: {self.text}"


def where(rows: Sequence[object]) -> str:
    """Count the rows and name the first five."""
    shown = ", ".join(str(row) for row in rows[:N_SHOWN])
    if len(rows) <= N_SHOWN:
        return f"row {shown}" if len(rows) == 1 else f"{len(rows)} rows ({shown})"
    return f"{len(rows)} rows (the first {N_SHOWN}: {shown})"


def refuse(faults: Iterable[Fault], what: str) -> None:
    """Raise a ValueError that names every fault with which no table can be made."""
    fatal = [str(fault) for fault in faults if fault.is_fatal]
    if fatal:
        raise ValueError("; ".join(f"{what}: {fault}" for fault in fatal))


def human_faults(human: pd.DataFrame) -> list[Fault]:
    """Find judgments given twice, answers other than A and B, and rows that lack who, what or a group."""
    named = human[JUDGMENT].notna().all(axis=1)
    repeated = named & human.duplicated(JUDGMENT)
    faults = [
        _fault(human, human[name].isna(), name, "is empty: the row counts as a judgment, not as a respondent or item")
        for name in JUDGMENT
    ]
    faults.append(_fault(human, repeated, " × ".join(JUDGMENT), "this respondent has judged this item before", True))
    faults += [_unknown_choices(human, name, "not answered") for name in ("human_personal", "human_norm")]
    faults += [
        _fault(human, human[name].isna(), name, "is empty: the row belongs to none of its groups")
        for name in OF_NO_GROUP
    ]
    faults += [_unknown_countries(human), _unknown_genders(human)]
    return [fault for fault in faults if len(fault.rows)]


def prediction_faults(predictions: pd.DataFrame) -> list[Fault]:
    """Find answers other than A and B, settings that are neither of the two, and earlier ones of repeated answers."""
    settings = " nor ".join(SETTINGS)
    is_other = ~predictions["persona_setting"].isin(SETTINGS)
    keys = ["persona_setting" if name == "setting" else name for name in ONE_ANSWER]
    faults = [
        _fault(predictions, is_other, "persona_setting", f"neither {settings}: the row is left out, as in the paper"),
        _fault(
            predictions, predictions.duplicated(keys, keep="last"), "scenario_item_id",
            "answered again further down: the last answer counts, as in the paper",
        ),
        *(_unknown_choices(predictions, name, "no readable answer") for name in ("llm_personal", "llm_norm")),
    ]  # fmt: skip
    return [fault for fault in faults if len(fault.rows)]


def decision_faults(rows: pd.DataFrame) -> list[Fault]:
    """Find decisions of another word, and rows that pair with several of another file."""
    words = rows[DECISION].astype(object)
    words = words.where(words.notna(), UNKNOWN).map(lambda word: str(word).upper().strip())
    keys = [name for name in PAIRED_BY if name in rows]
    repeated = rows.duplicated(keys) if keys else pd.Series(False, index=rows.index)
    others = ", ".join(sorted(set(words) - {FOLLOW, ALLOW, UNKNOWN})[:N_SHOWN])
    faults = [
        _fault(rows, ~words.isin([FOLLOW, ALLOW, UNKNOWN]), DECISION, f"counted as unknown: {others}"),
        _fault(rows, repeated, " × ".join(keys), "was there before: it pairs with every like row of another file"),
    ]
    return [fault for fault in faults if len(fault.rows)]


def _unknown_countries(human: pd.DataFrame) -> Fault:
    """Find respondents of countries of which the paper says no close ones."""
    own = human["respondent_country"]
    is_other = own.notna() & ~own.isin(list(RELATIONS))
    names = ", ".join(sorted(own[is_other].astype(str).unique())[:N_SHOWN])
    text = f"no respondent country of the paper, so that all other countries count as far: {names}"
    return _fault(human, is_other, "respondent_country", text)


def _unknown_genders(human: pd.DataFrame) -> Fault:
    """Find genders that are neither of the paper's two."""
    gender = human["respondent_gender"]
    is_other = gender.notna() & ~gender.isin(GENDERS)
    names = ", ".join(sorted(gender[is_other].astype(str).unique())[:N_SHOWN])
    text = f"neither {' nor '.join(GENDERS)}: a level of its own in the paper's tables, not given in ours: {names}"
    return _fault(human, is_other, "respondent_gender", text)


def _unknown_choices(frame: pd.DataFrame, column: str, meaning: str) -> Fault:
    values = frame[column]
    words = {word: str(word).strip().upper() not in CHOICE_CODES for word in values.dropna().unique()}
    others = ", ".join(sorted(repr(str(word)) for word, is_other in words.items() if is_other)[:N_SHOWN])
    is_other = values.map(words).astype(object).where(values.notna(), False).astype(bool)
    return _fault(frame, is_other, column, f"neither A nor B, read as {meaning}: {others}")


def _fault(frame: pd.DataFrame, is_faulty: pd.Series, column: str, text: str, is_fatal: bool = False) -> Fault:
    return Fault(column, frame.index[is_faulty.to_numpy(bool)].tolist(), text, is_fatal)
