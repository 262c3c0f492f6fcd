"""A study is made in the browser from a zip file that nobody has to trust: all of it, or nothing."""

import io
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from pact_site.roles import Role
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.schema import Problem
from survey.instruments.upload import LARGEST_FILE, Refused, mend, read_safely, unpack
from survey.models import Arm, AuditEntry, InstrumentVersion, QuotaCell, Study
from tests.staff import sign_in

FILES = {path.relative_to(SHIPPED).as_posix(): path.read_bytes() for path in SHIPPED.rglob("*") if path.is_file()}
ADDRESS = "/new-study/"
SENT = {
    "code": "norms",
    "title": "Norms",
    "panel": "prolific",
    "target_per_cell": "7",
    "reward": "150",
    "currency": "gbp",
}
Spoil = Callable[[zipfile.ZipFile], None]


def pack(files: dict[str, bytes], *, root: str = "pact/", more: Spoil | None = None) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(root + name, content)
        if more:
            more(archive)
    out.seek(0)
    return out


def said(files: io.BytesIO, folder: Path) -> list[str]:
    """Unpack and read; give every problem in words."""
    try:
        unpack(files, folder)
    except Refused as error:
        return [str(problem) for problem in error.problems]
    definition, problems = read_safely(folder)
    assert (definition is None) == bool(problems)
    return [str(problem) for problem in problems]


# --- the archive -------------------------------------------------------------------------------
@pytest.mark.parametrize("root", ["", "pact/", "a/b/"])
def test_zip_reads_as_the_folder_does(tmp_path: Path, root: str) -> None:
    def litter(archive: zipfile.ZipFile) -> None:
        archive.writestr("__MACOSX/._instrument.yaml", b"x")
        archive.writestr(f"{root}.DS_Store", b"x")
        archive.writestr(f"{root}README.md", b"x")

    unpack(pack(FILES, root=root, more=litter), tmp_path)
    definition, problems = read_safely(tmp_path)
    assert problems == []
    assert definition is not None
    assert definition.content_hash == read_instrument(SHIPPED).content_hash


def add(name: str, content: bytes = b"x") -> Spoil:
    return lambda archive: archive.writestr(name, content)


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("pact/texts/fr-FR.yaml")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (add("../evil.yaml"), "leads out of the folder"),
        (add("pact/../../items.csv"), "leads out of the folder"),
        (add("/etc/items.csv"), "leads out of the folder"),
        (add("pact\\..\\items.csv"), "leads out of the folder"),
        (add("C:/items.csv"), "leads out of the folder"),
        (add("pact/texts/a\nb.yaml"), "characters that cannot be shown"),
        (link, "is a link or a device"),
        (add("pact/run.sh"), "is no file of an instrument"),
        (add("pact/texts/deep/en-US.yaml"), "is no file of an instrument"),
        (add("else/items.csv"), "is no file of an instrument"),
        (add("other/instrument.yaml"), "holds more than one instrument.yaml"),
        (add("pact/provenance/big.csv", b"a" * (LARGEST_FILE + 1)), "has more than 4 MB"),
    ],
)
def test_what_is_no_instrument_is_not_unpacked(tmp_path: Path, more: Spoil, told: str) -> None:
    out = tmp_path / "in"
    out.mkdir()
    problems = said(pack(FILES, more=more), out)
    assert len(problems) == 1
    assert told in problems[0]
    assert list(out.rglob("*")) == []
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_file_that_stands_twice_is_refused(tmp_path: Path) -> None:
    problems = said(pack(FILES, more=add("pact/items.csv")), tmp_path)
    assert problems == ["items.csv:1: items.csv: stands twice in the zip file"]


