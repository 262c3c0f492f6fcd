"""Who sees outcomes, and when: until a study is unblinded, nobody sees what real people answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.models import AnalysisRun
from survey.models import Study


def is_hidden(run: AnalysisRun) -> bool:
    """Tell whether an analysis holds outcomes of real people that its study does not show yet."""
    return bool(run.results) and hides(run.study, run.results["facts"])


def hides(study: Study, facts: Mapping[str, Any]) -> bool:
    """Tell the same by the facts of its results; without facts there are no outcomes.

    Simulated people have no outcomes to be blind to: a study can be rehearsed to the last figure.
    """
    if study.unblinded_at or not facts:
        return False
    return bool(facts["n_respondents"] > facts["n_simulated_respondents"])
