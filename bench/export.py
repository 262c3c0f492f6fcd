"""How fast a million answers leave as CSV: `python -m bench.export [--rows N] [--repeats N]`: JSON lines and a table.

Our stream of the long table beside PostgreSQL's own COPY of the very same query (what psql would do), pandas, and a
csv.writer over an ORM iterator, one after the other in turns, each in a process of its own. Starts and stops its own
PostgreSQL. Linux only (memory is read from /proc).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench import goals, kept
from pact_site import embedded

STUDY = "export"
ITEMS_EACH, QUESTIONS = 18, 2
MILLION = 1_000_000
GOALS = {"P9a": "share_of_copy", "P9b": "growth_mb", "P9c": "first_byte_ms"}


# --- A study with many answers, made inside PostgreSQL ----------------------------------------------
SQL = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT number, nextval(pg_get_serial_sequence('survey_participant', 'id')) AS participant_id,
    nextval(pg_get_serial_sequence('survey_surveysession', 'id')) AS session_id,
    arms.id AS arm_id, arms.country, arms.locales[1] AS locale, now() - interval '30 days' * random() AS landed_at
FROM generate_series(1, {sessions}) number
JOIN (SELECT *, row_number() OVER (ORDER BY country) - 1 AS place, count(*) OVER () AS n
      FROM survey_arm WHERE study_id = {study}) arms ON arms.place = number % arms.n;
INSERT INTO survey_participant (id, study_id, is_simulated, created_at)
SELECT participant_id, {study}, false, landed_at FROM made;
INSERT INTO survey_surveysession (id, participant_id, arm_id, version_id, token, status, outcome, locale, seed,
    option_order, design_cell, plan, position, landed_at, last_activity_at, finished_at, receipt)
SELECT session_id, participant_id, arm_id, {version}, 'token-' || number, 'complete', 'complete', locale, number,
    (ARRAY['culture_first', 'preference_first'])[1 + number % 2], '', '[]', 0, landed_at, landed_at,
    landed_at + interval '10 minutes', 'R' || number FROM made;
INSERT INTO survey_consent (session_id, consent_version, locale, text_hash, is_given, at)
SELECT session_id, '1', locale, repeat('c', 64), true, landed_at FROM made;
INSERT INTO survey_demographics (session_id, age_band, gender, country, is_country_undisclosed, fluency, at)
SELECT session_id, (ARRAY['18-24', '35-44', '55-64'])[1 + number % 3], (ARRAY['woman', 'man'])[1 + number % 2], country,
    false, 'first', landed_at FROM made;
INSERT INTO survey_assignment (session_id, item_id, relation, number)
SELECT session_id, items.id, 'same', place + 1 FROM made CROSS JOIN generate_series(0, {each} - 1) place
JOIN (SELECT id, row_number() OVER (ORDER BY code) - 1 AS number, count(*) OVER () AS n
      FROM survey_item WHERE version_id = {version}) items ON items.number = (made.number * 7 + place) % items.n;
INSERT INTO survey_response (session_id, item_id, question, choice, option_order, position, locale, text_hash,
    served_at, submitted_at)
SELECT made.session_id, item_id, question, (ARRAY['culture', 'preference'])[1 + (item_id + made.number) % 2],
    (ARRAY['culture_first', 'preference_first'])[1 + made.number % 2], assigned.number, locale, repeat('f', 64),
    landed_at + interval '20 seconds' * assigned.number,
    landed_at + interval '20 seconds' * assigned.number + interval '12.345 seconds'
FROM made JOIN survey_assignment assigned ON assigned.session_id = made.session_id
CROSS JOIN unnest(ARRAY['personal', 'norm']) question;
"""


def fill(n_rows: int) -> int:
    """Make a study with about so many answers; give how many it has."""
    from django.core.management import call_command
    from django.db import connection, transaction

    from survey.domain.instruments import load_instrument
    from survey.domain.studies import create_study
    from survey.enums import PanelName
    from survey.instruments.loader import SHIPPED, read_instrument
    from survey.models import Response

    call_command("migrate", "--no-input", "--verbosity", "0")
    version = load_instrument(read_instrument(SHIPPED)).version
    study = create_study(code=STUDY, title="Export", version=version, panel=PanelName.DIRECT, target_per_cell=1)
    sessions = -(-n_rows // (ITEMS_EACH * QUESTIONS))
    values = {"study": study.pk, "version": version.pk, "sessions": sessions, "each": ITEMS_EACH}
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in SQL.format(**values).strip().split(";\n"):
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Response.objects.count()


# --- The ways out ------------------------------------------------------------------------------------
def statement() -> str:
    """Give the query behind our long table as psql would be given it."""
    from analysis.columns import LONG
    from analysis.extract import EVERYTHING, copy_statement
    from survey.models import Study

    return copy_statement(LONG, Study.objects.get(code=STUDY), EVERYTHING)


def ours() -> Iterator[int]:
    from analysis.columns import LONG
    from analysis.extract import stream_csv
    from survey.models import Study

    for part in stream_csv(LONG, Study.objects.get(code=STUDY)):
        yield len(part)


def released() -> Iterator[int]:
    """Send the same rows as a release has them: by ids of its own, and in their order."""
    from analysis.columns import LONG
    from analysis.disclosure import Disguise
    from analysis.extract import Selection, stream_csv
    from survey.models import Study

    selection = Selection(disguise=Disguise(b"key", ("complete",)))
    for part in stream_csv(LONG, Study.objects.get(code=STUDY), selection):
        yield len(part)


def raw_copy() -> Iterator[int]:
    """Read PostgreSQL's COPY and do nothing with it: what psql's own comes to."""
    from django.db import connection

    with connection.cursor() as cursor, cursor.copy(statement()) as copy:
        for part in copy:
            yield len(part)


def pandas_frame() -> Iterator[int]:
    import pandas as pd
    from django.db import connection

    query = statement().removeprefix("COPY (").rpartition(") TO STDOUT")[0]
    with connection.cursor() as cursor:
        cursor.execute(query)
        frame = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])
    frame.to_csv(os.devnull, index=False, na_rep="NA")  # nothing is sent before this is done
    yield 1


