"""The deviation log as rows for files. Reads only."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from survey.models import Deviation, Study

COLUMNS = (
    "at_utc", "registration", "what", "before", "after", "reason", "by", "found_by", "n_sessions", "n_complete",
    "n_answers",
)  # fmt: skip


def log_rows(study: Study) -> list[dict[str, Any]]:
    """Give every deviation of a study in its order, by column."""
    return [_row(one) for one in study.deviations.select_related("registration")]


def _row(one: Deviation) -> dict[str, Any]:
    values = (
        one.at.strftime("%Y-%m-%dT%H:%M:%SZ"), one.registration.number, one.what, one.before, one.after, one.reason,
        one.by, "comparison" if one.is_found else "a person", one.n_sessions, one.n_complete, one.n_answers,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def log_csv(study: Study) -> str:
    """Write the log as RFC 4180 with ``\\n``, text as it was entered."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(log_rows(study))
    return text.getvalue()


def log_json(study: Study) -> str:
    """Write the log as JSON, with the hash of every registration that it refers to."""
    registrations = [
        {"number": one.number, "sha256": one.sha256, "at_utc": one.at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        for one in study.registrations.order_by("number")
    ]
    content = {"study": study.code, "registrations": registrations, "deviations": log_rows(study)}
    return json.dumps(content, ensure_ascii=False, indent=1)
