"""Staff pages: a gallery of every page in every locale, and the pages themselves as participants get them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from csp.constants import SELF
from csp.decorators import csp_replace, csp_update
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from survey.domain.study_settings import note_preview
from survey.enums import Country, Device, Locale, OptionOrder, Outcome, PanelName
from survey.models import Arm
from survey.pages import PAGES, Turn
from survey.pages.showing import Shown, shown_pages, unstored_session
from survey.panels import PANELS, Action, Identity
from survey.panels.base import taken_devices
from survey.queries import text_catalogue
from survey.views.access import find_study, staff_only
from survey.views.endings import ENDINGS
from survey.views.entry import NOT_OPEN, other_device
from survey.views.framing import BROKEN_LINK, SeeOther, collected_here, frame

END, STOP = "end-", "stop"
CLOSED, DEVICE, BROKEN = "not-open", "other-device", "incomplete-link"
TROUBLE, REPORTED, LATER = "trouble", "trouble-reported", "withdraw-later"
NOTICES = {
    CLOSED: "The study is not open",
    DEVICE: "The study needs another device",
    BROKEN: "The link is not complete",
    TROUBLE: "The survey does not work",
    REPORTED: "Reported that it does not work",
    LATER: "Answers taken out later",
}
AT_THE_DOOR: dict[str, tuple[Promise | str, Callable[[Arm], object], Outcome]] = {
    CLOSED: (gettext_lazy("The study is not open"), lambda arm: NOT_OPEN, Outcome.STUDY_CLOSED),
    DEVICE: (gettext_lazy("This study needs another device"), other_device, Outcome.INCOMPATIBLE_DEVICE),
}
PERSON = "preview"  # stands in exit addresses for whom the panel would name


class Link(NamedTuple):
    name: str
    label: str
    address: str
    group: str


@staff_only
@require_safe
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]  # it passes arguments on
def gallery(request: HttpRequest, code: str) -> HttpResponse:
    """Show links to every page of an arm in a locale, and one page in a frame as wide as a phone."""
    study = find_study(code)
    arms = list(study.arms.select_related("study__version").order_by("country"))
    choice = choose(arms, request)
    if choice is None:
        return render(request, "study/preview.html", {"study": study})
    arm, locale, order = choice
    links = page_links(arm, locale, order)
    shown = next((link for link in links if link.name == request.GET.get("page")), links[0])
    context = {
        "study": study,
        "choices": [(one, tag, Country(one.country).label, Locale(tag).label) for one in arms for tag in one.locales],
        "arm": arm,
        "locale": locale,
        "orders": OptionOrder.choices,
        "order": order,
        "groups": [(name, list(own)) for name, own in groupby(links, key=lambda link: link.group)],
        "n_pages": len(links),
        "shown": shown,
        "seen": study.changes.filter(kind="preview", new=str(study.version)).order_by("pk").last(),
    }
    return render(request, "study/preview.html", context)


def choose(arms: Sequence[Arm], request: HttpRequest) -> tuple[Arm, str, OptionOrder] | None:
    """Read which arm, locale and order of options are asked for; the first ones where none are. None: no arm."""
    offered = [(arm, locale) for arm in arms for locale in arm.locales]
    if not offered:
        return None
    asked = request.GET.get("at", "")
    arm, locale = next((one for one in offered if f"{one[0].country} {one[1]}" == asked), offered[0])
    order = request.GET.get("order", "")
    return arm, locale, OptionOrder(order) if order in OptionOrder.values else OptionOrder.CULTURE_FIRST


def page_links(arm: Arm, locale: str, order: OptionOrder) -> list[Link]:
    """Give the address of every page, in the order of the survey, then scenarios, then every way it can end."""
    named = [
        (one.name, one.label, "Scenarios" if one.name.startswith("scenario-") else "Pages")
        for one in shown_pages(arm, order)
    ]
    named.append((STOP, "Stop taking part?", "Endings"))
    named += [(f"{END}{outcome}", outcome.label, "Endings") for outcome in ENDINGS]
    leaves_some_out = taken_devices(arm) != frozenset(Device)
    named += [(name, label, "Notices") for name, label in NOTICES.items() if name != DEVICE or leaves_some_out]
    return [Link(name, label, address_of(arm, locale, name, order), group) for name, label, group in named]


def address_of(arm: Arm, locale: str, name: str, order: OptionOrder) -> str:
    path = reverse("survey:preview_page", args=[arm.study.code, arm.country, locale, name])
    return path if order == OptionOrder.CULTURE_FIRST else f"{path}?order={order}"


@staff_only
@require_safe
@xframe_options_sameorigin
@csp_replace({"frame-ancestors": [SELF]})  # type: ignore[arg-type]
def page(request: HttpRequest, code: str, country: str, locale: str, name: str) -> HttpResponse:
    """Show one page as a participant gets it; “Continue” leads to the next, and nothing is stored."""
    arm = get_object_or_404(Arm.objects.select_related("study__version__instrument"), study__code=code, country=country)
    collected_here(arm.study)
    if locale not in arm.locales:
        raise Http404
    order = OptionOrder(request.GET["order"]) if request.GET.get("order") in OptionOrder.values else None
    order = order or OptionOrder.CULTURE_FIRST
    with translation.override(locale.lower()):
        if name == STOP:
            return show_stop(request, arm, locale)
        if name in NOTICES:
            return show_notice(request, arm, locale, name)
        if name.startswith(END):
            return show_end(request, arm, locale, name.removeprefix(END))
        return show_page(request, arm, locale, name, order)


def surround(arm: Arm, locale: str) -> dict[str, Any]:
    title = text_catalogue(arm.study.version_id, locale)["title"]
    return {**frame(arm, locale, title), "is_preview": True}


def show_page(request: HttpRequest, arm: Arm, locale: str, name: str, order: OptionOrder) -> HttpResponse:
    pages = shown_pages(arm, order)
    at = next((at for at, one in enumerate(pages) if one.name == name), None)
    if at is None:
        raise Http404
    following = pages[at + 1].name if at + 1 < len(pages) else f"{END}{Outcome.COMPLETE}"
    shown = pages[at]
    turn = Turn(unstored_session(arm, locale, shown))
    kind = PAGES[shown.kind]
    groups = kind.groups(turn)
    errors = wrong_answer(shown)
    context = {
        **surround(arm, locale),
        **kind.context(turn),
        "groups": groups,
        "answers": {},
        "errors": errors,
        "faulty": [group for group in groups if group.name in errors],
        "action": address_of(arm, locale, following, order),
        "option_order": order,
        "withdraw_url": reverse("survey:preview_page", args=[arm.study.code, arm.country, locale, STOP]),
    }
    return render(request, kind.template, context)


def wrong_answer(shown: Shown) -> dict[str, str]:
    if not shown.is_again:
        return {}
    return {"comprehension": _("That is not what the task is. Please read the text above once more")}


def show_stop(request: HttpRequest, arm: Arm, locale: str) -> HttpResponse:
    back = reverse("survey:preview_page", args=[arm.study.code, arm.country, locale, "consent"])
    following = reverse("survey:preview_page", args=[arm.study.code, arm.country, locale, f"{END}{Outcome.WITHDREW}"])
    context = {**surround(arm, locale), "heading": _("Stop taking part?"), "back": back, "action": following}
    return render(request, "survey/leave.html", context)


def show_notice(request: HttpRequest, arm: Arm, locale: str, name: str) -> HttpResponse:
    """Show what participants read beside the survey: at a closed door, in trouble, or long afterwards."""
    back = reverse("survey:preview_page", args=[arm.study.code, arm.country, locale, "consent"])
    context = surround(arm, locale)
    if name == BROKEN:
        context |= {"heading": _("This link is not complete"), "body": BROKEN_LINK}
        return render(request, "survey/notice.html", context)
    if name in AT_THE_DOOR:
        heading, body, outcome = AT_THE_DOOR[name]
        context |= {"heading": heading, "body": body(arm), "exit": exit_of(arm, outcome)}
        return render(request, "survey/notice.html", context)
    if name == LATER:
        return render(request, "survey/leave_later.html", {**context, "heading": _("Have your answers taken out")})
    context |= {"heading": _("Does the survey not work for you?"), "back": back}
    if name == REPORTED:
        context |= {"is_reported": True, "exit": exit_of(arm, Outcome.TECHNICAL_FAILURE)}
    return render(request, "survey/trouble.html", context)


def exit_of(arm: Arm, outcome: Outcome) -> Action:
    panel = PanelName(arm.panel)
    return PANELS[panel].exit(arm, outcome, Identity(panel, person=PERSON, study=PERSON, submission=PERSON))


def show_end(request: HttpRequest, arm: Arm, locale: str, name: str) -> HttpResponse:
    outcome = next((one for one in ENDINGS if one.value == name), None)
    if outcome is None:
        raise Http404
    context = {
        **surround(arm, locale),
        "heading": ENDINGS[outcome].heading,
        "body": ENDINGS[outcome].body,
        "is_complete": outcome in (Outcome.COMPLETE, Outcome.COMPLETE_FLAGGED, Outcome.FAILED_ATTENTION),
        "receipt": "ABCDE23456",
        "exit": exit_of(arm, outcome),
        "host": request.get_host(),
    }
    return render(request, "survey/end.html", context)


@staff_only
@require_POST
def seen(request: HttpRequest, code: str) -> HttpResponse:
    """Keep that somebody looked through the pages."""
    note_preview(find_study(code), by=request.user.get_username())
    messages.success(request, "Noted on the checklist.")
    return SeeOther(reverse("survey:preview", args=[code]))
