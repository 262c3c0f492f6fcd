"""Who may see the researchers' pages, and what they look up first."""

from collections.abc import Callable
from typing import ParamSpec

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from survey.models import Study

Arguments = ParamSpec("Arguments")
View = Callable[Arguments, HttpResponseBase]


def staff_only(view: View[Arguments]) -> View[Arguments]:
    """Send everybody else to the login page."""
    guarded: View[Arguments] = staff_member_required(view, login_url="login")
    return guarded


def find_study(code: str, *, imported_too: bool = False) -> Study:
    """Find a study with its instrument, or answer 404; an imported one has no pages about fieldwork."""
    studies = Study.objects.select_related("version__instrument")
    return get_object_or_404(studies if imported_too else studies.filter(is_imported=False), code=code)
