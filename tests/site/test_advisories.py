"""What is known of the locked versions. The advisories here are invented."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pact_site import advisories
from pact_site.advisories import Findings, Known, compare

PINS = ["kettle==1.0", "teapot==2.1"]
DAY = "2026-03-01"
TODAY = date(2026, 3, 2)
LEAK = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-0001"],
    "summary": "It leaks.",
    "affected": [{"package": {"name": "teapot", "ecosystem": "PyPI"}, "versions": ["2.1"]}],
}
DECIDED = {"id": "CVE-2026-0001", "reason": "We pour nothing.", "decided": DAY}


def known(**changed: Any) -> Known:
    return Known(**{"looked_up": DAY, "versions": PINS, "advisories": [], "ignored": [], **changed})


def faults(**changed: Any) -> list[str]:
    return compare(known(**changed), PINS, today=TODAY).faults


def test_locks_of_which_nothing_is_known_to_be_wrong_pass() -> None:
    assert compare(known(), PINS, today=TODAY) == Findings()


def test_file_that_was_never_filled_says_so_and_claims_nothing() -> None:
    found = compare(Known(), PINS, today=TODAY)
    assert found.faults == []
    assert found.warnings == [
        "nobody has looked up yet what is known of the 2 locked versions: "
        "python3 run.py audit --update, where there is a network"
    ]


def test_version_that_nobody_asked_about_is_a_fault() -> None:
    assert faults(versions=["teapot==2.1", "kettle==0.9"]) == [
        "Not looked up: kettle==1.0. Run python3 run.py audit --update, where there is a network"
    ]


def test_version_with_an_advisory_is_a_fault() -> None:
    assert faults(advisories=[LEAK]) == ["teapot==2.1: GHSA-aaaa-bbbb-cccc It leaks."]


def test_advisory_of_a_version_that_is_no_longer_locked_is_none() -> None:
    earlier = {**LEAK, "affected": [{"package": {"name": "teapot", "ecosystem": "PyPI"}, "versions": ["2.0"]}]}
    assert faults(advisories=[earlier]) == []


@pytest.mark.parametrize("number", ["CVE-2026-0001", "GHSA-aaaa-bbbb-cccc"])
def test_advisory_is_ignored_by_a_reason_and_a_day(number: str) -> None:
    assert faults(advisories=[LEAK], ignored=[{**DECIDED, "id": number}]) == []
    assert faults(advisories=[LEAK], ignored=[{**DECIDED, "id": "CVE-2026-0002"}]) != []


@pytest.mark.parametrize("lacking", [{"reason": ""}, {"decided": ""}, {"decided": "soon"}, {"id": ""}])
def test_advisory_is_not_ignored_without_a_reason_and_a_day(lacking: dict[str, str]) -> None:
    ignored = {**DECIDED, **lacking}
    assert faults(advisories=[LEAK], ignored=[ignored]) == [
        f"An ignored advisory needs id, reason and decided: {ignored}",
        "teapot==2.1: GHSA-aaaa-bbbb-cccc It leaks.",
    ]


def test_old_answer_is_a_warning_and_no_fault() -> None:
    assert compare(known(), PINS, today=date(2026, 3, 31)) == Findings()
    assert compare(known(), PINS, today=date(2026, 4, 1)).warnings == [
        "what is known of the locked versions was looked up 31 days ago: "
        "python3 run.py audit --update, where there is a network"
    ]


def test_every_version_of_every_lock_is_asked_about_whatever_its_system(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("kettle==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00==\n")
    (tmp_path / "requirements-dev.txt").write_text("kettle==1.0\ntea-pot==2.1\\\n    --hash=sha256:11\n")
    assert advisories.locked(tmp_path) == ["kettle==1.0", "tea-pot==2.1"]


def test_projects_own_file_and_locks_agree() -> None:
    pins = advisories.locked(advisories.ROOT)
    assert {pin.split("==")[0] for pin in pins} >= {"django", "celery", "pandas", "ruff"}
    assert compare(advisories.read(advisories.FILE), pins, today=datetime.now(UTC).date()).faults == []


# --- Asking ------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Answers like OSV: one advisory of the teapot, found on a second page, and one that was withdrawn."""

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.reply({"results": [self.result(query) for query in queries]})

    def result(self, query: dict[str, Any]) -> dict[str, Any]:
        if query["package"] != {"name": "teapot", "ecosystem": "PyPI"} or query["version"] != "2.1":
            return {}
        if query.get("page_token") == "two":
            return {"vulns": [{"id": "GHSA-aaaa-bbbb-cccc"}]}
        return {"vulns": [{"id": "PYSEC-2026-1"}], "next_page_token": "two"}

    def do_GET(self) -> None:
        number = self.path.removeprefix("/v1/vulns/")
        if number == "PYSEC-2026-1":
            self.reply({"id": number, "modified": "2026-02-01T00:00:00Z", "withdrawn": "2026-02-02T00:00:00Z"})
        elif number == LEAK["id"]:
            everywhere = [{"package": {"name": "teapot"}, "versions": ["1.0", "2.0", "2.1"]}]
            self.reply({**LEAK, "affected": everywhere, "details": "Long."})

    def reply(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(advisories, "OSV", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file and locks of their own, nothing looked up yet."""
    (tmp_path / "requirements.txt").write_text("kettle==1.0\nteapot==2.1\n")
    monkeypatch.setattr(advisories, "ROOT", tmp_path)
    monkeypatch.setattr(advisories, "FILE", tmp_path / "advisories.json")
    advisories.write(tmp_path / "advisories.json", Known(ignored=[DECIDED]))
    return tmp_path / "advisories.json"


@pytest.mark.usefixtures("osv")
def test_update_keeps_what_was_answered_and_what_is_ignored(file: Path) -> None:
    assert advisories.main(["--update"]) == 0
    today = datetime.now(UTC).date().isoformat()
    assert advisories.read(file) == Known(today, PINS, [LEAK], [DECIDED])
    advisories.write(file, known(advisories=[LEAK]))
    assert advisories.main([]) == 1


def test_update_without_a_network_changes_nothing_and_fails(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advisories, "OSV", "http://127.0.0.1:1")
    before = file.read_bytes()
    assert advisories.main(["--update"]) == 1
    assert file.read_bytes() == before
    assert "did not answer, advisories.json stays as it was" in capsys.readouterr().out
    assert advisories.main([]) == 0
    assert capsys.readouterr().out.startswith("Warning: nobody has looked up yet")


def test_other_words_show_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert advisories.main(["--upgrade"]) == 2
    assert capsys.readouterr().out == "usage: python3 run.py audit [--update]\n"
