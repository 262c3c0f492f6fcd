"""Until a study is unblinded nobody sees what real people answered, wherever they look."""

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from analysis.blinding import tells_answers
from analysis.extract import ALL_TABLES
from analysis.families import FamilyKey
from analysis.models import AnalysisRun, FigureArchive
from analysis.reports import Report
from pact_site.roles import Role
from survey.domain.study_states import IllegalStudyChange, unblind_study
from survey.models import AuditEntry, Participant, Response, StudyChange
from tests.analysis.conftest import Made, store
from tests.staff import make_staff, program_of, sign_in


@pytest.fixture
def blind(made: Made) -> Made:
    made.study.unblinded_at = None
    made.study.save()
    return made


@pytest.fixture
def blind_full(full: Made) -> Made:
    full.study.unblinded_at = None
    full.study.save()
    return full


def downloads(run: AnalysisRun) -> list[str]:
    return [
        reverse("analysis:result_json", args=[run.pk]),
        reverse("analysis:result_csv", args=[run.pk, "rates"]),
        reverse("analysis:result_svg", args=[run.pk, "rates_country"]),
        reverse("analysis:result_family_json", args=[run.pk, "rates"]),
        reverse("analysis:result_family_svg", args=[run.pk, "rates", "rates_country"]),
    ]


SHOWN = [200, 200, 301, 200, 200]


def owner() -> User:
    return make_staff("owner")


def test_results_of_people_are_hidden(blind: Made, full_report: Report, staff: Client) -> None:
    run = store(blind, full_report)
    page = staff.get(reverse("analysis:result", args=[run.pk])).content.decode()
    assert "Computed, and hidden." in page
    assert "Culture-following rates" not in page
    for key in FamilyKey:
        address = reverse("analysis:result_family", args=[run.pk, key])
        assert staff.get(address)["Location"] == reverse("analysis:result", args=[run.pk])
    FigureArchive.objects.create(run=run, content=b"x", n_figures=1, names=["a.pdf"])
    prints = [
        reverse("analysis:result_figures", args=[run.pk]),
        reverse("analysis:result_print", args=[run.pk, "a", "pdf"]),
    ]
    for address in [*downloads(run), *prints]:
        denied = staff.get(address)
        assert (denied.status_code, "hidden until it is unblinded" in denied.content.decode()) == (403, True), address


def test_api_gives_no_hidden_results(blind: Made, full_report: Report) -> None:
    run = store(blind, full_report)
    client = program_of(make_staff("program"))
    assert client.get(f"/api/results/{run.pk}/").json()["results"] is None
    unblind_study(blind.study, by="owner", reason="the end")
    assert client.get(f"/api/results/{run.pk}/").json()["results"]["facts"]["n_respondents"] == 12


def test_simulated_results_are_never_hidden(blind: Made, simulated_report: Report, staff: Client) -> None:
    run = store(blind, simulated_report)
    assert "Culture-following rates" in staff.get(reverse("analysis:result", args=[run.pk])).content.decode()
    assert [staff.get(address).status_code for address in downloads(run)] == SHOWN


def test_unblinding_is_recorded_once_and_shows_everything(blind: Made, full_report: Report) -> None:
    run = store(blind, full_report)
    client = Client()
    client.force_login(owner())
    address = reverse("analysis:unblind", args=[blind.study.code])
    client.post(address, {"reason": "no tick"})
    assert not StudyChange.objects.exists()
    for _ in range(2):
        client.post(address, {"reason": "data collection is over", "sure": "on"})
    change = StudyChange.objects.get()
    assert (change.kind, change.old, change.new, change.by) == ("blinding", "Hidden", "Shown", "owner")
    assert change.reason == "data collection is over"
    assert [client.get(address).status_code for address in downloads(run)] == SHOWN


def test_unblinding_needs_the_right_and_a_reason(blind: Made) -> None:
    staff = sign_in(Role.ANALYST, name="analyst")
    page = staff.get(reverse("analysis:study_results", args=[blind.study.code])).content.decode()
    assert "You may not show them" in page
    address = reverse("analysis:unblind", args=[blind.study.code])
    assert staff.post(address, {"reason": "curious", "sure": "on"}).status_code == 403
    with pytest.raises(IllegalStudyChange, match="for a reason"):
        unblind_study(blind.study, by="owner", reason=" ")
    blind.study.refresh_from_db()
    assert blind.study.unblinded_at is None


HIDING = ["long", "wide", "tidy_human_responses"]


