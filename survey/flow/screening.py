"""Who belongs in an arm, by what they say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from survey.enums import AgeBand, Fluency


@dataclass(frozen=True)
class Answers:
    """What a newcomer says; ``country`` is empty for another one, None when they would not say."""

    country: str | None
    age_band: AgeBand
    fluency: Fluency


def is_eligible(answers: Answers, *, arm_country: str, fluencies: Sequence[str]) -> bool:
    """Say whether somebody is of age, lives in the arm's country and reads the survey's language well enough."""
    return (
        answers.country == arm_country and answers.age_band != AgeBand.UNDER_18 and answers.fluency.value in fluencies
    )
