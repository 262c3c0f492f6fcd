"""The database goes away, its disk fills, the pool runs dry: participants wait a little, or read what to do."""

import html
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, OperationalError, connection
from django.test import Client
from psycopg_pool import ConnectionPool

from survey import trouble
from survey.broker import connect
from survey.enums import Choice, Status
from survey.models import PageEvent, Response, Study
from survey.views import faults
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db(transaction=True)
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
ANSWERS = {"personal": "culture", "norm": "preference"}


@contextmanager
def failing_inserts(code: str, *, times: int) -> Iterator[Callable[[], int]]:
    """Let PostgreSQL itself refuse the next answers with an SQLSTATE; gives how often answers were tried."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE tried")
        cursor.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # a sequence is never rolled back
            f"IF nextval('tried') <= {times} THEN RAISE EXCEPTION 'by the test' USING ERRCODE = '{code}'; END IF; "
            "RETURN NULL; END $$"
        )
        cursor.execute("CREATE TRIGGER fail BEFORE INSERT ON survey_response EXECUTE FUNCTION fail()")

    def n_tries() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tried")
            number: int = cursor.fetchone()[0]
        return number

    try:
        yield n_tries
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER fail ON survey_response; DROP FUNCTION fail; DROP SEQUENCE tried")


def connection_pool() -> ConnectionPool:
    pool: ConnectionPool = connection.pool  # type: ignore[attr-defined]
    return pool


def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> None:
    raise OperationalError("the connection is lost")


def test_lost_connections_in_the_pool_are_replaced_unseen(walker: Walker) -> None:
    """Also on pages that try nothing twice: the pool looks at a connection before it gives it out."""
    connection.close()
    pool = connection_pool()
    held = [pool.getconn() for _ in range(3)]
    pids = [one.info.backend_pid for one in held]
    for one in held:
        pool.putconn(one)
    parameters = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) pid", [pids])
    assert walker.client.get("/healthz").status_code == 200
    assert walker.post(**ANSWERS).status_code == 303


def test_lost_connection_of_a_thread_is_replaced_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pool, and without asking over the connection first."""
    own = connection.copy()
    own.settings_dict["OPTIONS"] = {
        name: value for name, value in own.settings_dict["OPTIONS"].items() if name != "pool"
    }
    own.settings_dict |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    monkeypatch.setattr(own, "is_usable", lambda: pytest.fail("asked over the connection"))
    with own.cursor() as cursor:
        pid = cursor.execute("SELECT pg_backend_pid()").fetchone()[0]
    own.close_if_unusable_or_obsolete()  # as between two requests
    with own.cursor() as cursor:
        assert cursor.execute("SELECT pg_backend_pid()").fetchone()[0] == pid
    with connection.cursor() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    own.close_if_unusable_or_obsolete()
    with own.cursor() as cursor:
        assert cursor.execute("SELECT pg_backend_pid()").fetchone()[0] != pid
    own.close()


def test_submit_is_repeated_while_the_database_restarts(walker: Walker, caplog: pytest.LogCaptureFixture) -> None:
    position = walker.session.position
    with failing_inserts("57P01", times=3) as n_tries:
        reply = walker.post(**ANSWERS)
        assert n_tries() == 4
    walker.session.refresh_from_db()
    assert reply.status_code == 303
    assert walker.session.position == position + 1
    assert Response.objects.count() == 2
    assert [r.levelname for r in caplog.records if r.name == faults.__name__] == ["WARNING"] * 3


