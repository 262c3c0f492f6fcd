"""The life of a study: launch, pause, resume, close, through the staff page and nowhere past it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from survey.domain.instruments import load_instrument
from survey.domain.quotas import CellLimits, change_cell
from survey.domain.readiness import checklist
from survey.domain.studies import NotReady, create_study, launch_study
from survey.domain.study_states import IllegalStudyChange, close_study, pause_study, use_version
from survey.domain.translations import override_texts
from survey.enums import AgeBucket, Page, PanelName, Status, StudyState
from survey.flow.study_state import STUDY_TRANSITIONS
from survey.models import InstrumentVersion, QuotaCell, Study, StudyChange
from tests.factories import SHIPPED_DEFINITION, make_session, make_study, make_version
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
SETUP_QUERIES = 25


def do(client: Client, action: str, reason: str = "") -> str:
    """Press a button of the setup page and give the page that follows."""
    address = reverse("survey:setup_state", args=["s1"])
    return client.post(address, {"action": action, "reason": reason, "sure": "yes"}, follow=True).content.decode()


def newer_version() -> InstrumentVersion:
    return load_instrument(replace(SHIPPED_DEFINITION, content_hash="f" * 64)).version


# --- states ------------------------------------------------------------------------------------
def test_every_state_has_its_transitions() -> None:
    assert set(STUDY_TRANSITIONS) == set(StudyState)


def test_study_goes_from_draft_to_closed_and_each_step_is_kept(staff: Client) -> None:
    study = make_study(live=False)
    for action, told in (("launch", "live"), ("pause", "paused"), ("launch", "live"), ("close", "closed")):
        assert f"The study is {told}." in do(staff, action, reason=f"to be {told}")
    steps = study.changes.order_by("pk").values_list("old", "new", "by", "reason")
    assert list(steps) == [
        ("Draft", "Live", "ada", "to be live"),
        ("Live", "Paused", "ada", "to be paused"),
        ("Paused", "Live", "ada", "to be live"),
        ("Live", "Closed", "ada", "to be closed"),
    ]


def test_launch_time_is_that_of_the_first_launch() -> None:
    study = make_study()
    first = study.launched_at
    pause_study(study)
    assert launch_study(study) is True
    assert study.launched_at == first is not None


def test_step_that_was_taken_already_is_no_second_one(staff: Client) -> None:
    study = make_study()
    assert pause_study(study) is True
    assert pause_study(study) is False
    assert "The study was already paused." in do(staff, "pause")
    assert study.changes.filter(new="Paused").count() == 1


def test_draft_is_made_in_as_many_statements_whatever_the_number_of_countries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    version = make_version()
    with django_assert_num_queries(2 + 3):  # its savepoint; study, arms, cells
        study = create_study(code="s9", title="Study", version=version, panel=PanelName.DIRECT, target_per_cell=3)
    arms = version.structure["arms"]
    assert {arm.country: arm.locales for arm in study.arms.all()} == {
        name: arm["locales"] for name, arm in arms.items()
    }
    for arm in study.arms.all():
        cells = Counter(arm.quota_cells.values_list("age_bucket", "gender", "target"))
        buckets = [*product(AgeBucket.values, ("woman", "man")), ("", "")]
        assert cells == Counter((bucket, gender, 3) for bucket, gender in buckets)


@pytest.mark.parametrize("action", ["launch", "pause"])
def test_closed_study_stays_closed(staff: Client, action: str) -> None:
    study = make_study()
    close_study(study)
    assert "a study that is closed cannot become" in do(staff, action)
    study.refresh_from_db()
    assert study.state == StudyState.CLOSED


def test_draft_can_be_neither_paused_nor_closed() -> None:
    study = make_study(live=False)
    for step in (pause_study, close_study):
        with pytest.raises(IllegalStudyChange, match="a study that is draft cannot become"):
            step(study)


@pytest.mark.django_db(transaction=True)
def test_two_who_launch_at_once_launch_once() -> None:
    study = make_study(live=False)

    def launch(number: int) -> bool:
        try:
            return launch_study(Study.objects.get(pk=study.pk), by=f"user{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(launch, range(2))) == [False, True]
    assert StudyChange.objects.count() == 1


def test_database_refuses_a_launched_study_without_a_time() -> None:
    study = make_study(live=False)
    with pytest.raises(IntegrityError, match="launched_has_time"):
        Study.objects.filter(pk=study.pk).update(state=StudyState.LIVE)


# --- what participants meet --------------------------------------------------------------------
@pytest.mark.parametrize("end", [pause_study, close_study])
def test_newcomers_are_told_and_those_inside_finish(end: object) -> None:
    study = make_study()
    walker = Walker(make_session(study, "US"), Client())
    walker.walk_to(Page.SCENARIO)
    end(study)  # type: ignore[operator]
    refused = Client().get("/join/s1/US/")
    assert refused.status_code == 403
    assert "The study is not open" in refused.content.decode()
    walker.finish()
    walker.session.refresh_from_db()
    assert walker.session.status == Status.COMPLETE


# --- the page ----------------------------------------------------------------------------------
def test_page_is_for_staff(django_user_model: type[User]) -> None:
    make_study()
    stranger = Client()
    stranger.force_login(django_user_model.objects.create_user("someone"))
    assert stranger.get(reverse("survey:setup", args=["s1"])).status_code == 302
    assert stranger.post(reverse("survey:setup_state", args=["s1"]), {"action": "close"}).status_code == 302
    assert Study.objects.get().state == StudyState.LIVE


def test_page_costs_the_same_queries_whatever_was_changed(staff: Client, django_assert_num_queries: object) -> None:
    study = make_study()
    for number in range(3):
        cell = QuotaCell.objects.filter(arm__study=study).first()
        assert cell is not None
        change_cell(cell.pk, CellLimits(number + 30, 0, None, True), reason="more are wanted")
    with django_assert_num_queries(SETUP_QUERIES):  # type: ignore[operator]
        staff.get(reverse("survey:setup", args=["s1"]))


def test_checklist_says_what_is_missing_and_offers_no_launch(staff: Client) -> None:
    study = make_study(live=False)
    study.arms.filter(country="GB").update(panel=PanelName.PROLIFIC)
    page = staff.get(reverse("survey:setup", args=["s1"])).content.decode()
    assert "United Kingdom: there is no code for complete" in page
    assert "Cannot launch yet: 2 things missing in the list." in page
    assert 'value="launch"' not in page
    assert "accepted as they are: en-GB: " in page
    assert "Nobody reads this address" in page
    assert "Not opened." in do(staff, "launch")  # a page from before shows the button still
    assert StudyChange.objects.count() == 0


def test_texts_that_nobody_accepted_hold_the_study_back(staff: Client) -> None:
    study = make_study(live=False)
    study.text_overrides.all().delete()
    page = staff.get(reverse("survey:setup", args=["s1"])).content.decode()
    assert "<strong>Missing:</strong> pt-BR: " in page
    assert reverse("analysis:translations", args=["s1"]) in page
    assert "Not opened." in do(staff, "launch")


def without_arms(study: Study) -> None:
    QuotaCell.objects.all().delete()
    study.arms.all().delete()


def without_codes(study: Study) -> None:
    study.arms.update(panel=PanelName.PROLIFIC)


def without_accepted_texts(study: Study) -> None:
    study.text_overrides.all().delete()


def without_locales(study: Study) -> None:
    study.arms.filter(country="BR").update(locales=[])


def with_hints_only(study: Study) -> None:
    QuotaCell.objects.all().delete()


@pytest.mark.parametrize(
    "spoil", [without_arms, without_codes, without_locales, without_accepted_texts, with_hints_only]
)
def test_launch_is_refused_exactly_where_the_checklist_has_errors(spoil: object) -> None:
    study = make_study(live=False)
    spoil(study)  # type: ignore[operator]
    n_errors = sum(len(point.errors) for point in checklist(study))
    assert (n_errors == 0) == (spoil is with_hints_only)
    if n_errors:
        with pytest.raises(NotReady):
            launch_study(study)
    else:
        assert launch_study(study) is True


def test_draft_is_put_on_the_newest_version_and_a_launched_study_is_not(staff: Client) -> None:
    study = make_study(live=False)
    newest = newer_version()
    page = staff.post(reverse("survey:setup_version", args=["s1"]), follow=True).content.decode()
    study.refresh_from_db()
    assert (study.version, "The study uses pact v2." in page) == (newest, True)
    assert study.changes.values_list("old", "new").get() == ("pact v1", "pact v2")
    override_texts(study, by="ada", reason="accepted for version 1 only")
    launch_study(study)
    with pytest.raises(IllegalStudyChange, match="fixed once a study was launched"):
        use_version(study, newest.instrument.versions.get(number=1))


def test_version_without_one_of_the_arms_is_refused() -> None:
    study = make_study(live=False)
    newest = newer_version()
    InstrumentVersion.objects.filter(pk=newest.pk).update(structure={"arms": {"US": {}}})
    newest.refresh_from_db()
    with pytest.raises(IllegalStudyChange, match="no arm for BR, GB, IN, ZA"):
        use_version(study, newest)


# --- the admin ---------------------------------------------------------------------------------
def arm_form(study: Study, **changes: str) -> dict[str, str]:
    """Give what the admin's form of a study sends, with changes to its first arm."""
    arms = list(study.arms.all())
    data = {"code": study.code, "title": study.title, "contact_email": "", "state": "live"}
    data |= {"arms-TOTAL_FORMS": str(len(arms)), "arms-INITIAL_FORMS": str(len(arms))}
    for at, arm in enumerate(arms):
        fields = {"id": str(arm.pk), "study": str(study.pk), "country": arm.country, "panel": arm.panel}
        fields |= {"locales": ",".join(arm.locales), "exit_codes": "{}", "panel_settings": "{}"}
        data |= {f"arms-{at}-{name}": value for name, value in (fields | (changes if at == 0 else {})).items()}
    return data


