"""Faults of endpoints and of our own servers, met by real Celery workers: nothing is lost, doubled or unclear."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from pact_site import embedded
from pact_site.processes import Family
from survey.llm.enums import CellState, RunState
from survey.llm.models import Attempt, Cell, Completion, ModelSpec, Run
from survey.models import Study
from tests.survey.llm.model_server import (
    ModelServer,
    answer,
    drip,
    error_inside,
    fail,
    hang,
    hang_up,
    raw,
    zeros_gzipped,
)
from tests.survey.llm.workers import (
    Workers,
    assert_one_completion_each,
    is_done,
    make_run,
    own_database,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)
AWAY_SECONDS = 2.0


@contextmanager
def own_valkey() -> Iterator[Callable[[], str]]:
    """Give what starts a Valkey of the test's own, and after the first time kills and starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="pact-test-"))
    family = Family(folder)

    def start() -> str:
        if family.children:
            family.children[0].process.send_signal(signal.SIGKILL)
            family.children[0].process.wait()
            family.forget(family.children[0])
            time.sleep(AWAY_SECONDS)
        return embedded.start_valkey(family, folder)

    try:
        yield start
    finally:
        family.stop_all()
        shutil.rmtree(folder)


@contextmanager
def database_away() -> Iterator[None]:
    """Break every connection to the test's database but the test's, and refuse new ones, as while it restarts."""
    settings = connection.settings_dict
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ours = cursor.fetchone()[0]
    parameters = {**connection.get_connection_params(), "dbname": "postgres"}
    parameters = {
        name: parameters[name] for name in ("host", "port", "user", "password", "dbname") if name in parameters
    }
    with psycopg.connect(**parameters, autocommit=True) as other:
        name = psycopg.sql.Identifier(settings["NAME"])
        allow = psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        other.execute(allow.format(name, psycopg.sql.Literal(False)))
        try:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                [settings["NAME"], ours],
            )
            yield
        finally:
            other.execute(allow.format(name, psycopg.sql.Literal(True)))


def test_faults_of_an_endpoint_cost_attempts_but_no_cell_and_faults_of_the_way_stop_the_run(
    study: Study, endpoint_spec: ModelSpec, make_spec: Callable[..., ModelSpec], model_server: ModelServer,
    tls_server: Callable[..., ModelServer], workers: Workers,
) -> None:  # fmt: skip
    """Three runs at once: a server that fails in every way, one nobody can trust, one that is not there."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    bomb = b"".join(zeros_gzipped(10_000_000))
    model_server.script.extend(
        [
            answer(), hang, drip, fail(429, Retry_After=soon), fail(500), hang_up, answer(), raw(b'{"choices": [{"mes'),
            raw(b'{"choices": []}'), error_inside("overloaded_error"), answer("A" + "x" * 1_000_000), answer(),
            lambda handler: handler.send(200, bomb, Content_Encoding="gzip"), answer("A" + "x" * 2_100_000),
            fail(400, "too long"),
        ]
    )  # fmt: skip
    ModelSpec.objects.filter(pk=endpoint_spec.pk).update(timeout_s=2, max_in_flight=4)
    untrusted = make_spec("untrusted", provider="openai", base_url=tls_server(-1, 1).base_url, max_in_flight=2)
    nowhere = make_spec("nowhere", provider="openai", base_url="http://127.0.0.1:1/v1", max_in_flight=2)
    faulty, refused, unreachable = (make_run(study, spec) for spec in (endpoint_spec, untrusted, nowhere))
    workers.start(3)
    for run in (faulty, refused, unreachable):
        workers.send("start_run", run.pk)
    wait_until(lambda: ModelSpec.objects.filter(pk=nowhere.pk, trouble_since__isnull=False).exists())
    ModelSpec.objects.filter(pk=nowhere.pk).update(trouble_since=timezone.now() - timedelta(seconds=61))
    wait_until(lambda: not Run.objects.filter(state=RunState.RUNNING).exists())

    assert is_done(faulty)
    cells = Cell.objects.filter(run=faulty).annotate(n=Count("completions"))
    assert Counter(cells.values_list("state", "n")) == {
        (CellState.DONE, 1): faulty.n_cells - 4,
        (CellState.UNPARSED, 1): 1,
        (CellState.ERROR, 0): 3,
    }
    assert Counter(Attempt.objects.filter(cell__run=faulty).values_list("error_class", "status_code")) == {
        ("Transient", None): 3,
        ("RateLimited", 429): 1,
        ("Transient", 500): 1,
        ("Transient", 200): 2,
        ("Away", 200): 1,
        ("BadRequest", 200): 2,
        ("BadRequest", 400): 1,
    }
    assert len(model_server.bodies) == Attempt.objects.filter(cell__run=faulty).count() + faulty.n_cells - 3
    assert Completion.objects.get(cell__state=CellState.UNPARSED).text == "A" + "x" * 1_000_000

    for run, said in ((refused, "untrusted: the server's certificate is not"), (unreachable, "nowhere: nothing got")):
        run.refresh_from_db()
        assert (run.state, run.error[: len(said)]) == (RunState.FAILED, said)
        assert set(run.cells.values_list("state", flat=True)) == {CellState.TODO}


def test_restart_of_redis_and_then_of_the_database_in_mid_run_cost_no_cell(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    """Calls go on while the database is away, answers wait in memory: none is asked for twice."""
    ModelSpec.objects.update(max_in_flight=4, requests_per_minute=600)
    model_server.usual = answer(delay=0.05)
    run = make_run(study, endpoint_spec)
    with own_valkey() as start_valkey:
        environment = {"DATABASE_URL": own_database(os.environ["DATABASE_URL"]), "REDIS_URL": start_valkey()}
        workers = Workers(os.environ | environment)
        try:
            workers.start()
            workers.send("start_run", run.pk)
            wait_until(lambda: len(model_server.bodies) >= 20)
            start_valkey()
            n_then = len(model_server.bodies)
            wait_until(lambda: len(model_server.bodies) >= n_then + 20)
            with database_away():
                time.sleep(AWAY_SECONDS)
                n_stored = Completion.objects.count()
                assert n_stored < run.n_cells
            wait_until(lambda: is_done(run))
        finally:
            workers.stop_all()
    assert_one_completion_each(run)
    assert Attempt.objects.count() == 0
    assert len(model_server.bodies) == run.n_cells
