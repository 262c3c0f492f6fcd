"""What a study still lacks is listed with its reason and mended in the browser; whoever changes it is kept."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from pact_site.roles import Role
from survey.domain.points import WHY
from survey.domain.readiness import checklist
from survey.domain.study_settings import ArmSettings, NotAllowed, change_arm
from survey.domain.trial_runs import begin_trial
from survey.enums import PanelName
from survey.models import Study, StudyChange
from tests.factories import get_arm, make_study
from tests.staff import sign_in
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db


def point(study: Study, name: str) -> tuple[str, str, list[str]]:
    (found,) = [one for one in checklist(study) if one.name == name]
    return found.standing, found.told, [*found.errors, *found.hints]


def arm_fields(study: Study, country: str = "GB", **changes: object) -> dict[str, object]:
    arm = get_arm(study, country)
    return {"locales": arm.locales, "panel": arm.panel, "other": "{}", **changes}


def send_arm(client: Client, study: Study, country: str = "GB", **changes: Any) -> tuple[int, str]:
    address = reverse("survey:setup_arm", args=[study.code, country])
    reply = client.post(address, arm_fields(study, country, **changes), follow=True)
    return reply.status_code, reply.content.decode()


# --- the checklist -----------------------------------------------------------------------------
def test_every_line_says_why_it_matters() -> None:
    study = make_study(live=False)
    assert {one.name for one in checklist(study)} == set(WHY)


def test_lines_tell_what_was_decided() -> None:
    study = make_study(live=False)
    assert point(study, "Analysis plan")[1].startswith("hypotheses: 3 primary")
    assert point(study, "Exclusions") == (
        "ready",
        "attention checks answered otherwise than asked: 1 or more checks; median time on a scenario: below 4 seconds; "
        "questions not answered when asked a second time: 20% or more",
        [],
    )
    assert point(study, "Ethics approval")[0] == "look"
    assert point(study, "Pay") == ("ready", "nobody is paid through a panel", [])


@pytest.mark.parametrize(
    ("settings", "standing", "said"),
    [
        ({}, "look", "without a reward"),
        ({"reward": 50, "budget": 100_000, "currency": "GBP"}, "look", "below the floor of 6"),
        ({"reward": 200, "budget": 1000, "currency": "GBP"}, "look", "25 completes will cost 50.00 GBP before fees"),
        ({"reward": 200, "currency": "GBP"}, "look", "no budget is set"),
        ({"reward": 200, "budget": 6000, "currency": "GBP"}, "ready", ""),
    ],
)
def test_pay_is_compared_with_floor_and_budget(settings: dict[str, object], standing: str, said: str) -> None:
    study = make_study(live=False)
    study.arms.filter(country="GB").update(panel=PanelName.PROLIFIC, panel_settings=settings)
    found, _, hints = point(study, "Pay")
    assert found == standing
    assert said in " ".join(hints)


def test_preview_and_test_run_are_ticked_off_for_the_version_at_hand(staff: Client) -> None:
    study = make_study(live=False)
    assert point(study, "Preview")[0] == point(study, "Test run")[0] == "look"
    staff.post(reverse("survey:preview_seen", args=["s1"]))
    Walker(begin_trial(study, "US")).finish()
    assert point(study, "Preview")[1].startswith("looked through by ada")
    assert point(study, "Test run") == ("ready", "1 to the end, 1 begun", [])


# --- settings ----------------------------------------------------------------------------------
def test_settings_are_stored_and_each_change_kept(staff: Client) -> None:
    study = make_study(live=False)
    sent = {
        "title": "Norms", "contact_email": "a@b.org", "ethics_reference": "LSE 12", "stopping_rule": "At 80.",
    }  # fmt: skip
    page = staff.post(reverse("survey:setup_settings", args=["s1"]), sent, follow=True).content.decode()
    study.refresh_from_db()
    assert "Stored." in page
    assert (study.title, study.ethics_reference, study.stopping_rule) == ("Norms", "LSE 12", "At 80.")
    assert list(study.changes.order_by("new").values_list("new", "by")) == [
        ("contact_email: a@b.org", "ada"),
        ("ethics_reference: LSE 12", "ada"),
        ("stopping_rule: At 80.", "ada"),
        ("title: Norms", "ada"),
    ]
    assert (
        "Nothing to change."
        in staff.post(reverse("survey:setup_settings", args=["s1"]), sent, follow=True).content.decode()
    )


def test_stopping_rule_of_a_launched_study_changes_for_a_reason_only(staff: Client) -> None:
    study = make_study()
    sent = {"title": "Study", "contact_email": "", "ethics_reference": "", "stopping_rule": "At 80."}
    address = reverse("survey:setup_settings", args=["s1"])
    assert "say why it changes" in staff.post(address, sent, follow=True).content.decode()
    study.refresh_from_db()
    assert study.stopping_rule == ""
    staff.post(address, {**sent, "reason": "money"})
    assert [one.what for one in study.deviations.all()] == ["stopping_rule"]


# --- countries ---------------------------------------------------------------------------------
def test_country_gets_panel_codes_and_terms_in_the_browser(staff: Client) -> None:
    study = make_study(live=False)
    status, page = send_arm(
        staff, study, panel="prolific", code_complete="C1", code_no_consent="N1", reward="150", budget="20000",
        currency="gbp", other='{"study_id": "abc"}',
    )  # fmt: skip
    arm = get_arm(study, "GB")
    assert (status, "United Kingdom: stored." in page) == (200, True)
    assert (arm.panel, arm.exit_codes) == ("prolific", {"complete": "C1", "no_consent": "N1"})
    assert arm.panel_settings == {"study_id": "abc", "reward": 150, "budget": 20000, "currency": "GBP"}
    (change,) = study.changes.all()
    assert "C1" not in change.new
    assert 'value="C1"' in staff.get(reverse("survey:setup_arm", args=["s1", "GB"])).content.decode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reward": "much"}, "Write a number."),
        ({"other": "[1]"}, "Write {&quot;name&quot;: value, …}."),
        ({"other": "{"}, "Enter a valid JSON."),
        ({"other": '{"reward": 1}'}, "reward: enter above."),
        ({"locales": ["xx"]}, "Select a valid choice."),
        ({"panel": "simulated"}, "Select a valid choice."),
    ],
)
def test_faulty_entries_change_nothing(staff: Client, changes: dict[str, Any], said: str) -> None:
    study = make_study(live=False)
    status, page = send_arm(staff, study, **changes)
    assert (status, said in page) == (422, True)
    assert not StudyChange.objects.exists()


def test_live_study_keeps_its_way_back(staff: Client) -> None:
    study = make_study()
    status, page = send_arm(staff, study, panel="prolific")
    assert (status, "the study is live: there is no code for complete" in page) == (422, True)
    assert get_arm(study, "GB").panel == "direct"


def test_locales_of_a_launched_study_change_for_a_reason_only(staff: Client) -> None:
    study = make_study()
    assert send_arm(staff, study, "IN", locales=["hi-IN"])[0] == 422
    assert send_arm(staff, study, "IN", locales=["hi-IN"], reason="the other was full")[0] == 200
    assert [one.what for one in study.deviations.all()] == ["assignment.arms.IN.locales"]


def test_country_offers_only_what_the_instrument_has_for_it() -> None:
    arm = get_arm(make_study(live=False), "GB")
    with pytest.raises(NotAllowed, match="no texts for this country in hi-IN"):
        change_arm(arm, ArmSettings(["hi-IN"], PanelName.DIRECT, {}, {}), by="ada")


# --- steps -------------------------------------------------------------------------------------
def test_launch_is_asked_twice_and_shows_what_it_registers(staff: Client) -> None:
    study = make_study(live=False)
    address = reverse("survey:setup_state", args=["s1"])
    page = staff.post(address, {"action": "launch"}).content.decode()
    assert "This also registers what follows" in page
    assert "Collection ends when every quota cell" in page
    study.refresh_from_db()
    assert study.state == "draft"
    staff.post(address, {"action": "launch", "sure": "yes"})
    study.refresh_from_db()
    assert study.state == "live"
    assert "A closed study stays closed." in staff.post(address, {"action": "close"}).content.decode()
    study.refresh_from_db()
    assert study.state == "live"


# --- preview -----------------------------------------------------------------------------------
def test_gallery_leads_to_every_page_in_every_locale_and_each_opens(staff: Client) -> None:
    make_study(live=False)
    for at in ("BR pt-BR", "IN hi-IN"):
        page = staff.get(reverse("survey:preview", args=["s1"]), {"at": at})
        links = [link for _, own in page.context["groups"] for link in own]
        names = [link.name for link in links]
        assert {"consent", "screening", "instructions", "comprehension", "comprehension-again", "attention-1",
                "attention-2", "debrief", "stop", "end-complete", "end-quota_full"} <= set(names)  # fmt: skip
        assert ("language" in names) == (at == "IN hi-IN")
        chosen = [link for link in links if not link.name.startswith("scenario-")]
        chosen += [link for link in links if link.name.startswith("scenario-")][::20]
        for link in chosen:
            shown = staff.get(link.address)
            assert (shown.status_code, "<strong>Preview.</strong>" in shown.content.decode()) == (200, True), link
            assert f'lang="{at.split()[1]}"' in shown.content.decode()


def test_preview_shows_the_same_as_participants_see_and_stores_nothing(staff: Client) -> None:
    study = make_study(live=False)
    trial = Walker(begin_trial(study, "BR"))
    trial.walk_to("scenario")  # type: ignore[arg-type]
    item = trial.session.plan[trial.session.position]["item"]
    order = trial.session.option_order
    real = trial.client.get(trial.url).content.decode()
    address = reverse("survey:preview_page", args=["s1", "BR", "pt-BR", f"scenario-{item}"])
    shown = staff.get(address, {"order": order}).content.decode()
    assert (
        shown[shown.index('<div class="scenario">') : shown.index("<form")]
        == (real[real.index('<div class="scenario">') : real.index("<form")])
    )
    assert (
        shown[shown.index("<fieldset") : shown.index("</form>")]
        == (real[real.index("<fieldset") : real.index("</form>")])
    )
    assert 'method="get"' in shown
    assert 'name="stamp"' not in shown


def test_only_the_preview_s_own_pages_may_be_framed_and_only_here(staff: Client) -> None:
    make_study(live=False)
    shown = staff.get(reverse("survey:preview_page", args=["s1", "US", "en-US", "consent"]))
    assert "frame-ancestors 'self'" in shown["Content-Security-Policy"]
    assert shown["X-Frame-Options"] == "SAMEORIGIN"
    gallery = staff.get(reverse("survey:preview", args=["s1"]))
    assert "frame-src 'self'" in gallery["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in gallery["Content-Security-Policy"]


@pytest.mark.parametrize(
    "place", [("US", "hi-IN", "consent"), ("US", "en-US", "nothing"), ("US", "en-US", "end-duplicate")]
)
def test_preview_of_what_there_is_not_is_not_found(staff: Client, place: tuple[str, str, str]) -> None:
    make_study(live=False)
    assert staff.get(reverse("survey:preview_page", args=["s1", *place])).status_code == 404


def test_translators_look_and_do_not_tick_off() -> None:
    make_study(live=False)
    client = sign_in(Role.TRANSLATOR, name="neha")
    assert client.get(reverse("survey:preview", args=["s1"])).status_code == 200
    assert client.post(reverse("survey:preview_seen", args=["s1"])).status_code == 403


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("not-open", "It is not taking new participants at the moment."),
        ("other-device", "It cannot be taken on this kind of device, only on: computer, tablet."),
        ("incomplete-link", "The link lacks something."),
        ("trouble", "Does the survey not work for you?"),
        ("trouble-reported", "We have noted that it did not work."),
        ("withdraw-later", "Type the receipt code from the last page of the survey."),
    ],
)
def test_preview_shows_what_stands_beside_the_survey(staff: Client, name: str, told: str) -> None:
    make_study().arms.update(panel_settings={"devices": ["tablet", "desktop"]})
    address = reverse("survey:preview_page", args=["s1", "US", "en-US", name])
    assert told in staff.get(address).content.decode()
    gallery = staff.get(reverse("survey:preview", args=["s1"]), {"at": "US en-US", "page": name}).content.decode()
    assert f'src="{address}"' in gallery


def test_preview_has_the_notice_about_devices_where_one_is_left_out(staff: Client) -> None:
    study = make_study()
    gallery = reverse("survey:preview", args=["s1"])
    label = "The study needs another device"
    assert label not in staff.get(gallery, {"at": "US en-US", "page": "not-open"}).content.decode()
    study.arms.update(panel_settings={"devices": ["mobile"]})
    assert label in staff.get(gallery, {"at": "US en-US", "page": "not-open"}).content.decode()
