"""Everything is killed while a crowd takes the survey and a model is asked: nothing is lost, doubled or overfilled."""

import json
import subprocess
import sys
from typing import Any

import pytest

from bench.servers import has_caddy
from pact_site.embedded import ROOT

IS_PROXIED = has_caddy()  # as participants come; without it connections that break are counted, not judged


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """One run for all; it starts and stops servers of its own."""
    command = [sys.executable, "-m", "bench.chaos", "--participants", "100", "--json"]
    command += ["--cells", "400", "--worker-kills", "2", "--redis-kills", "1", "--short-leases", "--renewals", "1"]
    command += ["--proxy"] * IS_PROXIED
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.stdout, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_harm_was_done(report: dict[str, Any]) -> None:
    """Otherwise what follows would say nothing."""
    assert sorted(report["database_restarts"]) == ["fast", "fast", "immediate", "kill"]
    assert report["workers_killed"] >= 4
    assert report["code_renewals"] == 1
    harm = ("lost_requests", "lost_replies", "doubled_forms", "contradicted_forms")
    assert [name for name in harm if report[name] < 20] == []
    assert report["acknowledged"] > 800
    assert report["turned_away"] > 20  # the cells were full
    assert report["redis_kills"] == 1
    assert report["model_worker_kills"] >= 1  # with questions in its hands


def test_no_acknowledged_answer_is_lost_or_changed(report: dict[str, Any]) -> None:
    assert report["lost"] == []


def test_nothing_is_stored_twice(report: dict[str, Any]) -> None:
    assert report["doubled"] == []


def test_no_quota_cell_is_overfilled(report: dict[str, Any]) -> None:
    assert report["over_quota"] == []


def test_everybody_comes_to_an_end(report: dict[str, Any]) -> None:
    assert report["stuck"] == []
    assert sum(report["statuses"].values()) == 100
    assert set(report["statuses"]) <= {
        "complete",
        "quota_full",
        "no_consent",
        "screened_out",
        "failed_comprehension",
    }


def test_every_question_to_the_model_has_one_answer(report: dict[str, Any]) -> None:
    assert report["model_faults"] == []
    assert report["asked_of_model"] == 400


def test_no_error_was_shown(report: dict[str, Any]) -> None:
    assert report["errors_shown"] == []


def test_nobody_was_asked_for_patience_unless_the_database_was_away_for_too_long(report: dict[str, Any]) -> None:
    assert report["waiting_pages"] == 0 or report["too_long"]
    assert sum(counts.get("status 503", 0) for counts in report["seen"].values()) == report["waiting_pages"]
