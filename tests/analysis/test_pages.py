"""The researchers' pages: who gets in, what stands there, how many queries it costs."""

import json
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analysis import domain, tasks
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.results import FAMILIES
from survey.enums import Status
from tests.analysis.conftest import Made, fill, make_session, make_study

ALL = choose(include_simulated=True)
DASHBOARD_QUERIES = 16
LIVE_QUERIES = 14
LIST_QUERIES = 5


def analyse(made: Made) -> AnalysisRun:
    run = domain.request_analysis(made.study, ALL)
    tasks.run_analysis(run.pk)
    run.refresh_from_db()
    return run


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
    found.append(reverse("analysis:result_csv", args=[run.pk, "rates"]))
    return [*found, reverse("analysis:result_svg", args=[run.pk, "rates_country"])]


def test_every_page_opens_for_staff_and_for_nobody_else(full: Made, staff: Client) -> None:
    run = analyse(full)
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
    for address, n_queries in (
        (reverse("analysis:dashboard", args=["tiny"]), DASHBOARD_QUERIES),
        (reverse("analysis:live", args=["tiny"]), LIVE_QUERIES),
        (reverse("home"), LIST_QUERIES),
    ):
        with django_assert_num_queries(n_queries):
            staff.get(address)


def test_list_without_studies_says_what_to_do(staff: Client) -> None:
    page = text_of(staff, reverse("home"))
    assert "There is no study yet." in page
    assert "load_instrument" in page


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


def test_pages_carry_no_inline_style_or_script(full: Made, staff: Client) -> None:
    for address in addresses(full, analyse(full))[:5]:
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
    assert lines[:3] == ["country,cell,n_complete,n_live,target", "BR,All,1,0,8", "BR,Younger women,1,0,2"]
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
    domain.note_step(run, "Agreement")
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert "Now: Agreement" in page
    assert "data-refresh-url" in page
    assert "X-Refresh" not in staff.get(reverse("analysis:result_live", args=[run.pk]))


def test_finished_analysis_stops_the_refresh(full: Made, staff: Client) -> None:
    run = analyse(full)
    assert staff.get(reverse("analysis:result_live", args=[run.pk]))["X-Refresh"] == "stop"
    assert "data-refresh-url" not in text_of(staff, reverse("analysis:result", args=[run.pk]))


def test_failed_analysis_says_why_and_offers_another_start(made: Made, staff: Client) -> None:
    run = domain.begin(domain.request_analysis(made.study, ALL).pk)
    assert run is not None
    domain.fail(run, "ValueError: no such column")
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert "ValueError: no such column" in page
    assert "Start it again" in page


@pytest.mark.parametrize("n", [0, 1, 5])
def test_result_page_stands_with_no_one_and_many(made: Made, staff: Client, n: int) -> None:
    for number in range(n):
        make_session(made, "BR" if number % 2 else "US")
    page = text_of(staff, reverse("analysis:result", args=[analyse(made).pk]))
    assert ("No complete session is among the data" in page) == (n == 0)
    assert page.count('class="family"') == len(FAMILIES) + 1  # the last says what to take along
    assert "Traceback" not in page


def test_result_page_states_findings_with_intervals(full: Made, staff: Client) -> None:
    page = text_of(staff, reverse("analysis:result", args=[analyse(full).pk]))
    assert "People follow the local expectation in 67%" in page
    assert "How this is computed, and what makes it unreliable here" in page
    assert "Nothing was filled in." in page


def test_every_figure_of_simulated_data_says_so(full: Made, staff: Client) -> None:
    run = analyse(full)
    page = text_of(staff, reverse("analysis:result", args=[run.pk]))
    assert page.count('class="figure"') == page.count('class="note"') > 0
    svg = text_of(staff, reverse("analysis:result_svg", args=[run.pk, "rates_country"]))
    assert "Contains simulated data" in svg


def test_figure_file_is_a_whole_svg(full: Made, staff: Client) -> None:
    response = staff.get(reverse("analysis:result_svg", args=[analyse(full).pk, "rates_country"]))
    root = ElementTree.fromstring(response.content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert response["Content-Type"] == "image/svg+xml"
    assert b" style=" not in response.content


def test_result_downloads_hold_the_stored_numbers(full: Made, staff: Client) -> None:
    run = analyse(full)
    stored = json.loads(text_of(staff, reverse("analysis:result_json", args=[run.pk])))
    assert stored["snapshot_hash"] == run.snapshot_hash
    assert stored["tables"] == run.results["tables"]
    lines = text_of(staff, reverse("analysis:result_csv", args=[run.pk, "rates"])).splitlines()
    assert lines[0].split(",") == run.results["tables"]["rates"]["columns"]
    assert lines[1].startswith("overall,all,personal,0.666")


def test_unfinished_analysis_has_no_downloads(made: Made, staff: Client) -> None:
    run = domain.request_analysis(made.study, ALL)
    assert staff.get(reverse("analysis:result_json", args=[run.pk])).status_code == 404
    assert staff.get(reverse("analysis:result_csv", args=[run.pk, "rates"])).status_code == 404


def test_export_streams_the_file_with_a_telling_name(full: Made, staff: Client) -> None:
    address = reverse("analysis:export", args=["tiny", "wide.csv"])
    response = staff.get(address, {"data": "real", "sessions": "complete"})
    assert response.streaming
    assert response["Content-Disposition"] == 'attachment; filename="tiny_wide_real_complete.csv"'
    lines = response.getvalue().decode().splitlines()
    assert len(lines) == 1 + 36


@pytest.mark.parametrize("name", ["secrets.csv", "long.exe", "long"])
def test_unknown_export_is_404(full: Made, staff: Client, name: str) -> None:
    assert staff.get(reverse("analysis:export", args=["tiny", name])).status_code == 404


def test_api_gives_results_to_staff_only(full: Made, staff: Client) -> None:
    run = analyse(full)
    listed = staff.get("/api/results/").json()["results"]
    assert [(one["id"], one["study"], "results" in one) for one in listed] == [(run.pk, "tiny", False)]
    assert staff.get(f"/api/results/{run.pk}/").json()["results"] == run.results
    assert Client().get("/api/results/").status_code in (401, 403)
    assert staff.post("/api/results/", {}).status_code == 405


def test_admin_shows_analyses_and_lets_nobody_change_them(full: Made, admin_client: Client) -> None:
    run = analyse(full)
    address = reverse("admin:analysis_analysisrun_change", args=[run.pk])
    assert admin_client.get(reverse("admin:analysis_analysisrun_changelist")).status_code == 200
    assert admin_client.get(address).status_code == 200
    assert admin_client.post(address, {"state": "failed"}).status_code == 403
