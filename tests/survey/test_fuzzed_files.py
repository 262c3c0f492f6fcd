"""Whatever comes in as a file or as an event: taken in as valid, or refused with a reason; never an error of ours."""

from __future__ import annotations

import io
import json
import os
import time
import warnings
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survey.domain.panels import process_events
from survey.enums import PanelName, SubmissionStatus
from survey.instruments.importer import import_rows, read_source, write_folder
from survey.instruments.translator_files import CSV_COLUMNS, FORMATS, BadFile
from survey.instruments.upload import LARGEST_WHOLE, Refused, read_safely, unpack
from survey.models import PanelEvent
from survey.panels.base import MAX_ID
from survey.panels.prolific import webhooks
from survey.panels.submission_files import COLUMNS, Layout, Unusable, read_file

FUZZ = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
FEW = settings(FUZZ, max_examples=40)
SOURCE = (
    "scenario_id,scenario,cultural_expectation,personal_preference,choice_a,choice_b,actor_country,actor_gender\n"
    'x1,"Ana, a guest, is served.",Guests eat.,Ana is full.,Eat,Decline,Brazil,female\n'
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
CELLS = st.one_of(TEXTS, st.sampled_from(["", "=1+1", "-1", "1e999", "NaN", '"', "\n", "￾", "٣", "Brazil", "approved"]))


# --- an instrument as a zip file ---------------------------------------------------------------
@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small instrument."""
    home = tmp_path_factory.mktemp("small")
    (home / "source.csv").write_text(SOURCE, encoding="utf-8")
    items = [outcome.item for outcome in import_rows(read_source(home / "source.csv").rows) if outcome.item]
    write_folder(items, home / "small", title="Small", arms=["BR"])
    found = {path.relative_to(home / "small").as_posix(): path for path in (home / "small").rglob("*.*")}
    return {name: path.read_bytes() for name, path in found.items()}


def pack(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # names that stand twice are meant
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def take_in(packed: bytes) -> bool:
    """Unpack and read as an upload is; say whether it was an instrument. Nothing may be written beside its folder."""
    with TemporaryDirectory() as home:
        folder = Path(home) / "in"
        folder.mkdir()
        try:
            unpack(io.BytesIO(packed), folder)
        except Refused:
            definition = None
        else:
            definition, problems = read_safely(folder)
            assert (definition is None) == bool(problems)
        assert os.listdir(home) == ["in"]
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= LARGEST_WHOLE
        assert not any(path.is_symlink() for path in folder.rglob("*"))
        return definition is not None


@FUZZ
@given(at=st.integers(0, 10**6), flipped=st.binary(min_size=1, max_size=4), cut=st.integers(0, 300))
def test_damaged_zip_is_refused_or_read(files: dict[str, bytes], at: int, flipped: bytes, cut: int) -> None:
    packed = bytearray(pack(files))
    at %= len(packed)
    packed[at : at + len(flipped)] = flipped
    take_in(bytes(packed[: len(packed) - cut if cut > 200 else None]))


NAMES = st.one_of(
    st.sampled_from(
        [
            "../x", "/etc/x", "a/../../x", "C:\\x", "texts/../../x.yaml", "texts/..yaml", ".", "..", "texts", "texts/",
            "instrument.yaml/x", "texts/en-US.yaml/x", "a/instrument.yaml", "provenance/con.csv", "é" * 120, "x" * 5000,
            "instrument.yaml\0.csv", "texts/pt-BR.yaml ", "items.csv/", "//texts/en.yaml", "texts//en.yaml",
        ]
    ),
    st.text(min_size=1, max_size=30),
)  # fmt: skip


@FEW
@given(more=st.dictionaries(NAMES, st.binary(max_size=40), max_size=3))
def test_no_name_in_a_zip_leads_out_of_its_folder(files: dict[str, bytes], more: dict[str, bytes]) -> None:
    take_in(pack({**files, **{name: body for name, body in more.items() if _can_be_packed(name)}}))


def _can_be_packed(name: str) -> bool:
    try:
        return 0 < len(name.encode()) < 60_000
    except UnicodeEncodeError:
        return False


@pytest.mark.parametrize("name", ["items.csv", "instrument.yaml", "texts/en-US.yaml"])
@pytest.mark.parametrize("content", ["x" * 30_000_000, "- " * 3_000_000, "a: " + "[" * 400_000, "a,\n" * 8_000_000])
def test_bomb_is_refused_within_its_bounds(files: dict[str, bytes], name: str, content: str) -> None:
    begun = time.process_time()
    assert not take_in(pack({**files, name: content.encode()}))
    assert time.process_time() - begun < 5


YAML_BITS = st.one_of(
    TEXTS,
    st.sampled_from(
        ["&a [*a, *a]", "!!python/object/apply:os.system [x]", "{", "}", "- ", ": ", "\t", "null", "~", "1e999", "0o7",
         "2026-13-45", "2026-01-01", "!!binary x", "<<: {a: b}", "? [a, b]", "---\n", "[[[[]]]]", "yes", "'"]
    ),
)  # fmt: skip


@FEW
@given(data=st.data(), bit=YAML_BITS)
def test_bad_texts_in_an_instrument_are_problems(files: dict[str, bytes], data: st.DataObject, bit: str) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    lines = files[name].decode().splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    head, separator, rest = lines[at].partition(data.draw(st.sampled_from([":", ",", "-", "\n"])))
    lines[at] = data.draw(
        st.sampled_from([bit + "\n", head + separator + bit + "\n", head + separator + bit + rest, ""])
    )
    take_in(pack({**files, name: "".join(lines).encode()}))


# --- lists of a panel, items and translations as files -----------------------------------------
@FUZZ
@given(
    rows=st.lists(st.lists(CELLS, max_size=6), max_size=6),
    tail=st.binary(max_size=20),
    panel=st.sampled_from(sorted(COLUMNS)),
)
def test_any_list_of_submissions_is_read_row_by_row_or_refused(
    rows: list[list[str]], tail: bytes, panel: PanelName
) -> None:
    head = b"submission id,participant id,status,started at,time taken,completion code\n"
    raw = head + "\n".join(",".join(row) for row in rows).encode() + tail
    try:
        found = read_file(raw, Layout(panel))
    except Unusable:
        return
    for row in found:
        assert (row.listed is None) == bool(row.fault)
        if row.listed:
            assert 0 < len(row.listed.submission) <= MAX_ID
            assert row.listed.status in SubmissionStatus
            assert "\0" not in f"{row.listed}"


@FUZZ
@given(rows=st.lists(st.lists(CELLS, min_size=8, max_size=8), max_size=4), tail=st.binary(max_size=20))
def test_any_file_of_items_is_taken_row_by_row_or_refused(tmp_path: Path, rows: list[list[str]], tail: bytes) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(SOURCE.encode() + "\n".join(",".join(row) for row in rows).encode() + tail)
    try:
        outcomes = import_rows(read_source(path).rows)
    except ValueError:
        return
    assert all((outcome.item is None) <= bool(outcome.note) for outcome in outcomes)


PO = 'msgid ""\nmsgstr ""\n"Language: pt_BR\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
XLIFF = (
    '<?xml version="1.0"?><xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">'
    '<file target-language="pt-BR">'
    '<body><trans-unit id="a"><source>a</source><target state="final">b</target></trans-unit>{}</body></file></xliff>'
)
BITS = st.one_of(
    TEXTS,
    st.sampled_from(
        ["<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;", "&b;", "<a>", "]]>", "<trans-unit/>", "msgid \"",
         'msgctxt "a"\nmsgid "b"\nmsgstr "c"\n', "#, fuzzy\n", '"Content-Type: text/plain; charset=nonsense\\n"\n']
    ),
)  # fmt: skip


@FUZZ
@given(kind=st.sampled_from(sorted(FORMATS)), bits=st.lists(BITS, max_size=4), tail=st.binary(max_size=20))
def test_any_translators_file_is_read_or_refused(kind: str, bits: list[str], tail: bytes) -> None:
    middle = "".join(bits)
    whole = {"po": PO + middle, "xliff": XLIFF.replace("{}", middle), "csv": ",".join(CSV_COLUMNS) + "\n" + middle}
    for content in (whole[kind].encode() + tail, middle.encode() + whole[kind].encode()):
        try:
            rows = FORMATS[kind].read(content)
        except BadFile:
            continue
        assert not any("root:" in f"{row}" for row in rows)


# --- events of a panel -------------------------------------------------------------------------
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=120), st.sampled_from(["\0", "\ud800"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)),
    max_leaves=4,
)
KNOWN = ["event_type", "resource_id", "participant_id", "status"]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setenv("PROLIFIC_WEBHOOK_SECRET", "s")
    return b"s"


@pytest.mark.django_db
@FEW
@given(
    fields=st.dictionaries(st.sampled_from(KNOWN), VALUES),
    plain=st.fixed_dictionaries(
        {},
        optional={
            "event_type": st.sampled_from(["submission.status.change", "study.status.change", "x"]),
            "resource_id": st.text(min_size=1, max_size=64),
            "participant_id": st.text(max_size=64),
            "status": st.sampled_from(["APPROVED", "RETURNED", "TIMED-OUT", "no such"]),
        },
    ),
    moment=st.one_of(
        st.none(), st.text(max_size=20), st.sampled_from(["1e300", "-1e10", "nan", "253402300800", "-62135596801"])
    ),
    raw=st.one_of(st.none(), st.none(), st.binary(max_size=60), st.just(b"[" * 60_000), st.just(b'{"a":' * 12_000)),
)
def test_any_signed_event_is_stored_whole_and_worked_off_or_refused(
    secret: bytes, fields: dict[str, object], plain: dict[str, str], moment: str | None, raw: bytes | None
) -> None:
    body = raw if raw is not None else json.dumps({**fields, **plain}).encode()
    now = str(time.time())
    headers = {
        "X-Prolific-Request-Timestamp": now,
        "X-Prolific-Request-Signature": webhooks.sign(secret, now, body),
        "X-Event-ID": uuid4().hex,
    }
    if moment is not None:
        headers["X-Timestamp"] = moment
    before = PanelEvent.objects.count()
    reply = Client().post("/panels/prolific/events/", body, content_type="application/json", headers=headers)
    assert reply.status_code in (204, 400)
    assert PanelEvent.objects.count() == before + (reply.status_code == 204)
    process_events()
    assert not PanelEvent.objects.filter(processed_at=None).exists()
