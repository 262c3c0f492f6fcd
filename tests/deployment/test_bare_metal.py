"""The lines of docs/deployment.md for a machine without Docker: run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deployment.files import ROOT
from tests.deployment.proxying import BUFFERS, OLD_BUFFERS, is_old

DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SYSTEMD_RUN = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


def edited(name: str) -> str:
    """Make a file of the proxy's as the page says."""
    line = re.search(rf"^(sed (?:.*\\\n)*.*{re.escape(name)}) > /etc/", DEPLOYMENT, flags=re.MULTILINE)
    assert line
    command = (
        line[1]
        if shutil.which("caddy") is None or is_old("caddy")
        else re.sub(r" -e 's/request_buffers [^']*'", "", line[1])
    )
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.skipif(shutil.which("caddy") is None, reason="no Caddy here: apt-get install caddy")
def test_only_the_site_itself_is_open_to_the_outside(tmp_path: Path) -> None:
    """The proxy's numbers are kept to the machine, and everything that it asks is on it."""
    (tmp_path / "Caddyfile").write_text(edited("docker/Caddyfile"), encoding="utf-8")
    command = ["caddy", "adapt", "--config", str(tmp_path / "Caddyfile")]
    env = os.environ | {"SITE_HOST": "study.example.org"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    listens = [server["listen"] for server in json.loads(done.stdout)["apps"]["http"]["servers"].values()]
    assert sorted(listens) == [["127.0.0.1:2020"], [":443"]]
    assert set(re.findall(r'"dial":"([^"]+)"', done.stdout)) == {"127.0.0.1:8000", "127.0.0.1:8080", "127.0.0.1:2020"}


def test_older_proxies_are_told_in_their_words_as_the_tests_tell_them() -> None:
    told = OLD_BUFFERS.replace("\n", r"\n").replace("\t", r"\t")
    assert f"-e 's/{BUFFERS}/{told}/'" in DEPLOYMENT


def test_the_counter_of_requests_is_kept_to_the_machine() -> None:
    counter = edited("docker/limiter/haproxy.cfg")
    assert re.findall(r"^\s*bind (.*)", counter, flags=re.MULTILINE) == ["127.0.0.1:8080"]
    assert "global\n\tuser haproxy\n" in counter


def test_commands_run_as_the_sites_user_with_its_settings(tmp_path: Path) -> None:
    (tmp_path / "systemd-run").write_text(SYSTEMD_RUN)
    (tmp_path / "systemd-run").chmod(0o755)
    command = [str(ROOT / "docs" / "systemd" / "manage"), "erase", "s1", "--by", "Ana Lima"]
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DATABASE_URL": "postgres:///trial"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    said = done.stdout.splitlines()
    assert {"--uid=pact", "--property=EnvironmentFile=/etc/pact-site.env", "--wait"} <= set(said)
    assert "--working-directory=/opt/pact-site" in said
    assert said[-8:-6] == ["env", "DATABASE_URL=postgres:///trial"]
    assert said[-6:] == ["/opt/pact-site/.venv/bin/python", "manage.py", "erase", "s1", "--by", "Ana Lima"]
