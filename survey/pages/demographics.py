"""Ask age band, gender and country of residence; each has a way not to say."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from survey.domain.answering import record_demographics
from survey.flow.plan import PlanPage
from survey.instruments.schema import OTHER_COUNTRY, UNDISCLOSED
from survey.pages.base import PageKind, RadioGroup, Turn, age_group, country_group, gender_group


class DemographicsPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return ()

    def groups(self, turn: Turn) -> list[RadioGroup]:
        return [age_group(turn), gender_group(turn), country_group(turn)]

    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": turn.texts["demographics.heading"], "paragraphs": [turn.texts["demographics.intro"]]}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        country = answers["country"]
        record_demographics(
            turn.session,
            age_band=answers["age_band"],
            gender=answers["gender"],
            country="" if country in {OTHER_COUNTRY, UNDISCLOSED} else country,
            is_country_undisclosed=country == UNDISCLOSED,
        )
