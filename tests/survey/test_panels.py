"""Panels beyond Prolific: who comes in, and where they are sent afterwards."""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
from django.test import Client

from survey.domain.enrolment import enrol, identity_of
from survey.domain.lifecycle import change_status
from survey.domain.studies import launch_study
from survey.enums import Outcome, PanelName, Status
from survey.models import Arm, InstrumentVersion, PanelIdentity, Participant, Study
from survey.panels import PANELS, Identity, UnknownParticipant
from survey.panels.addresses import Fault, extend, faults, fill
from survey.panels.lint import lint_arm
from survey.panels.rules import Rule, Severity
from survey.panels.simulated import PARAMETER, issue_ticket
from tests.factories import get_arm, make_session, make_study

CONNECT = {"participantId": "p1", "assignmentId": "a1", "projectId": "j1"}
CINT = {"RID": "6f1d2c3a-0000-4000-8000-000000000001"}
GENERIC = {"uid": "p1", "sid": "s1"}
LINKS = {PanelName.CONNECT: CONNECT, PanelName.CINT: CINT, PanelName.GENERIC: GENERIC}
SETTINGS: dict[PanelName, dict[str, Any]] = {
    PanelName.PROLIFIC: {},
    PanelName.CONNECT: {"partial_url": "https://connect.example/partial?a={submission}"},
    PanelName.CINT: {"exit_base": "https://cint.example/back.aspx"},
    PanelName.GENERIC: {
        "parameters": {"person": "uid", "submission": "sid"},
        "exit_urls": {
            "complete": "https://panel.example/done/{submission}?u={person}&c={code}",
            "no_consent": "https://panel.example/no?u={person}",
        },
    },
}
CODES = {
    PanelName.PROLIFIC: {"complete": "C1", "no_consent": "C2", "screened_out": "C3", "quota_full": "C3"},
    PanelName.CONNECT: {"complete": "C1"},
    PanelName.CINT: {},
    PanelName.GENERIC: {"complete": "C1"},
}
HOSTILE = [
    "x&RIS=10",
    "x#y",
    "x?y=z",
    "a/../../b",
    "@evil.example",
    "//evil.example",
    "\\\\evil.example",
    "x\r\nLocation: https://evil.example",
    "{code}",
    "%0d%0a",
    "नमस्ते",
    "<script>",
]


def make_arm(panel: PanelName, *, n_checks: int = 2, n_items: int = 16, **fields: Any) -> Arm:
    """An arm in memory that its panel would take, except for the given fields."""
    structure = {"attention_checks": ["often"] * n_checks, "arms": {"GB": {"items": {"core": n_items}}}}
    study = Study(code="s", version=InstrumentVersion(structure=structure))
    return Arm(
        **{
            "study": study,
            "country": "GB",
            "panel": panel,
            "exit_codes": CODES[panel],
            "panel_settings": SETTINGS[panel],
            **fields,
        }
    )


def errors(arm: Arm) -> list[Rule]:
    return [one.rule for one in lint_arm(arm) if one.severity == Severity.ERROR]


def exit_of(arm: Arm, outcome: Outcome, **identity: str) -> str:
    panel = PanelName(arm.panel)
    return PANELS[panel].exit(arm, outcome, Identity(panel, **identity)).url  # type: ignore[arg-type]


# --- entry -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("panel", "expected"),
    [
        (PanelName.CONNECT, Identity(PanelName.CONNECT, "p1", "j1", "a1")),
        (PanelName.CINT, Identity(PanelName.CINT, CINT["RID"])),
        (PanelName.GENERIC, Identity(PanelName.GENERIC, "p1", "", "s1")),
    ],
)
def test_link_names_the_participant(panel: PanelName, expected: Identity) -> None:
    assert PANELS[panel].identify(make_arm(panel), {**LINKS[panel], "beside": "ignored"}) == expected


# What panels' link templates hold before somebody's own id stands there; whoever comes with one is not told apart.
UNFILLED = ("{{%PROLIFIC_PID%}}", "{{participantId}}", "[%RID%]", "%%uid%%", "{uid}", "<uid>", "${e://Field/uid}")


@pytest.mark.parametrize("value", [None, "", " ", "x" * 65, "a\x00b", "a\r\nb", "a\u202eb", ".", "..", *UNFILLED])
@pytest.mark.parametrize(("panel", "name"), [(panel, name) for panel, link in LINKS.items() for name in link])
def test_link_with_a_missing_malformed_or_oversized_parameter_is_refused(
    panel: PanelName, name: str, value: str | None
) -> None:
    link = {key: one for key, one in {**LINKS[panel], name: value}.items() if one is not None}
    with pytest.raises(UnknownParticipant, match=name):
        PANELS[panel].identify(make_arm(panel), link)


