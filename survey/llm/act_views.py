"""What staff decide about a run that is there: its priority."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from survey.llm import domain
from survey.llm.forms import PriorityForm
from survey.llm.models import Run
from survey.llm.views import staff_page


@staff_page
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
