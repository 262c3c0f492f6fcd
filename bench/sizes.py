"""``python -m bench.sizes``: what a participant and a model's answer take: processor, memory, room on the disk.

Simulated people walk through a real server one after the other, a simulated model answers a few questions; their rows
are copied until there are 100,000 answers of each kind, and PostgreSQL says how large its tables are. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.llm import memory_mb
from bench.servers import Servers, own_servers

WALKERS = 100
SOURCE = "SELECT id FROM survey_surveysession WHERE status = 'complete' ORDER BY id LIMIT 1"
# As in production of a table that is only added to: no room is left to be given back.
SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid), pg_indexes_size(c.oid) FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000, help="of people, and as many of models")
    options = parser.parse_args()
    with own_servers() as servers:
        os.environ.update(servers.environment)
        told = measure(servers, options.answers)
    for name, of in told.items():
        print(f"{name:<14} {'  '.join(f'{key} {value:,}' for key, value in of.items())}", file=sys.stderr)
    print(json.dumps(told))


def measure(servers: Servers, n_answers: int) -> dict[str, dict[str, Any]]:
    import django

    django.setup()
    from django.db import connection

    servers.migrate()
    load, per_session = walk(servers)
    ask_a_model()
    n_people, n_copies = -(-n_answers // per_session), -(-n_answers // 84)
    empty = sizes()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the rows are right: they are copies
        tables = copy_people(cursor, n_people)
        copy_completions(cursor, n_copies)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")
    full = sizes()
    grown = {name: (full[name][0] - empty[name][0], full[name][1] - empty[name][1]) for name in full}
    return {
        "request": load,
        "response": of_rows(grown["survey_response"], n_people * per_session),
        "participant": of_rows(added(grown, tables), n_people),
        "completion": of_rows(grown["llm_completion"], n_copies * 84),
        "cell": of_rows(grown["llm_cell"], n_copies * 84),
    }


def walk(servers: Servers) -> tuple[dict[str, Any], int]:
    """Have people take the survey; give what a request cost, and how many answers the first to complete it gave."""
    from django.db import connection

    from bench.crowd import Crowd

    crowd = Crowd([servers.base_url], WALKERS, 0.0, 1)
    servers.start_web()
    parents = {"web": servers.child("web").pid, "database": servers.child("postgres").pid}
    for walker in crowd.walkers[:10]:  # they fill what a process keeps of the texts
        crowd.walk(walker)
    before = {name: processor_ms(pid) for name, pid in parents.items()}
    for walker in crowd.walkers[10:]:
        crowd.walk(walker)
    n_requests = sum(walker.counts["requests"] for walker in crowd.walkers[10:])
    load: dict[str, Any] = {"n": n_requests}
    for name, pid in parents.items():
        load[f"{name}_ms"] = round((processor_ms(pid) - before[name]) / n_requests, 2)
    load["web_mb_of_two_workers"] = memory_mb(parents["web"])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM survey_response WHERE session_id = ({SOURCE})")
        n: int = cursor.fetchone()[0]
    return load, n


def processor_ms(pid: int) -> float:
    """Give the processor time of a process and all below it, ended ones included."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            stats[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {pid}
    while more := {child for child, (parent, _) in stats.items() if parent in family} - family:
        family |= more
    return sum(stats[one][1] for one in family if one in stats) * 1000 / os.sysconf("SC_CLK_TCK")


def ask_a_model() -> None:
    """Put one item to a simulated model in all 84 ways of the usual design."""
    from survey.llm import domain, tasks
    from survey.llm.enums import ProviderName
    from survey.llm.models import ModelSpec
    from survey.models import Study

    spec = ModelSpec.objects.create(tag="sizes", provider=ProviderName.SIMULATED, model="sizes", max_in_flight=5)
    run = domain.create_alignment_run(Study.objects.get(), specs=[spec], limit=1)
    domain.begin_run(run)
    tasks.work(spec.pk)