@pytest.mark.parametrize("settings", [{}, [], None, {"parameters": []}, {"parameters": {"person": 7}}])
def test_generic_panel_without_parameter_names_lets_nobody_in(settings: Any) -> None:
    arm = make_arm(PanelName.GENERIC, panel_settings=settings)
    with pytest.raises(UnknownParticipant, match="which parameter"):
        PANELS[PanelName.GENERIC].identify(arm, GENERIC)


# --- exits -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.COMPLETE, "https://connect.cloudresearch.com/participant/project/C1/complete"),
        (Outcome.SCREENED_OUT, "https://connect.example/partial?a=a1"),
        (Outcome.QUOTA_FULL, "https://connect.example/partial?a=a1"),
        (Outcome.NO_CONSENT, ""),
    ],
)
def test_connect_takes_back_complete_and_partial_answers(outcome: Outcome, expected: str) -> None:
    assert exit_of(make_arm(PanelName.CONNECT), outcome, person="p1", submission="a1") == expected


def test_connect_without_code_or_partial_address_has_no_exit() -> None:
    arm = make_arm(PanelName.CONNECT, exit_codes={}, panel_settings={})
    assert [exit_of(arm, outcome, person="p1") for outcome in Outcome] == [""] * len(Outcome)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.COMPLETE, "10"),
        (Outcome.NO_CONSENT, "20"),
        (Outcome.SCREENED_OUT, "20"),
        (Outcome.WITHDREW, "20"),
        (Outcome.FAILED_COMPREHENSION, "30"),
        (Outcome.QUOTA_FULL, "40"),
        (Outcome.STUDY_CLOSED, "40"),
        (Outcome.COMPLETE_FLAGGED, "10"),
        (Outcome.FAILED_ATTENTION, "30"),
        (Outcome.TECHNICAL_FAILURE, "20"),
    ],
)
def test_cint_exit_carries_status_and_respondent(outcome: Outcome, status: str) -> None:
    assert (
        exit_of(make_arm(PanelName.CINT), outcome, person="r1") == f"https://cint.example/back.aspx?RIS={status}&RID=r1"
    )


def test_cint_completes_may_go_to_an_address_of_their_own() -> None:
    settings = {**SETTINGS[PanelName.CINT], "complete_base": "https://cint.example/cb?token=t"}
    arm = make_arm(PanelName.CINT, panel_settings=settings)
    assert exit_of(arm, Outcome.COMPLETE, person="r1") == "https://cint.example/cb?token=t&RID=r1"
    assert exit_of(arm, Outcome.QUOTA_FULL, person="r1") == "https://cint.example/back.aspx?RIS=40&RID=r1"


def test_cint_has_no_exit_for_somebody_unknown() -> None:
    arm = make_arm(PanelName.CINT)
    assert exit_of(arm, Outcome.COMPLETE) == ""


def test_generic_exit_fills_the_template_of_the_outcome() -> None:
    arm = make_arm(PanelName.GENERIC)
    assert exit_of(arm, Outcome.COMPLETE, person="p1", submission="s1") == "https://panel.example/done/s1?u=p1&c=C1"
    assert exit_of(arm, Outcome.NO_CONSENT, person="p1") == "https://panel.example/no?u=p1"
    assert exit_of(arm, Outcome.QUOTA_FULL, person="p1") == ""
    assert exit_of(arm, Outcome.COMPLETE, person="p1") == ""  # the template names a submission


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_identifier_stays_one_value_of_the_configured_address(value: str) -> None:
    generic = exit_of(make_arm(PanelName.GENERIC), Outcome.COMPLETE, person=value, submission=value)
    parts = urlsplit(generic)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "panel.example", "")
    assert parts.path.count("/") == 2
    assert unquote(parts.path.rsplit("/", 1)[1]) == value
    assert parse_qsl(parts.query) == [("u", value), ("c", "C1")]
    cint = urlsplit(exit_of(make_arm(PanelName.CINT), Outcome.QUOTA_FULL, person=value))
    assert (cint.netloc, cint.fragment) == ("cint.example", "")
    assert parse_qs(cint.query) == {"RIS": ["40"], "RID": [value]}
    assert (generic + cint.geturl()).isascii()
    assert (generic + cint.geturl()).isprintable()


