"""Lists of submissions that a panel offers as CSV files: read row by row. Pure: bytes in, rows out.

Only the columns that a preset or the reader's own mapping names are taken; whatever else the file holds (dates of
birth, addresses) never leaves this module. The presets' column names are to be confirmed on a file of the live panel.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from survey.csv_reader import csv_reader
from survey.enums import PanelName, SubmissionStatus
from survey.panels.base import MAX_ID, Reported

LARGEST = 2 * 1024 * 1024  # bytes
MOST_ROWS = 20_000
DELIMITERS = ",;\t"
FIELDS = ("submission", "person", "status", "started_at", "completed_at", "time_taken", "code")
NEEDED = ("submission", "status")
PRIVATE = re.compile(r"\b(ip|dob|e-?mail|(first|last|full) ?name)\b|birth|ip[ _]?addr", re.IGNORECASE)
SPAN = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2})(?:\.\d+)?")

COLUMNS: dict[PanelName, dict[str, tuple[str, ...]]] = {
    PanelName.PROLIFIC: {
        "submission": ("submission id", "session_id"),
        "person": ("participant id", "participant_id"),
        "status": ("status",),
        "started_at": ("started at", "started_datetime"),
        "completed_at": ("completed at", "completed_date_time"),
        "time_taken": ("time taken", "time_taken"),
        "code": ("completion code", "entered_code"),
    },
    PanelName.CONNECT: {
        "submission": ("assignmentid", "assignment id", "assignment_id"),
        "person": ("participantid", "participant id", "participant_id"),
        "status": ("status", "approval status", "approvalstatus"),
        "started_at": ("started at", "start time", "starttime"),
        "completed_at": ("completed at", "completion time", "submit time"),
        "time_taken": ("time taken", "duration", "completion duration"),
        "code": ("completion code", "completioncode", "secret code"),
    },
    PanelName.CINT: {
        "submission": ("rid", "respondent id", "respondent_id", "session id"),
        "person": ("rid", "respondent id", "respondent_id", "pid"),
        "status": ("status", "client status", "respondent status"),
        "started_at": ("entry date", "entry_date", "start date", "started at"),
        "completed_at": ("last date", "last_date", "end date", "completed at"),
        "time_taken": ("loi", "time taken", "duration"),
        "code": (),
    },
    PanelName.GENERIC: {
        "submission": ("submission", "submission id", "session id", "id"),
        "person": ("person", "participant", "participant id", "respondent id"),
        "status": ("status",),
        "started_at": ("started_at", "started at", "start"),
        "completed_at": ("completed_at", "completed at", "end"),
        "time_taken": ("time_taken", "time taken", "seconds"),
        "code": ("code", "completion code"),
    },
}
WORDS: dict[str, SubmissionStatus] = {
    **{status.value.replace("_", " "): status for status in SubmissionStatus if status != SubmissionStatus.UNKNOWN},
    **dict.fromkeys(("in progress", "started"), SubmissionStatus.ACTIVE),
    **dict.fromkeys(("pending", "submitted", "completed", "complete", "10"), SubmissionStatus.AWAITING_REVIEW),
    **dict.fromkeys(("paid", "accepted"), SubmissionStatus.APPROVED),
    **dict.fromkeys(("screenout", "terminate", "terminated", "20", "30", "40"), SubmissionStatus.SCREENED_OUT),
    **dict.fromkeys(("abandoned", "cancelled"), SubmissionStatus.RETURNED),
    **dict.fromkeys(("timeout", "expired"), SubmissionStatus.TIMED_OUT),
}


class Unusable(ValueError):
    """The file as a whole cannot be read; the message says why."""


class FileRow(NamedTuple):
    """One line of a file: what it says, or why it cannot be taken."""

    line: int
    listed: Reported | None
    fault: str = ""


class Layout(NamedTuple):
    """How a file is laid out: the panel's preset, and what differs from it in this file."""

    panel: PanelName
    columns: Mapping[str, str] = {}
    words: Mapping[str, SubmissionStatus] = {}


class BadRow(ValueError):
    """A row cannot be taken; the message says why."""


