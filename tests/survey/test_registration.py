"""What a study commits to is frozen at its launch; whatever differs later is written down with its reason."""

import hashlib
import json
from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from pact_site.roles import Role
from survey.domain.instruments import load_instrument
from survey.domain.quotas import CellLimits, change_cell
from survey.domain.registration import (
    ReasonNeeded,
    add_deviations,
    compare_with_now,
    newest_registration,
    register,
    report_deviation,
    standing_at,
)
from survey.domain.studies import NotReady, launch_study
from survey.domain.study_states import pause_study
from survey.enums import Page, StudyState
from survey.flow.registering import Difference, canonical, differences, fingerprint
from survey.models import Deviation, QuotaCell, Registration, Study
from tests.factories import SHIPPED_DEFINITION, get_arm, make_session, make_study
from tests.staff import sign_in
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
FIVE = CellLimits(5, 0, None, True)


def first_cell(study: Study) -> QuotaCell:
    return QuotaCell.objects.filter(arm=get_arm(study)).order_by("pk")[0]


# --- pure --------------------------------------------------------------------------------------
def test_same_content_has_one_text_whatever_its_order() -> None:
    assert canonical({"b": 1, "a": {"d": "é", "c": []}}) == '{"a":{"c":[],"d":"é"},"b":1}'
    assert canonical({"a": {"c": [], "d": "é"}, "b": 1}) == canonical({"b": 1, "a": {"d": "é", "c": []}})


def test_differences_name_paths_that_changed_came_or_went() -> None:
    before = {"quotas": {"BR": {"target": 5}}, "rule": "full", "order": [1, 2], "gone": 1, "empty": {}}
    after = {"quotas": {"BR": {"target": 6}, "IN": {"target": 2}}, "rule": "full", "order": [2, 1], "empty": {}}
    assert differences(before, after) == [
        Difference("gone", "1", "–"),
        Difference("order", "[1, 2]", "[2, 1]"),
        Difference("quotas.BR.target", "5", "6"),
        Difference("quotas.IN.target", "–", "2"),
    ]


# --- the launch --------------------------------------------------------------------------------
def test_launch_freezes_everything_under_one_hash() -> None:
    study = make_study(live=False)
    assert newest_registration(study) is None
    launch_study(study, by="ada")
    (registration,) = study.registrations.all()
    content = json.loads(registration.content)
    assert (registration.number, registration.by) == (1, "ada")
    assert registration.sha256 == hashlib.sha256(registration.content.encode()).hexdigest()
    assert set(content) == {
        "analysis_plan", "assignment", "eligibility", "exclusions", "flags", "format", "instrument", "quotas",
        "stopping_rule", "study", "target",
    }  # fmt: skip
    assert content["instrument"]["content_hash"] == study.version.content_hash
    assert content["target"] == {"total": 125, "by_country": dict.fromkeys(["BR", "GB", "IN", "US", "ZA"], 25)}
    assert content["quotas"]["BR"]["younger, woman"] == {
        "target": 5, "over_target": 0, "soft_limit": 5, "is_open": True,
    }  # fmt: skip
    assert content["analysis_plan"]["hypotheses"]["own_country_norm"]["family"] == "primary"
    assert content["exclusions"] == ["attention_failed", "too_fast", "declined"]
    assert content["assignment"]["arms"]["IN"]["locales"] == ["en-IN", "hi-IN"]


def test_launch_that_is_refused_registers_nothing() -> None:
    study = make_study(live=False)
    study.text_overrides.all().delete()
    with pytest.raises(NotReady):
        launch_study(study)
    assert not Registration.objects.exists()


def test_resuming_what_is_as_registered_makes_no_second_registration() -> None:
    study = make_study()
    pause_study(study)
    launch_study(study)
    assert study.registrations.count() == 1
    assert study.deviations.count() == 0


def test_same_study_registers_the_same_text() -> None:
    study = make_study()
    registration = newest_registration(study)
    assert registration is not None
    assert compare_with_now(study, registration) == []
    assert register(Study.objects.get(pk=study.pk), by="bob") == registration


# --- later changes -----------------------------------------------------------------------------
def test_change_of_a_quota_before_the_launch_is_no_deviation() -> None:
    study = make_study(live=False)
    assert change_cell(first_cell(study).pk, FIVE._replace(target=6)) is True
    assert not Deviation.objects.exists()


@pytest.mark.parametrize("reason", ["", "   "])
def test_change_without_a_reason_is_taken_back(reason: str) -> None:
    study = make_study()
    with pytest.raises(ReasonNeeded), transaction.atomic():
        change_cell(first_cell(study).pk, FIVE._replace(target=6), by="ada", reason=reason)
    assert first_cell(study).target == 5
    assert (study.registrations.count(), study.deviations.count(), study.changes.exclude(kind="state").count()) == (
        1, 0, 0,
    )  # fmt: skip


