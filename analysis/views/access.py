"""Who may see the researchers' pages, and what they look up first."""

from collections.abc import Callable
from typing import ParamSpec

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from survey.models import Study
from survey.views.framing import collected_here

Arguments = ParamSpec("Arguments")
View = Callable[Arguments, HttpResponseBase]


def staff_only(view: View[Arguments]) -> View[Arguments]:
    """Send everybody else to the login page."""
    guarded: View[Arguments] = staff_member_required(view, login_url="login")
    return guarded


def find_study(code: str, *, imported_too: bool = False) -> Study:
    """Find a study with its instrument, or answer 404; pages about fieldwork have nothing of an imported one."""
    studies = Study.objects.select_related("version__instrument")
    study = get_object_or_404(studies, code=code)
    return study if imported_too else collected_here(study)
