"""One round for each item, with the two questions."""

import json
import random
from pathlib import Path

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets

SPEC = json.loads((Path(__file__).parent.parent / "spec.json").read_text(encoding="utf-8"))
ITEMS = {item["code"]: item for item in SPEC["items"]}


class C(BaseConstants):
    NAME_IN_URL = "scenarios"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = SPEC["n_items"]


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    item = models.StringField()
    personal = models.StringField(widget=widgets.RadioSelect)
    norm = models.StringField(widget=widgets.RadioSelect)


def creating_session(subsession: Subsession) -> None:
    for player in subsession.get_players():
        participant = player.participant
        if subsession.round_number == 1:
            participant.items = random.sample(sorted(ITEMS), C.NUM_ROUNDS)
            participant.order = random.choice([["culture", "preference"], ["preference", "culture"]])
        player.item = participant.items[subsession.round_number - 1]


def options(player: Player) -> list:
    item = ITEMS[player.item]
    return [[choice, item[choice]] for choice in player.participant.order]


personal_choices = norm_choices = options


class Scenario(Page):
    form_model = "player"
    form_fields = ["personal", "norm"]

    @staticmethod
    def vars_for_template(player: Player) -> dict:
        number = player.round_number
        return {"heading": f"Situation {number} of {C.NUM_ROUNDS}", "item": ITEMS[player.item]}


page_sequence = [Scenario]
