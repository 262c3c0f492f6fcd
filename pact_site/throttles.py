"""How often programs and people may ask: enough for work, too little to hold others up. All processes count as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

MOST = {"token": 600, "user": 1200}  # a minute: each token by itself, everything in somebody's name together
# One statement for both, as reading and then writing would lose counts; a row serves minute after minute.
COUNT = """
INSERT INTO site_cache (cache_key, value, expires)
SELECT key, '1', now() + interval '1 minute' FROM unnest(%s::text[]) key ORDER BY key
ON CONFLICT (cache_key) DO UPDATE SET
    value = CASE WHEN site_cache.expires > now() THEN (site_cache.value::int + 1)::text ELSE '1' END,
    expires = CASE WHEN site_cache.expires > now() THEN site_cache.expires ELSE excluded.expires END
RETURNING split_part(cache_key, ':', 2), value::int, ceil(extract(epoch FROM expires - now()))
"""


class PerMinute(BaseThrottle):
    """Counts what came since a minute began, of a token and of its owner."""

    wait_s: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        asking = {"token": getattr(request.auth, "pk", None), "user": request.user.pk}
        keys = [f"asked:{what}:{pk}" for what, pk in asking.items() if pk]
        if not keys:
            return True
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [keys])
            over = [float(left) for what, n, left in cursor.fetchall() if n > MOST[what]]
        self.wait_s = max(over, default=None)
        return not over

    def wait(self) -> float | None:
        return self.wait_s
