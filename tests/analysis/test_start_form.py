"""Starting an analysis: the plan's choices stand in the form, others can be made, and the result says which."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analysis import domain
from analysis.families import FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.reports import Report
from analysis.snapshots import stand_of
from survey.enums import Status
from survey.instruments.loader import SHIPPED, read_instrument
from tests.analysis.conftest import DAY_ONE, STRUCTURE, Made, make_session, make_study, store

ADDRESS = "/studies/tiny/results/"
CHOSEN: dict[str, Any] = {
    "chosen": "1", "data": "all", "alpha": "0.01", "sesoi": "3", "seed": "7", "last_day": "2", "countries": ["BR"],
    "families": ["rates", "agreement"], "flags": ["too_fast"],
}  # fmt: skip


@pytest.fixture
def planned(db: None, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The study on a version that carries the shipped plan."""
    monkeypatch.setitem(STRUCTURE, "analysis_plan", read_instrument(SHIPPED).structure["analysis_plan"])
    monkeypatch.setitem(STRUCTURE, "exclusions", ["too_fast"])
    return make_study()


def test_the_form_starts_with_what_the_plan_declares(planned: Made, staff: Client) -> None:
    page = staff.get(ADDRESS).content.decode()
    for field in ('name="alpha" value="0.05"', 'name="sesoi" value="5"', 'name="seed" value="20260607"'):
        assert field in page
    assert 'value="too_fast" checked' in page
    assert 'value="attention_failed" checked' not in page
    assert page.count('name="families"') == page.count('name="families" value="') == len(FamilyKey)
    assert "the analysis plan (version 1) declares" in page


def test_an_untouched_form_asks_for_the_plans_choices(planned: Made, staff: Client) -> None:
    staff.post(ADDRESS, {"data": "real"})
    usual = AnalysisRun.objects.get().parameters
    assert (usual["seed"], usual["sesoi"], usual["level"]) == (20260607, 0.05, 0.95)
    assert usual["exclusions"] == ["complete sessions", "no simulated", "not flagged too_fast"]
    AnalysisRun.objects.all().delete()
    every: dict[str, Any] = {"families": [key.value for key in FamilyKey], "countries": ["BR", "US"]}
    plain = {"alpha": "0.05", "sesoi": "5", "seed": "20260607", "last_day": ""}
    staff.post(ADDRESS, {**CHOSEN, **every, **plain, "data": "real"})
    assert AnalysisRun.objects.get().parameters == usual


def test_what_was_chosen_is_stored_and_shown(planned: Made, staff: Client, full_report: Report) -> None:
    staff.post(ADDRESS, CHOSEN)
    run = AnalysisRun.objects.get()
    assert run.parameters == {
        "exclusions": ["complete sessions", "not flagged too_fast"], "level": 0.99, "seed": 7, "n_resamples": 2000,
        "sesoi": 0.03, "last_day": 2, "countries": ["BR"], "families": ["rates", "agreement"],
    }  # fmt: skip
    begun = domain.begin(run.pk)
    assert begun is not None
    domain.finish(begun, full_report)
    page = staff.get(reverse("analysis:result", args=[run.pk])).content.decode()
    for told in (
        "level of significance: 0.01, intervals 99%", "smallest effect of interest: 3 points", "by day 2",
        "countries: Brazil", "families: Culture-following rates, Agreement between people",
        "Not asked for: The analysis plan;",
    ):  # fmt: skip
        assert told in page.replace("&#x27;", "'"), told
    assert staff.get(reverse("analysis:result_family", args=[run.pk, "shift"])).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("alpha", "0", "the level of significance must be above 0 and at most 0.2"),
        ("alpha", "much", "alpha must be a number, not much"),
        ("alpha", "nan", "the level of significance must be above 0"),
        ("sesoi", "-1", "the smallest effect of interest must be above 0"),
        ("seed", "1.5", "the seed must be a whole number"),
        ("last_day", "-2", "the last day must be a day of the study"),
        ("countries", ["XX"], "unknown countries: XX"),
        ("families", [], "choose at least one family of results"),
        ("families", ["everything"], "unknown families: everything"),
    ],
)
def test_nonsense_is_refused_beside_what_was_entered(
    made: Made, staff: Client, field: str, value: object, told: str
) -> None:
    response = staff.post(ADDRESS, {**CHOSEN, field: value})
    page = response.content.decode()
    assert (response.status_code, told in page) == (422, True)
    assert 'name="sesoi" value="3"' in page or field == "sesoi"
    assert not AnalysisRun.objects.exists()


