"""The life of a study: launch, pause, resume, close, through the staff page and nowhere past it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from survey.domain.instruments import load_instrument
from survey.domain.quotas import CellLimits, change_cell, find_cell, lock_cell, remove_cell
from survey.domain.readiness import checklist
from survey.domain.studies import NotReady, launch_study
from survey.domain.study_states import IllegalStudyChange, close_study, pause_study, use_version
from survey.domain.translations import override_texts
from survey.enums import LeaseState, Page, PanelName, Status, StudyState
from survey.flow.study_state import STUDY_TRANSITIONS
from survey.models import InstrumentVersion, Lease, QuotaCell, Study, StudyChange, SurveySession
from tests.factories import SHIPPED_DEFINITION, get_arm, make_session, make_study
from tests.staff import make_staff
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
SETUP_QUERIES = 25


@pytest.fixture
def staff(django_user_model: type[User]) -> Client:
    client = Client()
    client.force_login(make_staff("ada"))
    return client


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


# --- quota cells -------------------------------------------------------------------------------
def edit(client: Client, cell: QuotaCell, **fields: object) -> str:
    address = reverse("survey:setup_cell", args=["s1", cell.pk])
    return client.post(
        address, {"target": 5, "over_target": 0, "reason": "decided", **fields}, follow=True
    ).content.decode()


def test_cell_is_edited_and_the_change_kept(staff: Client) -> None:
    cell = QuotaCell.objects.get(arm=get_arm(make_study(), "IN"), age_bucket="older", gender="man")
    page = edit(staff, cell, target=12, over_target=2, soft_limit=10, is_open="on", reason="slow to fill")
    assert "India, older men: stored." in page
    cell.refresh_from_db()
    assert (cell.target, cell.over_target, cell.soft_limit, cell.is_open) == (12, 2, 10, True)
    change = StudyChange.objects.get(cell=cell)
    assert (change.old, change.new) == (
        "India, older men: target 5, 0 over, open",
        "India, older men: target 12, 2 over, soft limit 10, open",
    )
    assert (change.by, change.reason) == ("ada", "slow to fill")
    assert "India, older men: nothing to change." in edit(
        staff, cell, target=12, over_target=2, soft_limit=10, is_open="on"
    )
    assert StudyChange.objects.filter(cell=cell).count() == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"target": -1}, "target: Ensure this value is greater than or equal to 0."),
        ({"target": ""}, "target: This field is required."),
        ({"target": 5, "over_target": 1, "soft_limit": 7}, "the soft limit 7 is above target and places over it"),
    ],
)
def test_numbers_that_make_no_sense_change_nothing(staff: Client, fields: dict[str, object], wrong: str) -> None:
    cell = QuotaCell.objects.get(arm=get_arm(make_study(), "IN"), age_bucket="older", gender="man")
    assert wrong in edit(staff, cell, **fields)
    cell.refresh_from_db()
    assert (cell.target, cell.over_target, cell.soft_limit, cell.is_open) == (5, 0, None, True)


def test_closed_cell_takes_nobody_and_shows_so(staff: Client) -> None:
    study = make_study()
    cell = QuotaCell.objects.get(arm=get_arm(study, "GB"), age_bucket="younger", gender="woman")
    assert '<span class="state closed">closed</span>' in edit(staff, cell)  # a box that is not ticked is not sent
    walker = Walker(make_session(study, "GB"), Client())
    walker.walk_to(Page.SCREENING)
    walker.post(country="GB", fluency="fluent", age_band="25-34", gender="woman")
    walker.session.refresh_from_db()
    assert walker.session.status == Status.QUOTA_FULL


def test_cell_of_another_study_is_not_found(staff: Client) -> None:
    make_study()
    other = QuotaCell.objects.filter(arm__study=make_study("s2")).first()
    assert other is not None
    assert staff.post(reverse("survey:setup_cell", args=["s1", other.pk]), {"target": 1}).status_code == 404


def add(client: Client, **fields: object) -> str:
    sent = {"country": "IN", "target": 7, "over_target": 1, "is_open": "on", "reason": "decided", **fields}
    return client.post(reverse("survey:setup_cell_add", args=["s1"]), sent, follow=True).content.decode()


def remove(client: Client, cell: QuotaCell, reason: str = "decided") -> str:
    address = reverse("survey:setup_cell_remove", args=["s1", cell.pk])
    return client.post(address, {"reason": reason}, follow=True).content.decode()


def test_cell_is_added_and_whoever_fits_it_counts_there(staff: Client) -> None:
    study = make_study()
    assert "India, all another gender: added." in add(staff, gender="another")
    cell = QuotaCell.objects.get(arm=get_arm(study, "IN"), age_bucket="", gender="another")
    assert (cell.target, cell.over_target, cell.soft_limit, cell.is_open) == (7, 1, None, True)
    walker = Walker(make_session(study, "IN"), Client())
    walker.walk_to(Page.SCREENING)
    walker.post(country="IN", fluency="fluent", age_band="25-34", gender="another")
    assert walker.session.lease.cell == cell
    change = study.changes.get(kind="quota_cell")
    assert (change.cell, change.old, change.new, change.by, change.reason) == (
        cell, "India, all another gender: none", "India, all another gender: target 7, 1 over, open", "ada", "decided",
    )  # fmt: skip
    deviations = study.deviations.filter(what__startswith="quotas.IN.any age, another").values_list("before", "after")
    assert set(deviations) == {("–", "7"), ("–", "1"), ("–", "true")}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"age_bucket": "older", "gender": "man"}, "India, older men: no cell was added, there is such a cell already"),
        ({"age_bucket": "ancient"}, "No cell was added. age bucket: Select a valid choice"),
        ({"gender": "another", "target": ""}, "No cell was added. target: This field is required."),
        ({"gender": "another", "reason": ""}, "no cell was added, this was registered at the launch: say why"),
        ({"gender": "another", "soft_limit": 9}, "no cell was added, the soft limit 9 is above target"),
    ],
)
def test_cell_that_makes_no_sense_is_not_added(staff: Client, fields: dict[str, object], wrong: str) -> None:
    study = make_study()
    assert wrong in add(staff, **fields)
    assert QuotaCell.objects.filter(arm=get_arm(study, "IN")).count() == 5
    assert (study.deviations.count(), study.changes.filter(kind="quota_cell").count()) == (0, 0)


def test_country_of_no_arm_gets_no_cell(staff: Client) -> None:
    make_study()
    sent = {"country": "FR", "target": 7, "over_target": 0}
    assert staff.post(reverse("survey:setup_cell_add", args=["s1"]), sent).status_code == 404


def test_cell_nobody_is_in_is_removed_and_the_change_kept(staff: Client) -> None:
    study = make_study()
    cell = QuotaCell.objects.get(arm=get_arm(study, "IN"), age_bucket="older", gender="man")
    gone = make_session(study, "IN")
    Lease.objects.create(session=gone, cell=cell, state=LeaseState.FREED)
    SurveySession.objects.filter(pk=gone.pk).update(status=Status.WITHDREW, finished_at=timezone.now())
    assert "India, older men: not removed, this was registered at the launch" in remove(staff, cell, reason="")
    assert QuotaCell.objects.filter(pk=cell.pk).exists()
    assert Lease.objects.filter(session=gone).exists()
    assert "India, older men: removed." in remove(staff, cell)
    assert not QuotaCell.objects.filter(pk=cell.pk).exists()
    change = study.changes.get(kind="quota_cell")
    assert (change.cell, change.old, change.new, change.reason) == (
        None, "India, older men: target 5, 0 over, open", "India, older men: none", "decided",
    )  # fmt: skip
    assert study.deviations.get(what="quotas.IN.older, man.target").after == "–"


@pytest.mark.parametrize("state", [LeaseState.LIVE, LeaseState.COMPLETE, LeaseState.FREED])
def test_cell_somebody_is_in_or_may_come_back_to_stays(staff: Client, state: LeaseState) -> None:
    study = make_study()
    cell = QuotaCell.objects.get(arm=get_arm(study, "IN"), age_bucket="older", gender="man")
    inside = make_session(study, "IN")
    Lease.objects.create(session=inside, cell=cell, state=state)
    SurveySession.objects.filter(pk=inside.pk).update(status=Status.ACTIVE)
    assert "India, older men: not removed, somebody holds a place in it, or may come back" in remove(staff, cell)
    assert Lease.objects.get(session=inside).cell == cell
    page = staff.get(reverse("survey:setup", args=["s1"])).content.decode()
    is_shown = reverse("survey:setup_cell_remove", args=["s1", cell.pk]) in page
    assert is_shown == (state == LeaseState.FREED)


def test_newcomer_whose_cell_is_being_removed_finds_the_next_one() -> None:
    study = make_study()
    arm = get_arm(study, "IN")
    gone = find_cell(arm.pk, age_bucket="older", gender="man")
    assert gone is not None
    found = iter([gone, QuotaCell.objects.get(arm=arm, age_bucket="", gender="")])
    remove_cell(gone.pk, reason="decided")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("survey.domain.quotas.find_cell", lambda *_, **__: next(found))
        locked = lock_cell(arm.pk, age_bucket="older", gender="man")
    assert locked is not None
    assert (locked.age_bucket, locked.gender) == ("", "")


def test_setup_says_where_a_country_has_no_cells_or_none_for_everybody_else(staff: Client) -> None:
    study = make_study(live=False)
    QuotaCell.objects.filter(arm=get_arm(study, "IN")).delete()
    QuotaCell.objects.filter(arm=get_arm(study, "BR"), age_bucket="").delete()
    page = staff.get(reverse("survey:setup", args=["s1"])).content.decode()
    assert page.count("No cells: this country takes everybody, without end.") == 1
    assert page.count("There is no cell for everybody else") == 1


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
