"""What the deployment's files say, checked without a container engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import environ
import pytest

from survey.llm.validators import KEY_NAME
from survey.panels.prolific.client import DEFAULT_TOKEN_NAME
from survey.panels.prolific.webhooks import PREFIX
from tests.deployment.files import (
    CADDYFILE,
    COMPOSE,
    DOCKERFILE,
    ENV_EXAMPLE,
    FILLED_IN,
    ROOT,
    MissingError,
    copied,
    fill_in,
    image_variables,
    services,
    wanted_variables,
)

SITE = ("migrate", "web", "worker", "models", "beat", "upkeep")
SETTINGS = set(re.findall(r'env\.\w+\(\s*"(\w+)"', (ROOT / "pact_site" / "settings.py").read_text(encoding="utf-8")))
KNOWN = {  # by the programs and images themselves
    "db": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"},
    "web": {"PORT", DEFAULT_TOKEN_NAME, PREFIX, f"{PREFIX}_2"},
    "image": {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "MPLCONFIGDIR"},
}
WEB_ONLY = {*KNOWN["web"], "DB_LOCK_TIMEOUT", "ENTRIES_A_MINUTE", "METRICS_TOKEN"}
# What is as it is in production: the proxy keeps the host's name and speaks TLS, PostgreSQL has no pooler before it.
SETTLED = {
    "CSRF_TRUSTED_ORIGINS",
    "DB_PREPARE",
    "DEBUG",
    "HTTPS",
    "OUTBOUND_LOOPBACK",
    "PACT_DEMO",
    "PACT_VAR",
    "STATIC_MANIFEST",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return services(FILLED_IN)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | FILLED_IN, capture_output=True, text=True, check=False, timeout=60
    )


# --- By their own tools ------------------------------------------------------------------------


def test_compose_file_follows_the_specification() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = run(sys.executable, "-m", "check_jsonschema", *schema, "docker-compose.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_file_is_read_by_docker() -> None:
    if not shutil.which("docker") or run("docker", "compose", "version").returncode:
        pytest.skip("no docker with the compose plugin here")
    done = run("docker", "compose", "config", "--quiet")
    assert done.returncode == 0, done.stderr


def test_dockerfile_is_without_complaints() -> None:
    done = run(str(Path(sys.executable).with_name("hadolint")), "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_ci_script_is_executable_bash() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert run("bash", "-n", str(script)).returncode == 0


# --- Variables ---------------------------------------------------------------------------------


def test_filling_in_follows_docker() -> None:
    assert fill_in(["a ${X:-b} $$HOME", {"k": "${Y:?why}"}], {"Y": "y"}) == ["a b $HOME", {"k": "y"}]
    with pytest.raises(MissingError, match="Y"):
        fill_in("${Y:?why}", {"Y": ""})


def test_compose_file_writes_variables_in_one_way() -> None:
    assert re.findall(r"(?<!\$)\$(?![${])|\$\{\w+(?!:[?-]|\w)", COMPOSE) == []


def test_env_example_lists_every_variable_and_leaves_the_required_empty() -> None:
    listed = dict(re.findall(r"^(#?\w+)=(.*)$", ENV_EXAMPLE, flags=re.MULTILINE))
    keys = {name for name in listed if KEY_NAME.fullmatch(name.removeprefix("#"))}
    required = {name: "" for name, is_required in wanted_variables().items() if is_required}
    assert {name: value for name, value in listed.items() if not name.startswith("#")} == required
    optional = {f"#{name}" for name, is_required in wanted_variables().items() if not is_required}
    assert {name for name in listed if name.startswith("#")} - keys == optional


@pytest.mark.parametrize("name", sorted(FILLED_IN))
def test_nothing_starts_without_a_required_variable(name: str) -> None:
    with pytest.raises(MissingError, match=name):
        services(FILLED_IN | {name: ""})


def test_every_variable_is_known_to_what_reads_it(compose: dict[str, Any]) -> None:
    given = {name: set(service.get("environment", ())) for name, service in compose.items()}
    for name in SITE:
        assert given[name] - KNOWN.get(name, set()) - SETTINGS == set(), name
    assert given["db"] == KNOWN["db"]
    assert given["proxy"] == set(re.findall(r"\{\$(\w+)", CADDYFILE.read_text()))
    assert given["redis"] == set()
    assert set(image_variables()) == KNOWN["image"]


def test_every_setting_reaches_the_web_server_or_is_settled(compose: dict[str, Any]) -> None:
    """A setting that .env has and the container has not would be a setting that does nothing."""
    assert SETTINGS - set(compose["web"]["environment"]) == SETTLED


def test_what_env_leaves_out_is_as_the_settings_have_it(compose: dict[str, Any]) -> None:
    optional = {name for name, is_required in wanted_variables().items() if not is_required} & SETTINGS
    show = "from pact_site import settings as s; print({n: v for n, v in vars(s).items() if n.isupper()})"
    asked: dict[str, str] = compose["web"]["environment"]
    told = set()
    for left_out in (set(), optional):
        given = {name: value for name, value in asked.items() if name not in left_out}
        env = given | {"PATH": os.environ["PATH"]}
        done = subprocess.run([sys.executable, "-c", show], cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        told.add(done.stdout)
    assert len(told) == 1


def test_addresses_name_the_services_beside(compose: dict[str, Any]) -> None:
    web, db = compose["web"]["environment"], compose["db"]["environment"]
    database = environ.Env.db_url_config(web["DATABASE_URL"])
    assert (database["HOST"], database["PORT"]) == ("db", 5432)
    expected = (db["POSTGRES_USER"], db["POSTGRES_PASSWORD"], db["POSTGRES_DB"])
    assert (database["USER"], database["PASSWORD"], database["NAME"]) == expected
    assert web["REDIS_URL"] == "redis://redis:6379/0"
    assert f"reverse_proxy web:{web['PORT']} " in CADDYFILE.read_text()
    assert all(compose[name]["environment"].items() >= _shared(web).items() for name in SITE)


def _shared(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in WEB_ONLY}


def test_threads_and_processes_keep_a_connection_each(compose: dict[str, Any]) -> None:
    assert {compose[name]["environment"].get("DB_POOL_MAX") for name in SITE} == {"0"}


def test_docs_count_the_connections_that_compose_starts(compose: dict[str, Any]) -> None:
    """A thread or a process each; a worker's process has a second one while it tells that its work goes on."""

    def number(name: str, option: str) -> int:
        words: list[str] = compose[name]["command"]
        return int(words[words.index(option) + 1])

    web = number("web", "--workers") * number("web", "--threads")
    worker, models = 2 * number("worker", "--concurrency"), number("models", "--concurrency")
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert f"{web} for the web server, {worker} for `worker`, {models} for `models`" in text