@pytest.mark.parametrize("code", ["../../evil", "x?y#z", "@evil.example", "x\r\ny"])
def test_code_stays_one_part_of_the_connect_address(code: str) -> None:
    parts = urlsplit(exit_of(make_arm(PanelName.CONNECT, exit_codes={"complete": code}), Outcome.COMPLETE))
    assert parts.netloc == "connect.cloudresearch.com"
    assert unquote(parts.path.split("/")[3]) == code
    assert (parts.query, parts.fragment) == ("", "")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("http://panel.example/?u={person}", Fault.NOT_HTTPS),
        ("//panel.example/?u={person}", Fault.NOT_HTTPS),
        ("javascript:alert(1)", Fault.NOT_HTTPS),
        ("https:///?u={person}", Fault.NOT_HTTPS),
        ("https://[x/?u={person}", Fault.NOT_HTTPS),
        ("{person}", Fault.NOT_HTTPS),
        ("https://{person}/", Fault.OPEN_HOST),
        ("https://panel.example{person}/", Fault.OPEN_HOST),
        ("https://panel.example@{person}", Fault.OPEN_HOST),
        ("https://panel.example@evil.example/", Fault.OPEN_HOST),
        ("https://panel.example\\{person}", Fault.OPEN_HOST),
        ("https://panel.example/a b", Fault.CHARACTERS),
        ("https://panel.example/a\\b", Fault.CHARACTERS),
        ("https://panel.example/?u={person}\r\nX: y", Fault.CHARACTERS),
        ("https://panel.example/?u={pid}", Fault.UNKNOWN_PLACEHOLDER),
        ("https://panel.example/?u={person.__class__}", Fault.UNKNOWN_PLACEHOLDER),
        ("https://panel.example/?u={}", Fault.UNKNOWN_PLACEHOLDER),
        ("https://panel.example/?u={person", Fault.UNKNOWN_PLACEHOLDER),
        ("https://panel.example/?u={{person}}", Fault.UNKNOWN_PLACEHOLDER),
    ],
)
def test_faulty_address_is_named_and_never_used(template: str, fault: Fault) -> None:
    assert fault in faults(template)
    values = {"person": "evil.example", "pid": "x", "": "x"}
    assert fill(template, values) == extend(template, {"RID": "x"}) == ""


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://h.example/x", "https://h.example/x?RID=a+b"),
        ("https://h.example/x?", "https://h.example/x?RID=a+b"),
        ("https://h.example/x?t=1", "https://h.example/x?t=1&RID=a+b"),
        ("https://h.example/x?t=1&", "https://h.example/x?t=1&RID=a+b"),
        ("https://h.example/x#f", "https://h.example/x?RID=a+b#f"),
        ("https://h.example/{person}", ""),
    ],
)
def test_parameters_are_added_before_the_fragment(base: str, expected: str) -> None:
    assert extend(base, {"RID": "a b"}) == expected


@pytest.mark.parametrize("panel", [*SETTINGS])
@pytest.mark.parametrize("broken", [None, [], "text", 7, {"complete": 7, "exit_urls": [], "exit_base": {}}])
def test_broken_settings_give_no_exit_and_no_crash(panel: PanelName, broken: Any) -> None:
    arm = make_arm(panel, exit_codes=broken, panel_settings=broken)
    assert exit_of(arm, Outcome.COMPLETE, person="p1", submission="s1") == ""
    assert errors(arm)


# --- pages -------------------------------------------------------------------------------------
def open_study(panel: PanelName) -> Study:
    study = make_study(live=False)
    study.arms.update(panel=panel, exit_codes=CODES[panel], panel_settings=SETTINGS[panel])
    launch_study(study)
    return study


@pytest.mark.django_db
@pytest.mark.parametrize("panel", [*LINKS])
def test_panel_link_leads_in_and_back_to_the_same_session(panel: PanelName) -> None:
    open_study(panel)
    first, second = (Client().get("/join/s1/GB/", LINKS[panel]) for _ in range(2))
    assert first.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert PanelIdentity.objects.get().panel == panel
    assert Client().get("/join/s1/GB/").status_code == 400
    assert Participant.objects.count() == 1


@pytest.mark.django_db
def test_end_page_leads_to_the_panel_with_the_sessions_identity() -> None:
    study = open_study(PanelName.CINT)
    arm = get_arm(study, "GB")
    session = enrol(arm, identity=PANELS[PanelName.CINT].identify(arm, {"RID": 'r"1&RIS=10'}))
    assert identity_of(session) == Identity(PanelName.CINT, 'r"1&RIS=10')
    change_status(session, Status.NO_CONSENT, reason="test")
    page = Client().get(f"/s/{session.token}/").content.decode()
    assert 'href="https://cint.example/back.aspx?RIS=20&amp;RID=r%221%26RIS%3D10"' in page


@pytest.mark.django_db
def test_simulated_participant_is_not_sent_to_the_panel() -> None:
    open_study(PanelName.CINT)
    place = Client().get("/join/s1/GB/", {PARAMETER: issue_ticket("one")}).headers["Location"]
    session = Participant.objects.get().session
    change_status(session, Status.NO_CONSENT, reason="test")
    assert "cint.example" not in Client().get(place).content.decode()


@pytest.mark.django_db
def test_identity_of_a_direct_participant_is_empty() -> None:
    assert identity_of(make_session(make_study(), "GB")) == Identity(PanelName.DIRECT)
