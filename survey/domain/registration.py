"""The preregistration: what a study commits to is frozen at its launch; whatever differs later is a deviation.

Whoever changes something that was registered calls `note_change` in the same transaction: without a reason it takes
the change back, with one it registers the study anew and writes down what differs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from survey.csv_reader import begins_a_formula
from survey.enums import Status
from survey.flow.registering import Difference, canonical, differences, fingerprint
from survey.instruments.plan import PLAN_KEY
from survey.models import Arm, Deviation, QuotaCell, Registration, Response, Study, SurveySession

FORMAT = 1
ASSIGNED_BY = ("blocks", "questions", "option_order", "question_order", "attention_checks")
DRAWN_FROM = ("items", "close", "far")
FULL_CELLS = "Collection ends when every quota cell has the completes it takes."


class ReasonNeeded(ValueError):
    """What was registered cannot be changed without saying why."""


class Standing(NamedTuple):
    """Which registration a study stands under at a moment, and how many deviations there were by then."""

    registration: Registration
    n_deviations: int


def describe(study: Study) -> dict[str, Any]:
    """Give everything that a study commits to, as it is now."""
    version = study.version
    structure: Mapping[str, Any] = version.structure
    arms = list(study.arms.order_by("country"))
    cells = QuotaCell.objects.filter(arm__in=arms).select_related("arm").order_by("arm__country", "pk")
    quotas: dict[str, dict[str, Any]] = {arm.country: {} for arm in arms}
    for cell in cells:
        quotas[cell.arm.country][f"{cell.age_bucket or 'any age'}, {cell.gender or 'any gender'}"] = {
            "target": cell.target,
            "over_target": cell.over_target,
            "soft_limit": cell.stops_at,
            "is_open": cell.is_open,
        }
    targets = {country: sum(cell["target"] for cell in own.values()) for country, own in quotas.items()}
    return {
        "format": FORMAT,
        "study": study.code,
        "instrument": {
            "code": version.instrument.code,
            "version": version.number,
            "content_hash": version.content_hash,
            "consent_version": structure.get("consent_version", ""),
        },
        "assignment": {
            **{name: structure[name] for name in ASSIGNED_BY},
            "arms": {arm.country: arm_assignment(arm, structure) for arm in arms},
        },
        "eligibility": {"fluencies": structure["fluencies"], "age_buckets": structure["age_buckets"]},
        "quotas": quotas,
        "target": {"total": sum(targets.values()), "by_country": targets},
        "stopping_rule": study.stopping_rule or FULL_CELLS,
        "flags": structure["flags"],
        "exclusions": structure["exclusions"],
        "analysis_plan": structure.get(PLAN_KEY) or {},
    }


def arm_assignment(arm: Arm, structure: Mapping[str, Any]) -> dict[str, Any]:
    drawn = structure["arms"].get(arm.country, {})
    return {"locales": list(arm.locales), **{name: drawn.get(name) for name in DRAWN_FROM}}


def newest_registration(study: Study) -> Registration | None:
    return study.registrations.order_by("-number").first()


def compare_with_now(study: Study, registration: Registration) -> list[Difference]:
    """List what is not as it was registered."""
    return differences(json.loads(registration.content), describe(study))


@transaction.atomic
def register(study: Study, *, by: str, reason: str = "") -> Registration:
    """Freeze what a study commits to now; give the registration in force.

    The first needs no reason. A later one is made only where something differs, and writes each difference down as a
    deviation; `ReasonNeeded` without a reason for it.
    """
    locked = Study.objects.select_for_update(of=("self",), no_key=True).select_related("version__instrument")
    study = locked.get(pk=study.pk)
    text = canonical(describe(study))
    last = newest_registration(study)
    if last is not None and last.content == text:
        return last
    if last is not None and not reason.strip():
        raise ReasonNeeded("this was registered at the launch: say why it changes, it becomes a deviation")
    if last is not None:
        refuse_formulas(reason)
    now = timezone.now()
    registration = Registration.objects.create(
        study=study,
        number=last.number + 1 if last else 1,
        content=text,
        sha256=fingerprint(text),
        by=by,
        at=now,
    )
    if last is not None:
        found = differences(json.loads(last.content), json.loads(text))
        written = [(one.path[:200], one.before, one.after) for one in found]
        add_deviations(registration, written, reason=reason, by=by, at=now, is_found=True)
    return registration


def note_change(study: Study, *, by: str, reason: str) -> None:
    """Write down that something of a study has just changed, if it was registered; nothing is before the launch."""
    if study.registrations.exists():
        register(study, by=by, reason=reason)


@transaction.atomic
def report_deviation(study: Study, *, what: str, before: str, after: str, reason: str, by: str) -> Deviation:
    """Write down what no comparison can find, such as an analysis that was done otherwise than planned."""
    if not (by and what.strip() and after.strip() and reason.strip()):
        raise ReasonNeeded("say what deviates, how it is now, and why")
    refuse_formulas(what, before, after, reason)
    registration = newest_registration(study)
    if registration is None:
        raise ReasonNeeded("nothing is registered yet: the launch registers the study")
    written = [(what.strip()[:200], before.strip(), after.strip())]
    return add_deviations(registration, written, reason=reason, by=by, at=timezone.now(), is_found=False)[0]


def refuse_formulas(*words: str) -> None:
    """Entries of the log are never changed, and a release refuses a table with a cell that begins like a formula."""
    for text in words:
        if begins_a_formula(text.strip()):
            raise ReasonNeeded(f"begin with a word: a spreadsheet takes {text.strip()[0]!r} for the start of a formula")


def add_deviations(
    registration: Registration,
    written: list[tuple[str, str, str]],
    *,
    reason: str,
    by: str,
    at: datetime,
    is_found: bool,
) -> list[Deviation]:
    """Add entries to the log, each with how much data there was by then."""
    sessions = SurveySession.objects.filter(arm__study=registration.study_id)
    counts = {
        "n_sessions": sessions.count(),
        "n_complete": sessions.filter(status=Status.COMPLETE).count(),
        "n_answers": Response.objects.filter(session__arm__study=registration.study_id).count(),
    }
    return Deviation.objects.bulk_create(
        Deviation(
            study_id=registration.study_id,
            registration=registration,
            what=what,
            before=before,
            after=after,
            reason=reason.strip(),
            by=by,
            at=at,
            is_found=is_found,
            **counts,
        )
        for what, before, after in written
    )


def standing_at(study: Study, moment: datetime) -> Standing | None:
    """Say which registration was in force at a moment; exact for good, since both tables are only added to."""
    by_then = Deviation.objects.filter(study=study, at__lte=moment).order_by().values("study").annotate(n=Count("pk"))
    counted = study.registrations.annotate(n_deviations=Coalesce(Subquery(by_then.values("n")), 0)).defer("content")
    registration = counted.filter(at__lte=moment).order_by("-number").first()
    return Standing(registration, registration.n_deviations) if registration else None


def registration_facts(study: Study, moment: datetime) -> dict[str, Any] | None:
    """Give the same for files; None where nothing was registered."""
    standing = standing_at(study, moment)
    if standing is None:
        return None
    registration, n_deviations = standing
    return {"number": registration.number, "sha256": registration.sha256, "n_deviations": n_deviations}
