"""Staff page: locales, panel, codes and terms of one country of a study."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from survey.domain.registration import ReasonNeeded, newest_registration
from survey.domain.study_settings import NotAllowed, change_arm
from survey.enums import Country
from survey.forms import ArmForm
from survey.models import Arm
from survey.panels.lint import lint_arm
from survey.views.access import staff_only
from survey.views.framing import SeeOther, collected_here


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, code: str, country: str) -> HttpResponse:
    """Show what is set and what the panel's rules say of it; POST changes it."""
    arm = get_object_or_404(Arm.objects.select_related("study__version__instrument"), study__code=code, country=country)
    collected_here(arm.study)
    form = ArmForm(arm, request.POST or None)
    name = Country(arm.country).label
    if request.method == "POST" and form.is_valid():
        try:
            changed = change_arm(
                arm, form.settings(), by=request.user.get_username(), reason=form.cleaned_data["reason"]
            )
        except (NotAllowed, ReasonNeeded) as error:
            form.add_error(None, f"Nothing changed: {error}.")
        else:
            messages.success(request, f"{name}: {'stored' if changed else 'nothing to change'}.")
            return SeeOther(reverse("survey:setup_arm", args=[code, country]))
    context = {
        "study": arm.study,
        "name": name,
        "form": form,
        "violations": lint_arm(arm),
        "is_registered": newest_registration(arm.study) is not None,
    }
    return render(request, "study/arm_setup.html", context, status=422 if form.errors else 200)
