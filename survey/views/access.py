"""Who may see the researchers' pages, and what they look up first."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache

from survey.models import Study
from survey.views.framing import collected_here

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def staff_only(view: View) -> View:
    """Send everybody else to the site's own login page."""
    return staff_member_required(view, login_url="login")


def study_page(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Give staff a page about the study that its address names, and have no browser or proxy keep it."""

    @wraps(view)
    def with_study(request: HttpRequest, code: str, **arguments: Any) -> HttpResponseBase:
        return view(request, collected_here(get_object_or_404(Study, code=code)), **arguments)

    return never_cache(staff_only(with_study))


def find_study(code: str, *, imported_too: bool = False) -> Study:
    """Find a study with its instrument, or answer 404; pages about fieldwork have nothing of an imported one."""
    studies = Study.objects.select_related("version__instrument")
    study = get_object_or_404(studies, code=code)
    return study if imported_too else collected_here(study)
