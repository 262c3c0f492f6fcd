"""The researchers' pages: who gets in, what stands there, how many queries it costs."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analysis import domain
from analysis.alarms.domain import give_sign_of_life
from analysis.alarms.kinds import Kind
from analysis.alarms.models import Alarm
from analysis.families import FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.reports import Report
from analysis.templatetags.estimates import ago
from survey.enums import Status
from survey.models import Study
from tests.analysis.conftest import Made, fill, make_session, make_study, store

ALL = choose(include_simulated=True)
DASHBOARD_QUERIES = 23
LIVE_QUERIES = 19
CHOSEN_QUERIES = 23
LIST_QUERIES = 6


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def addresses(made: Made, run: AnalysisRun) -> list[str]:
    code = made.study.code
    pages = ["dashboard", "live", "study_results", "exports", "balance", "quality", "items", "items_csv"]
    found = [reverse("home"), *(reverse(f"analysis:{name}", args=[code]) for name in pages)]
    found += [reverse("analysis:fieldwork_csv", args=[code, name]) for name in ("recruitment", "funnel", "pages")]
    found += [reverse("analysis:balance_csv", args=[code, name]) for name in ("items", "tests")]
    found += [reverse("analysis:quality_csv", args=[code, name]) for name in ("flags", "checks", "exclusions", "times")]
    found += [reverse("analysis:export", args=[code, name]) for name in ("long.csv", "codebook.csv", "codebook.md")]
    found += [reverse(f"analysis:{name}", args=[run.pk]) for name in ("result", "result_live", "result_json")]
    found += [reverse(f"analysis:{name}", args=[run.pk, "rates"]) for name in ("result_family", "result_family_json")]
    found.append(reverse("analysis:result_csv", args=[run.pk, "rates"]))
    return [*found, reverse("analysis:result_family_svg", args=[run.pk, "rates", "rates_country"])]


def test_every_page_opens_for_staff_and_for_nobody_else(full: Made, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    stranger = Client()
    for address in addresses(full, run):
        assert staff.get(address).status_code == 200, address
        turned_away = stranger.get(address)
        assert (turned_away.status_code, turned_away["Location"].split("?")[0]) == (302, reverse("login")), address


def test_participant_account_does_not_get_in(full: Made, django_user_model: type) -> None:
    client = Client()
    client.force_login(django_user_model.objects.create_user("someone"))  # type: ignore[attr-defined]
    assert client.get(reverse("analysis:dashboard", args=["tiny"])).status_code == 302


def test_stranger_cannot_start_an_analysis(made: Made) -> None:
    assert Client().post(reverse("analysis:study_results", args=["tiny"])).status_code == 302
    assert not AnalysisRun.objects.exists()


@pytest.mark.parametrize("n", [1, 4])
def test_pages_cost_the_same_queries_at_any_size(
    made: Made, staff: Client, django_assert_num_queries: DjangoAssertNumQueries, n: int
) -> None:
    fill(made, n)
    for number in range(n):
        make_study(f"more-{number}")
    give_sign_of_life("celery")
    for address, n_queries in (
        (reverse("analysis:dashboard", args=["tiny"]), DASHBOARD_QUERIES),
        (reverse("analysis:live", args=["tiny"]), LIVE_QUERIES),
        (reverse("analysis:live", args=["tiny"]) + "?country=BR&from=2026-03-01", CHOSEN_QUERIES),
        (reverse("home"), LIST_QUERIES),
    ):
        with django_assert_num_queries(n_queries):
            staff.get(address)


def test_list_without_studies_says_what_to_do(staff: Client) -> None:
    page = text_of(staff, reverse("home"))
    assert "There is no study yet." in page
    assert f'<a href="{reverse("survey:new_study")}">Make one</a>' in page


def test_list_shows_open_alarms_of_each_study(full: Made, staff: Client) -> None:
    now = timezone.now()
    assert "No alarm is open." in text_of(staff, reverse("home"))
    for subject, closed_at in (("BR", None), ("US", None), ("IN", now)):
        Alarm.objects.create(
            study=full.study, kind=Kind.DROP_OUT, subject=subject, text="x", opened_at=now, seen_at=now,
            closed_at=closed_at,
        )  # fmt: skip
    page = text_of(staff, reverse("home"))
    alarms = reverse("analysis:alarms", args=["tiny"])
    assert f'<a class="mark owed" href="{alarms}">2 open alarms<span class="hidden"> of' in page
    assert "No alarm is open." not in page


def test_list_shows_state_and_completes(full: Made, staff: Client) -> None:
    page = text_of(staff, reverse("home"))
    assert "<strong>12</strong> of 16 complete" in page
    assert reverse("analysis:dashboard", args=["tiny"]) in page


def test_dashboard_of_an_empty_study_says_what_to_do(made: Made, staff: Client) -> None:
    page = text_of(staff, reverse("analysis:dashboard", args=["tiny"]))
    assert "Nobody has come yet. Send out the links below." in page
    assert "No model has been asked yet." in page
    assert reverse("survey:join", args=["tiny", "BR"]) in page
    assert "Contains simulated data" not in page


@pytest.mark.parametrize(
    ("state", "told", "next_step"),
    [
        ("draft", "The study is a draft: nobody can take part.", "Launch the study on Setup"),
        ("paused", "The study is paused: nobody new is taken in.", "Nobody can come in now: the study is paused."),
    ],
)
def test_dashboard_of_a_study_that_takes_nobody_in_leads_to_its_setup(
    made: Made, staff: Client, state: str, told: str, next_step: str
) -> None:
    Study.objects.filter(pk=made.study.pk).update(state=state)
    page = text_of(staff, reverse("analysis:live", args=["tiny"]))
    plain = re.sub("<[^>]+>", "", page)
    assert (told in plain, next_step in plain, "Send out the links" in plain) == (True, True, False)
    assert reverse("survey:setup", args=["tiny"]) in page


def test_how_long_ago_is_said_in_words() -> None:
    now = timezone.now()
    told = [ago(moment) for moment in (None, now, now - timedelta(minutes=1), now - timedelta(hours=2, minutes=3))]
    assert [one.replace("\xa0", " ") for one in told] == ["–", "just now", "1 minute ago", "2 hours, 3 minutes ago"]


def test_dashboard_tells_real_from_simulated(made: Made, staff: Client) -> None:
    fill(made, n_simulated=2)
    page = text_of(staff, reverse("analysis:live", args=["tiny"]))
    assert "Sessions: 8 real, 4 simulated. Model answers: 36 real, 36 simulated." in page


def test_dashboard_refreshes_its_live_part_only(made: Made, staff: Client) -> None:
    page = text_of(staff, reverse("analysis:dashboard", args=["tiny"]))
    assert f'data-refresh-url="{reverse("analysis:live", args=["tiny"])}"' in page
    assert "<html" not in text_of(staff, reverse("analysis:live", args=["tiny"]))


def test_dashboard_says_that_drafts_await_review(made: Made, staff: Client) -> None:
    assert "Machine drafts await review" in text_of(staff, reverse("analysis:dashboard", args=["tiny"]))


def test_dashboard_shows_no_personal_data(full: Made, staff: Client) -> None:
    page = text_of(staff, reverse("analysis:dashboard", args=["tiny"]))
    assert "person" not in page.replace("a person who reads the language", "")
    assert "token-" not in page


def test_pages_carry_no_inline_style_or_script(full: Made, full_report: Report, staff: Client) -> None:
    for address in addresses(full, store(full, full_report))[:5]:
        page = text_of(staff, address)
        assert " style=" not in page
        assert "<style" not in page
        assert "<script>" not in page


def test_charts_are_described_in_words(full: Made, staff: Client) -> None:
    page = text_of(staff, reverse("analysis:live", args=["tiny"]))
    assert page.count("<svg") == page.count("<title id=") == page.count("<desc id=") > 0
    names = [part.split('"')[0] for part in page.split('aria-labelledby="')[1:]]
    assert len(names) == len(set(names))


def test_fieldwork_csv_has_the_numbers_of_the_chart(made: Made, staff: Client) -> None:
    make_session(made)
    make_session(made, status=Status.ACTIVE)
    lines = text_of(staff, reverse("analysis:fieldwork_csv", args=["tiny", "recruitment"])).splitlines()
    assert lines[:3] == [
        "country,cell,n_complete,n_live,target,is_open",
        "BR,All,1,0,8,True",
        "BR,Younger women,1,0,2,True",
    ]
    assert staff.get(reverse("analysis:fieldwork_csv", args=["tiny", "secrets"])).status_code == 404


def test_unknown_study_is_404(staff: Client, db: None) -> None:
    for name in ("dashboard", "live", "study_results", "exports"):
        assert staff.get(reverse(f"analysis:{name}", args=["nowhere"])).status_code == 404


def test_button_starts_one_analysis(full: Made, staff: Client) -> None:
    for _ in range(2):
        response = staff.post(reverse("analysis:study_results", args=["tiny"]), {"data": "real"})
    run = AnalysisRun.objects.get()
    assert response["Location"] == reverse("analysis:result", args=[run.pk])
    assert run.parameters["exclusions"] == ["complete sessions", "no simulated"]
    assert run.created_by is not None


def test_running_analysis_shows_its_step_and_refreshes(made: Made, staff: Client) -> None:
    run = domain.begin(domain.request_analysis(made.study, ALL).pk)
    assert run is not None
    domain.note_family(run, FamilyKey.AGREEMENT)
    domain.note_step(run, "Agreement")
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert "Now: Agreement" in page
    states = re.findall(r'<span class="state (\w+)">([^<]*)</span> <span class="quiet-text">([^<]*)', page)
    assert states[:4] == [
        ("done", "The analysis plan", "computed"),
        ("done", "Culture-following rates", "computed"),
        ("running", "Agreement between people", "Agreement"),
        ("queued", "Own-country effect", "waiting"),
    ]
    assert "data-refresh-url" in page
    assert "X-Refresh" not in staff.get(reverse("analysis:result_live", args=[run.pk]))


def test_finished_analysis_stops_the_refresh(full: Made, full_report: Report, staff: Client) -> None:
    run = store(full, full_report)
    assert staff.get(reverse("analysis:result_live", args=[run.pk]))["X-Refresh"] == "stop"
    assert "data-refresh-url" not in text_of(staff, reverse("analysis:result", args=[run.pk]))


def test_failed_analysis_says_why_and_offers_another_start(made: Made, staff: Client) -> None:
    run = domain.begin(domain.request_analysis(made.study, ALL).pk)
    assert run is not None
    domain.fail(run, "ValueError: no such column")
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert "ValueError: no such column" in page
    assert "Start it again" in page
