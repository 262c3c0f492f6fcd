"""Planning in the browser: the closed form at once, simulated studies by a worker, both in figure, table and CSV."""

import csv
import io
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError
from pytest_django import DjangoAssertNumQueries

from analysis import simulations, tasks
from analysis.curve import Simulated, draw_curve
from analysis.models import SampleSimulation
from analysis.sample_answers import closed_form, design_of, simulate_question, spread_of
from analysis.sample_questions import Kind, SampleQuestion, of_study
from analysis.stats.planning import components, normal_power
from pact_site.roles import Role
from survey.models import Study
from tests.analysis.conftest import Made
from tests.staff import sign_in

SMALL = SampleQuestion(effect=30, people=6, items=5, pool=10, runs=20)
State = SampleSimulation.State


@pytest.fixture(autouse=True)
def no_broker() -> Any:
    """Nothing is sent: the tests run the task themselves."""
    with patch.object(tasks.run_simulation, "delay", side_effect=OperationalError("away")) as sent:
        yield sent


def text(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_the_page_answers_at_once_what_the_command_says(
    staff: Client, capsys: pytest.CaptureFixture[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    question = SampleQuestion(people=100, items=24)
    intercept = spread_of(question).intercept
    call_command("plan_sample", "--people", "100", "--items", "24", "--intercept", str(intercept))
    out = capsys.readouterr().out
    power, needed = out.split("Power ")[1][:4], out.split("80% power: ")[-1].strip()
    with django_assert_num_queries(2):
        page = text(staff, reverse("analysis:planning"), people="100", items="24")
    assert f"find 5 points with a power of {power}" in page
    assert f"For a power of 0.80 it takes {needed} people per country" in page
    assert "<svg" in page
    assert 'scope="col">Simulated' not in page  # there is nothing to stand in that column yet


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_curve_table_and_csv(staff: Client, kind: Kind) -> None:
    query = SampleQuestion(kind=kind, people=20).as_query()
    page = text(staff, reverse("analysis:planning"), **query)
    assert "analysis_plan" not in page
    response = staff.get(reverse("analysis:planning_csv"), query)
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    values = [float(row["closed_form"]) for row in rows]
    assert values == sorted(values)
    assert {row["simulated"] for row in rows} == {"NA"}
    assert "20" in [row["people"] for row in rows]


def test_the_wanted_power_is_reached_at_the_number_that_is_told() -> None:
    for kind in (Kind.COUNTRIES, Kind.OWN_CULTURE):
        question = SampleQuestion(kind=kind, tests=10, alpha=0.05, effect=8)
        needed = closed_form(question)["needed"]
        parts = components(spread_of(question))
        here, less = (normal_power(parts, design_of(question, n), 0.08, 0.005) for n in (needed, needed - 1))
        assert less < 0.8 <= here + 1e-9
    question = SampleQuestion(kind=Kind.DISAGREEMENT)
    curve = dict(closed_form(question)["curve"])
    assert curve[closed_form(question)["needed"]] >= 0.8


def test_no_number_of_people_can_be_enough(staff: Client) -> None:
    page = text(staff, reverse("analysis:planning"), is_shared="0", pool="24")
    assert "No number of people is enough" in page
    page = text(staff, reverse("analysis:planning"), kind="disagreement", item_sd="0")
    assert "No number of answers up to 2,000 reaches 0.80" in page


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("people", "1", "must be a whole number from 2 to 2000"),
        ("people", "2.5", "must be a whole number"),
        ("effect", "nan", "must be a number from 0.5 to 60"),
        ("effect", "much", "much is no number"),
        ("kind", "luck", "choose what shall be found"),
        ("pool", "3", "a person cannot judge more items than there are in all"),
        ("study", "", ""),
    ],
)
def test_nonsense_is_said_beside_the_form(staff: Client, field: str, value: str, told: str) -> None:
    response = staff.get(reverse("analysis:planning"), {field: value})
    page = response.content.decode()
    assert (response.status_code, told in page, "<svg" in page) == ((422, True, False) if told else (200, True, True))
    assert staff.get(reverse("analysis:planning_csv"), {field: value}).status_code == (422 if told else 200)


def test_what_would_take_an_hour_is_refused(staff: Client) -> None:
    response = staff.post(reverse("analysis:planning"), {"people": "2000", "items": "200", "runs": "1000"})
    assert (response.status_code, SampleSimulation.objects.count()) == (422, 0)


def test_simulated_studies_stand_beside_the_closed_form(staff: Client) -> None:
    response = staff.post(reverse("analysis:planning"), SMALL.as_query())
    run = SampleSimulation.objects.get()
    address = reverse("analysis:planning_simulation", args=[run.pk])
    assert (response["Location"], run.state, run.n_wanted) == (address, State.QUEUED, 60)
    assert f'data-refresh-url="{reverse("analysis:planning_live", args=[run.pk])}"' in text(staff, address)
    begun = simulations.begin(run.pk)
    assert begun is not None
    simulations.note_done(begun, 30)
    live = staff.get(reverse("analysis:planning_live", args=[run.pk]))
    assert ("30 of 60 studies simulated" in live.content.decode(), "X-Refresh" in live) == (True, False)
    SampleSimulation.objects.update(state=State.QUEUED)
    tasks.run_simulation(run.pk)
    run.refresh_from_db()
    assert (run.state, run.n_done, [point["people"] for point in run.points]) == (State.DONE, 60, [3, 6, 12])
    assert run.points == simulate_question(SMALL, lambda n: None)  # the seed decides
    page = text(staff, address)
    for point in run.points:
        assert point["ci_low"] <= point["estimate"] <= point["ci_high"]
        assert f"{point['estimate']:.2f} [{point['ci_low']:.2f}, {point['ci_high']:.2f}]" in page
    assert page.count('class="mark square"') == 3
    assert staff.get(reverse("analysis:planning_live", args=[run.pk]))["X-Refresh"] == "stop"
    rows = csv.DictReader(io.StringIO(text(staff, reverse("analysis:planning_simulation_csv", args=[run.pk]))))
    assert {row["people"]: float(row["simulated"]) for row in rows if row["simulated"] != "NA"} == {
        str(point["people"]): point["estimate"] for point in run.points
    }


def test_simulated_disagreement_agrees_with_its_closed_form() -> None:
    question = SampleQuestion(kind=Kind.DISAGREEMENT, people=20, items=60, runs=200)
    curve = dict(closed_form(question)["curve"])
    for point in simulate_question(question, lambda n: None):
        assert point["ci_low"] - 0.02 <= curve[point["people"]] <= point["ci_high"] + 0.02


def test_a_question_is_simulated_once(staff: Client) -> None:
    for _ in range(2):
        staff.post(reverse("analysis:planning"), SMALL.as_query())
    assert SampleSimulation.objects.count() == 1
    run = SampleSimulation.objects.get()
    begun = simulations.begin(run.pk)
    assert (begun is not None, simulations.begin(run.pk)) == (True, None)
    assert begun is not None
    simulations.fail(begun, "gone")
    staff.post(reverse("analysis:planning"), SMALL.as_query())
    assert SampleSimulation.objects.count() == 2


def test_a_failure_is_told_and_dead_workers_are_replaced(staff: Client, no_broker: Any) -> None:
    run = simulations.request_simulation(SMALL)
    with patch("analysis.sample_answers.simulate_question", side_effect=ValueError("no memory")):
        tasks.run_simulation(run.pk)
    assert "ValueError: no memory" in text(staff, reverse("analysis:planning_simulation", args=[run.pk]))
    SampleSimulation.objects.update(state=State.RUNNING, heartbeat_at="2026-01-01T00:00:00Z")
    no_broker.side_effect = None
    with patch.object(tasks.make_release, "delay"), patch.object(tasks.run_analysis, "delay"):
        tasks.sweep()
    run.refresh_from_db()
    assert run.state == State.QUEUED
    no_broker.assert_called_once_with(run.pk)


def test_a_studys_design_fills_the_form(made: Made, staff: Client) -> None:
    found = of_study(Study.objects.get(code="tiny"))
    assert (found.people, found.kind, found.is_shared) == (8, Kind.COUNTRIES, True)
    page = text(staff, reverse("analysis:planning"), study="tiny")
    assert 'name="people" value="8"' in page
    assert "Filled in with the design of" in page
    assert staff.get(reverse("analysis:planning"), {"study": "nowhere"}).status_code == 404


def test_who_only_watches_plans_but_starts_no_work(db: None) -> None:
    client = sign_in(Role.VIEWER, name="viewer")
    page = text(client, reverse("analysis:planning"))
    assert "Simulate 200 studies" not in page
    assert client.post(reverse("analysis:planning"), SMALL.as_query()).status_code == 403


def test_the_curve_is_drawn_to_scale_and_told_in_words() -> None:
    drawn = draw_curve(
        "c", "Power", [(0, 0.0), (50, 0.5), (100, 1.0)], [Simulated(50, 0.4, 0.3, 0.5)], wanted=0.8, asked=50
    )
    assert drawn.path == "M34.0 196.0 L192.0 103.0 L350.0 10.0"
    assert (drawn.points[0].x, drawn.points[0].y, drawn.points[0].top) == (192.0, 121.6, 103.0)
    assert [tick.label for tick in drawn.x_ticks] == ["0", "50", "100"]
    assert "simulated at 50: 0.40 [0.30, 0.50]" in drawn.description