def test_only_what_computes_gives_way_to_participants(compose: dict[str, Any]) -> None:
    assert {name for name, one in compose.items() if "cpu_shares" in one or "oom_score_adj" in one} == {"worker"}


# --- Who reaches whom, what stays --------------------------------------------------------------


def test_only_the_proxy_is_published(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose.items() if "ports" in service] == ["proxy"]
    assert [name for name, service in compose.items() if service["networks"] == ["data"]] == [
        "db",
        "redis",
        "migrate",
        "beat",
    ]
    assert compose["proxy"]["networks"] == ["front"]


def test_long_running_services_restart_rotate_logs_and_are_checked(compose: dict[str, Any]) -> None:
    for name, service in compose.items():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        assert ("healthcheck" in service) == (name != "migrate"), name


def test_the_site_runs_without_privileges(compose: dict[str, Any]) -> None:
    for name in (*SITE, "proxy"):
        assert compose[name]["read_only"] is True, name
        assert compose[name]["cap_drop"] == ["ALL"], name
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in compose.values())


def test_tables_are_made_before_anything_uses_them(compose: dict[str, Any]) -> None:
    assert compose["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    for name in ("web", "worker", "models", "beat", "upkeep"):
        needs = {needed: entry["condition"] for needed, entry in compose[name]["depends_on"].items()}
        assert needs == {"migrate": "service_completed_successfully", "redis": "service_healthy"}, name


@pytest.mark.parametrize(("given", "source"), [({}, "backups"), ({"BACKUP_VOLUME": "/srv/backups"}, "/srv/backups")])
def test_backups_go_where_env_says_and_nobody_else_sees_them(given: dict[str, str], source: str) -> None:
    compose = services(FILLED_IN | given)
    assert compose["upkeep"]["volumes"] == [f"{source}:{compose['upkeep']['environment']['BACKUP_DIR']}"]
    holders = [name for name, service in compose.items() if any(source in v for v in service.get("volumes", ()))]
    assert holders == ["upkeep"]
    assert "--owner pact --mode 700 /backups" in DOCKERFILE


def test_builder_gets_what_it_copies_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == {*copied(), "requirements.txt"}
    assert [name for name in copied() if not (ROOT / name).exists()] == []
