"""Check, before the paid part, that a participant belongs in the arm and that there is a place for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.screening import screen
from survey.enums import AgeBand, Fluency, Gender
from survey.flow.plan import PlanPage
from survey.instruments.schema import OTHER_COUNTRY, UNDISCLOSED
from survey.pages.base import Option, PageKind, RadioGroup, Turn, country_options


class ScreeningPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return ()

    def groups(self, turn: Turn) -> list[RadioGroup]:
        texts = turn.texts
        ages = tuple(Option(band.value, texts[f"age.{band}"]) for band in AgeBand)
        genders = tuple(Option(gender.value, texts[f"gender.{gender}"]) for gender in Gender)
        fluencies = tuple(Option(fluency.value, texts[f"fluency.{fluency}"]) for fluency in Fluency)
        return [
            RadioGroup(
                "country",
                texts["demographics.country"],
                country_options(turn),
                _("Select where you live, or that you prefer not to say"),
            ),
            RadioGroup("fluency", texts["screening.fluency"], fluencies, _("Select how well you read this language")),
            RadioGroup(
                "age_band", texts["demographics.age"], ages, _("Select your age group, or that you prefer not to say")
            ),
            RadioGroup(
                "gender", texts["demographics.gender"], genders, _("Select your gender, or that you prefer not to say")
            ),
        ]

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
