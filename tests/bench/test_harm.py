"""What participants see while servers are harmed: what it came of, and which of it is an error."""

from typing import Any

import pytest

from bench.chaos import Report, block
from bench.harm import (
    BROKEN,
    KILLED,
    NOTHING,
    RENEWED,
    RESTARTED,
    WAITING,
    Harm,
    Seen,
    by_cause,
    errors_of,
    proxy_waits,
    too_long,
)
from tests.bench.test_survey_bench import FACTS

PATIENCE = 6.0
BAD_GATEWAY, FAULT = "status 502", "status 500"
HARMS = [Harm(RESTARTED, 100.0, 103.0), Harm(KILLED, 200.0, 200.1), Harm(RENEWED, 300.0, 304.0)]


def errors(at: float, what: str, *, is_proxied: bool = True, harms: list[Harm] | None = None) -> dict[str, Any]:
    return errors_of([Seen(at, what)], HARMS if harms is None else harms, PATIENCE, is_proxied=is_proxied)


@pytest.mark.parametrize("what", [WAITING, BAD_GATEWAY, BROKEN, FAULT])
@pytest.mark.parametrize(("at", "cause"), [(101.0, RESTARTED), (112.0, RESTARTED), (302.0, RENEWED)])
def test_nothing_may_be_seen_of_a_restart_or_a_renewal(at: float, cause: str, what: str) -> None:
    expected = NOTHING if (what, cause) == (WAITING, RENEWED) else cause
    assert errors(at, what) == {expected: {what: 1}}


def test_what_a_killed_worker_was_doing_may_fail_and_nothing_later() -> None:
    assert errors(201.0, BAD_GATEWAY) == errors(201.0, BROKEN) == {}
    assert errors(203.0, BAD_GATEWAY) == {NOTHING: {BAD_GATEWAY: 1}}
    assert errors(201.0, FAULT) == {KILLED: {FAULT: 1}}


def test_a_waiting_page_is_no_killed_workers_doing() -> None:
    assert errors(201.0, WAITING) == {NOTHING: {WAITING: 1}}


def test_without_a_proxy_only_broken_connections_say_nothing() -> None:
    assert errors(50.0, BROKEN, is_proxied=False) == {}
    assert errors(50.0, BROKEN) == {NOTHING: {BROKEN: 1}}
    assert errors(101.0, WAITING, is_proxied=False) == {RESTARTED: {WAITING: 1}}


def test_a_waiting_page_is_right_only_where_the_database_was_away_for_longer_than_is_bridged() -> None:
    long = [Harm(RESTARTED, 100.0, 106.5)]
    assert too_long(long, PATIENCE) == long
    assert too_long(HARMS, PATIENCE) == []
    assert errors(107.0, WAITING, harms=long) == {}
    assert errors(107.0, FAULT, harms=long) == {RESTARTED: {FAULT: 1}}
    assert errors(130.0, WAITING, harms=long) == {NOTHING: {WAITING: 1}}


def test_a_web_server_may_take_as_long_as_the_proxy_waits() -> None:
    waits = proxy_waits()
    assert waits >= 20
    assert too_long([Harm(RENEWED, 0.0, waits)], PATIENCE) == []
    assert len(too_long([Harm(RENEWED, 0.0, waits + 1)], PATIENCE)) == 1


def test_of_two_harms_the_last_is_the_cause() -> None:
    both = [Harm(RESTARTED, 100.0, 103.0), Harm(RENEWED, 104.0, 107.0)]
    assert by_cause([Seen(105.0, BAD_GATEWAY), Seen(105.0, WAITING), Seen(103.5, BAD_GATEWAY)], both) == {
        RESTARTED: {WAITING: 1, BAD_GATEWAY: 1},
        RENEWED: {BAD_GATEWAY: 1},
    }


def report(**values: Any) -> Report:
    whole: dict[str, Any] = {"proxy": "Caddy 2.11.7", "database_restarts": ["fast"], "code_renewals": 1}
    return Report(**(whole | values))


def test_goals_of_a_run() -> None:
    assert report().goals() == {"R1": 0, "R2": 0}
    assert report(lost=["one"], doubled=["two", "three"], n_errors_shown=4).goals() == {"R1": 3, "R2": 4}


@pytest.mark.parametrize(
    "lacking", [{"proxy": ""}, {"database_restarts": []}, {"code_renewals": 0}, {"too_long": ["9 s"]}]
)
def test_a_run_without_all_of_it_says_nothing_of_what_participants_see(lacking: dict[str, Any]) -> None:
    assert report(**lacking).goals() == {"R1": 0, "R2": None}


def test_any_error_makes_a_run_fail() -> None:
    assert report().is_clean
    assert not report(errors_shown=["1 × status 503: PostgreSQL restarted"]).is_clean


def test_the_docs_show_every_count() -> None:
    seen = {RENEWED: {BAD_GATEWAY: 3}, RESTARTED: {WAITING: 2}}
    told = report(seen=seen, waiting_pages=2, errors_shown=["a", "b"], statuses={"complete": 7, "quota_full": 2})
    shown = block({"facts": FACTS, "report": vars(told)})
    for line in (
        "| participants, who came to the end or were turned away | 9 |",
        "| seen instead of a page: the code renewed | 3 × status 502 |",
        "| seen instead of a page: PostgreSQL restarted | 2 × status 503 |",
        "| seen instead of a page: a web worker killed | 0 |",
        "| of these, pages that ask for patience (503) | 2 |",
    ):
        assert line in shown
    assert shown.endswith("| 0; 0; 0; 0; 0; 2 |\n")
    assert "commit abc1234" in shown
    assert "behind Caddy 2.11.7 with" in shown
