"""A study's alarms: what rings and rang, who took it on, whom it was told to, and where each kind's limit is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.core.validators import validate_email
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from analysis.alarms import domain
from analysis.alarms.kinds import DEFINITIONS, Definition, Kind
from analysis.alarms.models import Alarm, Delivery, Receiver
from analysis.alarms.sending import page_of, plan_test, secret_of
from analysis.alarms.tasks import deliver_soon
from analysis.export.table_csv import csv_response
from survey.models import Study
from survey.outbound import Blocked, Unreachable, check_address
from survey.views.access import find_study, staff_only

PAGE_SIZE = 25
N_DELIVERIES = 30
STATES = ("open", "closed", "all")


class AlarmLine(NamedTuple):
    """An alarm beside the page on which something can be done about it."""

    alarm: Alarm
    url: str
    deliveries: Sequence[Delivery]


class AlarmGroup(NamedTuple):
    """Open alarms of one kind, with what to do about them."""

    kind: Kind
    definition: Definition
    is_taken: bool
    lines: Sequence[AlarmLine]


class RuleLine(NamedTuple):
    """One kind as the form of limits shows it."""

    kind: Kind
    definition: Definition
    words: str
    limit: float | None
    is_on: bool


@require_safe
@staff_only
def alarms_page(request: HttpRequest, code: str) -> HttpResponse:
    """List the alarms that the address asks for: open ones by themselves."""
    study = find_study(code)
    domain.check_silence(study)
    state, kind, found = _chosen(study, request.GET)
    shown = Paginator(found.prefetch_related("notices__delivery__receiver"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "study": study,
        "state": state,
        "states": STATES,
        "kind": kind,
        "kinds": list(Kind),
        "shown": shown,
        "lines": [line_of(alarm, with_deliveries=True) for alarm in shown],
        "query": _query(request.GET),
        "rules": _rules(study),
        "n_by_state": _count(study),
    }
    return render(request, "analysis/alarms.html", context)


@require_safe
@staff_only
def alarms_csv(request: HttpRequest, code: str) -> HttpResponse:
    _, _, found = _chosen(find_study(code), request.GET)
    header = [
        "alarm", "kind", "subject", "text", "opened_at", "seen_at", "closed_at", "acknowledged_at", "acknowledged_by",
        "note",
    ]  # fmt: skip
    rows = (
        [one.pk, one.kind, one.subject, one.text, _iso(one.opened_at), _iso(one.seen_at), _iso(one.closed_at),
         _iso(one.acknowledged_at), one.acknowledged_by, one.note]
        for one in found
    )  # fmt: skip
    return csv_response(f"{code}_alarms.csv", header, rows)


@require_POST
@staff_only
def acknowledge(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    """Note that somebody takes an alarm on."""
    alarm = get_object_or_404(Alarm, pk=pk, study__code=code)
    if domain.acknowledge(alarm, by=request.user.get_username(), note=request.POST.get("note", "")):
        messages.success(request, "Noted: you see to it. It closes by itself when its cause is gone.")
    else:
        messages.info(request, "It was over already.")
    return redirect("analysis:alarms", code)


@require_POST
@staff_only
def check(request: HttpRequest, code: str) -> HttpResponse:
    """Look at once."""
    opened = domain.check_study(find_study(code))
    deliver_soon()
    messages.success(request, f"Looked. {len(opened)} new." if opened else "Looked. Nothing new.")
    return redirect("analysis:alarms", code)


@require_POST
@staff_only
def set_limits(request: HttpRequest, code: str) -> HttpResponse:
    """Set from where on each kind rings in this study."""
    study = find_study(code)
    faults = []
    for kind in Kind:
        try:
            entered = request.POST.get(f"limit_{kind.value}", "").strip()
            limit = float(entered) if entered else None
            domain.set_rule(study, kind, limit=limit, is_on=f"on_{kind.value}" in request.POST)
        except ValueError:
            faults.append(kind.label)
    if faults:
        messages.error(request, f"Not changed, because the limit must be a number above zero: {', '.join(faults)}.")
    else:
        messages.success(request, "Limits are set.")
    return redirect(reverse("analysis:alarms", args=[code]) + "#limits")


@staff_only
def receivers_page(request: HttpRequest, code: str) -> HttpResponse:
    """Show who is told what, and what became of the latest messages; add a receiver, or change what it is told."""
    study = find_study(code)
    faults: list[str] = []
    if request.method == "POST":
        faults = _add(request, study)
        if not faults:
            return redirect("analysis:alarm_receivers", code)
    receivers = list(Receiver.objects.filter(study=study))
    deliveries = Delivery.objects.filter(receiver__study=study).select_related("receiver")
    context = {
        "study": study,
        "receivers": [(one, secret_of(one) if one.channel == Receiver.Channel.WEBHOOK else "") for one in receivers],
        "deliveries": deliveries.annotate(n_alarms=Count("notices"))[:N_DELIVERIES],
        "kinds": list(Kind),
        "channels": list(Receiver.Channel),
        "faults": faults,
        "entered": request.POST,
        "chosen": request.POST.getlist("kind"),
    }
    return render(request, "analysis/alarm_receivers.html", context, status=400 if faults else 200)


@require_POST
@staff_only
def change_receiver(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    """Send a test to a receiver, give a webhook another secret, or stop telling it anything."""
    receiver = get_object_or_404(Receiver, pk=pk, study__code=code)
    act = request.POST.get("act")
    if act == "test":
        plan_test(receiver)
        deliver_soon()
        messages.success(request, "A test is on its way: what became of it shows below within seconds.")
    elif act == "renew":
        domain.renew_secret(receiver)
        messages.success(request, "The webhook has a new secret; the former is void.")
    elif act == "remove":
        receiver.delete()
        messages.success(request, "Removed: nothing is told to that address any more.")
    return redirect("analysis:alarm_receivers", code)


def _add(request: HttpRequest, study: Study) -> list[str]:
    """Add a receiver as entered, or say what is wrong with it."""
    address = request.POST.get("address", "").strip()
    channel = request.POST.get("channel", "")
    if channel not in Receiver.Channel.values:
        return ["Choose e-mail or webhook."]
    fault = _fault_of(Receiver.Channel(channel), address)
    if fault:
        return [fault]
    domain.add_receiver(
        study,
        Receiver.Channel(channel),
        address,
        kinds=[Kind(kind) for kind in request.POST.getlist("kind") if kind in Kind.values],
        tells_closing="tells_closing" in request.POST,
        by=request.user.get_username(),
    )
    messages.success(request, "Alarms will be told to it. Send a test to see that it arrives.")
    return []


def _fault_of(channel: Receiver.Channel, address: str) -> str:
    """Say what is wrong with an address; empty where nothing is."""
    if len(address) > 500:
        return "The address is too long."
    try:
        if channel == Receiver.Channel.EMAIL:
            validate_email(address)
        else:
            check_address(address)
    except ValidationError:
        return "That is no e-mail address."
    except (Blocked, Unreachable) as error:
        return f"That address is not called: {error}."
    return ""


def line_of(alarm: Alarm, *, with_deliveries: bool = False) -> AlarmLine:
    """Put an alarm beside where to mend it, and if asked beside the messages that told of it."""
    told = [notice.delivery for notice in alarm.notices.all()] if with_deliveries else []
    return AlarmLine(alarm, page_of(alarm), [delivery for delivery in told if delivery is not None])


def open_alarms(study: Study) -> list[AlarmGroup]:
    """Give what rings now by kind, urgent kinds first, those that somebody sees to last; one query."""
    alarms = Alarm.objects.filter(study=study, closed_at=None).select_related("study")
    groups: dict[tuple[bool, bool, str], list[AlarmLine]] = defaultdict(list)
    for alarm in sorted(alarms, key=lambda one: one.opened_at):
        is_taken = alarm.acknowledged_at is not None
        groups[is_taken, not alarm.definition.is_urgent, alarm.kind].append(line_of(alarm))
    return [
        AlarmGroup(Kind(kind), DEFINITIONS[Kind(kind)], is_taken, lines)
        for (is_taken, _, kind), lines in sorted(groups.items(), key=lambda group: group[0])
    ]


def _chosen(study: Study, data: QueryDict) -> tuple[str, str, Any]:
    state = data.get("state", "open")
    state = state if state in STATES else "open"
    kind = data.get("kind", "") if data.get("kind") in Kind.values else ""
    found = Alarm.objects.filter(study=study).select_related("study")
    if state != "all":
        found = found.filter(closed_at__isnull=state == "open")
    return state, kind, found.filter(kind=kind) if kind else found


def _query(data: QueryDict) -> str:
    kept = data.copy()
    kept.pop("page", None)
    return kept.urlencode()


def _count(study: Study) -> dict[str, int]:
    counts = Alarm.objects.filter(study=study).aggregate(
        open=Count("pk", filter=Q(closed_at=None)), closed=Count("pk", filter=Q(closed_at__isnull=False))
    )
    return {**counts, "all": counts["open"] + counts["closed"]}


def _rules(study: Study) -> list[RuleLine]:
    limits = domain.read_limits(study)
    return [
        RuleLine(
            kind,
            definition,
            definition.words(limits.of(kind)),
            limits.of(kind) if definition.limit is not None else None,
            limits.is_on(kind),
        )
        for kind, definition in DEFINITIONS.items()
    ]


def _iso(at: Any) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
