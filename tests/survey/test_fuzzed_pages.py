"""Damaged files through the doors that people use: a message, never an error of ours, and nothing half stored."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survey.domain.audit import record, verify_log
from survey.instruments.loader import SHIPPED
from survey.instruments.translator_files import FORMATS
from survey.instruments.upload import read_safely
from survey.models import Instrument, InstrumentVersion, PanelSubmission, Study, Text
from tests.staff import make_staff
from tests.survey.test_exchange import snapshot
from tests.survey.test_fuzzed_files import CELLS, pack
from tests.survey.test_new_study import FILES
from tests.survey.visits import make_panel_study, make_visit

pytestmark = pytest.mark.django_db
WHOLE = settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
SENT = {"code": "fuzzed", "title": "Fuzzed", "panel": "prolific", "target_per_cell": "7", "reward": "150",
        "currency": "gbp", "create": "yes"}  # fmt: skip
UPLOAD = "/studies/s1/reconciliation/upload/"
TOLD = ("is no ", "is not ", "cannot ", "nothing", "Nothing", "no such", "refused", "missing", "twice")


@pytest.fixture
def staff() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("ada"))
    return client


@st.composite
def damage(draw: st.DrawFn) -> tuple[float, bytes, float]:
    """Say where bytes are overwritten, as a share of the file, with which, and how much of it is left."""
    return (
        draw(st.floats(0, 1, exclude_max=True)),
        draw(st.binary(min_size=1, max_size=6)),
        draw(st.sampled_from([1, 1, 1, 0.9, 0.5])),
    )


def spoil(content: bytes, how: tuple[float, bytes, float]) -> bytes:
    at, bits, share = how
    place = int(at * len(content))
    return (content[:place] + bits + content[place + len(bits) :])[: int(share * len(content))]


def stored() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Instrument, InstrumentVersion, Text, Study, PanelSubmission))


@WHOLE
@given(data=st.data(), how=damage(), is_inside=st.booleans())
def test_damaged_instrument_makes_a_whole_study_or_none(
    staff: Client, data: st.DataObject, how: tuple[float, bytes, float], is_inside: bool
) -> None:
    if is_inside:
        name = data.draw(st.sampled_from(sorted(FILES)))
        packed = pack({**FILES, name: spoil(FILES[name], how)})
    else:
        packed = spoil(pack(FILES), how)
    before = stored()
    with transaction.atomic():
        reply = staff.post("/new-study/", {**SENT, "file": SimpleUploadedFile("a.zip", packed, "application/zip")})
        if reply.status_code == 302:
            study = Study.objects.select_related("version").get(code="fuzzed")
            assert study.arms.count() == len(study.version.structure["arms"]) > 0
            transaction.set_rollback(True)
        else:
            assert reply.status_code == 422, reply.content
            assert any(word in reply.content.decode() for word in TOLD)
            assert stored() == before


def test_act_is_logged_whatever_was_sent_with_it() -> None:
    entry = record("ada", "tried", {"code": "a\0"}, {"text": ["\0", "\ud800"], "n": 1})
    entry.refresh_from_db()
    assert (entry.subject, entry.details) == ({"code": "a\ufffd"}, {"text": ["\ufffd", "?"], "n": 1})
    assert verify_log() == (entry.number, "")


LISTED = "submission id,participant id,status,started at,time taken,completion code\n"


@FEW
@given(rows=st.lists(st.lists(CELLS, max_size=6), max_size=4), how=damage(), panel=st.sampled_from(["prolific", "x"]))
def test_damaged_list_of_a_panel_is_shown_or_refused(
    staff: Client, rows: list[list[str]], how: tuple[float, bytes, float], panel: str
) -> None:
    with transaction.atomic():
        make_visit(make_panel_study(), "a")
        before = stored()
        content = LISTED + "visit-a,person-a,APPROVED,2026-11-01T10:00:00Z,61,C1\n" + "\n".join(map(",".join, rows))
        file = SimpleUploadedFile("list.csv", spoil(content.encode(), how))
        shown = staff.post(UPLOAD, {"file": file, "panel": panel}, follow=True)
        kept = staff.post(f"{UPLOAD}keep/", {"signed": spoil(b"visit-a:signed", how).decode(errors="replace")})
        assert (shown.status_code, kept.status_code < 500) == (200, True), (shown.content, kept.content)
        assert stored() == before
        transaction.set_rollback(True)


@WHOLE
@given(kind=st.sampled_from(sorted(FORMATS)), how=damage())
def test_damaged_translations_change_a_folder_to_a_readable_one_or_not_at_all(
    kind: str, how: tuple[float, bytes, float]
) -> None:
    with TemporaryDirectory() as home:
        folder, file = Path(shutil.copytree(SHIPPED, Path(home) / "pact")), Path(home) / f"texts.{kind}"
        asked = ("--instrument", str(folder), "--locale", "pt-BR", "--format", kind, "--out", str(file))
        call_command("export_texts", *asked)
        file.write_bytes(spoil(file.read_bytes(), how))
        before = snapshot(folder)
        try:
            call_command("import_texts", str(file), "--instrument", str(folder), "--translator", "Asha")
        except CommandError:
            assert snapshot(folder) == before
        definition, problems = read_safely(folder)
        assert (definition is not None, problems) == (True, [])
        assert snapshot(folder).keys() >= before.keys()
