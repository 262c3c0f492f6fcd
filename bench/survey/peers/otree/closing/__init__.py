"""What the survey was about, and the end."""

import json
from pathlib import Path

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page

SPEC = json.loads((Path(__file__).parent.parent / "spec.json").read_text(encoding="utf-8"))


class C(BaseConstants):
    NAME_IN_URL = "closing"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    pass


class Debrief(Page):
    @staticmethod
    def vars_for_template(player: Player) -> dict:
        return SPEC["debrief"]


class End(Page):
    @staticmethod
    def vars_for_template(player: Player) -> dict:
        return SPEC["end"]


page_sequence = [Debrief, End]
