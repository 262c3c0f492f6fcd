"""What keeps a study from opening: settings of its arms that are against their panels' rules."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from survey.domain.studies import NotReady, launch_study
from survey.enums import PanelName, StudyState
from survey.models import Arm
from survey.panels.lint import lint_arm
from survey.panels.rules import Rule, Severity
from tests.factories import make_study
from tests.survey.test_panels import CODES, SETTINGS, errors, make_arm, open_study


# --- lint --------------------------------------------------------------------------------------
@pytest.mark.parametrize("panel", [*SETTINGS])
def test_arm_as_its_panel_wants_it_has_no_errors(panel: PanelName) -> None:
    assert errors(make_arm(panel)) == []


@pytest.mark.parametrize("panel", [PanelName.DIRECT, PanelName.SIMULATED])
def test_direct_links_have_nothing_to_check(panel: PanelName) -> None:
    assert lint_arm(Arm(panel=panel, exit_codes=[], panel_settings=None)) == []


@pytest.mark.parametrize(
    ("panel", "changes", "rules"),
    [
        (PanelName.PROLIFIC, {"complete": ""}, [Rule.NO_COMPLETE_CODE]),
        (PanelName.CONNECT, {"complete": ""}, [Rule.NO_COMPLETE_CODE]),
        (PanelName.GENERIC, {"complete": ""}, [Rule.NO_COMPLETE_CODE]),
        (PanelName.PROLIFIC, {"no_consent": ""}, [Rule.NO_CONSENT_CODE]),
        (PanelName.PROLIFIC, {"no_consent": "C1"}, [Rule.SHARED_CODE]),
        (PanelName.PROLIFIC, {"failed_comprehension": "C3"}, [Rule.SHARED_CODE]),
        (PanelName.PROLIFIC, {"withdrew": "C3"}, []),
        (PanelName.CONNECT, {"screened_out": "C1"}, [Rule.SHARED_CODE]),
        (PanelName.CONNECT, {"screened_out": "C2", "quota_full": "C2"}, []),
        (PanelName.PROLIFIC, {"quota_full": "C4"}, [Rule.SCREEN_OUT_CODES]),
        (PanelName.PROLIFIC, {"quota_full": ""}, []),
        (PanelName.PROLIFIC, {"complete": "C 1"}, [Rule.CODE_WITH_SPACE]),
        (PanelName.PROLIFIC, {"complete": "C1\n"}, [Rule.CODE_WITH_SPACE]),
        (PanelName.CINT, {"complete": "C1\t1"}, [Rule.CODE_WITH_SPACE]),
        (PanelName.PROLIFIC, {"completed": "C9"}, [Rule.UNKNOWN_OUTCOME]),
        (PanelName.PROLIFIC, {"active": "C9"}, [Rule.UNKNOWN_OUTCOME]),
        (PanelName.PROLIFIC, {"withdrew": 7}, [Rule.SETTINGS_SHAPE]),
    ],
)
def test_codes_are_held_to_the_panels_rules(panel: PanelName, changes: dict[str, Any], rules: list[Rule]) -> None:
    assert errors(make_arm(panel, exit_codes={**CODES[panel], **changes})) == rules


@pytest.mark.parametrize(
    ("panel", "changes", "rules"),
    [
        (PanelName.GENERIC, {"parameters": {}}, [Rule.EXIT_PLACEHOLDER, Rule.NO_PARAMETER_NAMES]),
        (PanelName.GENERIC, {"parameters": {"person": "uid"}}, [Rule.EXIT_PLACEHOLDER]),
        (PanelName.GENERIC, {"parameters": []}, [Rule.EXIT_PLACEHOLDER, Rule.NO_PARAMETER_NAMES, Rule.SETTINGS_SHAPE]),
        (PanelName.GENERIC, {"exit_urls": {}}, [Rule.NO_EXIT, Rule.NO_EXIT]),
        (PanelName.CINT, {"exit_base": ""}, [Rule.NO_EXIT]),
        (PanelName.CINT, {"exit_base": "http://cint.example/"}, [Rule.EXIT_ADDRESS]),
        (PanelName.CINT, {"complete_base": "cint.example"}, [Rule.EXIT_ADDRESS]),
        (PanelName.CINT, {"exit_base": "https://cint.example/?RID={person}"}, [Rule.EXIT_PLACEHOLDER]),
        (PanelName.CONNECT, {"partial_url": "http://connect.example/"}, [Rule.EXIT_ADDRESS]),
        (PanelName.CONNECT, {"partial_url": "https://connect.example/?p={who}"}, [Rule.EXIT_PLACEHOLDER]),
        (PanelName.CONNECT, {"partial_url": ""}, []),
    ],
)
def test_settings_are_held_to_the_panels_rules(panel: PanelName, changes: dict[str, Any], rules: list[Rule]) -> None:
    assert sorted(errors(make_arm(panel, panel_settings={**SETTINGS[panel], **changes}))) == rules


@pytest.mark.parametrize(
    ("outcome", "template", "rules"),
    [
        ("complete", "http://panel.example/?u={person}", [Rule.EXIT_ADDRESS]),
        ("complete", "https://{person}.example/", [Rule.EXIT_ADDRESS]),
        ("complete", "https://panel.example/?u={pid}", [Rule.EXIT_PLACEHOLDER]),
        ("complete", "https://panel.example/?s={study}", [Rule.EXIT_PLACEHOLDER]),
        ("screened_out", "https://panel.example/?c={code}", [Rule.EXIT_PLACEHOLDER]),
        ("no_consent", "https://panel.example/?c={code}", [Rule.NO_CONSENT_CODE]),
        ("no_consent", "", [Rule.NO_EXIT]),
        ("finished", "https://panel.example/", [Rule.UNKNOWN_OUTCOME]),
        ("complete", "https://panel.example/?u={person}&s={submission}", []),
    ],
)
def test_exit_templates_are_held_to_what_can_be_filled_in(outcome: str, template: str, rules: list[Rule]) -> None:
    settings = SETTINGS[PanelName.GENERIC]
    urls = {**settings["exit_urls"], outcome: template}
    assert errors(make_arm(PanelName.GENERIC, panel_settings={**settings, "exit_urls": urls})) == rules


@pytest.mark.parametrize(
    ("n_checks", "n_items", "hints"),
    [(1, 16, [Rule.FEW_ATTENTION_CHECKS]), (0, 16, [Rule.FEW_ATTENTION_CHECKS]), (2, 16, []), (1, 4, [])],
)
def test_too_few_attention_checks_are_a_hint(n_checks: int, n_items: int, hints: list[Rule]) -> None:
    found = lint_arm(make_arm(PanelName.PROLIFIC, n_checks=n_checks, n_items=n_items))
    few = [(one.rule, one.severity) for one in found if one.rule == Rule.FEW_ATTENTION_CHECKS]
    assert few == [(rule, Severity.HINT) for rule in hints]


@pytest.mark.parametrize(
    ("panel", "n"), [(PanelName.PROLIFIC, 2), (PanelName.CONNECT, 3), (PanelName.CINT, 3), (PanelName.GENERIC, 0)]
)
def test_what_the_live_panel_must_confirm_is_a_hint(panel: PanelName, n: int) -> None:
    found = [one.severity for one in lint_arm(make_arm(panel)) if one.rule == Rule.VERIFY]
    assert found == [Severity.HINT] * n


# --- launch ------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_study_with_errors_does_not_open_and_says_why() -> None:
    study = make_study(live=False)
    study.arms.filter(country="GB").update(panel=PanelName.PROLIFIC, exit_codes={"no_consent": "C 2"})
    study.arms.filter(country="US").update(panel=PanelName.GENERIC)
    with pytest.raises(NotReady) as refused:
        launch_study(study)
    lines = [line.split(" ")[:3] for line in str(refused.value).splitlines()]
    assert lines == [
        ["GB:", "error", "[code-with-space]"],
        ["GB:", "error", "[no-complete-code]"],
        ["US:", "error", "[no-parameter-names]"],
        ["US:", "error", "[no-exit]"],
        ["US:", "error", "[no-exit]"],
    ]
    study.refresh_from_db()
    assert (study.state, study.launched_at) == (StudyState.DRAFT, None)


@pytest.mark.django_db
def test_hints_do_not_keep_a_study_from_opening() -> None:
    assert open_study(PanelName.CONNECT).state == StudyState.LIVE


@pytest.mark.django_db
def test_live_study_is_neither_checked_nor_opened_again() -> None:
    study = make_study()
    study.arms.update(panel=PanelName.PROLIFIC)
    assert launch_study(study) is False


@pytest.mark.django_db
def test_command_lists_violations_and_fails_on_errors() -> None:
    study = make_study(live=False)
    study.arms.filter(country="GB").update(panel=PanelName.CINT)
    out = StringIO()
    with pytest.raises(CommandError, match=r"^1 error\(s\): s1 cannot be opened$"):
        call_command("lint_study", "s1", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "GB: error [no-exit] there is no exit_base: copy the address of exits from the panel"
    assert [line.split("]")[0] for line in lines[1:]] == ["GB: hint [verify"] * 3
    study.arms.update(panel=PanelName.DIRECT)
    out = StringIO()
    call_command("lint_study", "s1", stdout=out)
    assert out.getvalue() == "no errors: s1 can be opened\n"


@pytest.mark.django_db
def test_command_refuses_an_unknown_study() -> None:
    with pytest.raises(CommandError, match="there is no study nowhere"):
        call_command("lint_study", "nowhere")
