"""Releases from the page: asked for, made in the background, watched, fetched; by whoever may."""

import io
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from kombu.exceptions import OperationalError

from analysis import releases, tasks
from analysis.models import Release
from analysis.release.choices import Choices
from analysis.release.store import zip_of
from analysis.release.validation import validate
from pact_site.roles import Role
from tests.analysis.conftest import Made
from tests.analysis.releasing import OPTIONS, add_people, make_publishable, only_release
from tests.staff import sign_in

FORM = {
    "number": "1.0.0",
    "authors": "Curie, Marie\nUniversity of Somewhere",
    "url": "https://example.org/data",
    "k": "5",
}
AUTHORS = "Curie, Marie <0000-0002-1825-0097>\nUniversity of Somewhere"
PLAIN = {**OPTIONS, "analysis": ""}
State = Release.State


@pytest.fixture(autouse=True)
def _place(settings: LazySettings, tmp_path: Path) -> None:
    settings.RELEASES_DIR = tmp_path / "releases"


@pytest.fixture
def published(made: Made) -> Made:
    add_people(make_publishable(made))
    return made


def exports(made: Made) -> str:
    return reverse("analysis:exports", args=[made.study.code])


def ask(client: Client, made: Made, **changed: str) -> tuple[int, str]:
    """Send the form; give the status and, without a redirect, the page."""
    with patch.object(tasks.make_release, "delay") as sent:
        reply = client.post(reverse("analysis:release_new", args=[made.study.code]), {**FORM, **changed})
    assert sent.called == (reply.status_code == 302)
    return reply.status_code, reply.content.decode()


def test_release_is_asked_for_made_and_fetched(published: Made, staff: Client, tmp_path: Path) -> None:
    assert ask(staff, published)[0] == 302
    live = reverse("analysis:live_releases", args=[published.study.code])
    assert 'data-refresh-url="' in staff.get(exports(published)).content.decode()
    assert "X-Refresh" not in staff.get(live)
    tasks.make_release(only_release().pk)
    made = only_release()
    assert (made.state, made.by, made.report["n_people"]) == (State.DONE, "researcher", 40)
    shown = staff.get(live)
    assert (shown["X-Refresh"], "40 people" in shown.content.decode()) == ("stop", True)
    reply = staff.get(reverse("analysis:release_zip", args=[made.pk]))
    data = b"".join(reply)
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path / "fetched")
    assert validate(tmp_path / "fetched" / "tiny-1.0.0") == []
    assert [path.name for path in (tmp_path / "releases").iterdir()] == ["tiny-1.0.0.zip"]


def test_same_release_is_the_same_zip(published: Made, staff: Client) -> None:
    ask(staff, published)
    tasks.make_release(only_release().pk)
    first = zip_of(only_release()).read_bytes()
    Release.objects.update(state=State.QUEUED)
    tasks.make_release(only_release().pk)
    assert (only_release().state, zip_of(only_release()).read_bytes() == first) == (State.DONE, True)


def test_what_does_not_do_is_said_beside_what_was_entered(published: Made, staff: Client) -> None:
    status, page = ask(staff, published, url="", notes="first one")
    assert (status, Release.objects.count()) == (422, 0)
    assert "Nothing was started: give the address" in page
    assert 'value="first one"' in page
    assert "Curie, Marie\nUniversity" in page


def test_number_is_proposed_after_the_highest(published: Made, staff: Client) -> None:
    assert 'value="1.0.0"' in staff.get(exports(published)).content.decode()
    choices = Choices.read(PLAIN)
    for number in ("1.9.0", "1.10.0"):
        releases.request_release(published.study, number, choices)
    assert 'value="1.11.0"' in staff.get(exports(published)).content.decode()


def test_form_keeps_number_and_doi_of_a_release_that_failed(published: Made, staff: Client) -> None:
    ask(staff, published, number="2.0.0", url="", doi="10.5281/zenodo.1234567", notes="what is new")
    own = (
        'name="number" value="2.0.0"',
        'name="doi" value="10.5281/zenodo.1234567"',
        'name="notes" value="what is new"',
    )
    page = staff.get(exports(published)).content.decode()
    assert 'name="number" value="2.1.0"' in page
    assert not any(each in page for each in own)
    Release.objects.update(state=State.FAILED)
    page = staff.get(exports(published)).content.decode()
    assert all(each in page for each in own)
    assert 'name="url" value=""' in page


