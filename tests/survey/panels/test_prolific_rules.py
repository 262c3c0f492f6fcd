"""Prolific's rules on pay, time, codes and links, and the draft that follows them."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from survey.enums import Outcome
from survey.models import Arm, InstrumentVersion, Study
from survey.panels.lint import lint_arm
from survey.panels.prolific.codes import ADVICE, code_table, draft_study, shortest_limit
from survey.panels.rules import Rule, Severity
from tests.survey.panels.conftest import Field

CODES = {"complete": "C1", "no_consent": "C2", "screened_out": "C3", "failed_comprehension": "C4"}
SETTINGS = {
    "study_id": "a1",
    "reward": 180,
    "currency": "GBP",
    "estimated_minutes": 12,
    "maximum_minutes": 60,
    "screen_out_reward": 20,
    "screen_out_slots": 50,
    "researcher_codes": {"complete": "R1"},
    "signed_entry": {"mode": "required"},
}


def arm(codes: dict[str, str] | None = None, **settings: Any) -> Arm:
    structure = {"attention_checks": ["often"] * 2, "arms": {"GB": {"items": {"core": 18}}}, "blocks": ["screening"]}
    study = Study(code="s", title="Study", version=InstrumentVersion(structure=structure))
    fields = {**CODES, **(codes or {})}
    return Arm(study=study, country="GB", panel="prolific", exit_codes=fields, panel_settings={**SETTINGS, **settings})


def found(one: Arm) -> list[tuple[Rule, Severity]]:
    usual = {Rule.VERIFY, Rule.PRESCREENER}
    return [(violation.rule, violation.severity) for violation in lint_arm(one) if violation.rule not in usual]


ERROR, HINT = Severity.ERROR, Severity.HINT


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"devices": ["mobile", "tablet", "desktop"]}, []),
        ({"devices": ["desktop"]}, [(Rule.DEVICES, HINT)]),
        ({"devices": ["phone"]}, [(Rule.DEVICES, ERROR)]),
        ({"devices": []}, [(Rule.DEVICES, ERROR)]),
        ({"devices": "desktop"}, [(Rule.DEVICES, ERROR)]),
        ({"reward": 119}, [(Rule.PAY_BELOW_FLOOR, ERROR)]),
        ({"reward": 120}, [(Rule.PAY_BELOW_ADVICE, HINT)]),
        ({"reward": 159, "currency": "USD"}, [(Rule.PAY_BELOW_FLOOR, ERROR)]),
        ({"reward": 240, "currency": "USD"}, []),
        ({"reward": None}, [(Rule.PAY_UNKNOWN, HINT)]),
        ({"reward": "180"}, []),
        ({"reward": "119"}, [(Rule.PAY_BELOW_FLOOR, ERROR)]),  # the terms read text too: it must not hide low pay
        ({"reward": "119", "currency": "gbp"}, [(Rule.PAY_BELOW_FLOOR, ERROR)]),
        ({"reward": "a lot"}, [(Rule.PAY_UNKNOWN, HINT)]),
        ({"currency": "EUR"}, [(Rule.PAY_UNKNOWN, HINT)]),
        ({"maximum_minutes": 20}, [(Rule.TIME_LIMIT, ERROR)]),
        ({"maximum_minutes": 21}, []),
        ({"maximum_minutes": 1440}, [(Rule.TIME_LIMIT, ERROR)]),
        ({"screen_out_reward": 9}, [(Rule.SCREEN_OUT_PAY, HINT)]),
        ({"screen_out_reward": 180}, [(Rule.SCREEN_OUT_PAY, HINT)]),
        ({"screen_out_slots": None}, [(Rule.SCREEN_OUT_PAY, HINT)]),
        ({"researcher_codes": {"complete": "C1"}}, [(Rule.SHARED_CODE, ERROR)]),
        ({"auto_rejection_categories": ["EXCEPTIONALLY_FAST"]}, [(Rule.AUTO_REJECTION, ERROR)]),
        ({"signed_entry": {}}, [(Rule.UNSIGNED_ENTRY, HINT)]),
        ({"signed_entry": {"mode": "yes"}}, [(Rule.SETTINGS_SHAPE, ERROR)]),
        ({"study_id": ""}, [(Rule.NO_STUDY_ID, HINT)]),
        ({"study_url": "https://s.example/join/s/GB/?PROLIFIC_PID={{%PROLIFIC_PID%}}"}, [(Rule.STUDY_URL, ERROR)]),
        (
            {"code_actions": {"failed_comprehension": {"code_type": "FAILED_ATTENTION_CHECK"}}},
            [(Rule.COMPREHENSION_AS_ATTENTION, ERROR)],
        ),
        (
            {
                "code_actions": {
                    "complete": {"actions": [{"action": "AUTOMATICALLY_APPROVE"}, {"action": "MANUALLY_REVIEW"}]}
                }
            },
            [(Rule.APPROVE_AND_REVIEW, ERROR)] * 2,  # the participants' code and this site's own
        ),
    ],
)
def test_settings_are_held_to_prolifics_rules(settings: dict[str, Any], expected: list[tuple[Rule, Severity]]) -> None:
    assert found(arm(**settings)) == expected


def test_second_fixed_screen_out_code_is_refused() -> None:
    screen_out = [{"action": "FIXED_SCREEN_OUT_PAYMENT", "fixed_screen_out_reward": 20, "slots": 5}]
    one = arm({"withdrew": "C5"}, code_actions={"withdrew": {"actions": screen_out}})
    assert found(one) == [(Rule.SCREEN_OUT_CODES, ERROR)]


@pytest.mark.parametrize(("minutes", "least"), [(1, 5), (9, 17), (12, 21), (16, 26), (100, 122)])
def test_time_limit_is_the_least_that_prolific_allows(minutes: int, least: int) -> None:
    assert shortest_limit(minutes) == least


def test_every_outcome_has_advice_and_none_of_it_rejects() -> None:
    assert set(ADVICE) == set(Outcome)
    actions = {advice.action for advice in ADVICE.values()}
    assert actions == {"AUTOMATICALLY_APPROVE", "MANUALLY_REVIEW", "REQUEST_RETURN", "FIXED_SCREEN_OUT_PAYMENT"}
    assert ADVICE[Outcome.FAILED_ATTENTION].action == "MANUALLY_REVIEW"


def test_table_lists_a_shared_code_once_and_the_sites_own_codes() -> None:
    rows = {(row.code, row.actor): [*row.outcomes] for row in code_table(arm({"quota_full": "C3"}))}
    assert rows == {
        ("C1", "participant"): [Outcome.COMPLETE],
        ("C2", "participant"): [Outcome.NO_CONSENT],
        ("C3", "participant"): [Outcome.SCREENED_OUT, Outcome.QUOTA_FULL],
        ("C4", "participant"): [Outcome.FAILED_COMPREHENSION],
        ("R1", "researcher"): [Outcome.COMPLETE],
    }


def test_draft_has_the_links_placeholders_and_rejects_nobody() -> None:
    assert draft_study(arm(devices=["desktop"]), site="", places=1)["device_compatibility"] == ["desktop"]
    draft = draft_study(arm(), site="https://study.example.org/", places=30)
    assert draft["external_study_url"] == (
        "https://study.example.org/join/s/GB/?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}"
        "&SESSION_ID={{%SESSION_ID%}}"
    )
    assert (draft["auto_rejection_categories"], draft["total_available_places"], draft["reward"]) == ([], 30, 180)


def test_draft_gives_numbers_that_were_written_as_text_as_numbers() -> None:
    one = arm(reward="180", estimated_minutes="12", maximum_minutes="60", screen_out_reward="20", screen_out_slots="50")
    assert draft_study(one, site="https://s.example", places=1) == draft_study(
        arm(), site="https://s.example", places=1
    )


def test_command_says_what_to_enter_and_creates_drafts_once(field: Field) -> None:
    out = StringIO()
    field.study.arms.exclude(country="GB").update(panel="direct")
    with pytest.raises(CommandError, match="reward is not set"):
        call_command("prolific_study", "s1", site="https://s.example", create=True, stdout=out)
    field.set(**{**SETTINGS, "study_id": "", "signed_entry": {}})
    for _ in range(2):
        call_command("prolific_study", "s1", site="https://s.example", create=True, stdout=out)
    field.arm.refresh_from_db()
    created = field.panel.studies[field.arm.panel_settings["study_id"]]
    assert created["status"] == "UNPUBLISHED"
    assert [code["code"] for code in created["completion_codes"]] == ["CDONE", "CNO", "R1"]
    assert len(field.panel.studies) == 2  # the fixture's and this one
    assert "CDONE  COMPLETED  by participant  for complete" in out.getvalue()
    with pytest.raises(CommandError, match="there is no study"):
        call_command("prolific_study", "nowhere", site="x")
