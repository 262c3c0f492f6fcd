"""A small study, models of both providers, and a server that stands in for an endpoint."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import current_app
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Sum
from django.test import Client

from survey.enums import ActorGender, AgeBucket, Choice, Country, Locale, OptionOrder, Question, TextStatus, Theme
from survey.flow.wording import Wording
from survey.llm import pump, stint
from survey.llm.enums import ProviderName
from survey.llm.models import Cell, CellTally, ModelSpec
from survey.llm.prompts import Ask, Persona
from survey.models import Arm, Instrument, InstrumentVersion, Item, Study, Text
from tests.staff import sign_in
from tests.survey.llm.model_server import ModelServer, write_certificate
from tests.survey.llm.workers import Workers, own_database, own_queue

ITEMS = {"T01": Country.BR, "T02": Country.MM, "T03": Country.ZA}
TALLIED = ("run", "spec", "state")
OPTIONS = {Choice.CULTURE: "Accept the coffee", Choice.PREFERENCE: "Decline the coffee"}


@pytest.fixture(autouse=True)
def tallies_are_right(request: pytest.FixtureRequest) -> Iterator[None]:
    """Recount after every test that uses the database."""
    if "db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("db")
    yield
    if connection.needs_rollback:
        return
    sums = CellTally.objects.values_list(*TALLIED).annotate(total=Sum("n")).exclude(total=0)
    kept = {(run, spec, state): n for run, spec, state, n in sums}
    assert kept == dict(Counter(Cell.objects.values_list(*TALLIED)))


@pytest.fixture
def wording() -> Wording:
    return Wording(
        scenario="Ana visits Rui in the evening.",
        expectation="Guests accept what they are offered.",
        preference="Ana avoids caffeine late in the day.",
        questions={Question.PERSONAL: "What would you do as Ana?", Question.NORM: "What would most people expect?"},
        options=OPTIONS,
    )


@pytest.fixture
def make_ask(wording: Wording) -> Callable[..., Ask]:
    def make(
        order: OptionOrder = OptionOrder.CULTURE_FIRST,
        question: Question = Question.PERSONAL,
        persona: Persona | None = None,
        item_code: str = "T01",
        scenario_country: Country = Country.BR,
        **fields: Any,
    ) -> Ask:
        return Ask(item_code, scenario_country, wording, question, order, persona, **fields)

    return make


@pytest.fixture
def study(db: None) -> Study:
    instrument = Instrument.objects.create(code="trial")
    version = InstrumentVersion.objects.create(instrument=instrument, number=1, content_hash="0" * 64, structure={})
    Text.objects.bulk_create(
        Text(version=version, locale=Locale.EN_US, key=key, body=body, status=TextStatus.REVIEWED)
        for key, body in _texts().items()
    )
    for code, country in ITEMS.items():
        Item.objects.create(
            version=version,
            code=code,
            scenario_country=country,
            actor_country=country,
            actor_age=AgeBucket.YOUNGER,
            actor_gender=ActorGender.FEMALE,
            receiver_country=country,
            receiver_age=AgeBucket.OLDER,
            receiver_gender=ActorGender.MALE,
            theme=Theme.FOOD_HOSPITALITY,
            is_core=True,
            source_note="made up",
        )
    study = Study.objects.create(code="trial", title="Trial", version=version)
    for country in (Country.BR, Country.ZA):
        Arm.objects.create(study=study, country=country, locales=[Locale.EN_US])
    return study


def _texts() -> dict[str, str]:
    texts = {"question.personal": "What would you do as {actor}?", "question.norm": "What would most people expect?"}
    for code in ITEMS:
        texts |= {
            f"items.{code}.actor": "Ana",
            f"items.{code}.scenario": f"{code}: Ana visits Rui in the evening.",
            f"items.{code}.expectation": "Guests accept what they are offered.",
            f"items.{code}.preference": "Ana avoids caffeine late in the day.",
            f"items.{code}.choice_culture": OPTIONS[Choice.CULTURE],
            f"items.{code}.choice_preference": OPTIONS[Choice.PREFERENCE],
        }
    return texts


@pytest.fixture
def make_spec(db: None) -> Callable[..., ModelSpec]:
    def make(tag: str = "simulated", **fields: Any) -> ModelSpec:
        defaults = {"provider": ProviderName.SIMULATED, "model": tag, "max_in_flight": 8}
        return ModelSpec.objects.create(tag=tag, **{**defaults, **fields})

    return make


@pytest.fixture
def endpoint_spec(make_spec: Callable[..., ModelSpec], model_server: ModelServer) -> ModelSpec:
    return make_spec("served", provider=ProviderName.OPENAI, base_url=model_server.base_url, timeout_s=20)


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    with serving(ModelServer()) as server:
        yield server


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[Callable[[int, int], ModelServer]]:
    """Start servers that speak TLS with a certificate for the days given, counted from today."""
    with ExitStack() as stack:

        def start(first_day: int, last_day: int) -> ModelServer:
            server = ModelServer()
            server.encrypt(write_certificate(tmp_path / "server.pem", first_day, last_day))
            return stack.enter_context(serving(server))

        yield start


@contextmanager
def serving(server: ModelServer) -> Iterator[ModelServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once, and record what came without waiting for more."""
    for seconds in ("BACKOFF_FIRST_S", "LOOK_FIRST_S", "LOOK_SHARE"):
        monkeypatch.setattr(pump, seconds, 0.0)
    monkeypatch.setattr(stint, "FLUSH_SECONDS", 0.02)


@pytest.fixture
def in_process() -> Iterator[None]:
    """Run queued tasks where they are queued, to their end."""
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = True
    yield
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = False


@pytest.fixture
def staff_client(db: None) -> Client:
    return sign_in(name="rana")


@pytest.fixture
def visitor_client(db: None) -> Client:
    """Someone with an account who is not staff."""
    client = Client()
    client.force_login(User.objects.create_user("vito"))
    return client


@pytest.fixture
def workers() -> Iterator[Workers]:
    url = own_queue(os.environ["REDIS_URL"])
    client = redis.Redis.from_url(url.replace("redis+socket://", "unix://").replace("virtual_host=", "db="))
    client.flushdb()
    started = Workers(os.environ | {"DATABASE_URL": own_database(os.environ["DATABASE_URL"]), "REDIS_URL": url})
    yield started
    started.stop_all()
    client.flushdb()
    client.close()
