"""The rules for Prometheus: in its format, and about numbers that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import LazySettings
from django.test import Client

from analysis.alarms.domain import give_sign_of_life

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "prometheus"
ALERTS = FOLDER / "alerts.yml"
NAMES = re.compile(r"\b(?:pact|caddy)_\w+|\bup\b")


def rules() -> list[dict[str, Any]]:
    read = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    assert set(read) == {"groups"}
    return [rule for group in read["groups"] for rule in group["rules"]]


def test_rules_have_the_form_that_prometheus_reads() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_prometheus_accepts_rules_and_settings() -> None:
    if not shutil.which("promtool"):
        pytest.skip("no promtool here: apt-get install prometheus")
    for words in (("rules", ALERTS), ("config", "--syntax-only", FOLDER / "prometheus.yml")):
        done = subprocess.run(["promtool", "check", *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.django_db
def test_rules_ask_for_numbers_that_the_site_gives(client: Client, settings: LazySettings, tmp_path: Path) -> None:
    settings.METRICS_TOKEN, settings.BACKUP_DIR = "key", tmp_path
    for sign in ("backup", "celery", "llm"):
        give_sign_of_life(sign)
    told = client.get("/metrics", headers={"Authorization": "Bearer key"}).content.decode()
    given = set(re.findall(r"^# TYPE (\w+)", told, flags=re.MULTILINE))
    asked = {name for rule in rules() for name in NAMES.findall(rule["expr"])}
    assert {name for name in asked if name.startswith("pact_")} - given == set()
    for queue in ("celery", "llm"):
        assert f'pact_sign_of_life_age_seconds{{queue="{queue}"}}' in told


def test_jobs_of_the_rules_are_asked_where_the_docs_say() -> None:
    read = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in read["scrape_configs"]}
    assert {name for rule in rules() for name in re.findall(r'job="([^"]+)"', rule["expr"])} == set(jobs)
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert all(f"http://{target}" in text for targets in jobs.values() for target in targets)
    assert read["rule_files"] == [ALERTS.name]
