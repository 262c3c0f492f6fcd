"""Staff page: what a study still lacks, its state, its quota cells, and who changed what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from survey.domain.quotas import change_cell
from survey.domain.readiness import TEXTS, checklist
from survey.domain.registration import ReasonNeeded, newest_registration
from survey.domain.studies import NotReady, launch_study
from survey.domain.study_settings import StudySettings, change_settings
from survey.domain.study_states import IllegalStudyChange, close_study, pause_study, use_version
from survey.domain.trial_runs import trials
from survey.enums import Country, LeaseState, StudyState
from survey.flow.cells import cell_label, cell_order
from survey.flow.study_state import STUDY_TRANSITIONS
from survey.forms import CellForm, ReasonForm, SettingsForm
from survey.models import QuotaCell, Study
from survey.queries import places_held
from survey.views.framing import SeeOther

N_CHANGES = 50
N_TRIALS = 20
staff_page = partial(staff_member_required, login_url="login")


class Step(NamedTuple):
    """Something that can be done with a study in its present state."""

    name: str
    label: str
    effect: str
    is_danger: bool = False


class CellLine(NamedTuple):
    cell: QuotaCell
    label: str
    n_complete: int
    n_live: int

    @property
    def standing(self) -> str:
        """Say in one word what the cell does with the next newcomer."""
        if not self.cell.is_open:
            return "closed"
        is_full = self.n_complete >= self.cell.stops_at or self.n_complete + self.n_live >= self.cell.hard_limit
        return "full" if is_full else "open"


class ArmCells(NamedTuple):
    country: Country
    lines: Sequence[CellLine]


STEPS: Mapping[StudyState, Step] = {
    StudyState.LIVE: Step("launch", "Launch", "Newcomers are taken in from then on."),
    StudyState.PAUSED: Step("pause", "Pause", "Nobody new is taken in; whoever is inside goes on."),
    StudyState.CLOSED: Step(
        "close", "Close for good", "Nobody new is taken in any more; whoever is inside may finish.", is_danger=True
    ),
}
RESUME = Step("launch", "Resume", "Newcomers are taken in again.")
ASKED_TWICE = frozenset({"launch", "close"})
# Where each line of the checklist is mended: an address of the study, or a place on the page itself.
MENDED_AT: Mapping[str, str] = {
    "Countries": "#countries",
    "Texts": "analysis:translations",
    "Panels": "#countries",
    "Quotas": "#quotas",
    "Contact": "#settings",
    "Pay": "#countries",
    "Ethics approval": "#settings",
    "Stopping rule": "#settings",
    "Consent": "survey:preview",
    "Preview": "survey:preview",
    "Test run": "#trials",
    "Registration": "survey:setup_registration",
}
ACTIONS: Mapping[str, Callable[..., bool]] = {"launch": launch_study, "pause": pause_study, "close": close_study}


@staff_page
@require_safe
def page(request: HttpRequest, code: str) -> HttpResponse:
    study = find_study(code)
    points = checklist(study)
    newest = study.version.instrument.versions.order_by("-number").first()
    context = {
        "study": study,
        "points": [(point, mended_at(study, point.name)) for point in points],
        "settings_form": SettingsForm(initial={name: getattr(study, name) for name in StudySettings._fields}),
        "trials": trials(study)[:N_TRIALS],
        "n_errors": sum(len(point.errors) for point in points),
        "steps": steps_from(StudyState(study.state)),
        "newest": newest if newest != study.version and study.state == StudyState.DRAFT else None,
        "has_text_faults": any(point.name == TEXTS and point.errors for point in points),
        "countries": study.arms.order_by("country"),
        "arms": cell_lines(study),
        "registration": newest_registration(study),
        "n_deviations": study.deviations.count(),
        "changes": study.changes.select_related("cell__arm")[:N_CHANGES],
    }
    return render(request, "study/setup.html", context)


@staff_page
@require_POST
def change_state(request: HttpRequest, code: str) -> HttpResponse:
    """Launch, pause, resume or close; what stands in the way is shown on the page."""
    study, action = find_study(code), ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        raise Http404
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The reason is too long.")
        return back_to(study)
    if request.POST["action"] in ASKED_TWICE and "sure" not in request.POST:
        return confirm(request, study, form.cleaned_data["reason"])
    try:
        is_ours = action(study, by=request.user.get_username(), reason=form.cleaned_data["reason"])
    except NotReady as error:
        messages.error(request, f"Not opened. {error}")
    except (IllegalStudyChange, ReasonNeeded) as error:
        messages.error(request, f"Nothing changed: {error}.")
    else:
        what = "is" if is_ours else "was already"
        messages.success(request, f"The study {what} {study.get_state_display().lower()}.")
    return back_to(study)


def confirm(request: HttpRequest, study: Study, reason: str) -> HttpResponse:
    """Show what a step means before it is taken."""
    step = next((one for one in steps_from(StudyState(study.state)) if one.name == request.POST["action"]), None)
    if step is None:
        messages.error(request, f"Nothing changed: a study that is {study.state} cannot do that.")
        return back_to(study)
    points = checklist(study)
    context = {
        "study": study,
        "step": step,
        "reason": reason,
        "errors": [error for point in points for error in point.errors],
        "looks": [point for point in points if point.hints],
        "is_first": study.launched_at is None and step.name == "launch",
        "points": points,
    }
    return render(request, "study/state_confirm.html", context)


@staff_page
@require_POST
def edit_settings(request: HttpRequest, code: str) -> HttpResponse:
    """Set title, contact, ethics approval and stopping rule."""
    study, form = find_study(code), SettingsForm(request.POST)
    if not form.is_valid():
        wrong = "; ".join(f"{form.fields[name].label or name}: {texts[0]}" for name, texts in form.errors.items())
        messages.error(request, f"Nothing changed. {wrong}")
        return back_to(study)
    try:
        changed = change_settings(
            study, form.settings(), by=request.user.get_username(), reason=form.cleaned_data["reason"]
        )
    except ReasonNeeded as error:
        messages.error(request, f"Nothing changed: {error}.")
    else:
        messages.success(request, "Stored." if changed else "Nothing to change.")
    return back_to(study)


@staff_page
@require_POST
def change_version(request: HttpRequest, code: str) -> HttpResponse:
    """Put a draft on the newest version of its instrument."""
    study = find_study(code)
    newest = study.version.instrument.versions.order_by("-number").first() or study.version
    try:
        use_version(study, newest, by=request.user.get_username())
    except IllegalStudyChange as error:
        messages.error(request, f"Nothing changed: {error}.")
    else:
        messages.success(request, f"The study uses {newest}.")
    return back_to(study)


@staff_page
@require_POST
def edit_cell(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    study = find_study(code)
    cell = get_object_or_404(QuotaCell, pk=pk, arm__study=study)
    name = f"{Country(QuotaCell.objects.values_list('arm__country', flat=True).get(pk=pk)).label}, "
    name += cell_label(cell.age_bucket, cell.gender).lower()
    form = CellForm(request.POST)
    if not form.is_valid():
        wrong = "; ".join(f"{field.replace('_', ' ')}: {texts[0]}" for field, texts in form.errors.items())
        messages.error(request, f"{name}: nothing changed. {wrong}")
        return back_to(study)
    try:
        is_change = change_cell(pk, form.limits(), by=request.user.get_username(), reason=form.cleaned_data["reason"])
    except ValueError as error:
        messages.error(request, f"{name}: nothing changed, {error}.")
    else:
        messages.success(request, f"{name}: {'stored' if is_change else 'nothing to change'}.")
    return back_to(study)


def find_study(code: str) -> Study:
    return get_object_or_404(Study.objects.select_related("version__instrument"), code=code)


def back_to(study: Study) -> HttpResponse:
    return SeeOther(redirect("survey:setup", code=study.code).url)


def mended_at(study: Study, name: str) -> str:
    """Give the address where a line of the checklist is mended; empty where it is no page's."""
    place = MENDED_AT.get(name, "")
    return reverse(place, args=[study.code]) if ":" in place else place


def steps_from(state: StudyState) -> list[Step]:
    following = [new for new in STEPS if new in STUDY_TRANSITIONS[state]]
    return [RESUME if (state, new) == (StudyState.PAUSED, StudyState.LIVE) else STEPS[new] for new in following]


def cell_lines(study: Study) -> list[ArmCells]:
    """Give the cells of each arm in order, with the places held now."""
    held = places_held(study.pk)
    cells = sorted(
        QuotaCell.objects.filter(arm__study=study).select_related("arm"),
        key=lambda cell: (Country(cell.arm.country).label, *cell_order(cell.age_bucket, cell.gender)),
    )
    arms: dict[str, list[CellLine]] = {}
    for cell in cells:
        line = CellLine(
            cell,
            cell_label(cell.age_bucket, cell.gender),
            held[cell.pk, LeaseState.COMPLETE],
            held[cell.pk, LeaseState.LIVE],
        )
        arms.setdefault(cell.arm.country, []).append(line)
    return [ArmCells(Country(country), lines) for country, lines in arms.items()]
