"""Where panels report by themselves. An event is answered once it is stored; it is acted on later."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from survey.domain.panels import receive_event
from survey.enums import PanelName
from survey.panels.prolific import webhooks
from survey.rates import FORGED_EVENTS, network_of, seconds_to_wait

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024


@csrf_exempt  # the signature does its work
@never_cache
@require_POST
def prolific(request: HttpRequest) -> HttpResponse:
    """Store one of Prolific's events: 204 for one that is stored, now or before, so that it is not sent again.

    Only forged ones are counted, so that no burst of the panel's own is turned away.
    """
    network = network_of(request)
    if wait := seconds_to_wait(FORGED_EVENTS, network, adding=0):
        return HttpResponse(status=429, headers={"Retry-After": str(wait)})
    try:
        body = request.read(MOST_BYTES + 1)
    except UnreadablePostError:
        return HttpResponse(status=400)
    if len(body) > MOST_BYTES:
        return HttpResponse(status=413)
    try:
        webhooks.verify(request.headers, body)
        event = webhooks.parse(request.headers, body)
    except webhooks.NotTheirs as error:
        log.warning("a panel event is refused: %s", error)
        seconds_to_wait(FORGED_EVENTS, network)
        return HttpResponse(status=401)
    except webhooks.Unreadable as error:
        log.warning("a panel event cannot be read: %s", error)
        return HttpResponse(status=400)
    receive_event(PanelName.PROLIFIC, **event._asdict())
    return HttpResponse(status=204)