def test_bomb_that_lies_about_its_size_is_stopped_while_it_is_read(tmp_path: Path) -> None:
    out = pack({**FILES, "items.csv": b"\x20" * (3 * LARGEST_FILE)}).getvalue()
    honest, lie = (3 * LARGEST_FILE).to_bytes(4, "little"), (100).to_bytes(4, "little")
    assert out.count(honest) == 2
    problems = said(io.BytesIO(out.replace(honest, lie)), tmp_path)
    assert len(problems) == 1
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert size < 2 * LARGEST_FILE


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    many = {f"provenance/f{number}.csv": b"" for number in range(201)}
    assert "more than 200 are not taken" in said(pack({**FILES, **many}), tmp_path)[0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no", b"hello", pack(FILES).getvalue()[:5000]])
def test_what_is_no_zip_file_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    assert "cannot be read as a zip file" in said(io.BytesIO(content), tmp_path)[0]


def test_workbook_is_told_to_be_saved_as_csv(tmp_path: Path) -> None:
    (told,) = said(pack({**FILES, "items.xlsx": b"PK"}), tmp_path)
    assert told == "pact/items.xlsx:1: items.xlsx: is a workbook, not a file of an instrument"
    assert "CSV UTF-8" in mend(Problem("items.xlsx", 1, "items.xlsx", told))


def test_zip_without_an_instrument_says_so(tmp_path: Path) -> None:
    assert "holds no instrument.yaml" in said(pack({"items.csv": b"x"}), tmp_path)[0]
    assert mend(Problem("", 1, "", "holds no instrument.yaml: pack one instrument’s folder")).startswith(
        "zip the folder"
    )


# --- what is in it -----------------------------------------------------------------------------
BOMB = b"a: &a [x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (98 + n, 98 + n, *([97 + n] * 8)) for n in range(20)
)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("instrument.yaml", BOMB, "instrument.yaml:2: instrument.yaml: holds an alias"),
        ("texts/en-US.yaml", b"a: &a x\nb: *a\n", "texts/en-US.yaml:2: texts/en-US.yaml: holds an alias"),
        ("instrument.yaml", b"a: !!python/object/apply:os.system [x]\n", "holds a tag"),
        ("instrument.yaml", b"[" * 5000, "nested too deeply"),
        ("instrument.yaml", b"a: " + b"9" * 5000, "does not have the shape"),
        ("instrument.yaml", b"a: 2001-99-99\n", "does not have the shape"),
        ("instrument.yaml", b"? [a]\n: b\n", "instrument.yaml"),
        ("instrument.yaml", b"arms: [1, 2]\nblocks: 7\n", "instrument.yaml"),
        ("instrument.yaml", b"- a\n- b\n", "must be a mapping"),
        ("texts/en-US.yaml", b"a: '" + b"x" * 30_000 + b"'\n", "a text of more than 20000 characters"),
        ("items.csv", b"code\xff\n", "items.csv:1: items.csv: not UTF-8 (byte 4)"),
        ("items.csv", "code\n".encode("utf-16"), "items.csv:1: items.csv: holds a NUL character"),
        ("items.csv", b'"', "items.csv"),
        ("texts/en-US.yaml", b"locale: en-US\n", "missing"),
    ],
)
def test_faulty_content_is_told_with_file_and_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    problems = said(pack({**FILES, name: content}), tmp_path)
    assert problems
    assert any(told in problem for problem in problems), problems[:5]


def test_every_file_may_be_missing_but_nothing_breaks(tmp_path: Path) -> None:
    for number, name in enumerate(FILES):
        folder = tmp_path / str(number)
        folder.mkdir()
        said(pack({key: value for key, value in FILES.items() if key != name}), folder)
        shutil.rmtree(folder)


# --- the page ----------------------------------------------------------------------------------
def upload(files: dict[str, bytes]) -> SimpleUploadedFile:
    return SimpleUploadedFile("pact.zip", pack(files).getvalue(), "application/zip")


