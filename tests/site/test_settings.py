"""The settings: listed, safe when nothing is set, clean for production; the logs keep tokens out."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pact_site.logs import WithoutTokens

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "pact_site" / "settings.py").read_text(encoding="utf-8")
VARIABLES = sorted(set(re.findall(r'env\.\w+\(\s*"(\w+)"', SETTINGS)))
PRODUCTION = {
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ALLOWED_HOSTS": "study.example.org",
    "IDENTIFIER_KEYS": "another-long-random-value-0123456789-abcdefghijklmnopqrstuvwxyz",
    "DATABASE_URL": "postgres:///nowhere",
    "PATH": os.environ["PATH"],
}


def manage(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_every_variable_is_listed_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in VARIABLES if f"`{name}`" not in readme] == []


def test_deploy_check_is_clean_with_production_settings() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", env=PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_deploy_check_warns_where_identifiers_have_no_key_of_their_own() -> None:
    env = {name: value for name, value in PRODUCTION.items() if name != "IDENTIFIER_KEYS"}
    done = manage("check", "--deploy", "--fail-level", "WARNING", env=env)
    assert done.returncode != 0
    assert "survey.W001" in done.stderr


def test_site_does_not_start_without_a_secret_key() -> None:
    done = manage("check", env={"PATH": os.environ["PATH"]})
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr


@pytest.mark.parametrize("given", [["--input", "{folder}"], ["--input={folder}"]])
def test_files_are_analysed_without_any_setting(given: list[str], tmp_path: Path) -> None:
    folder, out = ROOT / "tests" / "reference" / "behaviour_runs", tmp_path / "out"
    named = [part.format(folder=folder) for part in given]
    done = manage("analyse", *named, "--layer", "paper", "--out", str(out), env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    assert (out / "paired_flip_overall.csv").is_file()


def test_analysis_of_a_study_needs_the_secret_key() -> None:
    done = manage("analyse", "--study", "tiny", env={"PATH": os.environ["PATH"]})
    assert "SECRET_KEY is not set" in done.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Not Found: /s/abc-DEF_123/", "Not Found: /s/…/"),
        ("GET /join/x/BR/?PROLIFIC_PID=5f0c&STUDY_ID=60", "GET /join/x/BR/?PROLIFIC_PID=…&STUDY_ID=…"),
        ("Not Found: /nowhere/ana.lima+1@example.org/", "Not Found: /nowhere/…/"),
        ("550 no such user: <ana@mail.example.org>", "550 no such user: <…>"),
        ("worker@4f0c: OK, 3 of 4 at 12:30", "worker@4f0c: OK, 3 of 4 at 12:30"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_logs_keep_tokens_and_identifiers_out(line: str, expected: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (line,), None)
    assert WithoutTokens().filter(record)
    assert record.getMessage() == expected