def test_admin_sets_no_study_live(admin_client: Client) -> None:
    study = make_study(live=False)
    address = reverse("admin:survey_study_change", args=[study.pk])
    assert 'name="state"' not in admin_client.get(address).content.decode()
    form = {**arm_form(study), "title": "New title", "required_text_status": "machine draft"}
    assert admin_client.post(address, form).status_code == 302
    study.refresh_from_db()
    assert (study.title, study.state, study.launched_at) == ("New title", StudyState.DRAFT, None)


def test_admin_saves_no_faulty_arm_of_a_live_study(admin_client: Client) -> None:
    study = make_study()
    address = reverse("admin:survey_study_change", args=[study.pk])
    reply = admin_client.post(address, arm_form(study, panel="prolific"))
    assert "BR: error [no-complete-code]" in reply.content.decode()
    assert set(study.arms.values_list("panel", flat=True)) == {"direct"}
    pause_study(study)
    form = {**arm_form(study, panel="prolific"), "required_text_status": "machine draft"}
    assert admin_client.post(address, form).status_code == 302
    assert study.arms.get(country="BR").panel == "prolific"


def test_admin_changes_no_cell_past_the_setup_page(admin_client: Client) -> None:
    make_study()
    cell = QuotaCell.objects.first()
    assert cell is not None
    address = reverse("admin:survey_quotacell_change", args=[cell.pk])
    assert admin_client.post(address, {"target": 99}).status_code == 403
