"""Staff page: upload a panel's list of submissions; shown row by row first, stored only when asked once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from survey.domain.submission_import import Verdict, look_at, store
from survey.enums import Country, PanelName, SubmissionStatus
from survey.models import Study
from survey.panels import Reported
from survey.panels.submission_files import COLUMNS, FIELDS, LARGEST, FileRow, Layout, Unusable, read_file
from survey.views.access import study_page
from survey.views.reconciliation import back_to

SALT = "panel's list of submissions"
MAX_AGE_S = 3600
MOST_SIGNED = 200_000  # characters: the form that brings it back has a limit
MOST_SHOWN = 500


@study_page
@require_POST
def look(request: HttpRequest, study: Study) -> HttpResponse:
    """Show what would become of every row of a file."""
    file, panel = request.FILES.get("file"), request.POST.get("panel", "")
    country = request.POST.get("country", "")
    if file is None or panel not in COLUMNS or country not in ("", *Country.values):
        messages.error(request, "Choose a file and the panel that it is from.")
        return back_to(study, request.POST)
    try:
        if (file.size or 0) > LARGEST:
            raise Unusable(f"the file has more than {LARGEST // 1024 // 1024} MB")
        rows = read_file(file.read(), read_layout(PanelName(panel), request.POST))
    except Unusable as error:
        messages.error(request, f"Nothing was read: {error}.")
        return back_to(study, {})
    lines = look_at(study, PanelName(panel), rows, country=country)
    signed = sign(study, panel, country, rows)
    n = Counter(line.verdict for line in lines)
    context = {
        "study": study,
        "panel": PanelName(panel).label,
        "lines": sorted(lines, key=lambda line: line.verdict != Verdict.REFUSED)[:MOST_SHOWN],
        "n_lines": len(lines),
        "most_shown": MOST_SHOWN,
        "counts": [(verdict, n[verdict]) for verdict in Verdict],
        "n_taken": n[Verdict.TAKEN],
        "signed": signed if len(signed) <= MOST_SIGNED else "",
    }
    return render(request, "study/submission_upload.html", context)


def read_layout(panel: PanelName, params: Mapping[str, str]) -> Layout:
    """Read how the file differs from the preset: names of columns, and words for statuses, one a line."""
    columns = {field: params.get(f"column_{field}", "").strip() for field in FIELDS}
    words = {}
    for pair in params.get("words", "").splitlines():
        word, _, status = (part.strip().casefold() for part in pair.partition("="))
        status = status.replace(" ", "_")
        if pair.strip() and (not word or status not in SubmissionStatus.values):
            known = ", ".join(SubmissionStatus.values[1:])
            raise Unusable(f"{pair[:40]!r} is not “word = status”; statuses: {known}")
        if word:
            words[" ".join(word.replace("_", " ").replace("-", " ").split())] = SubmissionStatus(status)
    return Layout(panel, {field: name for field, name in columns.items() if name}, words)


@study_page
@require_POST
def keep(request: HttpRequest, study: Study) -> HttpResponse:
    """Store the rows that were shown."""
    try:
        panel, country, rows = unsign(study, request.POST.get("signed", ""))
    except signing.BadSignature:
        messages.error(request, "Nothing was stored: the look at the file is too old. Upload it again.")
        return back_to(study, {})
    n = store(study, look_at(study, panel, rows, country=country))
    messages.success(request, f"{n} row(s) stored.")
    return back_to(study, {})


def sign(study: Study, panel: str, country: str, rows: Sequence[FileRow]) -> str:
    """Pack the rows that can be read for the way through the browser: what is stored later is what was shown."""
    packed = [pack(row.line, row.listed) for row in rows if row.listed]
    return signing.dumps([study.pk, panel, country, packed], salt=SALT, compress=True)


def unsign(study: Study, signed: str) -> tuple[PanelName, str, list[FileRow]]:
    """Unpack rows; `BadSignature` where they are not this site's, of another study, or too old."""
    pk, panel, country, packed = signing.loads(signed, salt=SALT, max_age=MAX_AGE_S)
    if pk != study.pk:
        raise signing.BadSignature("of another study")
    return PanelName(panel), country, [unpack(values) for values in packed]


def pack(line: int, listed: Reported) -> list[Any]:
    started, completed = (one.isoformat() if one else "" for one in (listed.started_at, listed.completed_at))
    return [
        line, listed.submission, listed.person, listed.status, started, completed, listed.time_taken_s, listed.code,
    ]  # fmt: skip


def unpack(values: Sequence[Any]) -> FileRow:
    line, submission, person, status, *moments, taken, code = values
    started, completed = (datetime.fromisoformat(one) if one else None for one in moments)
    return FileRow(line, Reported(submission, person, SubmissionStatus(status), started, completed, taken, code))