def test_tables_of_answers_are_known() -> None:
    assert [name for name, table in ALL_TABLES.items() if tells_answers(table)] == HIDING


@pytest.mark.parametrize("role", [Role.PI, Role.ANALYST])
def test_files_of_answers_are_withheld_until_unblinded(blind_full: Made, role: Role) -> None:
    person = make_staff("one", role)
    client, program = Client(), program_of(person)
    client.force_login(person)
    page = client.get(reverse("analysis:exports", args=["tiny"])).content.decode()
    assert (page.count('.csv" disabled'), "Outcomes are hidden." in page) == (3, True)
    for table in ALL_TABLES:
        status = 403 if table in HIDING else 200
        for query in ("", "?data=real", "?data=all&sessions=complete"):
            assert client.get(reverse("analysis:export", args=["tiny", f"{table}.csv"]) + query).status_code == status
            assert program.get(f"/api/exports/tiny/{table}.ndjson/{query}").status_code == status, table
    assert "Results page" in program.get("/api/exports/tiny/long.csv/").json()["detail"]
    unblind_study(blind_full.study, by="owner", reason="the sample is full")
    assert client.get(reverse("analysis:export", args=["tiny", "long.csv"])).status_code == 200
    assert program.get("/api/exports/tiny/long.csv/").status_code == 200
    assert " disabled" not in client.get(reverse("analysis:exports", args=["tiny"])).content.decode()


@pytest.mark.parametrize("format", ["long", "pact", "all"])
def test_command_writes_no_hidden_answers(blind_full: Made, tmp_path: Path, format: str) -> None:
    with pytest.raises(CommandError, match="outcomes of this study are hidden"):
        call_command("export", "tiny", out=tmp_path / "out", format=format, stdout=StringIO())
    assert not (tmp_path / "out").exists()
    Participant.objects.update(is_simulated=True)
    call_command("export", "tiny", out=tmp_path / "out", format=format, stdout=StringIO())
    assert (tmp_path / "out" / "SHA256SUMS").is_file()


def test_command_unblinds_by_name_and_reason_alone(blind_full: Made, tmp_path: Path) -> None:
    for options in ({"unblind": "the sample is full"}, {"unblind": " ", "by": "owner"}):
        with pytest.raises(CommandError, match="for a reason"):
            call_command("export", "tiny", out=tmp_path / "out", stdout=StringIO(), **options)
    assert not (tmp_path / "out").exists()
    assert not StudyChange.objects.exists()
    assert not AuditEntry.objects.filter(act="unblind").exists()
    for _ in range(2):
        call_command(
            "export", "tiny", out=tmp_path / "out", unblind="the sample is full", by="owner", stdout=StringIO()
        )
    change = StudyChange.objects.get()
    assert (change.kind, change.by, change.reason) == ("blinding", "owner", "the sample is full")
    assert AuditEntry.objects.get(act="unblind").by == "owner"
    assert (tmp_path / "out" / "long.csv").is_file()


def test_simulated_people_alone_are_given(blind_full: Made) -> None:
    Participant.objects.update(is_simulated=True)
    assert program_of(make_staff("one")).get("/api/exports/tiny/long.csv/").status_code == 200


def test_single_answers_of_people_are_blank_until_unblinded(blind_full: Made) -> None:
    program = program_of(make_staff("one"))
    invented = Response.objects.filter(session__participant__is_simulated=False)[0].session.participant
    Participant.objects.filter(pk=invented.pk).update(is_simulated=True)

    def choices() -> set[tuple[bool, bool]]:
        found = program.get("/api/responses/?study=tiny").json()["results"]
        return {(one["is_simulated"], one["choice"] is None) for one in found}

    assert choices() == {(True, False), (False, True)}
    unblind_study(blind_full.study, by="owner", reason="the sample is full")
    assert choices() == {(True, False), (False, False)}


def test_raw_records_hide_answers_of_people(blind_full: Made, admin_client: Client) -> None:
    address = reverse("admin:survey_response_changelist")
    ours = Response.objects.filter(session__participant__is_simulated=False)[0]
    one = reverse("admin:survey_response_change", args=[ours.pk])
    assert b'field-shown_choice">hidden<' in admin_client.get(address).content
    assert admin_client.get(f"{address}?choice__exact=culture").status_code == 400
    assert b">culture<" not in admin_client.get(one).content.replace(b"culture_first", b"")
    assert b"hidden" in admin_client.get(one).content
