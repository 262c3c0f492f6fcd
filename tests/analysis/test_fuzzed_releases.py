"""Releases and zip files as somebody hostile or clumsy hands them in: faults by name, nothing stored or left."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from analysis.imports import archives
from analysis.imports.archives import BadUpload, unpacked
from analysis.imports.faults import BadImport
from analysis.imports.importing import store
from analysis.imports.sources import ReleaseSource
from analysis.models import Import, ImportedRow
from analysis.release.tables import data_path
from analysis.release.validation import validate
from survey.models import Instrument, Study
from tests.analysis.test_release_validation import whole
from tests.staff import sign_in

__all__ = ["whole"]

SUMS = "SHA256SUMS"
LONG = data_path("tiny", "long")
N_MUTATIONS = 10
JSON_VALUES: tuple[Any, ...] = (None, 0, -1, "", "../../etc/hosts", [], [None], {}, {"name": []}, [["a"]], True)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Path:
    """Give the place of temporary files and of uploads, both empty."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    settings.RELEASES_DIR = tmp_path / "releases"
    return place


def found(folder: Path) -> list[str]:
    return [str(finding) for finding in validate(folder)]


def refuse(folder: Path) -> None:
    """Hold that a folder is refused as an import, with its reasons, and that nothing of it is stored."""
    with pytest.raises(BadImport) as refused:
        store(ReleaseSource(folder), code="fuzzed", title="", by="fuzz", is_dry=False)
    assert all(fault.file and fault.what and fault.mend for fault in refused.value.faults)
    assert not any(model.objects.exists() for model in (Study, Import, ImportedRow))
    assert not Instrument.objects.filter(code__startswith="imported-").exists()


