"""Ask age band, gender and country of residence; each has a way not to say."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.answering import record_demographics
from survey.enums import AgeBand, Gender
from survey.flow.plan import PlanPage
from survey.instruments.schema import OTHER_COUNTRY, UNDISCLOSED
from survey.pages.base import Option, PageKind, RadioGroup, Turn, country_options


class DemographicsPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return ()

    def groups(self, turn: Turn) -> list[RadioGroup]:
        texts = turn.texts
        ages = tuple(Option(band.value, texts[f"age.{band}"]) for band in AgeBand)
        genders = tuple(Option(gender.value, texts[f"gender.{gender}"]) for gender in Gender)
        countries = country_options(turn)
        return [
            RadioGroup(
                "age_band", texts["demographics.age"], ages, _("Select your age group, or that you prefer not to say")
            ),
            RadioGroup(
                "gender", texts["demographics.gender"], genders, _("Select your gender, or that you prefer not to say")
            ),
            RadioGroup(
                "country",
                texts["demographics.country"],
                countries,
                _("Select where you live, or that you prefer not to say"),
            ),
        ]

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
