"""Quota cells on the setup page: changed, added, removed, each change kept with its reason."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from survey.enums import LeaseState, Page, Status
from survey.models import Lease, QuotaCell, StudyChange, SurveySession
from tests.factories import get_arm, make_session, make_study
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db


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


def test_setup_says_where_a_country_has_no_cells_or_none_for_everybody_else(staff: Client) -> None:
    study = make_study(live=False)
    QuotaCell.objects.filter(arm=get_arm(study, "IN")).delete()
    QuotaCell.objects.filter(arm=get_arm(study, "BR"), age_bucket="").delete()
    page = staff.get(reverse("survey:setup", args=["s1"])).content.decode()
    assert page.count("No cells: this country takes everybody, without end.") == 1
    assert page.count("There is no cell for everybody else") == 1
