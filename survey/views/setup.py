"""Staff page: what a study still lacks, its state, its quota cells, and who changed what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from survey.domain.quotas import add_cell, cell_name, change_cell, remove_cell
from survey.domain.readiness import TEXTS, checklist
from survey.domain.registration import ReasonNeeded, newest_registration
from survey.domain.studies import NotReady, launch_study
from survey.domain.study_settings import StudySettings, change_settings
from survey.domain.study_states import IllegalStudyChange, close_study, pause_study, use_version
from survey.domain.trial_runs import trials
from survey.enums import AgeBucket, Country, Gender, LeaseState, StudyState
from survey.flow.cells import cell_label, cell_order
from survey.flow.study_state import STUDY_TRANSITIONS
from survey.forms import CellForm, NewCellForm, ReasonForm, SettingsForm
from survey.models import Arm, QuotaCell, Study
from survey.queries import places_held
from survey.views.access import find_study, staff_only
from survey.views.framing import SeeOther

N_CHANGES = 50
N_TRIALS = 20


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

    @property
    def takes_anybody(self) -> bool:
        """Tell whether everybody finds a cell, or there is none to find."""
        return not self.lines or any(not line.cell.age_bucket and not line.cell.gender for line in self.lines)


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


@staff_only
@require_safe
def page(request: HttpRequest, code: str) -> HttpResponse:
    study = find_study(code)
    points, arms = checklist(study), list(study.arms.order_by("country"))
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
        "countries": arms,
        "arms": cell_lines(study, arms),
        "ages": [("", "any age"), *AgeBucket.choices],
        "genders": [("", "any gender"), *Gender.choices],
        "registration": newest_registration(study),
        "n_deviations": study.deviations.count(),
        "changes": study.changes.select_related("cell__arm")[:N_CHANGES],
    }
    return render(request, "study/setup.html", context)


@staff_only
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


@staff_only
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


@staff_only
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


@staff_only
@require_POST
def edit_cell(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    study = find_study(code)
    name = cell_name(find_cell(study, pk))
    form = CellForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"{name}: nothing changed. {wrong_fields(form)}")
        return back_to(study)
    try:
        is_change = change_cell(pk, form.limits(), by=request.user.get_username(), reason=form.cleaned_data["reason"])
    except ValueError as error:
        messages.error(request, f"{name}: nothing changed, {error}.")
    else:
        messages.success(request, f"{name}: {'stored' if is_change else 'nothing to change'}.")
    return back_to(study)


@staff_only
@require_POST
def new_cell(request: HttpRequest, code: str) -> HttpResponse:
    """Add a quota cell to a country."""
    study, form = find_study(code), NewCellForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"No cell was added. {wrong_fields(form)}")
        return back_to(study)
    data = form.cleaned_data
    arm = get_object_or_404(study.arms, country=data["country"])
    whom = {"age_bucket": data["age_bucket"], "gender": data["gender"]}
    try:
        cell = add_cell(arm, **whom, limits=form.limits(), by=request.user.get_username(), reason=data["reason"])
    except ValueError as error:
        messages.error(request, f"{cell_name(QuotaCell(arm=arm, **whom))}: no cell was added, {error}.")
    else:
        messages.success(request, f"{cell_name(cell)}: added.")
    return back_to(study)


@staff_only
@require_POST
def drop_cell(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    """Remove a quota cell that nobody holds a place in."""
    study, form = find_study(code), ReasonForm(request.POST)
    name = cell_name(find_cell(study, pk))
    if not form.is_valid():
        messages.error(request, f"{name}: not removed. {wrong_fields(form)}")
        return back_to(study)
    try:
        remove_cell(pk, by=request.user.get_username(), reason=form.cleaned_data["reason"])
    except ValueError as error:
        messages.error(request, f"{name}: not removed, {error}.")
    else:
        messages.success(request, f"{name}: removed.")
    return back_to(study)


def find_cell(study: Study, pk: int) -> QuotaCell:
    return get_object_or_404(QuotaCell.objects.select_related("arm"), pk=pk, arm__study=study)


def wrong_fields(form: ReasonForm) -> str:
    """Say what is wrong with each field."""
    return "; ".join(f"{field.replace('_', ' ')}: {texts[0]}" for field, texts in form.errors.items())


def back_to(study: Study) -> HttpResponse:
    return SeeOther(redirect("survey:setup", code=study.code).url)


def mended_at(study: Study, name: str) -> str:
    """Give the address where a line of the checklist is mended; empty where it is no page's."""
    place = MENDED_AT.get(name, "")
    return reverse(place, args=[study.code]) if ":" in place else place


def steps_from(state: StudyState) -> list[Step]:
    following = [new for new in STEPS if new in STUDY_TRANSITIONS[state]]
    return [RESUME if (state, new) == (StudyState.PAUSED, StudyState.LIVE) else STEPS[new] for new in following]


def cell_lines(study: Study, arms: Sequence[Arm]) -> list[ArmCells]:
    """Give the cells of each arm in order, with the places held now; an arm without cells has no lines."""
    held = places_held(study.pk)
    cells = sorted(
        QuotaCell.objects.filter(arm__study=study), key=lambda cell: cell_order(cell.age_bucket, cell.gender)
    )
    lines: dict[int, list[CellLine]] = {arm.pk: [] for arm in arms}
    for cell in cells:
        line = CellLine(
            cell,
            cell_label(cell.age_bucket, cell.gender),
            held[cell.pk, LeaseState.COMPLETE],
            held[cell.pk, LeaseState.LIVE],
        )
        lines[cell.arm_id].append(line)
    return sorted((ArmCells(Country(arm.country), lines[arm.pk]) for arm in arms), key=lambda one: one.country.label)
