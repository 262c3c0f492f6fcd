"""What the exports make of runs: both orders together, methods apart, the paper's decisions, yoked replays."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest
from django.utils import timezone

from analysis.columns import COMPLETIONS
from analysis.extract import Selection
from analysis.frames import extract
from analysis.model_columns import PROBABILITIES
from analysis.paper_columns import DECISIONS, PREDICTIONS
from survey.enums import Choice, OptionOrder, Question, Status
from survey.flow.wording import word_item
from survey.llm import domain, tasks
from survey.llm.design import Design, behaviour
from survey.llm.enums import LocaleSource, Method, PromptCondition, RunKind
from survey.llm.experiment import Experiment
from survey.llm.models import Completion, ModelSpec, Run
from survey.llm.prompts import Persona
from survey.models import Participant, Response, Study, SurveySession
from survey.queries import text_catalogue

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("in_process")


def conduct(study: Study, design: Design, spec: ModelSpec) -> Run:
    run = domain.create_run(Experiment(study, design, [spec], list(study.version.items.order_by("code"))))
    tasks.start_run.delay(run.pk)
    run.refresh_from_db()
    return run


def read(table: object, study: Study) -> pd.DataFrame:
    return extract(table, study, Selection()).frame  # type: ignore[arg-type]


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_export_puts_both_orders_together_and_keeps_methods_apart(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec(parameters={"culture_logit": 0.5, "order_bias": 1.0})
    design = Design(methods=(Method.FIRST_TOKEN, Method.SAMPLE, Method.VERBALISED), n_samples=20)
    conduct(study, design, spec)
    frame = read(PROBABILITIES, study)
    assert len(frame) == 3 * 2 * 3
    token = frame[frame["method"] == "first_token"]
    assert token["p_culture"].to_numpy(float) == pytest.approx([(logistic(1.5) + logistic(-0.5)) / 2] * 6)
    assert token["order_bias"].to_numpy(float) == pytest.approx([logistic(1.5) - logistic(-0.5)] * 6)
    assert token["label_mass"].to_numpy(float) == pytest.approx([0.97] * 6)
    sampled = frame[frame["method"] == "sample"]
    assert list(sampled["n_answers"]) == [40] * 6
    for row in sampled.itertuples():
        answers = Completion.objects.filter(
            cell__item__code=row.item_code, cell__question=row.question, cell__method="sample"
        )
        choices = [list(answers.filter(cell__option_order=o).values_list("choice", flat=True)) for o in OptionOrder]
        shares = [own.count(Choice.CULTURE) / len([one for one in own if one]) for own in choices]
        assert row.p_culture == pytest.approx(sum(shares) / 2)
    assert set(frame.loc[frame["method"] == "verbalised", "p_culture"].round(3)) == {round((0.82 + 0.38) / 2, 3)}


def test_behaviour_run_becomes_the_papers_decisions(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec(parameters={"culture_logit": 1.0, "preference_shift": {"swapped": -3.0}})
    conduct(study, behaviour(), spec)
    frame = read(DECISIONS, study)
    assert len(frame) == 3 * 5 * 3 * 2
    by_config = frame.groupby("eval_pref_config", observed=True)["eval_decision"].agg(set)
    assert dict(by_config) == {
        "actor_pref_only": {"FOLLOW_CULTURE"}, "swapped": {"ALLOW_PREFERENCE"}, "both_prefs": {"FOLLOW_CULTURE"},
    }  # fmt: skip
    assert set(frame["base_country"]) == {"Brazil", "Myanmar", "South Africa"}
    assert read(PREDICTIONS, study).empty


def test_unreadable_decision_is_unknown(study: Study, make_spec: MakeSpec) -> None:
    conduct(study, behaviour(), make_spec(parameters={"refusal_rate": 1.0}))
    assert set(read(DECISIONS, study)["eval_decision"]) == {"UNKNOWN"}


def test_predictions_take_one_method_and_the_item_as_people_read_it(study: Study, make_spec: MakeSpec) -> None:
    """Samples and balanced prompts that say otherwise do not move what the log-probabilities say."""
    spec = make_spec(parameters={"culture_logit": 0.2, "condition_shift": {"balance": -9.0}, "verbal_slope": -9.0})
    design = Design(
        personas=(None, Persona(age="older"), Persona("BR", "older", "male")),
        methods=(Method.FIRST_TOKEN, Method.VERBALISED),
        conditions=tuple(PromptCondition),
        locales=(LocaleSource.SOURCE,),
    )
    conduct(study, design, spec)
    frame = read(PREDICTIONS, study)
    assert len(frame) == 3 * 2  # a persona by age alone has no place in the paper's file
    assert set(frame["llm_personal"]) == set(frame["llm_norm"]) == {"A"}


# --- Yoked ---------------------------------------------------------------------------------------


@pytest.fixture
def session(study: Study) -> SurveySession:
    """A complete session of two pages, the second with the preference first and the norm question first."""
    now = timezone.now()
    participant = Participant.objects.create(study=study, is_simulated=True)
    pages = [("T02", "culture_first", ["personal", "norm"]), ("T01", "preference_first", ["norm", "personal"])]
    session = SurveySession.objects.create(
        participant=participant, arm=study.arms.get(country="BR"), version=study.version, token="t" * 43,
        status=Status.COMPLETE, locale="en-US", seed=1, option_order="culture_first", landed_at=now,
        last_activity_at=now, finished_at=now, receipt="R234567890",
        plan=[
            {"kind": "scenario", "item": item, "option_order": order, "questions": questions}
            for item, order, questions in pages
        ],
    )  # fmt: skip
    for position, (code, order, questions) in enumerate(pages):
        wording = word_item(text_catalogue(study.version_id, "en-US"), code)
        for question in sorted(questions):
            Response.objects.create(
                session=session, item=study.version.items.get(code=code), question=question, choice="culture",
                option_order=order, position=position, locale="en-US", served_at=now, submitted_at=now,
                text_hash=wording.digest(Question(question), OptionOrder(order)),
            )  # fmt: skip
    return session


def test_yoked_run_puts_exactly_what_a_session_saw(study: Study, session: SurveySession, make_spec: MakeSpec) -> None:
    design = Design(kind=RunKind.YOKED, personas=(None, Persona("BR")))
    run = conduct(study, design, make_spec())
    cells = run.cells.order_by("pk").values_list("session", "position", "item__code", "question", "option_order")
    seen = [
        (session.pk, 0, "T02", "personal", "culture_first"), (session.pk, 0, "T02", "norm", "culture_first"),
        (session.pk, 1, "T01", "norm", "preference_first"), (session.pk, 1, "T01", "personal", "preference_first"),
    ]  # fmt: skip
    assert list(cells) == [each for each in seen for _ in range(2)]
    assert set(run.cells.values_list("persona_country", flat=True)) == {"", "BR"}
    assert set(Completion.objects.values_list("text_hash")) == set(Response.objects.values_list("text_hash"))
    frame = read(COMPLETIONS, study)
    assert frame["yoked_to"].nunique() == 1


def test_withdrawn_session_is_not_replayed_nor_exported(
    study: Study, session: SurveySession, make_spec: MakeSpec
) -> None:
    design = Design(kind=RunKind.YOKED)
    spec = make_spec()
    conduct(study, design, spec)
    SurveySession.objects.filter(pk=session.pk).update(status=Status.WITHDREW)
    assert read(COMPLETIONS, study).empty
    with pytest.raises(ValueError, match="nothing to replay"):
        conduct(study, design, spec)
