"""A test run walks the real pages and is in no count, list, export, analysis, alarm or payment."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse

from analysis.balance import Balance, check_rows, item_rows
from analysis.explorer import read_counts
from analysis.extract import ALL_TABLES, read_snapshot_hash, stream_csv
from analysis.fieldwork import Fieldwork
from analysis.live_summary import count_answers, live_outcomes
from analysis.models import CountedSession, ItemCount
from analysis.quality import Quality, exclusion_rows, flag_rows, time_rows
from analysis.quality import check_rows as quality_check_rows
from analysis.release.people import count_statuses
from pact_site.roles import Role
from survey.domain.enrolment import assign_items, items_with_load
from survey.domain.panel_totals import add_up_arms
from survey.domain.registration import describe
from survey.domain.trial_runs import begin_trial, remove_trials, trial_state, trials
from survey.domain.visits import read_rows
from survey.enums import Page, PanelName, Status, StudyState
from survey.models import PanelAct, Participant, Response, SessionNote, Study, SurveySession
from survey.queries import places_held
from tests.factories import get_arm, make_session, make_study
from tests.staff import sign_in
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
PAGES = (
    "analysis:dashboard", "analysis:balance", "analysis:quality", "analysis:items", "analysis:study_results",
    "analysis:exports", "survey:reconciliation",
)  # fmt: skip
FLEETING = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"|\d+\s(?:second|minute)s?')


@pytest.fixture
def study() -> Study:
    """A study on a panel with one real session that is complete and one under way."""
    study = make_study(panel=PanelName.PROLIFIC)
    Walker(make_session(study, "BR", person="p" * 24)).finish()
    Walker(make_session(study, "BR", person="q" * 24)).walk_to(Page.SCENARIO)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as the database does by itself where it runs for longer
    return study


@pytest.fixture
def staff() -> Client:
    return sign_in()


def counted(study: Study) -> dict[str, Any]:
    """Give what the site's numbers of a study are made of."""
    count_answers()
    fieldwork, quality, balance = Fieldwork(study), Quality(study), Balance(study)
    arm = get_arm(study)
    rows = read_rows(study)
    return {
        "fieldwork": (fieldwork.n_landed, fieldwork.n_live, fieldwork.n_complete, fieldwork.countries),
        "places": places_held(study.pk),
        "loads": {item.code: item.load for item in items_with_load(arm)},
        "draw": assign_items(arm, seed=7),
        "quality": [list(f(quality)) for f in (flag_rows, quality_check_rows, exclusion_rows, time_rows)],
        "balance": [list(f(balance)) for f in (item_rows, check_rows)],
        "live": live_outcomes(study, simulated=False),
        "explorer": read_counts(study, simulated=False),
        "summary": ItemCount.objects.count(),
        "counted": CountedSession.objects.count(),
        "statuses": count_statuses(study, include_simulated=True),
        "visits": [(row.session_pk, row.visit) for row in rows],
        "pay": add_up_arms([arm], rows),
        "acts": PanelAct.objects.count(),
        "registered": describe(study),
    }


def exported(study: Study) -> dict[str, bytes]:
    """Give every file of a study's data, and the hash that an analysis keeps of what it read."""
    files = {name: b"".join(stream_csv(table, study)) for name, table in ALL_TABLES.items()}
    return {**files, "snapshot": read_snapshot_hash(study).encode()}


def shown(client: Client) -> dict[str, str]:
    """Give what researchers and programs see, without what differs at every look."""
    addresses = [reverse("home"), "/api/studies/", "/api/responses/", "/api/responses/?study=s1"]
    addresses += [reverse(name, args=["s1"]) for name in PAGES]
    return {address: FLEETING.sub("", client.get(address).content.decode()) for address in addresses}


def everything(study: Study, client: Client) -> dict[str, Any]:
    return {**counted(study), **exported(study), **shown(client)}


def walk_trial(study: Study, country: str = "BR") -> Walker:
    walker = Walker(begin_trial(study, country))
    walker.finish()
    return walker


def test_test_run_changes_no_number_no_file_and_no_page(study: Study, staff: Client) -> None:
    before = everything(study, staff)
    walker = walk_trial(study)
    Walker(begin_trial(study, "BR")).walk_to(Page.SCENARIO)
    assert walker.session.status == Status.COMPLETE
    assert Response.objects.filter(session=walker.session).count() == 32
    after = everything(study, staff)
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}


def test_the_same_comparison_notices_a_real_session(study: Study, staff: Client) -> None:
    """So the test above can fail."""
    before = everything(study, staff)
    Walker(make_session(study, "BR", person="r" * 24)).finish()
    after = everything(study, staff)
    changed = {name for name in before if before[name] != after[name]}
    assert set(counted(study)) - changed <= {"registered", "acts", "pay", "draw"}
    assert {"tidy_human_responses", "snapshot", "/api/responses/", "/"} <= changed


