"""What an analysis reads: all tables as of one moment, and what is kept of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from analysis import frames
from analysis.columns import COMPLETIONS, ITEMS, LONG
from analysis.extract import Selection, snapshot, snapshot_hash, stream_csv
from analysis.imports.gaps import filled
from analysis.paper_columns import DECISIONS, HUMAN, PREDICTIONS
from analysis.parameters import COMPLETE_ONLY, NO_SIMULATED, Parameters
from analysis.participant_columns import PARTICIPANTS
from analysis.plan import Plan
from analysis.reshape import Excluded, exclude
from survey.llm.enums import DemographicConfig, PreferenceConfig, PromptCondition, RunKind
from survey.models import Study


@dataclass(frozen=True)
class Data:
    """The tables of one moment, from the database or from files."""

    long: pd.DataFrame
    completions: pd.DataFrame
    paper_human: pd.DataFrame
    paper_predictions: pd.DataFrame
    paper_decisions: pd.DataFrame
    snapshot_hash: str


@dataclass(frozen=True)
class Inputs:
    """The data, and what the choices of an analysis keep of them; every family reads from here."""

    data: Data
    parameters: Parameters
    plan: Plan | None = None
    made: dict[str, pd.DataFrame] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Give a table that more than one family reads, made by the first that does."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    @cached_property
    def excluded(self) -> Excluded:
        """The long answers after the exclusions, with what each took away."""
        chosen = self.parameters
        return exclude(self.data.long, chosen.exclusions, last_day=chosen.last_day, countries=chosen.countries)

    @cached_property
    def answers(self) -> pd.DataFrame:
        """People's answers: one row per respondent, item and question; a declined question is no answer."""
        return self.excluded.frame[self.excluded.frame["choice"].notna()]

    @cached_property
    def models(self) -> pd.DataFrame:
        """The models' answers that stand beside people's."""
        return _asked(self.data.completions, self.parameters)

    @cached_property
    def paper_human(self) -> pd.DataFrame:
        """The paper's table of human answers, of the respondents that are kept."""
        kept = self.data.paper_human["respondent_id"].isin(self.excluded.frame["respondent_id"].unique())
        return self.data.paper_human[kept].reset_index(drop=True)


def read(study: Study, parameters: Parameters) -> Data:
    """Read all tables as of one moment; the hash is over the whole data, whatever is excluded later."""
    everything = Selection()
    chosen = Selection(NO_SIMULATED not in parameters.exclusions, COMPLETE_ONLY in parameters.exclusions)
    with snapshot():
        extracts = {table.name: frames.extract(table, study, everything) for table in (LONG, COMPLETIONS)}
        digests = {name: one.sha256 for name, one in extracts.items()}
        for table in (PARTICIPANTS, ITEMS):
            digests[table.name] = hashlib.sha256(b"".join(stream_csv(table, study))).hexdigest()
        data = Data(
            extracts["long"].frame,
            extracts["completions"].frame,
            frames.extract(HUMAN, study, chosen).frame,
            frames.extract(PREDICTIONS, study, chosen).frame,
            frames.extract(DECISIONS, study, chosen).frame,
            snapshot_hash(digests),
        )
    return filled(data) if study.is_imported else data


def _asked(completions: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Keep the newest answers that stand beside people's, without simulated models where simulated data are excluded.

    These are the answers of alignment runs to the item as people read it, by whatever method, in one language a model:
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
    rank = kept["locale"].cat.codes
    kept = kept[rank == rank.groupby(kept["model_tag"], observed=True).transform("min")]
    return kept[~kept["is_simulated"]] if NO_SIMULATED in parameters.exclusions else kept
