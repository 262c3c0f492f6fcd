"""``python -m bench.chaos``: a crowd takes the survey while everything that can fail does.

A real gunicorn and a real PostgreSQL, both killed again and again; lines that lose requests and replies; forms
sent twice, and again with other answers; small quota cells; with ``--proxy`` the shipped Caddyfile in front. Meanwhile
Celery's worker has a model asked, and worker and Valkey are killed too. Each participant keeps a log of what was sent,
acknowledged and seen, and afterwards the database is held against it, and every question to the model against what came
of it. Prints a table and a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from bench import goals, kept
from bench.chaos_models import ModelRun
from bench.harm import KILLED, NOTHING, QUIET, RENEWED, RESTARTED
from bench.harm import Harm as Done
from bench.servers import Servers, own_servers

RESTARTS = ("fast", "immediate", "kill", "fast")  # spread evenly over the run
REDIS_AWAY = 2.0  # seconds
LATENCY = 0.2  # seconds that the model takes for an answer
NAME, BLOCK, PAGE = "chaos", "chaos bench", "robustness.md"  # of the file that is kept, and where the docs show it
CAUSES = (RESTARTED, RENEWED, KILLED, NOTHING)
CROWD = 500  # participants of a run that the docs may show


@dataclass
class Report:
    """What happened, and what it did: the lists of faults at the end must be empty."""

    participants: int = 0
    seconds: float = 0.0
    requests: int = 0
    lost_requests: int = 0
    lost_replies: int = 0
    doubled_forms: int = 0
    contradicted_forms: int = 0
    broken_connections: int = 0
    proxy: str = ""  # with its version
    workers_killed: int = 0
    code_renewals: int = 0
    database_restarts: list[str] = field(default_factory=list)
    redis_kills: int = 0
    model_worker_kills: int = 0
    model_worker_ends: int = 0  # by itself, when the broker went; started again as compose and systemd do
    asked_of_model: int = 0  # cells
    calls_of_model: int = 0  # more than cells: whoever died between call and record has it made again
    waiting_pages: int = 0  # 503: the page that asks for patience
    seen: dict[str, dict[str, int]] = field(default_factory=dict)  # instead of a page, by what it came of
    away: dict[str, list[float]] = field(default_factory=dict)  # seconds of each restart and renewal
    gave_up: list[str] = field(default_factory=list)  # why the site asked for patience, from its log
    too_long: list[str] = field(default_factory=list)  # away for longer than is promised to be bridged
    slowest_seconds: float = 0.0
    acknowledged: int = 0  # answers
    complete: int = 0
    turned_away: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    n_errors_shown: int = 0
    errors_shown: list[str] = field(default_factory=list)  # of what was seen: what no participant may see
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    over_quota: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    model_faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        faults = (self.errors_shown, self.lost, self.doubled, self.over_quota, self.stuck, self.model_faults)
        return not any(faults)

    def goals(self) -> dict[str, float | None]:
        """Tell what this says of R1 and R2; of R2 nothing without the proxy or its harms, or on too slow a machine."""
        has_all = self.proxy and self.database_restarts and self.code_renewals and not self.too_long
        return {"R1": len(self.lost) + len(self.doubled), "R2": self.n_errors_shown if has_all else None}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--participants", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=24)
    parser.add_argument("--p-fault", type=float, default=0.10, help="share of requests that a line loses")
    parser.add_argument("--kill-every", type=int, default=20, help="participants to each death of a web worker")
    parser.add_argument("--restarts", nargs="*", default=list(RESTARTS), help="ways in which PostgreSQL restarts")
    parser.add_argument("--proxy", action="store_true", help="Caddy with the shipped Caddyfile in front of web")
    parser.add_argument(
        "--renewals", type=int, default=2, help="times that the web server is stopped gently and started"
    )
    parser.add_argument(
        "--cells", type=int, default=3000, help="questions put to a model meanwhile; 0: no Redis at all"
    )
    parser.add_argument("--worker-kills", type=int, default=3, help="deaths of Celery's worker")
    parser.add_argument("--redis-kills", type=int, default=2, help="deaths of Valkey")
    parser.add_argument(
        "--short-leases", action="store_true", help="a dead worker's leases end at once, not in a minute"
    )
    parser.add_argument("--hosts", type=int, default=1, help="web hosts; each request goes to any of them")
    parser.add_argument("--pooler", choices=["session", "transaction"], help="PgBouncer between web and PostgreSQL")
    parser.add_argument("--deadline", type=float, default=600.0, help="seconds after which nobody is waited for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="only JSON, no table")
    options = goals.parse(parser, arguments, lambda chosen: chosen.proxy and chosen.participants >= CROWD)
    if options.proxy and options.hosts > 1:
        parser.error("the proxy leads to one web host")
    facts = kept.facts()
    with own_servers() as servers:
        if options.cells:
            servers.start_redis()
        os.environ.update(servers.environment)
        report = run(servers, options)
    told = asdict(report)
    if not options.json:
        print(table(told), file=sys.stderr)
    print(json.dumps(told))
    if options.docs:
        goals.publish(options.docs, NAME, {"facts": facts, "goals": report.goals(), "report": told})
    return 0 if report.is_clean else 1


def table(told: dict[str, object]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<20} {value if value else '-'}" for name, value in told.items())


def block(result: dict[str, Any]) -> str:
    """Show a run that was kept as the docs have it."""
    facts, told = result["facts"], result["report"]
    ways = ", ".join(told["database_restarts"])
    faults = ("lost", "doubled", "over_quota", "stuck", "model_faults", "errors_shown")
    rows = [
        ("participants, who came to the end or were turned away", sum(told["statuses"].values())),
        ("seconds", told["seconds"]),
        ("requests; requests and replies lost on the line",
         f"{told['requests']:,}; {told['lost_requests']}, {told['lost_replies']}"),
        ("forms sent twice; sent again with other answers", f"{told['doubled_forms']}; {told['contradicted_forms']}"),
        ("web workers killed; code renewed", f"{told['workers_killed']}; {told['code_renewals']}"),
        ("PostgreSQL restarted", f"{len(told['database_restarts'])} ({ways})"),
        ("Celery workers killed, ended by themselves; Valkey killed",
         f"{told['model_worker_kills']}, {told['model_worker_ends']}; {told['redis_kills']}"),
        ("answers acknowledged", f"{told['acknowledged']:,}"),
        ("questions to a model; its calls", f"{told['asked_of_model']:,}; {told['calls_of_model']:,}"),
        ("slowest page", f"{told['slowest_seconds']} s, with its reloads"),
        *((f"seen instead of a page: {cause}", seen_of(told, cause)) for cause in CAUSES),
        ("of these, pages that ask for patience (503)", told["waiting_pages"]),
        ("seconds that PostgreSQL was away; the web server", "; ".join(seconds_of(told, one) for one in CAUSES[:2])),
        ("away for longer than is promised to be bridged", "; ".join(told["too_long"]) or "–"),
        ("**lost or changed; doubled; overfilled; stuck; questions without one answer; errors shown**",
         "; ".join(str(len(told[name])) for name in faults)),
    ]  # fmt: skip
    proxy = f"behind {told['proxy']} with the shipped Caddyfile" if told["proxy"] else "without a proxy"
    machine = f"{facts['processor']}, {facts['cores']} cores, Linux {facts['kernel']}"
    lines = [
        f"{facts['at']}, commit {facts['commit']}, {machine}, {proxy}: `{facts['call']}`.",
        "",
        goals.row(("what", "count")),
        goals.row(("---", "---")),
    ]
    return "\n".join([*lines, *(goals.row(map(str, row)) for row in rows)]) + "\n"


def seconds_of(told: dict[str, Any], kind: str) -> str:
    return ", ".join(f"{seconds:.1f}" for seconds in told["away"].get(kind, [])) or "–"


def seen_of(told: dict[str, Any], cause: str) -> str:
    return ", ".join(f"{number} × {what}" for what, number in told["seen"].get(cause, {}).items()) or "0"


def run(servers: Servers, options: argparse.Namespace) -> Report:
    """Make the study, send the crowd, do the harm meanwhile, and look at what is left."""
    import django

    django.setup()
    from bench.crowd import Crowd
    from bench.verdict import judge

    servers.migrate()
    if options.pooler:
        servers.start_pooler(options.pooler)
    servers.start_web(options.hosts)
    addresses = [f"http://127.0.0.1:{port}" for port in servers.web_names.values()]
    trust, name = None, ""
    if options.proxy:
        proxy, name = servers.start_proxy(), servers.proxy_name()
        addresses, trust = [f"https://localhost:{proxy.https_port}"], proxy.trust
    crowd = Crowd(addresses, options.participants, options.p_fault, options.seed, trust)
    report, harms = Report(participants=options.participants, proxy=name), list[Done]()
    models = ModelRun(servers, crowd.study, options.cells, LATENCY) if options.cells else None
    begun = time.monotonic()
    with ThreadPoolExecutor(options.at_once) as pool:
        walks = [pool.submit(crowd.walk, walker) for walker in crowd.walkers]
        do_harm(servers, walks, models, report, harms, options)
        for walk in walks:
            walk.cancel()
        crowd.is_over.set()
    report.seconds = round(time.monotonic() - begun, 1)
    judge(crowd, report, harms)
    if models:
        models.judge(report, begun + options.deadline)
    report.errors_shown += servers.tracebacks()
    report.gave_up = servers.logged("gave up")
    return report


Harm = Callable[[], float | None]  # gives the seconds that nothing else is to be harmed


class Plan:
    """What is to be killed, spread evenly over the progress of what it harms; after some of it a while of quiet."""

    def __init__(self, progress: Callable[[], float], *kinds: list[Harm]) -> None:
        self.progress = progress
        planned = [((index + 0.5) / len(acts), act) for acts in kinds for index, act in enumerate(acts)]
        self.left = sorted(planned, key=lambda each: each[0])
        self.quiet_until = 0.0

    def follow(self) -> None:
        if self.left and time.monotonic() >= self.quiet_until and self.progress() >= self.left[0][0]:
            self.quiet_until = time.monotonic() + (self.left.pop(0)[1]() or 0.0)


def harm_to_models(servers: Servers, models: ModelRun, report: Report, options: argparse.Namespace) -> Plan:
    def restart_redis() -> None:
        servers.restart_redis(REDIS_AWAY)
        report.redis_kills += 1

    def restart_worker() -> None:
        report.model_worker_kills += models.has_worker_died(is_short=options.short_leases)

    return Plan(models.progress, [restart_redis] * options.redis_kills, [restart_worker] * options.worker_kills)


def harm_to_participants(
    servers: Servers, walks: list[Future[None]], report: Report, harms: list[Done], options: argparse.Namespace
) -> Plan:
    rng = random.Random(options.seed)

    def kill() -> float:
        begun = time.monotonic()
        if servers.kill_a_worker(rng):
            harms.append(Done(KILLED, begun, time.monotonic()))
            report.workers_killed += 1
        return QUIET

    def restart(how: str) -> None:
        begun = time.monotonic()
        servers.restart_database(how)
        harms.append(Done(RESTARTED, begun, time.monotonic()))
        report.database_restarts.append(how)

    def renew() -> None:
        begun = time.monotonic()
        servers.renew_web()
        harms.append(Done(RENEWED, begun, time.monotonic()))
        report.code_renewals += 1

    restarts: list[Harm] = [partial(restart, how) for how in options.restarts]
    kills: list[Harm] = [kill] * (len(walks) // options.kill_every)
    renewals: list[Harm] = [renew] * options.renewals
    return Plan(lambda: sum(map(Future.done, walks)) / len(walks), restarts, kills, renewals)


def do_harm(
    servers: Servers,
    walks: list[Future[None]],
    models: ModelRun | None,
    report: Report,
    harms: list[Done],
    options: argparse.Namespace,
) -> None:
    """Kill as the plans say, by progress, until all have walked and the model has been asked."""
    begun = time.monotonic()
    plans = [harm_to_participants(servers, walks, report, harms, options)]
    if models:
        plans.append(harm_to_models(servers, models, report, options))
    while time.monotonic() < begun + options.deadline:
        _, unfinished = wait(walks, timeout=0.2)
        if not unfinished and not (models and not models.is_done()):
            return
        for plan in plans:
            plan.follow()
        report.model_worker_ends += servers.start_again_what_ended()
        if not unfinished:
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
