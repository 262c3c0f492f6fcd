"""One session from its landing to what the panel says of it, in the order of time. Reads only.

What was answered is outcome data and read apart, by whoever may see outcomes; personal identifiers are not read at all.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from survey.enums import CheckKind, Page, PageEventKind
from survey.flow.quality import FLAGS
from survey.models import Consent, PageEvent, PanelAct, PanelSubmission, Response, SurveySession
from survey.panels import exit_code
from survey.queries import version_structure


class Moment(NamedTuple):
    """Something that happened; ``seconds`` is how long a page was before somebody."""

    at: datetime
    what: str
    detail: str = ""
    seconds: float | None = None


class PageUse(NamedTuple):
    """What the browser told of one page."""

    position: int
    page: str
    viewport: str
    first_touch_s: float | None
    n_changes: int
    n_hidden: int


class FlagRaised(NamedTuple):
    name: str
    label: str
    value: float
    limit: float | None
    unit: str
    is_exclusion: bool


def page_name(session: SurveySession, position: int) -> str:
    page = session.plan[position] if position < len(session.plan) else {"kind": Page.DEBRIEF}
    label = Page(page["kind"]).label
    return f"{label} {page.get('item') or page.get('number') or ''}".rstrip()


def timeline(session: SurveySession) -> list[Moment]:
    """Put everything that is known of a session into the order of time."""
    moments = [Moment(session.landed_at, "Landed", f"{session.arm.country}, {session.locale}")]
    moments += status_moments(session) + scenario_moments(session) + check_moments(session) + panel_moments(session)
    consent = Consent.objects.filter(session=session).first()
    if consent is not None:
        told = f"{'yes' if consent.is_given else 'no'} to version {consent.consent_version} in {consent.locale}"
        moments.append(Moment(consent.at, "Consent", told))
    return sorted(moments, key=lambda one: one.at)


def status_moments(session: SurveySession) -> list[Moment]:
    changes = [one for one in session.status_changes.all() if one.old]
    return [Moment(one.at, one.get_new_display(), one.reason) for one in changes]


def scenario_moments(session: SurveySession) -> list[Moment]:
    """Give each scenario page once, with the time from its being served to its being sent."""
    rows = Response.objects.filter(session=session).order_by("position", "pk")
    found: dict[int, Moment] = {}
    for position, served, submitted in rows.values_list("position", "served_at", "submitted_at"):
        seconds = (submitted - served).total_seconds()
        found.setdefault(position, Moment(submitted, page_name(session, position), "", seconds))
    return list(found.values())


def check_moments(session: SurveySession) -> list[Moment]:
    return [
        Moment(
            one.at,
            f"{CheckKind(one.kind).label} check {one.number}",
            f"{'passed' if one.is_correct else 'failed'}, try {one.attempt}",
        )
        for one in session.check_answers.all()
    ]


def panel_moments(session: SurveySession) -> list[Moment]:
    """Give what the panel says of the visit, and what was done there; no identifier."""
    visits = list(PanelSubmission.objects.filter(participant=session.participant_id))
    moments = [
        Moment(visit.status_at, f"{visit.get_panel_display()}: {visit.get_status_display().lower()}")
        for visit in visits
        if visit.status_at
    ]
    acts = PanelAct.objects.filter(submission__in=visits).select_related("by")
    moments += [
        Moment(
            act.at,
            f"{act.get_verb_display()} at the panel",
            f"{act.get_state_display().lower()}, {act.by or 'the site'}",
        )
        for act in acts
    ]
    return moments


def issued_code(session: SurveySession) -> str:
    """Say whether a completion code was shown, without the code."""
    if not session.outcome:
        return "none yet"
    return "shown" if exit_code(session.arm, session.outcome) else "this outcome has none"  # type: ignore[arg-type]


def raised_flags(session: SurveySession) -> list[FlagRaised]:
    structure = version_structure(session.version_id)
    return [
        FlagRaised(
            one.name,
            FLAGS[one.name].label,
            one.value,
            structure["flags"].get(one.name),
            FLAGS[one.name].unit,
            one.name in structure["exclusions"],
        )
        for one in session.quality_flags.all()
    ]


def page_uses(session: SurveySession) -> list[PageUse]:
    """Sum up what the browser told, page by page; nothing where it told nothing."""
    pages: dict[int, list[PageEvent]] = {}
    for event in PageEvent.objects.filter(session=session).order_by("position", "at_ms"):
        pages.setdefault(event.position, []).append(event)
    return [sum_up(session, position, events) for position, events in pages.items()]


def sum_up(session: SurveySession, position: int, events: list[PageEvent]) -> PageUse:
    kinds = [one.kind for one in events]
    viewport = next((one.detail for one in events if one.kind == PageEventKind.PAGE_SHOWN), "")
    touched = next((one.at_ms for one in events if one.kind == PageEventKind.FIRST_INTERACTION), None)
    return PageUse(
        position,
        page_name(session, position),
        viewport,
        None if touched is None else touched / 1000,
        kinds.count(PageEventKind.ANSWER_CHANGE),
        kinds.count(PageEventKind.HIDDEN),
    )
