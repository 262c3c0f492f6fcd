"""Small tables as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpResponse


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]], missing: str = "NA") -> str:
    """Write rows as RFC 4180 with ``\\n``; numbers at full precision, None as the missing token."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([missing if value is None else value for value in row] for row in rows)
    return text.getvalue()


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]], missing: str = "NA") -> HttpResponse:
    response = HttpResponse(write_csv(header, rows, missing), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