@pytest.mark.parametrize("cause", [psycopg.InternalError("received 2 results"), psycopg.errors.InternalError_("XX000")])
def test_connection_that_a_pooler_confused_is_left(walker: Walker, cause: psycopg.InternalError) -> None:
    """What the server itself calls an internal error is one, and is not tried again."""
    tries = []

    def confused(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        tries.append(sql)
        if len(tries) == 1:
            raise InternalError(str(cause)) from cause
        return execute(sql, params, many, context)

    walker.client.raise_request_exception = False
    stamp = walker.stamp()
    with connection.execute_wrapper(confused):
        reply = walker.post(stamp, **ANSWERS)
    is_the_servers = cause.sqlstate is not None
    assert (reply.status_code == 500) is is_the_servers
    assert Response.objects.count() == (0 if is_the_servers else 2)


def test_page_that_could_not_be_stored_keeps_its_answers(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PATIENCE", 0.3)
    with failing_inserts("57P03", times=99) as n_tries:
        reply = walker.post(**ANSWERS, lang="pt-BR")
        assert n_tries() == 4
    text = reply.content.decode()
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "10")
    assert '<html lang="pt-BR">' in text
    assert "Não conseguimos guardar esta página no momento" in text
    assert "mailto:" in text
    assert "no-store" in reply.headers["Cache-Control"]
    assert not Response.objects.exists()
    fields = {name: html.unescape(value) for name, value in FIELD.findall(text)}
    assert {name: fields[name] for name in ANSWERS} == ANSWERS
    assert walker.client.post(walker.url, fields).status_code == 303  # the page's own button
    assert set(Response.objects.values_list("question", "choice")) == set(ANSWERS.items())


def test_full_disk_rings_where_no_database_is_needed(walker: Walker, settings: Any, mailoutbox: list[Any]) -> None:
    settings.METRICS_TOKEN, settings.SITE_URL = "t", "https://study.example.org"
    refused = 'pact_pages_refused_lately{reason="database disk full"}'

    def told() -> tuple[str, bool]:
        numbers = Client().get("/metrics", headers={"authorization": "Bearer t"}).content.decode()
        return Client().get("/healthz").content.decode(), f"{refused} 1" in numbers

    assert told() == ("ok\nbroker ok\n", False)
    call_command("check_alarms", "--send")
    assert mailoutbox == []
    with failing_inserts("53100", times=99):
        assert walker.post(**ANSWERS).status_code == 503
    assert told() == ("ok\nbroker ok\npages refused lately: database disk full\n", True)
    with pytest.raises(CommandError, match="refused in the last ten minutes: database disk full"):
        call_command("check_alarms", "--send")
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [
        ([settings.CONTACT_EMAIL], "PACT Site at study.example.org: the database is in trouble")
    ]
    assert mailoutbox[0].body.startswith("PACT Site at https://study.example.org\nParticipants' pages were refused")


def test_watch_from_outside_tells_of_a_lost_database(settings: Any, mailoutbox: list[Any]) -> None:
    for _ in range(2):  # ten minutes later it is still away: who was told need not be told again
        with connection.execute_wrapper(away), pytest.raises(CommandError, match="the connection is lost"):
            call_command("check_alarms", "--send")
    assert ["the database refuses: the connection is lost" in mail.body for mail in mailoutbox] == [True]


def test_watch_from_outside_tells_each_time_where_nothing_remembers(settings: Any, mailoutbox: list[Any]) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for _ in range(2):
        with connection.execute_wrapper(away), pytest.raises(CommandError, match="the connection is lost"):
            call_command("check_alarms", "--send")
    assert len(mailoutbox) == 2


@pytest.mark.parametrize("code", ["53300", "53200", "57P03", "40001"])
def test_server_without_room_for_a_connection_is_asked_again(walker: Walker, code: str) -> None:
    with failing_inserts(code, times=2) as n_tries:
        assert walker.post(**ANSWERS).status_code == 303
        assert n_tries() == 3


def test_full_disk_is_said_at_once_and_logged(walker: Walker, caplog: pytest.LogCaptureFixture) -> None:
    with failing_inserts("53100", times=99) as n_tries:
        reply = walker.post(**ANSWERS)
        assert n_tries() == 1
    assert reply.status_code == 503
    record = next(r for r in caplog.records if r.levelno == logging.ERROR and r.name == faults.__name__)
    assert record.getMessage().startswith("the database's disk is full")
    assert walker.post(**ANSWERS).status_code == 303


@pytest.mark.parametrize("is_given_back", [True, False])
def test_dry_pool_makes_participants_wait(walker: Walker, monkeypatch: pytest.MonkeyPatch, is_given_back: bool) -> None:
    monkeypatch.setattr(faults, "PATIENCE", 0.1)
    connection.close()
    pool = connection_pool()
    held = [pool.getconn() for _ in range(pool.max_size)]
    givers = Timer(0.5, lambda: pool.putconn(held.pop()))
    client = connect(os.environ["REDIS_URL"])
    client.delete(trouble.Trouble.AWAY.key)
    try:
        if is_given_back:
            givers.start()
        reply = walker.client.get(walker.url)
    finally:
        givers.cancel()
        for one in list(held):
            pool.putconn(one)
    assert reply.status_code == (200 if is_given_back else 503)
    assert bool(client.delete(trouble.Trouble.AWAY.key)) != is_given_back  # whoever watches is told
    client.close()


@pytest.mark.parametrize(
    ("path", "languages", "lang", "heading"),
    [
        ("/join/s1/BR/?x=1&y=2", "en-US", "pt-BR", "Não conseguimos mostrar esta página no momento"),
        ("/join/s1/IN/", "hi", "hi-IN", "हम अभी यह पेज नहीं दिखा पा रहे हैं"),
        ("/join/s1/IN/", "de", "en-IN", "We cannot show this page at the moment"),
        ("/s/token/", "pt", "pt-BR", "Não conseguimos mostrar esta página no momento"),
        ("/s/token/stop/", "", "en-US", "We cannot show this page at the moment"),
    ],
)
def test_page_for_a_lost_database_needs_no_database(
    monkeypatch: pytest.MonkeyPatch, path: str, languages: str, lang: str, heading: str
) -> None:
    monkeypatch.setattr(faults, "PATIENCE", 0.0)
    client = Client()
    with connection.execute_wrapper(away):
        reply = client.get(path, headers={"accept-language": languages})
    text = reply.content.decode()
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "10")
    assert f'<html lang="{lang}">' in text
    assert f"<h1>{heading}</h1>" in text
    assert f'<a class="button" href="{path.replace("&", "&amp;")}">' in text  # an address is kept whole, and escaped
    assert not reply.cookies


