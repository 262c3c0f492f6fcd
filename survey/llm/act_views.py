"""What staff decide about a run that is there: its priority, what of it is asked again."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from survey.flow.counted import counted
from survey.llm import domain
from survey.llm.forms import AgainForm, PriorityForm
from survey.llm.models import Run
from survey.llm.tasks import launch
from survey.views.access import staff_only


@staff_only
@require_POST
def run_priority(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the run asked before others that share its models, or after them."""
    run = get_object_or_404(Run, pk=pk)
    form = PriorityForm(request.POST)
    if form.is_valid():
        domain.change_priority(run, form.cleaned_data["priority"])
        messages.success(request, "The priority is changed; it counts from the next cells on.")
    else:
        messages.error(request, f"Nothing changed: {form.errors['priority'][0]}")
    return redirect("llm:run", pk)


@staff_only
@require_POST
def run_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask again what brought no usable answer, as far as it was chosen."""
    run = get_object_or_404(Run, pk=pk)
    form = AgainForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Nothing is asked again: {form.errors['kinds'][0]}")
        return redirect("llm:run", pk)
    try:
        with transaction.atomic():
            act = domain.ask_again(run, form.cleaned_data["kinds"], request.user.get_username())
            transaction.on_commit(partial(launch, run.pk))
    except ValueError as error:
        messages.error(request, f"Nothing is asked again: {error}")
    else:
        messages.success(
            request, f"{counted(act.n_cells, 'question is', 'questions are')} asked again. Earlier answers are kept."
        )
    return redirect("llm:run", pk)
