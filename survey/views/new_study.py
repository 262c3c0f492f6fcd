"""Staff page: a new study from an instrument as a zip file, or from one that lies on the server."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from survey.domain.new_studies import NameTaken, Wanted, found_study
from survey.enums import PanelName
from survey.forms import NewStudyForm, installed
from survey.instruments.lint import lint
from survey.instruments.schema import Definition, Problem
from survey.instruments.upload import Refused, mend, read_safely, unpack
from survey.views.access import staff_only
from survey.views.framing import SeeOther

MOST_SHOWN = 300


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Ask for the instrument; POST checks it, and makes the study unless only the check was asked for."""
    if request.method != "POST":
        return render(request, "study/new.html", {"form": NewStudyForm()})
    form = NewStudyForm(request.POST, request.FILES, checks_only="check" in request.POST)
    if not form.is_valid():
        return render(request, "study/new.html", {"form": form}, status=422)
    definition, problems = read_chosen(form.cleaned_data)
    if definition is None:
        return render(request, "study/new.html", {"form": form, **report(problems)}, status=422)
    if "check" in request.POST:
        return render(request, "study/new.html", {"form": form, **praise(definition)})
    data = form.cleaned_data
    wanted = Wanted(
        data["code"], data["title"], PanelName(data["panel"]), data["target_per_cell"], data["reward"], data["currency"]
    )
    try:
        founded = found_study(definition, wanted)
    except NameTaken as error:
        form.add_error("code", f"{error}.")
        return render(request, "study/new.html", {"form": form}, status=422)
    told = "stored" if founded.is_new_version else "was here already"
    messages.success(request, f"The study is set up as a draft; {founded.study.version} {told}.")
    return SeeOther(reverse("survey:setup", args=[founded.study.code]))


def read_chosen(data: dict[str, Any]) -> tuple[Definition | None, list[Problem]]:
    """Read the uploaded instrument, or the one on the server; nothing of it stays on the disk."""
    if data["file"] is None:
        return read_safely(installed()[data["folder"]])
    with tempfile.TemporaryDirectory(prefix="instrument-") as folder:
        try:
            unpack(data["file"], Path(folder))
        except Refused as error:
            return None, error.problems
        return read_safely(Path(folder))


def report(problems: list[Problem]) -> dict[str, Any]:
    rows = [(problem, mend(problem)) for problem in problems[:MOST_SHOWN]]
    return {"problems": rows, "n_problems": len(problems), "most_shown": MOST_SHOWN}


def praise(definition: Definition) -> dict[str, Any]:
    """Say what the instrument holds, and what is doubtful in its texts."""
    findings = lint(definition)
    return {
        "definition": definition,
        "n_texts": sum(len(file.entries) for file in definition.texts.values()),
        "findings": findings[:MOST_SHOWN],
        "n_findings": len(findings),
        "most_shown": MOST_SHOWN,
    }