def test_change_with_a_reason_makes_the_next_registration_and_an_entry_for_each_value() -> None:
    study = make_study()
    walker = Walker(make_session(study))
    walker.walk_to(Page.SCENARIO)
    walker.post(personal="culture", norm="culture")
    change_cell(first_cell(study).pk, FIVE._replace(target=6), by="ada", reason="one was lost")
    first, second = study.registrations.order_by("number")
    assert second.number == 2
    assert first.sha256 != second.sha256
    rows = study.deviations.order_by("what").values_list(
        "what", "before", "after", "reason", "by", "registration__number", "is_found", "n_sessions", "n_complete",
        "n_answers",
    )  # fmt: skip
    rest = ("one was lost", "ada", 2, True, 1, 0, 2)
    assert list(rows) == [
        ("quotas.BR.younger, woman.soft_limit", "5", "6", *rest),
        ("quotas.BR.younger, woman.target", "5", "6", *rest),
        ("target.by_country.BR", "25", "26", *rest),
        ("target.total", "125", "126", *rest),
    ]


def test_change_past_the_pages_is_found_and_keeps_the_study_from_resuming_without_a_reason() -> None:
    study = make_study()
    QuotaCell.objects.filter(pk=first_cell(study).pk).update(is_open=False)
    registration = newest_registration(study)
    assert registration is not None
    assert compare_with_now(study, registration) == [Difference("quotas.BR.younger, woman.is_open", "true", "false")]
    pause_study(study)
    with pytest.raises(ReasonNeeded), transaction.atomic():
        launch_study(study, by="ada")
    study.refresh_from_db()
    assert study.state == "paused"
    assert launch_study(study, by="ada", reason="a fault in the cell") is True
    assert study.deviations.get().reason == "a fault in the cell"