def read_file(raw: bytes, layout: Layout) -> list[FileRow]:
    """Read every row of a panel's list; a bad row is reported and costs no other."""
    if len(raw) > LARGEST:
        raise Unusable(f"the file has more than {LARGEST // 1024 // 1024} MB")
    if b"\0" in raw:
        raise Unusable("the file is no UTF-8 text (perhaps UTF-16, or a workbook): save it as CSV in UTF-8")
    content = raw.decode("utf-8-sig", errors="surrogateescape")
    first = content.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    places = _find_columns(_header(content, delimiter), layout)
    rows: list[FileRow] = []
    seen: dict[str, int] = {}
    for line, cells in _read(content, delimiter):
        rows.append(_read_row(line, cells, places, layout, seen))
        if len(rows) > MOST_ROWS:
            raise Unusable(f"the file has more than {MOST_ROWS} rows")
    if not rows:
        raise Unusable("the file has no rows below its header")
    return rows


def _header(content: str, delimiter: str) -> list[str]:
    try:
        header = next(csv_reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise Unusable(f"the header is not valid CSV: {error}") from error
    names = [name.strip().casefold() for name in header]
    doubled = [name for name, n in Counter(names).items() if n > 1 and name]
    if doubled:
        raise Unusable(f"the header has {doubled[0][:40]!r} twice")
    return names


def _find_columns(header: Sequence[str], layout: Layout) -> dict[str, int]:
    """Find the place of each field's column; `Unusable` names what is missing or private."""
    places = {}
    for field, names in COLUMNS[layout.panel].items():
        own = layout.columns.get(field, "").strip().casefold()
        if own and PRIVATE.search(own):
            raise Unusable(f"the column {own!r} looks like private data, which is not taken in")
        if own and own not in header:
            raise Unusable(f"there is no column {own!r} for {field.replace('_', ' ')}")
        for name in (own,) if own else names:
            if name in header:
                places[field] = header.index(name)
                break
    for field in NEEDED:
        if field not in places:
            known = " or ".join(COLUMNS[layout.panel][field])
            raise Unusable(f"there is no column for the {field}: name it, it is none of {known}")
    return places


def _read(content: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Give the line where each row begins and its cells, or the fault that keeps it from being read."""
    reader = csv_reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    width = len(next(reader))
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not valid CSV: {error}"
            continue
        if not any(cell.strip() for cell in cells):
            continue
        yield line, cells if len(cells) == width else f"{len(cells)} cells where the header has {width}"


def _read_row(
    line: int, cells: list[str] | str, places: Mapping[str, int], layout: Layout, seen: dict[str, int]
) -> FileRow:
    if isinstance(cells, str):
        return FileRow(line, None, cells)
    try:
        listed = _take({field: cells[place].strip() for field, place in places.items()}, layout)
        if listed.submission in seen:
            raise BadRow(f"duplicate submission: it stands in line {seen[listed.submission]} already")
    except BadRow as error:
        return FileRow(line, None, str(error))
    seen[listed.submission] = line
    return FileRow(line, listed)


def _take(cells: Mapping[str, str], layout: Layout) -> Reported:
    """Read a row's cells; `BadRow` names the first that cannot be taken."""
    word = " ".join(cells["status"].casefold().replace("_", " ").replace("-", " ").split())
    status = layout.words.get(word) or WORDS.get(word)
    if status is None:
        raise BadRow(f"unknown status {cells['status'][:30]!r}" if word else "no status")
    return Reported(
        _identifier(cells, "submission"),
        _identifier(cells, "person"),
        status,
        _moment(cells, "started_at"),
        _moment(cells, "completed_at"),
        _span(cells.get("time_taken", "")),
        _identifier(cells, "code"),
    )


def _identifier(cells: Mapping[str, str], field: str) -> str:
    value = cells.get(field, "")
    if not value and field == "submission":
        raise BadRow("no submission")
    if any("\udc80" <= letter <= "\udcff" for letter in value):
        raise BadRow("not UTF-8: save the file in UTF-8")
    if len(value) > MAX_ID or not value.isprintable():
        raise BadRow(f"the {field} is too long or holds control characters")
    return value


def _moment(cells: Mapping[str, str], field: str) -> datetime | None:
    """Read a moment in ISO 8601, in UTC where it names no zone: other notations have two readings."""
    value = cells.get(field, "")
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value.removesuffix(" UTC"))
    except ValueError:
        raise BadRow(f"bad date {value[:30]!r} ({field.replace('_', ' ')}): write it as 2026-11-28 14:30:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _span(value: str) -> int | None:
    """Read a time in seconds, or as hours, minutes and seconds."""
    if not value:
        return None
    if found := SPAN.fullmatch(value):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds
    try:
        seconds = round(float(value))
    except (ValueError, OverflowError):
        seconds = -1
    if not 0 <= seconds < 2**31:
        raise BadRow(f"bad time taken {value[:30]!r}: write it in seconds or as 0:12:30")
    return seconds
