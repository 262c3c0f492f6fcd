"""The dashboard's counts."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from analysis.fieldwork import Fieldwork
from analysis.model_runs import model_runs
from analysis.watched import EVERYBODY, Watched
from survey.enums import AgeBand, Gender, Status
from survey.llm.enums import CellState, ProviderName
from survey.llm.models import Cell
from survey.models import SurveySession
from tests.analysis.conftest import Made, fill_models, make_completion, make_run, make_session, make_spec


def come_alive(session: SurveySession) -> None:
    SurveySession.objects.filter(pk=session.pk).update(last_activity_at=timezone.now() - timedelta(minutes=2))


def test_quota_cells_count_complete_sessions_of_their_kind(made: Made) -> None:
    make_session(made, age_band=AgeBand.A18_24, gender=Gender.WOMAN)
    make_session(made, age_band=AgeBand.A35_44, gender=Gender.WOMAN, is_simulated=True)
    make_session(made, age_band=AgeBand.A65, gender=Gender.MAN)
    make_session(made, age_band=AgeBand.A65, gender=Gender.ANOTHER)
    brazil = Fieldwork(made.study).countries[0]
    assert [(fill.label, fill.n_complete, fill.target) for fill in brazil.fills] == [
        ("All", 4, 8),
        ("Younger women", 2, 2),
        ("Younger men", 0, 2),
        ("Older women", 0, 2),
        ("Older men", 1, 2),
    ]
    assert (brazil.n_outside, brazil.n_simulated) == (1, 1)


def test_only_recent_sessions_are_live(made: Made) -> None:
    make_session(made, status=Status.ACTIVE)
    come_alive(make_session(made, status=Status.ACTIVE))
    come_alive(make_session(made))
    assert Fieldwork(made.study).n_live == 1


def test_funnel_counts_who_came_so_far(made: Made) -> None:
    make_session(made)
    make_session(made, status=Status.ACTIVE, answers={"BR00": ("culture", "culture")})
    make_session(made, status=Status.LANDED, answers={}, position=0)
    make_session(made, status=Status.NO_CONSENT, answers={}, position=0)
    make_session(made, status=Status.SCREENED_OUT, answers={}, position=1)
    counts = {step.name: step.n for step in Fieldwork(made.study).funnel}
    assert counts == {
        "Landed": 5,
        "Gave consent": 3,
        "Admitted": 2,
        "Answered an item": 2,
        "Passed 25% of the pages": 2,
        "Passed 50% of the pages": 1,
        "Passed 75% of the pages": 1,
        "Answered everything": 1,
        "Complete": 1,
    }


def test_unfinished_sessions_stand_at_their_page(made: Made) -> None:
    make_session(made)
    make_session(made, status=Status.ACTIVE, answers={"BR00": ("culture", "culture")})
    come_alive(make_session(made, status=Status.LANDED, answers={}, position=0))
    pages = {stop.page: (stop.n_reached, stop.n_stopped, stop.n_live) for stop in Fieldwork(made.study).page_stops}
    assert list(pages) == [
        "Consent", "Instructions", "Scenario 1", "Scenario 2", "Scenario 3", "Demographics", "Debrief",
    ]  # fmt: skip
    assert pages["Consent"] == (3, 0, 1)
    assert pages["Scenario 2"] == (2, 1, 0)
    assert pages["Debrief"] == (1, 0, 0)


def test_plan_with_language_page_counts_its_scenarios_alike(made: Made) -> None:
    session = make_session(made, status=Status.ACTIVE, answers={"BR00": ("culture", "culture")})
    plan = [{"kind": "language"}, *session.plan]
    SurveySession.objects.filter(pk=session.pk).update(plan=plan, position=4)
    stops = {stop.page: stop.n_stopped for stop in Fieldwork(made.study).page_stops}
    assert stops["Language"] == 0
    assert stops["Scenario 2"] == 1


def test_last_answers_are_newest_first_one_of_each_person(made: Made) -> None:
    make_session(made, "BR")
    make_session(made, "US", day=2, answers={"BR00": ("culture", "culture")})
    make_session(made, "US", day=3, answers={})
    make_session(made, "US", day=4, status=Status.WITHDREW)
    answers = Fieldwork(made.study).last_answers
    assert [(answer.country, answer.item) for answer in answers] == [
        ("United States of America", "BR00"),
        ("Brazil", "MM02"),
    ]


def test_choice_narrows_sessions_by_country_locale_day_and_kind(made: Made) -> None:
    make_session(made, "BR", day=1)
    make_session(made, "US", day=2)
    make_session(made, "US", day=3, is_simulated=True)
    wanted = {
        "": 3,
        "country=US": 2,
        "locale=pt-BR": 1,
        "from=2026-03-02": 2,
        "to=2026-03-02": 2,
        "from=2026-03-02&to=2026-03-02": 1,
        "data=real": 2,
        "country=US&data=real": 1,
        "country=XX&from=yesterday": 3,
    }
    for query, n in wanted.items():
        assert Fieldwork(made.study, Watched.read(QueryDict(query).dict())).n_landed == n, query


def test_choice_is_written_as_it_was_read() -> None:
    query = "?country=BR&locale=pt-BR&from=2026-03-01&to=2026-03-05&data=real"
    watched = Watched.read(QueryDict(query[1:]).dict())
    assert watched.query == query
    assert watched.words == "Brazil, pt-BR, from 2026-03-01, to 2026-03-05, real people only"
    assert (EVERYBODY.query, EVERYBODY.words) == ("", "")


def test_dropout_leaves_out_who_was_sent_home_or_is_under_way(made: Made) -> None:
    make_session(made)
    make_session(made, status=Status.ACTIVE, answers={})
    make_session(made, status=Status.WITHDREW, answers={})
    make_session(made, status=Status.SCREENED_OUT, answers={}, position=1)
    make_session(made, status=Status.NO_CONSENT, answers={}, position=0)
    come_alive(make_session(made, status=Status.ACTIVE, answers={}))
    work = Fieldwork(made.study)
    assert [(one.key, one.n_stopped, one.n) for one in work.dropouts_by_country] == [("BR", 2, 3), ("US", 0, 0)]
    assert [(one.key, one.n_stopped, one.n) for one in work.dropouts_by_locale] == [("pt-BR", 2, 3)]


def test_translation_counts_by_status(made: Made) -> None:
    english, portuguese = Fieldwork(made.study).locales
    assert (english.locale, english.n_drafts, english.by_status) == ("en-US", 0, [0, 18, 0, 0, 0])
    assert (portuguese.locale, portuguese.n_drafts) == ("pt-BR", 18)


def test_model_runs_count_answers_by_where_they_came_from(made: Made) -> None:
    fill_models(made)
    runs = model_runs(made.study)
    assert (runs.n_runs, runs.n_real, runs.n_simulated) == (1, 36, 36)
    assert (runs.shown[0].n_cells, runs.shown[0].n_ended) == (72, 72)


def test_model_run_tells_unread_and_failed_cells(made: Made) -> None:
    spec = make_spec(provider=ProviderName.SIMULATED)
    run = make_run(made, spec)
    make_completion(run, spec, made.items[0], choice="")
    make_completion(run, spec, made.items[1])
    make_completion(run, spec, made.items[2])
    Cell.objects.filter(item=made.items[1]).update(state=CellState.ERROR)
    Cell.objects.filter(item=made.items[2]).update(state=CellState.TODO)
    stand = model_runs(made.study).shown[0]
    assert (stand.n_cells, stand.n_ended, stand.n_unread, stand.n_errors) == (3, 2, 1, 1)


@pytest.mark.parametrize("n", [0, 3])
def test_empty_and_full_study_answer_every_question(made: Made, n: int) -> None:
    for _ in range(n):
        make_session(made)
    work = Fieldwork(made.study)
    assert (work.n_complete, work.n_target, work.n_real, work.n_simulated) == (n, 16, n, 0)
    assert work.funnel[-1].percent == (100 if n else 0)
