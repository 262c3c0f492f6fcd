"""``python -m bench.survey``: the same survey by PACT Site, oTree, Potato and a bare application, in turns.

The application and PostgreSQL run on one core, the driver on the other. Prints a line of JSON for every run and at the
end two tables, and what of `bench/budgets.toml` does not hold, which makes the exit code 1; after a whole run also what
was not measured, by it or by the other benches.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench import goals, kept
from bench.servers import Servers, own_servers
from bench.survey import report
from bench.survey.flows import FLOWS, with_index
from bench.survey.load import Crowd, Load, Outcome
from bench.survey.machine import describe
from bench.survey.meters import Meter, pin
from bench.survey.spec import N_SUBMITS
from pact_site.embedded import default_var

BY = "bench.survey"  # in the budgets
APP, DRIVER = 0, 1  # cores
MOST_DRIVER = 0.6  # of its core; a busier driver measures itself
TRIES = 3  # of a run that something else on the machine disturbed
START_S = 6.0  # that a start takes


@dataclass(frozen=True)
class Plan:
    """What is run of each system."""

    loads: Sequence[Load]
    repeats: int
    crowded_repeats: int  # of peers with a load that takes them minutes
    minutes: float  # no repeat begins that would go beyond

    def seconds_of(self, loads: Sequence[Load]) -> float:
        """Say about how long a start with these loads takes: the last answers of a crowd come late."""
        return START_S + sum(load.seconds + load.warm_up + load.at_once / 20 for load in loads)


FULL = Plan(
    loads=(
        Load(1, seconds=8),
        Load(20, seconds=10),
        Load(100, seconds=12),
        Load(500, seconds=20),
        Load(300, seconds=30, warm_up=10, warm_submits=1, think=6),
    ),
    repeats=3,
    crowded_repeats=2,
    minutes=24,
)
QUICK = Plan(
    loads=(
        Load(1, seconds=3, warm_up=1),
        Load(20, seconds=4, warm_up=1),
        Load(100, seconds=5, warm_up=1),
        Load(300, seconds=10, warm_up=8, warm_submits=1, think=6),
    ),
    repeats=1,
    crowded_repeats=1,
    minutes=4,
)
ASSUMED_RATE = {"otree": 70, "limit": 3000}  # submits/s at most, for how many participants are made beforehand
CROWD = 300  # who has so many at once is crowded


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    begun, result = time.monotonic(), {"facts": kept.facts()}
    with own_servers() as servers:
        os.environ.update(servers.environment, DB_POOL_MAX="0")  # ours: one connection that can be closed
        import django

        django.setup()
        servers.migrate()
        peers = options.peers or default_var() / "peers"
        bench = Bench(servers, plan_of(options), options.systems, peers, options.foreign)
        bench.prepare()
        bench.run(begun)
        minutes = round((time.monotonic() - begun) / 60, 1)
        result = report.summarise(bench.rows, {**result["facts"], **describe(servers), "minutes": minutes})
    out = options.out or default_var() / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "survey.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    if options.docs:
        goals.publish(options.docs, report.NAME, report.to_keep(result))
    judged = goals.now(BY, result["goals"], options.docs)
    text = f"{report.load_table(result)}\n{goals.table(judged)}"
    (out / "survey.md").write_text(text, encoding="utf-8")
    print(text)
    faults = faults_of(result, judged, is_whole=is_whole(options))
    for line in faults:
        print(line, file=sys.stderr)
    return 1 if faults else 0


def faults_of(result: dict[str, Any], judged: Sequence[dict[str, Any]], *, is_whole: bool) -> list[str]:
    """Name what makes a run fail; that a goal was not measured is a fault of a whole run only."""
    mine = [goal for goal in judged if is_whole or goal["by"] == BY]
    return report.busy_drivers(result) + goals.broken(mine) + (goals.missing(mine) if is_whole else [])


def is_whole(options: argparse.Namespace) -> bool:
    return not (options.quick or options.at_once)


def plan_of(options: argparse.Namespace) -> Plan:
    if options.at_once:
        return Plan(tuple(Load(n, seconds=options.seconds) for n in options.at_once), options.repeats, 1, 60)
    return QUICK if options.quick else replace(FULL, minutes=options.minutes)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.survey", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--full", action="store_true", help="everything, at most 25 minutes (the default)")
    length.add_argument("--quick", action="store_true", help="one short round without 500 at once, at most 4 minutes")
    parser.add_argument("--minutes", type=float, default=FULL.minutes, help="of everything: fewer mean fewer repeats")
    parser.add_argument("--systems", nargs="*", choices=list(FLOWS), default=list(FLOWS))
    parser.add_argument("--at-once", nargs="*", type=int, help="only these many at once, instead of the plan")
    parser.add_argument("--seconds", type=float, default=3.0, help="with --at-once: how long each")
    parser.add_argument("--repeats", type=int, default=1, help="with --at-once: how often")
    parser.add_argument("--foreign", type=float, default=0.1, help="cores that others may use during a run")
    parser.add_argument(
        "--peers", type=Path, help="environments of the peers; made in var/peers/ where they are missing"
    )
    parser.add_argument("--out", type=Path, help="folder for survey.json and survey.md; var/bench/")
    return goals.parse(parser, arguments, is_whole)


class Bench:
    """The systems in turns; ``rows`` has what each run came to."""

    def __init__(self, servers: Servers, plan: Plan, names: Sequence[str], peers: Path, foreign: float) -> None:
        from bench.survey.spec import make_spec
        from bench.survey.systems import SYSTEMS, install_peers

        install_peers(peers, [name for name in names if name in ("otree", "potato")])
        self.servers, self.plan, self.foreign = servers, plan, foreign
        spec = make_spec()
        self.systems = [SYSTEMS[name](servers, spec, peers) for name in names]
        self.rows: list[dict[str, Any]] = []

    def prepare(self) -> None:
        for system in self.systems:
            system.prepare(self.n_participants(system.name))

    def n_participants(self, name: str) -> int:
        """Say how many participants a system that wants them beforehand may need."""
        total = 0.0
        for load in self.plan.loads:
            seconds = load.seconds + load.warm_up + 2
            rate = load.at_once / load.think if load.think else ASSUMED_RATE.get(name, 0)
            total += (load.at_once + rate * seconds / N_SUBMITS) * self.repeats_of(name, load)
        return round(total) + 20

    def repeats_of(self, name: str, load: Load) -> int:
        if load.think and name == "limit":
            return 0  # it has nothing to say there
        is_long = load.think or (load.at_once >= CROWD and name in {"otree", "potato"})
        return self.plan.crowded_repeats if is_long else self.plan.repeats

    def loads_of(self, name: str, repeat: int) -> list[Load]:
        return [load for load in self.plan.loads if repeat < self.repeats_of(name, load)]

    def run(self, begun: float) -> None:
        """Run A, B, C, D, A, B, C, D …; then ours alone on both cores."""
        for repeat in range(self.plan.repeats):
            coming = sum(self.plan.seconds_of(self.loads_of(system.name, repeat)) for system in self.systems)
            if repeat and time.monotonic() - begun + coming > self.plan.minutes * 60:
                print(f"no time for repeat {repeat + 1}", file=sys.stderr)
                break
            for system in self.systems:
                loads = self.loads_of(system.name, repeat)
                self.serve(system, loads, repeat)
                if system.name == "ours":
                    self.serve(system, [load for load in loads if load.at_once == 20], repeat, n_cores=2)

    def serve(self, system: Any, loads: Sequence[Load], repeat: int, n_cores: int = 1) -> None:
        """Start a system, run the loads, stop it, and hold what it stored against what it acknowledged."""
        if not loads:
            return
        cores = [APP] if n_cores == 1 else [APP, DRIVER]
        postgres = self.servers.child("postgres").pid
        pin_tree(postgres, cores)
        pin(cores)
        child = system.start(n_workers=n_cores)
        pin([DRIVER])
        codes, acknowledged = system.codes(), 0
        meter = Meter(child.pid, postgres)
        try:
            for load in loads:
                for attempt in itertools.count(1):
                    outcome = drive(system, load, meter, codes)
                    acknowledged += outcome.n_answers
                    row = describe_run(system.name, load, outcome, meter, n_cores, repeat)
                    row["is_disturbed"] = bool(row["foreign_cores"] > self.foreign)
                    row["is_driver_busy"] = bool(row["driver_share"] > MOST_DRIVER)
                    if attempt == TRIES or not row["is_disturbed"]:
                        break
                self.keep(row)
            stored = system.n_stored() - system.n_answers_before
            if stored != acknowledged:
                self.rows[-1]["errors"][f"{acknowledged} answers acknowledged, {stored} stored"] = 1
        finally:
            system.stop()
            pin([APP, DRIVER])

    def keep(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        print(json.dumps(row), flush=True)


def drive(system: Any, load: Load, meter: Meter, codes: Iterator[str]) -> Outcome:
    crowd = Crowd(load, FLOWS[system.name], with_index(system.spec), system.port, codes)
    return asyncio.run(crowd.run(meter))


def describe_run(name: str, load: Load, outcome: Outcome, meter: Meter, n_cores: int, repeat: int) -> dict[str, Any]:
    """Give everything that is known of a run."""
    reading = outcome.reading
    assert reading is not None
    n = len(outcome.took)
    took = sorted(outcome.took) or [0.0]
    return {
        "system": name, "load": load.name, "cores": n_cores, "repeat": repeat, **asdict(load),
        "submits": n, "submits_per_s": round(n / outcome.seconds, 1),
        "completed": outcome.n_participants,
        **{f"p{share}_ms": percentile(took, share) for share in (50, 95, 99)},
        "app_cpu_ms": per(reading.app * 1000, n), "sql_cpu_ms": per(reading.database * 1000, n),
        "cpu_ms": per((reading.app + reading.database) * 1000, n),
        "busy_cores": round((reading.app + reading.database) / reading.at, 2),
        "memory_mb": meter.memory_mb(), "n_processes": meter.n_processes(),
        "requests_per_submit": per(outcome.n_requests, n), "bytes_per_submit": per(outcome.n_bytes, n),
        "errors": dict(outcome.errors), "driver_share": round(reading.driver_share, 2),
        "foreign_cores": round(reading.foreign_cores, 2), "load_average": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def percentile(took: Sequence[float], share: int) -> float:
    """Give a percentile in ms of seconds in order."""
    return round(took[min(len(took) - 1, len(took) * share // 100)] * 1000, 2)


def per(total: float, n: int) -> float:
    return round(total / n, 2) if n else 0.0


def pin_tree(root: int, cores: Sequence[int]) -> None:
    from bench.survey.meters import family

    for pid in family(root):
        with suppress(ProcessLookupError):  # PostgreSQL's helpers come and go
            os.sched_setaffinity(pid, cores)


if __name__ == "__main__":
    sys.exit(main())
