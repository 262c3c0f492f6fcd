"""How participants fare while a million answers leave: `python -m bench.beside [--rows N] [--seconds S] [--docs]`.

300 people who think six seconds about a page, about 50 submits a second, are served twice by the compose file's
command with a worker per core: alone, and while a program downloads the long table of another study from the same
workers, again and again. Prints both as JSON and what does not hold of its goal, which makes the exit code 1. `--docs`
keeps it for the table of goals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

from bench import export, goals, kept
from bench.servers import own_servers
from bench.survey.flows import FLOWS, with_index
from bench.survey.load import Crowd, Load
from bench.survey.meters import Meter

BY = "bench.beside"  # in the budgets
MILLION = 1_000_000


class Downloads:
    """A program of its own that downloads the long table again and again, as fast as it comes."""

    def __init__(self, port: int, token: str) -> None:
        self.command = [sys.executable, "-m", "bench.download", str(port), token, export.STUDY]
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Downloads:
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        told, _error = self.process.communicate("over\n")
        self.told = json.loads(told)


def token() -> str:
    """Give a token that may download."""
    from django.contrib.auth.models import Group, User
    from django.utils import timezone

    from pact_site.accounts.tokens import make_token
    from pact_site.roles import Role, Scope
    from survey.models import Study

    Study.objects.filter(code=export.STUDY).update(unblinded_at=timezone.now())
    user = User.objects.create_user("bench", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name=Role.PI)[0])
    return make_token(user, "bench", tuple(Scope), timezone.now() + timedelta(days=1)).text


def serve(system: Any, load: Load, codes: Any, meter: Meter) -> dict[str, Any]:
    """Let people take the survey; give how they fared."""
    crowd = Crowd(load, FLOWS["ours"], with_index(system.spec), system.port, codes)
    outcome = asyncio.run(crowd.run(meter))
    took = sorted(outcome.took)
    assert outcome.reading is not None
    return {
        "submits_per_s": round(len(took) / outcome.seconds, 1),
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p95_ms": round(took[len(took) * 95 // 100] * 1000, 1),
        "errors": dict(outcome.errors),
        "driver_share": round(outcome.reading.driver_share, 2),
        "foreign_cores": round(outcome.reading.foreign_cores, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.beside", description=__doc__)
    parser.add_argument("--rows", type=int, default=MILLION)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=30)
    chosen = goals.parse(parser, None, lambda options: options.rows >= MILLION)
    facts = kept.facts()
    with own_servers() as servers:
        os.environ.update(servers.environment, DB_POOL_MAX="0")
        import django

        django.setup()
        n_rows = export.fill(chosen.rows)
        from bench.survey.spec import make_spec
        from bench.survey.systems import Ours

        system = Ours(servers, make_spec(), servers.family.var)
        system.prepare(0)
        bearer = token()
        load = Load(chosen.people, seconds=chosen.seconds, warm_up=10, warm_submits=1, think=6)
        child = system.start(n_workers=os.cpu_count() or 1)
        codes, meter = system.codes(), Meter(child.pid, servers.child("postgres").pid)
        alone = serve(system, load, codes, meter)
        with Downloads(system.port, bearer) as downloads:
            beside = serve(system, load, codes, meter)
        system.stop()
    told = {"alone": alone, "beside": beside, "download": {"rows": n_rows, **downloads.told}}
    print(json.dumps(told))
    faults = faults_of(told)
    values = {"P10": None if faults else beside["p95_ms"]}
    faults += goals.broken(goals.mine(BY, values))
    if chosen.docs:
        goals.publish(chosen.docs, "beside", {"facts": facts, "goals": values, **told})
    for line in faults:
        print(line, file=sys.stderr)
    return 1 if faults else 0


def faults_of(told: dict[str, Any]) -> list[str]:
    """Name what makes a run say nothing of its goal."""
    errors = [f"{when}: {told[when]['errors']}" for when in ("alone", "beside") if told[when]["errors"]]
    download = told["download"]
    return errors + ([f"the download failed: {download}"] if download["fault"] or not download["mb_per_s"] else [])


if __name__ == "__main__":
    sys.exit(main())
