"""Check, before the paid part, that a participant belongs in the arm and that there is a place for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.screening import screen
from survey.enums import AgeBand, Fluency, Gender
from survey.flow.plan import PlanPage
from survey.instruments.schema import OTHER_COUNTRY, UNDISCLOSED
from survey.pages.base import Option, PageKind, RadioGroup, Turn, age_group, country_group, gender_group


class ScreeningPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return ()

    def groups(self, turn: Turn) -> list[RadioGroup]:
        options = tuple(Option(fluency.value, turn.texts[f"fluency.{fluency}"]) for fluency in Fluency)
        missing = _("Select how well you read this language")
        fluency = RadioGroup("fluency", turn.texts["screening.fluency"], options, missing)
        return [country_group(turn), fluency, age_group(turn), gender_group(turn)]

    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": turn.texts["demographics.heading"], "paragraphs": [turn.texts["screening.intro"]]}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        country = {OTHER_COUNTRY: "", UNDISCLOSED: None}.get(answers["country"], answers["country"])
        screen(
            turn.session,
            country=country,
            age_band=AgeBand(answers["age_band"]),
            gender=Gender(answers["gender"]),
            fluency=Fluency(answers["fluency"]),
        )
