"""Staff pages: the sessions of a study, one of them from its landing to its end, and the queue of the flagged.

Nobody is rejected here, and nothing is left out of the data: notes are written, and clean visits are approved through
the panel's own page, which asks once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from survey.domain.review import (
    ANY,
    NONE,
    SIMULATED,
    TEST,
    EmptyNote,
    Filter,
    a_page,
    add_note,
    chosen_sessions,
    neighbours,
    queue,
)
from survey.domain.session_story import issued_code, page_uses, raised_flags, timeline
from survey.enums import Country, Locale, Status
from survey.flow.quality import FLAGS
from survey.models import Response, Study, SurveySession
from survey.views.access import study_page
from survey.views.csv_lines import write_parts
from survey.views.downloads import as_download
from survey.views.framing import SeeOther

ROWS_A_PAGE = 50
ROWS_A_READ = 1000  # of the file, which is written while it is sent
CSV_COLUMNS = ("session", "landed_at", "country", "locale", "status", "page", "flags", "notes")


@study_page
@require_safe
def page(request: HttpRequest, study: Study) -> HttpResponse:
    """List the sessions of a filter, newest first."""
    chosen = read_filter(request.GET)
    before = request.GET.get("before", "")
    key = int(before) if before.isascii() and before.isdecimal() else None
    rows = a_page(chosen_sessions(study, chosen), before=key, size=ROWS_A_PAGE)
    query = urlencode({name: value for name, value in chosen._asdict().items() if value})
    context = {
        "study": study,
        "chosen": chosen,
        "rows": rows[:ROWS_A_PAGE],
        "older": f"?{query}{'&' if query else ''}before={rows[ROWS_A_PAGE - 1].pk}" if len(rows) > ROWS_A_PAGE else "",
        "newest": f"?{query}" if key else "",
        "n_waiting": queue(study).count(),
        "n_rehearsed": queue(study, simulated=True).count() if chosen.kind == SIMULATED else 0,
        "has_panel": study.arms.exclude(panel__in=["direct", "simulated"]).exists(),
        "statuses": Status.choices,
        "countries": [(one, Country(one).label) for one in study.arms.values_list("country", flat=True)],
        "locales": Locale.choices,
        "flags": [(name, flag.label) for name, flag in FLAGS.items()],
        "query": query,
        "has_simulated": not rows and not query and chosen_sessions(study, Filter(kind=SIMULATED)).exists(),
    }
    return render(request, "study/review.html", context)


@study_page
@require_safe
def rows_csv(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Give all sessions of the filter as a file, newest first, with the columns of the page."""
    rows = map(csv_row, read_rows(chosen_sessions(study, read_filter(request.GET))))
    return as_download(write_parts(chain([CSV_COLUMNS], rows)), f"{study.code}_sessions.csv")


def read_rows(sessions: QuerySet[SurveySession]) -> Iterator[SurveySession]:
    """Read the sessions of the list a part at a time, however many they are."""
    before = None
    while rows := a_page(sessions, before=before, size=ROWS_A_READ)[:ROWS_A_READ]:
        yield from rows
        before = rows[-1].pk


def csv_row(one: Any) -> list[Any]:
    return [
        str(one), one.landed_at.strftime("%Y-%m-%dT%H:%M:%SZ"), one.arm.country, one.locale, one.status, one.position,
        " ".join(flag.name for flag in one.quality_flags.all()),
        "settled" if one.is_settled else "noted" if one.is_noted else "",
    ]  # fmt: skip


def read_filter(params: Mapping[str, str]) -> Filter:
    """Read a filter; what is none of the known values counts as not chosen."""
    known = {
        "kind": {SIMULATED, TEST},
        "status": set(Status.values),
        "country": set(Country.values),
        "locale": set(Locale.values),
        "flag": {ANY, NONE, *FLAGS},
        "note": {ANY, NONE},
    }
    plain = {name: params.get(name, "") for name in known}
    return Filter(
        **{name: value if value in known[name] else "" for name, value in plain.items()},
        since=read_day(params.get("since", "")),
        until=read_day(params.get("until", "")),
    )


def read_day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def find_session(study: Study, pk: int) -> SurveySession:
    """Find a session or a test run of a study, with all that its page needs in one query."""
    sessions = SurveySession.objects.select_related("arm__study", "participant", "lease__cell", "demographics")
    session = get_object_or_404(sessions, pk=pk)
    if study.pk not in (session.arm.study_id, session.arm.study.test_of_id):
        raise Http404
    return session


@study_page
@require_safe
def session(request: HttpRequest, study: Study, pk: int) -> HttpResponse:
    """Show one session; with ``queue`` the way to the next that waits."""
    found = find_session(study, pk)
    is_test = found.arm.study_id != study.pk
    is_simulated = found.participant.is_simulated
    is_queued = "queue" in request.GET
    context = {
        "study": study,
        "session": found,
        "is_test": is_test,
        "moments": timeline(found),
        "code": issued_code(found),
        "flags": raised_flags(found),
        "uses": page_uses(found),
        "notes": found.notes.all(),
        "is_blind": study.unblinded_at is None and not (is_test or is_simulated),
        "answers": partial(read_answers, found),  # read only where the template may show them
        "is_queued": is_queued,
        "neighbours": neighbours(queue(study, simulated=is_simulated), pk) if is_queued else None,
    }
    return render(request, "study/review_session.html", context)


def read_answers(found: SurveySession) -> QuerySet[Response]:
    return found.responses.select_related("item").order_by("position", "pk")


@study_page
@require_safe
def first_of_queue(request: HttpRequest, study: Study) -> HttpResponse:
    """Lead to the session that has waited longest; to rehearse, to a simulated one."""
    waiting = queue(study, simulated=request.GET.get("kind") == SIMULATED)
    first = waiting.order_by("pk").values_list("pk", flat=True).first()
    if first is None:
        messages.info(request, "Nobody waits for a look.")
        return SeeOther(reverse("survey:review", args=[study.code]))
    return SeeOther(reverse("survey:review_session", args=[study.code, first]) + "?queue=1")


@study_page
@require_POST
def note(request: HttpRequest, study: Study, pk: int) -> HttpResponse:
    """Write a note down; from the queue on to the next, if the session is settled."""
    found = find_session(study, pk)
    is_settled = "settled" in request.POST
    is_queued = "queue" in request.POST
    here = reverse("survey:review_session", args=[study.code, pk]) + ("?queue=1" if is_queued else "")
    try:
        add_note(found, request.POST.get("text", ""), is_settled=is_settled, by=request.user.get_username())
    except EmptyNote as error:
        messages.error(request, f"Nothing was written down: {error}.")
        return SeeOther(here)
    messages.success(request, "Settled." if is_settled else "The note is kept.")
    if is_queued and is_settled:
        following = next_waiting(study, found)
        return SeeOther(following or reverse("survey:review", args=[study.code]))
    return SeeOther(here)


def next_waiting(study: Study, found: SurveySession) -> str:
    waiting = neighbours(queue(study, simulated=found.participant.is_simulated), found.pk)
    pk: Any = waiting.following or waiting.previous
    return reverse("survey:review_session", args=[study.code, pk]) + "?queue=1" if pk else ""
