"""Simulated participants walk the real pages, answer and behave as planted."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Q, QuerySet
from pytest_django.live_server_helper import LiveServer
from scipy.stats import binomtest

from survey.domain.studies import launch_study
from survey.enums import Choice, Question, Relation, Status
from survey.models import Participant, QualityFlag, QuotaCell, Response, SurveySession
from survey.simulation import ItemFacts, Planted, World, draw_person
from tests.factories import make_study


@pytest.mark.django_db(transaction=True)
def test_crowd_walks_over_http_and_is_marked(live_server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study("sim")
    call_command("simulate_participants", study="sim", n=10, base_url=live_server.url, at_once=4)
    assert set(Participant.objects.values_list("is_simulated", flat=True)) == {True}
    assert Counter(SurveySession.objects.values_list("arm__country", flat=True)) == dict.fromkeys(
        study.version.structure["arms"], 2
    )
    complete = SurveySession.objects.filter(status=Status.COMPLETE)
    assert len(complete) >= 8
    for session in complete:
        items = [page["item"] for page in session.plan if "item" in page]
        assert Response.objects.filter(session=session).count() == 2 * len(items)
    n_responses = Response.objects.count()
    call_command("simulate_participants", study="sim", n=10, base_url=live_server.url)
    assert "10 were there already" in capsys.readouterr().out
    assert (Participant.objects.count(), Response.objects.count()) == (10, n_responses)


@pytest.mark.django_db
def test_site_that_does_not_answer_is_named() -> None:
    make_study("sim")
    with pytest.raises(CommandError, match="does not answer"):
        call_command("simulate_participants", study="sim", n=1, base_url="http://127.0.0.1:9")


@pytest.mark.django_db
def test_unknown_study_is_named() -> None:
    with pytest.raises(CommandError, match="there is no study 'nowhere'"):
        call_command("simulate_participants", study="nowhere")


def test_planted_probability_moves_as_planted() -> None:
    world = World(Planted(), {}, {"BR": frozenset({"SG"})})
    person = draw_person("one", "BR", world.planted)

    def p(country: str, question: Question = Question.PERSONAL, first: bool = True) -> float:
        return world.p_culture(person, ItemFacts("X", country), question, culture_is_first=first)

    assert [world.relation("BR", c) for c in ("BR", "SG", "IN")] == [Relation.SAME, Relation.CLOSE, Relation.FAR]
    assert p("BR") < p("SG") < p("IN")
    assert p("BR") < p("BR", Question.NORM)
    assert p("BR") > p("BR", first=False)


def test_person_is_wholly_drawn_from_the_name() -> None:
    people = [draw_person(f"n{i}", "US", Planted()) for i in range(400)]
    assert people[7] == draw_person("n7", "US", Planted())
    assert 0.01 <= sum(not one.consents for one in people) / 400 <= 0.07
    assert 0.02 <= sum(one.stops_after is not None for one in people) / 400 <= 0.11
    assert {Choice.CULTURE, Choice.PREFERENCE} == set(Choice)


KINDS = ("p_speeder", "p_straight_liner", "p_break", "p_double_click", "p_withdraws")
PLANTED = {**dict.fromkeys(KINDS, 0.2), "p_drop_out": 0.1, "p_inattentive": 0.1}


def read_truth(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def names(sessions: QuerySet[SurveySession]) -> set[str]:
    return set(sessions.values_list("participant__panel_identity__panel_person", flat=True))


@pytest.mark.django_db(transaction=True)
def test_cohort_behaves_as_its_truth_says(live_server: LiveServer, tmp_path: Path) -> None:
    make_study("sim")
    QuotaCell.objects.update(target=100)  # nobody is turned away
    call_command(
        "simulate_participants",
        study="sim",
        n=60,
        base_url=live_server.url,
        at_once=4,
        truth=tmp_path / "truth.csv",
        plant=[f"{name}={value}" for name, value in PLANTED.items()],
    )
    truth = read_truth(tmp_path / "truth.csv")
    assert len(truth) == Participant.objects.count() == SurveySession.objects.count() == 60
    # Who is let in and attentive goes as far as planted; each kind is seen in the database on exactly its people.
    admitted = {
        name: row
        for name, row in truth.items()
        if row["consents"] == row["is_attentive"] == "True" and row["is_elsewhere"] == "False"
    }
    stops = {name for name, row in admitted.items() if is_before(row["stops_after"], row["withdraws_after"])}
    withdraws = {name for name, row in admitted.items() if row["withdraws_after"]} - stops
    finishes = set(admitted) - stops - withdraws
    assert names(SurveySession.objects.filter(status=Status.COMPLETE)) & set(admitted) == finishes
    assert names(SurveySession.objects.filter(status=Status.WITHDREW)) & set(admitted) == withdraws
    assert names(SurveySession.objects.filter(status=Status.NO_CONSENT)) == {
        name for name, row in truth.items() if row["consents"] == "False"
    }
    lines = {name for name in finishes if truth[name]["is_straight_liner"] == "True"}
    first = Q(choice="culture", option_order="culture_first") | Q(choice="preference", option_order="preference_first")
    sessions = SurveySession.objects.filter(status=Status.COMPLETE)
    in_line = sessions.exclude(pk__in=Response.objects.exclude(first).values("session"))
    assert names(in_line) & finishes == lines
    assert lines <= names(sessions.filter(quality_flags__name="same_position_run"))
    # Who breaks off, or clicks twice, has one session with each answer once, like everybody else.
    for kind in ("breaks_after", "is_double_clicker"):
        of_kind = finishes & {name for name, row in truth.items() if row[kind] not in {"", "False"}}
        assert of_kind, kind
        for session in sessions.filter(participant__panel_identity__panel_person__in=of_kind):
            n_items = sum("item" in page for page in session.plan)
            assert session.responses.count() == 2 * n_items
    assert not QualityFlag.objects.filter(name="too_fast").exists()  # nobody was sent to take time
    for column in ("is_speeder", "is_straight_liner", "breaks_after", "is_double_clicker", "withdraws_after"):
        n = sum(row[column] not in {"", "False"} for row in truth.values())
        assert binomtest(n, 60, 0.2).pvalue > 0.001, column


def is_before(stops: str, withdraws: str) -> bool:
    """Say whether a walk is left before its person withdraws; stopping comes first on the same page."""
    return bool(stops) and (not withdraws or int(stops) <= int(withdraws))


@pytest.mark.django_db(transaction=True)
def test_speeders_are_flagged_where_the_walk_takes_time(
    no_instrument: None, live_server: LiveServer, tmp_path: Path
) -> None:
    study = make_study("sim", live=False)
    study.version.structure = study.version.structure | {"flags": {"too_fast": 0.4}, "exclusions": []}
    study.version.save(update_fields=["structure"])
    launch_study(study)
    call_command(
        "simulate_participants",
        study="sim",
        n=5,
        seed=4,  # two speeders among five
        base_url=live_server.url,
        at_once=5,
        seconds_per_page=0.7,
        truth=tmp_path / "truth.csv",
        plant=[*(f"{name}=0" for name in ("p_no_consent", "p_elsewhere", "p_inattentive", "p_drop_out", *KINDS[1:])),
               "p_speeder=0.4"],
    )  # fmt: skip
    speeders = {name for name, row in read_truth(tmp_path / "truth.csv").items() if row["is_speeder"] == "True"}
    assert len(speeders) == 2
    assert names(SurveySession.objects.filter(quality_flags__name="too_fast")) == speeders
    assert SurveySession.objects.filter(status=Status.COMPLETE).count() == 5


@pytest.mark.django_db
@pytest.mark.parametrize("setting", ["p_speeder", "p_speeder=often", "p_nothing=0.1", "p_speeder=2", "country=1"])
def test_rate_that_cannot_be_planted_is_named(setting: str) -> None:
    make_study("sim")
    with pytest.raises(CommandError, match=r"p_speeder|NAME=VALUE"):
        call_command("simulate_participants", study="sim", plant=[setting])


def test_one_kinds_rate_leaves_the_others_as_they_are() -> None:
    usual = [draw_person(f"n{i}", "US", Planted()) for i in range(300)]
    other = [draw_person(f"n{i}", "US", Planted(p_straight_liner=0.5)) for i in range(300)]
    assert [one._replace(is_straight_liner=False) for one in usual] == [
        one._replace(is_straight_liner=False) for one in other
    ]
    assert {one.pace for one in usual if one.is_speeder} == {0.1}
    assert min(one.pace for one in usual if not one.is_speeder) > 0.3
