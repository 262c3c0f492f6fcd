"""The validator: content with a release as made, and naming each thing that is done to one."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analysis.release.tables import data_path
from analysis.release.validation import validate
from analysis.release.validation.identifiers import search
from tests.analysis.conftest import fill_models, make_study
from tests.analysis.releasing import add_people, make_publishable, release

LONG, WIDE, PARTICIPANTS, ITEMS, TEXTS = (
    data_path("tiny", name) for name in ("long", "wide", "participants", "items", "texts")
)

pytestmark = pytest.mark.django_db  # else there are no tables where these tests run alone


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Path:
    """Make one release for all tests, and leave nothing of it in the database."""
    from django.db import transaction

    out = tmp_path_factory.mktemp("release") / "out"
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_publishable(make_study())
        add_people(made)
        fill_models(made)
        release(made, out, simulated="label")
        transaction.set_rollback(True)
    return out


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "copy"
    shutil.copytree(whole, copied)
    return copied


def found(folder: Path) -> list[str]:
    return [str(finding) for finding in validate(folder)]


def reseal(folder: Path, *changed: str) -> None:
    """Make checksums and descriptors agree with changed files, as somebody would who means to hide a change."""
    package, croissant = (json.loads((folder / f"{name}.json").read_text()) for name in ("datapackage", "croissant"))
    for path in changed:
        data = (folder / path).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        for resource in package["resources"]:
            if resource["path"] == path:
                rows = sum(1 for _ in csv.reader(StringIO(data.decode(), newline=""))) - 1
                resource |= {"hash": f"sha256:{digest}", "bytes": len(data), "rows": rows}
        for file in croissant["distribution"]:
            if file["@id"] == path:
                file["sha256"] = digest
    (folder / "datapackage.json").write_text(json.dumps(package))
    (folder / "croissant.json").write_text(json.dumps(croissant))
    seal(folder)


def seal(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = (f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n" for p in files)
    (folder / "SHA256SUMS").write_text("".join(lines))


def edit_rows(folder: Path, path: str, edit: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> None:
    with (folder / path).open(newline="") as file:
        reader = csv.DictReader(file)
        rows = edit(list(reader))
        names = list(reader.fieldnames or ())
    with (folder / path).open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    reseal(folder, path)


def set_cell(column: str, value: str, row: int = 0) -> Callable[[list[dict[str, str]]], list[dict[str, str]]]:
    def edit(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        rows[row][column] = value
        return rows

    return edit


def edit_json(folder: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / name).read_text())
    edit(content)
    (folder / name).write_text(json.dumps(content))
    seal(folder)


def test_release_as_made_is_valid(folder: Path) -> None:
    assert found(folder) == []
    told = StringIO()
    call_command("validate_release", str(folder), stdout=told)
    assert told.getvalue().endswith(": valid\n")


def test_command_names_what_it_found_and_fails(folder: Path) -> None:
    (folder / "CHANGES.md").write_text("other")
    told = StringIO()
    with pytest.raises(CommandError, match=r"1 finding$"):
        call_command("validate_release", str(folder), stdout=told)
    assert "checksums: CHANGES.md: has changed" in told.getvalue()
    with pytest.raises(CommandError, match="is no folder"):
        call_command("validate_release", str(folder / "nowhere"))


def test_resealed_release_is_still_valid(folder: Path) -> None:
    reseal(folder, LONG)
    assert found(folder) == []


def test_files_are_those_of_the_list(folder: Path) -> None:
    (folder / "notes.txt").write_text("left behind")
    (folder / "LICENSE").unlink()
    assert found(folder) == [
        "files: LICENSE: is missing",
        "checksums: notes.txt: is not listed",
        "checksums: LICENSE: is listed, but not there",
    ]


def test_missing_descriptor_ends_the_look(folder: Path) -> None:
    (folder / "croissant.json").write_text("{")
    assert any(text.startswith("files: croissant.json: cannot be read") for text in found(folder))


@pytest.mark.parametrize("key", ["name", "description", "variableMeasured", "@type", "@context"])
def test_psych_ds_requires(folder: Path, key: str) -> None:
    edit_json(folder, "dataset_description.json", lambda content: content.pop(key))
    assert f"Psych-DS: dataset_description.json: {key} is missing" in found(folder)


def test_psych_ds_wants_each_variable_in_both(folder: Path) -> None:
    def exchange(content: dict[str, Any]) -> None:
        names = content["variableMeasured"]
        names[:] = [*(one for one in names if one["name"] != "relation"), {"name": "elsewhere"}]

    edit_json(folder, "dataset_description.json", exchange)
    assert found(folder) == [
        "Psych-DS: dataset_description.json: column relation is not in variableMeasured",
        "Psych-DS: dataset_description.json: variableMeasured elsewhere is no column",
    ]


def test_psych_ds_wants_names_of_keywords(folder: Path) -> None:
    (folder / LONG).rename(folder / "data" / "long.csv")
    assert "Psych-DS: data/long.csv: is not named by keywords" in found(folder)


@pytest.mark.parametrize("key", ["license", "url", "creator", "datePublished", "version", "rai:dataBiases"])
def test_croissant_requires(folder: Path, key: str) -> None:
    edit_json(folder, "croissant.json", lambda content: content.pop(key))
    assert found(folder) == [f"Croissant: croissant.json: {key} is missing"]


def test_croissant_names_the_standards_it_follows(folder: Path) -> None:
    edit_json(folder, "croissant.json", lambda content: content.update(conformsTo="http://mlcommons.org/croissant/1.0"))
    assert len(found(folder)) == 2


def test_croissant_points_into_its_own_folder_only(folder: Path) -> None:
    edit_json(folder, "croissant.json", lambda c: c["distribution"][0].update(contentUrl="../../elsewhere.csv"))
    assert f"Croissant: {LONG}: contentUrl names no file of the folder" in found(folder)


@pytest.mark.parametrize("key", ["licenses", "resources", "version", "$schema", "contributors"])
def test_data_package_requires(folder: Path, key: str) -> None:
    edit_json(folder, "datapackage.json", lambda content: content.pop(key))
    assert f"Data Package: datapackage.json: {key} is missing" in found(folder)


def test_changed_cell_breaks_hashes(folder: Path) -> None:
    data = (folder / LONG).read_bytes()
    (folder / LONG).write_bytes(data.replace(b",culture,1,", b",culture,0,", 1))
    assert f"checksums: {LONG}: has changed" in found(folder)
    assert f"Croissant: {LONG}: sha256 is not that of the file" in found(folder)
    assert "Data Package: long: hash is not that of the file" in found(folder)


@pytest.mark.parametrize(
    ("path", "column", "value", "finding"),
    [
        (LONG, "choice", "both", "row 1, choice: 'both' is not among its codes"),
        (LONG, "item_number", "one", "row 1, item_number: 'one' is not of its type"),
        (LONG, "is_core", "yes", "row 1, is_core: 'yes' is not of its type"),
        (LONG, "study_code", "NA", "row 1, study_code: is missing"),
        (TEXTS, "scenario", "@home", "row 1, scenario: begins like a formula"),
        (LONG, "item_code", "BR99", "BR99: is answered, but is no item"),
        (PARTICIPANTS, "n_answers", "7", "n_answers is 7, long has "),
        (WIDE, "norm_choice", "NA", "wide is not long pivoted: norm_choice"),
        (PARTICIPANTS, "is_simulated", "true", "n_simulated is 0, counted are 1"),
        (TEXTS, "actor", "Ann ann@example.org", "line 2: holds an e-mail address"),
        (TEXTS, "actor", "5f0c1a2b3c4d5e6f7a8b9c0d", "line 2: holds a panel's identifier"),
        (TEXTS, "actor", "seen 2026-03-01 09:12", "line 2: holds a time of day"),
    ],
)
def test_hidden_change_is_found(folder: Path, path: str, column: str, value: str, finding: str) -> None:
    edit_rows(folder, path, set_cell(column, value))
    assert [text for text in found(folder) if finding in text], found(folder)


def test_row_that_stands_twice_is_found(folder: Path) -> None:
    edit_rows(folder, LONG, lambda rows: [rows[0], *rows])
    assert any("the key stands twice" in text for text in found(folder))


def test_respondent_without_cover_is_found(folder: Path) -> None:
    edit_rows(folder, PARTICIPANTS, set_cell("gender", "another"))
    assert any(text.startswith("people: ") and "another: 1 people" in text for text in found(folder))


def test_paper_file_has_to_agree(folder: Path) -> None:
    edit_rows(folder, "paper/tidy_human_responses.csv", set_cell("human_norm", ""))
    assert any("the paper's file and wide differ" in text for text in found(folder))


def test_codebook_has_to_label_each_variable_in_each_locale(folder: Path) -> None:
    def spoil(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        rows[0]["label_pt-BR"] = ""
        return [row for row in rows if (row["table"], row["name"]) != ("long", "choice")]

    edit_rows(folder, "documentation/codebook.csv", spoil)
    assert found(folder) == [
        "codebook: documentation/codebook.csv: long choice: is missing",
        "codebook: documentation/codebook.csv: long study_code: label_pt-BR is empty",
    ]


def test_codebook_has_to_know_the_locales_and_codes(folder: Path) -> None:
    path = folder / "documentation/codebook.csv"
    path.write_text(path.read_text().replace("label_pt-BR", "label_other", 1))
    levels = folder / "documentation/codebook_levels.csv"
    levels.write_text(levels.read_text().replace("long,choice,culture,", "long,choice,custom,", 1))
    seal(folder)
    assert found(folder) == [
        "codebook: documentation/codebook.csv: has no column label_pt-BR",
        "codebook: documentation/codebook_levels.csv: long choice culture: is missing",
        "codebook: documentation/codebook_levels.csv: long choice custom: is in no table",
    ]


def test_simulated_data_have_to_be_named(folder: Path) -> None:
    text = (folder / "README.md").read_text().replace("CONTAINS SIMULATED DATA", "contains data")
    (folder / "README.md").write_text(text)
    seal(folder)
    assert found(folder) == ["people: README.md: does not say that it holds simulated data"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write to a.b@c.example.org", "an e-mail address"),
        ("from 192.168.17.4 on", "an internet address"),
        ("2001:db8:0:0:0:0:2:1", "an internet address (6)"),
        ("c0ffee00-1234-4abc-8def-1234567890ab", "a panel's identifier (UUID)"),
        ("aB3_-aB3_-aB3_-aB3_-aB3_-aB3_-a1", "the ticket of a session"),
        ("?prolific_pid=x", "a panel's parameter"),
        ("Mozilla/5.0 (X11)", "a browser's name"),
        ("version 1.2.3, at 10.30, SHA " + "a" * 64, ""),
    ],
)
def test_identifiers_are_told_from_other_texts(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "a.md").write_text(f"first\n{text}\n")
    assert [str(f) for f in search(tmp_path / "a.md", "a.md")] == (
        [f"identifiers: a.md, line 2: holds {what}"] if what else []
    )
