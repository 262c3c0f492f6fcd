"""How fast a study's dashboard is over a million answers: `python -m bench.dashboard [--rows N]`: JSON and a table.

Makes a study inside PostgreSQL as `bench.export` does, gives its sessions real plans, asks for the dashboard and its
live part as a logged-in browser does, and explains every query of theirs: none may go through the table of answers.
The live part is asked for with its counts made anew, and again while they are kept.
Starts and stops its own PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.export import STUDY, fill
from pact_site import embedded

REPEATS = 5
N_ITEMS = 18
KEPT = "its live part while its counts are kept"
AS_IN_THE_FIELD = """
UPDATE survey_surveysession SET plan = %s, position = jsonb_array_length(%s::jsonb);
UPDATE survey_surveysession SET status = 'active', finished_at = NULL, outcome = '', position = 3 + id %% 20
WHERE id %% 10 = 0;
UPDATE survey_study SET state = 'live', launched_at = now() - interval '31 days', unblinded_at = now();
INSERT INTO analysis_itemcount (study_id, item_id, country, question, is_simulated, n, n_culture)
SELECT arm.study_id, response.item_id, arm.country, response.question, false, count(*),
    count(*) FILTER (WHERE choice = 'culture')
FROM survey_response response JOIN survey_surveysession session ON session.id = response.session_id
JOIN survey_arm arm ON arm.id = session.arm_id GROUP BY 1, 2, 3, 4;
VACUUM ANALYZE
"""


def plan_of_a_session() -> str:
    """Give a plan as long as the shipped instrument lays out."""
    scenario = {"kind": "scenario", "item": "BR01", "option_order": "culture_first", "questions": ["personal", "norm"]}
    pages: list[dict[str, Any]] = [{"kind": kind} for kind in ("consent", "screening", "instructions", "comprehension")]
    pages += [scenario] * N_ITEMS + [{"kind": "attention", "number": 6}, {"kind": "attention", "number": 12}]
    return json.dumps([*pages, {"kind": "debrief"}])


def prepare(n_rows: int) -> int:
    from django.db import connection

    n = fill(n_rows)
    with connection.cursor() as cursor:
        for statement in AS_IN_THE_FIELD.strip().split(";\n"):
            values = [plan_of_a_session()] * 2 if "plan = " in statement else None
            cursor.execute(statement if values else statement.replace("%%", "%"), values)
    return n


def measure() -> list[dict[str, Any]]:
    """Ask for both addresses; give the median time, the number of queries and how each reads the answers."""
    from django.contrib.auth.models import User
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from analysis.alarms.domain import check_study, give_sign_of_life
    from survey.models import Study

    give_sign_of_life("celery")
    study = Study.objects.select_related("version__instrument").get(code=STUDY)
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    week = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 7 * 86400))
    asked: dict[str, Callable[[], object]] = {
        "the dashboard": lambda: client.get(f"/studies/{STUDY}/"),
        "its live part": lambda: client.get(f"/studies/{STUDY}/live/"),
        KEPT: lambda: client.get(f"/studies/{STUDY}/live/"),
        "its live part, one country of the last week": lambda: client.get(
            f"/studies/{STUDY}/live/?country=BR&from={week}"
        ),
        "a look for alarms": lambda: check_study(study),
    }
    rows = []
    for what, ask in asked.items():
        ask()
        took = []
        for _ in range(REPEATS):
            if what != KEPT:
                cache.clear()
            begun = time.perf_counter()
            ask()
            took.append(1000 * (time.perf_counter() - begun))
        with CaptureQueriesContext(connection) as made:
            ask()
        reads = [read for query in made.captured_queries for read in ways_to_answers(query["sql"])]
        rows.append({"what": what, "ms": round(median(took), 1), "queries": len(made), "reads_answers": reads})
    return rows


def ways_to_answers(sql: str) -> list[str]:
    """Say how a query reads the table of answers, by PostgreSQL's own plan."""
    from django.db import connection

    if "survey_response" not in sql or not sql.lstrip().upper().startswith(("SELECT", "WITH")):
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        lines = [row[0] for row in cursor.fetchall()]
    return [line.strip(" ->").split("  (")[0] for line in lines if "survey_response" in line]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with embedded.throwaway() as running:
        os.environ.update(
            DATABASE_URL=running.database,
            REDIS_URL=running.redis,
            SECRET_KEY="for-the-bench-only",
            PACT_DEMO="1",
            DB_POOL_MAX="0",
            LOG_LEVEL="WARNING",
            DJANGO_SETTINGS_MODULE="pact_site.settings",
        )
        import django

        django.setup()
        from survey.models import SurveySession

        n_answers = prepare(chosen.rows)
        rows = measure()
        n_sessions = SurveySession.objects.count()
    print(json.dumps({"answers": n_answers, "sessions": n_sessions, "load": os.getloadavg()[0], "pages": rows}))
    print(f"\n{n_answers:,} answers of {n_sessions:,} sessions, {os.cpu_count()} cores\n")
    print("| what | median | queries | how it reads the answers |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['what']} | {row['ms']:.0f} ms | {row['queries']} | {'; '.join(row['reads_answers']) or 'not'} |")
    scanned = any(read.startswith("Seq Scan") for row in rows for read in row["reads_answers"])
    return 1 if scanned else 0


if __name__ == "__main__":
    sys.exit(main())
