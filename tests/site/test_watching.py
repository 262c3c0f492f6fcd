"""What containers, load balancers, Prometheus and collectors of logs see of the site."""

from __future__ import annotations

import json
import logging
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analysis.alarms.domain import give_sign_of_life
from pact_site.logs import JsonLines
from pact_site.metrics import Metric, as_text
from survey.models import QuotaCell
from tests.factories import make_session, make_study

KEY = "metrics-key-for-tests"
DEAD_BROKER = "redis://127.0.0.1:1/0"


@pytest.fixture
def scrape(settings: LazySettings, client: Client) -> dict[str, str]:
    settings.METRICS_TOKEN = KEY
    return {"Authorization": f"Bearer {KEY}"}


def values(text: str) -> dict[str, float]:
    """Read the text format: every line is a comment or `name{labels} value`."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_process_is_alive_without_a_database(client: Client) -> None:
    assert client.get("/livez").content == b"ok\n"  # the test has no access to the database


@pytest.mark.django_db
def test_release_is_ready_only_with_its_tables(client: Client) -> None:
    assert client.get("/readyz").content == b"ready\n"
    steps = MigrationRecorder.Migration.objects.filter(app="survey").exclude(name__contains="_squashed_")
    last = steps.latest("pk")
    name = f"survey.{last.name}"
    last.delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content.decode()) == (503, f"migrations missing: {name}\n")
    assert client.get("/readyz?database=optional").status_code == 503


@pytest.mark.django_db
def test_release_is_ready_on_tables_of_a_newer_one(client: Client) -> None:
    """So that the old web servers keep their traffic while a newer release has migrated already."""
    MigrationRecorder.Migration.objects.create(app="survey", name="9999_of_a_newer_release")
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_nothing_is_ready_while_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise psycopg.OperationalError("connection refused")

    connection.close()
    monkeypatch.setattr(connection, "get_new_connection", refuse)
    for path in ("/readyz", "/healthz"):
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (503, b"database unreachable\n")
    assert client.get("/readyz?database=optional").status_code == 200
    monkeypatch.undo()


@pytest.mark.django_db
@pytest.mark.parametrize("sent", [None, "Bearer", "Bearer wrong", KEY])
def test_numbers_are_for_the_holder_of_the_token(client: Client, scrape: dict[str, str], sent: str | None) -> None:
    assert client.get("/metrics", headers={"Authorization": sent} if sent else {}).status_code == 404
    assert client.get("/metrics", headers=scrape).status_code == 200


def test_without_a_token_set_the_address_does_not_exist(client: Client, settings: LazySettings) -> None:
    settings.METRICS_TOKEN = ""
    for sent in ("", "Bearer", "Bearer "):
        assert client.get("/metrics", headers={"Authorization": sent}).status_code == 404


@pytest.mark.django_db
def test_numbers_follow_the_sessions(
    client: Client, scrape: dict[str, str], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    study = make_study("s1")
    for _ in range(2):
        make_session(study, "BR")
    with django_assert_max_num_queries(8):
        answer = client.get("/metrics", headers=scrape)
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = values(answer.content.decode())
    assert found['pact_sessions{study="s1",arm="BR",status="landed",simulated="false"}'] == 2
    target = sum(QuotaCell.objects.filter(arm__study=study, arm__country="BR").values_list("target", flat=True))
    assert found['pact_quota_target{study="s1",arm="BR"}'] == target
    assert 0 <= found['pact_last_activity_age_seconds{study="s1"}'] < 60
    assert found["pact_database_up"] == found["pact_broker_up"] == 1
    assert found['pact_queue_tasks{queue="llm"}'] >= 0
    assert 0 < found["pact_disk_free_bytes"] <= found["pact_disk_size_bytes"]
    assert found["pact_database_size_bytes"] > 1_000_000
    assert 1 <= found["pact_database_connections"] <= found["pact_database_connections_limit"]


@pytest.mark.django_db
def test_age_of_the_newest_backup_is_told_where_backups_are_made(
    client: Client, scrape: dict[str, str], settings: LazySettings, tmp_path: Path
) -> None:
    give_sign_of_life("backup", at=timezone.now() - timedelta(hours=3))

    def told() -> float | None:
        return values(client.get("/metrics", headers=scrape).content.decode()).get("pact_backup_age_seconds")

    assert told() is None
    settings.BACKUP_DIR = tmp_path
    assert told() == pytest.approx(3 * 3600, abs=60)
    give_sign_of_life("backup", at=timezone.now() - timedelta(days=100))
    assert told() == pytest.approx(100 * 24 * 3600, abs=60)


@pytest.mark.django_db
def test_numbers_are_given_without_a_broker(client: Client, scrape: dict[str, str], settings: LazySettings) -> None:
    settings.REDIS_URL = DEAD_BROKER
    found = values(client.get("/metrics", headers=scrape).content.decode())
    assert (found["pact_broker_up"], found["pact_database_up"]) == (0, 1)


def test_labels_are_escaped_as_the_text_format_asks() -> None:
    assert as_text([Metric("x", "Says x.", [({"of": 'a"b\\c\nd'}, 1.5)])]) == (
        '# HELP x Says x.\n# TYPE x gauge\nx{of="a\\"b\\\\c\\nd"} 1.5\n'
    )


def a_record(message: str, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("survey.views", logging.WARNING, str(Path(__file__)), 1, message, None, None)
    record.__dict__.update(extra)
    return record


def test_log_lines_for_programs_name_what_they_are_about() -> None:
    line = json.loads(JsonLines().format(a_record("a form\nwithout a stamp", session=7, request="secret")))
    assert (line["level"], line["message"], line["session"]) == ("WARNING", "a form\nwithout a stamp", 7)
    assert "request" not in line
    assert line["time"].endswith("+00:00")


def test_traceback_in_a_log_line_holds_no_token() -> None:
    try:
        raise ValueError("bad address /s/abc-DEF_123/")
    except ValueError:
        record = a_record("failed")
        record.exc_info = sys.exc_info()
    text = JsonLines().format(record)
    assert "abc-DEF_123" not in text
    assert "bad address /s/…" in json.loads(text)["exception"]
