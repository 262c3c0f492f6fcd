"""The table of completion codes: what each code of an arm is to be at Prolific, and a draft of the study with them.

The type and actions of an outcome's code can be set otherwise in ``panel_settings["code_actions"]``, such as
``{"screened_out": {"code_type": "SCREENED_OUT", "actions": [{"action": "FIXED_SCREEN_OUT_PAYMENT", …}]}}``.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any, NamedTuple

from survey.enums import Device, Outcome
from survey.models import Arm
from survey.panels.base import mapping, taken_devices, text
from survey.panels.terms import read_number

APPROVE, REVIEW = "AUTOMATICALLY_APPROVE", "MANUALLY_REVIEW"
RETURN, SCREEN_OUT = "REQUEST_RETURN", "FIXED_SCREEN_OUT_PAYMENT"
FAILED_ATTENTION_TYPE = "FAILED_ATTENTION_CHECK"
LINK = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"


class Advice(NamedTuple):
    """What Prolific should do with an outcome's code."""

    code_type: str
    action: str
    reason: str = ""


ADVICE: dict[Outcome, Advice] = {
    Outcome.COMPLETE: Advice("COMPLETED", APPROVE),
    Outcome.COMPLETE_FLAGGED: Advice("COMPLETED", REVIEW),
    Outcome.FAILED_ATTENTION: Advice(FAILED_ATTENTION_TYPE, REVIEW),
    Outcome.NO_CONSENT: Advice("NO_CONSENT", RETURN, "You chose not to take part."),
    Outcome.SCREENED_OUT: Advice("FIXED_SCREENOUT", SCREEN_OUT),
    Outcome.QUOTA_FULL: Advice("FIXED_SCREENOUT", SCREEN_OUT),
    Outcome.FAILED_COMPREHENSION: Advice("OTHER", RETURN, "The questions about the task were not answered as needed."),
    Outcome.INCOMPATIBLE_DEVICE: Advice(
        "INCOMPATIBLE_DEVICE", RETURN, "The study cannot be taken on this kind of device."
    ),
    Outcome.WITHDREW: Advice("OTHER", RETURN, "You stopped taking part."),
    Outcome.TIMED_OUT: Advice("OTHER", REVIEW),
    Outcome.DUPLICATE: Advice("OTHER", RETURN, "You have taken part in this study before."),
    Outcome.TECHNICAL_FAILURE: Advice("OTHER", REVIEW),
    Outcome.STUDY_CLOSED: Advice("OTHER", RETURN, "The study takes nobody in any more."),
}


class CompletionCode(NamedTuple):
    """One row of the table, as Prolific takes it; several outcomes may share one."""

    code: str
    code_type: str
    actor: str
    actions: list[dict[str, Any]]
    outcomes: list[Outcome]

    @property
    def kinds(self) -> set[str]:
        return {text(action.get("action")) for action in self.actions}

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "code_type": self.code_type, "actor": self.actor, "actions": self.actions}


def code_table(arm: Arm) -> list[CompletionCode]:
    """Lay out an arm's codes, those that participants enter and those that this site completes with."""
    table: dict[tuple[str, str], CompletionCode] = {}
    settings = mapping(arm.panel_settings)
    for actor, codes in (("participant", arm.exit_codes), ("researcher", settings.get("researcher_codes"))):
        for outcome in Outcome:
            code = text(mapping(codes).get(outcome))
            if not code:
                continue
            row = table.setdefault((actor, code), make_row(arm, outcome, code, actor))
            row.outcomes.append(outcome)
    return list(table.values())


def make_row(arm: Arm, outcome: Outcome, code: str, actor: str) -> CompletionCode:
    own = mapping(mapping(mapping(arm.panel_settings).get("code_actions")).get(outcome))
    actions = own.get("actions")
    chosen = [dict(one) for one in actions if isinstance(one, dict)] if isinstance(actions, list) else None
    code_type = text(own.get("code_type")) or ADVICE[outcome].code_type
    return CompletionCode(code, code_type, actor, advised(arm, outcome) if chosen is None else chosen, [])


def advised(arm: Arm, outcome: Outcome) -> list[dict[str, Any]]:
    """Write the advised action out, with what it needs."""
    advice = ADVICE[outcome]
    if advice.action == RETURN:
        return [{"action": RETURN, "return_reason": advice.reason}]
    if advice.action == SCREEN_OUT:
        settings = mapping(arm.panel_settings)
        reward, slots = whole(settings.get("screen_out_reward")), whole(settings.get("screen_out_slots"))
        return [{"action": SCREEN_OUT, "fixed_screen_out_reward": reward, "slots": slots}]
    return [{"action": advice.action}]


def whole(value: object) -> int | None:
    """Give a setting as the whole number that Prolific takes, whether it is written as a number or as text."""
    return None if (found := read_number(value)) is None else round(found)


def shortest_limit(minutes: float) -> int:
    """Give the least time limit that Prolific allows for an estimated time, in minutes."""
    return ceil(2 + minutes + 2 * sqrt(minutes))


def draft_study(arm: Arm, *, site: str, places: int) -> dict[str, Any]:
    """Write the arm out as a study for Prolific: everything but the prescreeners, which a person chooses there.

    Rewards are in hundredths of the currency. Nothing is rejected by itself.
    """
    settings = mapping(arm.panel_settings)
    return {
        "name": arm.study.title,
        "internal_name": f"{arm.study.code} {arm.country}",
        "description": arm.study.title,
        "external_study_url": f"{site.rstrip('/')}/join/{arm.study.code}/{arm.country}/?{LINK}",
        "prolific_id_option": "url_parameters",
        "completion_codes": [row.as_json() for row in code_table(arm)],
        "total_available_places": places,
        "estimated_completion_time": whole(settings.get("estimated_minutes")),
        "maximum_allowed_time": whole(settings.get("maximum_minutes")),
        "reward": whole(settings.get("reward")),
        "device_compatibility": [one.value for one in Device if one in taken_devices(arm)],
        "max_submissions_per_participant": 1,
        "auto_rejection_categories": [],
    }