def test_database_refuses_to_alter_or_remove_what_was_registered() -> None:
    study = make_study()
    change_cell(first_cell(study).pk, FIVE._replace(is_open=False), by="ada", reason="full")
    for table in ("survey_registration", "survey_deviation"):
        for spoil in (f"UPDATE {table} SET by = 'eve'", f"DELETE FROM {table}"):
            with (
                pytest.raises(IntegrityError, match="only added"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(spoil)


def test_deviation_that_nothing_finds_is_written_down_by_a_person() -> None:
    study = make_study()
    report_deviation(study, what="Hypothesis 2", before="two-sided", after="one-sided", reason="a slip", by="ada")
    one = study.deviations.get()
    assert (one.is_found, one.registration.number, one.what) == (False, 1, "Hypothesis 2")
    assert study.registrations.count() == 1


@pytest.mark.parametrize("field", ["what", "before", "after", "reason"])
def test_deviation_that_no_release_would_take_is_refused_at_once(field: str) -> None:
    """Its entry could never be changed, and a release refuses a cell that begins like a formula."""
    study = make_study()
    words = {"what": "Stopping", "before": "full", "after": "at 80", "reason": "a slip", field: " - fewer"}
    with pytest.raises(ReasonNeeded, match="begin with a word"):
        report_deviation(study, by="ada", **words)
    with pytest.raises(ReasonNeeded, match="begin with a word"), transaction.atomic():
        change_cell(first_cell(study).pk, FIVE._replace(is_open=False), by="ada", reason="=1+1")
    assert not study.deviations.exists()


def test_what_ran_between_two_changes_names_the_registration_of_its_time() -> None:
    study = make_study()
    before = timezone.now()
    change_cell(first_cell(study).pk, FIVE._replace(is_open=False), by="ada", reason="full")
    then, now = standing_at(study, before), standing_at(study, timezone.now())
    assert then is not None
    assert now is not None
    assert (then.registration.number, then.n_deviations) == (1, 0)
    assert (now.registration.number, now.n_deviations) == (2, 1)
    assert study.launched_at is not None
    assert standing_at(study, study.created_at) is None


# --- pages -------------------------------------------------------------------------------------
def test_page_shows_the_hash_and_the_file_has_it() -> None:
    study = make_study()
    client = sign_in()
    registration = newest_registration(study)
    assert registration is not None
    assert registration.sha256 in client.get(reverse("survey:setup_registration", args=["s1"])).content.decode()
    file = client.get(reverse("survey:setup_registration_file", args=["s1", 1]))
    assert fingerprint(file.content.decode()) == registration.sha256
    assert client.get(reverse("survey:setup_registration_file", args=["s1", 2])).status_code == 404


def test_page_of_a_draft_says_what_the_launch_will_do() -> None:
    make_study(live=False)
    assert "Nothing is registered yet." in sign_in().get("/studies/s1/setup/registration/").content.decode()


def test_quota_page_asks_for_the_reason_of_a_registered_change() -> None:
    study = make_study()
    client = sign_in()
    address = reverse("survey:setup_cell", args=["s1", first_cell(study).pk])
    sent = {"target": 7, "over_target": 0, "soft_limit": "", "is_open": "on", "reason": ""}
    assert "say why it changes" in client.post(address, sent, follow=True).content.decode()
    assert "stored" in client.post(address, {**sent, "reason": "bigger"}, follow=True).content.decode()
    assert study.deviations.count() == 4


def test_log_leaves_as_csv_and_json() -> None:
    study = make_study()
    registration, now = newest_registration(study), timezone.now()
    assert registration is not None
    found = [("=SUM(A1)", "", "b")]  # as one of before such words were refused may be
    add_deviations(registration, found, reason="c", by="ada", at=now, is_found=False)
    client = sign_in()
    (row,) = client.get(reverse("survey:setup_deviations", args=["s1", "csv"])).content.decode().splitlines()[1:]
    assert row.split(",")[1:7] == ["1", "'=SUM(A1)", "", "b", "c", "ada"]
    told = client.get(reverse("survey:setup_deviations", args=["s1", "json"])).json()
    assert [one["what"] for one in told["deviations"]] == ["=SUM(A1)"]
    assert [one["number"] for one in told["registrations"]] == [1]
    assert client.get(reverse("survey:setup_deviations", args=["s1", "xml"])).status_code == 404


def test_deviation_is_reported_on_the_page_and_needs_a_reason() -> None:
    study = make_study()
    client = sign_in()
    sent = {"what": "Stopping", "before": "full cells", "after": "stopped at 80", "reason": ""}
    assert client.post(reverse("survey:setup_deviate", args=["s1"]), sent).status_code == 422
    client.post(reverse("survey:setup_deviate", args=["s1"]), {**sent, "reason": "no money left"})
    assert study.deviations.get().by == "ada"


def test_watchers_read_the_log_and_cannot_add_to_it() -> None:
    make_study()
    client = sign_in(Role.VIEWER)
    page = client.get(reverse("survey:setup_registration", args=["s1"]))
    assert page.status_code == 200
    assert "Write a deviation down" not in page.content.decode()
    assert client.post(reverse("survey:setup_deviate", args=["s1"]), {}).status_code == 403


def test_raw_records_do_not_change_what_is_registered() -> None:
    study = make_study()
    client = sign_in()
    assert first_cell(study).arm.study == study
    assert client.get(reverse("admin:survey_quotacell_add")).status_code == 403
    cell = first_cell(study)
    assert client.post(reverse("admin:survey_quotacell_delete", args=[cell.pk]), {"post": "yes"}).status_code == 403
    arms = list(study.arms.order_by("pk"))
    sent = {
        "code": "s1", "title": "Study", "required_text_status": "reviewed", "contact_email": "",
        "ethics_reference": "", "arms-TOTAL_FORMS": len(arms), "arms-INITIAL_FORMS": len(arms),
    }  # fmt: skip
    for number, arm in enumerate(arms):
        locales = "en-GB" if number == 0 else ",".join(arm.locales)
        sent |= {
            f"arms-{number}-id": arm.pk, f"arms-{number}-study": study.pk, f"arms-{number}-country": arm.country,
            f"arms-{number}-locales": locales, f"arms-{number}-panel": arm.panel,
            f"arms-{number}-exit_codes": "{}", f"arms-{number}-panel_settings": "{}",
        }  # fmt: skip
    reply = client.post(reverse("admin:survey_study_change", args=[study.pk]), sent)
    assert "Countries and locales are registered" in reply.content.decode()
    assert study.arms.get(pk=arms[0].pk).locales == arms[0].locales


def test_newer_version_cannot_be_slipped_under_a_registered_study() -> None:
    study = make_study()
    version = load_instrument(replace(SHIPPED_DEFINITION, content_hash="e" * 64)).version
    Study.objects.filter(pk=study.pk).update(version=version)
    study.refresh_from_db()
    registration = newest_registration(study)
    assert registration is not None
    assert [one.path for one in compare_with_now(study, registration)] == [
        "instrument.content_hash", "instrument.version",
    ]  # fmt: skip


def test_pages_say_where_a_launched_study_has_no_registration() -> None:
    study = make_study(live=False)
    Study.objects.update(state=StudyState.LIVE, launched_at=timezone.now())
    client = sign_in(Role.PI)
    for name in ("survey:setup", "survey:setup_registration"):
        page = client.get(reverse(name, args=[study.code])).content.decode()
        assert "launched before launches were registered" in page, name
    pause_study(study, by="ada", reason="to register")
    launch_study(study, by="ada", reason="to register")
    assert study.registrations.count() == 1
    assert "launched before" not in client.get(reverse("survey:setup", args=[study.code])).content.decode()