# --- folders -------------------------------------------------------------------------------------
def point(name: str, edit: Callable[[Any], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        edit(content)
        (folder / name).write_text(json.dumps(content))

    return damage


def as_folder(folder: Path) -> None:
    (folder / LONG).unlink()
    (folder / LONG).mkdir()


def as_link(folder: Path) -> None:
    shutil.copy(folder / LONG, folder.parent / "elsewhere.csv")
    (folder / LONG).unlink()
    (folder / LONG).symlink_to(folder.parent / "elsewhere.csv")


def twice(folder: Path) -> None:
    sums = (folder / SUMS).read_text()
    (folder / SUMS).write_text(sums + sums.splitlines()[0] + "\n")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no list": (lambda f: (f / SUMS).unlink(), f"files: {SUMS}: is missing"),
    "one less": (lambda f: (f / "README.md").unlink(), "checksums: README.md: is listed, but not there"),
    "one more": (lambda f: (f / "more.csv").write_text("a\n"), "checksums: more.csv: is not listed"),
    "changed": (lambda f: (f / "README.md").write_text("x"), "checksums: README.md: has changed"),
    "twice": (twice, f"checksums: {SUMS}, line "),
    "list in UTF-16": (lambda f: (f / SUMS).write_text("x", "utf-16"), f"files: {SUMS}: is not UTF-8: byte 0xff"),
    "table in UTF-16": (lambda f: (f / LONG).write_text("x", "utf-16"), f"files: {LONG}: is not UTF-8: byte 0xff"),
    "open quote": (lambda f: (f / LONG).write_text('a,"b'), f"files: {LONG}: is not CSV: unexpected end of data"),
    "folder": (as_folder, f"checksums: {LONG}: is listed, but not there"),
    "link": (as_link, f"files: {LONG}: is a link, not a file"),
    "no JSON": (lambda f: (f / "croissant.json").write_text("{"), "files: croissant.json: cannot be read"),
    "deep JSON": (lambda f: (f / "croissant.json").write_text("[" * 10**5), "files: croissant.json: cannot be read"),
    "list": (lambda f: (f / "datapackage.json").write_text("[]"), "files: datapackage.json: is not an object"),
    "outside": (
        point("datapackage.json", lambda one: one["resources"][0].update(path="../../../etc/hosts")),
        "Data Package: long: ../../../etc/hosts is no file of the folder",
    ),
    "misshapen": (
        point("datapackage.json", lambda one: one["resources"][0].update(schema=[1])),
        "data package: descriptions",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_folder_is_refused_by_name(folder: Path, name: str) -> None:
    damage, finding = DAMAGES[name]
    damage(folder)
    told = found(folder)
    assert [one for one in told if one.startswith(finding)], told
    if name != "no list":  # without its list a folder is none of a release's, but of the paper's files
        refuse(folder)
    with pytest.raises(CommandError):
        call_command("import_study", str(folder), code="fuzzed", stdout=io.StringIO(), stderr=io.StringIO())
    with pytest.raises(CommandError, match=r"findings?$"):
        call_command("validate_release", str(folder), stdout=io.StringIO())
    assert not Study.objects.exists()


def mutate(folder: Path, dice: random.Random) -> str:
    """Change one thing in a folder, somewhere; say what."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = dice.choice(files if dice.random() < 0.4 else [one for one in files if one.suffix in (".json", ".csv")])
    kind, content = dice.choice(("flip", "cut", "value", "row")), bytearray(path.read_bytes())
    if kind == "value" and path.suffix == ".json":
        parsed: Any = json.loads(content)
        holder, key = parsed, dice.choice(sorted(parsed))
        for _ in range(dice.randrange(4)):
            inner = holder[key]
            if not isinstance(inner, dict | list) or not inner:
                break
            holder, key = inner, dice.choice(sorted(inner) if isinstance(inner, dict) else range(len(inner)))
        holder[key] = dice.choice(JSON_VALUES)
        content = bytearray(json.dumps(parsed).encode())
    elif kind == "row" and path.suffix == ".csv":
        lines = content.splitlines(keepends=True)
        content = bytearray(b"".join(line.replace(b",", b"", 1) for line in lines))
    elif kind == "cut":
        del content[dice.randrange(len(content)) :]
    else:
        at = dice.randrange(len(content))
        content[at] ^= 1 << dice.randrange(8)
    path.write_bytes(content)
    return f"{kind} of {path.relative_to(folder)}"


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(N_MUTATIONS))
def test_mutated_folder_is_refused_and_never_an_error_of_ours(folder: Path, seed: int) -> None:
    what = mutate(folder, random.Random(seed))
    assert found(folder), what
    refuse(folder)


# --- zip files -----------------------------------------------------------------------------------
def zipped(*entries: tuple[zipfile.ZipInfo | str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", packing) as archive:
        warnings.simplefilter("ignore")  # names that stand twice are meant
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("in/answers.csv")
    info.external_attr = 0o120777 << 16
    return info


ROW = b"a\n1\n"
ZIPS = {
    "truncated": (zipped(("a.csv", ROW * 99))[:-30], "cannot be read as a zip file"),
    "none": (b"PK no zip", "cannot be read as a zip file: File is not a zip file"),
    "empty": (zipped(), "holds no file"),
    "damaged": (zipped(("a.csv", ROW), packing=0).replace(ROW, b"b\n2\n", 1), "cannot be read as a zip file: Bad CRC"),
    "traversal": (zipped(("../../a.csv", ROW)), "'../../a.csv' leads out of the folder"),
    "absolute": (zipped(("/etc/a.csv", ROW)), "'/etc/a.csv' leads out of the folder"),
    "drive": (zipped(("C:/a.csv", ROW)), "'C:/a.csv' leads out of the folder"),
    "link": (zipped((link(), b"/etc/passwd")), "'in/answers.csv' is a link or a device"),
    "twice": (zipped(("a.csv", ROW), ("a.csv", b"b\n")), "'a.csv' stands twice in it"),
    "both": (zipped(("a", ROW), ("a/b.csv", ROW)), "a name is a file and a folder at once"),
    "packing": (zipped(("a.csv", ROW), packing=zipfile.ZIP_LZMA), "is packed in a way that is not read here"),
    "bomb": (zipped(("a.csv", bytes(2_000_000))), "larger than 0.0 GB when unpacked"),
    "long name": (zipped(("x" * 300, ROW)), "is no name for a file"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ZIPS)
def test_bad_zip_is_refused_on_the_page_and_by_the_command(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(archives, "LARGEST_UNPACKED", 1_000_000)
    content, message = ZIPS[name]
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        call_command("import_study", str(path), code="fuzzed", stdout=io.StringIO(), stderr=io.StringIO())
    assert message in str(refused.value)
    client = sign_in()
    page = client.post(
        reverse("analysis:imports"), {"files": SimpleUploadedFile("data.zip", content)}, follow=True
    ).content.decode()
    assert "Nothing was handed in" in page
    assert (Study.objects.count(), Import.objects.count()) == (0, 0)
    assert (os.listdir(temporary), os.listdir(tmp_path / "releases" / "imports")) == ([], [])


def test_size_is_counted_while_reading_and_not_believed(temporary: Path, tmp_path: Path) -> None:
    content = zipped(("a.csv", bytes(100_000)), packing=0)
    path = tmp_path / "data.zip"
    path.write_bytes(content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(BadUpload), unpacked(path):
        pass
    assert os.listdir(temporary) == []


def test_zip_is_mutated_and_taken_or_refused(whole: Path, temporary: Path, tmp_path: Path) -> None:
    content = zipped(*((f"r/{p.relative_to(whole)}", p.read_bytes()) for p in whole.rglob("*") if p.is_file()))
    dice, n_taken = random.Random(1), 0
    for number in range(60):
        mutated = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            # the directory at the end, too, in which the names, sizes and kinds stand
            at = dice.randrange(len(mutated)) if dice.random() < 0.5 else len(mutated) - dice.randint(1, 3000)
            mutated[at] = dice.randrange(256)
        path = tmp_path / f"{number}.zip"
        path.write_bytes(mutated)
        with suppress(BadUpload), unpacked(path) as place:
            n_taken += 1
            assert place.is_relative_to(temporary)
            assert not any(one.is_symlink() for one in place.rglob("*"))
        assert os.listdir(temporary) == []
    assert n_taken < 60


@pytest.mark.django_db
def test_two_uploads_of_one_name_are_refused(temporary: Path) -> None:
    client = sign_in()
    files = [SimpleUploadedFile("a.csv", ROW), SimpleUploadedFile("a.csv", b"b\n")]
    page = client.post(reverse("analysis:imports"), {"files": files}, follow=True).content.decode()
    assert "two files are named a.csv" in page
    assert not Import.objects.exists()


@pytest.mark.django_db
def test_whole_zip_is_imported(whole: Path, temporary: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.ZIP"
    path.write_bytes(zipped(*((f"r/{p.relative_to(whole)}", p.read_bytes()) for p in whole.rglob("*") if p.is_file())))
    call_command("import_study", str(path), code="taken", stdout=io.StringIO(), stderr=io.StringIO())
    with (whole / LONG).open(newline="") as file:
        n_long = sum(1 for _ in csv.reader(file)) - 1
    assert ImportedRow.objects.filter(study__code="taken", table_name="long").count() == n_long
    assert os.listdir(temporary) == []
