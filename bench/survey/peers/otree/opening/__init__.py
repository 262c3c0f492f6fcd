"""Consent and demographics."""

import json
from pathlib import Path

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets

SPEC = json.loads((Path(__file__).parent.parent / "spec.json").read_text(encoding="utf-8"))


def radios(group: str) -> object:
    question = SPEC["questions"][group]
    return models.StringField(label=question["legend"], choices=question["options"], widget=widgets.RadioSelect)


class C(BaseConstants):
    NAME_IN_URL = "opening"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    consent = radios("consent")
    age_band = radios("age_band")
    gender = radios("gender")
    country = radios("country")


class Consent(Page):
    form_model = "player"
    form_fields = ["consent"]

    @staticmethod
    def vars_for_template(player: Player) -> dict:
        return SPEC["consent"]


class Demographics(Page):
    form_model = "player"
    form_fields = ["age_band", "gender", "country"]

    @staticmethod
    def vars_for_template(player: Player) -> dict:
        return SPEC["demographics"]


page_sequence = [Consent, Demographics]
