"""Has those wait who come more often than a rate allows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from survey.rates import Rate, network_of, seconds_to_wait
from survey.views.faults import View, too_many

log = logging.getLogger(__name__)


def limited(rate: Rate, *methods: str) -> Callable[[View], View]:
    """Count a view's requests by network, those of some methods only; before anything is read or asked for."""

    def decorate(view: View) -> View:
        @wraps(view)
        def serve(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not methods or request.method in methods:
                wait = seconds_to_wait(rate, network_of(request))
                if wait:
                    log.warning("%s: a network is asked to wait", rate.name)
                    return too_many(request, wait)
            return view(request, *args, **kwargs)

        return serve

    return decorate
