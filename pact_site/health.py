"""Whether this process can serve: it answers and reaches its database and its broker."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 "ok", or 503 naming what cannot be reached; a dead broker stops no participant."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse(f"ok\nbroker {broker_state()}\n", content_type="text/plain")


def broker_state() -> str:
    try:
        client = redis.Redis.from_url(broker_url(settings.REDIS_URL), socket_connect_timeout=1, socket_timeout=1)
        client.ping()
    except redis.RedisError:
        return "unreachable"
    return "ok"


def broker_url(url: str) -> str:
    """Translate Celery's form of a socket address into the one that redis-py reads."""
    return url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
