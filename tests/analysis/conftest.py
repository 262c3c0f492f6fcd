"""A small study with real rows: three items, two countries, people and simulated ones, two models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, product
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from analysis import domain
from analysis.models import AnalysisRun
from analysis.parameters import Parameters, choose
from analysis.reports import Report, compute
from survey.domain.quotas import lock_cell
from survey.enums import AgeBand, AgeBucket, Choice, Gender, LeaseState, Locale, OptionOrder, Question, Relation, Status
from survey.flow.status import FINAL
from survey.llm.enums import PromptCondition, ProviderName, RunKind, Stage
from survey.models import (
    Arm,
    Assignment,
    Consent,
    Demographics,
    Instrument,
    InstrumentVersion,
    Item,
    Lease,
    PanelIdentity,
    Participant,
    QuotaCell,
    Response,
    Study,
    SurveySession,
    Text,
)
from tests.analysis.model_answers import completion_of, store_completions
from tests.analysis.model_answers import make_completion as make_completion
from tests.analysis.model_answers import make_run as make_run
from tests.analysis.model_answers import make_spec as make_spec
from tests.factories import SHIPPED_DEFINITION
from tests.staff import make_staff

DAY_ONE = datetime(2026, 3, 1, 9, tzinfo=UTC)
STRUCTURE: dict[str, Any] = {
    "code": "tiny",
    "source_locale": "en-US",
    "option_order": "participant",
    "question_order": "fixed",
    "questions": ["personal", "norm"],
    "blocks": ["language", "consent", "instructions", "scenario", "demographics", "debrief"],
    "attention_checks": [],
    "exclusions": [],
    "flags": {},
    "fluencies": ["fluent"],
    "age_buckets": {
        "18-24": "younger",
        "25-34": "younger",
        "35-44": "younger",
        "45-54": "older",
        "55-64": "older",
        "65+": "older",
    },
    "arms": {"BR": {"close": ["MM"], "far": ["US"]}, "US": {"close": ["CA"], "far": ["BR"]}},
}
FIELDS = ("actor", "scenario", "expectation", "preference", "choice_culture", "choice_preference")
N_BEFORE_SCENARIOS = 2  # consent and instructions
TOKENS = count(1)


@dataclass(frozen=True)
class Made:
    """What the fixture made."""

    study: Study
    items: list[Item]
    arms: dict[str, Arm]


def make_study(code: str = "tiny", *, n_items: int = 3) -> Made:
    """Create a live study on an instrument of its own."""
    instrument = Instrument.objects.create(code=code)
    version = InstrumentVersion.objects.create(
        instrument=instrument, number=1, content_hash=code.rjust(64, "0"), structure=STRUCTURE
    )
    countries = ["BR", "US", "MM"]
    items = [make_item(version, number, countries[number % 3]) for number in range(n_items)]
    study = Study.objects.create(
        code=code,
        title=f"Study {code}",
        version=version,
        state="live",
        launched_at=DAY_ONE,
        unblinded_at=DAY_ONE,
    )
    arms = {}
    for country, locale in (("BR", Locale.PT_BR), ("US", Locale.EN_US)):
        arms[country] = Arm.objects.create(study=study, country=country, locales=[locale])
        QuotaCell.objects.bulk_create(
            QuotaCell(arm=arms[country], age_bucket=bucket, gender=gender, target=2)
            for bucket, gender in product(AgeBucket, (Gender.WOMAN, Gender.MAN))
        )
    return Made(study, items, arms)


def make_item(version: InstrumentVersion, number: int, country: str) -> Item:
    item = Item.objects.create(
        version=version,
        code=f"{country}{number:02}",
        scenario_country=country,
        actor_country=country,
        actor_age="younger",
        actor_gender="female",
        receiver_country=country,
        receiver_age="older",
        receiver_gender=["female", "male"][number % 2],
        theme="food_hospitality",
        is_core=number == 0,
        source_note="made for tests",
    )
    Text.objects.bulk_create(
        Text(
            version=version,
            locale=locale,
            key=f"items.{item.code}.{field}",
            body=f'{field} of "{item.code}", in {locale}',
            status="machine draft" if locale == Locale.PT_BR else "reviewed",
        )
        for locale in (Locale.EN_US, Locale.PT_BR)
        for field in FIELDS
    )
    return item


def make_session(
    made: Made,
    country: str = "BR",
    *,
    answers: Mapping[str, tuple[str | None, str | None]] | None = None,
    status: Status = Status.COMPLETE,
    age_band: str = AgeBand.A25_34,
    gender: str = Gender.WOMAN,
    is_simulated: bool = False,
    day: int = 1,
    position: int | None = None,
    order: OptionOrder = OptionOrder.CULTURE_FIRST,
) -> SurveySession:
    """Create one session; `answers` maps item codes to (personal, norm), by default all follow the culture."""
    answers = {item.code: ("culture", "culture") for item in made.items} if answers is None else answers
    landed = DAY_ONE + timedelta(days=day - 1)
    participant = Participant.objects.create(study=made.study, is_simulated=is_simulated)
    person = f"person{next(TOKENS)}"
    PanelIdentity.objects.create(
        participant=participant,
        study=made.study,
        panel="simulated" if is_simulated else "prolific",
        panel_person=person,
        panel_submission=f"submission-of-{person}",
    )
    plan = [{"kind": "consent"}, {"kind": "instructions"}]
    plan += [{"kind": "scenario", "item": item.code} for item in made.items]
    plan += [{"kind": "demographics"}, {"kind": "debrief"}]
    is_complete = status == Status.COMPLETE
    session = SurveySession.objects.create(
        participant=participant,
        arm=made.arms[country],
        version=made.study.version,
        token=f"token-{next(TOKENS):06}",
        receipt=f"R{next(TOKENS):06}",
        status=status,
        locale=made.arms[country].locales[0],
        seed=1,
        option_order=order,
        plan=plan,
        position=(len(plan) if is_complete else len(answers) + N_BEFORE_SCENARIOS) if position is None else position,
        landed_at=landed,
        last_activity_at=landed + timedelta(minutes=5),
        finished_at=landed + timedelta(minutes=10) if status in FINAL else None,
    )
    if status != Status.LANDED:
        _store_answers(session, made, answers, landed, order)
    if is_complete:
        Demographics.objects.create(session=session, age_band=age_band, gender=gender, country=country)
        cell = lock_cell(session.arm_id, age_bucket=STRUCTURE["age_buckets"].get(age_band, ""), gender=gender)
        if cell is not None:
            Lease.objects.create(session=session, cell=cell, state=LeaseState.COMPLETE)
    return session


def _store_answers(session: SurveySession, made: Made, answers: Any, landed: datetime, order: OptionOrder) -> None:
    is_given = session.status != Status.NO_CONSENT
    Consent.objects.create(
        session=session, consent_version="1", locale=session.locale, text_hash="c" * 64, is_given=is_given
    )
    relations = {session.arm.country: Relation.SAME, "MM": Relation.CLOSE}
    assignments, responses = [], []
    for number, item in enumerate(made.items, start=1):
        relation = relations.get(item.scenario_country, Relation.FAR)
        assignments.append(Assignment(session=session, item=item, relation=relation, number=number))
        given = answers.get(item.code, (None, None))
        served = landed + timedelta(minutes=number)
        for question, choice in zip((Question.PERSONAL, Question.NORM), given, strict=True):
            if choice is not None and is_given:
                response = Response(
                    session=session,
                    item=item,
                    question=question,
                    choice=choice,
                    option_order=order,
                    position=number + 1,
                    locale=session.locale,
                    text_hash="f" * 64,
                    served_at=served,
                    submitted_at=served + timedelta(milliseconds=12_345 + number),
                )
                responses.append(response)
    Assignment.objects.bulk_create(assignments)
    Response.objects.bulk_create(responses)


def fill(made: Made, n_per_country: int = 6, *, n_simulated: int = 0) -> None:
    """Add complete sessions whose answers vary over people and items, and two models that answer everything."""
    bands = [AgeBand.A18_24, AgeBand.A55_64]
    genders = [Gender.WOMAN, Gender.MAN]
    for country, number in product(("BR", "US"), range(n_per_country)):
        pattern = {
            item.code: (
                Choice.CULTURE if (number + place) % 3 else Choice.PREFERENCE,
                Choice.CULTURE if (number * place) % 2 == 0 else Choice.PREFERENCE,
            )
            for place, item in enumerate(made.items, start=len(country))
        }
        make_session(
            made,
            country,
            answers=pattern,
            age_band=bands[number % 2],
            gender=genders[number // 2 % 2],
            is_simulated=number < n_simulated,
        )
    fill_models(made)


def fill_models(made: Made) -> None:
    specs = [make_spec(f"{made.study.code}_a"), make_spec(f"{made.study.code}_b", ProviderName.SIMULATED)]
    run = make_run(made, *specs)
    personas = [("", "", ""), ("BR", "younger", "female"), ("US", "older", "male")]
    completions = []
    for spec, item, question, order, persona in product(specs, made.items, Question, OptionOrder, personas):
        number = (item.pk + len(persona[1])) % 3
        choice = Choice.PREFERENCE if number == 0 else Choice.CULTURE
        completions.append(
            completion_of(run, spec, item, question=question, order=order, choice=choice, p=0.9, persona=persona)
        )
    store_completions(completions)


def fill_behaviour(made: Made) -> None:
    """Add a behaviour run: a base and an instruct model of one family, balance and no balance, one refusal."""
    specs = [make_spec(f"llama_{stage}") for stage in Stage]
    for spec, stage in zip(specs, Stage, strict=True):
        spec.stage = stage
        spec.save()
    run = make_run(made, *specs)
    run.kind = RunKind.BEHAVIOUR
    run.save()
    for (place, spec), (number, item), condition in product(
        enumerate(specs), enumerate(made.items), (PromptCondition.BALANCE, PromptCondition.NO_BALANCE)
    ):
        choice: Choice | str = Choice.PREFERENCE if (place + number) % 2 else Choice.CULTURE
        is_refused = place == 0 and number == 2 and condition == PromptCondition.BALANCE
        make_completion(run, spec, item, choice="" if is_refused else choice, condition=condition)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the database made for tests that read a shared report only."""
    for item in items:
        if any(name.endswith("_report") for name in getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.django_db)


