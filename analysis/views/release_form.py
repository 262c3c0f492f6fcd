"""What the release form offers and says, and the list of releases beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from analysis.disclosure import DEFAULT_K
from analysis.models import AnalysisRun, Release
from analysis.release.choices import Choices, Licence, Sessions, Simulated, SmallPlaces
from analysis.release.store import zip_of
from analysis.releases import UNFINISHED
from survey.models import Study

N_SHOWN = 20
FIELDS = ("title", "url", "doi", "licence", "simulated", "sessions", "small_places", "k", "analysis", "ethics", "notes")
START = {"k": str(DEFAULT_K), "simulated": str(Simulated.LEAVE_OUT), "licence": str(Licence.CC_BY)}


def read_form(data: QueryDict) -> dict[str, Any]:
    return {"authors": data.get("authors", "").splitlines(), **{name: data.get(name, "") for name in FIELDS}}


def listed(study: Study) -> dict[str, Any]:
    """Give the releases of a study, newest first, with whether their file is here."""
    found = list(Release.objects.filter(study=study).select_related("study").defer("secret")[:N_SHOWN])
    return {
        "study": study,
        "releases": [(one, one.state == Release.State.DONE and zip_of(one).is_file()) for one in found],
        "is_unfinished": any(one.state in UNFINISHED for one in found),
    }


def form_context(study: Study, entered: Mapping[str, str] | None) -> dict[str, Any]:
    """Give what the form offers, and what was entered before."""
    runs = AnalysisRun.objects.filter(study=study, state=AnalysisRun.State.DONE).defer("results")[:N_SHOWN]
    return {
        **listed(study),
        "runs": runs,
        "licences": list(Licence),
        "sessions_offered": list(Sessions),
        "simulated_offered": list(Simulated),
        "small_places_offered": list(SmallPlaces),
        "entered": entered
        or {"number": next_number(study), **_start(study), "analysis": str(runs[0].pk) if runs else ""},
    }


def _start(study: Study) -> dict[str, str]:
    """Begin with what the newest release chose, but for what is its own; without one with the study's settings.

    One that failed was never published: its number, DOI and notes are still to be used.
    """
    newest = Release.objects.filter(study=study).order_by("-pk").first()
    if newest is None:
        return {**START, "ethics": study.ethics_reference}
    chosen = Choices.from_json(newest.choices)
    kept = ("title", "licence", "simulated", "sessions", "small_places", "k", "ethics")
    own = {"number": newest.number, "doi": chosen.doi, "notes": chosen.notes}
    own["url"] = "" if chosen.doi else chosen.url  # which follows from the DOI
    return {
        **(own if newest.state == Release.State.FAILED else {}),
        **{name: str(getattr(chosen, name)) for name in kept},
        "authors": "\n".join(author.as_written for author in chosen.authors),
    }


def next_number(study: Study) -> str:
    """Propose the number after the highest one."""
    numbers = Release.objects.filter(study=study).values_list("number", flat=True)
    if not numbers:
        return "1.0.0"
    major, minor, _patch = max(tuple(map(int, number.split("."))) for number in numbers)
    return f"{major}.{minor + 1}.0"
