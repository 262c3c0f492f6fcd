"""Where participants come in from a panel's link."""

from __future__ import annotations

import logging

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from survey.domain.enrolment import DeviceNotTaken, StudyNotOpen, enrol
from survey.enums import Device, Outcome, PanelName
from survey.flow.devices import device_of
from survey.flow.lookers import is_fetched_ahead, is_previewer
from survey.models import Arm
from survey.panels import PANELS, UnknownParticipant
from survey.panels.base import taken_devices
from survey.panels.simulated import PARAMETER as SIMULATED_PARAMETER
from survey.queries import find_arm, text_catalogue
from survey.rates import ENTRIES, VISITS, seconds_to_wait
from survey.views.faults import enduring, too_many
from survey.views.framing import BROKEN_LINK, SeeOther, locale_at_door, notice
from survey.views.limiting import limited
from survey.views.participant import page_address

log = logging.getLogger(__name__)

OTHER_DEVICE = gettext_lazy(
    "It cannot be taken on this kind of device, only on: %(devices)s. You may open the same link there. "
    "Nothing was stored about you."
)
DEVICES = {
    Device.DESKTOP: gettext_lazy("computer"),
    Device.TABLET: gettext_lazy("tablet"),
    Device.MOBILE: gettext_lazy("phone"),
}
NOT_OPEN = gettext_lazy("It is not taking new participants at the moment. Nothing was stored about you.")


@csrf_exempt  # a form is refused as such, in words for participants
@never_cache
@limited(ENTRIES)
@enduring
@require_safe
def join(request: HttpRequest, study: str, country: str) -> HttpResponse:
    """Enter from a panel's link: find or begin the session, go to its page. Who only looks begins none."""
    arm = find_arm(study, country)
    if arm is None:
        raise Http404
    panel = PanelName.SIMULATED if SIMULATED_PARAMETER in request.GET else PanelName(arm.panel)
    with translation.override(locale_at_door(request, arm).lower()):
        if request.method == "HEAD":
            return HttpResponse()
        if is_fetched_ahead(request.headers):  # what is refused is asked for anew once somebody opens the link
            return HttpResponse(status=403)
        if is_previewer(request.headers):
            purpose = text_catalogue(arm.study.version_id, locale_at_door(request, arm))["consent.purpose"]
            return notice(request, arm, _("Do you want to take part?"), purpose, status=200)
        try:
            identity = PANELS[panel].identify(arm, request.GET.dict())
            if wait := seconds_to_wait(VISITS, identity.person and f"{panel} {identity.person}"):
                return too_many(request, wait)
            device = None if panel == PanelName.SIMULATED else device_of(request.headers)
            session = enrol(arm, identity=identity, device=device)
        except UnknownParticipant as error:
            log.warning("entry to %s refused: %s", arm, error)
            return notice(request, arm, _("This link is not complete"), BROKEN_LINK, status=400)
        except StudyNotOpen as error:
            log.info("entry to %s refused: study is %s", arm, error)
            leave = PANELS[panel].exit(arm, Outcome.STUDY_CLOSED, identity)
            return notice(request, arm, _("The study is not open"), NOT_OPEN, status=403, leave=leave)
        except DeviceNotTaken as error:
            log.info("entry to %s refused: device is %s", arm, error)
            leave = PANELS[panel].exit(arm, Outcome.INCOMPATIBLE_DEVICE, identity)
            heading = _("This study needs another device")
            return notice(request, arm, heading, other_device(arm), status=403, leave=leave)
    return SeeOther(page_address(session.token))


def other_device(arm: Arm) -> str:
    """Say which devices an arm takes."""
    taken = taken_devices(arm)
    return str(OTHER_DEVICE) % {"devices": ", ".join(str(name) for kind, name in DEVICES.items() if kind in taken)}
