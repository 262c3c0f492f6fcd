"""One line that says under which registration something was computed."""

from datetime import datetime
from typing import Any

from django import template

from survey.domain.registration import standing_at
from survey.models import Study

register = template.Library()


@register.inclusion_tag("components/registration_line.html")
def registration_line(study: Study, moment: datetime) -> dict[str, Any]:
    """Say which registration was in force at a moment, and how many deviations there were by then."""
    return {"study": study, "standing": standing_at(study, moment)}