@pytest.mark.django_db
def test_study_is_made_from_a_zip_file_and_the_same_content_is_no_second_version(
    no_instrument: None,
) -> None:
    client = sign_in()
    page = client.post(ADDRESS, {**SENT, "file": upload(FILES), "create": "yes"}, follow=True)
    assert "The study is set up as a draft; pact v1 stored." in page.content.decode()
    study = Study.objects.get()
    assert (study.code, study.state, study.version.number) == ("norms", "draft", 1)
    assert set(study.arms.values_list("country", flat=True)) == {"BR", "IN", "ZA", "GB", "US"}
    arm = Arm.objects.filter(study=study).first()
    assert arm is not None
    assert (arm.panel, arm.panel_settings) == ("prolific", {"reward": 150, "currency": "GBP"})
    assert set(QuotaCell.objects.values_list("target", flat=True)) == {7}
    sent = {**SENT, "code": "again", "folder": "pact", "create": "yes"}
    assert "pact v1 was here already." in client.post(ADDRESS, sent, follow=True).content.decode()
    assert InstrumentVersion.objects.count() == 1
    assert AuditEntry.objects.filter(act="survey:new_study").count() == 2


@pytest.mark.django_db
def test_faults_are_listed_row_by_row_and_nothing_is_stored(
    no_instrument: None,
) -> None:
    broken = {**FILES, "texts/pt-BR.yaml": b"locale: pt-BR\nstatus: machine draft\ntitle: x\ntitle: y\n"}
    reply = sign_in().post(ADDRESS, {**SENT, "file": upload(broken), "create": "yes"})
    page = reply.content.decode()
    assert (reply.status_code, "nothing was stored" in page) == (422, True)
    assert (
        '<th scope="row">texts/pt-BR.yaml</th><td data-label="Line">4</td><td data-label="Where">title</td>'
        '<td data-label="What is wrong">stands twice</td><td data-label="How to mend it">keep one of the two</td>'
        in page
    )
    assert not Study.objects.exists()
    assert not InstrumentVersion.objects.exists()


@pytest.mark.django_db
def test_check_alone_stores_nothing_and_tells_what_is_doubtful(no_instrument: None) -> None:
    page = sign_in().post(ADDRESS, {"file": upload(FILES), "check": "yes"}).content.decode()  # the rest may wait
    assert "In order</span> <strong>pact</strong>" in page
    assert not InstrumentVersion.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Choose a zip file, or one that lies on the server."),
        ({"folder": "../../etc"}, "Select a valid choice."),
        ({"folder": "pact", "code": "no good"}, "Use letters, digits, hyphens and underscores alone"),
        ({"folder": "pact", "currency": ""}, "Say in which currency"),
        ({"folder": "pact", "target_per_cell": "-1"}, "greater than or equal to 0"),
    ],
)
def test_faulty_entries_make_no_study(changes: dict[str, str], told: str) -> None:
    reply = sign_in().post(ADDRESS, {**SENT, **changes, "create": "yes"})
    assert (reply.status_code, told in reply.content.decode()) == (422, True)
    assert not Study.objects.exists()


@pytest.mark.django_db
def test_code_that_is_taken_stores_no_version_either() -> None:
    client = sign_in()
    client.post(ADDRESS, {**SENT, "folder": "pact", "create": "yes"})
    changed = {**FILES, "instrument.yaml": FILES["instrument.yaml"].replace(b"too_fast: 4", b"too_fast: 5")}
    reply = client.post(ADDRESS, {**SENT, "file": upload(changed), "create": "yes"})
    assert (reply.status_code, "there is a study norms already" in reply.content.decode()) == (422, True)
    assert InstrumentVersion.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.ASSISTANT, Role.ANALYST, Role.TRANSLATOR, Role.VIEWER])
def test_only_who_sets_studies_up_makes_one(role: Role) -> None:
    client = sign_in(role)
    assert client.get(ADDRESS).status_code == 403
    assert client.post(ADDRESS, {**SENT, "folder": "pact"}).status_code == 403
