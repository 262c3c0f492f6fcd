"""``python -m bench.chaos``: a crowd takes the survey while everything that can fail does.

A real gunicorn and a real PostgreSQL, both killed again and again; lines that lose requests and replies; forms
sent twice, and again with other answers; small quota cells; no Redis. Each participant keeps a log of what was
sent and acknowledged, and afterwards the database is held against it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field

from bench.servers import Servers, own_servers

DEADLINE = 420.0  # seconds for the whole crowd; who has not finished by then never will
RESTARTS = ("fast", "immediate", "kill", "fast")  # spread evenly over the run


@dataclass
class Report:
    """What happened, and what it did: the three numbers at the end must be zero, and nobody stuck."""

    participants: int = 0
    seconds: float = 0.0
    requests: int = 0
    lost_requests: int = 0
    lost_replies: int = 0
    doubled_forms: int = 0
    contradicted_forms: int = 0
    broken_connections: int = 0
    workers_killed: int = 0
    database_restarts: list[str] = field(default_factory=list)
    waiting_pages: int = 0  # 503: the page that asks for patience
    slowest_seconds: float = 0.0
    acknowledged: int = 0  # answers
    complete: int = 0
    turned_away: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    errors_shown: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    over_quota: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.errors_shown or self.lost or self.doubled or self.over_quota or self.stuck)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--participants", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=24)
    parser.add_argument("--p-fault", type=float, default=0.10, help="share of requests that a line loses")
    parser.add_argument("--kill-every", type=float, default=3.0, help="seconds between two deaths of a web worker")
    parser.add_argument("--restarts", nargs="*", default=list(RESTARTS), help="ways in which PostgreSQL restarts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="only JSON, no table")
    options = parser.parse_args(arguments)
    with own_servers() as servers:
        os.environ.update(servers.environment)
        report = run(servers, options)
    told = asdict(report)
    if not options.json:
        print(table(told), file=sys.stderr)
    print(json.dumps(told))
    return 0 if report.is_clean else 1


def table(told: dict[str, object]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<20} {value if value else '-'}" for name, value in told.items())


def run(servers: Servers, options: argparse.Namespace) -> Report:
    """Make the study, send the crowd, do the harm meanwhile, and look at what is left."""
    import django

    django.setup()
    from bench.crowd import Crowd
    from bench.verdict import judge

    servers.migrate()
    crowd = Crowd(servers.base_url, options.participants, options.p_fault, options.seed)
    servers.start_web()
    report = Report(participants=options.participants)
    begun = time.monotonic()
    with ThreadPoolExecutor(options.at_once) as pool:
        walks = [pool.submit(crowd.walk, walker) for walker in crowd.walkers]
        do_harm(servers, walks, report, options)
        for walk in walks:
            walk.cancel()
        crowd.is_over.set()
    report.seconds = round(time.monotonic() - begun, 1)
    judge(crowd, report)
    report.errors_shown += servers.tracebacks()
    return report


def do_harm(servers: Servers, walks: list[Future[None]], report: Report, options: argparse.Namespace) -> None:
    """Kill workers by the clock and restart PostgreSQL by the crowd's progress, until all have walked."""
    begun = last_kill = time.monotonic()
    waiting, rng = list(options.restarts), random.Random(options.seed)
    while time.monotonic() < begun + DEADLINE:
        done, unfinished = wait(walks, timeout=0.2)
        if not unfinished:
            return
        if time.monotonic() > last_kill + options.kill_every:
            report.workers_killed += servers.kill_a_worker(rng)
            last_kill = time.monotonic()
        if waiting and len(done) / len(walks) >= (len(report.database_restarts) + 0.5) / len(options.restarts):
            how = waiting.pop(0)
            servers.restart_database(how)
            report.database_restarts.append(how)


if __name__ == "__main__":
    sys.exit(main())
