"""What is handed in: who may send how much, before anything of it is read, and where it lies meanwhile."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse

from analysis.imports.incoming import IncomingFile, scratch
from analysis.imports.uploads import LARGEST, handed_in, keep, place_of
from analysis.models import Import
from pact_site.roles import Role
from pact_site.uploads import OF_ANYBODY, OF_FILES
from tests.factories import make_study
from tests.staff import make_staff

pytestmark = pytest.mark.django_db
FORM = "multipart/form-data; boundary=x"
MB = 1024 * 1024
CAME_FROM = "http://testserver/studies/s1/reconciliation/"


class Unread(io.BytesIO):
    """A body of which nothing may be read."""

    def read(self, *args: object) -> bytes:
        raise AssertionError("the body was read")

    readline = readinto = read  # type: ignore[assignment]


class Told(NamedTuple):
    """What came back, and whether it is what the sender is told in words."""

    status: int
    where: str
    text: str


@pytest.fixture
def place(settings: LazySettings, tmp_path: Path) -> Path:
    settings.RELEASES_DIR = tmp_path
    return tmp_path


def announce(client: Client, address: str, n_bytes: int) -> Told:
    """Announce a body, and fail where it is read."""
    sent = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(n_bytes), "HTTP_REFERER": CAME_FROM}
    answer = client.generic("POST", address, b"", FORM, **sent)  # type: ignore[arg-type]
    return Told(answer.status_code, answer.get("Location", ""), answer.content.decode().replace("\xa0", " "))


def strict(*roles: Role) -> Client:
    """Give a browser of somebody's, with the comparison of tokens that tests leave out otherwise."""
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32  # anybody can have one
    if roles:
        client.force_login(make_staff("ana", *roles))
    return client


def test_what_strangers_send_is_not_read() -> None:
    for name in ("analysis:imports", "survey:new_study"):
        told = announce(strict(), reverse(name), LARGEST)
        assert (told.status, told.where.partition("?")[0]) == (302, reverse("login"))
    told = announce(strict(), reverse("login"), OF_ANYBODY + 1)
    assert (told.status, "Nothing was stored" in told.text) == (413, True)


def test_what_a_role_may_not_send_is_not_read() -> None:
    told = announce(strict(Role.VIEWER), reverse("survey:new_study"), MB)
    assert (told.status, "This is for whoever may" in told.text) == (403, True)


def test_what_is_too_large_is_refused_in_words_before_it_is_read(place: Path) -> None:
    make_study(code="s1")
    client = strict(Role.PI)
    upload = reverse("survey:submission_upload", args=["s1"])
    for address, most, mend in (
        (reverse("analysis:imports"), "512.0 MB", "manage.py import_study"),
        (reverse("survey:new_study"), "10.0 MB", "An instrument is text"),
        (upload, "2.0 MB", "one list after the other"),
        (reverse("survey:setup", args=["s1"]), "1.0 MB", "send less at a time"),
    ):
        told = announce(client, address, 600 * MB)
        assert (told.status, f"takes up to {most}" in told.text, mend in told.text) == (413, True, True), address
        assert "has 600.0 MB" in told.text
        assert f'<a href="{CAME_FROM}">' in told.text  # not the address itself, which may be for sending only


def test_what_the_disk_has_no_room_for_is_refused_before_it_is_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(500 * MB))
    told = announce(strict(Role.PI), reverse("analysis:imports"), 300 * MB)
    assert (told.status, "make room" in told.text) == (507, True)


def test_files_come_in_on_the_volume_and_stay_without_a_copy(place: Path, settings: LazySettings) -> None:
    sent = SimpleUploadedFile("answers.csv", b"a,b\n" * MB)
    request = RequestFactory().post("/imports/", {"files": sent})
    file = request.FILES["files"]
    assert isinstance(file, IncomingFile)
    assert Path(file.temporary_file_path()).parent == place / "incoming"
    number = os.stat(file.temporary_file_path()).st_ino
    kept = handed_in(Import(stored_as=keep([file])))
    assert (kept.stat().st_ino, kept.stat().st_size) == (number, 4 * MB)
    request.close()
    assert (list((place / "incoming").iterdir()), kept.exists()) == ([], True)


def test_what_a_killed_process_left_is_thrown_away(place: Path) -> None:
    old, new = place / "incoming" / "old", place / "incoming" / "new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x")
    long_ago = time.time() - 25 * 3600
    os.utime(old, (long_ago, long_ago))
    assert list(scratch().iterdir()) == [new]
    assert place_of("x").parent != scratch()  # so nothing that waits for its import


def test_every_page_that_takes_a_file_has_its_limit() -> None:
    root = Path(__file__).resolve().parents[2]
    pages = [path for path in (root / "templates").rglob("*.html") if 'type="file"' in path.read_text(encoding="utf-8")]
    code = [path for name in ("survey", "analysis", "pact_site") for path in (root / name).rglob("*.py")]
    forms = [path for path in code if "forms.FileField" in path.read_text(encoding="utf-8")]
    assert sorted(path.name for path in pages + forms) == ["forms.py", "imports.html", "reconciliation.html"]
    assert set(OF_FILES) == {"analysis:imports", "survey:submission_upload", "survey:new_study"}
