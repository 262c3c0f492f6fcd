"""Simulated participants walk the real pages and answer as planted."""

from collections import Counter

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from survey.enums import Choice, Question, Relation, Status
from survey.models import Participant, Response, SurveySession
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
