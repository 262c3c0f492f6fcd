"""The Content-Security-Policy header, put together once: it is the same on every page."""

from __future__ import annotations

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

OWN = ("_csp_config", "_csp_update", "_csp_replace", "_csp_exempt")  # what a view's decorator leaves on its answer


class PolicyMiddleware(CSPMiddleware):
    """Gives every answer the site's policy; one whose view has its own, or a nonce, goes the library's way."""

    known: object = None  # the settings that the header is of
    header = ""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        said = response.__dict__
        if any(name in said for name in OWN) or hasattr(request, "_csp_nonce") or is_special():
            answer: HttpResponseBase = super().process_response(request, response)
            return answer
        policy = settings.CONTENT_SECURITY_POLICY
        if self.known is not policy:
            self.known, self.header = policy, build_policy()
        response.headers.setdefault(HEADER, self.header)
        return response


def is_special() -> bool:
    """Tell whether the settings ask for more than one policy for all."""
    prefixes = "EXCLUDE_URL_PREFIXES" in settings.CONTENT_SECURITY_POLICY
    return settings.DEBUG or prefixes or hasattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY")
