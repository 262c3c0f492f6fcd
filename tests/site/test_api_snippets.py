"""The lines of docs/api.md, run as they stand there against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from analysis.extract import ALL_TABLES
from pact_site.accounts.tokens import make_token
from pact_site.roles import Scope
from survey.domain.study_states import unblind_study
from survey.enums import Page
from survey.models import Response
from tests.factories import make_session, make_study
from tests.staff import make_staff
from tests.survey.test_flow_pages import Walker

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
PYTHON, R = (re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) for language in ("python", "r"))


@pytest.mark.django_db(transaction=True)
def test_python_lines_fetch_all_answers(live_server: LiveServer, tmp_path: Path) -> None:
    study = make_study()
    unblind_study(study, by="pi", reason="tests")
    for country in ("GB", "BR"):
        Walker(make_session(study, country)).finish()
    n = Response.objects.count()
    Walker(make_session(study, "IN")).walk_to(Page.ATTENTION)  # unfinished: left out by what the lines ask for
    assert Response.objects.count() > n > 0
    token = make_token(make_staff("pi"), "snippet", list(Scope), timezone.now() + timedelta(days=1)).text
    script = tmp_path / "fetch.py"
    script.write_text(PYTHON[0], encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "PACT_SITE": live_server.url, "PACT_STUDY": "s1", "PACT_TOKEN": token}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == (f"{n} answers of 2 people\n", "")


def test_both_languages_ask_the_same_address_of_a_table_that_exists() -> None:
    asked = {re.search(r"/long\.ndjson/\?sessions=complete", lines[0]) is not None for lines in (PYTHON, R)}
    assert asked == {True}
    assert "respondent_id" in {column.name for column in ALL_TABLES["long"].columns}
