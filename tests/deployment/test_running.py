"""The commands and health checks of docker-compose.yml, run on real servers with production's settings."""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlencode

import environ
import psycopg
import pytest

from pact_site.processes import Child, await_ready
from tests.deployment.files import FILLED_IN, ROOT, services
from tests.deployment.running import Site, ask, children_of, free_port

TOKEN = "a-token-that-nobody-may-read"


def test_migrate_makes_the_tables(site: Site) -> None:
    assert "Applying survey.0001" in site.log("migrate")
    assert "Applying analysis.0001" in site.log("migrate")


def test_web_passes_its_health_check_only_while_it_answers(site: Site) -> None:
    assert site.await_healthy("web").returncode == 0
    assert site.check("web", PORT=str(free_port())).returncode != 0


def test_web_redirects_plain_http_to_https(site: Site) -> None:
    site.await_healthy("web")
    answer = site.get("/login/")
    assert (answer.status, answer.headers["Location"]) == (301, "https://localhost/login/")


def test_web_answers_what_came_to_the_proxy_over_https(site: Site) -> None:
    site.await_healthy("web")
    answer = site.get("/login/", X_Forwarded_Proto="https")
    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert "Secure" in answer.headers["Set-Cookie"]


def test_web_serves_static_files_under_names_that_never_change_their_content(site: Site) -> None:
    site.await_healthy("web")
    page = site.get("/login/", X_Forwarded_Proto="https")
    assert page.status == 200
    styles = re.findall(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page.body.decode())
    assert styles
    answer = site.get(styles[0], X_Forwarded_Proto="https", Accept_Encoding="gzip")
    assert answer.status == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert gzip.decompress(answer.body)


def test_every_static_file_that_a_template_names_is_in_the_image(site: Site) -> None:
    manifest = json.loads((site.app / "staticfiles" / "staticfiles.json").read_text())["paths"]
    templates = [*site.app.glob("templates/**/*.html"), *site.app.glob("*/templates/**/*.html")]
    named = {name for file in templates for name in re.findall(r"{% static [\"']([^\"']+)", file.read_text())}
    assert named
    assert named - set(manifest) == set()


def test_web_refuses_other_host_names(site: Site) -> None:
    site.await_healthy("web")
    assert site.get("/login/", Host="elsewhere.example.org", X_Forwarded_Proto="https").status == 400


def test_web_answers_who_watches_it_at_the_address_that_the_docs_name(site: Site) -> None:
    site.await_healthy("web")
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("docs/operations.md", ".env.example")}
    hosts = {host for text in texts.values() for host in re.findall(r"http://(web:\d+)", text)}
    assert hosts == {f"web:{services(FILLED_IN)['web']['environment']['PORT']}"}
    host = hosts.pop()
    assert {site.get(path, Host=host).status for path in ("/livez", "/healthz", "/readyz")} == {200}
    bearer = f"Bearer {site.addresses['METRICS_TOKEN']}"
    answer = site.get("/metrics", Host=host, Authorization=bearer)
    assert (answer.status, b"pact_database_up 1\n" in answer.body) == (200, True)


def test_web_writes_no_token_into_its_log(site: Site) -> None:
    site.await_healthy("web")
    assert site.get(f"/s/{TOKEN}/", X_Forwarded_Proto="https").status == 404
    assert TOKEN not in site.log("web")


def test_worker_answers_its_health_check(site: Site) -> None:
    assert f"worker@{socket.gethostname()}: OK" in site.await_healthy("worker").stdout


def test_models_are_asked_by_processes_of_their_own(site: Site) -> None:
    assert f"models@{socket.gethostname()}: OK" in site.await_healthy("models").stdout
    queues = {name: re.findall(r"\.> (\w+) +exchange", site.log(name)) for name in ("worker", "models")}
    assert queues == {"worker": ["celery"], "models": ["llm"]}


def test_worker_knows_every_task_that_beat_sends(site: Site) -> None:
    site.await_healthy("worker")
    listing = site.log("worker")
    code = (
        "import django; django.setup(); from django.conf import settings; "
        "print(*(entry['task'] for entry in settings.CELERY_BEAT_SCHEDULE.values()))"
    )
    env = site.environment("worker") | {"DJANGO_SETTINGS_MODULE": "pact_site.settings"}
    sent = subprocess.run([sys.executable, "-c", code], cwd=site.app, env=env, capture_output=True, text=True)
    tasks = sent.stdout.split()
    assert tasks
    assert [task for task in tasks if f". {task}\n" not in listing] == []


def test_beat_answers_its_health_check_and_keeps_its_schedule_where_told(site: Site) -> None:
    assert f"beat@{socket.gethostname()}: OK" in site.await_healthy("beat").stdout
    assert [path.name for path in site.tmp.glob("beat-schedule*")] != []


def test_upkeep_makes_the_first_backup_and_looks_for_alarms(site: Site) -> None:
    site.await_healthy("upkeep")
    clock = next(child for child in site.family.children if child.name == "upkeep")
    await_ready(clock, lambda: "read back whole" in site.log("upkeep") and "0 sent" in site.log("upkeep"))
    (path,) = (site.tmp / "backups").glob("pact-*.zip")
    assert path.stat().st_mode & 0o777 == 0o600
    os.utime(site.tmp / "upkeep", (0, 0))
    assert site.check("upkeep").returncode != 0


