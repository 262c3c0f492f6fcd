"""Who sees outcomes, and when: until a study is unblinded, nobody sees what real people answered."""

from __future__ import annotations

from analysis.models import AnalysisRun


def is_hidden(run: AnalysisRun) -> bool:
    """Tell whether an analysis holds outcomes of real people that its study does not show yet.

    Simulated people have no outcomes to be blind to: a study can be rehearsed to the last figure.
    """
    if run.study.unblinded_at or not run.results:
        return False
    facts = run.results["facts"]
    return bool(facts["n_respondents"] > facts["n_simulated_respondents"])
