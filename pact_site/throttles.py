"""How often programs and people may ask: enough for work, too little to hold others up. Counted per web process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import caches
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class PerToken(SimpleRateThrottle):
    """Each token by itself."""

    scope = "token"
    cache = caches["process"]

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        token = getattr(request.auth, "pk", None)
        return self.cache_format % {"scope": self.scope, "ident": token} if token else None


class PerUser(SimpleRateThrottle):
    """Everything in somebody's name together."""

    scope = "user"
    cache = caches["process"]

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk} if request.user.pk else None