def copy_people(cursor: Any, n: int) -> list[str]:
    """Copy a complete session with all that hangs on it; give the tables."""
    cursor.execute(f"CREATE TEMP TABLE source AS {SOURCE}")
    cursor.execute(
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE confrelid = 'survey_surveysession'::regclass"
        " AND contype = 'f' AND conrelid::regclass::text LIKE 'survey_%' ORDER BY 1"
    )
    tables = [row[0] for row in cursor.fetchall()]
    cursor.execute("CREATE TEMP TABLE new (n int, participant bigint, session bigint)")
    cursor.execute(
        "INSERT INTO new SELECT n, nextval(pg_get_serial_sequence('survey_participant', 'id')),"
        " nextval(pg_get_serial_sequence('survey_surveysession', 'id')) FROM generate_series(1, %s) n",
        [n],
    )
    copy = {"id": "new.participant"}
    person = "t.id = (SELECT participant_id FROM survey_surveysession WHERE id = (TABLE source))"
    copy_rows(cursor, "survey_participant", copy, f"{person}")
    copy = {
        "id": "new.session",
        "participant_id": "new.participant",
        "token": "left(md5(new.n::text) || md5(new.n || 'x'), 43)",
        "receipt": "left(upper(md5(new.n || 'r')), 10)",
    }
    copy_rows(cursor, "survey_surveysession", copy, "t.id = (TABLE source)")
    for table in tables:
        copy_rows(cursor, table, {"session_id": "new.session"}, "t.session_id = (TABLE source)")
    return [*tables, "survey_participant", "survey_surveysession"]


def copy_rows(cursor: Any, table: str, changed: dict[str, str], which: str) -> None:
    """Copy some of a table's rows once for each new person, with some columns changed."""
    columns = [name for name in columns_of(cursor, table) if name != "id" or "id" in changed]
    values = [changed.get(name, f't."{name}"') for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {table} t, new WHERE {which}")


def copy_completions(cursor: Any, n: int) -> None:
    """Copy the model's cells and what came of them; each request has a hash of its own, as its index holds one."""
    cells = [name for name in columns_of(cursor, "llm_cell") if name not in ("id", "repeat")]
    names = ", ".join(f'"{name}"' for name in cells)
    cursor.execute(
        f"INSERT INTO llm_cell ({names}, repeat) SELECT {names}, n FROM llm_cell, generate_series(1, %s) n"
        " WHERE repeat = 0",
        [n],
    )
    kept = [name for name in columns_of(cursor, "llm_completion") if name not in ("id", "cell_id", "request_hash")]
    names, copied = (", ".join(f'{of}"{name}"' for name in kept) for of in ("", "c."))
    # In a table of its own, or the rows that are being added would be gone through once for each of them.
    cursor.execute("CREATE TEMP TABLE answered AS SELECT row_number() OVER () - 1 AS k, * FROM llm_completion")
    cursor.execute("ANALYZE answered")
    cursor.execute(
        f"INSERT INTO llm_completion ({names}, cell_id, request_hash)"
        f" SELECT {copied}, cell.id, md5(cell.id::text) || md5(cell.id || 'x')"
        " FROM llm_cell cell JOIN answered c ON c.k = cell.id % (SELECT count(*) FROM answered) WHERE cell.repeat > 0"
    )


def columns_of(cursor: Any, table: str) -> list[str]:
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = ''",
        [table],
    )
    return [row[0] for row in cursor.fetchall()]


def sizes() -> dict[str, tuple[int, int]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(SIZES)
        return {name: (total, indexes) for name, total, indexes in cursor.fetchall()}


def added(grown: dict[str, tuple[int, int]], tables: list[str]) -> tuple[int, int]:
    return sum(grown[name][0] for name in tables), sum(grown[name][1] for name in tables)


def of_rows(grown: tuple[int, int], n: int) -> dict[str, int]:
    return {"rows": n, "bytes_each": round(grown[0] / n), "of_which_indexes": round(grown[1] / n)}


if __name__ == "__main__":
    main()
