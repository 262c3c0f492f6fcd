"""Every stream that leaves the site gives way to people: found in the source, then asked for."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from pact_site.roles import Role
from survey.models import Study
from survey.views import downloads
from survey.views.downloads import give_way
from tests.factories import make_session, make_study
from tests.staff import make_staff, note_login, program_of

ROOT = Path(settings.BASE_DIR)
THE_WAY = "survey/views/downloads.py"
STREAMS = {  # the file that sends it: addresses of it, one of each kind
    "survey/views/review.py": ["/studies/s1/review/sessions.csv?kind=simulated"],
    "survey/views/reconciliation.py": ["/studies/s1/reconciliation/rows.csv"],
    "survey/llm/completion_views.py": ["/runs/completions.csv"],
    "analysis/views/exports.py": ["/studies/s1/exports/participants.csv"],
    "analysis/api/exports.py": ["/api/exports/s1/participants.csv/", "/api/exports/s1/participants.ndjson/"],
}
COPIED_BY_THE_KERNEL = {"analysis/views/releases.py", "analysis/api/releases.py"}


def callers_of(name: str) -> set[str]:
    """Give the files of the product in which something of this name is called."""
    found = set()
    for part in ("pact_site", "survey", "analysis"):
        for path in (ROOT / part).rglob("*.py"):
            calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            if any(name in (getattr(one, "id", ""), getattr(one, "attr", "")) for one in calls):
                found.add(path.relative_to(ROOT).as_posix())
    return found


@pytest.fixture
def study(db: None) -> Study:
    study = make_study()
    make_session(study, "BR")
    return study


def test_there_is_one_way_for_a_stream() -> None:
    assert callers_of("StreamingHttpResponse") == {THE_WAY}
    assert callers_of("FileResponse") == COPIED_BY_THE_KERNEL
    assert callers_of("as_download") == set(STREAMS)


@pytest.mark.parametrize("address", [one for some in STREAMS.values() for one in some])
def test_every_stream_gives_way(study: Study, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gave_way: list[bytes] = []

    def watched(parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in give_way(parts):
            gave_way.append(part)
            yield part

    monkeypatch.setattr(downloads, "give_way", watched)
    staff = make_staff("pi", Role.PI)
    client = program_of(staff) if address.startswith("/api/") else Client()
    if not address.startswith("/api/"):
        client.force_login(staff)
        note_login(client, staff)
    reply = client.get(address)
    assert (reply.status_code, reply.streaming) == (200, True)
    assert reply["Content-Disposition"].startswith("attachment; filename=")
    assert reply.getvalue() == b"".join(gave_way) != b""
