"""How often programs and people may ask the API: enough for work, too little to hold others up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.throttling import BaseThrottle

from survey.rates import Rate, seconds_to_wait

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

# Each token by itself, everything in somebody's name together.
TOKENS = Rate("api-tokens", 600)
PEOPLE = Rate("api-people", 1200)


class PerMinute(BaseThrottle):
    """Counts what came in this minute with a token, and in its owner's name."""

    wait_s = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        asking = {TOKENS: getattr(request.auth, "pk", None), PEOPLE: request.user.pk}
        self.wait_s = max(seconds_to_wait(rate, str(pk or "")) for rate, pk in asking.items())
        return not self.wait_s

    def wait(self) -> float | None:
        return self.wait_s or None