def test_a_failed_analysis_starts_again_with_its_own_choices(made: Made, staff: Client) -> None:
    staff.post(ADDRESS, CHOSEN)
    run = AnalysisRun.objects.get()
    begun = domain.begin(run.pk)
    assert begun is not None
    domain.fail(begun, "ValueError: spoilt")
    assert f'name="again" value="{run.pk}"' in staff.get(reverse("analysis:result", args=[run.pk])).content.decode()
    staff.post(ADDRESS, {"again": str(run.pk)})
    assert [one.parameters for one in AnalysisRun.objects.all()] == [run.parameters] * 2


def test_days_and_countries_leave_respondents_out(made: Made) -> None:
    from analysis.reports import compute

    for country, day in (("BR", 1), ("BR", 3), ("US", 1)):
        make_session(made, country, day=day)
    asked = choose(include_simulated=True, last_day=2, countries=("BR",), families=("rates",))
    report = compute(made.study, asked, lambda step: None)
    steps = report.results["tables"]["exclusions"]["rows"]
    assert [(step[0], step[2]) for step in steps] == [("complete sessions", 3), ("came by day 2", 2), ("from BR", 1)]
    assert report.results["facts"]["n_respondents"] == 1
    assert "Only people who came by day 2 of the study are counted." in report.warnings


def test_the_command_takes_the_same_choices(made: Made) -> None:
    options: dict[str, Any] = {"alpha": 0.01, "sesoi": 3.0, "seed": 7, "last_day": 2, "country": ["BR"]}
    call_command("analyse", study="tiny", family=["agreement", "rates"], stdout=StringIO(), **options)
    stored = AnalysisRun.objects.get().parameters
    assert [stored[name] for name in ("level", "sesoi", "seed", "last_day", "countries", "families")] == [
        0.99, 0.03, 7, 2, ["BR"], ["rates", "agreement"],
    ]  # fmt: skip
    with pytest.raises(CommandError, match="the level of significance must be above 0"):
        call_command("analyse", study="tiny", alpha=0.5)
    with pytest.raises(CommandError, match="unknown countries: XX"):
        call_command("analyse", study="tiny", country=["XX"])


def test_the_form_says_what_the_snapshot_is(made: Made, staff: Client) -> None:
    make_session(made, "BR", day=1)
    make_session(made, "US", day=3, is_simulated=True)
    make_session(made, "US", day=4, status=Status.ACTIVE)
    stand = stand_of(made.study)
    assert (stand.n_real, stand.n_simulated, stand.last_finished) == (1, 1, DAY_ONE + timedelta(days=2, minutes=10))
    assert stand.today == (timezone.now().date() - DAY_ONE.date()).days + 1
    page = staff.get(ADDRESS).content.decode()
    for told in (
        "all tables are read as of that one moment", "the last complete session is that of 3 March 2026, 09:10 UTC",
        f"Today is day {stand.today};", "1 complete session<", "1 simulated complete session more",
    ):  # fmt: skip
        assert told in page, told


def test_an_analysis_is_computed_again_and_says_whether_it_read_and_found_the_same(
    made: Made, staff: Client, full_report: Report
) -> None:
    first = store(made, full_report)
    page = staff.get(reverse("analysis:result", args=[first.pk])).content.decode()
    assert "Same choices before" not in page
    assert f'name="again" value="{first.pk}"' in page
    for changed, told in (
        ({}, "the same data, the same results to the byte"),
        (
            {"results": {**full_report.results, "tables": {}}},
            "the same data, other results by the same code, which must not be",
        ),
        ({"snapshot_hash": "1" * 64}, f"other data (SHA-256 <code>{full_report.snapshot_hash[:12]}…</code>)"),
    ):
        staff.post(ADDRESS, {"again": str(first.pk)})
        again = domain.begin(AnalysisRun.objects.latest("pk").pk)
        assert again is not None
        assert again.parameters == first.parameters
        domain.finish(again, replace(full_report, **changed))
        page = staff.get(reverse("analysis:result", args=[again.pk])).content.decode()
        assert f'<a href="/results/{first.pk}/">Analysis {first.pk}</a>: {told}' in page


def test_another_level_than_the_plans_is_said(made: Made, planned_report: Report, staff: Client) -> None:
    from analysis import cautions
    from analysis.plan import read_plan

    plan = read_plan(read_instrument(SHIPPED).structure)
    assert list(cautions.chosen(choose(include_simulated=True), plan)) == []
    (told,) = cautions.chosen(choose(include_simulated=True, level=0.99), plan)
    assert told.startswith("Intervals and tables use a level of 0.01; the plan declares 0.05")
    assert store(made, planned_report).plan_hash == planned_report.plan_hash != ""