def test_lost_report_of_a_page_is_not_waited_for(walker: Walker) -> None:
    with connection.execute_wrapper(away):
        reply = walker.client.post(f"{walker.url}events/", b"{}", content_type="application/json")
    assert reply.status_code == 503
    assert not PageEvent.objects.exists()


def test_error_of_ours_is_told_in_the_participants_language(
    walker: Walker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("survey.views.participant.find_standing", fail)
    walker.client.raise_request_exception = False
    reply = walker.client.get(walker.url, headers={"accept-language": "hi-IN"})
    assert reply.status_code == 500
    assert "<h1>हमारी ओर से कुछ गड़बड़ी हुई</h1>" in reply.content.decode()
    assert any(r.levelno == logging.ERROR and r.exc_info for r in caplog.records)


def test_error_of_ours_on_a_page_of_staff_says_what_is_stored_and_asks_no_database(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pact_site.access.AccessMiddleware.__call__", fail)
    with django_assert_num_queries(0):
        reply = Client(raise_request_exception=False).get("/studies/s1/")
    assert reply.status_code == 500
    text = reply.content.decode()
    assert "What you did is stored whole or not at all" in text
    assert "Your answers" not in text


def test_unreachable_broker_is_not_noticed_by_participants(walker: Walker, settings: Any) -> None:
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert "broker unreachable" in walker.client.get("/healthz").content.decode()
    walker.finish()
    assert walker.session.status == Status.COMPLETE
    assert set(Response.objects.values_list("choice", flat=True)) == set(Choice)


def test_whoever_meets_a_fault_finds_the_way_back_to_the_panel(
    study: Study, walker: Walker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panel pays for technical failures, but only whom the page led to its exit."""
    monkeypatch.setattr(faults, "PATIENCE", 0.0)
    way_out = f'<a href="{walker.url}trouble/">Does the survey not work for you?</a>'
    with connection.execute_wrapper(away):
        unavailable = [walker.client.get(walker.url), walker.client.post(walker.url, ANSWERS)]
    refused = walker.client.post(walker.url, b"a" * (faults.MOST_BYTES + 1), content_type="text/plain")
    assert [reply.status_code for reply in (*unavailable, refused)] == [503, 503, 413]
    for reply in (*unavailable, refused):
        assert way_out in reply.content.decode()
    for path in ("/s/nobodys/x/", "/join/nobodys/GB/"):  # no session to leave
        assert "trouble/" not in Client().get(path).content.decode()