def test_test_run_says_so_on_every_page_and_real_pages_do_not(study: Study) -> None:
    walker = Walker(begin_trial(study, "IN"))
    while walker.session.status in (Status.LANDED, Status.ACTIVE):
        assert "<strong>Test run.</strong>" in walker.client.get(walker.url).content.decode()
        walker.post(**walker.answers(walker.kind()))
        walker.session.refresh_from_db()
    end = walker.client.get(walker.url).content.decode()
    assert "<strong>Test run.</strong>" in end
    assert "CDONE" in end  # what a participant gets
    real = Walker(make_session(study, "BR"))
    assert "Test run" not in real.client.get(real.url).content.decode()


def test_label_does_not_stick_to_pages_that_are_rendered_once_for_all(study: Study) -> None:
    real = Walker(make_session(study, "BR"))
    real.walk_to(Page.SCENARIO)
    trial = begin_trial(study, "BR")
    same = {name: getattr(real.session, name) for name in ("plan", "position", "status", "locale")}
    SurveySession.objects.filter(pk=trial.pk).update(**same)
    addresses = [f"/s/{trial.token}/", real.url, f"/s/{trial.token}/", real.url]
    labelled = ["Test run" in real.client.get(address).content.decode() for address in addresses]
    assert labelled == [True, False, True, False]


@pytest.mark.parametrize("state", [StudyState.DRAFT, StudyState.PAUSED, StudyState.CLOSED])
def test_test_run_goes_before_the_launch_and_after_the_end(state: StudyState) -> None:
    study = make_study(live=state != StudyState.DRAFT)
    Study.objects.filter(pk=study.pk).update(state=state)
    assert walk_trial(study, "US").session.status == Status.COMPLETE
    assert trial_state(study) == (1, 1)


def test_twin_is_nowhere(study: Study, staff: Client) -> None:
    walk_trial(study)
    twin = Study.with_twins.get(test_of=study)
    assert twin.state == StudyState.DRAFT
    assert list(Study.objects.values_list("code", flat=True)) == ["s1"]
    assert list(study.version.studies.values_list("code", flat=True)) == ["s1"]
    with pytest.raises(NoReverseMatch):
        reverse("analysis:dashboard", args=[twin.code])
    assert twin.code not in staff.get("/api/studies/").content.decode()


def test_full_quota_does_not_stop_a_test_run_and_is_not_filled_by_one(study: Study) -> None:
    for cell in (cells := list(get_arm(study).quota_cells.all())):
        cell.target = 0
        cell.save()
    assert walk_trial(study).session.status == Status.COMPLETE
    assert sum(n for (cell, _), n in places_held(study.pk).items() if cell in {one.pk for one in cells}) == 2


def test_test_run_is_always_on_the_study_s_present_version_and_settings(study: Study) -> None:
    begin_trial(study, "BR")
    get_arm(study)
    study.arms.filter(country="BR").update(locales=["en-US"], exit_codes={"complete": "NEW"})
    session = begin_trial(study, "BR")
    assert (session.locale, session.arm.exit_codes, session.version) == ("en-US", {"complete": "NEW"}, study.version)
    assert Study.with_twins.filter(test_of=study).count() == 1


def test_test_runs_are_removed_with_all_they_hold_and_nothing_else(study: Study) -> None:
    keep = SurveySession.objects.count(), Response.objects.count(), Participant.objects.count()
    walker = walk_trial(study)
    SessionNote.objects.create(session=walker.session, text="odd break", by="ada")
    Walker(begin_trial(study, "BR")).walk_to(Page.SCENARIO)
    assert remove_trials(study, [make_session(study, "US").pk]) == 0
    assert remove_trials(study, [walker.session.pk]) == 1
    assert trials(study).count() == 1
    assert remove_trials(study) == 1
    real = make_session(study, "US")
    assert (SurveySession.objects.count() - 2, Response.objects.count(), Participant.objects.count() - 2) == keep
    SessionNote.objects.create(session=real, text="keep", by="ada")
    with pytest.raises(IntegrityError, match="only added"), transaction.atomic():
        real.notes.all().delete()


@pytest.mark.parametrize(
    ("role", "status"), [(Role.PI, 303), (Role.ASSISTANT, 303), (Role.ANALYST, 403), (Role.TRANSLATOR, 403)]
)
def test_who_may_test(study: Study, role: Role, status: int) -> None:
    client = sign_in(role, name="someone")
    assert client.post(reverse("survey:trial", args=["s1"]), {"country": "BR"}).status_code == status


def test_button_leads_to_the_first_page_and_is_in_the_log(study: Study, staff: Client) -> None:
    page = staff.post(reverse("survey:trial", args=["s1"]), {"country": "IN"}, follow=True)
    assert page.redirect_chain[0][0] == f"/s/{trials(study)[0].token}/"
    assert "<strong>Test run.</strong>" in page.content.decode()
    assert "No test run: the study has no such country." in (
        staff.post(reverse("survey:trial", args=["s1"]), {"country": "XX"}, follow=True).content.decode()
    )
    staff.post(reverse("survey:trial_remove", args=["s1"]), {"all": "1"})
    assert trials(study).count() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT act FROM survey_auditentry WHERE act LIKE 'survey:trial%%' ORDER BY number")
        assert [act for (act,) in cursor.fetchall()] == ["survey:trial", "survey:trial", "survey:trial_remove"]
