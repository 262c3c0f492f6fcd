"""Whether this process lives, and whether it can serve: for containers, load balancers and whoever watches."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from survey.broker import client_address
from survey.trouble import lately


@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process answers at all: restart what does not, and nothing else."""
    return plain("ok\n")


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 "ok", or 503 naming what cannot be reached; a dead broker stops no participant.

    What pages were refused for lately stands beside it: a full disk is no reason to restart this process.
    """
    if not reaches_database():
        return plain("database unreachable\n", status=503)
    refused = "".join(f"pages refused lately: {trouble}\n" for trouble in lately())
    return plain(f"ok\nbroker {broker_state()}\n{refused}")


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when this release may get traffic: the database is there and has this release's tables.

    With `?database=optional` its absence is no reason to send nobody here: all hosts have the same one, and the site's
    own pages, which keep what a form brought, are more to participants than those of a proxy without any host.
    """
    try:
        missing = missing_migrations()
    except DatabaseError:
        if request.GET.get("database") == "optional":
            return plain("ready, without its database\n")
        return plain("database unreachable\n", status=503)
    if missing:
        return plain(f"migrations missing: {', '.join(missing)}\n", status=503)
    return plain("ready\n")


def plain(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain")


def reaches_database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def missing_migrations() -> list[str]:
    """Name the migrations of this code that the database has not got; more than ours may be there already."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def broker() -> redis.Redis:
    """Give a client of the broker that does not wait long."""
    return redis.Redis.from_url(client_address(settings.REDIS_URL), socket_connect_timeout=1, socket_timeout=1)


def broker_state() -> str:
    try:
        broker().ping()
    except redis.RedisError:
        return "unreachable"
    return "ok"
