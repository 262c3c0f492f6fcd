"""Prolific's own rules, beyond what every panel asks of codes and addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from survey.enums import Outcome, SignedEntry
from survey.flow.pay import PAY_RULES
from survey.models import Arm
from survey.panels.base import mapping, setting
from survey.panels.prolific import codes, jwks
from survey.panels.prolific.adapter import VERIFY_SIGNED
from survey.panels.rules import Rule, Severity, Violation
from survey.panels.terms import read_number

DAY_MINUTES = 24 * 60


class Pay(NamedTuple):
    """What an hour must and should bring, and a screen-out at least, in hundredths of the currency."""

    floor: int
    advice: int
    screen_out: int


LEAST_SCREEN_OUT = {"GBP": 10, "USD": 14}
PAY = {
    currency: Pay(int(rule.floor * 100), int(rule.recommended * 100), LEAST_SCREEN_OUT[currency])
    for currency, rule in PAY_RULES.items()
}
PLACEHOLDERS = ("{{%PROLIFIC_PID%}}", "{{%STUDY_ID%}}", "{{%SESSION_ID%}}")


def check_prolific(arm: Arm) -> Iterator[Violation]:
    yield from check_pay(arm)
    yield from check_time(arm)
    yield from check_table(arm)
    yield from check_entry(arm)
    settings = mapping(arm.panel_settings)
    if settings.get("auto_rejection_categories"):
        mend = "take auto_rejection_categories out: nobody is rejected but by a person"
        yield Violation(Rule.AUTO_REJECTION, "submissions would be rejected by themselves", mend)
    if not setting(arm, "study_id"):
        mend = "copy the study's id from Prolific into panel_settings.study_id once it is there"
        wrong = "this site cannot look at the panel's submissions"
        yield Violation(Rule.NO_STUDY_ID, wrong, mend, Severity.HINT)
    if "screening" in arm.study.version.structure.get("blocks", ()):
        mend = "word it exactly as the prescreener, at the start; who fails it is asked to return or paid a screen-out"
        yield Violation(Rule.PRESCREENER, "screening asks again what Prolific screened for", mend, Severity.HINT)


def number(value: Any) -> float | None:
    """Read a number above zero as the terms do: given as one or as text."""
    return float(found) if (found := read_number(value)) else None


def check_pay(arm: Arm) -> Iterator[Violation]:
    """Hold the reward per hour against Prolific's floor, which is enforced on the median time, and its advice."""
    settings = mapping(arm.panel_settings)
    reward, minutes = number(settings.get("reward")), number(settings.get("estimated_minutes"))
    pay = PAY.get(setting(arm, "currency").upper())
    if reward is None or minutes is None or pay is None:
        mend = "set reward (in pence or cents), currency (GBP or USD) and estimated_minutes in panel_settings"
        yield Violation(Rule.PAY_UNKNOWN, "what an hour brings cannot be computed", mend, Severity.HINT)
        return
    hourly = reward / minutes * 60
    wrong = f"the reward comes to {hourly / 100:.2f} {setting(arm, 'currency')} per hour"
    if hourly < pay.floor:
        mend = f"pay at least {pay.floor / 100:.2f}: {pay.floor * minutes / 60:.0f} for {minutes:.0f} minutes"
        yield Violation(Rule.PAY_BELOW_FLOOR, wrong, mend)
    elif hourly < pay.advice:
        mend = f"Prolific recommends {pay.advice / 100:.2f}: {pay.advice * minutes / 60:.0f} for {minutes:.0f} minutes"
        yield Violation(Rule.PAY_BELOW_ADVICE, wrong, mend, Severity.HINT)
    yield from check_screen_out(arm, reward, pay)


def check_screen_out(arm: Arm, reward: float, pay: Pay) -> Iterator[Violation]:
    for row in codes.code_table(arm):
        for action in row.actions:
            if action.get("action") != codes.SCREEN_OUT:
                continue
            amount = number(action.get("fixed_screen_out_reward"))
            if amount is None or not pay.screen_out <= amount < reward or number(action.get("slots")) is None:
                wrong = f"the screen-out code {row.code} has no valid reward or no number of slots"
                mend = f"set screen_out_reward (from {pay.screen_out} to below {reward:.0f}) and screen_out_slots"
                yield Violation(Rule.SCREEN_OUT_PAY, wrong, mend, Severity.HINT)


def check_time(arm: Arm) -> Iterator[Violation]:
    settings = mapping(arm.panel_settings)
    minutes, limit = number(settings.get("estimated_minutes")), number(settings.get("maximum_minutes"))
    if minutes is None or limit is None:
        return
    least = codes.shortest_limit(minutes)
    if not least <= limit < DAY_MINUTES:
        wrong = f"a limit of {limit:.0f} minutes for an estimate of {minutes:.0f}"
        yield Violation(Rule.TIME_LIMIT, wrong, f"set maximum_minutes to {least} or more, below {DAY_MINUTES}")


def check_table(arm: Arm) -> Iterator[Violation]:
    """Check the completion codes as a table: unique over both actors, with actions that go together."""
    table = codes.code_table(arm)
    seen: set[str] = set()
    for row in table:
        if row.code in seen:
            mend = "give participants and this site different ones"
            yield Violation(Rule.SHARED_CODE, f"participants and this site both use the code {row.code}", mend)
        seen.add(row.code)
        if {codes.APPROVE, codes.REVIEW} <= row.kinds:
            wrong = f"the code {row.code} both approves by itself and asks for a review"
            yield Violation(Rule.APPROVE_AND_REVIEW, wrong, "keep one of the two actions")
        if Outcome.FAILED_COMPREHENSION in row.outcomes and row.code_type == codes.FAILED_ATTENTION_TYPE:
            mend = "use OTHER with a request to return: nobody may be rejected for it"
            yield Violation(Rule.COMPREHENSION_AS_ATTENTION, "failed comprehension counts as failed attention", mend)
    screen_outs = [row.code for row in table if codes.SCREEN_OUT in row.kinds]
    if len(screen_outs) > 1:
        mend = "the panel allows a single one: use it for all"
        wrong = f"{' and '.join(screen_outs)} are all fixed screen-out codes"
        yield Violation(Rule.SCREEN_OUT_CODES, wrong, mend)


def check_entry(arm: Arm) -> Iterator[Violation]:
    url = setting(arm, "study_url")
    missing = [one for one in PLACEHOLDERS if one not in url]
    if url and missing:
        mend = f"end it in ?{codes.LINK}"
        yield Violation(Rule.STUDY_URL, f"study_url lacks {', '.join(missing)}", mend)
    mode = jwks.entry_settings(arm).get("mode", SignedEntry.OFF)
    if mode not in SignedEntry.values:
        mend = f"use one of {', '.join(SignedEntry.values)}"
        yield Violation(Rule.SETTINGS_SHAPE, f"signed_entry has the mode {mode}", mend)
    elif mode == SignedEntry.OFF:
        mend = "switch secure links on at Prolific, then set signed_entry to optional, later to required"
        yield Violation(Rule.UNSIGNED_ENTRY, "anybody can write another person's id into the link", mend, Severity.HINT)
    else:
        yield Violation(Rule.VERIFY, "not known for sure", f"confirm on the live panel {VERIFY_SIGNED}", Severity.HINT)