def orm_writer() -> Iterator[int]:
    """Write ten columns of each answer as the rows come, as one would first write it."""
    from survey.models import Response

    sink = Sink()
    writer = csv.writer(sink)
    answers = Response.objects.filter(session__arm__study__code=STUDY).select_related("session__arm", "item")
    for one in answers.order_by("session_id", "item__code", "question").iterator(chunk_size=2000):
        taken = round((one.submitted_at - one.served_at).total_seconds() * 1000)
        session, item = one.session, one.item
        writer.writerow(
            (session.participant_id, session.arm.country, session.status, item.code, item.scenario_country, item.theme,
             one.question, one.choice, one.option_order, taken)
        )  # fmt: skip
        yield from sink.take()


class Sink:
    """A file that only counts."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def write(self, text: str) -> int:
        self.sizes.append(len(text.encode()))
        return len(text)

    def take(self) -> list[int]:
        taken, self.sizes = self.sizes, []
        return taken


WAYS: dict[str, Callable[[], Iterator[int]]] = {
    "ours": ours,
    "PostgreSQL COPY": raw_copy,
    "as in a release": released,
    "csv.writer over the ORM": orm_writer,
    "pandas": pandas_frame,
}


def measure(name: str, n_rows: int) -> dict[str, Any]:
    """Send everything one way; memory is what the process grew by from before the first row."""
    import django

    django.setup()
    statement()  # what is loaded and connected by then is not counted
    if name == "pandas":
        import pandas  # noqa: F401
    Path("/proc/self/clear_refs").write_text("5")  # what imports took at their height is forgotten
    before = memory_kb("VmRSS")
    begun = time.perf_counter()
    cpu = time.process_time()
    first = n_bytes = 0.0
    for size in WAYS[name]():
        if not n_bytes:
            first = time.perf_counter() - begun
        n_bytes += size
    seconds = time.perf_counter() - begun
    grown = (memory_kb("VmHWM") - before) / 1024
    return {
        "way": name, "rows_per_s": round(n_rows / seconds), "seconds": round(seconds, 2),
        "first_byte_ms": round(first * 1000, 1), "growth_mb": round(grown, 1), "mb": round(n_bytes / 1e6, 1),
        "cpu_s": round(time.process_time() - cpu, 2),
    }  # fmt: skip


def memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def run(n_rows: int, repeats: int, ways: Sequence[str]) -> dict[str, Any]:
    """Measure the ways in turns; give what the medians say of the goals."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name in ways:
            command = [sys.executable, "-m", "bench.export", "--way", name, "--rows", str(n_rows)]
            done = subprocess.run(command, cwd=embedded.ROOT, capture_output=True, text=True, check=True)
            rows[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(done.stdout.splitlines()[-1], flush=True)
    middle = {
        name: {key: median(one[key] for one in found) for key in found[0] if key != "way"}
        for name, found in rows.items()
    }
    mine = middle["ours"]
    share = mine["rows_per_s"] / middle["PostgreSQL COPY"]["rows_per_s"]
    verdict = {
        "share_of_copy": round(share, 3),
        "growth_mb": mine["growth_mb"],
        "first_byte_ms": mine["first_byte_ms"],
        "load": round(os.getloadavg()[0], 1),
        "rows": n_rows,
    }
    show(middle)
    return verdict


def show(middle: dict[str, dict[str, Any]]) -> None:
    print(f"{'way':26}{'rows/s':>12}{'first byte ms':>16}{'growth MB':>12}{'MB':>8}{'CPU s':>8}")
    for name, one in middle.items():
        numbers = f"{one['rows_per_s']:>12,.0f}{one['first_byte_ms']:>16,.1f}{one['growth_mb']:>12,.1f}"
        print(f"{name:26}{numbers}{one['mb']:>8,.1f}{one['cpu_s']:>8,.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=MILLION)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without", nargs="*", choices=list(WAYS)[2:], default=[], help="ways to leave out")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    chosen = goals.parse(parser, None, lambda options: options.rows >= MILLION)
    if chosen.way:
        print(json.dumps(measure(chosen.way, chosen.rows)))
        return 0
    facts = kept.facts()
    with embedded.throwaway() as running:
        os.environ.update(
            DATABASE_URL=running.database,
            REDIS_URL=running.redis,
            SECRET_KEY="for-the-bench-only",
            PACT_DEMO="1",
            DB_POOL_MAX="0",
            DJANGO_SETTINGS_MODULE="pact_site.settings",
        )
        import django

        django.setup()
        verdict = run(fill(chosen.rows), chosen.repeats, [name for name in WAYS if name not in chosen.without])
    print(json.dumps(verdict))
    values = {key: verdict[name] for key, name in GOALS.items()}
    if chosen.docs:
        goals.publish(chosen.docs, "export", {"facts": facts, "goals": values, "measured": verdict})
    broken = goals.broken(goals.mine("bench.export", values))
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
