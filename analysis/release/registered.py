"""What the study committed to before the data, and how it deviated: byte for byte as hashed, and without names.

Of whoever changed or wrote something down a release tells the role alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from analysis.columns import Column, Table
from analysis.release.writing import Folder
from survey.models import Deviation, Registration, Study

DEVIATIONS_PATH = "documentation/deviations.csv"
EMPTY = "there was nothing"
DEVIATIONS = Table(
    "deviations",
    "What was not as it was registered: one row per deviation",
    ("number",),
    (
        Column("number", "integer", "", "Place in the log"),
        Column("day", "text", "", "Day on which it was written down, in UTC"),
        Column("registration", "integer", "", "Number of the registration in force from then on"),
        Column("what", "text", "", "What deviates: the dotted path of the registered value, or words"),
        Column("before", "text", "", "How it was registered", missing=EMPTY),
        Column("after", "text", "", "How it is since", missing=EMPTY),
        Column("reason", "text", "", "Why"),
        Column("found_by", "text", "", "Comparison with what was registered, or a person of the team"),
        Column("n_sessions", "integer", "", "Sessions begun by then"),
        Column("n_complete", "integer", "", "Sessions complete by then"),
        Column("n_answers", "integer", "", "Answers stored by then"),
    ),
)


class Registered(NamedTuple):
    """The registrations and deviations of a study up to a moment; both are only ever added to."""

    registrations: Sequence[Registration] = ()
    deviations: Sequence[Deviation] = ()

    @property
    def listed(self) -> list[dict[str, object]]:
        """List the registrations as the data package does."""
        return [
            {"number": one.number, "path": path_of(one), "sha256": one.sha256, "day": day_of(one.at)}
            for one in self.registrations
        ]


def read_registered(study: Study, moment: datetime) -> Registered:
    """Read what was registered by a moment, so that the same release has the same bytes whatever comes later."""
    registrations = study.registrations.filter(at__lte=moment).order_by("number")
    deviations = study.deviations.filter(at__lte=moment).select_related("registration").order_by("at", "pk")
    return Registered(list(registrations), list(deviations))


def add_registered(folder: Folder, registered: Registered) -> None:
    """Write each registration as it was hashed, and the log of deviations; nothing where nothing was registered."""
    for one in registered.registrations:
        folder.add_text(path_of(one), one.content)
    if registered.registrations:
        folder.add_table(DEVIATIONS_PATH, DEVIATIONS, _write(registered.deviations))


def path_of(registration: Registration) -> str:
    return f"documentation/registration_{registration.number}.json"


def day_of(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _write(deviations: Iterable[Deviation]) -> Generator[bytes, None, int]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(DEVIATIONS.names)
    n_rows = 0
    for n_rows, one in enumerate(deviations, start=1):
        found_by = "comparison" if one.is_found else "person"
        before, after = one.before or DEVIATIONS.missing_as, one.after or DEVIATIONS.missing_as
        writer.writerow((
            n_rows, day_of(one.at), one.registration.number, one.what, before, after, one.reason, found_by,
            one.n_sessions, one.n_complete, one.n_answers,
        ))  # fmt: skip
    yield text.getvalue().encode()
    return n_rows


def told(registered: Registered) -> list[str]:
    """Say in the README what there is, or plainly that there is nothing."""
    if not registered.registrations:
        return [
            "Nothing was registered before the data came in: the study was launched before the site registered",
            "launches, or never by it. This release cannot tell what was planned from what was decided later.",
        ]
    first, last = registered.registrations[0], registered.registrations[-1]
    lines = [
        f"Registration {first.number} was frozen on {day_of(first.at)}, SHA-256 {first.sha256}. The files",
        "`documentation/registration_N.json` are byte for byte what was hashed: `sha256sum` gives the same.",
    ]
    if first.number != last.number:
        lines.append(f"In force at the end: registration {last.number}, SHA-256 {last.sha256}.")
    n = len(registered.deviations)
    lines.append(f"Deviations from it: {n} (`{DEVIATIONS_PATH}`; of people it tells the role alone).")
    return lines
