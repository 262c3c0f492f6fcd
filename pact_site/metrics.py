"""Numbers for Prometheus: what the database and the broker know, read at each look. Requests are counted by the proxy.

No number names a person. A look costs a few queries, none of them over answers or cells of runs.
"""

from __future__ import annotations

import hmac
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Max, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from analysis.alarms.domain import last_sign
from analysis.alarms.looking import BACKUP, QUEUES
from analysis.alarms.models import Alarm, Heartbeat
from analysis.models import AnalysisRun, Release
from pact_site.health import broker
from survey.llm.enums import RunState
from survey.llm.models import CellTally
from survey.models import QuotaCell, SurveySession
from survey.trouble import Trouble, lately

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SERVER = """
    SELECT pg_database_size(current_database()), (SELECT sum(numbackends) FROM pg_stat_database),
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0)
"""


class Metric(NamedTuple):
    """One family of gauges: its name, what it says, and a value for each set of labels."""

    name: str
    meaning: str
    values: Iterable[tuple[Mapping[str, object], float]]


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Give all numbers as text to whoever has `METRICS_TOKEN`; without one this address does not exist."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not hmac.compare_digest(expected.encode(), given.encode()):
        raise Http404
    return HttpResponse(as_text([*of_machine(), *of_broker(), *of_database()]), content_type=CONTENT_TYPE)


def of_machine() -> Iterator[Metric]:
    folder = settings.RELEASES_DIR if settings.RELEASES_DIR.exists() else settings.BASE_DIR
    disk = shutil.disk_usage(folder)
    yield Metric("pact_disk_free_bytes", "Free room where releases are written.", [({}, float(disk.free))])
    yield Metric("pact_disk_size_bytes", "The whole disk where releases are written.", [({}, float(disk.total))])


def of_broker() -> Iterator[Metric]:
    """Say whether the broker answers and how many tasks wait in each queue."""
    queues = list(settings.CELERY_TASK_QUEUES)
    try:
        client = broker()
        lengths = [({"queue": name}, float(client.llen(name))) for name in queues]
    except redis.RedisError:
        yield Metric("pact_broker_up", "Whether the broker answers.", [({}, 0.0)])
        return
    yield Metric("pact_broker_up", "Whether the broker answers.", [({}, 1.0)])
    noted = lately()
    yield Metric(
        "pact_pages_refused_lately",
        "Whether participants' pages were refused in the last ten minutes, by reason.",
        [({"reason": trouble}, float(trouble in noted)) for trouble in Trouble],
    )
    yield Metric("pact_queue_tasks", "Tasks that wait for a worker.", lengths)


def of_database() -> Iterator[Metric]:
    """Say whether the database answers; the rest only if it does."""
    try:
        found = [*of_fieldwork(), *of_work(), *of_alarms(), *of_backups(), *of_server()]
    except DatabaseError:
        yield Metric("pact_database_up", "Whether the database answers.", [({}, 0.0)])
        return
    yield Metric("pact_database_up", "Whether the database answers.", [({}, 1.0)])
    yield from found


def of_fieldwork() -> Iterator[Metric]:
    study = "arm__study__code"
    groups = SurveySession.objects.values_list(study, "arm__country", "status", "participant__is_simulated")
    rows = list(
        groups.annotate(n=Count("pk"), latest=Max("last_activity_at")).order_by(study, "arm__country", "status")
    )
    yield Metric(
        "pact_sessions",
        "Survey sessions by status.",
        [
            ({"study": code, "arm": arm, "status": status, "simulated": str(simulated).lower()}, float(n))
            for code, arm, status, simulated, n, _ in rows
        ],
    )
    latest: dict[str, float] = {}
    for code, *_, at in rows:
        latest[code] = max(latest.get(code, 0.0), at.timestamp())
    yield Metric(
        "pact_last_activity_age_seconds",
        "Time since any participant of a study last did something.",
        [({"study": code}, round(time.time() - at, 1)) for code, at in latest.items()],
    )
    targets = QuotaCell.objects.values_list("arm__study__code", "arm__country").annotate(n=Sum("target"))
    yield Metric(
        "pact_quota_target",
        "Completes wanted.",
        [
            ({"study": code, "arm": arm}, float(n))
            for code, arm, n in targets.order_by("arm__study__code", "arm__country")
        ],
    )


def of_work() -> Iterator[Metric]:
    open_runs = CellTally.objects.exclude(run__state__in=[RunState.DONE, RunState.CANCELLED])
    cells = open_runs.values_list("run", "run__study__code", "state").annotate(total=Sum("n")).order_by("run", "state")
    yield Metric(
        "pact_model_cells",
        "Questions put to models, by state, in runs that are not over.",
        [({"run": run, "study": code, "state": state}, float(n)) for run, code, state, n in cells],
    )
    for name, model in (("analyses", AnalysisRun), ("releases", Release)):
        states = model.objects.values_list("state").annotate(n=Count("pk")).order_by("state")
        yield Metric(f"pact_{name}", f"{name.capitalize()} by state.", [({"state": s}, float(n)) for s, n in states])


def of_alarms() -> Iterator[Metric]:
    """Say what needs somebody, and when the workers of each queue were last heard of."""
    kinds = Alarm.objects.filter(closed_at=None).values_list("kind").annotate(n=Count("pk")).order_by("kind")
    yield Metric(
        "pact_alarms_open", "Alarms that are open, by kind.", [({"kind": kind}, float(n)) for kind, n in kinds]
    )
    signs = Heartbeat.objects.filter(queue__in=QUEUES).values_list("queue", "at").order_by("queue")
    yield Metric(
        "pact_sign_of_life_age_seconds",
        "Time since a task that the timer sends was last done by the workers of a queue.",
        [({"queue": queue}, round(time.time() - at.timestamp(), 1)) for queue, at in signs],
    )


def of_server() -> Iterator[Metric]:
    """Say how large the database is, and how many of its server's connections are taken of those not kept back."""
    with connection.cursor() as cursor:
        cursor.execute(SERVER)
        size, taken, most = cursor.fetchone()
    yield Metric("pact_database_size_bytes", "The tables and indexes of this site.", [({}, float(size))])
    yield Metric("pact_database_connections", "Connections to the database server, of everybody.", [({}, float(taken))])
    yield Metric("pact_database_connections_limit", "Connections that it gives to the site.", [({}, float(most))])


def of_backups() -> Iterator[Metric]:
    """Say how old the newest good backup is, where backups are made at all."""
    made_at = last_sign(BACKUP) if settings.BACKUP_DIR else None
    if made_at:
        age = round(time.time() - made_at.timestamp(), 1)
        yield Metric("pact_backup_age_seconds", "Time since the moment of the newest good backup.", [({}, age)])


def as_text(found: Iterable[Metric]) -> str:
    """Write metrics in Prometheus' text format 0.0.4."""
    lines = []
    for metric in found:
        lines += [f"# HELP {metric.name} {metric.meaning}", f"# TYPE {metric.name} gauge"]
        for labels, value in metric.values:
            told = ",".join(f'{name}="{escape(str(text))}"' for name, text in labels.items())
            lines.append(f"{metric.name}{{{told}}} {value:g}" if told else f"{metric.name} {value:g}")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