def test_image_holds_what_tells_the_version_of_the_analysis(site: Site) -> None:
    code = "import django; django.setup(); from analysis.code_version import code_version; print(code_version())"
    env = site.environment("worker") | {"DJANGO_SETTINGS_MODULE": "pact_site.settings"}
    told = subprocess.run([sys.executable, "-c", code], cwd=site.app, env=env, capture_output=True, text=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{12}\n", told.stdout), told.stderr


def test_database_sorts_as_the_embedded_one_does(site: Site) -> None:
    parts = environ.Env.db_url_config(site.addresses["DATABASE_URL"])
    with psycopg.connect(host=parts["HOST"], dbname=parts["NAME"], user=parts["USER"]) as connection:
        found = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider::text, datlocale "
            "FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    flags = dict(flag.split("=") for flag in services(FILLED_IN)["db"]["environment"]["POSTGRES_INITDB_ARGS"].split())
    locale, provider = flags["--locale"], flags["--locale-provider"]
    assert found == (flags["--encoding"], locale, locale, provider[0], flags["--builtin-locale"])


# --- A participant while the web server dies ---------------------------------------------------

MAKE_STUDY = """
import django; django.setup()
from survey.domain.instruments import load_instrument
from survey.domain.studies import create_study, launch_study
from survey.domain.translations import override_texts
from survey.enums import PanelName
from survey.instruments.loader import SHIPPED, read_instrument
version = load_instrument(read_instrument(SHIPPED)).version
study = create_study(code="s1", title="s1", version=version, panel=PanelName.DIRECT, target_per_cell=5)
override_texts(study, by="tests", reason="drafts")
launch_study(study)
"""


class Visit(NamedTuple):
    """A participant at the consent page, with the form that says yes to it."""

    path: str
    form: bytes


@pytest.fixture
def visit(site: Site) -> Visit:
    site.await_healthy("web")
    if site.get("/join/s1/GB/", X_Forwarded_Proto="https").status == 404:
        env = site.environment("web") | {"DJANGO_SETTINGS_MODULE": "pact_site.settings"}
        subprocess.run([sys.executable, "-c", MAKE_STUDY], cwd=site.app, env=env, check=True, timeout=120)
    path = site.get("/join/s1/GB/", X_Forwarded_Proto="https").headers["Location"]
    stamp = re.search(rb'name="stamp" value="([^"]+)"', site.get(path, X_Forwarded_Proto="https").body)
    assert stamp
    return Visit(path, urlencode({"stamp": stamp[1].decode(), "consent": "yes"}).encode())


@pytest.fixture
def database(site: Site) -> Iterator[psycopg.Connection]:
    parts = environ.Env.db_url_config(site.addresses["DATABASE_URL"])
    with psycopg.connect(host=parts["HOST"], dbname=parts["NAME"], user=parts["USER"]) as connection:
        yield connection


def send(site: Site, visit: Visit) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    form = {"Content_Type": "application/x-www-form-urlencoded", "X_Forwarded_Proto": "https"}
    return ask(connection, visit.path, visit.form, **form).status


def consents(database: psycopg.Connection, visit: Visit) -> tuple[int, int]:
    """Give how many consents a session has, and the page where it stands."""
    found = database.execute(
        "SELECT (SELECT count(*) FROM survey_consent WHERE session_id = s.id), position "
        "FROM survey_surveysession s WHERE token = %s",
        [visit.path.strip("/").removeprefix("s/")],
    ).fetchone()
    database.rollback()
    assert found
    return found[0], found[1]


def test_submit_whose_worker_is_killed_is_stored_once_when_sent_again(
    site: Site, visit: Visit, database: psycopg.Connection
) -> None:
    database.execute("SELECT FROM survey_surveysession FOR UPDATE")  # holds the submit up, in its transaction
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(send, site, visit)
        await_ready(web(site), lambda: is_held_up(database))
        for pid in children_of(web(site).pid):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises((OSError, http.client.HTTPException)):
            lost.result()
    database.rollback()
    assert consents(database, visit) == (0, 0)
    site.await_healthy("web")
    assert send(site, visit) == 303
    assert consents(database, visit) == (1, 1)


def test_web_that_is_told_to_stop_finishes_what_it_has_begun(
    site: Site, visit: Visit, database: psycopg.Connection
) -> None:
    database.execute("SELECT FROM survey_surveysession FOR UPDATE")  # holds the submit up, in its transaction
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(send, site, visit)
        await_ready(web(site), lambda: is_held_up(database))
        stopped = web(site)
        stopped.process.terminate()
        time.sleep(1)
        assert stopped.exit_code() is None
        database.rollback()
        assert under_way.result() == 303
    assert stopped.process.wait(30) == 0
    site.family.forget(stopped)
    site.start("web")
    site.await_healthy("web")
    assert consents(database, visit) == (1, 1)


def test_submit_held_up_by_a_forgotten_transaction_is_asked_for_again(
    site: Site, visit: Visit, database: psycopg.Connection
) -> None:
    database.execute("SELECT FROM survey_surveysession FOR UPDATE")
    begun = time.monotonic()
    assert send(site, visit) == 503
    assert 6 <= time.monotonic() - begun < 20
    database.rollback()
    assert send(site, visit) == 303
    assert consents(database, visit) == (1, 1)


def test_submit_whose_reply_was_lost_is_stored_once_when_sent_again(
    site: Site, visit: Visit, database: psycopg.Connection
) -> None:
    head = (
        f"POST {visit.path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(visit.form)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port)) as line:
        line.sendall(head.encode() + visit.form)
    await_ready(web(site), lambda: consents(database, visit) == (1, 1))
    assert send(site, visit) == 303
    assert consents(database, visit) == (1, 1)


def web(site: Site) -> Child:
    return next(child for child in site.family.children if child.name == "web")


def is_held_up(database: psycopg.Connection) -> bool:
    database.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees for ever what its first look saw
    found = database.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
    assert found
    return bool(found[0])