def test_form_begins_with_the_studys_approval_and_then_with_what_was_chosen_before(
    published: Made, staff: Client
) -> None:
    published.study.ethics_reference = "IRB 12/2026"
    published.study.save()
    assert 'name="ethics" value="IRB 12/2026"' in staff.get(exports(published)).content.decode()
    ask(staff, published, ethics="IRB 13/2026", licence="CC0-1.0", k="7", notes="what is new", authors=AUTHORS)
    page = staff.get(exports(published)).content.decode()
    assert f">{escape(AUTHORS)}</textarea>" in page
    assert 'name="ethics" value="IRB 13/2026"' in page
    assert "<option selected>CC0-1.0</option>" in page
    assert re.search(r'name="k"[^>]*value="7"', page)
    assert "what is new" not in page


def test_refused_release_tells_why_and_may_be_asked_for_again(published: Made, staff: Client) -> None:
    published.study.unblinded_at = None
    published.study.save()
    assert "Outcomes of this study are hidden" in staff.get(exports(published)).content.decode()
    ask(staff, published)
    tasks.make_release(only_release().pk)
    assert (only_release().state, only_release().error.partition(":")[0]) == (
        State.FAILED,
        "the outcomes of this study are hidden",
    )
    published.study.unblinded_at = timezone.now()
    published.study.save()
    assert ask(staff, published)[0] == 302
    tasks.make_release(only_release().pk)
    assert (only_release().state, only_release().error) == (State.DONE, "")


@pytest.mark.parametrize(("role", "form", "status"), [(Role.PI, True, 302), (Role.ANALYST, False, 403)])
def test_only_who_may_release_can(published: Made, role: Role, form: bool, status: int) -> None:
    client = sign_in(role, name="somebody")
    assert ("Make the release" in client.get(exports(published)).content.decode()) == form
    with patch.object(tasks.make_release, "delay"):
        assert client.post(reverse("analysis:release_new", args=["tiny"]), FORM).status_code == status
    release = releases.request_release(published.study, "9.0.0", Choices.read(PLAIN))
    assert client.get(reverse("analysis:release_zip", args=[release.pk])).status_code == (404 if form else 403)


def test_file_that_is_gone_is_said_to_be(published: Made, staff: Client) -> None:
    ask(staff, published)
    tasks.make_release(only_release().pk)
    zip_of(only_release()).unlink()
    assert staff.get(reverse("analysis:release_zip", args=[only_release().pk])).status_code == 404
    assert "the file is not on this site" in staff.get(exports(published)).content.decode()


def test_dead_workers_release_is_made_by_another(published: Made) -> None:
    release = releases.request_release(published.study, "1.0.0", Choices.read(PLAIN))
    zombie = releases.begin(release.pk)
    assert zombie is not None
    assert releases.begin(release.pk) is None
    left = zip_of(release).with_suffix("")
    left.mkdir(parents=True)
    (left / "half.csv").write_text("a")
    Release.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    with patch.object(tasks.make_release, "delay") as sent:
        tasks.sweep()
    sent.assert_called_once_with(release.pk)
    tasks.make_release(release.pk)
    assert (only_release().state, only_release().n_starts, left.exists()) == (State.DONE, 2, False)
    assert releases.fail(zombie, "late") is False


def test_release_that_kills_its_workers_is_given_up(published: Made) -> None:
    release = releases.request_release(published.study, "1.0.0", Choices.read(PLAIN))
    releases.begin(release.pk)
    Release.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5), n_starts=releases.MAX_STARTS)
    releases.requeue_silent()
    assert (only_release().state, only_release().error) == (State.FAILED, "3 workers died while they made this.")


def test_broker_that_is_away_leaves_it_to_the_sweep(published: Made, staff: Client) -> None:
    with patch.object(tasks.make_release, "delay", side_effect=OperationalError("away")):
        staff.post(reverse("analysis:release_new", args=[published.study.code]), FORM)
    assert only_release().state == State.QUEUED


def test_steps_are_written_while_it_is_made(published: Made) -> None:
    begun = releases.begin(releases.request_release(published.study, "1.0.0", Choices.read(PLAIN)).pk)
    assert begun is not None
    progress = releases.Progress(begun)
    progress.note("Writing long")
    progress.write()
    assert only_release().step == "Writing long"