def report_of(django_db_blocker: DjangoDbBlocker, *steps: Callable[[Made], None]) -> Report:
    """Compute the whole report of a study that is gone again afterwards."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_study()
        for step in steps:
            step(made)
        report = compute(made.study, choose(include_simulated=True), lambda step: None)
        transaction.set_rollback(True)
    return report


@pytest.fixture(scope="session")
def full_report(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Report:
    """The whole report of the `full` study, computed once for all tests that only read it."""
    return report_of(django_db_blocker, fill)


@pytest.fixture(scope="session")
def simulated_report(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Report:
    """The same where everybody is simulated."""
    return report_of(django_db_blocker, partial(fill, n_simulated=6))


@pytest.fixture(scope="session")
def empty_report(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Report:
    """The report of a study that nobody came to."""
    return report_of(django_db_blocker)


@pytest.fixture(scope="session")
def behaviour_report(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Report:
    """The report of a behaviour run without people, by the shipped plan."""
    return report_of(django_db_blocker, with_plan, fill_behaviour)


@pytest.fixture(scope="session")
def planned_report(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Report:
    """The report of the `full` study by the shipped analysis plan."""
    return report_of(django_db_blocker, with_plan, fill)


def with_plan(made: Made) -> None:
    """Give a study's version the shipped analysis plan, in memory."""
    plan = deepcopy(SHIPPED_DEFINITION.structure["analysis_plan"])
    made.study.version.structure = {**made.study.version.structure, "analysis_plan": plan}


def store(made: Made, report: Report, parameters: Parameters | None = None) -> AnalysisRun:
    """Store a report as a study's finished analysis."""
    asked = domain.request_analysis(made.study, parameters or choose(include_simulated=True))
    run = domain.begin(asked.pk)
    assert run is not None
    assert domain.finish(run, report)
    run.refresh_from_db()
    return run


@pytest.fixture
def made(db: None) -> Made:
    return make_study()


@pytest.fixture
def full(made: Made) -> Made:
    fill(made)
    return made


@pytest.fixture
def staff(db: None, client: Client) -> Client:
    """A logged-in researcher."""
    client.force_login(make_staff("researcher"))
    return client
